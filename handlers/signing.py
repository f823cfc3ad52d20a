"""The summary on its way to a signature: handed over, chased, and fallen to the deputy."""

from collections.abc import Sequence
from datetime import date, datetime

from checkin.access import Role
from storage import cards, contacts, ledger, people
from storage.database import Session
from storage.signoffs import sign_off_of
from storage.tables import Card, Contact, Round
from storage.units import School


async def hand_over(session: Session, now: datetime, school: School, held: Round) -> int:
    """Owe the leads the day's picture and summary; return how many. Again changes nothing.

    Where no lead can be reached it is the deputies' at once.
    """
    leads = await _reached(session, school, held, Role.school_lead)
    if not leads:
        return await _fall(session, now, school, held, "sign.yours")
    return await _owe(session, now, school, held, leads)


async def chase(session: Session, now: datetime, school: School, held: Round, rung: int) -> int:
    """Remind those who have the summary and have not signed; return how many.

    A lead who could not be reached before has it now, instead of a word about what never came;
    the deputies who got it in their place are reminded of it.
    """
    if await sign_off_of(session, school.id, held.day, held.slot):
        return 0
    again = f":{rung}"  # the other plan of the slot has the same chase
    leads = await _reached(session, school, held, Role.school_lead)
    deputies: Sequence[Contact] = ()
    reminded = await _holding(session, school, held, leads, again)
    if not reminded:
        deputies = await _reached(session, school, held, Role.deputy_lead)
        reminded = await _holding(session, school, held, deputies, again)
    cause = f"unsigned:{_about(school, held)}"
    for contact, card in reminded:
        await ledger.owe(session, contact, "unsigned", cause, now, card=card, rung=rung - 1)
    has = {contact.id for contact, _ in reminded}
    late = [contact for contact in leads or deputies if contact.id not in has]
    await _owe(session, now, school, held, late, again)
    return len(reminded) + len(late)


async def _holding(
    session: Session, school: School, held: Round, readers: Sequence[Contact], again: str
) -> list[tuple[Contact, Card]]:
    """Return those who had the summary or were owed it before this chase, and their cards."""
    found = [
        (each, await cards.card_of(session, each, held.day, "summary", held.slot, school.id))
        for each in readers
    ]
    just_owed = f"summary:{_about(school, held)}{again}"
    ids = [card.id for _, card in found]
    have = await ledger.cards_on_their_way(session, ids, but=just_owed)
    return [(contact, card) for contact, card in found if card.id in have]


async def hand_to_deputy(session: Session, now: datetime, school: School, held: Round) -> int:
    """Owe the deputies a summary that nobody has signed, and tell the leads; return how many."""
    if await sign_off_of(session, school.id, held.day, held.slot):
        return 0
    leads = await _reached(session, school, held, Role.school_lead)
    handed = await _fall(session, now, school, held, "sign.yours_now" if leads else "sign.yours")
    if handed:
        for contact in leads:
            await _tell(session, now, contact, school, held, "sign.fell")
    return handed


async def _fall(session: Session, now: datetime, school: School, held: Round, key: str) -> int:
    """Give the summary to the deputies with a word why; with none there, the admins are told."""
    deputies = await _reached(session, school, held, Role.deputy_lead)
    for contact in deputies:
        await _tell(session, now, contact, school, held, key)
    if not deputies:
        for contact in await _reached(session, school, held, Role.admin):
            await _tell(session, now, contact, school, held, "sign.nobody")
    return await _owe(session, now, school, held, deputies)


async def _reached(session: Session, school: School, held: Round, role: Role) -> list[Contact]:
    return await reached(session, school, role, held.day)


async def reached(session: Session, school: School, role: Role, day: date) -> list[Contact]:
    """Return where the holders of a role on a day can be reached, at the school or above it."""
    units = [int(unit) for unit in school.path.strip("/").split("/")]
    found = await people.holders(session, [role], units, day)
    return await contacts.contacts_of(session, [person for person, _ in found])


async def _tell(
    session: Session, now: datetime, contact: Contact, school: School, held: Round, key: str
) -> None:
    """Owe somebody a word on where the signature stands, once a day whatever the reason."""
    said = {"key": key, "params": {"unit": school.name}}
    cause = f"signing:{_about(school, held)}"
    await ledger.owe(session, contact, "text", cause, now, payload=said)


async def _owe(
    session: Session,
    now: datetime,
    school: School,
    held: Round,
    readers: Sequence[Contact],
    again: str = "",
) -> int:
    for contact in readers:
        card = await cards.card_of(session, contact, held.day, "summary", held.slot, school.id)
        about = _about(school, held) + again
        await ledger.owe(session, contact, "picture", f"picture:{about}", now, card=card)
        await ledger.owe(session, contact, "card", f"summary:{about}", now, card=card)
    return len(readers)


def _about(school: School, held: Round) -> str:
    return f"{held.day}:{held.slot}:{school.id}"
