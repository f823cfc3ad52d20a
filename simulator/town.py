"""Who lives in the simulated town: plain values, handed in by whoever made the school."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

STAFF = ""  # the unit of those who belong to the school as a whole


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody whom a check-in is about; the key is the student or staff number."""

    key: str
    name: str
    unit: str = STAFF
    house: str = ""  # the dormitory that somebody lives in: its warden says how they are


@dataclass(frozen=True, slots=True)
class Phone:
    """Somebody in a chat: whom they answer for, and what they are at school."""

    chat: int
    name: str
    language: str
    oneself: str | None = None
    wards: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()  # (role, class or STAFF)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Everybody on this person's card, oneself first."""
        return ((self.oneself,) if self.oneself else ()) + self.wards

    def holds(self, role: str, unit: str = STAFF) -> bool:
        """Say whether this person has a role at a unit."""
        return (role, unit) in self.roles


@dataclass(frozen=True, slots=True)
class Town:
    """A school and its people. `ways` holds whom to ask about a subject, the first one first."""

    school: str
    classes: tuple[str, ...]
    subjects: Mapping[str, Subject]
    phones: Mapping[int, Phone]
    ways: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the school's ladder as its plan has it: `ask` 2 asks the second guardian."""

    action: str
    place: int
    at: time
    day_offset: int = 0

    @property
    def name(self) -> str:
        """How the report calls it."""
        return self.action if self.place == 1 else f"{self.action} {self.place}"

    @property
    def key(self) -> str:
        """How the school records it."""
        return self.action if self.place == 1 else f"{self.action}-{self.place}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The steps of a morning, for students and staff alike, in order."""

    rungs: tuple[Rung, ...]
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))

    def has(self, action: str, place: int = 1) -> bool:
        """Say whether the morning has such a step."""
        return any((rung.action, rung.place) == (action, place) for rung in self.rungs)

    def at(self, day: date, action: str, place: int = 1) -> datetime | None:
        """Return when a step falls on the round of a day."""
        for rung in self.rungs:
            if (rung.action, rung.place) == (action, place):
                return self.moment(day, rung)
        return None

    def moment(self, day: date, rung: Rung) -> datetime:
        """Return when a step falls on the round of a day."""
        on = day + timedelta(days=rung.day_offset)
        return datetime.combine(on, rung.at, self.zone)
