"""Telegram was too slow: who was not asked in time is told apart from who did not answer."""

from collections.abc import Callable

import pytest
from sqlmodel import col, select

from handlers.presses import Verb
from storage.ledger import State
from storage.tables import CheckIn, Ledger
from tests.play import TUESDAY, Someone, Stage

Golden = Callable[[str, str], None]


async def heard(stage: Stage, who: Someone) -> int:
    return sum(message["from"] == "bot" for message in await stage.chat(who))


async def entries(stage: Stage, *kinds: str) -> list[Ledger]:
    async with stage.database.reading() as session:
        found = await session.exec(select(Ledger).where(col(Ledger.kind).in_(kinds)))
        return [entry for entry in found if entry.lane == 1]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_teachers_see_who_was_not_asked_and_nobody_is_asked_the_next_morning(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria, tina, zhou = [await stage.joined(name) for name in ("Maria", "Tina", "周敏")]
    await stage.joined("Mr Wang")
    await stage.joined("林岚")
    stage.sender.pacer.rest(1e6)  # Telegram takes nothing of the morning's bulk
    await stage.at("06:30")
    await stage.says(maria, "/today")  # whoever comes by has the card
    for clock in ("07:10", "07:30", "08:00", "08:05"):
        await stage.at(clock)
    assert [await heard(stage, who) for who in (maria, tina, zhou)] == [1, 0, 0]
    golden(f"too_slow.{language}", stage.transcript())
    # The ask went unsent and is recorded; nobody was reminded of what never came but Maria.
    assert {entry.state for entry in await entries(stage, "card")} == {State.expired}
    assert len(await entries(stage, "reminder")) == 1
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("08:10")
    await stage.at("06:30", TUESDAY)
    asked = [e for e in await entries(stage, "card") if e.state == State.sent]
    assert {entry.cause for entry in asked} == {"ask:2026-03-03:morning"}


async def test_a_late_answer_ends_it(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    await stage.at("08:00")

    async def toms() -> CheckIn:
        async with stage.database.reading() as session:
            found = await session.exec(select(CheckIn).where(CheckIn.status != "unreachable"))
            return found.one()

    assert ((await toms()).status, (await toms()).excuse) == ("no_response", "not_asked")
    await stage.says(tina, "/today")
    await stage.taps_first(tina, 0)
    await stage.answers_all_clear(tina)
    assert ((await toms()).status, (await toms()).excuse) == ("complete", None)


async def test_who_has_answered_by_then_is_not_sent_the_question_that_still_waited(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, maria = await stage.joined("Tina"), await stage.joined("Maria")
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    for who in (tina, maria):
        await stage.says(who, "/today")
    await stage.taps_first(tina, 0)
    await stage.says(maria, "Ana")
    await stage.reports_fever(maria, opened=True)  # and nothing about Ben yet
    stood = [(await stage.chat(who))[-1] for who in (tina, maria)]
    await stage.at("06:50")
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.settle()
    stands, asks = [(await stage.chat(who))[-1] for who in (tina, maria)]
    assert stands == stood[0]
    assert "✓ 06:30 Tom: all clear" in stands["text"]
    assert asks["id"] > stood[1]["id"]
    assert "All clear" in str(asks["buttons"])
    assert {e.state for e in await entries(stage, "card")} == {State.moot, State.sent}


async def test_a_teacher_who_reminds_brings_a_waiting_card_forward(stage: Stage) -> None:
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    await stage.at("06:45")
    assert await heard(stage, tina) == 0
    await stage.says(wang, "/class")
    await stage.presses(wang, Verb.remind.value)
    assert await heard(stage, tina) == 1
    async with stage.database.reading() as session:
        rows = list(await session.exec(select(Ledger).where(Ledger.kind == "reminder")))
    assert rows == []


async def told(stage: Stage, clock: str, *commands: str) -> tuple[Someone, Someone]:
    """Let the admin say so at half past six, while the morning's questions wait; then go on."""
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    await stage.at("06:20")
    await stage.says(gu, "/plan students ask 06:30 close 08:00")
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    for command in commands:
        await stage.says(gu, command)
    await stage.at(clock)
    stage.sender.pacer._bulk_rests_until = 0.0
    return gu, tina


async def test_questions_that_wait_go_out_until_a_later_close(stage: Stage) -> None:
    _, tina = await told(stage, "08:00", "/plan students ask 06:30 close 09:00")
    assert await heard(stage, tina) == 0
    await stage.at("08:10")
    assert await heard(stage, tina) == 1
    assert "closed" not in (await stage.chat(tina))[-1]["text"]


async def test_questions_that_wait_go_out_no_more_after_an_earlier_close(stage: Stage) -> None:
    _, tina = await told(stage, "07:00", "/plan students ask 06:30 close 07:00")
    await stage.at("07:20")
    assert await heard(stage, tina) == 0
    assert {entry.state for entry in await entries(stage, "card")} >= {State.expired}


async def test_what_was_stopped_may_go_on_until_a_later_close(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    await stage.says(gu, "/sending")
    await stage.taps(gu, "Stop")
    await stage.taps(gu, "Yes, stop")
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.says(gu, "/plan students ask 06:30 close 09:00")
    await stage.at("08:10")
    assert await heard(stage, tina) == 0
    await stage.says(gu, "/sending")
    await stage.taps(gu, "Go on")
    assert await heard(stage, tina) == 1


@pytest.mark.parametrize("what", ["429 until 07:09", "joined at 07:09"])
async def test_a_question_that_has_only_just_come_is_left_in_peace(
    stage: Stage, what: str
) -> None:
    await stage.opens_school("en")
    if what.startswith("429"):
        tina = await stage.joined("Tina")
        stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    await stage.at("07:09")
    if what.startswith("429"):
        stage.sender.pacer._bulk_rests_until = 0.0
        await stage.settle()
    else:
        tina = await stage.phone("Tina")
        await stage.opens(tina, await stage.class_link("3-2"))
        await stage.says(tina, "Tom 0431")
        await stage.taps_first(tina, 0)
        await stage.taps(tina, "Yes, I agree")
    said = [m["text"] for m in await stage.chat(tina) if m["from"] == "bot"]
    assert "Tom (3-2)" in said[-1]
    await stage.at("07:10")
    said = [m["text"] for m in await stage.chat(tina) if m["from"] == "bot"]
    assert not any("Still waiting" in text for text in said)


async def test_who_looked_at_the_card_just_now_is_still_reminded(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:05")
    await stage.says(tina, "/today")
    await stage.at("07:10")
    assert "Still waiting" in (await stage.chat(tina))[-1]["text"]


# ---- reminders that wait ---------------------------------------------------------------------


@pytest.mark.parametrize("what", ["Telegram waits", "sending is stopped", "a teacher reminds"])
async def test_a_reminder_that_still_waits_gives_way_to_the_next(stage: Stage, what: str) -> None:
    await stage.opens_school("en")
    gu, wang, tina = [await stage.joined(name) for name in ("Gu", "Mr Wang", "Tina")]
    if what != "a teacher reminds":
        await stage.says(gu, "/plan students ask 06:30 remind 07:00 remind 07:30 close 08:00")
    await stage.at("06:30")
    stage.sender.pacer.rest(1e6)
    await stage.at("07:00")
    await stage.at("07:10")
    if what == "sending is stopped":
        await stage.says(gu, "/sending")
        await stage.taps(gu, "Stop")
        await stage.taps(gu, "Yes, stop")
        stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("07:30")
    if what == "a teacher reminds":
        await stage.says(wang, "/class")
        await stage.presses(wang, Verb.remind.value)
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("07:40")
    if what == "sending is stopped":
        await stage.says(gu, "/sending")
        await stage.taps(gu, "Go on")
    assert await reminders_of(stage, tina) == 1
    async with stage.database.reading() as session:
        found = await session.exec(select(Ledger).where(Ledger.kind == "reminder"))
        assert ("expired", "gave way") in {(entry.state, entry.error) for entry in found}
    await stage.taps_first(tina, 0, newest=False)
    await stage.answers_all_clear(tina)
    assert await reminders_of(stage, tina) == 0


async def reminders_of(stage: Stage, who: Someone) -> int:
    return sum("Still waiting" in message["text"] for message in await stage.chat(who))


async def test_a_reminder_that_was_stopped_is_not_sent_after_a_teachers(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, wang, tina = [await stage.joined(name) for name in ("Gu", "Mr Wang", "Tina")]
    await stage.at("06:30")
    stage.sender.pacer.rest(1e6)
    await stage.at("07:10")
    await stage.says(gu, "/sending")
    await stage.taps(gu, "Stop")
    await stage.taps(gu, "Yes, stop")
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("07:30")
    await stage.says(wang, "/class")
    await stage.presses(wang, Verb.remind.value)
    assert await reminders_of(stage, tina) == 1
    await stage.says(gu, "/sending")
    await stage.taps(gu, "Go on")
    assert await reminders_of(stage, tina) == 1
