from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.access import Role
from checkin.roster_cells import (
    BadCell,
    class_key,
    class_order,
    column_letter,
    phone_of,
    text_of,
)
from checkin.roster_headers import Field, Person, read_header
from checkin.roster_roles import ROLE_WORDS, roles_of
from checkin.rosters import (
    MOST_PROBLEMS,
    Cell,
    GuardianOf,
    ProblemCode,
    Rights,
    Roster,
    RosterErrors,
    RosterGuardian,
    RosterStaff,
    RosterStudent,
    Sheet,
    read_roster,
    roster_rows,
    template_rows,
)

ANA = RosterStudent("20240412", "Ana Lima", "3-2", "3")
BEN = RosterStudent("20260107", "Ben Lima", "1-1", "1")
MARIA = RosterGuardian(
    "Maria Lima",
    "13800000001",
    (GuardianOf("20240412", 1, "mother"), GuardianOf("20260107", 1, "mother")),
    "en",
)
WANG = RosterStaff(
    "T007", "王伟", "13800000009", ((Role.class_teacher, "3-2"), (Role.teacher, None))
)

STUDENTS: list[list[Cell]] = [
    ["学号", "姓名", "班级", "年级"],
    ["20240412", "Ana Lima", "3-2", "3"],
    ["20260107", "Ben Lima", "1-1", "1"],
]
GUARDIANS: list[list[Cell]] = [
    ["学号", "家长姓名", "手机", "顺序", "关系", "语言"],
    ["20240412", "Maria Lima", "13800000001", "1", "mother", "English"],
    ["20260107", "Maria Lima", "13800000001", "1", "mother", "English"],
]
STAFF: list[list[Cell]] = [
    ["工号", "姓名", "手机", "职务", "班级"],
    ["T007", "王伟", "13800000009", "班主任、教师", "3-2"],
]
WHOLE = Roster((ANA, BEN), (MARIA,), (WANG,), ("1-1", "3-2"))


def problems_of(*sheets: Sheet) -> list[str]:
    """Read the problems aloud: row, column, code and what stands in its sentence."""
    with pytest.raises(RosterErrors) as found:
        read_roster(sheets)
    return [
        " ".join(
            [
                str(problem.row),
                problem.column.partition(" ")[0] or "-",
                problem.code,
                *(f"{key}={value}" for key, value in problem.args.items()),
            ]
        )
        for problem in found.value.problems
    ]


def students(*rows: list[Cell], header: list[Cell] | None = None) -> Sheet:
    return Sheet("学生", [header or ["学号", "姓名", "班级"], *rows])


# What is understood.


def test_three_sheets_are_found_by_their_names() -> None:
    sheets = [Sheet("教职工", STAFF), Sheet("家长", GUARDIANS), Sheet("学生", STUDENTS)]
    assert read_roster(sheets) == WHOLE


def test_three_sheets_are_found_by_their_headers() -> None:
    sheets = [Sheet("Sheet1", STUDENTS), Sheet("Sheet2", GUARDIANS), Sheet("Sheet3", STAFF)]
    assert read_roster(sheets) == WHOLE


def test_english_headers_do_as_well() -> None:
    sheets = [
        Sheet("Students", [["Student number", "Name", "Class", "Grade"], *STUDENTS[1:]]),
        Sheet(
            "Guardians",
            [
                ["Student No.", "Guardian", "Phone", "Order", "Relationship", "Language"],
                *GUARDIANS[1:],
            ],
        ),
        Sheet("Staff", [["Staff ID", "Full name", "Mobile", "Role", "Class"], *STAFF[1:]]),
    ]
    assert read_roster(sheets) == WHOLE


def test_guardians_may_stand_beside_the_student() -> None:
    header: list[Cell] = [
        "学号",
        "姓名",
        "班级",
        "家长1姓名",
        "家长1电话",
        "家长2姓名",
        "家长2电话",
    ]
    roster = read_roster(
        [
            students(
                ["1", "Ana Lima", "3-2", "Maria", "13800000001", "Carlos", 13800000002.0],
                ["2", "Ben Lima", "1-1", "Maria", "13800000001", "", None],
                header=header,
            )
        ]
    )
    assert [(one.name, one.students) for one in roster.guardians] == [
        ("Maria", (GuardianOf("1", 1), GuardianOf("2", 1))),
        ("Carlos", (GuardianOf("1", 2),)),
    ]


def test_father_and_mother_columns_say_the_relation() -> None:
    header: list[Cell] = ["学号", "姓名", "班级", "父亲姓名", "父亲电话", "母亲姓名", "母亲电话"]
    row: list[Cell] = ["1", "王小明", "3-2", "", "", "孙丽", "13800000002"]
    [guardian] = read_roster([students(row, header=header)]).guardians
    assert guardian.students == (GuardianOf("1", 1, "母亲"),)


def test_one_guardian_in_each_row_repeats_the_student() -> None:
    header: list[Cell] = ["学号", "学生姓名", "班级", "家长姓名", "电话", "顺序"]
    roster = read_roster(
        [
            students(
                ["1", "Ana Lima", "3-2", "Carlos", "13800000002", "2"],
                ["1", "Ana Lima", "3-2", "Maria", "13800000001", "1"],
                header=header,
            )
        ]
    )
    assert roster.students == (RosterStudent("1", "Ana Lima", "3-2"),)
    ranks = {one.name: one.students[0].order for one in roster.guardians}
    assert ranks == {"Maria": 1, "Carlos": 2}


def test_one_sheet_may_hold_everybody_by_kind() -> None:
    assert read_roster([Sheet("roster", roster_rows(WHOLE))]) == WHOLE


def test_headers_may_stand_below_a_title_and_in_two_rows() -> None:
    sheet = Sheet(
        "花名册",
        [
            ["青禾小学学生花名册（2026）"],
            [],
            ["序号", "学号", "姓名", "班级", "家长1", "家长1", "家长2", "家长2"],
            ["序号", "学号", "姓名", "班级", "姓名", "电话", "姓名", "电话"],
            [1.0, "1", "王小明", "3-2", "孙丽", "13800000001", "王强", "13800000002"],
        ],
    )
    roster = read_roster([sheet])
    assert [one.name for one in roster.guardians] == ["孙丽", "王强"]
    assert roster.unused == ("序号",)


def test_cells_are_tidied_as_a_clerk_would() -> None:
    header: list[Cell] = [
        "学号（必填）",
        " 姓 名 ",
        "班级\nclass",
        "住宿(是/否)",
        "本人账号",
        "备注",
    ]
    roster = read_roster(
        [
            students(
                [20240412.0, "王　伟", " 3 － 2 ", "是", True, "x"],
                [],
                ["２０２４０４１３", "  Ana \u200b  Lima ", "3-2", "走读", 0.0, None],
                [None, "", " ", "", "", ""],
                ["合计", "2人"],
                header=header,
            )
        ]
    )
    assert roster.students == (
        RosterStudent("20240412", "王伟", "3-2", None, boarder=True, own_account=True),
        RosterStudent("20240413", "Ana Lima", "3-2"),
    )
    assert roster.unused == ("备注",)


def test_a_header_repeated_on_each_printed_page_is_no_student() -> None:
    roster = read_roster(
        [students(["1", "甲", "3-2"], ["学号", "姓名", "班级"], ["2", "乙", "3-2"])]
    )
    assert len(roster.students) == 2


def test_one_class_spelt_in_several_ways_is_one_class() -> None:
    sheets = [
        students(["1", "甲", "三年级（2）班"], ["2", "乙", "三(2)班"], ["3", "丙", "3-2"]),
        Sheet("教职工", [["姓名", "职务"], ["王伟", "三2班班主任"]]),
    ]
    roster = read_roster(sheets)
    assert roster.classes == ("三年级(2)班",)
    assert roster.staff[0].roles == ((Role.class_teacher, "三年级(2)班"),)


def test_classes_come_in_their_natural_order() -> None:
    rows: list[list[Cell]] = [
        [str(place), "甲", name]
        for place, name in enumerate(["3-10", "十(1)班", "3-2", "一(1)班"])
    ]
    assert read_roster([students(*rows)]).classes == ("一(1)班", "3-2", "3-10", "十(1)班")


def test_the_same_guardian_twice_is_one_person_by_name_and_phone() -> None:
    guardians = [
        ["学号", "家长姓名", "电话"],
        ["20240412", "Maria Lima", "+86 138-0000-0001"],
        ["20240412", "maria lima", "13800000001"],
        ["20260107", "MARIA LIMA", 13800000001.0],
        ["20260107", "Carlos Lima", "13800000001"],
    ]
    roster = read_roster([Sheet("学生", STUDENTS), Sheet("家长", guardians)])
    assert [(one.name, len(one.students)) for one in roster.guardians] == [
        ("Maria Lima", 2),
        ("Carlos Lima", 1),
    ]


def test_one_row_may_name_several_children_each_with_its_order() -> None:
    guardians: list[list[Cell]] = [
        ["学号", "家长姓名", "电话", "顺序", "关系"],
        ["20240412；20260107", "Maria Lima", "13800000001", "2、1", "mother;奶奶"],
        ["20240412", "Carlos Lima", "13800000002", "1", "father"],
    ]
    roster = read_roster([Sheet("学生", STUDENTS), Sheet("家长", guardians)])
    assert roster.guardians[0].students == (
        GuardianOf("20240412", 2, "mother"),
        GuardianOf("20260107", 1, "奶奶"),
    )


def test_without_a_phone_one_name_is_one_person_for_one_student_only() -> None:
    guardians = [
        ["学号", "家长姓名"],
        ["20240412", "李娜"],
        ["20240412", "李娜"],
        ["20260107", "李娜"],
    ]
    roster = read_roster([Sheet("学生", STUDENTS), Sheet("家长", guardians)])
    assert [one.students[0].number for one in roster.guardians] == ["20240412", "20260107"]


def test_a_member_of_staff_may_have_one_row_for_each_role() -> None:
    staff: list[list[Cell]] = [
        ["工号", "姓名", "电话", "职务", "班级"],
        ["T1", "王伟", "", "班主任", "3-2、1-1"],
        ["T1", "王伟", "13800000009", "校医", ""],
    ]
    roster = read_roster([Sheet("学生", STUDENTS), Sheet("教职工", staff)])
    assert roster.staff == (
        RosterStaff(
            "T1",
            "王伟",
            "13800000009",
            ((Role.class_teacher, "3-2"), (Role.class_teacher, "1-1"), (Role.doctor, None)),
        ),
    )


def test_a_class_given_to_a_subject_teacher_opens_no_door() -> None:
    staff: list[list[Cell]] = [["姓名", "职务", "班级"], ["高平", "数学老师", "3-2"]]
    roster = read_roster([Sheet("学生", STUDENTS), Sheet("教职工", staff)])
    assert roster.staff[0].roles == ((Role.teacher, None),)


def test_a_file_of_staff_alone_needs_the_classes_that_are_known() -> None:
    staff = [Sheet("教职工", STAFF)]
    assert problems_of(*staff) == ["2 E class_unknown value=3-2"]
    assert read_roster(staff, known_classes=["三(2)班"]).staff[0].roles[0][1] == "三(2)班"


def test_a_file_of_guardians_alone_needs_the_students_that_are_known() -> None:
    guardians = [Sheet("家长", GUARDIANS)]
    assert read_roster(guardians, known_numbers={"20240412", "20260107"}).guardians == (MARIA,)


def test_a_sheet_of_instructions_is_no_problem() -> None:
    note = Sheet("说明", [["请填写以下各表"], ["学号必填"]])
    assert read_roster([note, Sheet("学生", STUDENTS)]).students == (ANA, BEN)


def test_the_template_names_every_column_in_both_languages_and_imports_nobody() -> None:
    rows = template_rows()
    assert len({header for header in rows[0] if " / " in str(header)}) == len(rows[0]) == 17
    assert problems_of(Sheet("roster", rows)) == ["0 - no_people"]
    filled = [*rows, ["学生", "1", "甲", "3-2"]]
    assert read_roster([Sheet("roster", filled)]).students == (RosterStudent("1", "甲", "3-2"),)


# What is refused, all of it at once, by row and column.


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (["", "甲", "3-2"], "A number_missing"),
        (["无", "甲", "3-2"], "A number_missing"),
        (["12 甲", "甲", "3-2"], "A number_wrong value=12 甲"),
        ([date(2026, 3, 2), "甲", "3-2"], "A number_wrong value=2026-03-02"),
        (["2.02401E+19", "甲", "3-2"], "A number_rounded value=2.02401E+19"),
        ([2.0240100012345678e17, "甲", "3-2"], "A number_rounded value=202401000123456768"),
        (["2", "", "3-2"], "B name_missing"),
        (["2", "　", "3-2"], "B name_missing"),
        (["2", 20260101.0, "3-2"], "B name_wrong value=20260101"),
        (["2", "x" * 81, "3-2"], "B too_long length=81 most=80"),
        (["2", "甲\0", "3-2"], "B control_character value=甲� character=U+0000"),
        (["2", "甲\x1b", "3-2"], "B control_character value=甲� character=U+001B"),
        (["2", "#REF!", "3-2"], "B formula_error value=#REF!"),
        (["2", '=HYPERLINK("x")', "3-2"], 'B formula_error value==HYPERLINK("x")'),
        (["2", "甲", ""], "C class_missing"),
        (["2", "甲"], "C class_missing"),
        (["2", "甲", datetime(2026, 3, 2)], "C class_is_date value=2026-03-02 guess=3-2"),  # noqa: DTZ001
        (["2", "甲", "3月2日"], "C class_is_date value=3月2日 guess=3-2"),
        (["2", "甲", "2-Mar"], "C class_is_date value=2-Mar guess=3-2"),
        (["1", "乙", "3-2"], "A number_twice number=1 sheet=学生 row=2"),
    ],
)
def test_a_students_row_is_refused_with_its_place(row: list[Cell], problem: str) -> None:
    assert problems_of(students(["1", "丙", "3-2"], [], row)) == [f"4 {problem}"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (["99", "Maria", "13800000001", "1"], "A student_unknown number=99"),
        (["", "Maria", "13800000001", "1"], "A number_missing"),
        (["20240412", "", "13800000001", "1"], "B name_missing"),
        (["20240412", "Maria", "12", "1"], "C phone_wrong value=12"),
        (
            ["20240412", "Maria", "13800000001/13800000002", "1"],
            "C phone_wrong value=13800000001/13800000002",
        ),
        (["20240412", "Maria", "#N/A", "1"], "C formula_error value=#N/A"),
        (["20240412", "Maria", "", "zero"], "D order_wrong value=zero"),
        (["20240412", "Maria", "", "0"], "D order_wrong value=0"),
        (["20240412", "Maria", "", "1", "Klingonisch!"], "E language_unknown value=Klingonisch!"),
        (
            ["20240412", "Maria", "13800000002", "1"],
            "D two_first_guardians number=20240412 sheet=家长 row=2",
        ),
    ],
)
def test_a_guardians_row_is_refused_with_its_place(row: list[Cell], problem: str) -> None:
    header: list[Cell] = ["学号", "家长姓名", "电话", "顺序", "语言"]
    first: list[Cell] = ["20240412", "Carlos", "13800000009", "1"]
    if "two_first_guardians" not in problem:
        first[3] = "2"
    sheets = [Sheet("学生", STUDENTS), Sheet("家长", [header, first, row])]
    assert problems_of(*sheets) == [f"3 {problem}"]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (["T2", "", "校医", ""], "B name_missing"),
        (["T2", "陈丽", "", ""], "C role_missing"),
        (["T2", "陈丽", "国王", ""], "C role_unknown value=国王"),
        (["T2", "陈丽", "班主任", ""], "D class_missing"),
        (["T2", "陈丽", "班主任", "9-9"], "D class_unknown value=9-9"),
        (["T2", "陈丽", "四(1)班班主任", ""], "C class_unknown value=四(1)班"),
        (["T2", "陈丽", "班主任", date(2026, 3, 2)], "D class_is_date value=2026-03-02 guess=3-2"),
        (["T1", "陈丽", "校医", ""], "A staff_number_twice number=T1 sheet=教职工 row=2"),
    ],
)
def test_a_staff_row_is_refused_with_its_place(row: list[Cell], problem: str) -> None:
    header: list[Cell] = ["工号", "姓名", "职务", "班级"]
    staff = Sheet("教职工", [header, ["T1", "林岚", "校长", ""], row])
    assert problems_of(Sheet("学生", STUDENTS), staff) == [f"3 {problem}"]


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], "0 - no_people"),
        ([["", None], []], "0 - no_people"),
        ([["学号", "姓名", "班级"]], "0 - no_people"),
        ([["a", "b"], ["c", "d"]], "0 - not_understood rows=2"),
        ([["学号", "班级"], ["1", "3-2"]], "1 - header_missing field=name person=student"),
        ([["姓名", "班级"], ["甲", "3-2"]], "1 - header_missing field=number person=student"),
        ([["学号", "姓名"], ["1", "甲"]], "1 - header_missing field=class_name person=student"),
        (
            [["学号", "姓名", "班级", "班级"], ["1", "甲", "3-2", "1-1"]],
            "1 D column_twice other=C (班级) field=class_name",
        ),
        (
            [
                ["类别", "学号", "姓名", "班级"],
                ["学生", "1", "甲", "3-2"],
                ["校友", "2", "乙", "3-2"],
            ],
            "3 A kind_unknown value=校友",
        ),
        (
            [["学号", "姓名", "班级", "住宿"], ["1", "甲", "3-2", "也许"]],
            "2 D not_yes_or_no value=也许",
        ),
        (
            [["学号", "姓名", "班级", "年级"], ["1", "甲", "3-2", "3"], ["2", "乙", "3-2", "4"]],
            "3 C class_in_two_grades class_name=3-2 grade=4 other=3 sheet=学生 row=2",
        ),
    ],
)
def test_a_sheet_is_refused_with_its_place(rows: list[list[Cell]], found: str) -> None:
    assert problems_of(Sheet("学生", rows)) == [found]


def test_every_problem_is_reported_at_once_in_the_order_of_the_file() -> None:
    sheets = [
        students(["1", "", "3-2"], ["1", "乙", ""], ["", "丙", "3-2"]),
        Sheet("家长", [["学号", "家长姓名", "电话"], ["9", "M", "1"]]),
    ]
    assert problems_of(*sheets) == [
        "2 B name_missing",
        "3 C class_missing",
        "3 A number_twice number=1 sheet=学生 row=2",
        "4 A number_missing",
        "2 C phone_wrong value=1",
        "2 A student_unknown number=9",
    ]


def test_a_thousand_problems_are_counted_and_two_hundred_shown() -> None:
    rows: list[list[Cell]] = [[str(place), "", "3-2"] for place in range(1000)]
    with pytest.raises(RosterErrors) as found:
        read_roster([students(*rows)])
    assert found.value.count == 1000
    assert len(found.value.problems) == MOST_PROBLEMS


def test_the_column_is_named_by_letter_and_header() -> None:
    with pytest.raises(RosterErrors) as found:
        read_roster([students(["1", "甲", ""])])
    assert found.value.problems[0].column == "C (班级)"
    assert [column_letter(place) for place in (0, 25, 26, 51, 701, 702)] == [
        "A", "Z", "AA", "AZ", "ZZ", "AAA",
    ]  # fmt: skip


def test_every_code_is_documented() -> None:
    documented = ProblemCode.__doc__ or ""
    assert all(code.value in documented for code in ProblemCode)


# Words.


@pytest.mark.parametrize(
    ("header", "field", "person", "slot"),
    [
        ("学号", Field.number, Person.student, ""),
        ("Student number", Field.number, Person.student, ""),
        ("编号", Field.number, None, ""),
        ("工号", Field.number, Person.staff, ""),
        ("姓名 / Name", Field.name, None, ""),
        ("家长", Field.name, Person.guardian, ""),
        ("Parent's name", Field.name, Person.guardian, ""),
        ("Name of guardian", Field.name, Person.guardian, ""),
        ("第二监护人电话", Field.phone, Person.guardian, "2"),
        ("Guardian 2 phone", Field.phone, Person.guardian, "2"),
        ("Second parent phone", Field.phone, Person.guardian, "2"),
        ("联系方式", Field.phone, None, ""),
        ("是否住校", Field.boarder, None, ""),
        ("所带班级", Field.class_name, None, ""),
        ("class (e.g. 3-2)", Field.class_name, None, ""),
        ("与学生关系", Field.relation, None, ""),
        ("岗位", Field.role, None, ""),
    ],
)
def test_a_header_is_understood(header: str, field: Field, person: Person, slot: str) -> None:
    found = read_header(2, header)
    assert found is not None
    assert (found.field, found.person, found.slot) == (field, person, slot)
    assert found.label == f"C ({header})"


@pytest.mark.parametrize(
    "header", ["序号", "性别", "出生日期", "备注", "班主任", "三(2)班", "", "地址"]
)
def test_other_headers_are_left_alone(header: str) -> None:
    assert read_header(0, header) is None


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("校长", [(Role.school_lead, None)]),
        ("副校长", [(Role.deputy_lead, None)]),
        ("年级组长", [(Role.grade_leader, None)]),
        ("宿管老师", [(Role.dormitory_warden, None)]),
        ("Deputy Principal", [(Role.deputy_lead, None)]),
        ("School Nurse", [(Role.doctor, None)]),
        ("班主任兼校医", [(Role.class_teacher, None), (Role.doctor, None)]),
        ("class teacher, admin", [(Role.class_teacher, None), (Role.admin, None)]),
        ("3-2班主任", [(Role.class_teacher, "3-2")]),
        ("Class teacher 3-2", [(Role.class_teacher, "3-2")]),
        ("语文老师", [(Role.teacher, None)]),
        ("保安", [(Role.staff, None)]),
        ("教师、教师", [(Role.teacher, None)]),
        ("国王", []),
        ("教师、国王", []),
    ],
)
def test_a_role_is_read(text: str, roles: list[tuple[Role, str | None]]) -> None:
    assert list(roles_of(text)) == roles


def test_every_role_is_written_as_it_is_read() -> None:
    assert {role: roles_of(word) for role, word in ROLE_WORDS.items()} == {
        role: ((role, None),) for role in Role
    }


@pytest.mark.parametrize(
    ("spellings", "key"),
    [
        (
            [
                "3-2",
                "三(2)班",
                "三（２）班",
                "三年级2班",
                "3年级（2）班",
                "Class 3-2",
                "3.2",
                "三2班",
            ],
            "3-2",
        ),
        (["十二(11)班", "12-11"], "12-11"),
        (["高一3班", "高一(3)班", "高1-3"], "高1-3"),
        (["3B", "Class 3b"], "3b"),
        (["2024级1班", "2024级(1)班"], "2024-1"),
    ],
)
def test_spellings_of_one_class_have_one_key(spellings: list[str], key: str) -> None:
    assert {class_key(name) for name in spellings} == {key}


def test_different_classes_have_different_keys() -> None:
    names = ["3-2", "3-12", "32", "初三2班", "高三2班", "3B", "3-2B", "二十三班"]
    assert len({class_key(name) for name in names}) == len(names)
    assert sorted(["3-10", "3-2", "2-11"], key=class_order) == ["2-11", "3-2", "3-10"]


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        (13800000001.0, "13800000001"),
        ("138 0000 0001", "13800000001"),
        ("+86 138-0000-0001", "13800000001"),
        ("0086 13800000001", "13800000001"),
        ("+44 7700 900123", "+447700900123"),
        ("0044 7700 900123", "+447700900123"),
        ("(020) 7946 0123", "02079460123"),
        ("１３８００００００００１"[:11], "13800000000"),
        ("无", ""),
        (None, ""),
    ],
)
def test_a_phone_is_read(cell: Cell, phone: str) -> None:
    assert phone_of(cell) == phone


# Any roster.

numbers = st.from_regex(r"[A-Z]?[0-9]{4,10}", fullmatch=True)
people = st.sampled_from(
    ["王小明", "李华", "Ana Lima", "Ben O'Neil", "José Núñez", "阿依古丽·买买提"]
)
class_names_of = st.sampled_from(["1-1", "3-2", "三(3)班", "初一4班", "5B"])


days = st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1))


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    found = []
    for number in draw(st.lists(numbers, min_size=1, max_size=6, unique=True)):
        class_name = draw(class_names_of)
        grade = class_name[0] if class_name in {"1-1", "3-2"} else None
        house = draw(st.sampled_from([None, None, "1号楼", "Maple House"]))
        boards = house is not None or draw(st.booleans())
        found.append(
            RosterStudent(
                number, draw(people), class_name, grade, boards, draw(st.booleans()), house
            )
        )
    guardians = []
    ranks: dict[str, int] = {}
    for place in range(draw(st.integers(0, 5))):
        chosen = draw(st.lists(st.sampled_from(found), min_size=1, max_size=2, unique=True))
        of = []
        for student in chosen:
            ranks[student.number] = ranks.get(student.number, 0) + 1
            relation = draw(st.sampled_from([None, "mother", "奶奶"]))
            since, last = sorted([draw(days), draw(days)], key=lambda day: day or date.max)
            rights, apart = draw(st.sampled_from(Rights)), draw(st.booleans())
            rank = ranks[student.number]
            of.append(GuardianOf(student.number, rank, relation, rights, since, last, apart))
        phone = draw(st.sampled_from([None, f"1380000000{place}", f"+44770090000{place}"]))
        language = draw(st.sampled_from([None, "zh", "en"]))
        guardians.append(RosterGuardian(f"{draw(people)} {place}", phone, tuple(of), language))
    used = sorted({student.class_name for student in found}, key=class_order)
    there = {
        Role.class_teacher: used,
        Role.grade_leader: sorted({one.grade_name for one in found if one.grade_name}),
        Role.dormitory_warden: sorted({one.dormitory for one in found if one.dormitory}),
    }
    staff = []
    for place in range(draw(st.integers(0, 3))):
        can_be = [role for role in Role if there.get(role, [""])]
        roles = draw(st.lists(st.sampled_from(can_be), min_size=1, max_size=3, unique=True))
        chosen_roles = tuple(
            (role, draw(st.sampled_from(there[role])) if role in there else None) for role in roles
        )
        staff.append(RosterStaff(f"T{place}", draw(people), None, chosen_roles))
    return Roster(tuple(found), tuple(guardians), tuple(staff), tuple(used))


@settings(max_examples=40, deadline=None)
@given(rosters())
def test_a_roster_written_out_is_read_back_the_same(roster: Roster) -> None:
    assert read_roster([Sheet("roster", roster_rows(roster))]) == roster


cells = st.one_of(
    st.none(),
    st.booleans(),
    st.floats(),
    st.integers(-(10**20), 10**20),
    st.dates(),
    st.text(max_size=12),
    st.sampled_from(
        ["学号", "姓名", "班级", "类别", "家长姓名", "电话", "学生", "1", "3-2", "职务", "班主任"]
    ),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(cells, max_size=6), max_size=8), st.sampled_from(["学生", "x", "Staff"]))
def test_whatever_a_sheet_holds_it_is_a_roster_or_a_list_of_problems(
    rows: list[list[Cell]], name: str
) -> None:
    header: list[Cell] = ["类别", "学号", "姓名", "班级", "电话", "职务"]
    try:
        roster = read_roster([Sheet(name, [header, *rows])])
    except RosterErrors as errors:
        assert errors.count >= len(errors.problems) > 0  # noqa: PT017
    else:
        assert roster.students or roster.guardians or roster.staff


@given(cells)
def test_any_cell_is_one_line_of_text_or_a_reason(cell: Cell) -> None:
    text = text_of(cell)
    assert isinstance(text, BadCell) or text == " ".join(text.split())
