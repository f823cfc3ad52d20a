"""How a morning's sending goes, and when it will be over: an honest guess, never a promise."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from checkin.facts import fact

LONG_REST = timedelta(minutes=10)  # from here on the school has to know, to ask by phone
HOURS = timedelta(hours=1)  # from here on it is told once more
LEAST_PACE = 0.01  # messages a second: slower is nothing that one could reckon with


@fact
class Pace:
    """How fast a bot sends its bulk: as measured, if lately; as allowed; resting until when."""

    allowed: float
    measured: float | None = None
    rests_until: datetime | None = None

    @property
    def per_second(self) -> float:
        """What to reckon with: never more than is allowed."""
        fastest = max(self.allowed, LEAST_PACE)
        return fastest if self.measured is None else min(max(self.measured, LEAST_PACE), fastest)


def ahead_of(waiting: Mapping[int, int], school_id: int) -> int:
    """Return how many messages go out until a school's last one has: schools take turns."""
    own = waiting.get(school_id, 0)
    return sum(min(theirs, own) for theirs in waiting.values())


def finish(now: datetime, ahead: int, pace: Pace) -> datetime | None:
    """Return when so many messages will be out; None when there are none."""
    if not ahead:
        return None
    begins = max(now, pace.rests_until or now)
    return begins + timedelta(seconds=ahead / pace.per_second)


def last_of(finishes: Iterable[datetime | None]) -> datetime | None:
    """Return when the last of several will be over."""
    return max((each for each in finishes if each is not None), default=None)
