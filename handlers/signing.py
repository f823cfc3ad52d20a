"""The summary on its way to a signature: handed over, chased, and fallen to the deputy."""

from collections.abc import Sequence
from datetime import datetime

from checkin.access import Role
from storage import cards, contacts, ledger, people
from storage.database import Session
from storage.signoffs import sign_off_of
from storage.tables import Contact, Round
from storage.units import School


async def hand_over(session: Session, now: datetime, school: School, held: Round) -> int:
    """Owe the leads the day's summary; return how many. Again changes nothing."""
    leads = await _reached(session, school, held, [Role.school_lead])
    return await _owe(session, now, school, held, leads)


async def chase(session: Session, now: datetime, school: School, held: Round) -> int:
    """Remind the leads of a summary that nobody has signed; return how many."""
    if await sign_off_of(session, school.id, held.day, held.slot):
        return 0
    leads = await _reached(session, school, held, [Role.school_lead])
    for contact in leads:
        card = await cards.card_of(session, contact, held.day, "summary", held.slot, school.id)
        cause = f"unsigned:{held.day}:{held.slot}"
        await ledger.owe(session, contact, "unsigned", cause, now, card=card)
    return len(leads)


async def hand_to_deputy(session: Session, now: datetime, school: School, held: Round) -> int:
    """Owe the deputies a summary that nobody has signed; return how many."""
    if await sign_off_of(session, school.id, held.day, held.slot):
        return 0
    deputies = await _reached(session, school, held, [Role.deputy_lead])
    return await _owe(session, now, school, held, deputies)


async def _reached(
    session: Session, school: School, held: Round, roles: Sequence[Role]
) -> list[Contact]:
    found = await people.holders(session, roles, [school.id], held.day)
    return await contacts.contacts_of(session, [person for person, _ in found])


async def _owe(
    session: Session, now: datetime, school: School, held: Round, readers: Sequence[Contact]
) -> int:
    for contact in readers:
        card = await cards.card_of(session, contact, held.day, "summary", held.slot, school.id)
        about = f"{held.day}:{held.slot}:{school.id}"
        await ledger.owe(session, contact, "picture", f"picture:{about}", now, card=card)
        cause = f"summary:{about}"
        await ledger.owe(session, contact, "card", cause, now, card=card)
    return len(readers)
