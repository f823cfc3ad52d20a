"""A school's people as the last roster left them, loaded whole to be compared with the next."""

from dataclasses import dataclass
from datetime import date

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.people import in_force
from storage.tables import Enrolment, Guardianship, Person, RoleGrant, Unit


@dataclass(slots=True)
class KnownRoster:
    """Everyone in force at a school on a day, and the ended ties of its students.

    `left` are the former students by number, as they were last.
    """

    units: dict[tuple[str, str], Unit]
    enrolments: dict[str, tuple[Enrolment, Person]]
    left: dict[str, tuple[Enrolment, Person]]
    guardianships: dict[int, list[tuple[Guardianship, Person]]]
    grants: dict[int, list[RoleGrant]]
    staff: dict[int, Person]
    unit_names: dict[int, str]

    def names(self, kind: str) -> list[str]:
        """Return the names of the units of a kind."""
        return [name for of, name in self.units if of == kind]


async def known_roster(session: AsyncSession, school_id: int, day: date) -> KnownRoster:
    """Load a school's units, students, guardians and staff."""
    units = list(await session.exec(select(Unit).where(Unit.school_id == school_id)))
    enrolled = await session.exec(
        select(Enrolment, Person)
        .join(Person, col(Person.id) == Enrolment.person_id)
        .where(Enrolment.school_id == school_id)
        .order_by(col(Enrolment.since), col(Enrolment.id))
    )
    enrolments: dict[str, tuple[Enrolment, Person]] = {}
    left: dict[str, tuple[Enrolment, Person]] = {}
    for enrolment, person in enrolled:
        there = enrolment.since <= day and (enrolment.until is None or enrolment.until > day)
        (enrolments if there else left)[enrolment.number] = (enrolment, person)
    guardianships: dict[int, list[tuple[Guardianship, Person]]] = {}
    guarded = await session.exec(
        select(Guardianship, Person)
        .join(Person, col(Person.id) == Guardianship.guardian_id)
        .join(Enrolment, col(Enrolment.person_id) == Guardianship.student_id)
        .where(Enrolment.school_id == school_id)
        .order_by(col(Guardianship.rank), col(Guardianship.id))
    )
    for guardianship, person in {tie.id: (tie, person) for tie, person in guarded}.values():
        guardianships.setdefault(guardianship.student_id, []).append((guardianship, person))
    granted = await session.exec(
        select(RoleGrant, Person)
        .join(Person, col(Person.id) == RoleGrant.person_id)
        .where(
            col(RoleGrant.unit_id).in_([unit.id for unit in units]),
            in_force(col(RoleGrant.since), col(RoleGrant.until), day),
        )
        .order_by(col(RoleGrant.id))
    )
    grants: dict[int, list[RoleGrant]] = {}
    staff: dict[int, Person] = {}
    for grant, person in granted:
        grants.setdefault(person.id, []).append(grant)
        staff[person.id] = person
    return KnownRoster(
        units={(unit.kind, unit.name): unit for unit in units},
        enrolments=enrolments,
        left=left,
        guardianships=guardianships,
        grants=grants,
        staff=staff,
        unit_names={unit.id: unit.name for unit in units},
    )
