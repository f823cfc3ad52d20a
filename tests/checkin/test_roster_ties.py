"""Dormitories, rights, days, split custody and the roles at a unit, as school lists write them."""

from datetime import UTC, date, datetime

import pytest

from checkin.access import Role
from checkin.roster_cells import BadCell, dormitory_key, grade_key
from checkin.roster_headers import Field, Person, read_header
from checkin.roster_roles import roles_of
from checkin.roster_ties import day_of, rights_of, separate_of
from checkin.rosters import Cell, Rights, Roster, RosterErrors, Sheet, read_roster

HEAD: list[Cell] = ["学号", "姓名", "班级", "年级", "宿舍"]
LEO: list[Cell] = ["450", "Leo", "3-2", "3", "枫园"]
HE: list[Cell] = ["451", "何禾", "1-1", "1", "1号楼"]
ANA: list[Cell] = ["412", "Ana", "3-2", "3", ""]
STUDENTS = Sheet("学生", [HEAD, LEO, HE, ANA])


def problems_of(*sheets: Sheet) -> list[str]:
    with pytest.raises(RosterErrors) as found:
        read_roster(sheets)
    return [
        " ".join([str(p.row), p.column[:1] or "-", p.code, *p.args.values()])
        for p in found.value.problems
    ]


def staff(*roles: str, head: list[Cell] | None = None) -> Sheet:
    rows: list[list[Cell]] = [[f"T{n}", f"甲{'乙丙丁'[n]}", role] for n, role in enumerate(roles)]
    return Sheet("教职工", [head or ["工号", "姓名", "职务"], *rows])


def roles_read(*roles: str) -> list[tuple[tuple[Role, str | None], ...]]:
    return [one.roles for one in read_roster([STUDENTS, staff(*roles)]).staff]


@pytest.mark.parametrize(
    ("header", "field", "person", "slot"),
    [
        ("宿舍", Field.dormitory, None, ""),
        ("宿舍楼", Field.dormitory, None, ""),
        ("Dormitory", Field.dormitory, None, ""),
        ("学生宿舍", Field.dormitory, Person.student, ""),
        ("权限", Field.rights, None, ""),
        ("监护人2权限", Field.rights, Person.guardian, "2"),
        ("Guardian 2 rights", Field.rights, Person.guardian, "2"),
        ("母亲权限", Field.rights, Person.guardian, "母亲"),
        ("监护人3开始日期", Field.since, Person.guardian, "3"),
        ("截止日期", Field.until, None, ""),
        ("Guardian 1 until", Field.until, Person.guardian, "1"),
        ("From", Field.since, None, ""),
        ("分开监护(是/否)", Field.separate, None, ""),
        ("父母分居", Field.separate, None, ""),
        ("Split custody", Field.separate, None, ""),
    ],
)
def test_the_new_headers_are_understood_in_both_languages(
    header: str, field: Field, person: Person | None, slot: str
) -> None:
    column = read_header(0, header)
    assert column is not None
    assert (column.field, column.person, column.slot) == (field, person, slot)


@pytest.mark.parametrize(
    ("cell", "rights"),
    [
        (None, Rights.answer),
        ("", Rights.answer),
        ("可查看可填报", Rights.answer),
        ("see + answer", Rights.answer),
        ("仅查看", Rights.see),
        ("See only", Rights.see),
        ("仅联系电话", Rights.phone),
        ("phone-only", Rights.phone),
    ],
)
def test_rights_are_read_and_an_empty_cell_is_the_usual(cell: Cell, rights: Rights) -> None:
    assert rights_of(cell) is rights


@pytest.mark.parametrize("cell", ["无", "none", "maybe", "不确定"])
def test_rights_are_never_guessed(cell: str) -> None:
    assert isinstance(rights_of(cell), BadCell)


@pytest.mark.parametrize(
    "cell",
    [
        date(2026, 9, 1),
        datetime(2026, 9, 1, tzinfo=UTC),
        "2026-09-01",
        "2026/9/1",
        "2026年9月1日",
        "20260901",
        20260901.0,
        "1 September 2026",
        "Sep 1, 2026",
    ],
)
def test_a_day_is_read_however_it_is_written(cell: Cell) -> None:
    assert day_of(cell) == date(2026, 9, 1)


@pytest.mark.parametrize("cell", ["", None, "-", "长期", "open"])
def test_no_day_is_no_end(cell: Cell) -> None:
    assert day_of(cell) is None


@pytest.mark.parametrize("cell", ["3/4/2026", "soon", "2026-13-01", "1026-09-01", 46266.0])
def test_a_day_that_could_be_another_is_not_guessed(cell: Cell) -> None:
    assert isinstance(day_of(cell), BadCell)


def test_split_custody_is_said_in_the_school_s_own_words() -> None:
    assert [separate_of(cell) for cell in ("分开监护", "是", "Split custody", "离异")] == [
        True
    ] * 4
    assert [separate_of(cell) for cell in ("共同监护", "", "no", "joint")] == [False] * 4
    assert isinstance(separate_of("有时"), BadCell)


def test_two_spellings_are_one_dormitory_or_one_grade() -> None:
    assert len({dormitory_key(name) for name in ("1号楼", "一号楼", "1 号宿舍楼")}) == 1
    assert dormitory_key("Maple House") == dormitory_key("maple")
    assert dormitory_key("1号楼") != dormitory_key("2号楼")
    assert len({grade_key(name) for name in ("3", "三年级", "Grade 3", "Year 3", "G3")}) == 1
    assert grade_key("初三") != grade_key("三年级")


def test_whoever_lives_in_a_dormitory_is_a_boarder() -> None:
    leo, he, ana = read_roster([STUDENTS]).students
    assert (leo.boarder, leo.dormitory) == (True, "枫园")
    assert (he.boarder, he.dormitory) == (True, "1号楼")
    assert (ana.boarder, ana.dormitory) == (False, None)


def test_a_day_pupil_with_a_dormitory_is_asked_about() -> None:
    rows: list[list[Cell]] = [[*HEAD, "住宿"], [*LEO, "走读"], [*HE, ""], [*ANA, "否"]]
    assert problems_of(Sheet("学生", rows)) == ["2 E day_pupil_in_dormitory 枫园"]


@pytest.mark.parametrize(
    ("written", "role"),
    [
        ("三年级组长", (Role.grade_leader, "3")),
        ("年级组长（三年级）", (Role.grade_leader, "3")),
        ("Head of Year 3", (Role.grade_leader, "3")),
        ("grade leader: Grade 3", (Role.grade_leader, "3")),
        ("宿管 1号楼", (Role.dormitory_warden, "1号楼")),
        ("一号楼宿管", (Role.dormitory_warden, "1号楼")),
        ("warden 枫园", (Role.dormitory_warden, "枫园")),
        ("deputy head", (Role.deputy_lead, None)),
        ("副校长", (Role.deputy_lead, None)),
    ],
)
def test_a_role_says_where_it_holds(written: str, role: tuple[Role, str | None]) -> None:
    assert roles_read(written) == [(role,)]


def test_a_role_in_both_languages_is_one_role() -> None:
    assert roles_of("班主任 class teacher") == ((Role.class_teacher, None),)
    assert roles_of("宿管 dormitory warden") == ((Role.dormitory_warden, None),)


def test_a_class_may_have_two_class_teachers_and_a_teacher_two_classes() -> None:
    assert roles_read("3-2班班主任、1-1班班主任", "3-2班副班主任") == [
        ((Role.class_teacher, "3-2"), (Role.class_teacher, "1-1")),
        ((Role.class_teacher, "3-2"),),
    ]


def test_the_grade_or_dormitory_of_a_role_may_stand_in_its_own_column() -> None:
    head: list[Cell] = ["工号", "姓名", "职务", "年级", "宿舍", "班级"]
    rows: list[list[Cell]] = [
        ["T1", "甲", "年级组长", "三年级", "", ""],
        ["T2", "乙", "宿管", "", "枫园；1号楼", ""],
        ["T3", "丙", "班主任兼年级组长", "", "", "1-1"],
    ]
    read = read_roster([STUDENTS, Sheet("教职工", [head, *rows])])
    assert [one.roles for one in read.staff] == [
        ((Role.grade_leader, "3"),),
        ((Role.dormitory_warden, "枫园"), (Role.dormitory_warden, "1号楼")),
        ((Role.class_teacher, "1-1"), (Role.grade_leader, "1")),
    ]


def test_a_grade_or_dormitory_that_is_not_there_is_named_by_row_and_column() -> None:
    assert problems_of(STUDENTS, staff("四年级组长", "宿管 9号楼", "年级组长")) == [
        "2 C grade_unknown 四年级",
        "3 C dormitory_unknown 9号楼",
        "4 C grade_missing",
    ]
    assert problems_of(STUDENTS, staff("宿管")) == ["2 C dormitory_missing"]


def test_the_only_dormitory_is_the_warden_s_and_without_any_there_is_no_warden() -> None:
    one = Sheet("学生", [HEAD, LEO, ANA])
    none = Sheet("学生", [HEAD, ANA])
    warden = staff("生活老师")
    assert read_roster([one, warden]).staff[0].roles == ((Role.dormitory_warden, "枫园"),)
    assert read_roster([none, warden]).staff[0].roles == ((Role.staff, None),)


def test_a_list_of_staff_alone_may_name_what_is_known() -> None:
    read = read_roster(
        [staff("Head of Grade 3", "warden Maple")],
        known_grades=["三年级"],
        known_dormitories=["Maple House"],
    )
    assert [one.roles[0][1] for one in read.staff] == ["三年级", "Maple House"]


WIDE: list[Cell] = [
    "学号", "姓名", "班级",
    "监护人1", "监护人1电话", "监护人1权限", "监护人1分开监护",
    "监护人2", "监护人2电话", "监护人2权限", "监护人2分开监护", "监护人2截止日期",
    "监护人3", "监护人3电话", "监护人3权限",
]  # fmt: skip


def of(roster: Roster) -> dict[str, tuple[Rights, bool, date | None, int]]:
    return {
        one.name: (tie.rights, tie.separate, tie.last, tie.order)
        for one in roster.guardians
        for tie in one.students
    }


def test_each_guardian_beside_a_student_has_rights_of_their_own() -> None:
    row: list[Cell] = ["440", "Mia", "3-2", "Ruth", "1390000007", "", "是",
                       "Paul", "1390000008", "仅查看", "是", date(2026, 6, 30),
                       "Rosa", "1390000009", "仅联系电话"]  # fmt: skip
    read = read_roster([Sheet("学生", [WIDE, row])])
    assert of(read) == {
        "Ruth": (Rights.answer, True, None, 1),
        "Paul": (Rights.see, True, date(2026, 6, 30), 2),
        "Rosa": (Rights.phone, False, None, 3),
    }
    assert {Field.rights, Field.separate, Field.until} <= read.says
    assert Field.since not in read.says


def test_split_custody_said_of_the_child_is_said_of_each_guardian() -> None:
    head: list[Cell] = ["学号", "姓名", "班级", "父母分居", "家长1姓名", "家长2姓名"]
    rows: list[list[Cell]] = [
        ["440", "Mia", "3-2", "是", "Ruth", "Paul"],
        ["412", "Ana", "3-2", "", "Maria", "Carlos"],
    ]
    read = of(read_roster([Sheet("学生", [head, *rows])]))
    assert {name: apart for name, (_, apart, _, _) in read.items()} == {
        "Ruth": True, "Paul": True, "Maria": False, "Carlos": False,
    }  # fmt: skip


def test_one_row_for_two_children_may_say_different_things_of_them() -> None:
    head: list[Cell] = ["学号", "家长姓名", "电话", "权限", "开始日期"]
    row: list[Cell] = ["450;412", "Lena", "1390000021", "仅查看；可查看、可填报", "2026-09-01"]
    [lena] = read_roster([STUDENTS, Sheet("家长", [head, row])]).guardians
    assert [(tie.number, tie.rights, tie.since) for tie in lena.students] == [
        ("450", Rights.see, date(2026, 9, 1)),
        ("412", Rights.answer, date(2026, 9, 1)),
    ]


def test_a_tie_that_cannot_be_read_is_named_by_row_and_column() -> None:
    head: list[Cell] = ["学号", "家长姓名", "权限", "开始日期", "截止日期", "分开监护"]
    rows: list[list[Cell]] = [
        ["450", "Lena", "也许", "2026-09-01", "2026-08-31", "有时"],
        ["412", "Maria", "", "3/4/2026", "", ""],
    ]
    assert problems_of(STUDENTS, Sheet("家长", [head, *rows])) == [
        "2 C rights_unknown 也许",
        "2 E dates_crossed 2026-09-01 2026-08-31",
        "2 F not_yes_or_no 有时",
        "3 D date_wrong 3/4/2026",
    ]
