"""A school's roster: who is enrolled, who answers for whom, who works there.

All or nothing: either a whole `Roster`, or every problem of the file at once, by sheet, row and
column, so that an office mends its file in one sitting.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar

from checkin.access import Role
from checkin.facts import fact
from checkin.names import same_name
from checkin.roster_cells import (
    BadCell,
    Cell,
    ProblemCode,
    class_key,
    class_of,
    class_order,
    dormitory_key,
    dormitory_of,
    grade_key,
    language_of,
    name_of,
    number_of,
    order_of,
    phone_of,
    relation_of,
    several,
    text_of,
    truth_of,
)
from checkin.roster_forms import roster_rows, template_rows
from checkin.roster_headers import (
    Column,
    Field,
    Headers,
    Person,
    kind_of_row,
    kind_of_sheet,
    read_headers,
)
from checkin.roster_roles import roles_of
from checkin.roster_ties import Rights, day_of, rights_of, separate_of
from checkin.roster_values import (
    MOST_PROBLEMS,
    GuardianOf,
    Problem,
    Roster,
    RosterErrors,
    RosterGuardian,
    RosterStaff,
    RosterStudent,
    Sheet,
)

__all__ = [
    "MOST_PROBLEMS",
    "Cell",
    "Field",
    "GuardianOf",
    "Problem",
    "ProblemCode",
    "Rights",
    "Roster",
    "RosterErrors",
    "RosterGuardian",
    "RosterStaff",
    "RosterStudent",
    "Sheet",
    "read_roster",
    "roster_rows",
    "template_rows",
]


Place = tuple[str, int]
T = TypeVar("T")


@fact
class _Row:
    """One row below the headers, which reports what it cannot read."""

    sheet: str
    number: int
    cells: Sequence[Cell]
    columns: Mapping[tuple[Field, Person | None, str], Column]
    problems: list[Problem]

    @property
    def place(self) -> Place:
        return self.sheet, self.number

    def column(self, field: Field, *people: Person | None, slot: str = "") -> Column | None:
        """Find the column for a field; the first person named whose cell says something wins."""
        first = None
        for person in people:
            column = self.columns.get((field, person, slot))
            if column and self.says(column):
                return column
            first = first or column
        return first

    def cell(self, column: Column | None) -> Cell:
        return self.cells[column.place] if column and column.place < len(self.cells) else None

    def says(self, column: Column | None) -> bool:
        cell = self.cell(column)
        return bool(cell.strip() if isinstance(cell, str) else cell is not None)

    def report(self, code: ProblemCode, column: Column | None, **args: str) -> None:
        label = column.label if column else ""
        self.problems.append(Problem(self.sheet, self.number, label, code, args))

    def read(self, take: Callable[[Cell], T | BadCell | None], column: Column | None) -> T | None:
        """Read the cell, or report it and return None."""
        return self.take(take, self.cell(column), column)

    def take(
        self, take: Callable[[Cell], T | BadCell | None], cell: Cell, column: Column | None
    ) -> T | None:
        value = take(cell)
        if isinstance(value, BadCell):
            self.report(value.code, column, **value.args)
            return None
        return value

    def need(
        self,
        take: Callable[[Cell], str | BadCell],
        column: Column | None,
        missing: ProblemCode,
    ) -> str | None:
        """Read a cell that must say something."""
        value = self.read(take, column)
        if value == "":
            self.report(missing, column)
        return value or None


@fact
class _Tie:
    """A tie to one student as a row says it; `value.order` is 0 where the file leaves it open."""

    value: GuardianOf
    row: _Row
    order_column: Column | None
    says_separate: bool


@dataclass(slots=True)
class _Guardian:
    """A guardian while the file is read."""

    value: RosterGuardian
    of: dict[str, _Tie] = field(default_factory=dict)


@fact
class _RoleAt:
    """A role at a class, grade or dormitory, to be matched when the students are known."""

    staff: int
    spot: int
    written: str
    row: _Row
    column: Column | None
    own_class: str | None = None


@dataclass(slots=True)
class _Draft:
    """What has been read so far, with the place each thing came from."""

    problems: list[Problem] = field(default_factory=list)
    students: dict[str, RosterStudent] = field(default_factory=dict)
    seen: dict[str, Place] = field(default_factory=dict)
    guardians: list[_Guardian] = field(default_factory=list)
    by_phone: dict[str, list[_Guardian]] = field(default_factory=dict)
    nameless: dict[str, list[_Guardian]] = field(default_factory=dict)
    staff: list[RosterStaff] = field(default_factory=list)
    staff_seen: dict[str, tuple[int, Place]] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    grades: dict[str, tuple[str, Place]] = field(default_factory=dict)
    grade_names: dict[str, str] = field(default_factory=dict)
    dormitories: dict[str, str] = field(default_factory=dict)
    roles_at: list[_RoleAt] = field(default_factory=list)
    says: set[Field] = field(default_factory=set)
    unused: dict[str, None] = field(default_factory=dict)


def read_roster(
    sheets: Sequence[Sheet],
    *,
    known_numbers: Collection[str] = (),
    known_classes: Collection[str] = (),
    known_grades: Collection[str] = (),
    known_dormitories: Collection[str] = (),
) -> Roster:
    """Read a roster of any usual shape.

    Sheets for students, guardians and staff, found by name or by headers; or one sheet whose rows
    say their kind; or students with their guardians beside them in the same row. What is known
    already (a file of staff alone) is named by `known_numbers`, `known_classes`, `known_grades`
    and `known_dormitories`.

    Raises:
        RosterErrors: Anything is wrong; nothing is to be taken over.
    """
    draft = _Draft()
    draft.classes = {class_key(name): name for name in known_classes}
    draft.grade_names = {grade_key(name): name for name in known_grades}
    draft.dormitories = {dormitory_key(name): name for name in known_dormitories}
    for row, kind in _people(sheets, draft):
        if kind is Person.student:
            _take_student(row, draft)
        elif kind is Person.guardian:
            _take_guardians(row, draft)
        else:
            _take_staff(row, draft)
    _check_guardians(draft, known_numbers)
    _settle_roles(draft)
    if not draft.problems and not (draft.students or draft.guardians or draft.staff):
        name = sheets[0].name if sheets else ""
        draft.problems.append(Problem(name, 0, "", ProblemCode.no_people))
    if draft.problems:
        order = {sheet.name: place for place, sheet in enumerate(sheets)}
        draft.problems.sort(key=lambda problem: (order.get(problem.sheet, 0), problem.row))
        raise RosterErrors(draft.problems)
    return _roster(draft)


def _roster(draft: _Draft) -> Roster:
    used = {student.class_name for student in draft.students.values()}
    return Roster(
        students=tuple(draft.students.values()),
        guardians=_ranked(draft),
        staff=tuple(draft.staff),
        classes=tuple(sorted(used, key=class_order)),
        unused=tuple(draft.unused),
        says=frozenset(draft.says),
    )


# From sheets to rows.


def _people(sheets: Sequence[Sheet], draft: _Draft) -> Iterator[tuple[_Row, Person]]:
    """Yield each row that speaks of somebody; students first, so that others can refer to them."""
    found = []
    for sheet in sheets:
        if not any(text_of(cell) for row in sheet.rows for cell in row):
            continue
        headers = read_headers(sheet.rows)
        if headers is None:
            if _is_a_note(sheet, alone=len(sheets) == 1):
                continue
            args = {"rows": str(min(20, len(sheet.rows)))}
            problem = Problem(sheet.name, 0, "", ProblemCode.not_understood, args)
            draft.problems.append(problem)
            continue
        draft.unused.update(dict.fromkeys(headers.unused))
        found += _rows_of(sheet, headers, draft)
    order = (Person.student, Person.guardian, Person.staff)
    yield from sorted(found, key=lambda pair: order.index(pair[1]))


def _is_a_note(sheet: Sheet, *, alone: bool) -> bool:
    """Say whether a sheet without headers is only an instruction to whoever fills the file in."""
    widest = max(sum(text_of(cell) != "" for cell in row) for row in sheet.rows)
    return not alone and widest == 1


def _rows_of(sheet: Sheet, headers: Headers, draft: _Draft) -> list[tuple[_Row, Person]]:
    columns: dict[tuple[Field, Person | None, str], Column] = {}
    for column in headers.columns:
        columns.setdefault((column.field, column.person, column.slot), column)
    rows = [
        _Row(sheet.name, number, cells, columns, draft.problems)
        for number, cells in enumerate(sheet.rows[headers.row :], headers.row + 1)
        if any(text_of(cell) for cell in cells)
        and not _is_total(cells)
        and not _is_header_again(cells, headers)
    ]
    kind_column = _kind_column(headers, rows)
    if kind_column is None:
        kind = kind_of_sheet(sheet.name, headers.columns)
        if _columns_are_wrong(sheet, headers, {kind}, draft):
            return []
        return [(row, kind) for row in rows]
    found = []
    for row in rows:
        text = row.read(text_of, kind_column)
        row_kind = kind_of_row(text) if text else None
        if row_kind is None and text and roles_of(text):
            row_kind = Person.staff
        if row_kind:
            found.append((row, row_kind))
        elif text is not None and not _is_example(text):
            row.report(ProblemCode.kind_unknown, kind_column, value=text)
    if _columns_are_wrong(sheet, headers, {kind for _, kind in found}, draft):
        return []
    return found


def _kind_column(headers: Headers, rows: Sequence[_Row]) -> Column | None:
    """Find the column by which each row says its kind; one with other words is something else."""
    for column in headers.columns:
        if column.field is not Field.kind:
            continue
        for row in rows:
            text = text_of(row.cell(column))
            if isinstance(text, str) and (
                kind_of_row(text) or roles_of(text) or _is_example(text)
            ):
                return column
    return None


_NEEDS = {
    Person.student: {
        Field.number: (Person.student, None),
        Field.name: (Person.student, None),
        Field.class_name: (Person.student, None),
    },
    Person.guardian: {
        Field.number: (Person.student, None),
        Field.name: (Person.guardian, None),
    },
    Person.staff: {Field.name: (Person.staff, None), Field.role: (Person.staff, None)},
}


def _columns_are_wrong(sheet: Sheet, headers: Headers, kinds: set[Person], draft: _Draft) -> bool:
    problems = []
    seen: dict[tuple[Field, Person | None, str], Column] = {}
    for column in headers.columns:
        first = seen.setdefault((column.field, column.person, column.slot), column)
        if first is not column:
            args = {"other": first.label, "field": column.field.value}
            problems.append(_at_headers(sheet, headers, ProblemCode.column_twice, args, column))
    for kind in sorted(kinds):
        for needed, people in _NEEDS[kind].items():
            fields = {needed, Field.kind} if needed is Field.role else {needed}
            if not any(
                column.field in fields and column.person in people for column in seen.values()
            ):
                args = {"field": needed.value, "person": kind.value}
                problems.append(_at_headers(sheet, headers, ProblemCode.header_missing, args))
    draft.problems += problems
    return bool(problems)


def _at_headers(
    sheet: Sheet,
    headers: Headers,
    code: ProblemCode,
    args: Mapping[str, str],
    column: Column | None = None,
) -> Problem:
    return Problem(sheet.name, headers.row, column.label if column else "", code, args)


_TOTALS = (
    "合计",
    "总计",
    "共计",
    "小计",
    "总人数",
    "人数合计",
    "总数",
    "total",
    "subtotal",
    "sum",
)


def _is_total(cells: Sequence[Cell]) -> bool:
    said = [cell for cell in cells if cell is not None and cell != ""]
    if len(said) > 3:
        return False
    texts = [text for cell in said if (text := text_of(cell)) and isinstance(text, str)]
    return bool(texts) and texts[0].casefold().rstrip(":0123456789人名 ") in _TOTALS


def _is_header_again(cells: Sequence[Cell], headers: Headers) -> bool:
    said = [
        text_of(cells[column.place]) for column in headers.columns if column.place < len(cells)
    ]
    return said == [column.header for column in headers.columns]


_EXAMPLES = ("例", "示例", "样例", "example", "e.g.")


def _is_example(kind: str) -> bool:
    return kind.casefold().startswith(_EXAMPLES)


# Students.


def _take_student(row: _Row, draft: _Draft) -> None:
    people = (Person.student, None)
    number_column = row.column(Field.number, *people)
    number = row.need(number_of, number_column, ProblemCode.number_missing)
    name = row.need(name_of, row.column(Field.name, *people), ProblemCode.name_missing)
    class_column = row.column(Field.class_name, *people)
    class_name = row.need(class_of, class_column, ProblemCode.class_missing)
    grade = row.read(text_of, row.column(Field.grade, *people))
    grade = draft.grade_names.setdefault(grade_key(grade), grade) if grade else None
    boarder, dormitory = _take_boarding(row, draft)
    own = row.read(truth_of, row.column(Field.own_account, *people))
    separate = row.read(separate_of, row.column(Field.separate, *people))
    draft.says.update(
        field for field in (Field.own_account, Field.separate) if row.column(field, *people)
    )
    if class_name:
        class_name = draft.classes.setdefault(class_key(class_name), class_name)
        _check_grade(row, class_column, class_name, grade, draft)
    before = draft.seen.setdefault(number, row.place) if number else row.place
    student = None
    if number and name and class_name:
        student = RosterStudent(
            number, name, class_name, grade, boarder, bool(own), dormitory, bool(separate)
        )
    if number and before != row.place:
        same = draft.students.get(number)
        # One row for each guardian, the student repeated: nothing is doubled.
        if not (same and student and _has_guardian(row) and _is_same(same, student)):
            args = {"number": number, "sheet": before[0], "row": str(before[1])}
            row.report(ProblemCode.number_twice, number_column, **args)
            return
    elif number and student:
        draft.students[number] = student
    if number:
        _take_guardians_beside(row, number, draft)


def _take_boarding(row: _Row, draft: _Draft) -> tuple[bool, str | None]:
    """Read whether a student boards, and where; whoever lives in a dormitory is a boarder."""
    people = (Person.student, None)
    boarder_column = row.column(Field.boarder, *people)
    column = row.column(Field.dormitory, *people)
    boards = row.read(truth_of, boarder_column)
    written = row.read(dormitory_of, column)
    draft.says.update({Field.boarder, Field.dormitory} if column else ())
    draft.says.update({Field.boarder} if boarder_column else ())
    if not written:
        return bool(boards), None
    if boards is False and row.says(boarder_column):
        row.report(ProblemCode.day_pupil_in_dormitory, column, value=written)
    return True, draft.dormitories.setdefault(dormitory_key(written), written)


def _is_same(one: RosterStudent, other: RosterStudent) -> bool:
    return one.class_name == other.class_name and same_name(one.name, other.name)


def _check_grade(
    row: _Row, column: Column | None, class_name: str, grade: str | None, draft: _Draft
) -> None:
    if not grade:
        return
    other, place = draft.grades.setdefault(class_name, (grade, row.place))
    if other != grade:
        args = {"class_name": class_name, "grade": grade, "other": other}
        args |= {"sheet": place[0], "row": str(place[1])}
        row.report(ProblemCode.class_in_two_grades, column, **args)


# Guardians.


def _slots(row: _Row) -> list[str]:
    """Return the guardians that have columns beside the student, in the order of the columns."""
    slots = [column.slot for column in row.columns.values() if column.person is Person.guardian]
    return list(dict.fromkeys(slots))


def _has_guardian(row: _Row) -> bool:
    return any(
        column.person is Person.guardian and row.says(column) for column in row.columns.values()
    )


def _take_guardians_beside(row: _Row, number: str, draft: _Draft) -> None:
    slots = _slots(row)
    for slot in slots:
        # A plain "phone" or "relation" beside a single guardian is the guardian's.
        def find(field: Field, slot: str = slot) -> Column | None:
            own = row.column(field, Person.guardian, slot=slot)
            return own or (row.column(field, None) if len(slots) == 1 else None)

        name_column = row.column(Field.name, Person.guardian, slot=slot)
        columns = [column for column in map(find, _OF_A_GUARDIAN) if column]
        if not row.says(name_column) and not any(row.says(column) for column in columns):
            continue
        header = next(
            (column.relation for column in row.columns.values() if column.slot == slot), None
        )
        of = [_tie(row, draft, number, find, relation_above=header)]
        _take_guardian(row, draft, name_column, find, of)


_OF_A_GUARDIAN = (Field.phone, Field.order, Field.relation)


def _take_guardians(row: _Row, draft: _Draft) -> None:
    """Take a row that is about one guardian, of one student or of several."""
    number_column = row.column(Field.number, Person.student, None)
    numbers = [
        number
        for cell in several(row.cell(number_column))
        if (number := row.take(number_of, cell, number_column))
    ]
    if not numbers and not isinstance(number_of(row.cell(number_column)), BadCell):
        row.report(ProblemCode.number_missing, number_column)

    def find(field: Field) -> Column | None:
        return row.column(field, Person.guardian, None)

    of = [_tie(row, draft, number, find, place=place) for place, number in enumerate(numbers)]
    _take_guardian(row, draft, find(Field.name), find, of)


def _one_for_each(cells: Sequence[Cell], place: int) -> Cell:
    return cells[place] if place < len(cells) else cells[-1]


_LEFT_OUT = (Field.rights, Field.since, Field.until, Field.separate)


def _tie(
    row: _Row,
    draft: _Draft,
    number: str,
    find: Callable[[Field], Column | None],
    *,
    place: int | None = None,
    relation_above: str | None = None,
) -> _Tie:
    """Read what a row says of a guardian and one student, the `place`-th of the row."""

    def read(
        field: Field, take: Callable[[Cell], T | BadCell | None], marks: str = ";；\n"
    ) -> T | None:
        column = find(field)
        cell = row.cell(column)
        if place is not None:
            cell = _one_for_each(several(cell, marks), place)
        return row.take(take, cell, column)

    draft.says.update(field for field in _LEFT_OUT if find(field))
    order = read(Field.order, order_of, ";；,，、\n") or 0
    relation = read(Field.relation, relation_of, ";；,，、\n") or relation_above or None
    rights = read(Field.rights, rights_of) or Rights.answer
    since, last = read(Field.since, day_of), read(Field.until, day_of)
    if since and last and last < since:
        crossed = {"first": since.isoformat(), "last": last.isoformat()}
        row.report(ProblemCode.dates_crossed, find(Field.until), **crossed)
    separate = bool(read(Field.separate, separate_of))
    value = GuardianOf(number, order, relation, rights, since, last, separate)
    return _Tie(value, row, find(Field.order), find(Field.separate) is not None)


def _take_guardian(
    row: _Row,
    draft: _Draft,
    name_column: Column | None,
    find: Callable[[Field], Column | None],
    of: Sequence[_Tie],
) -> None:
    name = row.need(name_of, name_column, ProblemCode.name_missing)
    phone = row.read(phone_of, find(Field.phone)) or None
    language = row.read(language_of, find(Field.language))
    if not name:
        return
    guardian = _same_guardian(draft, name, phone, [tie.value.number for tie in of])
    if language and not guardian.value.language:
        guardian.value = replace(guardian.value, language=language)
    for tie in of:
        guardian.of.setdefault(tie.value.number, tie)


def _same_guardian(
    draft: _Draft, name: str, phone: str | None, numbers: Sequence[str]
) -> _Guardian:
    """Find the guardian who has this name and phone already, or begin a new one.

    Without a phone, the same name is the same person for the same student only.
    """
    if phone:
        candidates = draft.by_phone.setdefault(phone, [])
        lists = [candidates]
    else:
        lists = [draft.nameless.setdefault(number, []) for number in numbers]
        candidates = list(chain.from_iterable(lists))
    for guardian in candidates:
        if same_name(guardian.value.name, name):
            return guardian
    guardian = _Guardian(RosterGuardian(name, phone))
    draft.guardians.append(guardian)
    for known in lists:
        known.append(guardian)
    return guardian


def _check_guardians(draft: _Draft, known_numbers: Collection[str]) -> None:
    firsts: dict[str, _Row] = {}
    for guardian in draft.guardians:
        for number, tie in guardian.of.items():
            if number not in draft.seen and number not in known_numbers:
                column = tie.row.column(Field.number, Person.student, None)
                tie.row.report(ProblemCode.student_unknown, column, number=number)
            elif tie.value.order == 1:
                first = firsts.setdefault(number, tie.row)
                if first is not tie.row:
                    args = {"number": number, "sheet": first.sheet, "row": str(first.number)}
                    tie.row.report(ProblemCode.two_first_guardians, tie.order_column, **args)


def _ranked(draft: _Draft) -> tuple[RosterGuardian, ...]:
    """Number each student's guardians from 1: by the order given, else as they stand."""
    queues: dict[str, list[tuple[int, int]]] = {}
    for place, guardian in enumerate(draft.guardians):
        for number, tie in guardian.of.items():
            queues.setdefault(number, []).append((tie.value.order or 10, place))
    ranks = {
        (number, place): rank
        for number, queue in queues.items()
        for rank, (_, place) in enumerate(sorted(queue), 1)
    }
    apart = {student.number for student in draft.students.values() if student.separate}
    return tuple(
        replace(
            guardian.value,
            students=tuple(
                replace(
                    tie.value,
                    order=ranks[number, place],
                    separate=tie.value.separate or (number in apart and not tie.says_separate),
                )
                for number, tie in guardian.of.items()
            ),
        )
        for place, guardian in enumerate(draft.guardians)
    )


# Staff.


def _take_staff(row: _Row, draft: _Draft) -> None:
    people = (Person.staff, None)
    number_column = row.column(Field.number, Person.staff, None, Person.student)
    number = row.read(number_of, number_column) or None
    name = row.need(name_of, row.column(Field.name, *people), ProblemCode.name_missing)
    phone = row.read(phone_of, row.column(Field.phone, *people)) or None
    role_column = row.column(Field.role, *people) or row.column(Field.kind, None)
    if not row.says(role_column):
        role_column = row.column(Field.kind, None) or role_column
    text = row.need(text_of, role_column, ProblemCode.role_missing)
    roles = roles_of(text) if text else ()
    if text and not roles:
        row.report(ProblemCode.role_unknown, role_column, value=text)
    class_column = row.column(Field.class_name, *people)
    classes = [
        class_name
        for cell in several(row.cell(class_column))
        if (class_name := row.take(class_of, cell, class_column))
    ]
    if not name or not roles:
        return
    place = _same_staff(row, draft, number_column, RosterStaff(number, name, phone))
    if place is None:
        return
    for role, named in roles:
        if role is Role.class_teacher:
            own: Sequence[str] = [named] if named else classes
            column = class_column
            if not own and not isinstance(class_of(row.cell(class_column)), BadCell):
                row.report(ProblemCode.class_missing, class_column)
        elif role in _COLUMN_OF:
            column = row.column(_COLUMN_OF[role], *people)
            cells = several(row.cell(column))
            own = (
                [named]
                if named
                else [t for cell in cells if (t := row.take(text_of, cell, column))]
            )
            own = own or [""]
        else:
            _add_role(draft, place, role, None)
            continue
        for unit in own:
            spot = _add_role(draft, place, role, unit or None)
            column = role_column if named or column is None else column
            at = _RoleAt(place, spot, unit, row, column, classes[0] if classes else None)
            draft.roles_at.append(at)


_COLUMN_OF = {Role.grade_leader: Field.grade, Role.dormitory_warden: Field.dormitory}


def _add_role(draft: _Draft, place: int, role: Role, class_name: str | None) -> int:
    person = draft.staff[place]
    if (role, class_name) not in person.roles:
        draft.staff[place] = person = replace(person, roles=(*person.roles, (role, class_name)))
    return person.roles.index((role, class_name))


def _same_staff(
    row: _Row, draft: _Draft, number_column: Column | None, staff: RosterStaff
) -> int | None:
    """Find where this person stands already (one row for each role), or begin a new one."""
    keys = [f"number {staff.number}"] if staff.number else []
    if staff.phone:
        keys.append(f"phone {staff.phone} {class_key(staff.name)}")
    for key in keys:
        if key not in draft.staff_seen:
            continue
        place, (sheet, number) = draft.staff_seen[key]
        known = draft.staff[place]
        if same_name(known.name, staff.name) and not (
            staff.number and known.number and staff.number != known.number
        ):
            draft.staff[place] = replace(
                known, number=known.number or staff.number, phone=known.phone or staff.phone
            )
            return place
        if key.startswith("number"):
            args = {"number": staff.number or "", "sheet": sheet, "row": str(number)}
            row.report(ProblemCode.staff_number_twice, number_column, **args)
            return None
    draft.staff.append(staff)
    for key in keys:
        draft.staff_seen.setdefault(key, (len(draft.staff) - 1, row.place))
    return len(draft.staff) - 1


def _settle_roles(draft: _Draft) -> None:
    """Give each role at a unit the unit as its students spell it."""
    settle = {Role.grade_leader: _settle_grade, Role.dormitory_warden: _settle_dormitory}
    settled = []
    for at in draft.roles_at:
        role = draft.staff[at.staff].roles[at.spot][0]
        settled.append((at, settle.get(role, _settle_class)(at, draft)))
    for at, found in settled:
        roles = list(draft.staff[at.staff].roles)
        if found is not None:
            roles[at.spot] = found
            draft.staff[at.staff] = replace(draft.staff[at.staff], roles=tuple(roles))
    for place, staff in enumerate(draft.staff):
        draft.staff[place] = replace(staff, roles=tuple(dict.fromkeys(staff.roles)))


def _settle_class(at: _RoleAt, draft: _Draft) -> tuple[Role, str | None] | None:
    known = draft.classes.get(class_key(at.written))
    if known is None:
        at.row.report(ProblemCode.class_unknown, at.column, value=at.written)
        return None
    return Role.class_teacher, known


def _settle_grade(at: _RoleAt, draft: _Draft) -> tuple[Role, str | None] | None:
    """Find the grade that a leader has: named, else the grade of their own class."""
    if at.written:
        known = draft.grade_names.get(grade_key(at.written))
    else:
        own_class = draft.classes.get(class_key(at.own_class or ""), "")
        known = draft.grades.get(own_class, (None,))[0]
    if known is None:
        code = ProblemCode.grade_unknown if at.written else ProblemCode.grade_missing
        at.row.report(code, at.column, **({"value": at.written} if at.written else {}))
        return None
    return Role.grade_leader, known


def _settle_dormitory(at: _RoleAt, draft: _Draft) -> tuple[Role, str | None] | None:
    """Find the dormitory that a warden has: named, else the only one of the school.

    A school without dormitories has no wardens; in a kindergarten 生活老师 is a member of staff.
    """
    if at.written:
        known = draft.dormitories.get(dormitory_key(at.written))
        if known is None:
            at.row.report(ProblemCode.dormitory_unknown, at.column, value=at.written)
            return None
        return Role.dormitory_warden, known
    if not draft.dormitories:
        return Role.staff, None
    if len(draft.dormitories) > 1:
        at.row.report(ProblemCode.dormitory_missing, at.column)
        return None
    return Role.dormitory_warden, next(iter(draft.dormitories.values()))
