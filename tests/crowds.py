"""Schools of many families, made in bulk: chats with a card, and messages owed to them."""

from datetime import timedelta
from itertools import count

from sqlalchemy import insert
from sqlmodel import select

from storage import ledger
from storage.database import Session
from storage.ids import new_id
from storage.ledger import Lane
from storage.sql import affected, table
from storage.tables import Card, Contact
from tests.builders import BOT, MONDAY, SUNDAY_NIGHT

NOW = SUNDAY_NIGHT
_numbers = count(1)


async def families(session: Session, school: int, n: int) -> None:
    """Give a school so many chats with a card; `about_id` says here whose they are."""
    contacts = [
        {"id": new_id(), "bot_id": BOT, "chat_id": 9_000_000_000 + next(_numbers),
         "state": "active", "window": "morning", "dialogue": {}, "created_at": NOW,
         "changed_at": NOW}
        for _ in range(n)
    ]  # fmt: skip
    cards = [
        {"bot_id": BOT, "contact_id": each["id"], "day": MONDAY, "kind": "household",
         "slot": "morning", "about_id": school, "revision": 1, "shown": 0, "focus": {}}
        for each in contacts
    ]  # fmt: skip
    await affected(session, insert(table(Contact)), contacts)
    await affected(session, insert(table(Card)), cards)


async def owe(
    session: Session, school: int, first: int = 0, n: int = 10**9, kind: str = "card"
) -> int:
    """Owe a school's chats, from one on, a message each."""
    cards = select(Card.id).where(Card.about_id == school).order_by(Card.id)  # type: ignore[arg-type]
    ids = list(await session.exec(cards.offset(first).limit(n)))
    return await ledger.owe_under(
        session,
        [table(Card).c.id.in_(ids)],
        kind,
        f"ask:{next(_numbers)}",
        NOW,
        school_id=school,
        lane=Lane.bulk,
        not_after=NOW + timedelta(hours=2),
    )
