"""Cards of classes and houses, handed to those who look after them."""

from collections.abc import Sequence
from datetime import datetime

from checkin.access import Role
from checkin.plans import Audience
from handlers.desk import Desk
from storage import cards, contacts, ledger, people, rounds, units
from storage.database import Session
from storage.tables import Contact, Round
from storage.units import School


async def hand_cards(
    session: Session, now: datetime, held: Round, role: Role, unit_ids: Sequence[int]
) -> int:
    """Owe the cards of these units to those who hold a role there; once for each day and slot.

    What came to nothing, for a chat was closed, is owed anew. Return how many are owed.
    """
    if not unit_ids:
        return 0
    found = await people.holders(session, [role], unit_ids, held.day)
    reached = {
        contact.person_id: contact
        for contact in await contacts.contacts_of(session, [person for person, _ in found])
    }
    told = 0
    for person, unit in found:
        if (contact := reached.get(person)) is None:
            continue
        cause = f"class:{held.day}:{held.slot}:{unit}"
        rung = await ledger.next_rung(session, contact, cause)
        if rung is not None:
            card = await cards.card_of(session, contact, held.day, "class", held.slot, unit)
            await ledger.owe(session, contact, "card", cause, now, card=card, rung=rung)
            told += 1
    return told


async def hand_houses(session: Session, now: datetime, school: School, held: Round) -> int:
    """Hand the wardens their houses: nobody else is asked about the boarders."""
    houses = [unit.id for unit in await units.units_in(session, school.id, "dormitory")]
    return await hand_cards(session, now, held, Role.dormitory_warden, houses)


async def hand_houses_now(session: Session, now: datetime, school: School) -> None:
    """Hand the houses to wardens who are there only since the ask, while an answer is in time."""
    for held, audience in await rounds.still_open(session, school.id):
        begun = not held.evening and held.closes_at > now
        if audience == Audience.students and begun:
            await hand_houses(session, now, school, held)


async def hand_own_houses(desk: Desk, contact: Contact) -> None:
    """Hand a warden who joins or comes back their houses at once."""
    access = await desk.access(contact)
    warden = [grant.path for grant in access.grants if grant.role is Role.dormitory_warden]
    for school_id in {unit.school_id for unit in await units.units_at(desk.session, warden)}:
        if school_id is not None:
            school = await units.school(desk.session, school_id)
            await hand_houses_now(desk.session, desk.now, school)
