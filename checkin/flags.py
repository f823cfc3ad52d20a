"""A case that the school was told of: when it goes on to the lead, and who may let it fall."""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from enum import StrEnum, auto
from zoneinfo import ZoneInfo

from checkin.asking import Eligible
from checkin.facts import fact

__all__ = [
    "UNSEEN",
    "Decision",
    "Eligible",
    "FlagKind",
    "NotBy",
    "Refusal",
    "escalates",
    "may_decide",
    "told_again",
]

# A teacher with a class in front of them looks at the telephone within a lesson's first minutes;
# a child with a fever in a room of forty should not wait for longer than that.
UNSEEN = timedelta(minutes=10)

FORGOTTEN = timedelta(days=1)  # after that the next morning has asked about the child anew

# Nobody is woken for what can wait: the family knows already that the child stays at home.
DAY_BEGINS, DAY_ENDS = time(6), time(21)
AT_ANY_HOUR = 3  # the severity of a week or more at home: others may have to be told tonight


class FlagKind(StrEnum):
    """What the school is told.

    flag: somebody is unwell. correction: the family asks to lower a flag. missing: said to be
    coming, and not in the room.
    """

    flag = auto()
    correction = auto()
    missing = auto()


class Decision(StrEnum):
    """How a flag ended.

    agreed, left: the correction was accepted, or not. note, call, slip: released without having
    been asked, for a doctor's note seen, a telephone call, or a wrong entry. undone: taken back by
    the family. overtaken: something worse was said since. found: the missing child is there.
    not_coming: the family says that the missing child was not to come.
    """

    agreed = auto()
    left = auto()
    note = auto()
    call = auto()
    slip = auto()
    undone = auto()
    overtaken = auto()
    found = auto()
    not_coming = auto()


RELEASES = (Decision.note, Decision.call, Decision.slip)  # in the order of their buttons


class Refusal(StrEnum):
    """Why somebody does not decide about a flag."""

    no_right = auto()
    oneself = auto()
    own_child = auto()


@fact
class NotBy:
    """Not by this person, and this is why; somebody else must."""

    reason: Refusal


def may_decide(
    person_id: int | None, subject_id: int, guardian_ids: Collection[int], *, has_right: bool
) -> Eligible | NotBy:
    """Whether a person may acknowledge or release for the school what was said about a subject.

    Nobody decides about themself or the own child, whatever their role.
    """
    if person_id is None or not has_right:
        return NotBy(Refusal.no_right)
    if person_id == subject_id:
        return NotBy(Refusal.oneself)
    if person_id in guardian_ids:
        return NotBy(Refusal.own_child)
    return Eligible()


def told_again(standing_severity: int, severity: int) -> bool:
    """Whether a flag that nobody has seen yet is told anew: only when it has become worse."""
    return severity > standing_severity


def escalates(
    kind: FlagKind, severity: int, raised_at: datetime, now: datetime, zone: ZoneInfo
) -> bool:
    """Whether a flag that nobody has seen goes to the lead and the deputy now.

    A correction never does: while it waits the child is where the flag has put it, in safety. At
    night a flag waits for the morning, except for a missing child and the worst severity.
    """
    if kind is FlagKind.correction or now - raised_at < UNSEEN:
        return False
    if kind is FlagKind.missing or severity >= AT_ANY_HOUR:
        return True
    return DAY_BEGINS <= now.astimezone(zone).time() < DAY_ENDS
