"""When a family is asked: the evening before, the second guardian's turn, and pauses."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlmodel import col, select

from checkin.checkins import Status
from checkin.rosters import Sheet
from handlers.rosters import import_sheets
from storage.tables import CheckIn, Contact, Ledger
from tests.play import DORMITORY, MONDAY, TUESDAY, Someone, Stage
from tests.test_one_person import link_for

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])
SUNDAY = MONDAY - timedelta(days=1)


async def statuses(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        return list(await session.exec(select(CheckIn.status).order_by(CheckIn.id)))


@BOTH
async def test_a_family_that_likes_the_evening_is_asked_only_the_temperature_in_the_morning(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    zhou = await stage.joined("周敏")
    await stage.at("18:00", SUNDAY)
    await stage.says(maria, "/when")
    await stage.taps_first(maria, 1)
    await stage.at("19:00", SUNDAY)
    await stage.taps_first(maria, 0)  # all clear for both, this evening
    await stage.at("06:30")
    await stage.taps_first(maria, 0)  # the temperature is normal
    await stage.taps_first(zhou, 0)
    golden(f"evening_before.{language}", stage.transcript())


async def test_a_child_who_is_ill_in_the_evening_is_reported_in_the_evening(stage: Stage) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    teacher = await stage.joined("Mr Wang")
    await stage.at("18:00", SUNDAY)
    await stage.says(tina, "/when")
    await stage.taps_first(tina, 1)
    await stage.at("19:00", SUNDAY)
    await stage.reports_fever(tina)
    assert any("stays home" in message["text"] for message in await stage.chat(teacher))
    asked = len(await stage.chat(tina))
    await stage.at("06:30")
    assert len(await stage.chat(tina)) == asked


async def test_a_family_that_is_silent_in_the_evening_is_asked_and_reminded_in_the_morning(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("18:00", SUNDAY)
    await stage.says(maria, "/when")
    await stage.taps_first(maria, 1)
    await stage.at("19:00", SUNDAY)
    await stage.at("06:30")
    await stage.at("07:10")
    async with stage.database.reading() as session:
        rows = await session.exec(select(Ledger.kind, Ledger.rung).order_by(Ledger.id))
        asked = [(kind, rung) for kind, rung in rows if kind in {"card", "reminder"}]
    assert asked == [("card", -1), ("card", 0), ("reminder", 1)]


@BOTH
async def test_until_the_morning_asks_everything_is_the_evenings(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await stage.at("18:00", SUNDAY)
    await stage.says(maria, "/when")
    await stage.taps_first(maria, 1)
    await stage.at("19:00", SUNDAY)
    await stage.at("00:10")
    await stage.says(maria, "/today")
    await stage.taps_first(maria, 0)  # all clear for both, long before breakfast
    assert await statuses(stage) == ["partial", "partial", "due", "due"]
    await stage.at("06:30")
    await stage.taps_first(maria, 0)  # the temperature is normal
    golden(f"after_midnight.{language}", stage.transcript())


@pytest.mark.parametrize("clock", ["23:50", "00:10", "06:10"])
@pytest.mark.parametrize("typed", [False, True])
async def test_an_all_clear_before_the_morning_asks_leaves_the_temperature_to_it(
    stage: Stage, clock: str, typed: bool
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, tina)
    await stage.at("19:00", SUNDAY)
    await stage.at(clock, SUNDAY if clock > "12" else MONDAY)
    if typed:
        await stage.says(tina, "Tom is fine")
    else:
        await stage.taps(tina, "All clear")
    assert await statuses(stage) == ["due", "due", "due", "partial"]
    await stage.at("06:30")
    await stage.taps(tina, "Temperature normal")
    assert Status.complete in await statuses(stage)


async def test_an_evening_whose_morning_never_asked_does_not_last_beyond_the_close(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, tina)
    await stage.at("19:00", SUNDAY)
    await stage.at("08:30")  # the machine was away
    await stage.taps_first(tina, 0)
    assert Status.complete in await statuses(stage)


@pytest.mark.parametrize("what", ["Telegram lets nothing out", "the machine is away"])
async def test_what_could_not_be_asked_in_the_evening_wakes_nobody_and_is_asked_in_the_morning(
    stage: Stage, what: str
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, tina)
    before = await stage.chat(tina)
    if what == "Telegram lets nothing out":
        stage.sender.pacer.rest(1e6)
        await stage.at("19:00", SUNDAY)
        await stage.at("23:59", SUNDAY)
        stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("02:00")
    assert await stage.chat(tina) == before
    await stage.at("06:30")
    assert len(await stage.chat(tina)) == len(before) + 1
    assert "Good morning" in (await stage.chat(tina))[-1]["text"]
    assert [state for _, state in await asked(stage, tina)][-1] == "sent"


async def test_a_reminder_in_the_evening_wakes_nobody_either(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, tina = await stage.joined("Gu"), await stage.joined("Tina")
    await stage.at("18:00")
    await stage.says(gu, "/plan students evening 19:00, remind eve 20:30, ask 06:30, close 08:00")
    await likes_the_evening(stage, tina)
    await stage.at("19:00")
    before = await stage.chat(tina)
    stage.sender.pacer.rest(1e6)
    await stage.at("20:30")
    await stage.at("23:59")
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("02:00", TUESDAY)
    assert await stage.chat(tina) == before


async def test_who_is_next_in_line_is_not_woken_when_another_leaves_in_the_night(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, maria)
    await likes_the_evening(stage, carlos)
    await stage.at("19:00", SUNDAY)
    before = await stage.chat(carlos)
    await stage.at("00:30")
    await blocks(stage, maria)
    assert await stage.chat(carlos) == before
    await stage.at("06:30")
    assert "Good morning" in (await stage.chat(carlos))[-1]["text"]


async def test_who_joins_in_the_night_is_asked_at_once_and_again_in_the_morning(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, maria)
    await stage.at("19:00", SUNDAY)
    tina = await stage.phone("Tina")
    await stage.at("00:30")
    await stage.opens(tina, await stage.class_link("3-2"))
    await stage.says(tina, "Tom 0431")
    for _ in range(3):  # it is hers, she agrees, all clear
        await stage.taps_first(tina, 0)
    assert "Later this morning" in (await stage.chat(tina))[-1]["text"]
    await stage.at("06:30")
    assert "this morning's temperature" in (await stage.chat(tina))[-1]["text"]


async def likes_the_evening(stage: Stage, who: Someone) -> None:
    await stage.says(who, "/when")
    await stage.taps(who, "The evening before")


async def blocks(stage: Stage, who: Someone) -> None:
    stage.sandbox.world.block(who.user_id, True)
    await stage.settle()


async def asked(stage: Stage, who: Someone) -> list[tuple[int, str]]:
    """Return at which rungs somebody was asked, and what became of it.

    `withdrawn` is the evening's card, for which the morning's stands: it has left the chat.
    """
    async with stage.database.reading() as session:
        rows = await session.exec(
            select(Ledger.rung, Ledger.state)
            .join(Contact, col(Contact.id) == Ledger.contact_id)
            .where(Contact.person_id == who.person_id, col(Ledger.cause).startswith("ask:"))
            .order_by(col(Ledger.id))
        )
        return list(rows.all())


@pytest.mark.parametrize("what", ["blocks", "stops"])
async def test_who_answered_in_the_evening_is_left_alone_when_another_leaves_and_asked_again(
    stage: Stage, what: str
) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, maria)
    await stage.at("19:00", SUNDAY)
    await stage.taps_first(maria, 0)
    before = await stage.chat(maria)
    await stage.at("20:00", SUNDAY)
    if what == "blocks":
        await blocks(stage, carlos)
    else:
        await stage.says(carlos, "/stop")
        await stage.taps(carlos, "Stop asking me")
    assert await stage.chat(maria) == before
    await stage.at("06:30")
    assert await asked(stage, maria) == [(-1, "withdrawn"), (0, "sent")]
    assert "Good morning" in (await stage.chat(maria))[-1]["text"]


async def test_who_turns_to_the_morning_after_the_evenings_ask_is_asked_in_the_morning(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, tina)
    await stage.at("19:00", SUNDAY)
    await stage.taps_first(tina, 0)
    await stage.says(tina, "/when")
    await stage.taps_first(tina, 0)
    await stage.at("06:30")
    assert "Good morning" in (await stage.chat(tina))[-1]["text"]


async def test_who_joins_after_the_evenings_ask_is_asked_in_the_morning(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("18:00")
    await likes_the_evening(stage, maria)
    await stage.at("19:00")  # the round of Tuesday is open
    tina = await stage.phone("Tina")
    await stage.opens(tina, await stage.class_link("3-2"))
    await stage.says(tina, "Tom 0431")
    for _ in range(3):  # it is hers, she agrees, all clear
        await stage.taps_first(tina, 0)
    await stage.at("06:30", TUESDAY)
    assert "Good morning. Tue 3 Mar" in (await stage.chat(tina))[-1]["text"]


@pytest.mark.parametrize("likes", [True, False])
async def test_who_is_next_in_line_in_the_evening_is_asked_then_only_if_they_like_it(
    stage: Stage, likes: bool
) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, maria)
    if likes:
        await likes_the_evening(stage, carlos)
    await stage.at("19:00", SUNDAY)
    await blocks(stage, maria)
    in_the_evening = [(-1, "sent")] if likes else []
    assert await asked(stage, carlos) == in_the_evening
    await stage.at("06:30")
    gone = [(rung, "withdrawn") for rung, _ in in_the_evening]
    assert await asked(stage, carlos) == [*gone, (0, "sent")]


async def test_where_nobody_likes_the_evening_no_round_is_opened_for_it(stage: Stage) -> None:
    await stage.opens_school("en")
    await stage.joined("Maria")
    await stage.at("19:00", SUNDAY)
    assert await statuses(stage) == []


@BOTH
async def test_the_second_guardian_is_asked_when_the_first_is_silent(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.at("07:10")
    await stage.at("07:20")
    await stage.taps_first(carlos, 0)
    golden(f"second_guardian.{language}", stage.transcript())


@BOTH
async def test_a_family_sets_a_pause_with_a_day_of_return(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(maria, "/pause Ana 2026-03-04")
    await stage.taps_first(maria, 0, newest=False)  # Ben is well
    await stage.at("06:30", TUESDAY)
    await stage.at("06:30", date(2026, 3, 4))
    golden(f"pause.{language}", stage.transcript())


async def test_a_pause_that_ends_early_asks_at_once(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:00")
    await stage.says(tina, "/pause")
    await stage.taps_first(tina, 0, 1)  # until next Monday
    await stage.at("06:30")
    assert Status.excused in await statuses(stage)
    await stage.says(tina, "/pause end")
    await stage.taps(tina, "All clear")
    assert Status.excused not in await statuses(stage)


async def test_a_pause_that_ends_after_the_close_asks_on_the_next_school_day(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")
    await stage.at("06:00")
    await stage.says(tina, "/pause 2026-03-05")
    await stage.at("06:30")
    await stage.at("08:00")
    await stage.says(tina, "/pause end")
    assert "again on the next school day" in (await stage.chat(tina))[-1]["text"]
    told = (await stage.chat(wang))[-1]["text"]
    assert "the family has ended the pause; we ask again on the next school day" in told
    await stage.at("06:30", TUESDAY)
    assert "Good morning. Tue 3 Mar" in (await stage.chat(tina))[-1]["text"]


async def test_a_pause_set_in_the_evening_leaves_the_day_of_return_alone(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.says(tina, "/when")
    await stage.taps(tina, "The evening before")
    await stage.at("19:00")
    await stage.says(tina, "/pause 2026-03-03")
    await stage.at("06:30", TUESDAY)
    assert Status.excused not in await statuses(stage)
    assert "Good morning. Tue 3 Mar" in stage.transcript()


async def test_a_pause_set_in_the_evening_shows_on_tomorrows_card(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.says(tina, "/when")
    await stage.taps(tina, "The evening before")
    await stage.at("19:00")
    await stage.says(tina, "/pause 2026-03-05")
    assert "bot → Tina (edited): Tue 3 Mar\n    Tom: nobody is asked about" in stage.transcript()


@pytest.mark.parametrize("written", ["/pause 2026-03-02", "/pause 2026-05-30"])
async def test_a_pause_has_a_day_of_return_that_is_neither_today_nor_far(
    stage: Stage, written: str
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:00")
    await stage.says(tina, written)
    assert "within two months" in (await stage.chat(tina))[-1]["text"]


async def comes_later(stage: Stage, who: Someone, text: str, day: date) -> None:
    """Let somebody write on Monday at eight in the evening what is heard on a day at six."""
    await stage.at("20:00")
    with stage.nobody_hears():
        await stage.says(who, text)
        await stage.at("06:00", day)
    await stage.at("06:30", day)


async def test_a_pause_until_tomorrow_that_comes_in_on_the_day_of_return_excuses_nobody(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await comes_later(stage, tina, "/pause tomorrow", TUESDAY)
    said = [message["text"] for message in await stage.chat(tina)][-2:]
    assert "ask about Tom again on Tue 3 Mar; that day has come" in said[0]
    assert "Good morning. Tue 3 Mar" in said[1]
    assert Status.excused not in await statuses(stage)


async def test_a_pause_that_comes_in_late_lasts_until_the_day_that_was_meant(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await comes_later(stage, tina, "/pause 2026-03-05", TUESDAY)
    assert "We ask about Tom again on Thu 5 Mar" in (await stage.chat(tina))[-1]["text"]
    assert Status.excused in await statuses(stage)


async def test_nobody_sets_a_pause_for_another_familys_child(stage: Stage) -> None:
    await stage.opens_school("en")
    tina, maria = await stage.joined("Tina"), await stage.joined("Maria")
    await stage.at("06:30")
    await stage.says(maria, "/pause Ana")
    message = (await stage.chat(maria))[-1]
    data = message["buttons"][0][0]["data"]
    await stage.taps_raw(tina, (await stage.chat(tina))[-1]["id"], data)
    assert Status.excused not in await statuses(stage)


async def test_a_boarder_whose_pause_ends_is_the_wardens_again(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    lena, warden = await stage.joined("Lena"), await stage.joined("Mrs Song")
    await stage.at("06:00")
    await stage.says(lena, "/pause 2026-03-04")
    await stage.at("06:30")
    asked = len(await stage.chat(lena))
    await stage.says(lena, "/pause end")
    assert Status.excused not in await statuses(stage)
    assert len(await stage.chat(lena)) == asked + 2  # her words, and the reply; no card
    card = next(m for m in reversed(await stage.chat(warden)) if "Maple House" in m["text"])
    assert "Leo" in card["text"]


@pytest.mark.parametrize("by_family", [True, False])
async def test_a_boarder_with_a_telephone_of_their_own_is_asked_again(
    stage: Stage, by_family: bool
) -> None:
    await stage.opens_boarding_school("en")
    leo, lena, wang = [await stage.joined(name) for name in ("Leo", "Lena", "Mr Wang")]
    if by_family:
        await stage.says(lena, "/pause 2026-03-04")
    await stage.at("06:30")
    assert ("excused" in await statuses(stage)) == by_family
    if by_family:
        await stage.says(lena, "/pause end")
    else:
        await stage.says(wang, "/class")
        await stage.taps(wang, "Excuse…")
        await stage.taps(wang, "Leo…")
        await stage.taps(wang, "family matter")
        await stage.taps(wang, "This week")
        await stage.taps(wang, "Excuse…")
        await stage.taps(wang, "↩ Leo: not excused")
    assert "excused" not in await statuses(stage)
    assert "asked" in await statuses(stage)
    assert any("How are you" in message["text"] for message in await stage.chat(leo))


@BOTH
async def test_the_warden_answers_for_the_house_in_seconds(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_boarding_school(language)
    warden = await stage.joined("Mrs Song")
    await stage.joined("Lena")
    await stage.at("06:30")
    await stage.taps(warden, {"en": "Enter many", "zh": "成批填报"}[language])
    await stage.taps(warden, {"en": "2 are well: keep", "zh": "2人都好，保存"}[language])
    golden(f"warden.{language}", stage.transcript())


async def heard(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def listed(stage: Stage, head: str, line: str) -> None:
    assert stage.school is not None
    sheet = Sheet("roster", [head.split(","), line.split(",")])
    async with stage.database.writing() as session:
        await import_sheets(session, stage.school, [sheet], stage.now, actor_id=None)
    await stage.settle()


async def the_evening_before(stage: Stage) -> None:
    """One family likes the evening, so that Monday's round is opened on Sunday at 19:00."""
    tina = await stage.joined("Tina")
    await stage.at("12:00", SUNDAY)
    await stage.says(tina, "/when")
    chat = await stage.chat(tina)
    buttons = [b for m in reversed(chat) for row in m["buttons"] for b in row]
    await stage.taps(tina, next(b["text"] for b in buttons if b["data"].startswith("z:2")))
    await stage.at("19:00", SUNDAY)
    await stage.at("20:00", SUNDAY)


async def the_morning(stage: Stage) -> None:
    for clock in ("06:30", "07:10", "07:20", "07:30"):
        await stage.at(clock)


async def test_who_has_left_the_dormitory_by_the_morning_is_asked_about_at_home(
    stage: Stage,
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_boarding_school("en")
    lena, song = await stage.joined("Lena"), await stage.joined("Mrs Song")
    await the_evening_before(stage)
    await listed(stage, "kind,number,name,class,boarder", "student,20250450,Leo,3-2,no")
    await the_morning(stage)
    assert any("Leo" in text for text in await heard(stage, lena))
    assert not any("Leo" in text for text in await heard(stage, song))


async def test_who_is_in_the_dormitory_by_the_morning_is_the_wardens(stage: Stage) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_boarding_school("en")
    song = await stage.joined("Mrs Song")
    await the_evening_before(stage)
    head = "kind,number,name,class,boarder,dormitory"
    await listed(stage, head, f"student,20250440,Mia,3-2,yes,{DORMITORY}")
    await the_morning(stage)
    assert any("Mia" in text for text in await heard(stage, song))


async def test_who_is_in_another_class_by_the_morning_is_on_its_card(stage: Stage) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_boarding_school("en")
    wang, sun = await stage.joined("Mr Wang"), await stage.joined("Ms Sun")
    await the_evening_before(stage)
    await listed(stage, "kind,number,name,class", "student,20250440,Mia,1-1")
    await the_morning(stage)
    assert any("Mia" in text for text in await heard(stage, sun))
    assert not any("Mia" in text for text in await heard(stage, wang))


async def test_words_of_the_evening_that_come_past_midnight_are_the_evenings(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("12:00", SUNDAY)
    await likes_the_evening(stage, tina)
    await stage.at("19:00", SUNDAY)
    await stage.at("23:55", SUNDAY)
    with stage.nobody_hears():
        await stage.says(tina, "Tom fine")
    await stage.at("00:05")
    await stage.settle()
    assert "only ask for the temperature" in (await heard(stage, tina))[-1]


async def test_the_evening_that_is_chosen_in_one_chat_holds_for_all_of_a_persons_chats(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    theirs = select(Contact).where(Contact.person_id == tina.person_id)
    async with stage.database.writing() as session:
        new = (await session.exec(theirs)).one()
        older = new.model_dump() | {"id": new.id - 10, "chat_id": tina.user_id + 1_000_000}
        session.add(Contact(**older))
    await stage.at("18:00", SUNDAY)
    await likes_the_evening(stage, tina)
    await stage.at("19:00", SUNDAY)
    assert await statuses(stage) == ["due", "due", "due", "asked"]
    async with stage.database.reading() as session:
        assert {each.window for each in await session.exec(theirs)} == {"evening"}


async def test_who_joins_in_another_chat_is_asked_at_the_time_that_they_have_chosen(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    lin = await stage.joined("林岚")
    await likes_the_evening(stage, lin)
    newer = await stage.phone("林岚's other telephone")
    await stage.opens(newer, await link_for(stage, "林岚"))
    await stage.says(newer, "0013")
    await stage.taps(newer, "Yes, I agree")
    theirs = select(Contact.window).where(Contact.person_id == lin.person_id)
    async with stage.database.reading() as session:
        assert list(await session.exec(theirs)) == ["evening", "evening"]


async def test_until_the_morning_asks_a_class_card_calls_nobody_silent(stage: Stage) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    maria, wang = await stage.joined("Maria"), await stage.joined("Mr Wang")
    await stage.says(maria, "/when")
    await stage.taps(maria, "The evening before")
    await stage.at("19:00", SUNDAY)
    await stage.taps(maria, "All clear for both")
    await stage.at("06:00")
    await stage.says(wang, "/class")
    card = (await stage.chat(wang))[-1]
    assert "0 of 3 in, 1 answered the evening before, 2 not asked yet" in card["text"]
    assert "Answered the evening before: Ana" in card["text"]
    assert "Not asked yet this morning: Tom, 周子昂" in card["text"]
    assert "ilent" not in card["text"]
    assert "Remind" not in str(card["buttons"])
