"""Away for a while: those who may have tapped in vain are asked again, and nobody else."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlmodel import select

from handlers.outages import heard
from sandbox.faults import Faults
from storage import contacts, outages
from storage.database import Database
from storage.sql import affected, table
from storage.tables import Bot, CheckIn, Ledger
from tests.bot.test_sender import House
from tests.builders import BOT, SUNDAY_NIGHT
from tests.play import BOT_ID, MONDAY, TUESDAY, Someone, Stage

SUNDAY = MONDAY - timedelta(days=1)


async def from_bot(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def likes_the_evening(stage: Stage) -> Someone:
    await stage.at("18:00", SUNDAY)
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.says(tina, "/when")
    await stage.taps_first(tina, 1)
    return tina


async def listens(stage: Stage) -> dict[str, int]:
    counts = await heard(stage.database, BOT_ID, stage.clock)
    await stage.settle()
    return counts


async def again(stage: Stage) -> list[Ledger]:
    async with stage.database.reading() as session:
        found = await session.exec(select(Ledger).where(Ledger.edition > 0))
        return list(found)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_after_more_than_150_seconds_the_unanswered_are_asked_again_with_the_reason(
    stage: Stage, language: str
) -> None:
    await stage.opens_school(language)
    maria, tina = await stage.joined("Maria"), await stage.joined("Tina")
    await stage.at("06:30")
    await stage.answers_all_clear(tina)
    await listens(stage)
    await stage.at("06:40")
    assert await listens(stage) == {"asked_again": 1, "admins_told": 0}
    said = await from_bot(stage, maria)
    assert len(said) == 2
    assert {"en": "once more", "zh": "再填一次"}[language] in said[-1]
    assert len(await from_bot(stage, tina)) == 1
    [entry] = await again(stage)
    assert (entry.cause, entry.edition, entry.edition_reason) == (
        "ask:2026-03-02:morning",
        1,
        "outage",
    )
    await stage.taps_first(maria, 0)  # answered: the word leaves the chat
    assert len(await from_bot(stage, maria)) == 1


async def test_a_second_outage_is_a_second_edition_and_looking_twice_is_none(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    await stage.joined("Maria")
    await stage.at("06:30")
    await listens(stage)
    await stage.at("06:40")
    await listens(stage)
    assert await listens(stage) == {}
    await stage.at("06:50")
    await listens(stage)
    assert [entry.edition for entry in await again(stage)] == [1, 2]


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize(
    ("since", "until"), [("19:10", "20:10"), ("22:00", "23:50"), ("23:50", "00:10")]
)
async def test_who_was_asked_in_the_evening_is_not_written_to_for_it_before_the_morning(
    stage: Stage, answered: bool, since: str, until: str
) -> None:
    """The machine takes its updates in the night; the morning asks whoever is silent anyway."""
    tina = await likes_the_evening(stage)
    await stage.at("19:00", SUNDAY)
    if answered:
        await stage.taps_first(tina, 0)
    before = await from_bot(stage, tina)
    await stage.at(since, SUNDAY)
    await listens(stage)
    await stage.at(until, SUNDAY if until > since else MONDAY)
    assert await listens(stage) == {"asked_again": 0, "admins_told": 0}
    assert await from_bot(stage, tina) == before


async def test_who_was_asked_in_the_evening_and_only_just_now_is_left_in_peace(
    stage: Stage,
) -> None:
    await likes_the_evening(stage)
    await stage.at("19:00", SUNDAY)
    await listens(stage)
    await stage.at("06:30")
    await stage.at("06:31")
    assert await listens(stage) == {"asked_again": 0, "admins_told": 0}


async def test_a_short_silence_asks_nobody(stage: Stage) -> None:
    await stage.opens_school("en")
    await stage.joined("Maria")
    await stage.at("06:30")
    await listens(stage)
    stage.now += timedelta(seconds=150)
    assert await listens(stage) == {}
    assert await again(stage) == []


async def test_who_was_reminded_meanwhile_or_only_just_asked_is_left_in_peace(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:20")
    await listens(stage)
    await stage.at("06:30")  # asked at this very moment: no tap of theirs can be lost
    assert await listens(stage) == {"asked_again": 0, "admins_told": 0}
    await stage.at("07:10")  # the reminder itself
    assert await listens(stage) == {"asked_again": 0, "admins_told": 0}
    assert len(await from_bot(stage, maria)) == 2


async def test_a_family_whose_card_has_only_just_been_edited_is_asked_again_all_the_same(
    stage: Stage,
) -> None:
    """Mr Wang excuses Ana, and so Maria's card changes; she may have tapped for Ben before."""
    await stage.opens_school("en")
    maria, wang = await stage.joined("Maria"), await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.answers_all_clear(wang)
    await listens(stage)
    await stage.at("06:39")
    before = (await stage.chat(maria))[-1]["text"]
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 5)  # whom to excuse
    await stage.presses(wang, "v", 6, nth=0)  # Ana
    await stage.presses(wang, "q", nth=0)  # ill
    await stage.presses(wang, "q", nth=0)  # today only
    assert (await stage.chat(maria))[-1]["text"] != before
    stage.now += timedelta(minutes=1)
    assert await listens(stage) == {"asked_again": 1, "admins_told": 0}
    assert len(await from_bot(stage, maria)) == 2


async def test_what_broke_off_between_two_schools_goes_on_later_and_asks_nobody_twice(
    database: Database,
) -> None:
    house = House(database)
    for _ in range(2):
        await house.asked(("Ana", "Maria"))
    while await house.sender.once():
        pass
    house.clock.now += timedelta(minutes=10)
    owed = 0

    def break_off(*about: Any) -> None:
        nonlocal owed
        again = about[2].startswith("INSERT INTO ledger")
        owed += again
        if again and owed == 2:
            raise LookupError("the plug was pulled")

    event.listen(database.engine.sync_engine, "before_cursor_execute", break_off)
    with pytest.raises(LookupError):
        await heard(database, BOT, house.clock)
    assert [entry.edition for entry in await house.entries()] == [0, 0, 1]
    house.clock.now += timedelta(seconds=20)
    assert await heard(database, BOT, house.clock) == {"asked_again": 1, "admins_told": 0}
    again = [entry.contact_id for entry in await house.entries() if entry.edition]
    assert len(set(again)) == len(again) == 2
    assert await heard(database, BOT, house.clock) == {}


async def test_only_schools_that_a_bot_has_asked_are_looked_at_for_it(database: Database) -> None:
    house = House(database)
    await house.asked(("Ana", "Maria"))
    async with database.writing() as session:
        await contacts.know_bot(session, BOT + 1, "another_bot", SUNDAY_NIGHT)
    async with database.reading() as session:
        held = await outages.open_rounds(session, BOT, SUNDAY_NIGHT)
        assert [each.id for each in held] == [house.round_id]
        assert await outages.open_rounds(session, BOT + 1, SUNDAY_NIGHT) == []


@pytest.mark.parametrize("known_yet", [False, True])
async def test_a_reminder_that_nobody_knows_to_have_arrived_leaves_nobody_out(
    stage: Stage, known_yet: bool
) -> None:
    """The outage was the messenger's: the reminder of 07:10 went into the void."""
    await stage.opens_school("en")
    await stage.joined("Maria")
    await stage.at("06:30")
    await listens(stage)
    stage.sandbox.world.faults = Faults(rate_reset_before=1, methods=frozenset({"sendmessage"}))
    await stage.at("07:10")
    if known_yet:
        async with stage.database.writing() as session:
            await affected(session, update(table(Ledger)).values(lease_until=SUNDAY_NIGHT))
        await stage.settle()
    stage.sandbox.world.faults = None
    async with stage.database.reading() as session:
        states = set(await session.exec(select(Ledger.state).where(Ledger.kind == "reminder")))
    assert states == {"unclear" if known_yet else "unknown"}
    assert (await listens(stage))["asked_again"] == 1


async def test_after_the_close_nobody_is_asked_again(stage: Stage) -> None:
    await stage.opens_school("en")
    await stage.joined("Maria")
    await stage.at("06:30")
    await listens(stage)
    await stage.at("08:01")
    assert await listens(stage) == {"asked_again": 0, "admins_told": 0}


@pytest.mark.parametrize(
    ("language", "word"), [("en", "heard nobody"), ("zh", "没有收到任何消息")]
)
async def test_after_more_than_a_day_the_admin_hears_of_the_gap_and_nobody_counts_as_well(
    stage: Stage, language: str, word: str
) -> None:
    await stage.opens_school(language)
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    await stage.at("06:30")
    await listens(stage)
    told = len(await from_bot(stage, gu))
    await stage.at("09:00", TUESDAY)
    assert (await listens(stage))["admins_told"] == 1
    said = await from_bot(stage, gu)
    alarm = [text for text in said[told:] if word in text]
    assert len(alarm) == 1
    assert "2026-03-02 06:30" in alarm[0]  # by the school's clock
    assert "2026-03-03 09:00" in alarm[0]
    assert not [text for text in await from_bot(stage, maria) if word in text]
    async with stage.database.reading() as session:
        states = {row.status for row in await session.exec(select(CheckIn))}
    assert "complete" not in states
    assert await listens(stage) == {}


async def test_a_clock_set_back_is_no_outage(stage: Stage) -> None:
    await stage.opens_school("en")
    await stage.at("06:30")
    await listens(stage)
    stage.now -= timedelta(hours=3)
    assert await listens(stage) == {}
    async with stage.database.reading() as session:
        bot = await session.get_one(Bot, BOT_ID)
    assert bot.seen_at == stage.now + timedelta(hours=3)
