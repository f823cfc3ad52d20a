"""One person's check-in: what stands, what may change it, who is asked, how all are counted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum, auto

from checkin.questions import Disposition

UNDO = timedelta(minutes=10)


class Status(StrEnum):
    """Where a check-in stands on its way."""

    due = auto()
    asked = auto()
    partial = auto()
    complete = auto()
    excused = auto()
    unreachable = auto()
    no_response = auto()


class Verdict(StrEnum):
    """What became of something said."""

    accepted = auto()
    unchanged = auto()
    raised = auto()
    undone = auto()
    correction_asked = auto()
    late = auto()
    too_late = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a check-in holds: the answer that counts for the school.

    A flag (severity above 0) carries the name and the moment of whoever raised it, until it is
    raised further, cleared or released: the ten minutes of an undo are counted from there.
    `floor` is what stood before that raise and was not theirs to undo.
    """

    status: Status
    severity: int = 0
    disposition: Disposition | None = None
    respondent_id: int | None = None
    answered_at: datetime | None = None
    closed: bool = False
    floor: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """A complete set of answers from one respondent, already weighed."""

    respondent_id: int
    severity: int
    disposition: Disposition
    moment: datetime
    same_answers: bool = False


@dataclass(frozen=True, slots=True)
class Settled:
    """The verdict on what was said, and what stands now."""

    verdict: Verdict
    standing: Standing


def settle(standing: Standing, said: Said, *, late_until: datetime) -> Settled:
    """Decide what stands after one more answer.

    Raising the severity always wins, whoever says it and however late. Lowering a flag is a
    correction that is asked for: the flag stays until the teacher or nurse releases it. Only the
    respondent who raised it can take it back, within ten minutes, and not beneath what somebody
    else had said before. The same answers again change nothing. At equal severity the latest
    answers win. After the round closed an answer is taken as late until `late_until`, and after
    that only a raise (or its undo) is.
    """
    if said.severity > standing.severity:
        return Settled(Verdict.raised, _raise(standing, said))
    if said.same_answers and standing.status is Status.complete:
        return Settled(Verdict.unchanged, standing)
    if said.severity < standing.severity and _may_undo(standing, said):
        return Settled(Verdict.undone, _lower(standing, said))
    if standing.closed and said.moment > late_until:
        return Settled(Verdict.too_late, standing)
    if said.severity < standing.severity:
        return Settled(Verdict.correction_asked, replace(standing, status=Status.complete))
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
    agreed = replace(standing, status=Status.complete, disposition=said.disposition)
    if standing.severity:
        return agreed
    return replace(agreed, respondent_id=said.respondent_id, answered_at=said.moment)


def _may_undo(standing: Standing, said: Said) -> bool:
    return said.severity >= standing.floor and _theirs_lately(standing, said)


def _theirs_lately(standing: Standing, said: Said) -> bool:
    return (
        standing.respondent_id == said.respondent_id
        and standing.answered_at is not None
        and said.moment - standing.answered_at <= UNDO
    )


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


@dataclass(frozen=True, slots=True)
class Eligible:
    """Go ahead."""


@dataclass(frozen=True, slots=True)
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
    gap: timedelta = timedelta(minutes=10),
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


@dataclass(frozen=True, slots=True)
class Counted:
    """As much of a check-in as counting needs."""

    status: Status
    disposition: Disposition | None = None
    absent: bool = False
    late: bool = False
    sighted: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """A round in numbers, for a class or a city; counts of parts add up to the whole.

    `expected` is everybody but the excused. `silent` has not finished yet (due, asked, partial),
    `no_response` never did. `absent` and `late` are among those in. `sighted` were seen in school
    by an adult although nobody answered for them.
    """

    expected: int = 0
    in_: int = 0
    cleared: int = 0
    stay_home: int = 0
    see_nurse: int = 0
    absent: int = 0
    silent: int = 0
    no_response: int = 0
    unreachable: int = 0
    excused: int = 0
    late: int = 0
    sighted: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            *(mine + theirs for mine, theirs in zip(_row(self), _row(other), strict=True))
        )

    @property
    def response_rate(self) -> float | None:
        """The part of those expected who answered; None where nobody was expected."""
        return self.in_ / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class ZeroReport:
    """How many cases are declared, and how many people that statement covers."""

    cases: int
    accounted: int
    unaccounted: int

    @property
    def is_zero(self) -> bool:
        """No case among those accounted for. It says nothing about the others."""
        return self.cases == 0

    @property
    def coverage(self) -> float | None:
        """The part of everybody that is accounted for; None where there is nobody."""
        everybody = self.accounted + self.unaccounted
        return self.accounted / everybody if everybody else None


_SILENT = frozenset({Status.due, Status.asked, Status.partial})


def count(checkins: Iterable[Counted]) -> Counts:
    """Count a round. Only a complete check-in says anything about health."""
    return sum((_one(checkin) for checkin in checkins), Counts())


def zero_report(counts: Counts) -> ZeroReport:
    """State the cases with the coverage beside them.

    Somebody answered for, excused by name or sighted in school is accounted for. Everybody else
    is unaccounted, never healthy.
    """
    unheard = counts.silent + counts.no_response + counts.unreachable
    return ZeroReport(
        cases=counts.stay_home + counts.see_nurse,
        accounted=counts.in_ + counts.excused + counts.sighted,
        unaccounted=unheard - counts.sighted,
    )


def _one(checkin: Counted) -> Counts:
    done = checkin.status is Status.complete
    excused = checkin.status is Status.excused
    return Counts(
        expected=not excused,
        in_=done,
        cleared=done and checkin.disposition is Disposition.cleared,
        stay_home=done and checkin.disposition is Disposition.stay_home,
        see_nurse=done and checkin.disposition is Disposition.see_nurse,
        absent=done and checkin.absent,
        silent=checkin.status in _SILENT,
        no_response=checkin.status is Status.no_response,
        unreachable=checkin.status is Status.unreachable,
        excused=excused,
        late=done and checkin.late,
        sighted=checkin.sighted and not done and not excused,
    )


def _row(counts: Counts) -> tuple[int, ...]:
    return (
        counts.expected,
        counts.in_,
        counts.cleared,
        counts.stay_home,
        counts.see_nurse,
        counts.absent,
        counts.silent,
        counts.no_response,
        counts.unreachable,
        counts.excused,
        counts.late,
        counts.sighted,
    )
