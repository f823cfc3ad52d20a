"""Words that come a day late: they say nothing of today, and nothing amiss in them is lost."""

from datetime import date, timedelta

import pytest
from sqlmodel import select

from handlers.desk import Desk
from handlers.inbox import Arrival, Inbox
from handlers.messages import Event
from storage.inbox import content_of, in_quarantine
from storage.tables import CheckIn, Contact, Round
from tests.libraries import LIBRARIES
from tests.play import BOT_ID, MONDAY, TUESDAY, Someone, Stage
from tests.test_answers import open_second_school
from tests.test_one_person import link_for


async def status(stage: Stage, who: str, day: date) -> str:
    person = await stage.person_id(who)
    async with stage.database.reading() as session:
        found = await session.exec(
            select(CheckIn.status)
            .join(Round, Round.id == CheckIn.round_id)  # type: ignore[arg-type]
            .where(CheckIn.subject_id == person, Round.day == day)
        )
        return found.one()


async def said(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def comes_on_tuesday(stage: Stage, who: Someone, *words: str) -> None:
    """Let somebody write on Monday what is heard on Tuesday, after the ask."""
    await stage.at("06:30")
    with stage.nobody_hears():
        await stage.at("07:15")
        for each in words:
            await stage.says(who, each)
        await stage.at("06:30", TUESDAY)
    await stage.at("06:40", TUESDAY)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.both_databases
async def test_what_was_written_yesterday_does_not_answer_for_today(
    stage: Stage, library: str
) -> None:
    assert library
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await comes_on_tuesday(stage, tina, "Tom is fine")
    assert await status(stage, "Tom", TUESDAY) == "asked"
    assert await status(stage, "Tom", MONDAY) == "no_response"
    assert any("reached me only now" in text for text in await said(stage, tina))
    await stage.taps(tina, "All clear")
    assert await status(stage, "Tom", TUESDAY) == "complete"


async def test_a_question_that_is_open_today_is_not_answered_by_yesterdays_number(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await comes_on_tuesday(stage, tina, "Tom", "36.5")
    assert "temperature this morning?" in (await said(stage, tina))[-1]


async def test_something_amiss_that_comes_a_day_late_is_asked_about(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await comes_on_tuesday(stage, tina, "Tom has a fever 39.2")
    assert await status(stage, "Tom", TUESDAY) == "asked"
    await stage.taps(tina, "Yes")
    assert await status(stage, "Tom", TUESDAY) == "partial"


async def test_of_whom_something_amiss_was_said_a_day_late_is_asked(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await comes_on_tuesday(stage, maria, "fever 39.2")
    [*_, card] = [m for m in await stage.chat(maria) if m["buttons"]]
    assert [b["text"] for b in card["buttons"][0]] == ["Ana…", "Ben…"]


async def test_a_separated_parents_late_words_are_asked_about_in_their_own_chat_alone(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    ruth, paul = await stage.joined("Ruth"), await stage.joined("Paul")
    await comes_on_tuesday(stage, ruth, "Mia coughs")
    assert "Cough?" in (await said(stage, ruth))[-1]
    assert not any("Cough" in text for text in await said(stage, paul))


async def test_what_was_written_this_morning_before_the_ask_answers_for_today(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    with stage.nobody_hears():
        await stage.at("06:20")
        await stage.says(tina, "Tom is fine")
        await stage.at("06:30")
    await stage.at("06:40")
    assert await status(stage, "Tom", MONDAY) == "complete"


async def likes_the_evening(stage: Stage, *whom: Someone) -> None:
    chats = [who.user_id for who in whom]
    async with stage.database.writing() as session:
        for contact in await session.exec(select(Contact)):
            if contact.chat_id in chats:
                contact.window = "evening"


async def test_the_mornings_words_that_come_after_the_evenings_ask_answer_for_the_day_itself(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await likes_the_evening(stage, tina)
    await stage.at("06:30")
    with stage.nobody_hears():
        await stage.at("07:15")
        await stage.says(tina, "Tom is fine")
        await stage.at("19:00")
    await stage.at("19:30")
    assert await status(stage, "Tom", MONDAY) == "complete"
    assert await status(stage, "Tom", TUESDAY) == "asked"


async def test_what_was_written_the_evening_before_does_not_say_how_the_morning_is(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await likes_the_evening(stage, tina)
    await stage.at("19:00")
    with stage.nobody_hears():
        await stage.at("22:00")
        await stage.says(tina, "Tom is fine")
        await stage.at("06:30", TUESDAY)
    await stage.at("06:40", TUESDAY)
    assert await status(stage, "Tom", TUESDAY) != "complete"


async def all_fine_in_the_evening(stage: Stage, who: Someone, morning: str) -> None:
    """Let somebody write on the evening before, and be heard when the morning has asked."""
    await likes_the_evening(stage, who)
    await stage.at("19:00", MONDAY - timedelta(days=1))
    with stage.nobody_hears():
        await stage.at("21:00", MONDAY - timedelta(days=1))
        await stage.says(who, "all fine")
        await stage.at(morning)


async def test_yesterdays_all_fine_clears_nobody_of_the_one_school_that_has_asked_today(
    stage: Stage,
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    steps = "evening before 19:00, ask 07:00, close 08:30"
    await open_second_school(stage, maria, "Asia/Shanghai", steps)
    await stage.says(gu, "/plan students ask 06:30 remind 07:10 close 08:00")
    await all_fine_in_the_evening(stage, maria, "06:30")
    await stage.at("06:40")
    assert await status(stage, "Ana", MONDAY) == "asked"


async def test_yesterdays_all_fine_does_not_clear_a_parent_who_was_asked_as_staff_today(
    stage: Stage,
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    await stage.opens(maria, await link_for(stage, "林岚"))
    await stage.says(maria, "0013")
    await stage.taps(maria, "Yes, I agree")
    await stage.says(gu, "/plan staff 06:00 08:00")
    await all_fine_in_the_evening(stage, maria, "06:00")
    await stage.at("06:10")
    assert maria.person_id is not None
    async with stage.database.reading() as session:
        mine = await session.exec(
            select(CheckIn.status).where(CheckIn.subject_id == maria.person_id)
        )
        assert mine.one() == "asked"


async def test_what_is_written_when_the_evening_has_asked_is_kept_for_the_morning(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await likes_the_evening(stage, tina)
    await stage.at("19:00")
    await stage.says(tina, "Tom is fine")
    assert await status(stage, "Tom", TUESDAY) == "partial"


async def test_a_picture_that_comes_a_day_late_has_the_number_asked(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    with stage.nobody_hears():
        await stage.at("07:15")
        await stage.sends_picture(tina)
        await stage.at("06:30", TUESDAY)
    await stage.at("06:40", TUESDAY)
    assert "temperature this morning?" in (await said(stage, tina))[-1]
    assert await status(stage, "Tom", TUESDAY) == "asked"


async def set_aside(stage: Stage, who: Someone, text: str) -> None:
    """Let words come to grief in a fault of ours."""
    whole = stage.inbox._route

    async def fails(_desk: Desk, _event: Event) -> None:
        raise LookupError

    stage.inbox._route = fails
    await stage.says(who, text)
    stage.inbox._route = whole


async def let_in_again(stage: Stage) -> None:
    async with stage.database.reading() as session:
        [row] = await in_quarantine(session)
        raw = content_of(row)
    arrival = Arrival(BOT_ID, row.update_id, raw, stage.transport.read(raw))
    inbox = Inbox(stage.database, stage.clock, stage.inbox._route)
    assert await inbox.replay(row.id, arrival) is None
    await stage.settle()


async def test_what_was_set_aside_yesterday_and_is_let_in_today_does_not_answer_for_today(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await set_aside(stage, tina, "Tom is fine")
    await stage.at("06:30", TUESDAY)
    await let_in_again(stage)
    assert await status(stage, "Tom", TUESDAY) == "asked"


async def test_a_number_let_in_again_after_the_talk_went_on_is_no_other_childs(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.taps(maria, "Ana…")
    await set_aside(stage, maria, "36.5")
    await stage.at("06:45")
    await stage.taps(maria, "‹ Back")
    await stage.taps(maria, "Ben…")
    await stage.at("09:30")
    await let_in_again(stage)
    assert any("reached me late" in text for text in await said(stage, maria))
    assert "Ben: temperature this morning?" in (await said(stage, maria))[-1]


async def test_a_number_that_a_teacher_typed_yesterday_is_nobodys_today(stage: Stage) -> None:
    await stage.opens_school("en")
    await stage.joined("Tina")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await set_aside(stage, wang, "39.2")
    await stage.at("07:30", TUESDAY)
    await stage.says(wang, "/class")
    await stage.taps(wang, "Call list (3)")
    await stage.taps(wang, "Tom…")
    await stage.taps(wang, "Go through the questions")
    await let_in_again(stage)
    assert await status(stage, "Tom", TUESDAY) == "asked"
