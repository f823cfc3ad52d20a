"""Taking over a school's list: all or nothing, and the same list again changes nothing."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from sqlmodel import col, select

from checkin.access import Role
from checkin.rosters import RosterErrors, Sheet
from handlers.rosters import Changes, import_sheets
from handlers.setup import make_school
from storage import people
from storage.database import Database
from storage.tables import AuditEntry, Enrolment, Guardianship, Person, RoleGrant, Unit
from storage.units import School
from tests.builders import MONDAY, SUNDAY_NIGHT

WIDER = "kind,number,name,class,grade,dormitory,role,phone,order,rights,from,until,separate"
HEAD = "kind,number,name,class,role,phone,order"
ANA = "student,20250412,Ana,3-2,,,"
BEN = "student,20250415,Ben,1-1,,,"
MARIA = "guardian,20250412;20250415,Maria,,,13900000001,1"
WANG = "staff,T001,Mr Wang,3-2,class teacher,13900000011,"
GU = "staff,T004,Gu,,admin,13900000014,"
TUESDAY = SUNDAY_NIGHT + timedelta(days=1)


class Office:
    """The school office, which sends lists."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.school: School | None = None

    async def sends(self, *rows: str, on: int = 0, head: str = HEAD) -> Changes:
        now = SUNDAY_NIGHT + timedelta(days=on)
        cells: list[Sequence[str]] = [row.split(",") for row in (head, *rows)]
        async with self.database.writing() as session:
            if self.school is None:
                self.school = await make_school(session, "Green Shoots", now, language="en")
            return await import_sheets(
                session, self.school, [Sheet("roster", cells)], now, actor_id=None
            )

    async def classes(self, *, on: int = 0) -> dict[str, str]:
        day = MONDAY + timedelta(days=on)
        async with self.database.reading() as session:
            found = await session.exec(
                select(Person, Unit)
                .join(Enrolment, col(Enrolment.person_id) == Person.id)
                .join(Unit, col(Unit.id) == Enrolment.unit_id)
                .where(people.in_force(col(Enrolment.since), col(Enrolment.until), day))
            )
            return {people.name_of(person): unit.name for person, unit in found}

    async def guardians(self, student: str = "20250412") -> list[tuple[str, str | None, int]]:
        async with self.database.reading() as session:
            found = await session.exec(
                select(Person, Guardianship)
                .join(Guardianship, col(Guardianship.guardian_id) == Person.id)
                .join(Enrolment, col(Enrolment.person_id) == Guardianship.student_id)
                .where(Enrolment.number == student)
                .order_by(col(Guardianship.rank))
            )
            return [
                (people.name_of(p), p.phone.read(p.id) if p.phone else None, tie.rank)
                for p, tie in found
            ]

    async def roles(self, name: str, *, on: int = 0) -> set[str]:
        day = MONDAY + timedelta(days=on)
        async with self.database.reading() as session:
            found = await session.exec(
                select(Person, RoleGrant)
                .join(RoleGrant, col(RoleGrant.person_id) == Person.id)
                .where(people.in_force(col(RoleGrant.since), col(RoleGrant.until), day))
            )
            return {grant.role for p, grant in found if people.name_of(p) == name}

    async def ties(self) -> dict[str, tuple[bool, bool, bool]]:
        """By guardian: may see, may answer, separate."""
        async with self.database.reading() as session:
            found = await session.exec(
                select(Person, Guardianship).join(
                    Guardianship, col(Guardianship.guardian_id) == Person.id
                )
            )
            return {
                people.name_of(p): (tie.may_see, tie.may_answer, tie.separate) for p, tie in found
            }

    async def grants(self, name: str, *, on: int = 0) -> set[tuple[str, str]]:
        """By person: the roles, each with its unit."""
        day = MONDAY + timedelta(days=on)
        async with self.database.reading() as session:
            found = await session.exec(
                select(Person, RoleGrant, Unit)
                .join(RoleGrant, col(RoleGrant.person_id) == Person.id)
                .join(Unit, col(Unit.id) == RoleGrant.unit_id)
                .where(people.in_force(col(RoleGrant.since), col(RoleGrant.until), day))
            )
            return {(g.role, unit.name) for p, g, unit in found if people.name_of(p) == name}

    async def people(self) -> list[str]:
        async with self.database.reading() as session:
            return sorted(people.name_of(p) for p in await session.exec(select(Person)))


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


@pytest.mark.parametrize("days_later", [0, 1])
async def test_the_same_list_again_changes_nothing(office: Office, days_later: int) -> None:
    first = await office.sends(ANA, BEN, MARIA, WANG, GU)
    assert (first.students, first.guardians, first.staff, first.classes) == (2, 1, 2, 2)
    again = await office.sends(ANA, BEN, MARIA, WANG, GU, on=days_later)
    assert again == Changes()
    assert again.nothing


async def test_a_student_who_moves_is_in_the_new_class_from_today_on(office: Office) -> None:
    await office.sends(ANA, BEN)
    moved = await office.sends(ANA.replace("3-2", "1-1"), BEN, on=1)
    assert (moved.changed, moved.students) == (1, 0)
    assert await office.classes(on=0) == {"Ana": "3-2", "Ben": "1-1"}
    assert await office.classes(on=1) == {"Ana": "1-1", "Ben": "1-1"}
    assert (await office.sends(ANA.replace("3-2", "1-1"), BEN, on=1)).nothing


async def test_a_student_entered_in_the_wrong_class_is_moved_the_same_day(
    office: Office,
) -> None:
    await office.sends(ANA)
    await office.sends(ANA.replace("3-2", "1-1"))
    await office.sends(ANA)
    assert await office.classes() == {"Ana": "3-2"}


async def test_a_corrected_name_stays_the_same_person(office: Office) -> None:
    await office.sends(ANA, MARIA, BEN)
    changed = await office.sends(ANA.replace("Ana", "Ana Lima"), MARIA, BEN)
    assert (changed.changed, changed.students) == (1, 0)
    assert await office.people() == ["Ana Lima", "Ben", "Maria"]


async def test_a_guardian_s_new_phone_is_no_second_guardian(office: Office) -> None:
    await office.sends(ANA, BEN, MARIA)
    renewed = MARIA.replace("13900000001", "13900000099")
    changed = await office.sends(ANA, BEN, renewed)
    assert (changed.changed, changed.guardians) == (1, 0)
    assert await office.guardians() == [("Maria", "13900000099", 1)]
    assert (await office.sends(ANA, BEN, renewed)).nothing


async def test_two_guardians_of_one_name_with_a_phone_each_stay_two(office: Office) -> None:
    other = "guardian,20250412,Maria,,,13900000077,2"
    await office.sends(ANA, BEN, MARIA, other)
    assert (await office.sends(ANA, BEN, MARIA, other)).nothing
    assert [phone for _, phone, _ in await office.guardians()] == ["13900000001", "13900000077"]


async def test_a_phone_shared_by_two_guardians_does_not_make_them_one(office: Office) -> None:
    other = "guardian,20250412,Carlos,,,13900000001,2"
    await office.sends(ANA, BEN, MARIA, other)
    assert [name for name, _, _ in await office.guardians()] == ["Maria", "Carlos"]
    assert (await office.sends(ANA, BEN, MARIA, other)).nothing


async def test_a_guardian_without_a_phone_gets_one(office: Office) -> None:
    await office.sends(ANA, "guardian,20250412,Maria,,,,1")
    changed = await office.sends(ANA, "guardian,20250412,Maria,,,13900000001,1")
    assert (changed.changed, changed.guardians) == (1, 0)
    assert await office.guardians() == [("Maria", "13900000001", 1)]


async def test_two_siblings_have_one_guardian(office: Office) -> None:
    await office.sends(ANA, BEN, MARIA)
    assert await office.people() == ["Ana", "Ben", "Maria"]
    assert await office.guardians("20250412") == await office.guardians("20250415")


async def test_siblings_on_two_lists_have_one_guardian(office: Office) -> None:
    await office.sends(ANA, "guardian,20250412,Maria,,,13900000001,1")
    await office.sends(BEN, "guardian,20250415,Maria,,,13900000001,1")
    assert await office.people() == ["Ana", "Ben", "Maria"]


async def test_the_order_of_guardians_follows_the_list(office: Office) -> None:
    second = "guardian,20250412,Carlos,,,13900000002,{}"
    first = "guardian,20250412,Maria,,,13900000001,{}"
    await office.sends(ANA, first.format(1), second.format(2))
    await office.sends(ANA, first.format(2), second.format(1))
    assert [name for name, _, _ in await office.guardians()] == ["Carlos", "Maria"]


async def test_a_tie_that_had_ended_begins_anew_when_the_list_says_so(office: Office) -> None:
    await office.sends(ANA, BEN, MARIA)
    async with office.database.writing() as session:
        for tie in await session.exec(select(Guardianship)):
            tie.until = MONDAY
    changed = await office.sends(ANA, BEN, MARIA, on=1)
    assert (changed.guardians, changed.changed) == (0, 2)
    async with office.database.reading() as session:
        ties = list(await session.exec(select(Guardianship)))
    assert [tie.until for tie in ties] == [None, None]


async def test_staff_have_the_roles_of_the_newest_list(office: Office) -> None:
    await office.sends(ANA, WANG)
    changed = await office.sends(ANA, "staff,T001,Mr Wang,,school lead,13900000011,", on=1)
    assert changed.staff == 0
    assert await office.roles("Mr Wang") == {Role.class_teacher}
    assert await office.roles("Mr Wang", on=1) == {Role.school_lead}


async def test_a_list_takes_nobody_s_admin_role(office: Office) -> None:
    await office.sends(ANA, GU)
    await office.sends(ANA, "staff,T004,Gu,,school lead,13900000014,", on=1)
    assert await office.roles("Gu", on=1) == {Role.admin, Role.school_lead}


async def test_whoever_is_not_on_the_list_is_left_alone_and_counted(office: Office) -> None:
    await office.sends(ANA, BEN, MARIA, WANG)
    changes = await office.sends(BEN, on=1)
    assert changes.not_in_file == 1
    assert await office.classes(on=1) == {"Ana": "3-2", "Ben": "1-1"}
    assert await office.roles("Mr Wang", on=1) == {Role.class_teacher}


async def test_one_problem_and_nothing_is_taken_over(office: Office) -> None:
    await office.sends(ANA)
    with pytest.raises(RosterErrors) as caught:
        await office.sends(ANA.replace("3-2", "9-9"), BEN, "student,,Tom,3-2,,,", on=1)
    assert [(p.row, p.code.value) for p in caught.value.problems] == [(4, "number_missing")]
    assert await office.classes(on=1) == {"Ana": "3-2"}


async def test_an_import_is_kept_in_the_audit_by_numbers_only(office: Office) -> None:
    await office.sends(ANA, BEN, MARIA)
    async with office.database.reading() as session:
        acts = await session.exec(select(AuditEntry).where(AuditEntry.act == "roster imported"))
        assert [act.about for act in acts] == [
            {"students": 2, "guardians": 1, "staff": 0, "changed": 0}
        ]


# kind,number,name,class,grade,dormitory,role,phone,order,rights,from,until,separate
LEO = "student,20250450,Leo,3-2,3,Maple House,,,,,,,"
MIA = "student,20250440,Mia,3-2,3,,,,,,,,"
RUTH = "guardian,20250440,Ruth,,,,,13900000007,1,,,,yes"
PAUL = "guardian,20250440,Paul,,,,,13900000008,2,see only,2026-03-01,2026-06-30,yes"
LEE = "staff,T007,Mr Lee,,,,head of year 3,13900000017,,,,,"
SONG = "staff,T008,Mrs Song,,,,warden maple,13900000018,,,,,"
FANG = "staff,T005,方青,,,,副校长,13900000015,,,,,"


async def boarders(office: Office) -> dict[str, str | None]:
    async with office.database.reading() as session:
        units = {unit.id: unit.name for unit in await session.exec(select(Unit))}
        found = await session.exec(select(Enrolment).where(col(Enrolment.until).is_(None)))
        return {e.number: units.get(e.dormitory_id or 0) for e in found if e.boarder}


async def test_roles_hold_at_the_grade_and_at_the_dormitory(office: Office) -> None:
    first = await office.sends(LEO, MIA, LEE, SONG, FANG, head=WIDER)
    assert first.staff == 3
    assert await office.grants("Mr Lee") == {("grade_leader", "3")}
    assert await office.grants("Mrs Song") == {("dormitory_warden", "Maple House")}
    assert await office.grants("方青") == {("deputy_lead", "Green Shoots")}
    assert await boarders(office) == {"20250450": "Maple House"}
    assert (await office.sends(LEO, MIA, LEE, SONG, FANG, head=WIDER, on=1)).nothing


async def test_a_list_without_the_column_leaves_the_dormitory_as_it_is(office: Office) -> None:
    await office.sends(LEO, head=WIDER)
    assert (await office.sends("student,20250450,Leo,3-2,,,", on=1)).nothing
    assert await boarders(office) == {"20250450": "Maple House"}
    moved = await office.sends(LEO.replace("Maple House", ""), head=WIDER, on=1)
    assert moved.changed == 1
    assert await boarders(office) == {}


async def test_a_class_comes_under_its_grade_when_a_later_list_has_grades(office: Office) -> None:
    await office.sends(ANA)
    changed = await office.sends(MIA, LEE, head=WIDER)
    assert (changed.classes, changed.changed) == (0, 1)
    async with office.database.reading() as session:
        units = {unit.name: unit for unit in await session.exec(select(Unit))}
    assert units["3-2"].path.startswith(units["3"].path)
    assert await office.grants("Mr Lee") == {("grade_leader", "3")}


async def test_rights_and_days_are_those_of_the_list(office: Office) -> None:
    await office.sends(MIA, RUTH, PAUL, head=WIDER)
    assert await office.ties() == {"Ruth": (True, True, True), "Paul": (True, False, True)}
    async with office.database.reading() as session:
        ended = [tie.until for tie in await session.exec(select(Guardianship)) if tie.until]
    assert ended == [date(2026, 7, 1)]  # the last day is a day with it
    assert (await office.sends(MIA, RUTH, PAUL, head=WIDER, on=1)).nothing


async def test_a_right_that_is_taken_is_counted_as_changed(office: Office) -> None:
    await office.sends(MIA, RUTH, PAUL, head=WIDER)
    less = await office.sends(MIA, RUTH.replace(",1,,,,", ",1,phone only,,,"), head=WIDER)
    assert less.changed == 1
    assert (await office.ties())["Ruth"] == (False, False, True)


async def test_a_list_without_the_columns_changes_nobody_s_rights(office: Office) -> None:
    await office.sends(MIA, RUTH, PAUL, head=WIDER)
    narrow = ("student,20250440,Mia,3-2,,,", "guardian,20250440,Paul,,,13900000008,2",
              "guardian,20250440,Ruth,,,13900000007,1")  # fmt: skip
    assert (await office.sends(*narrow, on=1)).nothing
    assert await office.ties() == {"Ruth": (True, True, True), "Paul": (True, False, True)}


async def test_split_custody_said_of_the_child_reaches_guardians_not_in_the_file(
    office: Office,
) -> None:
    await office.sends(MIA, RUTH.replace("yes", ""), PAUL.replace("yes", ""), head=WIDER)
    changed = await office.sends(MIA + "yes", head=WIDER)
    assert changed.changed == 2
    assert {apart for _, _, apart in (await office.ties()).values()} == {True}


async def test_an_unknown_dormitory_and_nothing_is_taken_over(office: Office) -> None:
    await office.sends(MIA, head=WIDER)
    with pytest.raises(RosterErrors) as caught:
        await office.sends(SONG, FANG, head=WIDER)
    assert [(p.row, p.column[0], p.code.value) for p in caught.value.problems] == [
        (2, "G", "dormitory_unknown")
    ]
    assert await office.grants("方青") == set()
