"""Taking over a roster: all or nothing, and the same file again changes nothing.

Whoever stands in the file is added or brought up to date. Whoever does not is left alone and
counted, so that the list of one class cannot put the rest of the school out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from checkin.access import Role
from checkin.names import same_name
from checkin.rosters import (
    Roster,
    RosterGuardian,
    RosterStaff,
    RosterStudent,
    Sheet,
    read_roster,
)
from checkin.times import local_date
from storage import audit, units
from storage.database import Session
from storage.ids import new_id
from storage.people import name_of
from storage.rosters import KnownRoster, known_roster
from storage.sealing import Private, keyring
from storage.tables import Enrolment, Guardianship, Person, RoleGrant, Unit
from storage.units import School


@dataclass(slots=True)
class Changes:
    """What an import did, in numbers."""

    students: int = 0
    guardians: int = 0
    staff: int = 0
    classes: int = 0
    changed: int = 0
    not_in_file: int = 0
    unused: tuple[str, ...] = field(default=())

    @property
    def nothing(self) -> bool:
        """Say whether the school was like this already."""
        return not (self.students or self.guardians or self.staff or self.classes or self.changed)


async def import_sheets(
    session: Session,
    school: School,
    sheets: Sequence[Sheet],
    now: datetime,
    *,
    actor_id: int | None,
) -> Changes:
    """Read a roster and take it over within the caller's transaction.

    Raises:
        RosterErrors: every problem by sheet, row and column; nothing is changed then.
    """
    today = local_date(now, school.zone)
    known = await known_roster(session, school.id, today)
    roster = read_roster(
        sheets,
        known_numbers=known.enrolments.keys(),
        known_classes=[name for kind, name in known.units if kind == "class"],
    )
    return await import_roster(session, school, roster, now, actor_id=actor_id)


async def import_roster(
    session: Session, school: School, roster: Roster, now: datetime, *, actor_id: int | None
) -> Changes:
    """Take over a roster within the caller's transaction."""
    today = local_date(now, school.zone)
    known = await known_roster(session, school.id, today)
    taking = _Taking(session, school, known, now, today)
    taking.expect(roster.guardians)
    await taking.take_classes(roster)
    for student in roster.students:
        taking.take_student(student)
    for guardian in roster.guardians:
        taking.take_guardian(guardian)
    for member in roster.staff:
        taking.take_staff(member)
    changes = taking.changes
    changes.unused = roster.unused
    if roster.students:
        listed = {student.number for student in roster.students}
        changes.not_in_file = len(known.enrolments.keys() - listed)
    await session.flush()
    audit.record(
        session,
        "roster imported",
        now,
        actor_id=actor_id,
        school_id=school.id,
        students=changes.students,
        guardians=changes.guardians,
        staff=changes.staff,
        changed=changes.changed,
    )
    return changes


class _Taking:
    """One import under way: what is known, and what has been done."""

    def __init__(
        self, session: Session, school: School, known: KnownRoster, now: datetime, today: date
    ) -> None:
        self._session = session
        self._school = school
        self._known = known
        self._now = now
        self._today = today
        self._by_phone: dict[bytes, list[Person]] = {}
        for _, person in (p for pairs in known.guardianships.values() for p in pairs):
            self._remember_phone(person)
        self._listed: dict[bytes, list[str]] = {}
        self.changes = Changes()

    def _remember_phone(self, person: Person) -> None:
        if person.phone_index:
            sharing = self._by_phone.setdefault(person.phone_index, [])
            if person not in sharing:
                sharing.append(person)

    def expect(self, guardians: Iterable[RosterGuardian]) -> None:
        """Learn which names the list has for each phone: parents may share one."""
        for guardian in guardians:
            if guardian.phone:
                index = keyring().blind_index(guardian.phone)
                self._listed.setdefault(index, []).append(guardian.name)

    async def take_classes(self, roster: Roster) -> None:
        """Make the grades and classes that are not there yet, in the roster's order."""
        root = await self._session.get_one(Unit, self._school.id)
        for position, name in enumerate(roster.classes):
            unit = self._known.units.get(("class", name))
            if unit is None:
                parent = await self._grade(root, roster.grade_of(name))
                unit = await units.add_unit(
                    self._session, parent, "class", name, self._now, position=position
                )
                self._known.units["class", name] = unit
                self.changes.classes += 1

    async def _grade(self, root: Unit, name: str | None) -> Unit:
        if name is None:
            return root
        grade = self._known.units.get(("grade", name))
        if grade is None:
            grade = await units.add_unit(self._session, root, "grade", name, self._now)
            self._known.units["grade", name] = grade
        return grade

    def take_student(self, student: RosterStudent) -> None:
        """Enrol a student, or bring the name, class and marks up to date."""
        unit = self._known.units["class", student.class_name]
        known = self._known.enrolments.get(student.number)
        if known is None:
            person = self._person(student.name, None)
            self._known.enrolments[student.number] = (self._enrol(person, unit, student), person)
            self.changes.students += 1
            return
        enrolment, person = known
        changed = self._rename(person, student.name)
        if enrolment.unit_id != unit.id:
            if enrolment.since == self._today:
                enrolment.unit_id = unit.id
            else:
                enrolment.until = self._today
                enrolment = self._enrol(person, unit, student)
                self._known.enrolments[student.number] = (enrolment, person)
            changed = True
        marks = (student.boarder, student.own_account)
        if (enrolment.boarder, enrolment.own_account) != marks:
            enrolment.boarder, enrolment.own_account = marks
            changed = True
        self.changes.changed += changed

    def _enrol(self, person: Person, unit: Unit, student: RosterStudent) -> Enrolment:
        enrolment = Enrolment(
            person_id=person.id,
            unit_id=unit.id,
            school_id=self._school.id,
            number=student.number,
            boarder=student.boarder,
            own_account=student.own_account,
            since=self._today,
        )
        self._session.add(enrolment)
        return enrolment

    def take_guardian(self, guardian: RosterGuardian) -> None:
        """Tie a guardian to their students: known by phone, without one by name and child."""
        students = [self._known.enrolments[each.number][1].id for each in guardian.students]
        person = self._known_guardian(guardian, students)
        if person is None:
            person = self._person(guardian.name, guardian.phone)
            person.language = guardian.language
            self.changes.guardians += 1
        elif self._rename(person, guardian.name) | self._rephone(person, guardian.phone):
            self.changes.changed += 1
        self._remember_phone(person)
        for student_id, each in zip(students, guardian.students, strict=True):
            self._tie(person, student_id, each.order)

    def _known_guardian(self, guardian: RosterGuardian, students: Iterable[int]) -> Person | None:
        """Find a guardian by phone and name, by a phone nobody else has, or by child and name."""
        index = keyring().blind_index(guardian.phone) if guardian.phone else b""
        sharing = self._by_phone.get(index, [])
        for person in sharing:
            if same_name(name_of(person), guardian.name):
                return person
        for person in sharing:  # the name was corrected, unless the list has the old one as well
            if not any(same_name(name_of(person), name) for name in self._listed[index]):
                return person
        for student_id in students:
            for _, person in self._known.guardianships.get(student_id, []):
                # The phone is new, unless the list has the old one as well.
                replaced = not guardian.phone or person.phone_index not in self._listed
                if replaced and same_name(name_of(person), guardian.name):
                    return person
        return None

    def _tie(self, person: Person, student_id: int, rank: int) -> None:
        ties = self._known.guardianships.setdefault(student_id, [])
        for guardianship, guardian in ties:
            if guardian.id == person.id:
                if guardianship.until is not None:  # it had ended: the list says that it holds
                    guardianship.since, guardianship.until = self._today, None
                    self.changes.changed += 1
                if guardianship.rank != rank:
                    guardianship.rank = rank
                    self.changes.changed += 1
                return
        guardianship = Guardianship(
            student_id=student_id, guardian_id=person.id, rank=rank, since=self._today
        )
        self._session.add(guardianship)
        ties.append((guardianship, person))

    def take_staff(self, member: RosterStaff) -> None:
        """Give a member of staff the roles of the list; being an admin is never taken away."""
        person = self._known_staff(member)
        if person is None:
            person = self._person(member.name, member.phone)
            self._known.staff[person.id] = person
            self.changes.staff += 1
        elif self._rename(person, member.name) | self._rephone(person, member.phone):
            self.changes.changed += 1
        wanted = {
            (role, self._unit_of(class_name).id)
            for role, class_name in (member.roles or ((Role.staff, None),))
        }
        held = self._known.grants.setdefault(person.id, [])
        new = wanted - {(Role(grant.role), grant.unit_id) for grant in held}
        for role, unit_id in sorted(new):
            grant = RoleGrant(
                person_id=person.id,
                unit_id=unit_id,
                role=role.value,
                number=member.number,
                since=self._today,
            )
            self._session.add(grant)
            held.append(grant)
        fresh = len(held) == len(new)
        for grant in held:
            if grant.role != Role.admin and (Role(grant.role), grant.unit_id) not in wanted:
                grant.until = self._today
                self.changes.changed += 1
        self.changes.changed += bool(new) and not fresh

    def _unit_of(self, class_name: str | None) -> Unit:
        if class_name is None:
            return self._known.units["school", self._school.name]
        return self._known.units["class", class_name]

    def _known_staff(self, member: RosterStaff) -> Person | None:
        index = keyring().blind_index(member.phone) if member.phone else None
        for person_id, person in self._known.staff.items():
            numbers = {grant.number for grant in self._known.grants.get(person_id, [])} - {None}
            if member.number and numbers:
                if member.number in numbers:
                    return person
            elif index and person.phone_index:
                if index == person.phone_index:
                    return person
            elif same_name(name_of(person), member.name):
                return person
        return None

    def _person(self, name: str, phone: str | None) -> Person:
        person = Person(id=new_id(), created_at=self._now)
        person.name = Private.of(person.id, name)
        self._rephone(person, phone)
        self._session.add(person)
        return person

    def _rename(self, person: Person, name: str) -> bool:
        if name_of(person) == name:
            return False
        person.name = Private.of(person.id, name)
        return True

    def _rephone(self, person: Person, phone: str | None) -> bool:
        if phone is None or person.phone_index == keyring().blind_index(phone):
            return False
        person.phone = Private.of(person.id, phone)
        person.phone_index = keyring().blind_index(phone)
        return True
