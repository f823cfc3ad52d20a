"""The first steps of an installation: a school, its first admin, the way in."""

import secrets
from dataclasses import dataclass

from checkin.access import Role
from checkin.invitations import InvitationKind
from handlers.clock import Clock
from handlers.invitations import make_link
from handlers.setup import make_school
from storage import people, units
from storage.database import Database, Session
from storage.ids import new_id
from storage.sealing import Private
from storage.tables import Person, RoleGrant


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """How the first admin gets in: a code for the link, and the digits that the bot asks for."""

    code: str
    digits: str


async def first_admin(database: Database, clock: Clock) -> FirstAdmin | None:
    """Make the way in for a first admin; None once somebody has come that way.

    Each start makes a new one while nobody has: the code is not kept, only its hash is.
    """
    now = clock()
    async with database.writing() as session:
        if await people.anyone_came_as(session, Role.admin):
            return None
        found = await units.schools(session)
        school = found[0] if found else await make_school(session, "我的学校 / My school", now)
        digits = f"{secrets.randbelow(10**6):06d}"
        person_id = await _admin(session, school.id, digits, clock)
        code = await make_link(
            session, InvitationKind.staff, school.id, now, by=None, person_id=person_id
        )
    return FirstAdmin(code, digits)


async def _admin(session: Session, school_id: int, digits: str, clock: Clock) -> int:
    """Return the admin who has not come yet, with these digits as the second proof."""
    grant = await people.waiting_admin(session, school_id)
    if grant is not None:
        grant.number = digits
        return grant.person_id
    person = Person(id=new_id(), created_at=clock())
    person.name = Private.of(person.id, "Admin")
    session.add(person)
    session.add(
        RoleGrant(
            person_id=person.id,
            unit_id=school_id,
            role=Role.admin.value,
            number=digits,
            since=clock().date(),
        )
    )
    await session.flush()
    return person.id
