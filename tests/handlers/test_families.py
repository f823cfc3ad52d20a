"""Several guardians of one child: one answer ends the chase, and one lost chat asks the next.

Whoever answers for nobody any more has nothing left to answer, and no names.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlmodel import select

from bot.sender import Sender
from checkin.rosters import Sheet
from handlers.messages import SendResult, Unreachable
from handlers.rosters import import_sheets
from handlers.rounds import heartbeat
from storage.tables import Card, CheckIn, Consent, Contact, Guardianship, Ledger
from tests.play import BOT_ID, MONDAY, ROSTER, TUESDAY, ZONE, Someone, Stage

WEDNESDAY = TUESDAY + timedelta(days=1)


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


async def test_all_clear_says_nothing_of_thanks_when_the_other_parent_has_begun_a_fever(
    stage: Stage,
) -> None:
    stage.language = "en"
    await stage.a_school(ROSTER.replace("20250412;20250415", "20250412"))
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.says(carlos, "Ana has 38.5")
    await stage.taps(maria, "All clear")
    assert any("somebody has begun to say what is wrong" in line for line in stage.lines)
    assert "Already answered" not in stage.transcript()


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


@pytest.mark.parametrize("noticed", ["before the ask", "by the ask"])
async def test_an_only_guardian_who_opens_the_chat_again_is_asked_at_once(
    stage: Stage, noticed: str
) -> None:
    await stage.a_school()
    tina = await stage.joined("Tina")
    await stage.post(f"/sandbox/chats/{tina.user_id}/block", {"blocked": True})
    if noticed == "before the ask":
        await stage.settle()
    else:
        stage.sandbox.world.bots[BOT_ID].queue.forget()  # nobody tells us; the card is refused
    await stage.at("06:30")
    assert await _status_of(stage, "Tom") == "unreachable"
    await _blocks(stage, tina, blocked=False)
    assert await _status_of(stage, "Tom") == "asked"
    assert _asked(stage, "Tina") == 1
    for clock in ("07:10", "07:20"):
        await stage.at(clock)
    assert _asked(stage, "Tina") == 1
    assert "Still waiting" in (await stage.chat(tina))[-1]["text"]


async def test_who_has_the_question_and_is_back_is_not_asked_twice(stage: Stage) -> None:
    await stage.a_school()
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await _blocks(stage, tina)
    assert await _status_of(stage, "Tom") == "unreachable"
    await _blocks(stage, tina, blocked=False)
    assert await _status_of(stage, "Tom") == "asked"
    await stage.at("07:20")
    assert _asked(stage, "Tina") == 1


async def test_who_is_back_after_the_close_is_not_asked(stage: Stage) -> None:
    await stage.a_school()
    tina = await stage.joined("Tina")
    await _blocks(stage, tina)
    await stage.at("06:30")
    await stage.at("08:00")
    await _blocks(stage, tina, blocked=False)
    assert await _status_of(stage, "Tom") == "unreachable"
    assert _asked(stage, "Tina") == 0


async def test_a_boarders_family_that_is_back_is_not_asked(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    lena = await stage.joined("Lena")
    await _blocks(stage, lena)
    await stage.at("06:30")
    await _blocks(stage, lena, blocked=False)
    assert not [message for message in await stage.chat(lena) if message["from"] == "bot"]
    assert await _status_of(stage, "Leo") == "due"  # the warden says it


async def _status_of(stage: Stage, name: str) -> str:
    person_id = await stage.person_id(name)
    async with stage.database.reading() as session:
        found = await session.exec(select(CheckIn.status).where(CheckIn.subject_id == person_id))
        return found.one()


@pytest.mark.both_databases
async def test_who_cleared_the_chat_and_opens_it_again_has_todays_card_and_none_of_days_before(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, lead = await stage.joined("Tina"), await stage.joined("林岚")
    for day in (MONDAY, TUESDAY, WEDNESDAY):
        await stage.at("06:30", day)
        await stage.taps_first(tina, 0)
        await stage.at("08:05", day)
    for who in (tina, lead):
        stage.sandbox.world.find_chat(who.user_id, BOT_ID).messages.clear()
        stage.sandbox.world.block(who.user_id, True)
    await stage.settle()
    for who in (tina, lead):
        stage.sandbox.world.block(who.user_id, False)
    await stage.settle()
    for who in (tina, lead):
        days = [m["text"] for m in await stage.chat(who) if "Mar" in m["text"]]
        assert days
        assert all("4 Mar" in text for text in days)


class OpensMeanwhile:
    """A transport on which somebody opens the chat while a refused send is on its way back."""

    def __init__(self, stage: Stage, who: Someone) -> None:
        self._stage, self._who = stage, who
        self.refused = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage.transport, name)

    async def send(self, *args: Any, **more: Any) -> SendResult:
        result = await self._stage.transport.send(*args, **more)
        if isinstance(result, Unreachable):
            self.refused += 1
            self._stage.sandbox.world.block(self._who.user_id, False)
            while await self._stage.poller.once(0):  # that it was blocked, and that it is open
                pass
        return result


@pytest.mark.both_databases
async def test_who_opened_the_chat_before_its_refusal_was_kept_is_asked(stage: Stage) -> None:
    """Results wait for the rest of their window, and for a database that is away for minutes."""
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    stage.sandbox.world.block(tina.user_id, True)
    wire: Any = OpensMeanwhile(stage, tina)
    stage.sender = Sender(stage.database, wire, stage.clock, stage.sender.pacer)
    stage.now = datetime.combine(MONDAY, time(6, 30), ZONE).astimezone(UTC)
    await heartbeat(stage.database, stage.clock)
    while await stage.sender.once():  # before it is heard that the chat was blocked
        pass
    await stage.at("06:31")
    assert wire.refused == 1
    assert [m["text"] for m in await stage.chat(tina) if "All clear" in str(m["buttons"])]
    assert await _status_of(stage, "Tom") == "asked"


async def test_another_language_brings_no_card_of_yesterday_that_was_deleted(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    stage.sandbox.world.find_chat(tina.user_id, BOT_ID).messages.clear()
    await stage.at("06:20", TUESDAY)
    await stage.says(tina, "/language")
    await stage.taps_first(tina, 0)
    assert not any("3月2日" in m["text"] for m in await stage.chat(tina))


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


async def test_who_has_the_question_is_reminded_though_the_first_in_line_is_back(
    stage: Stage,
) -> None:
    await stage.a_school()
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await _blocks(stage, maria)
    await stage.at("06:30")
    await _blocks(stage, maria, blocked=False)
    await stage.at("07:10")
    assert "Still waiting" in (await stage.chat(carlos))[-1]["text"]
    assert _asked(stage, "Maria") == 0
    await stage.at("07:20")
    assert (_asked(stage, "Maria"), _asked(stage, "Carlos")) == (1, 1)


async def test_when_a_list_changes_who_is_first_the_one_who_was_asked_is_reminded(
    stage: Stage,
) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.joined("Carlos")
    await stage.at("06:30")
    order = {"Maria": "2", "Carlos": "1"}
    rows = [line.split(",") for line in ROSTER.strip().splitlines()]
    await _imports(stage, [[*row[:-1], order.get(row[2], row[-1])] for row in rows])
    await stage.at("07:10")
    assert "Still waiting" in (await stage.chat(maria))[-1]["text"]
    await stage.at("07:20")
    assert (_asked(stage, "Maria"), _asked(stage, "Carlos")) == (1, 1)


async def test_when_the_tie_of_who_was_asked_ends_the_next_in_line_is_asked_at_once(
    stage: Stage,
) -> None:
    await stage.a_school()
    await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    await stage.at("06:30")
    await _imports(stage, _until("Maria", "2026-03-01"))
    assert _asked(stage, "Carlos") == 1
    await stage.at("07:10")
    assert "Still waiting" in (await stage.chat(carlos))[-1]["text"]
    await stage.at("07:20")
    assert _asked(stage, "Carlos") == 1


async def test_when_a_tie_ends_by_its_day_the_next_in_line_is_asked_at_the_next_step(
    stage: Stage,
) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.joined("Carlos")
    await stage.at("06:30")
    async with stage.database.writing() as session:
        ties = select(Guardianship).where(Guardianship.guardian_id == maria.person_id)
        for tie in await session.exec(ties):
            tie.until = MONDAY
    await stage.at("07:10")
    assert _asked(stage, "Carlos") == 1


async def test_when_the_only_tie_ends_the_child_is_out_of_reach(stage: Stage) -> None:
    await stage.a_school()
    await stage.joined("Tina")
    await stage.at("06:30")
    await _imports(stage, _until("Tina", "2026-03-01"))
    assert await _status_of(stage, "Tom") == "unreachable"


async def test_nothing_changes_for_who_has_the_question_when_another_closes_the_chat(
    stage: Stage,
) -> None:
    await stage.a_school()
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.at("07:10")
    await _blocks(stage, carlos)
    assert _asked(stage, "Maria") == 1
    await stage.taps_first(maria, 0)  # on the reminder
    assert await _status_of(stage, "Ana") == "complete"


def _until(guardian: str, day: str) -> list[list[str]]:
    """Return the school's list with a day on which a guardian's ties have ended."""
    head, *rows = (line.split(",") for line in ROSTER.strip().splitlines())
    return [[*head, "until"], *([*row, day if row[2] == guardian else ""] for row in rows)]


async def _imports(stage: Stage, rows: list[list[str]]) -> None:
    assert stage.school is not None
    async with stage.database.writing() as session:
        sheet = Sheet("roster", rows)
        await import_sheets(session, stage.school, [sheet], stage.now, actor_id=None)
    await stage.settle()


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


async def test_whoever_stops_keeps_no_names_no_buttons_and_no_reminder(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:10")
    await _stops(stage, tina)
    card, *said = [m for m in await stage.chat(tina) if m["from"] == "bot"]
    assert card["text"].startswith("Nothing for you to answer here now")
    assert not card["buttons"]
    assert not any("Tom (3-2)" in m["text"] for m in said)


async def test_what_was_answered_yesterday_stays_when_a_parent_stops(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    await stage.at("05:00", day=MONDAY + timedelta(days=1))
    await _stops(stage, tina)
    assert "all clear" in next(m["text"] for m in await stage.chat(tina) if m["from"] == "bot")


async def test_whoever_stops_before_the_question_has_come_is_not_asked(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:29")
    await stage.says(tina, "/stop")
    await _asks_without_sending(stage)
    await stage.taps(tina, "Stop asking me")
    assert "I will not ask you any more" in (await stage.chat(tina))[-1]["text"]
    async with stage.database.reading() as session:
        asks = await session.exec(select(Ledger.state).where(Ledger.kind == "card"))
        assert asks.all() == ["moot"]


async def test_whoever_stops_and_comes_back_at_once_is_asked(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:29")
    await stage.says(tina, "/stop")
    await _asks_without_sending(stage)
    await stage.taps(tina, "Stop asking me")
    await stage.opens(tina, await stage.class_link("3-2"))
    await stage.says(tina, "Tom 0431")
    await stage.taps_first(tina, 0)  # yes, ask me
    assert "Tom (3-2)" in (await stage.chat(tina))[-1]["text"]


async def test_a_tie_that_ends_by_the_list_takes_card_and_reminder_along(stage: Stage) -> None:
    await stage.opens_school("en")
    tina, maria = await stage.joined("Tina"), await stage.joined("Maria")
    await stage.at("06:30")
    await stage.at("07:10")
    before = await stage.chat(maria)
    await _takes_over(stage, "until", Tina="2026-03-01")
    card, *said = [m for m in await stage.chat(tina) if m["from"] == "bot"]
    assert card["text"].startswith("Nothing for you to answer here now")
    assert (card["buttons"], said) == ([], [])
    assert await stage.chat(maria) == before


async def test_whoever_may_only_see_by_the_new_list_has_no_buttons_any_more(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:10")
    await _takes_over(stage, "rights", Tina="see")
    (card,) = [m for m in await stage.chat(tina) if m["from"] == "bot"]
    assert "Tom" in card["text"]
    assert not card["buttons"]


async def test_split_custody_by_a_new_list_takes_back_what_the_other_parent_said(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)
    await stage.says(carlos, "/today")
    assert "(Maria)" in (await stage.chat(carlos))[-1]["text"]
    await _takes_over(stage, "separate", Carlos="yes")
    assert "all clear" not in (await stage.chat(carlos))[-1]["text"]
    assert any("all clear" in m["text"] for m in await stage.chat(maria))


async def _stops(stage: Stage, who: Someone) -> None:
    await stage.says(who, "/stop")
    await stage.taps(who, "Stop asking me")


async def _asks_without_sending(stage: Stage) -> None:
    stage.now = datetime.combine(MONDAY, time(6, 30), ZONE).astimezone(UTC)
    await heartbeat(stage.database, stage.clock)


async def _takes_over(stage: Stage, column: str, **said: str) -> None:
    """Let the office send the list once more, with a column that says something of somebody."""
    first, *lines = [line.split(",") for line in ROSTER.strip().splitlines()]
    rows: list[list[Any]] = [[*first, column], *([*each, said.get(each[2], "")] for each in lines)]
    async with stage.database.writing() as session:
        assert stage.school is not None
        sheet = Sheet("roster", rows)
        await import_sheets(session, stage.school, [sheet], stage.now, actor_id=None)
    await stage.settle()


def _asked(stage: Stage, name: str) -> int:
    return sum(line.startswith(f"bot → {name}: Good morning") for line in stage.lines)
