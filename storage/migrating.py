"""A group that lives under another id now: whoever is behind it stays the same contact."""

from sqlalchemy import exists, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.cards import forget_messages
from storage.ledger import State
from storage.sealing import Private
from storage.sql import affected, table
from storage.tables import Card, Contact, JoinAttempt, Ledger, RosterJob

MOVED = "moved"  # the state of a contact whose chat is another's by now
_OPEN = (State.pending.value, State.sending.value, State.unknown.value)


async def chat_moved(session: AsyncSession, contact_id: int, new_chat_id: int) -> bool:
    """Give a contact its chat's new id; False when it has it already, or was left behind before.

    Its messages stay behind in the old chat. When the new chat wrote to us first it has a contact
    of its own: what that one waits for goes over, and it is left with the old id, closed, and with
    cards that are shown nowhere.
    """
    contact = await session.get_one(Contact, contact_id, with_for_update=True)
    old_chat_id = contact.chat_id
    if old_chat_id == new_chat_id:
        return False
    if contact.state == MOVED:  # its chat is another's
        await forget_messages(session, contact.id)
        return False
    found = await session.exec(
        select(Contact).where(Contact.bot_id == contact.bot_id, Contact.chat_id == new_chat_id)
    )
    newcomer = found.first()
    if newcomer is not None:
        newcomer.chat_id = -newcomer.id  # for a moment: no two contacts have one chat
        await session.flush()
    contact.chat_id = new_chat_id
    await session.flush()
    await forget_messages(session, contact.id)
    if newcomer is not None:
        newcomer.chat_id, newcomer.state = old_chat_id, MOVED
        contact.person_id = contact.person_id or newcomer.person_id
        contact.dialogue = contact.dialogue or newcomer.dialogue
        await _take_over(session, contact, newcomer)
        await forget_messages(session, newcomer.id)
    attempt = table(JoinAttempt).c
    await affected(
        session,
        update(table(JoinAttempt))
        .where(attempt.bot_id == contact.bot_id, attempt.chat_id == old_chat_id)
        .values(chat_id=new_chat_id),
    )
    return True


async def _take_over(session: AsyncSession, contact: Contact, newcomer: Contact) -> None:
    """Move cards, files to be read and messages still owed; what both have stays where it is."""
    card, twin = table(Card).c, table(Card).alias().c
    both = exists().where(
        twin.contact_id == contact.id,
        twin.day == card.day,
        twin.kind == card.kind,
        twin.slot == card.slot,
        twin.about_id == card.about_id,
    )
    await affected(
        session,
        update(table(Card))
        .where(card.contact_id == newcomer.id, ~both)
        .values(contact_id=contact.id),
    )
    await affected(
        session,
        update(table(RosterJob))
        .where(col(RosterJob.contact_id) == newcomer.id)
        .values(contact_id=contact.id),
    )
    has = select(Ledger.cause, Ledger.rung, Ledger.edition).where(Ledger.contact_id == contact.id)
    taken = set((await session.exec(has)).all())
    owed = select(Ledger).where(Ledger.contact_id == newcomer.id, col(Ledger.state).in_(_OPEN))
    for entry in await session.exec(owed):
        if (entry.cause, entry.rung, entry.edition) in taken:
            continue
        if entry.payload is not None:  # it is bound to the contact whom it is for
            entry.payload = Private.of(contact.id, entry.payload.read(newcomer.id))
        entry.contact_id = contact.id
    await session.flush()
