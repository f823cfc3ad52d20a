"""Words and taps that come in another order than they were made: the latest stands."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from bot.listener import Gatherer
from handlers.inbox import WORTH_A_COMMIT
from storage.tables import Card, CheckIn, Contact, HistoryEntry
from tests.play import MONDAY, Someone, Stage


@pytest.fixture
async def tina(stage: Stage) -> Someone:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    return tina


async def held_up(stage: Stage, update_id: int) -> dict[str, Any]:
    """Take an update off the wire: it will come later than it was made."""
    [raw] = [u for u in await stage.transport.fetch(None, 0) if u["update_id"] == update_id]
    await stage.transport.fetch(update_id + 1, 0)
    return raw


async def writes_but_it_is_held_up(stage: Stage, who: Someone, text: str) -> dict[str, Any]:
    _, update_id = stage.sandbox.world.write(who.user_id, text)
    return await held_up(stage, update_id)


async def taps_but_it_is_held_up(
    stage: Stage, who: Someone, message: dict[str, Any]
) -> dict[str, Any]:
    """Let somebody tap the first button of a message."""
    body = {"message_id": message["id"], "data": message["buttons"][0][0]["data"]}
    tapped = await stage.post(f"/sandbox/chats/{who.user_id}/taps", body)
    return await held_up(stage, tapped["update_id"])


async def blocks_but_it_is_held_up(
    stage: Stage, who: Someone, *, blocked: bool = True
) -> dict[str, Any]:
    """Let somebody close the chat to us, or open it again."""
    update_id = stage.sandbox.world.block(who.user_id, blocked)
    assert update_id is not None, "it was so already"
    return await held_up(stage, update_id)


async def comes_now(stage: Stage, raw: dict[str, Any]) -> None:
    await Gatherer(stage.transport, stage.inbox, stage._after).receive(raw)
    await stage.settle()


async def stands(stage: Stage) -> tuple[str, int, dict[str, Any]]:
    async with stage.database.reading() as session:
        [checkin] = [c for c in await session.exec(select(CheckIn)) if c.status != "unreachable"]
        [card] = [c for c in await session.exec(select(Card)) if c.kind == "household"]
        return checkin.status, checkin.severity, card.focus


async def is_open(stage: Stage, who: Someone) -> bool:
    async with stage.database.reading() as session:
        states = select(Contact.state).where(Contact.chat_id == who.user_id)
        return (await session.exec(states)).one() == "active"


async def acts(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        rows = await session.exec(select(HistoryEntry).order_by(col(HistoryEntry.id)))
        return [row.act for row in rows]


async def buttons(stage: Stage, who: Someone) -> list[str]:
    newest = [m for m in await stage.chat(who) if m["from"] == "bot"][-1]
    return [button["text"] for row in newest["buttons"] for button in row]


@pytest.mark.parametrize("text", ["Tom is fine", "all good", "36.5", "Tom没事"])
async def test_words_that_a_tap_has_overtaken_clear_nobody_and_leave_the_question_open(
    stage: Stage, tina: Someone, text: str
) -> None:
    older = await writes_but_it_is_held_up(stage, tina, text)
    await stage.taps(tina, "Tom…")
    before, asked = await stands(stage), await buttons(stage, tina)
    await comes_now(stage, older)
    assert await stands(stage) == before
    assert await buttons(stage, tina) == asked
    assert await acts(stage) == ["overtaken"]
    said = [m["text"] for m in await stage.chat(tina) if m["from"] == "bot"]
    assert "reached me late" in said[-2]


async def test_a_fever_that_overtaken_words_may_mean_is_not_lost_under_an_all_clear(
    stage: Stage, tina: Someone
) -> None:
    older = await writes_but_it_is_held_up(stage, tina, "Tom has a fever 39.2")
    await stage.taps(tina, "All clear")
    before = await stands(stage)
    assert before == ("complete", 0, {})
    await comes_now(stage, older)
    assert await stands(stage) == before
    assert await acts(stage) == ["accepted", "overtaken"]
    assert "Tom…" in await buttons(stage, tina)  # begun to be told, and to be ended
    await stage.taps(tina, "Tom…")
    for _ in range(4):
        await stage.taps_first(tina, 0)
    assert (await stands(stage))[:2] == ("complete", 2)


async def test_overtaken_words_that_nobody_understands_are_said_to_have_come_late(
    stage: Stage, tina: Someone
) -> None:
    older = await writes_but_it_is_held_up(stage, tina, "Tom went to Beijing")
    await stage.taps(tina, "All clear")
    before = await stands(stage)
    await comes_now(stage, older)
    assert await stands(stage) == before
    said = [m["text"] for m in await stage.chat(tina) if m["from"] == "bot"]
    assert "reached me late" in said[-2]


@pytest.mark.parametrize(
    ("text", "severity"), [("Tom coughs", 1), ("Tom has a fever", 2), ("Tom发烧了", 2)]
)
async def test_overtaken_words_make_an_answer_worse_where_nothing_is_left_to_ask(
    stage: Stage, tina: Someone, text: str, severity: int
) -> None:
    older = await writes_but_it_is_held_up(stage, tina, text)
    await stage.taps(tina, "All clear")
    await comes_now(stage, older)
    assert await stands(stage) == ("complete", severity, {})
    assert await acts(stage) == ["accepted", "raised"]


async def test_overtaken_words_never_make_an_answer_better(stage: Stage, tina: Someone) -> None:
    older = await writes_but_it_is_held_up(stage, tina, "Tom is fine")
    await stage.reports_fever(tina)
    before = await stands(stage)
    await comes_now(stage, older)
    assert await stands(stage) == before
    assert await acts(stage) == ["raised", "overtaken"]


async def test_a_fever_in_overtaken_words_stands_while_other_questions_are_open(
    stage: Stage, tina: Someone
) -> None:
    older = await writes_but_it_is_held_up(stage, tina, "Tom has a fever")
    await stage.taps(tina, "Tom…")
    _, _, page = await stands(stage)
    await comes_now(stage, older)
    assert await stands(stage) == ("partial", 0, page)
    assert await acts(stage) == ["overtaken"]


async def test_a_picture_that_a_tap_has_overtaken_turns_no_page(
    stage: Stage, tina: Someone
) -> None:
    older = await writes_but_it_is_held_up(stage, tina, "thermometer")
    photo = {"file_id": "p", "file_unique_id": "q", "width": 1, "height": 1}
    older["message"] = {**older["message"], "text": None, "photo": [photo]}
    await stage.taps(tina, "Tom…")
    await stage.taps_first(tina, 0)
    before = await stands(stage)
    await comes_now(stage, older)
    assert await stands(stage) == before


@pytest.mark.parametrize("clock", ["06:30", "09:30"])
async def test_what_was_overtaken_is_not_the_last_that_was_done(
    stage: Stage, tina: Someone, clock: str
) -> None:
    oldest = await writes_but_it_is_held_up(stage, tina, "Tom is fine")
    older = await writes_but_it_is_held_up(stage, tina, "Tom is well")
    await stage.taps(tina, "Tom…")
    await stage.at(clock)
    before = await stands(stage)
    await comes_now(stage, oldest)
    await comes_now(stage, older)
    assert await stands(stage) == before
    assert await acts(stage) == ["overtaken", "overtaken"]


async def test_words_written_ten_minutes_later_are_not_overtaken_for_ids_start_anew(
    stage: Stage, tina: Someone
) -> None:
    older = await writes_but_it_is_held_up(stage, tina, "Tom")
    await stage.taps(tina, "Tom…")
    await stage.at("06:45")
    newer = await writes_but_it_is_held_up(stage, tina, "Tom is fine")
    await comes_now(stage, newer | {"update_id": older["update_id"]})
    assert (await stands(stage))[0] == "complete"
    assert "overtaken" not in await acts(stage)


async def test_a_tap_that_words_have_overtaken_brings_the_card_as_they_left_it(
    stage: Stage, tina: Someone
) -> None:
    message = [m for m in await stage.chat(tina) if m["buttons"]][-1]
    older = await taps_but_it_is_held_up(stage, tina, message)
    await stage.says(tina, "Tom has a fever, 39.2")
    before = await stands(stage)
    await comes_now(stage, older)
    assert await stands(stage) == before


async def test_a_tap_still_counts_where_what_overtook_it_left_the_card_alone(
    stage: Stage, tina: Someone
) -> None:
    message = [m for m in await stage.chat(tina) if m["buttons"]][-1]
    older = await taps_but_it_is_held_up(stage, tina, message)
    await stage.says(tina, "thank you")
    await comes_now(stage, older)
    assert (await stands(stage))[0] == "complete"


async def test_words_that_a_plain_all_clear_among_many_has_overtaken_turn_no_page(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, maria = await stage.joined("Tina"), await stage.joined("Maria")
    await stage.at("06:30")
    older = await writes_but_it_is_held_up(stage, tina, "Tom has a fever 39.2")
    for who in [tina, *[maria] * WORTH_A_COMMIT]:  # so many are kept past the handlers
        message = [m for m in await stage.chat(who) if m["buttons"]][-1]
        body = {"message_id": message["id"], "data": message["buttons"][0][0]["data"]}
        await stage.post(f"/sandbox/chats/{who.user_id}/taps", body)
    await stage.settle()
    assert await acts(stage) == ["accepted"] * 3
    await comes_now(stage, older)
    assert await acts(stage) == ["accepted"] * 3 + ["overtaken"]
    async with stage.database.reading() as session:
        assert {card.focus == {} for card in await session.exec(select(Card))} == {True}


LIBRARIES = pytest.mark.parametrize("library", ["aiogram", "ptb"])


@LIBRARIES
@pytest.mark.parametrize("days", [0, 7], ids=["moments later", "set aside for a week"])
@pytest.mark.parametrize("opened", [True, False])
async def test_of_closing_and_opening_a_chat_the_later_stands_whichever_comes_first(
    stage: Stage, tina: Someone, library: str, days: int, opened: bool
) -> None:
    if opened:
        older = await blocks_but_it_is_held_up(stage, tina)
    else:
        await comes_now(stage, await blocks_but_it_is_held_up(stage, tina))
        older = await blocks_but_it_is_held_up(stage, tina, blocked=False)
    stage.sandbox.world.block(tina.user_id, not opened)
    await stage.settle()
    assert await is_open(stage, tina) == opened
    await stage.at("07:00", MONDAY + timedelta(days=days))
    await comes_now(stage, older)
    assert await is_open(stage, tina) == opened


async def test_a_chat_that_is_closed_after_ids_began_anew_is_closed(
    stage: Stage, tina: Someone
) -> None:
    await stage.at("07:00", MONDAY + timedelta(days=8))
    newer = await blocks_but_it_is_held_up(stage, tina)
    await comes_now(stage, newer | {"update_id": 5})
    assert not await is_open(stage, tina)
