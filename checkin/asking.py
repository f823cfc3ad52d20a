"""Whether somebody may be asked or reminded now: the one place that answers it."""

from datetime import timedelta
from enum import StrEnum, auto

from checkin.facts import fact
from checkin.statuses import Status

NOT_ASKED = "not_asked"  # why nobody answered: the question expired before it could be sent
STOPPED = (
    "stopped"  # why nobody answered: the school's sending was stopped before the question went
)
NOBODY_ASKED = "nobody_asked"  # why nobody answered: the morning went by without an ask
NEVER_ASKED = "never_asked"  # why nobody answered: the ask left this one out
QUIET = timedelta(minutes=10)  # a household asked or reminded this recently is left in peace

_WHY_NOT_ASKED = frozenset({NOT_ASKED, STOPPED, NOBODY_ASKED, NEVER_ASKED})


class Reason(StrEnum):
    """Why somebody is not asked, or not reminded, now."""

    off_roll = auto()
    no_consent = auto()
    opted_out = auto()
    answered = auto()
    excused = auto()
    closed = auto()
    paused = auto()
    not_yet = auto()
    unreachable = auto()
    already_asked = auto()
    not_asked = auto()
    reminded_lately = auto()
    reminded_enough = auto()


@fact
class Eligible:
    """Go ahead."""


@fact
class NotNow:
    """Do not, and this is why."""

    reason: Reason


def may_ask(
    status: Status,
    *,
    reachable: bool,
    paused: bool,
    consented: bool,
    on_roll: bool,
    opted_out: bool = False,
    closed: bool = False,
    in_window: bool = True,
    again: bool = False,
) -> Eligible | NotNow:
    """Whether this person may be asked now; the reason that lasts longest is given first.

    One ask for each person and round: `again` is a new edition after an outage or a lost card,
    and only that may repeat one. Somebody who was unreachable and has written since may be asked.
    """
    if barred := _barred(
        status,
        reachable=reachable,
        paused=paused,
        consented=consented,
        on_roll=on_roll,
        opted_out=opted_out,
        closed=closed,
        in_window=in_window,
    ):
        return NotNow(barred)
    if status in {Status.asked, Status.partial} and not again:
        return NotNow(Reason.already_asked)
    return Eligible()


def may_remind(
    status: Status,
    *,
    reachable: bool,
    paused: bool,
    consented: bool,
    on_roll: bool,
    opted_out: bool = False,
    closed: bool = False,
    in_window: bool = True,
    since_last: timedelta | None = None,
    gap: timedelta = QUIET,
    reminders: int = 0,
    most: int | None = None,
) -> Eligible | NotNow:
    """Whether this person may be reminded now.

    Only somebody who was asked and has not finished is reminded: never after having answered,
    never within `gap` of the last message (`since_last`), never more than `most` times. The chase
    ladder and the teacher's button ask the same question here.
    """
    if barred := _barred(
        status,
        reachable=reachable,
        paused=paused,
        consented=consented,
        on_roll=on_roll,
        opted_out=opted_out,
        closed=closed,
        in_window=in_window,
    ):
        return NotNow(barred)
    if status not in {Status.asked, Status.partial}:
        return NotNow(Reason.not_asked)
    if most is not None and reminders >= most:
        return NotNow(Reason.reminded_enough)
    if since_last is not None and since_last < gap:
        return NotNow(Reason.reminded_lately)
    return Eligible()


def _barred(
    status: Status,
    *,
    reachable: bool,
    paused: bool,
    consented: bool,
    on_roll: bool,
    opted_out: bool,
    closed: bool,
    in_window: bool,
) -> Reason | None:
    bars = (
        (not on_roll, Reason.off_roll),
        (not consented, Reason.no_consent),
        (opted_out, Reason.opted_out),
        (status is Status.complete, Reason.answered),
        (status is Status.excused, Reason.excused),
        (closed or status is Status.no_response, Reason.closed),
        (paused, Reason.paused),
        (not in_window, Reason.not_yet),
        (not reachable, Reason.unreachable),
    )
    return next((reason for applies, reason in bars if applies), None)


def why_not_asked(status: Status, excuse: str | None) -> str | None:
    """Return why silence was no silence: the question never reached the family."""
    return excuse if status is Status.no_response and excuse in _WHY_NOT_ASKED else None


def is_nobody_asked(status: Status, excuse: str | None) -> bool:
    """Say whether nobody was to be asked: of the whole morning, or about this one."""
    return why_not_asked(status, excuse) in {NOBODY_ASKED, NEVER_ASKED}
