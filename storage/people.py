"""People and what is said about them: roles, wards, consent."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Date,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    true,
    union_all,
)
from sqlalchemy import select as of_rows
from sqlalchemy.orm import aliased
from sqlalchemy.sql import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.access import Access, Grant, Reach, Role
from checkin.facts import fact
from checkin.times import local_date
from storage.contacts import RETIRED
from storage.sealing import Private
from storage.sql import among_named, is_sqlite, numbers, table
from storage.tables import Consent, Contact, Enrolment, Guardianship, Person, RoleGrant, Unit
from storage.units import within


@fact
class Pupil:
    """A student with the class they are in on `today`, their school's local date.

    `boards`: a dormitory's warden answers for them.
    """

    person_id: int
    name: str
    number: str
    unit_id: int
    unit_name: str
    unit_path: str
    school_id: int
    own_account: bool
    today: date
    boards: bool = False


@fact
class Guardian:
    """A guardian of one student as the roster or the chat made them known."""

    person_id: int
    name: str
    rank: int
    proved: bool
    may_answer: bool = True


def in_force(since: Any, until: Any, day: Any) -> ColumnElement[bool]:
    """Return the condition that a row with a first day and a first day after holds on `day`."""
    return and_(since <= day, or_(until.is_(None), until > day))


def name_of(person: Person) -> str:
    """Open a person's name."""
    return open_name(person.name, person.id)


def open_name(sealed: Private | None, person_id: int) -> str:
    """Open a name that was loaded without its person."""
    return sealed.read(person_id) if sealed else ""


async def access_of(session: AsyncSession, person_id: int | None, now: datetime) -> Access:
    """Return what a person may do at this moment; a role ends at its unit's own midnight."""
    if person_id is None:
        return Access(None)
    grants = []
    rows = await session.exec(_grants(), params={"person": person_id})
    for role, since, until, unit_id, path, zone in rows:
        today = local_date(now, ZoneInfo(zone or "UTC"))
        if since <= today and (until is None or until > today):
            grants.append(Grant(Role(role), unit_id, path))
    return Access(person_id, tuple(grants))


@cache
def _grants() -> Any:
    grant, unit, school = table(RoleGrant).c, table(Unit).c, table(Unit).alias("school")
    return (
        of_rows(grant.role, grant.since, grant.until, unit.id, unit.path, school.c.zone)
        .join(Unit, unit.id == grant.unit_id)
        .outerjoin(school, school.c.id == unit.school_id)
        .where(grant.person_id == bindparam("person"))
    )


async def holders(
    session: AsyncSession, roles: Sequence[Role], unit_ids: Iterable[int], day: date
) -> list[tuple[int, int]]:
    """Return (person, unit) for everyone who holds one of the roles at one of the units."""
    rows = await session.exec(
        select(RoleGrant.person_id, RoleGrant.unit_id)
        .where(
            col(RoleGrant.role).in_([role.value for role in roles]),
            col(RoleGrant.unit_id).in_(list(unit_ids)),
            in_force(col(RoleGrant.since), col(RoleGrant.until), day),
        )
        .order_by(col(RoleGrant.id))
    )
    return [(person, unit) for person, unit in rows]


async def pupils(
    session: AsyncSession,
    reach: Reach,
    now: datetime,
    *,
    person_ids: Iterable[int] | None = None,
) -> list[Pupil]:
    """Return the students enrolled within a reach on their school's today, by class and name."""
    school = aliased(Unit)
    query = (
        select(Enrolment, Unit, Person, school.zone)
        .join(Unit, col(Unit.id) == Enrolment.unit_id)
        .join(school, col(school.id) == Enrolment.school_id)
        .join(Person, col(Person.id) == Enrolment.person_id)
        .where(within(reach))
    )
    if person_ids is not None:
        query = query.where(col(Enrolment.person_id).in_(list(person_ids)))
    found = []
    for enrolment, unit, person, zone in await session.exec(query):
        today = local_date(now, ZoneInfo(zone or "UTC"))
        if enrolment.since <= today and (enrolment.until is None or enrolment.until > today):
            found.append(
                Pupil(
                    person.id,
                    name_of(person),
                    enrolment.number,
                    unit.id,
                    unit.name,
                    unit.path,
                    enrolment.school_id,
                    enrolment.own_account,
                    today,
                    enrolment.dormitory_id is not None,
                )
            )
    return sorted(found, key=lambda pupil: (pupil.unit_name, pupil.name))


async def pupils_by_id(
    session: AsyncSession, person_ids: Iterable[int], now: datetime
) -> list[Pupil]:
    """Return those of these people who are enrolled today, wherever; the caller knows why."""
    return await pupils(session, Reach(("/",)), now, person_ids=person_ids)


async def guardians_of(session: AsyncSession, student_id: int, day: date) -> list[Guardian]:
    """Return a student's guardians on `day`, the first to be asked first."""
    rows = await session.exec(
        select(Guardianship, Person)
        .join(Person, col(Person.id) == Guardianship.guardian_id)
        .where(
            Guardianship.student_id == student_id,
            in_force(col(Guardianship.since), col(Guardianship.until), day),
        )
        .order_by(col(Guardianship.rank), col(Guardianship.id))
    )
    return [
        Guardian(
            person.id, name_of(person), link.rank, link.proved_at is not None, link.may_answer
        )
        for link, person in rows
    ]


async def answers_for(session: AsyncSession, person_id: int, day: date) -> list[int]:
    """Return the ids of those whom a person may answer for on `day`: wards, and oneself."""
    return (await answers_for_each(session, [person_id], day))[person_id]


async def answers_for_each(
    session: AsyncSession, person_ids: Iterable[int], day: date
) -> dict[int, list[int]]:
    """Return whom each of several people may answer for on `day`, oneself first."""
    rights = await rights_of_each(session, person_ids, day)
    return {
        person: [right.subject_id for right in held if right.may_answer]
        for person, held in rights.items()
    }


@fact
class Right:
    """What a person may know and do about a subject; a tie ends at `until`, oneself never.

    `separate` is split custody: they know only what they said themselves. `split` says that some
    tie of the subject is separate, so that not everybody may know what everybody said.
    """

    subject_id: int
    may_see: bool = True
    may_answer: bool = True
    separate: bool = False
    split: bool = False
    until: date | None = None

    @property
    def apart(self) -> bool:
        """Whether this reader knows their own words only; so does who may answer and not see."""
        return self.separate or not self.may_see


async def rights_of_each(
    session: AsyncSession, person_ids: Iterable[int], day: date
) -> dict[int, list[Right]]:
    """Return whom each of several people may see or answer for on `day`, oneself first.

    A ward counts once the guardian has proved the tie and agreed to be asked; oneself once agreed.
    """
    wanted = list(set(person_ids))
    given = {"people": numbers(session, wanted), "day": day}
    found: dict[int, dict[int, Right]] = {person: {} for person in wanted}
    rows = await session.exec(_rights(is_sqlite(session)), params=given)
    for _, person, *held in rows:
        right = Right(*held)
        found[person].setdefault(right.subject_id, right)
    return {person: list(rights.values()) for person, rights in found.items()}


@cache
def _rights(sqlite: bool) -> Any:
    consent, tie, other = table(Consent).c, table(Guardianship).c, table(Guardianship).alias()

    def is_split(subject: ColumnElement[int]) -> ColumnElement[bool]:
        apart = of_rows(other.c.id).where(other.c.student_id == subject, other.c.separate)
        return apart.exists()

    oneself = of_rows(
        literal(0).label("place"),
        consent.given_by,
        consent.subject_id,
        true(),
        true(),
        false(),
        is_split(consent.subject_id),
        cast(null(), Date),
    ).where(
        among_named(sqlite, consent.subject_id, "people"),
        consent.given_by == consent.subject_id,
        consent.withdrawn_at.is_(None),
    )
    wards = (
        of_rows(
            tie.id,
            tie.guardian_id,
            tie.student_id,
            tie.may_see,
            tie.may_answer,
            tie.separate,
            is_split(tie.student_id),
            tie.until,
        )
        .join(
            Consent,
            and_(
                consent.subject_id == tie.student_id,
                consent.given_by == tie.guardian_id,
                consent.withdrawn_at.is_(None),
            ),
        )
        .where(
            among_named(sqlite, tie.guardian_id, "people"),
            tie.proved_at.is_not(None),
            or_(tie.may_see, tie.may_answer),
            in_force(tie.since, tie.until, bindparam("day")),
        )
    )
    return union_all(oneself, wards).order_by("place")


async def separated(
    session: AsyncSession, subject_ids: Iterable[int]
) -> dict[int, frozenset[int]]:
    """Return, by subject, the guardians in split custody, of ended ties too."""
    rows = await session.exec(
        select(Guardianship.student_id, Guardianship.guardian_id).where(
            col(Guardianship.student_id).in_(list(subject_ids)), col(Guardianship.separate)
        )
    )
    found: dict[int, set[int]] = {}
    for student, guardian in rows:
        found.setdefault(student, set()).add(guardian)
    return {student: frozenset(guardians) for student, guardians in found.items()}


async def names(session: AsyncSession, person_ids: Iterable[int]) -> dict[int, str]:
    """Return the names of people by id."""
    wanted = list(set(person_ids))
    if not wanted:
        return {}
    rows = await session.exec(select(Person).where(col(Person.id).in_(wanted)))
    return {person.id: name_of(person) for person in rows}


async def family_names(
    session: AsyncSession, person_ids: Iterable[int], subject_ids: Iterable[int]
) -> dict[int, str]:
    """Return the names of those among these people who are family of a subject, or a subject."""
    subjects = list(subject_ids)
    tied = select(Guardianship.guardian_id).where(col(Guardianship.student_id).in_(subjects))
    rows = await session.exec(
        select(Person).where(
            col(Person.id).in_(list(person_ids)),
            or_(col(Person.id).in_(tied), col(Person.id).in_(subjects)),
        )
    )
    return {person.id: name_of(person) for person in rows}


async def guardianships_of(session: AsyncSession, student_id: int) -> list[Guardianship]:
    """Return every tie of guardians to a student, ended ones too."""
    found = await session.exec(select(Guardianship).where(Guardianship.student_id == student_id))
    return list(found)


async def numbers_of(session: AsyncSession, person_id: int) -> list[str]:
    """Return a person's student and staff numbers."""
    enrolled = await session.exec(
        select(Enrolment.number).where(
            Enrolment.person_id == person_id, col(Enrolment.until).is_(None)
        )
    )
    employed = await session.exec(
        select(RoleGrant.number).where(
            RoleGrant.person_id == person_id, col(RoleGrant.until).is_(None)
        )
    )
    return list(dict.fromkeys([*enrolled, *(number for number in employed if number)]))


@fact
class Way:
    """How somebody could be asked about a student.

    `state` is open, blocked, unproved, absent, barred (the tie gives no right to answer), or
    unasked: in chat, but without consent.
    """

    person_id: int
    name: str
    rank: int
    state: str
    consented: bool


async def ways_of(session: AsyncSession, subject_id: int, day: date) -> list[Way]:
    """Return everyone who could be asked about a subject, and what stands in the way."""
    guardians = await guardians_of(session, subject_id, day)
    own = await names(session, [subject_id])
    consents = await session.exec(
        select(Consent.given_by).where(
            Consent.subject_id == subject_id, col(Consent.withdrawn_at).is_(None)
        )
    )
    agreed = set(consents)
    chats = await session.exec(
        select(Contact.person_id, Contact.state).where(
            col(Contact.person_id).in_(
                [subject_id, *(guardian.person_id for guardian in guardians)]
            )
        )
    )
    states: dict[int | None, str] = {}
    for person, state in chats:  # one open chat among several is enough
        states[person] = state if states.get(person) != "active" else "active"
    ways = []
    if subject_id in agreed:
        ways.append(Way(subject_id, own[subject_id], 0, _state(states.get(subject_id)), True))
    for guardian in guardians:
        state = _state(states.get(guardian.person_id)) if guardian.proved else "unproved"
        consented = guardian.person_id in agreed
        if not guardian.may_answer:
            state = "barred"
        elif state == "open" and not consented:
            state = "unasked"
        ways.append(Way(guardian.person_id, guardian.name, guardian.rank, state, consented))
    return ways


def _state(contact_state: str | None) -> str:
    known = {"active": "open", None: "absent", RETIRED: RETIRED}
    return known.get(contact_state, "blocked")


@fact
class Joined:
    """How many of a school have somebody who can be asked."""

    students: int
    joined: int
    staff: int
    staff_joined: int


async def joined(session: AsyncSession, school_id: int, day: date) -> Joined:
    """Count a school's students and staff, and those who can be asked."""
    students = set(
        await session.exec(
            select(Enrolment.person_id).where(
                Enrolment.school_id == school_id,
                in_force(col(Enrolment.since), col(Enrolment.until), day),
            )
        )
    )
    staff = {person for person, _ in await staff_of(session, school_id, day)}
    reachable = set(
        await session.exec(
            select(Consent.subject_id)
            .join(Contact, col(Contact.person_id) == Consent.given_by)
            .where(Contact.state == "active", col(Consent.withdrawn_at).is_(None))
        )
    )
    return Joined(len(students), len(students & reachable), len(staff), len(staff & reachable))


async def staff_of(session: AsyncSession, school_id: int, day: date) -> list[tuple[int, str]]:
    """Return the people with a role in a school, with their names."""
    found = await session.exec(
        select(Person)
        .join(RoleGrant, col(RoleGrant.person_id) == Person.id)
        .join(Unit, col(Unit.id) == RoleGrant.unit_id)
        .where(
            Unit.school_id == school_id,
            in_force(col(RoleGrant.since), col(RoleGrant.until), day),
        )
        .distinct()
    )
    return [(person.id, name_of(person)) for person in found]


async def students_in(session: AsyncSession, unit_id: int) -> int:
    """Count the students of a class."""
    found = await session.exec(
        select(func.count())
        .select_from(Enrolment)
        .where(Enrolment.unit_id == unit_id, col(Enrolment.until).is_(None))
    )
    return int(found.one())


async def anyone_came_as(session: AsyncSession, role: Role) -> bool:
    """Say whether anyone with this role has joined in chat."""
    found = await session.exec(
        select(RoleGrant.id)
        .join(Contact, col(Contact.person_id) == RoleGrant.person_id)
        .where(RoleGrant.role == role.value, col(RoleGrant.until).is_(None))
    )
    return found.first() is not None


async def waiting_admin(session: AsyncSession, school_id: int) -> RoleGrant | None:
    """Return the grant of an admin of the school who has not joined yet."""
    found = await session.exec(
        select(RoleGrant)
        .where(
            RoleGrant.unit_id == school_id,
            RoleGrant.role == Role.admin.value,
            col(RoleGrant.until).is_(None),
        )
        .order_by(col(RoleGrant.id))
    )
    return found.first()


def holds(tie: Guardianship, day: date) -> bool:
    """Say whether a tie is proved and in force on a day."""
    ended = tie.until is not None and tie.until <= day
    return tie.proved_at is not None and tie.since <= day and not ended


async def ties_of(session: AsyncSession, guardian_id: int) -> list[Guardianship]:
    """Return a guardian's ties to students."""
    found = await session.exec(select(Guardianship).where(Guardianship.guardian_id == guardian_id))
    return list(found)


async def consented_subjects(session: AsyncSession, person_id: int) -> list[int]:
    """Return whom a person has agreed to be asked about."""
    found = await session.exec(
        select(Consent.subject_id)
        .where(Consent.given_by == person_id, col(Consent.withdrawn_at).is_(None))
        .order_by(col(Consent.id))
    )
    return list(dict.fromkeys(found))


async def withdraw_consents(session: AsyncSession, person_id: int, now: datetime) -> list[int]:
    """Withdraw everything that a person has agreed to; return whom it was about."""
    found = await session.exec(
        select(Consent).where(Consent.given_by == person_id, col(Consent.withdrawn_at).is_(None))
    )
    subjects = []
    for consent in found:
        consent.withdrawn_at = now
        subjects.append(consent.subject_id)
    return list(dict.fromkeys(subjects))
