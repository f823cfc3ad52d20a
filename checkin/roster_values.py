"""The values of a roster: who is enrolled, who answers for whom, who works there."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import date

from checkin.access import Role
from checkin.facts import fact
from checkin.roster_cells import Cell, ProblemCode, class_order
from checkin.roster_headers import Field
from checkin.roster_ties import Rights

MOST_PROBLEMS = 200


@fact
class Sheet:
    """One sheet as a spreadsheet gives it; row 1 is `rows[0]`."""

    name: str
    rows: list[list[Cell]]


@fact
class RosterStudent:
    """A child who is enrolled; `separate` is split custody, said of all guardians at once."""

    number: str
    name: str
    class_name: str
    grade_name: str | None = None
    boarder: bool = False
    own_account: bool = False
    dormitory: str | None = None
    separate: bool = field(default=False, compare=False)


@fact
class GuardianOf:
    """For which student a guardian answers, and as which: 1 is asked first.

    `last` is the last day on which the tie holds; `separate` is split custody.
    """

    number: str
    order: int = 1
    relation: str | None = None
    rights: Rights = Rights.answer
    since: date | None = None
    last: date | None = None
    separate: bool = False


@fact
class RosterGuardian:
    """Somebody who answers for students."""

    name: str
    phone: str | None = None
    students: tuple[GuardianOf, ...] = ()
    language: str | None = None


@fact
class RosterStaff:
    """Somebody who works there, with each role and the class, grade or dormitory it is for."""

    number: str | None
    name: str
    phone: str | None = None
    roles: tuple[tuple[Role, str | None], ...] = ()


@fact
class Roster:
    """A whole school; classes in their natural order, `unused` the columns not understood.

    `says` holds what the file has columns for, of what a file may leave out: where there is no
    column, what is known stays; an empty cell below one is the default.
    """

    students: tuple[RosterStudent, ...] = ()
    guardians: tuple[RosterGuardian, ...] = ()
    staff: tuple[RosterStaff, ...] = ()
    classes: tuple[str, ...] = ()
    unused: tuple[str, ...] = field(default=(), compare=False)
    says: frozenset[Field] = field(default=frozenset(), compare=False)

    @property
    def dormitories(self) -> tuple[str, ...]:
        """Return where boarders live, in their natural order."""
        used = {one.dormitory for one in self.students if one.dormitory}
        return tuple(sorted(used, key=class_order))

    def grade_of(self, class_name: str) -> str | None:
        """Return the grade in which a class is."""
        grades = (one.grade_name for one in self.students if one.class_name == class_name)
        return next((grade for grade in grades if grade), None)


@fact
class Problem:
    """What is wrong and where: the row counts from 1 as the spreadsheet shows it, 0 is the sheet.

    The column is its letter and header, "C (班级)", or empty where none is meant.
    """

    sheet: str
    row: int
    column: str
    code: ProblemCode
    args: Mapping[str, str] = field(default_factory=dict)


class RosterErrors(Exception):
    """A roster that cannot be taken over, with the first 200 problems in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"The roster has {len(problems)} problems.")
        self.problems = tuple(problems[:MOST_PROBLEMS])
        self.count = len(problems)
