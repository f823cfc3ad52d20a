"""A round in numbers, and the zero report. Silence is never health."""

from collections.abc import Iterable

from checkin.facts import fact
from checkin.questions import Disposition
from checkin.statuses import Status


@fact
class Counted:
    """As much of a check-in as counting needs."""

    status: Status
    disposition: Disposition | None = None
    absent: bool = False
    late: bool = False
    sighted: bool = False
    nobody_asked: bool = False


@fact
class Counts:
    """A round in numbers, for a class or a city; counts of parts add up to the whole.

    `expected` is everybody but the excused. `silent` has not finished yet (due, asked, partial),
    `no_response` never did; of these `nobody_asked` were not silent, as nobody was to be asked
    about them. `absent` and `late` are among those in. `sighted` were seen in school by an
    adult although nobody answered for them. `held` are cases of an earlier day that still stand,
    of whom nobody has spoken today: each is a case, and unaccounted for as well.
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
    held: int = 0
    nobody_asked: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            *(mine + theirs for mine, theirs in zip(_row(self), _row(other), strict=True))
        )

    @property
    def response_rate(self) -> float | None:
        """The part of those expected who answered; None where nobody was expected."""
        return self.in_ / self.expected if self.expected else None


@fact
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
    is unaccounted, never healthy. A case that was carried over from an earlier day is a case until
    it ends or is released, whether or not the family has been heard of today.
    """
    unheard = counts.silent + counts.no_response + counts.unreachable
    return ZeroReport(
        cases=counts.stay_home + counts.see_nurse + counts.held,
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
        held=not done and checkin.disposition not in {None, Disposition.cleared},
        nobody_asked=checkin.nobody_asked,
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
        counts.held,
        counts.nobody_asked,
    )
