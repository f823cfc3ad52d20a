import csv
import io
from collections import Counter

import pytest

from bot.invented import class_names, invented_school, personas
from checkin.access import Role
from checkin.invitations import Match, check_claim
from checkin.rosters import Roster, Sheet, read_roster, roster_rows
from handlers.roster_files import read_sheets

SCHOOL = invented_school()


def test_the_school_has_the_size_that_was_asked_for() -> None:
    assert len(SCHOOL.students) == 240
    assert len(SCHOOL.staff) == 25
    assert SCHOOL.classes == ("1-1", "1-2", "3-1", "3-2", "5-1", "5-2")
    assert set(Counter(student.class_name for student in SCHOOL.students).values()) == {40}


def test_the_same_seed_makes_the_same_school() -> None:
    assert invented_school(seed=7) == invented_school(seed=7)
    assert invented_school(seed=7) != invented_school(seed=8)


@pytest.mark.parametrize(
    "roster",
    [
        SCHOOL,
        invented_school(students=1200, classes=30, staff=80),
        invented_school(seed=1, students=16, classes=4, staff=9),
    ],
    ids=["demo", "large", "small"],
)
def test_the_school_written_as_one_csv_is_imported_the_same(roster: Roster) -> None:
    assert read_roster([Sheet("roster", roster_rows(roster))]) == roster
    assert read_roster(read_sheets("green-shoots.csv", as_csv(roster))) == roster


def as_csv(roster: Roster) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(roster_rows(roster))
    return text.getvalue().encode("utf-8-sig")


def test_every_student_has_somebody_who_answers() -> None:
    firsts = Counter(
        of.number for guardian in SCHOOL.guardians for of in guardian.students if of.order == 1
    )
    assert firsts == Counter(student.number for student in SCHOOL.students)


def test_families_are_as_families_are() -> None:
    of_two = [guardian for guardian in SCHOOL.guardians if len(guardian.students) == 2]
    assert len(of_two) >= 10
    assert sum(guardian.phone is None for guardian in SCHOOL.guardians) >= 3
    assert sum(student.boarder for student in SCHOOL.students) >= 10
    assert 1 <= sum(student.own_account for student in SCHOOL.students) <= 3
    assert {guardian.language for guardian in SCHOOL.guardians} == {"zh", "en"}
    class_of = {student.number: student.class_name for student in SCHOOL.students}
    for guardian in of_two:
        assert len({class_of[of.number] for of in guardian.students}) == 2


def test_nobody_can_be_called() -> None:
    phones = [person.phone for person in (*SCHOOL.guardians, *SCHOOL.staff) if person.phone]
    assert all(phone.startswith(("1000000", "+447700900")) for phone in phones)
    assert len(set(phones)) == len(phones)


def test_every_class_has_its_teacher_and_the_school_a_lead_a_doctor_and_an_admin() -> None:
    roles = Counter(role for person in SCHOOL.staff for role, _ in person.roles)
    assert roles[Role.school_lead] == roles[Role.doctor] == roles[Role.admin] == 1
    held = [each for person in SCHOOL.staff for each in person.roles]
    led = [name for role, name in held if role is Role.class_teacher]
    assert sorted(led) == sorted(SCHOOL.classes)
    assert [name for role, name in held if role is Role.grade_leader] == ["1", "3", "5"]
    assert roles[Role.deputy_lead] == roles[Role.dormitory_warden] == 1


def test_a_dozen_board_in_the_dormitory_and_one_family_lives_apart() -> None:
    housed = [student for student in SCHOOL.students if student.dormitory]
    assert len(housed) == 12
    assert all(student.boarder and not student.own_account for student in housed)
    apart = {one.name for one in SCHOOL.guardians if any(of.separate for of in one.students)}
    assert apart == {"Ruth Adler", "Paul Keller"}


@pytest.mark.parametrize("classes", [4, 6, 12, 30])
def test_the_people_of_the_demo_are_always_there(classes: int) -> None:
    roster = invented_school(students=40 * classes, classes=classes, staff=classes + 10)
    people = personas(roster)
    numbers = {student.name: student.number for student in roster.students}
    both = {numbers["Ana Lima"], numbers["Ben Lima"]}
    assert {of.number for of in people.guardian_of_two.students} == both
    assert {of.number for of in people.second_guardian.students} == both
    assert [of.order for of in people.second_guardian.students] == [2, 2]
    assert people.guardian_of_silent_child.students[0].number == people.silent_child.number
    assert people.student_with_own_account.own_account
    assert people.class_teacher.roles[0] == (Role.class_teacher, people.silent_child.class_name)
    assert people.school_lead.roles == ((Role.school_lead, None),)
    assert people.admin.roles == ((Role.admin, None),)


def test_two_namesakes_in_one_class_are_told_apart_by_their_numbers() -> None:
    namesakes = [student for student in SCHOOL.students if student.name == "王子涵"]
    assert len(namesakes) == 2
    assert len({student.class_name for student in namesakes}) == 1
    for student in namesakes:
        assert check_claim(SCHOOL.students, "王子涵", student.number[-4:]) == Match(student)


def test_classes_are_named_readably() -> None:
    assert class_names(12) == [f"{grade}-{place}" for grade in range(1, 7) for place in (1, 2)]
    assert class_names(3) == ["1-1", "3-1", "5-1"]


def test_a_school_too_small_for_the_demo_is_refused() -> None:
    with pytest.raises(ValueError, match="4 classes"):
        invented_school(students=12, classes=3, staff=25)
