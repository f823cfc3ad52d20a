"""A plain account of a school's mornings beside the bot's: dictionaries, and nothing of ours.

It is written from the words of the glossary and of the design (what raises, what lowers, who may
take back, what a pause or a snow day does), so that a mistake in the rules is not made twice.
What people said, and who can be reached, is told to it; where each check-in then stands, it works
out for itself.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

STUDENTS, STAFF = "students", "staff"
TEN_MINUTES = timedelta(minutes=10)
# The chase ladder as README tells it: when each step begins, and when it is too late for it.
LADDER: Mapping[str, tuple[tuple[str, int, str, str], ...]] = {
    STUDENTS: (
        ("evening", -1, "19:00", "00:00"),
        ("ask", 0, "06:30", "08:00"),
        ("remind", 0, "07:10", "08:00"),
        ("ask-2", 0, "07:20", "08:00"),
        ("close", 0, "08:00", "24:00"),
    ),
    STAFF: (
        ("ask", 0, "06:30", "08:00"),
        ("remind", 0, "07:10", "08:00"),
        ("close", 0, "08:00", "24:00"),
    ),
}
HOLIDAYS = frozenset({date(2026, 4, 6), date(2026, 5, 1)})
HOME = {"vomiting": 2, "diarrhoea": 2, "breathing": 1, "rash": 1}  # days at home after today
WAITING = frozenset({"due", "asked", "partial"})

Answers = Mapping[str, Any]


@dataclass(frozen=True)
class Meaning:
    """What a family's words come to: 0 all clear, 1 nurse, 2 at home, 3 for a week or more."""

    severity: int
    until: date
    absent: bool


def meaning(answers: Answers, day: date) -> Meaning:
    """Weigh answers as the shipped questionnaires say it in their comments."""
    stays: list[int] = []
    nurse = False
    heat, said = answers["temperature"], list(answers["symptoms"])
    fever = heat == "fever" or (isinstance(heat, int | float) and heat >= 37.3)
    if fever:
        stays.append(1)
    stays += [HOME[one] for one in said if one in HOME]
    if len(said) >= 2:
        stays.append(1)
    if any(one not in HOME for one in said):
        nurse = True
    if answers["contact"] == "contact":
        stays.append(14)
    elif answers["contact"] != "neither":
        nurse = True
    absent = not fever and answers.get("attending") == "no"
    if stays:
        return Meaning(3 if max(stays) >= 7 else 2, day + timedelta(days=max(stays)), absent)
    return Meaning(1 if nurse else 0, day, absent)


def questions(answers: Answers) -> list[str]:
    """Return the questions that these answers leave to be asked, in their order."""
    order = ["temperature", "symptoms", "place", "contact"]
    heat = answers.get("temperature")
    fever = heat == "fever" or (isinstance(heat, int | float) and heat >= 37.3)
    return order if fever or heat is None else [*order, "attending"]


ALL_CLEAR: Answers = {
    "temperature": "normal",
    "symptoms": [],
    "place": "town",
    "contact": "neither",
    "attending": "yes",
}


@dataclass
class Stand:
    """Where one check-in stands."""

    status: str
    unit: int
    boards: bool = False
    severity: int = 0
    floor: int = 0
    absent: bool = False
    late: bool = False
    by: int | None = None
    at: datetime | None = None
    until: date | None = None
    answers: Answers | None = None
    wanted: Answers | None = None
    wanted_by: int | None = None
    told: bool = False  # a flag is with the school, and nobody has ended it

    def plainly(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "severity": self.severity,
            "floor": self.floor,
            "absent": self.absent,
            "late": self.late,
            "by": self.by,
            "correction": self.wanted is not None,
            "flagged": self.told,
        }


@dataclass
class Morning:
    """One audience on one day."""

    closed: datetime | None = None
    cancelled: bool = False
    stands: dict[int, Stand] = field(default_factory=dict)


@dataclass
class Facts:
    """Who there is and who can be reached, at one moment."""

    enrolled: Callable[[date], Mapping[int, tuple[int, bool]]]
    staff: Callable[[date], Iterable[int]]
    ways: Callable[[int, bool, date], list[tuple[int, bool]]]  # (person, likes the evening)
    wards: Callable[[int], set[int]]
    evening: bool
    school: int


class PlainSchool:
    """The mornings of one school, told plainly."""

    def __init__(self, zone: ZoneInfo, first: date) -> None:
        self.zone, self.first = zone, first
        self.days: dict[date, str] = {}
        self.mornings: dict[tuple[str, date], Morning] = {}
        self.done: dict[tuple[str, date, str], bool] = {}
        self.asked_at: dict[tuple[str, date], datetime] = {}
        self.pauses: dict[int, tuple[date, date]] = {}

    # ---- the clock ---------------------------------------------------------------------

    def is_school_day(self, day: date) -> bool:
        kind = self.days.get(day)
        if kind is not None:
            return kind != "closed"
        return day.weekday() < 5 and day not in HOLIDAYS

    def today(self, now: datetime) -> date:
        return now.astimezone(self.zone).date()

    def has_asked(self, audience: str, day: date) -> bool:
        """Say whether the morning has asked, or missed it: until then everything is evening."""
        return (audience, day, "ask") in self.done

    def moment(self, day: date, clock: str) -> datetime:
        if clock == "24:00":
            return datetime.combine(day + timedelta(days=1), time(0), self.zone)
        return datetime.combine(day, time.fromisoformat(clock), self.zone)

    def tick(self, now: datetime, facts: Facts) -> None:
        """Let everything that is due by now happen, once."""
        today = self.today(now)
        due = []
        for audience, ladder in LADDER.items():
            for back in range(-8, 2):
                day = today + timedelta(days=back)
                if day < self.first or not self.is_school_day(day):
                    continue
                for step, offset, begins, ends in ladder:
                    at = self.moment(day + timedelta(days=offset), begins)
                    if at <= now and (audience, day, step) not in self.done:
                        late = now >= self.moment(day, ends)
                        due.append((at, audience, day, step, late))
        for at, audience, day, step, late in sorted(due):
            self._step(now, facts, audience, day, step, at, late)

    def _step(
        self,
        now: datetime,
        facts: Facts,
        audience: str,
        day: date,
        step: str,
        at: datetime,
        late: bool,
    ) -> None:
        held = self.mornings.get((audience, day))
        if held is not None and held.cancelled:
            return
        over = (audience, day, "close") in self.done and step != "close"
        asked = self.asked_at.get((audience, day))
        hasty = step in {"remind", "ask-2"} and asked is not None and at < asked + TEN_MINUTES
        does = not (late or over or hasty)
        self.done[audience, day, step] = does
        if step == "close":
            was_asked = any(self.done.get((audience, day, ask)) for ask in ("ask", "ask-2"))
            if does and not was_asked:
                held = self._open(audience, day, facts)
            if held is not None and held.closed is None:
                if not was_asked:
                    self._nobody_was_asked(held, day, facts)
                self._close(held, now)
            return
        if not does or step == "remind":
            return
        self.asked_at[audience, day] = now
        if step == "evening":
            if facts.evening:
                self._evening(self._open(audience, day, facts), day, facts)
            return
        self._ask(self._open(audience, day, facts), day, facts)

    def _open(self, audience: str, day: date, facts: Facts) -> Morning:
        held = self.mornings.setdefault((audience, day), Morning())
        self._enlist(audience, day, held, facts)
        for subject, stand in held.stands.items():
            if stand.status != "complete" and stand.severity == 0:
                self._carry(audience, day, subject, stand)
        return held

    def _enlist(self, audience: str, day: date, held: Morning, facts: Facts) -> None:
        if audience == STUDENTS:
            subjects = dict(facts.enrolled(day))
        else:
            subjects = dict.fromkeys(facts.staff(day), (facts.school, False))
        for subject, (unit, boards) in subjects.items():
            if subject not in held.stands:
                status = "excused" if self.paused(subject, day) else "due"
                held.stands[subject] = Stand(status, unit, boards)

    def listed(self, facts: Facts) -> None:
        """The office has sent a list: whoever is new is in the rounds that run."""
        for (audience, day), held in self.mornings.items():
            if held.closed is None and not held.cancelled:
                self._enlist(audience, day, held, facts)

    def _carry(self, audience: str, day: date, subject: int, stand: Stand) -> None:
        """A case of the last time somebody was heard of holds until its last day."""
        stand.severity, stand.floor, stand.until = 0, 0, None
        earlier = [
            (when, held.stands[subject])
            for (whose, when), held in self.mornings.items()
            if whose == audience
            and when < day
            and subject in held.stands
            and held.stands[subject].status == "complete"
        ]
        if not earlier:
            return
        _, last = max(earlier, key=lambda each: each[0])
        if last.severity and last.until is not None and last.until >= day:
            stand.severity = stand.floor = last.severity
            stand.until = last.until

    def _carry_on(self, audience: str, day: date, subject: int, now: datetime) -> None:
        """Where nobody has said anything since, a case stands as it now stands on its day.

        A day that is over may lose one by that, and gets none.
        """
        for (whose, when), held in self.mornings.items():
            later = held.stands.get(subject)
            if whose != audience or when <= day or later is None or later.status == "complete":
                continue
            if later.severity or now < self.moment(when, "24:00"):
                self._carry(audience, when, subject, later)

    def _evening(self, held: Morning, day: date, facts: Facts) -> None:
        for subject, stand in held.stands.items():
            ways = facts.ways(subject, stand.boards, day)
            if stand.status == "due" and ways and ways[0][1]:
                stand.status = "asked"

    def _ask(self, held: Morning, day: date, facts: Facts) -> None:
        for subject, stand in held.stands.items():
            if stand.status != "due":
                continue
            if facts.ways(subject, stand.boards, day):
                stand.status = "asked"
            elif not stand.boards:  # a boarder's warden says how they are
                stand.status = "unreachable"

    @staticmethod
    def _nobody_was_asked(held: Morning, day: date, facts: Facts) -> None:
        """The morning went by without an ask: some could not have been asked in any case."""
        for subject, stand in held.stands.items():
            reached = stand.boards or facts.ways(subject, stand.boards, day)
            if stand.status == "due" and not reached:
                stand.status = "unreachable"

    @staticmethod
    def _close(held: Morning, now: datetime) -> None:
        held.closed = now
        for stand in held.stands.values():
            if stand.status in WAITING:
                stand.status = "no_response"

    def paused(self, subject: int, day: date) -> bool:
        since, until = self.pauses.get(subject, (date.max, date.min))
        return since <= day < until

    # ---- what people do ----------------------------------------------------------------

    def open_stands(self, subject: int) -> list[tuple[date, Stand]]:
        """Return somebody's check-ins in rounds that still run."""
        return [
            (day, held.stands[subject])
            for (_, day), held in self.mornings.items()
            if held.closed is None and not held.cancelled and subject in held.stands
        ]

    def began(self, audience: str, day: date, subject: int) -> None:
        """Somebody has answered a part."""
        stand = self.mornings[audience, day].stands[subject]
        if stand.status in {"due", "asked", "unreachable"}:
            stand.status = "partial"

    def heard(
        self, audience: str, day: date, subject: int, by: int, answers: Answers, now: datetime
    ) -> str:
        """Take a complete set of answers; say what becomes of it.

        Raising always wins. Lowering is asked for, but whoever raised it takes it back within ten
        minutes, not beneath what another has said. After the day only a raise counts.
        """
        held = self.mornings[audience, day]
        stand = held.stands[subject]
        means = meaning(answers, day)
        theirs = stand.by == by
        lately = theirs and stand.at is not None and now - stand.at <= TEN_MINUTES
        over = held.closed is not None and now > self.moment(day, "24:00")
        if means.severity > stand.severity:
            if not lately:
                stand.floor = stand.severity
            stand.by, stand.at, stand.told = by, now, True
            self._stands(held, stand, answers, means)
            self._carry_on(audience, day, subject, now)
            return "raised"
        if (
            stand.status == "complete"
            and stand.answers == answers
            and (theirs or stand.severity == 0)
        ):
            stand.wanted = stand.wanted_by = None  # ill after all
            return "unchanged"
        if means.severity < stand.severity and lately and means.severity >= stand.floor:
            if means.severity == 0:
                stand.at, stand.told = now, False
            self._stands(held, stand, answers, means)
            self._carry_on(audience, day, subject, now)
            return "undone"
        if over:
            return "too_late"
        if stand.severity and not theirs:
            stand.floor = max(stand.floor, means.severity)
        if means.severity < stand.severity:
            stand.status, stand.at = "complete", stand.at or now
            stand.wanted, stand.wanted_by = answers, by
            return "correction_asked"
        if stand.severity == 0 or stand.at is None:  # or a case of an earlier day, said again
            stand.by, stand.at = by, now
        self._stands(held, stand, answers, means)
        self._carry_on(audience, day, subject, now)
        return "late" if held.closed is not None else "accepted"

    @staticmethod
    def _stands(held: Morning, stand: Stand, answers: Answers, means: Meaning) -> None:
        stand.status, stand.answers = "complete", answers
        stand.severity, stand.until, stand.absent = means.severity, means.until, means.absent
        stand.late = stand.late or held.closed is not None
        stand.wanted = stand.wanted_by = None

    def agreed(self, audience: str, day: date, subject: int, by: int, now: datetime) -> None:
        """The school accepts a correction."""
        stand = self.mornings[audience, day].stands[subject]
        assert stand.wanted is not None, "nothing was asked for"
        means = meaning(stand.wanted, day)
        stand.answers, stand.status = stand.wanted, "complete"
        stand.severity = stand.floor = means.severity
        stand.until, stand.absent = means.until, means.absent
        stand.by, stand.at, stand.wanted, stand.wanted_by = by, now, None, None
        if means.severity == 0:
            stand.told = False
        self._carry_on(audience, day, subject, now)

    def left(self, audience: str, day: date, subject: int) -> None:
        """The school leaves a flag as it is."""
        stand = self.mornings[audience, day].stands[subject]
        stand.wanted = stand.wanted_by = None

    def let_go(self, audience: str, day: date, subject: int, by: int, now: datetime) -> None:
        """The school lets a flag fall by itself."""
        stand = self.mornings[audience, day].stands[subject]
        assert stand.severity, "nothing to let go"
        stand.status, stand.severity, stand.floor, stand.until = "complete", 0, 0, day
        stand.by, stand.at, stand.wanted, stand.wanted_by = by, now, None, None
        stand.told = False
        self._carry_on(audience, day, subject, now)

    def excused(self, audience: str, day: date, subject: int) -> None:
        """The school asks nobody about somebody, also after the close."""
        self.mornings[audience, day].stands[subject].status = "excused"

    def not_excused(self, audience: str, day: date, subject: int, facts: Facts) -> None:
        """The school asks again, while there is time and somebody to ask.

        After the close it is as it would have been: out of reach is out of reach, and no silence.
        """
        held = self.mornings[audience, day]
        stand = held.stands[subject]
        if facts.ways(subject, stand.boards, day):
            stand.status = "asked"
        else:
            stand.status = "due" if stand.boards else "unreachable"  # a boarder's warden is asked
        if held.closed is not None and stand.status in WAITING:
            stand.status = "no_response"

    def pause(self, subject: int, since: date, until: date, now: datetime) -> None:
        """Nobody is asked about somebody until the day of return; an answer stands."""
        self.pauses[subject] = (since, until)
        for day, stand in self.open_stands(subject):
            if since <= day < until and stand.status in {*WAITING, "unreachable"}:
                stand.status = "excused"

    def pause_over(self, subject: int, facts: Facts, now: datetime) -> None:
        """A pause is ended early: an open round asks at once, or a boarder's warden."""
        self.pauses.pop(subject, None)
        for day, stand in self.open_stands(subject):
            if day >= self.today(now) and stand.status == "excused":
                alone = stand.boards and not facts.ways(subject, stand.boards, day)
                stand.status = "due" if alone else "asked"

    def joined(self, subject: int, by: int) -> None:
        """Somebody can be asked about a subject from now on, and is; of a boarder nobody is."""
        for _, stand in self.open_stands(subject):
            if (by == subject or not stand.boards) and stand.status in {"due", "unreachable"}:
                stand.status = "asked"

    def lost(self, person: int, facts: Facts, now: datetime) -> None:
        """Somebody's chat has closed: others are asked, or nobody can be."""
        for subject in {person, *facts.wards(person)}:
            for day, stand in self.open_stands(subject):
                past = now >= self.moment(day, "08:00")
                ways = facts.ways(subject, stand.boards, day)
                if not past and stand.status in {"asked", "partial"} and not ways:
                    stand.status = "unreachable"

    def back(self, person: int, facts: Facts, now: datetime) -> None:
        """Somebody's chat is open again: they are asked about whom nobody could be."""
        for subject in {person, *facts.wards(person)}:
            for day, stand in self.open_stands(subject):
                past = now >= self.moment(day, "08:00")
                through = [who for who, _ in facts.ways(subject, stand.boards, day)]
                if not past and stand.status == "unreachable" and person in through:
                    stand.status = "asked"

    def day_set(self, day: date, kind: str | None) -> None:
        """A day loses or gets its school."""
        if kind is None:
            self.days.pop(day, None)
        else:
            self.days[day] = kind
        for (_, when), held in self.mornings.items():
            if when == day and held.closed is None:
                held.cancelled = not self.is_school_day(day)

    # ---- counted -----------------------------------------------------------------------

    def counted(self, audience: str, day: date, unit: int | None = None) -> dict[str, int]:
        """Count a day as the cards do: how many are in, of how many expected."""
        held = self.mornings.get((audience, day), Morning(cancelled=True))
        stands = [
            stand
            for stand in held.stands.values()
            if not held.cancelled and unit in {None, stand.unit}
        ]
        expected = [stand for stand in stands if stand.status != "excused"]
        return {
            "of": len(expected),
            "in": sum(stand.status == "complete" for stand in expected),
            "cases": sum(stand.severity > 0 for stand in stands),
            "unheard": sum(stand.status not in {"complete", "excused"} for stand in stands),
        }
