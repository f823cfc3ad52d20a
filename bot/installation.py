"""The first steps of an installation: a school, its first admin, the way in."""

import secrets
from datetime import datetime

from checkin.access import Role
from checkin.facts import fact
from checkin.invitations import InvitationKind
from checkin.times import local_date
from handlers.clock import Clock
from handlers.invitations import make_link
from handlers.setup import make_school
from storage import people, units
from storage.database import Database, Session
from storage.ids import new_id
from storage.sealing import Private
from storage.tables import Person, RoleGrant
from storage.units import School

_OURS = "FIRST"  # before the digits of the admin whom we made, who is on no roster


@fact
class FirstAdmin:
    """How the first admin gets in: a code for the link, and the digits that the bot asks for.

    No digits: an admin of the roster, who proves themself by the number that the school has.
    """

    code: str
    digits: str | None


async def first_admin(database: Database, clock: Clock) -> FirstAdmin | None:
    """Make the way in for a first admin; None once somebody has come that way.

    Each start makes a new link while nobody has: the code is not kept, only its hash is.
    """
    now = clock()

    async def make(session: Session) -> FirstAdmin | None:
        if await people.anyone_came_as(session, Role.admin):
            return None
        found = await units.schools(session)
        school = found[0] if found else await make_school(session, "我的学校 / My school", now)
        admin = await people.waiting_admin(session, school.id)
        if admin is None:
            admin = _make_admin(session, school, now)
            await session.flush()
        code = await make_link(
            session, InvitationKind.staff, school.id, now, by=None, person_id=admin.person_id
        )
        ours = (admin.number or "").startswith(_OURS)
        return FirstAdmin(code, (admin.number or "").removeprefix(_OURS) if ours else None)

    return await database.write(make)


def _make_admin(session: Session, school: School, now: datetime) -> RoleGrant:
    """Make an admin for a school that has none; the digits are the second proof."""
    person = Person(id=new_id(), created_at=now)
    person.name = Private.of(person.id, "Admin")
    session.add(person)
    grant = RoleGrant(
        person_id=person.id,
        unit_id=school.id,
        role=Role.admin.value,
        number=f"{_OURS}{secrets.randbelow(10**6):06d}",
        since=local_date(now, school.zone),
    )
    session.add(grant)
    return grant
