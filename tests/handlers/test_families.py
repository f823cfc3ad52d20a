"""Several guardians of one child: one answer ends the chase, and one lost chat asks the next."""

import pytest
from sqlmodel import select

from storage.tables import Card, Consent, Contact, Ledger
from tests.play import Someone, Stage


async def test_an_answer_by_one_parent_takes_the_reminder_of_the_other_away(
    stage: Stage,
) -> None:
    await stage.a_school()
    await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.at("07:10")
    await stage.says(carlos, "/today")
    await stage.taps_first(carlos, 0)
    assert "bot → Maria (took a message away)" in stage.lines


async def test_half_an_answer_leaves_the_reminder_where_it_is(stage: Stage) -> None:
    await stage.a_school()
    await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.at("07:10")
    await stage.says(carlos, "/today")
    await stage.says(carlos, "Ana")
    await stage.reports_fever(carlos, opened=True)
    assert "bot → Maria (took a message away)" not in stage.lines


async def test_why_says_who_has_not_agreed_and_that_nobody_can_be_asked(stage: Stage) -> None:
    await stage.a_school()
    wang = await stage.joined("Mr Wang")
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    async with stage.database.writing() as session:
        for consent in await session.exec(
            select(Consent).where(Consent.given_by == maria.person_id)
        ):
            consent.withdrawn_at = stage.now
        for contact in await session.exec(
            select(Contact).where(Contact.person_id == carlos.person_id)
        ):
            contact.state = "blocked"
    await stage.at("06:30")
    await stage.says(wang, "/why Ana")
    said = stage.lines[-1]
    assert "Maria: has joined, but has not agreed to be asked" in said
    assert "Carlos: has closed the chat" in said
    assert "no open chat with anyone" in said


async def test_when_a_parent_closes_the_chat_the_other_is_asked(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    await stage.at("06:30")
    assert _asked(stage, "Carlos") == 0
    await stage.post(f"/sandbox/chats/{maria.user_id}/block", {"blocked": True})
    await stage.settle()
    assert _asked(stage, "Carlos") == 1
    await stage.taps_first(carlos, 0)
    assert "all clear" in stage.lines[-1]


async def _blocks(stage: Stage, who: Someone, *, blocked: bool = True) -> None:
    await stage.post(f"/sandbox/chats/{who.user_id}/block", {"blocked": blocked})
    await stage.settle()


@pytest.mark.parametrize("by", ["the chat", "a word"])
async def test_a_chat_that_opens_again_shows_what_was_answered_meanwhile(
    stage: Stage, by: str
) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    await stage.at("06:30")
    await _blocks(stage, maria)
    await stage.taps_first(carlos, 0)
    (card,) = [m for m in await stage.chat(maria) if m["buttons"]]
    if by == "a word":  # Telegram keeps an update of a block for a day, and we may be down longer
        stage.sandbox.world.chat(maria.user_id).blocked = False
        await stage.says(maria, "/help")
    else:
        await _blocks(stage, maria, blocked=False)
    (shown,) = [m for m in await stage.chat(maria) if m["id"] == card["id"]]
    assert "all clear" in shown["text"]


async def test_a_reminder_goes_when_a_chat_opens_again_after_the_close(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.at("07:10")
    await _blocks(stage, maria)
    await stage.at("08:00")
    assert "bot → Maria (took a message away)" not in stage.lines
    await _blocks(stage, maria, blocked=False)
    assert "bot → Maria (took a message away)" in stage.lines


async def test_a_tap_proves_that_a_message_with_an_unclear_end_has_arrived(
    stage: Stage,
) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.post("/sandbox/faults", {"rate_5xx_after": 1, "methods": ["sendMessage"]})
    await stage.at("06:30")
    await stage.post("/sandbox/faults", {})
    await stage.taps_first(maria, 0)
    async with stage.database.reading() as session:
        entry = (await session.exec(select(Ledger))).one()
        card = (await session.exec(select(Card))).one()
    assert (entry.state, entry.lease_until) == ("sent", None)
    assert (card.message_id, card.shown) == (entry.message_id, card.revision)
    assert _asked(stage, "Maria") == 1
    assert "bot → Maria (edited): " in stage.lines[-1]


async def test_when_a_parent_stops_the_other_is_asked(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.says(maria, "/stop")
    assert _asked(stage, "Carlos") == 0
    await stage.presses(maria, "t")
    assert _asked(stage, "Carlos") == 1


def _asked(stage: Stage, name: str) -> int:
    return sum(line.startswith(f"bot → {name}: Good morning") for line in stage.lines)
