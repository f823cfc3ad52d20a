"""The one-file form of a roster, which a plain CSV can carry: every row says whom it is about."""

from checkin.roster_cells import Cell
from checkin.roster_headers import Field
from checkin.roster_roles import ROLE_WORDS
from checkin.roster_values import Roster

_TEMPLATE: tuple[tuple[Field, str], ...] = (
    (Field.kind, "类别 / kind"),
    (Field.number, "编号 / number"),
    (Field.name, "姓名 / name"),
    (Field.class_name, "班级 / class"),
    (Field.grade, "年级 / grade"),
    (Field.boarder, "住宿 / boarder"),
    (Field.own_account, "本人账号 / own account"),
    (Field.phone, "手机 / phone"),
    (Field.order, "顺序 / order"),
    (Field.relation, "关系 / relation"),
    (Field.language, "语言 / language"),
    (Field.role, "职务 / role"),
)


def _one_row(**said: str) -> list[Cell]:
    return [said.get(field.value, "") for field, _ in _TEMPLATE]


def template_rows() -> list[list[Cell]]:
    """Return an empty roster: headers in both languages, and examples that are not imported.

    A guardian's number is the number of the student, or of several with ; between them.
    """
    child = {"name": "Ana Lima", "class_name": "3-2", "grade": "3"}
    teacher = {"name": "王伟", "class_name": "3-2"}
    return [
        [header for _, header in _TEMPLATE],
        _one_row(kind="例 example: 学生 student", number="20240101", boarder="否 no", **child),
        _one_row(
            kind="例 example: 家长 guardian",
            number="20240101;20250207",
            name="Maria Lima",
            phone="13800000000",
            order="1",
            relation="母亲 mother",
            language="en",
        ),
        _one_row(kind="例 example: 教职工 staff", number="T001", role="班主任", **teacher),
    ]


def roster_rows(roster: Roster) -> list[list[Cell]]:
    """Return a roster in the one-file form, which `read_roster` reads back the same."""
    rows: list[list[Cell]] = [[header for _, header in _TEMPLATE]]
    rows += [
        _one_row(
            kind="student",
            number=one.number,
            name=one.name,
            class_name=one.class_name,
            grade=one.grade_name or "",
            boarder="yes" if one.boarder else "",
            own_account="yes" if one.own_account else "",
        )
        for one in roster.students
    ]
    rows += [
        _one_row(
            kind="guardian",
            number=";".join(of.number for of in one.students),
            name=one.name,
            phone=one.phone or "",
            order=";".join(str(of.order) for of in one.students),
            relation=";".join(of.relation or "-" for of in one.students),
            language=one.language or "",
        )
        for one in roster.guardians
    ]
    rows += [
        _one_row(
            kind="staff",
            number=one.number or "",
            name=one.name,
            class_name=class_name or "",
            phone=one.phone or "",
            role=ROLE_WORDS[role],
        )
        for one in roster.staff
        for role, class_name in one.roles
    ]
    return rows
