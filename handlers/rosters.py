"""Taking over a roster: all or nothing, and the same file again changes nothing.

Whoever stands in the file is added or brought up to date. Whoever does not is left alone and
counted, so that the list of one class cannot put the rest of the school out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from checkin.access import Role
from checkin.names import same_name
from checkin.plans import Audience
from checkin.rosters import (
    Field,
    GuardianOf,
    Roster,
    RosterGuardian,
    RosterStaff,
    RosterStudent,
    Sheet,
    read_roster,
)
from checkin.times import local_date
from handlers.flags import hand_on
from handlers.handing import hand_houses_now
from storage import asking, audit, cards, rounds, units
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
    left: int = 0
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
        known_classes=known.names("class"),
        known_grades=known.names("grade"),
        known_dormitories=known.names("dormitory"),
    )
    return await import_roster(session, school, roster, now, actor_id=actor_id)


async def import_roster(
    session: Session, school: School, roster: Roster, now: datetime, *, actor_id: int | None
) -> Changes:
    """Take over a roster within the caller's transaction."""
    today = local_date(now, school.zone)
    known = await known_roster(session, school.id, today)
    taking = _Taking(session, school, known, now, today, roster.says)
    taking.expect(roster.guardians)
    await taking.take_units(roster)
    for student in roster.students:
        taking.take_student(student)
    for guardian in roster.guardians:
        taking.take_guardian(guardian)
    taking.take_apart(roster)
    for member in roster.staff:
        taking.take_staff(member)
    changes = taking.changes
    changes.unused = roster.unused
    if roster.students:
        listed = {student.number for student in roster.students}
        for number, (enrolment, _) in known.enrolments.items():
            enrolment.unlisted = number not in listed and enrolment.until is None
        changes.not_in_file = sum(each.unlisted for each, _ in known.enrolments.values())
    await session.flush()
    await cards.refresh_of(session, taking.concerned, since=today)
    if taking.moved:
        await cards.refresh_at_school(session, taking.moved, since=today)
        await hand_on(session, school, now)
    if changes.students or changes.staff:
        await _join_open_rounds(session, school)
    if not changes.nothing:
        await _ask_those_left(session, school, now)
        await hand_houses_now(session, now, school)
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


async def _join_open_rounds(session: Session, school: School) -> None:
    """Have the new ones in the rounds that are open: a family that joins now is asked now."""
    for held, audience in await rounds.still_open(session, school.id):
        if audience == Audience.students:
            await asking.open_students(session, held)
        else:
            await asking.open_staff(session, held, school.path)
        classes = [unit.id for unit in await units.classes_of(session, school.id)]
        await cards.refresh_about(session, [*classes, school.id], held.day)


async def _ask_those_left(session: Session, school: School, now: datetime) -> None:
    """Ask at once about children whose tie to whoever was asked about them has ended."""
    for held, _ in await rounds.still_open(session, school.id):
        if held.closes_at <= now:
            continue
        if (await asking.ask_those_left(session, held, now)).anything:
            await cards.refresh_school(session, school.id, held.day)


_KIND_OF = {
    Role.class_teacher: "class",
    Role.grade_leader: "grade",
    Role.dormitory_warden: "dormitory",
}


class _Taking:
    """One import under way: what is known, and what has been done."""

    def __init__(
        self,
        session: Session,
        school: School,
        known: KnownRoster,
        now: datetime,
        today: date,
        says: frozenset[Field],
    ) -> None:
        self._session = session
        self._school = school
        self._known = known
        self._now = now
        self._today = today
        self._says = says
        self._by_phone: dict[bytes, list[Person]] = {}
        self._guardians = {
            person.id: person for ties in known.guardianships.values() for _, person in ties
        }
        for person in self._guardians.values():
            self._remember_phone(person)
        self._listed: dict[bytes, list[str]] = {}
        self.changes = Changes()
        self.concerned: set[int] = set()  # guardians who may know or do more or less than before
        self.moved: set[int] = set()  # staff who have gained or lost a role

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

    async def take_units(self, roster: Roster) -> None:
        """Make the grades, classes and dormitories that are not there yet, in natural order."""
        root = await self._session.get_one(Unit, self._school.id)
        for position, name in enumerate(roster.classes):
            unit = self._known.units.get(("class", name))
            grade = roster.grade_of(name)
            if unit is None:
                parent = await self._unit(root, "grade", grade) if grade else root
                await self._unit(parent, "class", name, position)
                self.changes.classes += 1
            elif grade:
                await self._regrade(unit, await self._unit(root, "grade", grade))
        for position, name in enumerate(roster.dormitories):
            await self._unit(root, "dormitory", name, position)

    async def _unit(self, parent: Unit, kind: str, name: str, position: int = 0) -> Unit:
        unit = self._known.units.get((kind, name))
        if unit is None:
            unit = await units.add_unit(
                self._session, parent, kind, name, self._now, position=position
            )
            self._known.units[kind, name] = unit
        return unit

    async def _regrade(self, unit: Unit, grade: Unit) -> None:
        """Put a class under its grade: an earlier list may not have had the grades."""
        if unit.parent_id != grade.id:
            units.move_unit(unit, grade)
            self.changes.changed += 1

    def take_student(self, student: RosterStudent) -> None:
        """Enrol a student, or bring the name, class and marks up to date."""
        unit = self._known.units["class", student.class_name]
        house = student.dormitory and self._known.units["dormitory", student.dormitory].id
        known = self._known.enrolments.get(student.number)
        if known is None:
            person = self._returning(student) or self._person(student.name, None)
            enrolment = self._enrol(person, unit, student, house or None)
            self._known.enrolments[student.number] = (enrolment, person)
            self.changes.students += 1
            return
        enrolment, person = known
        changed = self._rename(person, student.name)
        student, house = self._as_known(student, house or None, enrolment)
        if enrolment.until is not None:  # was to leave, and is on the list again
            self._ties_go_on(person, enrolment.until)
            enrolment.until = None
            changed = True
        if enrolment.unit_id != unit.id:
            if enrolment.since >= self._today:
                enrolment.unit_id = unit.id
            else:
                enrolment.until = self._today
                enrolment = self._enrol(person, unit, student, house)
                self._known.enrolments[student.number] = (enrolment, person)
            changed = True
        marks = (student.boarder, student.own_account, house)
        if (enrolment.boarder, enrolment.own_account, enrolment.dormitory_id) != marks:
            enrolment.boarder, enrolment.own_account, enrolment.dormitory_id = marks
            changed = True
        self.changes.changed += changed

    def _returning(self, student: RosterStudent) -> Person | None:
        """Find a child who has left and comes back: the same number and the same name.

        The ties that ended with the leaving begin again; their proof and consent stand.
        """
        enrolment, person = self._known.left.get(student.number, (None, None))
        if person is None or not same_name(name_of(person), student.name):
            return None
        if enrolment is not None and enrolment.until is not None:
            self._ties_go_on(person, enrolment.until)
        return person

    def _ties_go_on(self, person: Person, ended: date) -> None:
        for tie, _ in self._known.guardianships.get(person.id, []):
            if tie.until == ended:
                tie.until = None

    def _as_known(
        self, student: RosterStudent, house: int | None, enrolment: Enrolment
    ) -> tuple[RosterStudent, int | None]:
        """Fill in from what is known the marks for which the list has no column."""
        if Field.boarder not in self._says:
            student = replace(student, boarder=enrolment.boarder)
        if Field.own_account not in self._says:
            student = replace(student, own_account=enrolment.own_account)
        if Field.dormitory not in self._says:
            house = enrolment.dormitory_id if student.boarder else None
        return student, house

    def _enrol(
        self, person: Person, unit: Unit, student: RosterStudent, dormitory_id: int | None
    ) -> Enrolment:
        enrolment = Enrolment(
            person_id=person.id,
            unit_id=unit.id,
            school_id=self._school.id,
            number=student.number,
            boarder=student.boarder,
            dormitory_id=dormitory_id,
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
        else:
            # Who also works here is called as the list of staff has it.
            named = person.id not in self._known.staff and self._rename(person, guardian.name)
            self.changes.changed += named | self._rephone(person, guardian.phone)
        self._remember_phone(person)
        for student_id, each in zip(students, guardian.students, strict=True):
            self._tie(person, student_id, each)

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

    def _tie(self, person: Person, student_id: int, said: GuardianOf) -> None:
        """Make a tie, or bring it up to date; what the list has no column for stays as it is."""
        ties = self._known.guardianships.setdefault(student_id, [])
        until = said.last + timedelta(days=1) if said.last else None
        for tie, guardian in ties:
            if guardian.id == person.id:
                self._update_tie(tie, said, until)
                return
        tie = Guardianship(
            student_id=student_id,
            guardian_id=person.id,
            rank=said.order,
            may_see=said.rights.may_see,
            may_answer=said.rights.may_answer,
            separate=said.separate,
            since=said.since or self._today,
            until=until,
        )
        self._session.add(tie)
        ties.append((tie, person))

    def _update_tie(self, tie: Guardianship, said: GuardianOf, until: date | None) -> None:
        before = (tie.rank, tie.since, tie.until, tie.may_see, tie.may_answer, tie.separate)
        tie.rank = said.order
        if Field.rights in self._says:
            tie.may_see, tie.may_answer = said.rights.may_see, said.rights.may_answer
        if Field.separate in self._says:
            tie.separate = said.separate
        ended = tie.until is not None and tie.until <= self._today
        if Field.until not in self._says:
            until = None if ended else tie.until
        if ended and (until is None or until > self._today):
            tie.since = self._today  # it had ended: the list says that it holds
        tie.until = until
        if said.since is not None:
            tie.since = said.since
        rights = (tie.may_see, tie.may_answer, tie.separate)
        after = (tie.rank, tie.since, tie.until, *rights)
        if before[1:] != after[1:]:
            self.concerned.add(tie.guardian_id)
        if before[-1] != after[-1]:
            self._concern_family(tie.student_id)
        self.changes.changed += sum(
            (before[0] != after[0], before[1:3] != after[1:3], before[3:] != after[3:])
        )

    def take_apart(self, roster: Roster) -> None:
        """Take over split custody said of a child: also for guardians who are not on the list.

        It is lifted tie by tie only, by a guardian's own row.
        """
        listed = {(of.number, one.name) for one in roster.guardians for of in one.students}
        for student in roster.students:
            if not student.separate:
                continue
            person_id = self._known.enrolments[student.number][1].id
            for tie, guardian in self._known.guardianships.get(person_id, []):
                if not tie.separate and (student.number, name_of(guardian)) not in listed:
                    tie.separate = True
                    self.changes.changed += 1
                    self._concern_family(person_id)

    def _concern_family(self, student_id: int) -> None:
        """Keep that who knows what of a student has changed for all of the family."""
        ties = self._known.guardianships.get(student_id, [])
        self.concerned |= {student_id, *(guardian.id for _, guardian in ties)}

    def take_staff(self, member: RosterStaff) -> None:
        """Give a member of staff the roles of the list; being an admin is never taken away."""
        person = self._known_staff(member)
        if person is None:
            person = self._person(member.name, member.phone)
            self._known.staff[person.id] = person
            self.changes.staff += 1
        else:
            # A parent among the staff is found again by the phone that the guardians' list has.
            phone = None if self._is_guardian(person) else member.phone
            self.changes.changed += self._rename(person, member.name) | self._rephone(
                person, phone
            )
        wanted = {
            (role, self._unit_of(role, name).id)
            for role, name in (member.roles or ((Role.staff, None),))
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
        if new:
            self.moved.add(person.id)
        for grant in held:
            if grant.role != Role.admin and (Role(grant.role), grant.unit_id) not in wanted:
                grant.until = self._today
                self.moved.add(person.id)
                self.changes.changed += 1
        self.changes.changed += bool(new) and not fresh

    def _is_guardian(self, person: Person) -> bool:
        return person.id in self._guardians and person.phone_index is not None

    def _unit_of(self, role: Role, name: str | None) -> Unit:
        kind = _KIND_OF.get(role)
        if kind is None or name is None:
            return self._known.units["school", self._school.name]
        return self._known.units[kind, name]

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
