"""A tap on a message proves that it arrived, whatever became of the sender who sent it."""

import pytest
from sqlalchemy import update
from sqlmodel import select

from checkin.statuses import Status
from storage.sql import table
from storage.tables import Card, CheckIn, Ledger
from tests.play import Stage


@pytest.mark.parametrize("state", ["sending", "unknown"])
async def test_a_tap_proves_a_card_whose_sender_was_killed_or_had_no_clear_word(
    stage: Stage, state: str
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    message = (await stage.chat(tina))[-1]
    async with stage.database.writing() as session:
        await session.exec(update(table(Card)).values(message_id=None, shown=0, shown_at=None))
        await session.exec(
            update(table(Ledger)).values(
                state=state, message_id=None, sent_at=None, lease_until=stage.now
            )
        )
    await stage.post(
        f"/sandbox/chats/{tina.user_id}/taps",
        {"message_id": message["id"], "data": message["buttons"][0][0]["data"]},
    )
    await stage.settle()
    async with stage.database.reading() as session:
        (card,) = list(await session.exec(select(Card)))
        (entry,) = list(await session.exec(select(Ledger)))
        (answer,) = list(
            await session.exec(select(CheckIn).where(CheckIn.status == Status.complete))
        )
    assert answer.respondent_id is not None
    assert (entry.state, entry.message_id) == ("sent", message["id"])
    assert card.message_id == message["id"]
    assert len(await stage.chat(tina)) == 2  # her own /start, and the one card
