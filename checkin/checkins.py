"""One person's check-in: what stands, and what may change it."""

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum, auto

from checkin.asking import Eligible, NotNow, Reason, may_ask, may_remind
from checkin.counts import Counted, Counts, ZeroReport, count, zero_report
from checkin.facts import fact
from checkin.questions import Disposition
from checkin.statuses import Status

__all__ = [
    "UNDO",
    "Counted",
    "Counts",
    "Eligible",
    "NotNow",
    "Reason",
    "Said",
    "Settled",
    "Standing",
    "Status",
    "Verdict",
    "ZeroReport",
    "count",
    "may_ask",
    "may_remind",
    "release",
    "settle",
    "zero_report",
]

UNDO = timedelta(minutes=10)


class Verdict(StrEnum):
    """What became of something said."""

    accepted = auto()
    unchanged = auto()
    raised = auto()
    undone = auto()
    correction_asked = auto()
    late = auto()
    too_late = auto()


@fact
class Standing:
    """What a check-in holds: the answer that counts for the school.

    A flag (severity above 0) carries the name and the moment of whoever raised it, until it is
    raised further, cleared or released: the ten minutes of an undo are counted from there.
    `floor` is how far an undo may go: what somebody else has said, or stood before.
    """

    status: Status
    severity: int = 0
    disposition: Disposition | None = None
    respondent_id: int | None = None
    answered_at: datetime | None = None
    closed: bool = False
    floor: int = 0


@fact
class Said:
    """A complete set of answers from one respondent, already weighed."""

    respondent_id: int
    severity: int
    disposition: Disposition
    moment: datetime
    same_answers: bool = False


@fact
class Settled:
    """The verdict on what was said, and what stands now."""

    verdict: Verdict
    standing: Standing


def settle(standing: Standing, said: Said, *, late_until: datetime) -> Settled:
    """Decide what stands after one more answer.

    Raising the severity always wins, whoever says it and however late. Lowering a flag is a
    correction that is asked for: the flag stays until the teacher or nurse releases it. Only the
    respondent who raised it can take it back, within ten minutes, and not beneath what somebody
    else has said, before or since: a second person's word for a flag is news even when the answers
    are the same. Otherwise the same answers again change nothing, and at equal severity the latest
    win. After the round closed an answer is taken as late until `late_until`, and after that only
    a raise (or its undo) is.
    """
    if said.severity > standing.severity:
        return Settled(Verdict.raised, _raise(standing, said))
    another = standing.severity > 0 and said.respondent_id != standing.respondent_id
    if said.same_answers and standing.status is Status.complete and not another:
        return Settled(Verdict.unchanged, standing)
    if said.severity < standing.severity and _may_undo(standing, said):
        return Settled(Verdict.undone, _lower(standing, said))
    if standing.closed and said.moment > late_until:
        return Settled(Verdict.too_late, standing)
    if said.severity < standing.severity:
        return Settled(Verdict.correction_asked, _vouch(standing, said))
    verdict = Verdict.late if standing.closed else Verdict.accepted
    return Settled(verdict, _agree(standing, said))


def release(standing: Standing, moment: datetime, by: int, *, to: Said | None = None) -> Standing:
    """The teacher or nurse accepts a correction: the flag falls to what was asked for.

    Without `to` it falls to cleared. A release never raises: asked for more, it changes nothing.
    """
    severity = to.severity if to else 0
    if severity >= standing.severity:
        return standing
    return replace(
        standing,
        status=Status.complete,
        severity=severity,
        disposition=to.disposition if to else Disposition.cleared,
        respondent_id=by,
        answered_at=moment,
        floor=severity,
    )


def _raise(standing: Standing, said: Said) -> Standing:
    return replace(
        standing,
        status=Status.complete,
        severity=said.severity,
        disposition=said.disposition,
        respondent_id=said.respondent_id,
        answered_at=said.moment,
        floor=standing.floor if _theirs_lately(standing, said) else standing.severity,
    )


def _lower(standing: Standing, said: Said) -> Standing:
    return replace(
        standing,
        status=Status.complete,
        severity=said.severity,
        disposition=said.disposition,
        answered_at=standing.answered_at if said.severity else said.moment,
    )


def _agree(standing: Standing, said: Said) -> Standing:
    if standing.severity and standing.answered_at is not None:
        return replace(_vouch(standing, said), disposition=said.disposition)
    # A case of an earlier day, of which nobody had spoken today, is theirs who say so again.
    return replace(
        standing,
        status=Status.complete,
        disposition=said.disposition,
        respondent_id=said.respondent_id,
        answered_at=said.moment,
    )


def _vouch(standing: Standing, said: Said) -> Standing:
    """The flag stays; what another than its raiser says is from now on nobody's to undo."""
    another = said.respondent_id != standing.respondent_id
    floor = max(standing.floor, said.severity) if another else standing.floor
    return replace(standing, status=Status.complete, floor=floor)


def _may_undo(standing: Standing, said: Said) -> bool:
    return said.severity >= standing.floor and _theirs_lately(standing, said)


def _theirs_lately(standing: Standing, said: Said) -> bool:
    return (
        standing.respondent_id == said.respondent_id
        and standing.answered_at is not None
        and said.moment - standing.answered_at <= UNDO
    )
