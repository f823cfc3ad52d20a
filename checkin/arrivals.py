"""Who is expected in the room, and who of them is not there."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from checkin.questions import Disposition
from checkin.statuses import SETTLED, Status

HERE = "here"
MISSING = "missing"
BEFORE_CLOSE = timedelta(minutes=30)
AT_ONCE = 80  # entered together; Telegram takes a hundred buttons


def is_expected(status: Status, disposition: Disposition | None, *, absent: bool) -> bool:
    """Whether somebody was said to be coming: answered for, not staying home, not absent.

    Whoever is to see the nurse first is on the way as well.
    """
    coming = disposition in {Disposition.cleared, Disposition.see_nurse}
    return status is Status.complete and coming and not absent


def may_be_sighted(status: Status) -> bool:
    """Whether seeing somebody adds anything: nobody has answered for them, nobody excused them."""
    return status not in SETTLED


def arrivals_open(now: datetime, closes_at: datetime) -> bool:
    """Whether it is time to look who came: from half an hour before the check-in closes."""
    return now >= closes_at - BEFORE_CLOSE


def fingerprint(ids: Iterable[int]) -> int:
    """Return a small number that changes with who is on a list.

    A button that speaks for everybody shown carries it: when somebody else answered meanwhile the
    numbers differ, and the fresh list is shown first.
    """
    mark = 0
    for number in sorted(ids):
        mark = (mark * 31 + number + 1) % 1_000_003
    return mark


def at_once(ids: Iterable[int]) -> frozenset[int]:
    """Choose whom of many a house or class is entered for now; the others come after them."""
    return frozenset(sorted(ids)[:AT_ONCE])
