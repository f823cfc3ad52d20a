"""A tap on a message proves that it arrived, whatever became of the sender who sent it."""

from collections.abc import Awaitable
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from checkin.statuses import Status
from handlers.messages import Tap
from handlers.plain_answers import answer_plainly
from sandbox.faults import Faults
from storage.sql import table
from storage.tables import Card, CheckIn, Ledger
from tests.builders import SUNDAY_NIGHT
from tests.play import Someone, Stage


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
    await tap_first(stage, tina, message)
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


async def tap_first(stage: Stage, who: Someone, message: dict[str, Any]) -> None:
    await stage.post(
        f"/sandbox/chats/{who.user_id}/taps",
        {"message_id": message["id"], "data": message["buttons"][0][0]["data"]},
    )
    await stage.settle()


async def with_no_clear_word(stage: Stage, work: Awaitable[object]) -> None:
    """Let the service carry out what it is asked, and answer with an error."""
    stage.sandbox.world.faults = Faults(rate_5xx_after=1, methods=frozenset({"sendmessage"}))
    await work
    stage.sandbox.world.faults = None


async def leases_run_out(stage: Stage) -> None:
    async with stage.database.writing() as session:
        await session.exec(update(table(Ledger)).values(lease_until=SUNDAY_NIGHT))
    await stage.settle()


async def from_the_bot(stage: Stage, who: Someone) -> list[dict[str, Any]]:
    return [message for message in await stage.chat(who) if message["from"] == "bot"]


async def test_a_tap_proves_a_card_that_was_shown_again_with_no_clear_word(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await with_no_clear_word(stage, stage.says(tina, "/today"))
    _, shown = await from_the_bot(stage, tina)
    await tap_first(stage, tina, shown)
    await leases_run_out(stage)
    (only,) = await from_the_bot(stage, tina)
    assert only["id"] == shown["id"]
    assert "all clear" in only["text"]
    async with stage.database.reading() as session:
        (card,) = list(await session.exec(select(Card)))
        entries = await session.exec(select(Ledger).order_by(col(Ledger.id)))
        states = [entry.state for entry in entries]
    assert (card.message_id, card.shown) == (shown["id"], card.revision)
    assert states == ["withdrawn", "sent"]


@pytest.mark.parametrize("unclear", [False, True])
async def test_a_reminder_that_came_with_no_clear_word_goes_with_the_answer_on_it(
    stage: Stage, unclear: bool
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await with_no_clear_word(stage, stage.at("07:10"))
    if unclear:
        await leases_run_out(stage)
    card, reminder = await from_the_bot(stage, tina)
    await tap_first(stage, tina, reminder)
    (only,) = await from_the_bot(stage, tina)
    assert only["id"] == card["id"]
    assert "all clear" in only["text"]


async def test_a_reminder_that_was_answered_under_the_card_goes_when_it_is_tapped(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await with_no_clear_word(stage, stage.at("07:10"))
    card, reminder = await from_the_bot(stage, tina)
    await tap_first(stage, tina, card)
    assert len(await from_the_bot(stage, tina)) == 2  # nobody knows that it is there
    await tap_first(stage, tina, reminder)
    assert reminder["id"] not in [message["id"] for message in await from_the_bot(stage, tina)]


async def test_a_tap_on_a_reminder_that_is_known_proves_no_other(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:10")
    await with_no_clear_word(stage, stage.says(tina, "/today"))
    _, reminder, _ = await from_the_bot(stage, tina)
    await tap_first(stage, tina, reminder)
    async with stage.database.reading() as session:
        entries = await session.exec(select(Ledger).order_by(col(Ledger.id)))
        states = [entry.state for entry in entries]
    assert states == ["sent", "withdrawn", "unknown"]


async def test_a_tap_that_may_prove_something_is_not_taken_for_a_plain_one(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await with_no_clear_word(stage, stage.at("07:10"))
    for message, plain in zip(await from_the_bot(stage, tina), (1, 0), strict=True):
        stage.sandbox.world.tap(tina.user_id, message["id"], text="All clear")
        (raw,) = await stage.transport.fetch(None, 0)
        tap = stage.transport.read(raw)
        assert isinstance(tap, Tap)
        async with stage.database.writing() as session:
            assert len(await answer_plainly(session, [tap], stage.now)) == plain
            await session.rollback()
        await stage.transport.fetch(tap.update_id + 1, 0)
