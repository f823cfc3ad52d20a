"""The morning's bulk is loaded in a way of its own: it must show what every card shows."""

import os

import pytest
from sqlalchemy import update
from sqlmodel import select

from handlers.first_asks import first_asks_of
from handlers.views import household_view
from storage.sql import affected, table
from storage.tables import Card, Contact
from tests.play import Stage
from tests.random_people import Walk

SEEDS = range(1, 9) if os.environ.get("ALLCLEAR_SOAK") else [2]
STEPS = 400 if os.environ.get("ALLCLEAR_SOAK") else 15


async def plain_cards(stage: Stage) -> tuple[int, int]:
    """Compare both ways for every household card as if nobody had seen it; (plain, all)."""
    async with stage.database.writing() as session:
        await affected(session, update(table(Card)).values(message_id=None))
        found = await session.exec(
            select(Card, Contact)
            .join(Contact, table(Contact).c.id == Card.contact_id)
            .where(Card.kind == "household")
        )
        shown = {card.id: (card, contact) for card, contact in found}
        plain = await first_asks_of(session, shown.keys(), stage.now)
        for card_id, ask in plain.items():
            card, contact = shown[card_id]
            assert (ask.chat_id, ask.language) == (contact.chat_id, contact.language)
            assert ask.view == await household_view(session, card, contact, stage.now)
        await session.rollback()
    return len(plain), len(shown)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_has_happened_a_first_ask_shows_what_the_card_shows(
    stage: Stage, seed: int
) -> None:
    walk = Walk(stage, seed, language="en")
    await walk.begin()
    plain = others = 0
    for _ in range(STEPS):
        await walk.step()
        some, every = await plain_cards(stage)
        plain, others = plain + some, others + every - some
    assert plain > STEPS / 5
    assert others > STEPS / 5


async def test_a_morning_of_families_nobody_heard_of_is_plain(stage: Stage) -> None:
    await stage.opens_school("en")
    for name in ("Maria", "Tina"):
        await stage.joined(name)
    await stage.at("06:30")
    assert await plain_cards(stage) == (2, 2)
