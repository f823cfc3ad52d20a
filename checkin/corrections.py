"""What changed after a day was signed, and which of it cannot wait. Raising is always news."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from enum import StrEnum, auto

from checkin.arrivals import HERE, MISSING
from checkin.facts import fact
from checkin.statuses import SETTLED, Status

GATHERED = timedelta(minutes=10)  # what can wait is told together, at most this often


@fact
class Seen:
    """As much of a check-in as a summary shows of it."""

    status: str
    severity: int = 0
    absent: bool = False
    presence: str | None = None

    @property
    def missing(self) -> bool:
        """Said to be coming, and not there."""
        return self.presence == MISSING and self.status == Status.complete and not self.absent

    @property
    def sighted(self) -> bool:
        """Seen at school although nobody had answered."""
        return self.presence == HERE and self.status not in SETTLED

    @property
    def shown(self) -> tuple[object, ...]:
        """What a summary makes of it: that somebody came as expected is no news."""
        return (self.status, self.severity, self.absent, self.missing, self.sighted)


class Change(StrEnum):
    """What a change after the signature comes to, the gravest first."""

    missing = auto()
    new_case = auto()
    raised = auto()
    found = auto()
    released = auto()
    late = auto()
    sighted = auto()
    excused = auto()
    absent = auto()
    other = auto()


AT_ONCE = frozenset({Change.missing, Change.new_case, Change.raised})


def change(before: Seen, after: Seen) -> Change | None:
    """Say what became of a check-in; None when a summary would show it as before."""
    if before.shown == after.shown:
        return None
    answered = before.status != Status.complete and after.status == Status.complete
    cases: list[tuple[Change, bool]] = [
        (Change.missing, after.missing and not before.missing),
        (Change.new_case, after.severity > 0 == before.severity),
        (Change.raised, after.severity > before.severity),
        (Change.found, before.missing and not after.missing),
        (Change.released, after.severity < before.severity),
        (Change.late, answered),
        (Change.sighted, after.sighted),
        (Change.excused, after.status == Status.excused),
        (Change.absent, after.absent and not before.absent),
    ]
    return next((kind for kind, holds in cases if holds), Change.other)


def tally(changes: Iterable[tuple[int, Seen, Seen]]) -> Mapping[Change, tuple[int, ...]]:
    """Return whom each kind of change is about: a check-in that changed twice is told once.

    What comes in is (check-in, before, after), oldest first.
    """
    first: dict[int, Seen] = {}
    last: dict[int, Seen] = {}
    for subject, before, after in changes:
        first.setdefault(subject, before)
        last[subject] = after
    found: dict[Change, list[int]] = {}
    for subject, before in first.items():
        kind = change(before, last[subject])
        if kind is not None:
            found.setdefault(kind, []).append(subject)
    return {kind: tuple(found[kind]) for kind in Change if kind in found}


def counts(told: Mapping[Change, tuple[int, ...]]) -> Counter[Change]:
    """Return how many check-ins changed in each way."""
    return Counter({kind: len(subjects) for kind, subjects in told.items()})
