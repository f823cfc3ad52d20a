"""What the school must hold about everybody, by its rules as a sentence each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum, auto

from simulator.town import STAFF, Subject, Town

UNDO = timedelta(minutes=10)
SEVERITY = {"well": 0, "absent": 0, "nurse": 1, "home": 2}
HOLDS = {"home": 1}  # days after today: a whole day without a fever
WHOLE = 5  # from this many on, a class of which nothing is known is one line


@dataclass(slots=True)
class Standing:
    """What stands about somebody today.

    `state` is due, asked, out of reach, silent or not asked (at the close), or in; `by` the chat
    that said it.
    """

    state: str = "due"
    what: str = ""
    by: int = 0
    at: datetime | None = None
    floor: int = 0
    wanted: str = ""
    asked_by: int = 0  # who asked for the correction
    late: bool = False
    until: date = date.min  # the last day for which it holds

    def carried_to(self, day: date) -> "Standing":
        """Return what stands at the beginning of the next school day: a case until it ends."""
        if self.severity and self.until >= day:
            return Standing(what=self.what, floor=self.severity, until=self.until)
        return Standing()

    @property
    def held(self) -> bool:
        """Say whether this is a case of an earlier day, of which nobody has spoken today."""
        return self.waits and self.severity > 0

    @property
    def severity(self) -> int:
        """How bad it is: 0 is nothing, 2 is staying at home."""
        return SEVERITY.get(self.what, 0)

    @property
    def waits(self) -> bool:
        """Say whether nobody has answered."""
        return self.state != "in"


class Weighed(StrEnum):
    """What becomes of one more answer."""

    raised = auto()
    undone = auto()
    asked_for = auto()
    taken = auto()
    unchanged = auto()


def weigh(held: Standing, chat: int, what: str, now: datetime, *, closed: bool) -> Weighed:
    """Let somebody say something, and say what became of it.

    Worse always counts, at once. Better is a correction that the school releases, unless it is
    one's own slip of less than ten minutes ago. Otherwise the latest word counts.
    """
    severity = SEVERITY[what]
    own = held.by == chat and held.at is not None and now - held.at <= UNDO
    if severity > held.severity:
        floor = held.floor if own else held.severity
        _stand(held, chat, what, now, closed=closed)
        held.floor = floor
        return Weighed.raised
    if held.state == "in" and held.what == what and (held.by == chat or not severity):
        return Weighed.unchanged
    if severity < held.severity:
        if own and severity >= held.floor:
            _stand(held, chat, what, now, closed=closed)
            return Weighed.undone
        held.wanted, held.asked_by = what, chat
        if held.waits:  # a case of an earlier day: heard of, but not let go
            held.state, held.at = "in", now
        return Weighed.asked_for
    if severity == 0 or held.waits:
        _stand(held, chat, what, now, closed=closed)
    return Weighed.taken


def _stand(held: Standing, chat: int, what: str, now: datetime, *, closed: bool) -> None:
    held.state, held.what, held.wanted = "in", what, ""
    held.by, held.at = chat, now
    held.late = held.late or closed
    held.until = now.date() + timedelta(days=HOLDS.get(what, 0))


def release(held: Standing, chat: int, now: datetime) -> None:
    """Let the school agree to a correction."""
    if held.wanted:
        held.what, held.wanted = held.wanted, ""
        held.by, held.at, held.floor = chat, now, held.severity
        held.until = now.date()


# ---- the whole school ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """A school's day: everybody, class by class, staff last, and what stands about them."""

    everybody: Sequence[Subject]
    held: Mapping[str, Standing]

    @classmethod
    def of(cls, town: Town, held: Mapping[str, Standing]) -> "Day":
        """Look at a day as it is now."""
        order = {unit: place for place, unit in enumerate(town.classes)}

        def place(who: Subject) -> tuple[int, str]:
            return order.get(who.unit, len(order)), who.name

        return cls(sorted(town.subjects.values(), key=place), held)

    def frozen(self) -> "Day":
        """Return the day as it is now, whatever comes later."""
        return Day(self.everybody, {key: replace(each) for key, each in self.held.items()})

    @property
    def cases(self) -> list[Subject]:
        """Whoever stays home or sees the nurse."""
        return [who for who in self.everybody if self.held[who.key].severity]

    @property
    def unheard(self) -> list[Subject]:
        """Whoever is not accounted for."""
        return [who for who in self.everybody if self.held[who.key].waits]

    @property
    def silent_classes(self) -> dict[str, int]:
        """Classes of which nothing at all is known, with their size."""
        size = Counter(who.unit for who in self.everybody if who.unit != STAFF)
        silent = Counter(who.unit for who in self.unheard)
        return {unit: n for unit, n in size.items() if n >= WHOLE and silent[unit] == n}

    def numbers(self) -> dict[str, int]:
        """Return the numbers of the summary."""
        counts: dict[str, int] = {}
        for name, group in (
            ("students", [who for who in self.everybody if who.unit != STAFF]),
            ("staff", [who for who in self.everybody if who.unit == STAFF]),
        ):
            heard = [self.held[who.key] for who in group if not self.held[who.key].waits]
            in_time = sum(not each.late for each in heard)
            counts |= {f"{name} in": len(heard), f"{name} of": len(group)}
            counts[f"{name} percent"] = percent(len(heard), len(group))
            counts[f"{name} timely"] = percent(in_time, len(group))
        accounted = len(self.everybody) - len(self.unheard)
        return counts | {
            "cases": len(self.cases),
            "home": self.how_many("home"),
            "nurse": self.how_many("nurse"),
            "held": sum(each.held for each in self.held.values()),
            "absent": self.how_many("absent"),
            "accounted": accounted,
            "coverage": percent(accounted, len(self.everybody)),
            "unaccounted": len(self.unheard),
            "nobody_asked": sum(each.state == "not asked" for each in self.held.values()),
        }

    def how_many(self, what: str) -> int:
        """Count those of whom this stands."""
        return sum(each.what == what and not each.waits for each in self.held.values())

    def changes_since(self, before: "Day") -> Counter[str]:
        """Count what has changed since the day was signed, each person once."""
        found: Counter[str] = Counter()
        for key, now in self.held.items():
            if kind := _change(before.held[key], now):
                found[kind] += 1
        return found


def _change(before: Standing, after: Standing) -> str:
    if after.severity > before.severity:
        return "raised" if before.severity else "new_case"
    if after.severity < before.severity:
        return "released"
    if before.waits and not after.waits:
        return "late"
    return "absent" if after.what == "absent" != before.what else ""


AT_ONCE = frozenset({"new_case", "raised"})  # after the signature this cannot wait


def is_urgent(before: Standing, after: Standing) -> bool:
    """Say whether the signer must hear of a change at once."""
    return _change(before, after) in AT_ONCE


def differs(before: Standing, after: Standing) -> bool:
    """Say whether a signer hears of a change at all."""
    return bool(_change(before, after))


def percent(part: int, of: int) -> int:
    """Return whole percent, never 100 while somebody is missing."""
    return part * 100 // of if of else -1


def names_by_class(people: Iterable[Subject]) -> dict[str, list[str]]:
    """Return names by class, in the order given."""
    found: dict[str, list[str]] = {}
    for who in people:
        found.setdefault(who.unit, []).append(who.name)
    return found
