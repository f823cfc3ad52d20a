"""A tap that was made before the close and is handled after it."""

from datetime import UTC, datetime, time

from sqlalchemy import update
from sqlmodel import select

from handlers.rounds import heartbeat
from storage.sql import table
from storage.tables import Card, CheckIn
from tests.play import MONDAY, ZONE, Stage


async def test_a_tap_that_waited_over_the_close_still_counts(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    card = (await stage.chat(maria))[-1]
    stage.sandbox.world.tap(maria.user_id, card["id"], text="All clear for both")
    stage.now = datetime.combine(MONDAY, time(8, 0, 1), ZONE).astimezone(UTC)
    await heartbeat(stage.database, stage.clock)  # we were away, and the clock is first
    await stage.settle()
    async with stage.database.reading() as session:
        answered = list(await session.exec(select(CheckIn).where(CheckIn.status == "complete")))
    assert len(answered) == 2
    assert all(row.late for row in answered)
    assert "08:00 Ana, Ben: all clear" in (await stage.chat(maria))[-1]["text"]


async def test_a_tap_on_a_card_that_was_never_marked_as_sent_still_counts(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    card = (await stage.chat(maria))[-1]
    async with stage.database.writing() as session:  # its sender was killed before the mark
        await session.exec(update(table(Card)).values(message_id=None, shown=0, shown_at=None))
    stage.sandbox.world.tap(maria.user_id, card["id"], text="All clear for both")
    stage.now = datetime.combine(MONDAY, time(8, 0, 1), ZONE).astimezone(UTC)
    await heartbeat(stage.database, stage.clock)
    await stage.settle()
    async with stage.database.reading() as session:
        answered = list(await session.exec(select(CheckIn).where(CheckIn.status == "complete")))
    assert len(answered) == 2


async def test_an_outdated_reminder_tapped_at_the_close_brings_the_card_to_answer_late(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:10")
    reminder = (await stage.chat(tina))[-1]
    await stage.taps_first(
        tina, 1, newest=False
    )  # a question is open: the reminder's buttons are old
    stage.sandbox.world.tap(tina.user_id, reminder["id"], text="All clear")
    stage.now = datetime.combine(MONDAY, time(8, 0, 1), ZONE).astimezone(UTC)
    await heartbeat(stage.database, stage.clock)
    await stage.settle()
    card = (await stage.chat(tina))[-1]
    assert card["id"] > reminder["id"]
    assert card["buttons"], "whoever is late can still answer"
