"""The one-file form of a roster, which a plain CSV can carry: every row says whom it is about."""

from collections.abc import Callable

from checkin.access import Role
from checkin.roster_cells import Cell
from checkin.roster_headers import Field
from checkin.roster_roles import ROLE_WORDS
from checkin.roster_ties import RIGHTS_WORDS, Rights
from checkin.roster_values import GuardianOf, Roster, RosterGuardian

_TEMPLATE: tuple[tuple[Field, str], ...] = (
    (Field.kind, "类别 / kind"),
    (Field.number, "编号 / number"),
    (Field.name, "姓名 / name"),
    (Field.class_name, "班级 / class"),
    (Field.grade, "年级 / grade"),
    (Field.boarder, "住宿 / boarder"),
    (Field.dormitory, "宿舍 / dormitory"),
    (Field.own_account, "本人账号 / own account"),
    (Field.phone, "手机 / phone"),
    (Field.order, "顺序 / order"),
    (Field.relation, "关系 / relation"),
    (Field.rights, "权限 / rights"),
    (Field.since, "开始日期 / from"),
    (Field.until, "截止日期 / until"),
    (Field.separate, "分开监护 / separate"),
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
            rights="可查看可填报 see and answer",
            since="2026-09-01",
            separate="否 no",
            language="en",
        ),
        _one_row(kind="例 example: 教职工 staff", number="T001", role="班主任", **teacher),
        _one_row(
            kind="例 example: 教职工 staff",
            number="T002",
            name="Mrs Song",
            role="宿管 dormitory warden",
            dormitory="枫园 Maple House",
        ),
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
            dormitory=one.dormitory or "",
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
            rights=_each(
                one, lambda of: "" if of.rights is Rights.answer else RIGHTS_WORDS[of.rights]
            ),
            since=_each(one, lambda of: of.since.isoformat() if of.since else ""),
            until=_each(one, lambda of: of.last.isoformat() if of.last else ""),
            separate=_each(one, lambda of: "yes" if of.separate else ""),
            language=one.language or "",
        )
        for one in roster.guardians
    ]
    rows += [
        _one_row(
            kind="staff",
            number=one.number or "",
            name=one.name,
            phone=one.phone or "",
            role=ROLE_WORDS[role],
            **({_COLUMN_OF[role].value: unit or ""} if role in _COLUMN_OF else {}),
        )
        for one in roster.staff
        for role, unit in one.roles
    ]
    return rows


_COLUMN_OF = {
    Role.class_teacher: Field.class_name,
    Role.grade_leader: Field.grade,
    Role.dormitory_warden: Field.dormitory,
}


def _each(guardian: RosterGuardian, say: Callable[[GuardianOf], str]) -> str:
    """Write one value for each student; nothing at all where nothing is said of any."""
    said = [say(of) for of in guardian.students]
    return ";".join(value or "-" for value in said) if any(said) else ""
