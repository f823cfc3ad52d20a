"""What families may see and say, and what is answered to them, in both languages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from checkin.plans import Audience
from checkin.rosters import Sheet, read_roster
from checkin.steps import parse_steps
from handlers.joining import CONSENT_VERSION
from handlers.rosters import import_roster
from handlers.setup import make_school
from sandbox.faults import Faults
from storage import plans
from storage.tables import CheckIn, Consent, Guardianship
from tests.play import MONDAY, TUESDAY, Someone, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


async def change_tie(stage: Stage, guardian: Someone, child: str, **changes: Any) -> None:
    """Change what the roster says about one guardian and one child."""
    student = await stage.person_id(child)
    async with stage.database.writing() as session:
        tie = (
            await session.exec(
                select(Guardianship).where(
                    Guardianship.guardian_id == guardian.person_id,
                    Guardianship.student_id == student,
                )
            )
        ).one()
        for name, value in changes.items():
            setattr(tie, name, value)


async def card_of(stage: Stage, who: Someone) -> dict[str, Any]:
    """Return the newest message in somebody's chat."""
    return (await stage.chat(who))[-1]


# ---- rights --------------------------------------------------------------------------------


@BOTH
async def test_who_may_only_see_has_a_card_without_buttons_that_is_kept_true(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    for child in ("Ana", "Ben"):
        await change_tie(stage, carlos, child, may_answer=False)
    await stage.at("06:30")
    await stage.says(carlos, "/today")
    await stage.taps_first(maria, 0)
    golden(f"only_to_see.{language}", stage.transcript())


@BOTH
async def test_a_tie_that_ended_yesterday_shows_and_takes_nothing_any_more(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    carlos = await stage.joined("Carlos")
    maria = await stage.joined("Maria")
    assert maria
    await stage.at("06:30")
    await stage.says(carlos, "/today")
    await stage.at("08:00")
    for child in ("Ana", "Ben"):
        await change_tie(stage, carlos, child, until=TUESDAY)
    await stage.at("06:30", day=TUESDAY)
    await stage.taps_first(carlos, 0)  # all clear, on yesterday's card
    await stage.says(carlos, "/today")
    golden(f"tie_ended.{language}", stage.transcript())


async def test_without_the_rights_to_see_and_to_answer_there_is_nothing_at_all(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    for child in ("Ana", "Ben"):
        await change_tie(stage, carlos, child, may_answer=False, may_see=False)
    await stage.at("06:30")
    await stage.says(carlos, "/today")
    assert (await card_of(stage, carlos))["text"].startswith("No check-in")
    await stage.taps_first(maria, 0)
    assert not any("bot → Carlos" in line and "✓" in line for line in stage.lines)


async def test_a_right_taken_away_between_card_and_tap_is_gone_at_the_tap(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await change_tie(stage, tina, "Tom", may_answer=False)
    await stage.taps_first(tina, 0)
    assert any("not answer it. Nothing has changed" in line for line in stage.lines)
    assert (await card_of(stage, tina))["buttons"] == []


# ---- split custody -------------------------------------------------------------------------


@BOTH
async def test_in_split_custody_neither_parent_sees_the_others_doings(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    sun = await stage.joined("Ms Sun")
    await change_tie(stage, carlos, "Ben", separate=True)
    await stage.at("06:30")
    await stage.says(carlos, "/today")
    await stage.at("06:45")
    await stage.taps_first(maria, 0)  # all clear for both; Carlos hears of Ana alone
    await stage.at("06:50")
    await stage.taps_first(carlos, 1)  # Ben…
    await stage.says(carlos, "38")
    for _ in range(3):
        await stage.taps_first(carlos, 0)
    await stage.says(maria, "/today")
    await stage.says(sun, "/class")
    golden(f"split_custody.{language}", stage.transcript())


async def test_in_split_custody_nothing_stirs_in_the_other_parents_chat(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    for child in ("Ana", "Ben"):
        await change_tie(stage, carlos, child, separate=True)
    await stage.at("06:30")
    await stage.at("07:10")  # Maria is reminded
    await stage.says(carlos, "/today")
    before = await stage.chat(maria), await stage.chat(carlos)
    data = before[1][-1]["buttons"][0][0]["data"]
    await stage.taps_first(carlos, 0)
    assert await stage.chat(maria) == before[0]  # the reminder too is where it was
    after = await stage.chat(carlos)
    await stage.says(maria, "Ana has a cough")
    assert await stage.chat(carlos) == after
    await stage.taps_raw(carlos, after[-1]["id"], data)
    assert "Already answered" in stage.lines[-2]  # not a word of Maria


# ---- everyday words ------------------------------------------------------------------------


@BOTH
async def test_what_is_typed_about_two_children_is_understood_child_by_child(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    said = {"en": "Ana fine, Ben coughs a bit", "zh": "Ana没事，Ben有点咳嗽"}
    await stage.says(maria, said[language])
    await stage.says(maria, "36.8")
    await stage.taps_first(maria, 0)
    await stage.taps_first(maria, 0)
    await stage.taps_first(maria, 0)
    await stage.says(maria, {"en": "Ana has a fever now", "zh": "Ana发烧了"}[language])
    golden(f"everyday_words.{language}", stage.transcript())


@BOTH
async def test_what_is_not_certain_is_confirmed_and_never_guessed(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.says(maria, "Ana 365")
    await stage.taps_first(maria, 0)  # yes
    await stage.says(
        maria, {"en": "Ben fine but grandma coughs", "zh": "Ben没事，奶奶咳嗽"}[language]
    )
    await stage.taps_first(maria, 1)  # no: the questions
    await stage.says(maria, {"en": "Ben no cough", "zh": "Ben不咳了"}[language])
    golden(f"everyday_unsure.{language}", stage.transcript())


@BOTH
async def test_a_typed_yes_or_no_is_the_answer_to_what_was_guessed(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    yes, no = {"en": ("Yes.", "no"), "zh": ("是的。", "不是")}[language]
    await stage.at("06:30")
    await stage.says(maria, "Ana 365")
    await stage.says(maria, yes)
    await stage.says(
        maria, {"en": "Ben fine but grandma coughs", "zh": "Ben没事，奶奶咳嗽"}[language]
    )
    await stage.says(maria, no)
    await stage.says(maria, "365")
    await stage.says(maria, no)
    await stage.says(maria, "368")
    await stage.says(maria, {"en": "ok", "zh": "好的"}[language])
    golden(f"everyday_yes.{language}", stage.transcript())


async def test_a_typed_name_answers_about_whom_words_were(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.says(maria, "38.2 and a cough")
    await stage.says(maria, "Ben")
    assert "Where is Ben" in (await card_of(stage, maria))["text"]


@BOTH
async def test_what_is_said_of_nobody_in_particular_is_asked(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.says(maria, {"en": "38.2 and a cough", "zh": "38.2，咳嗽"}[language])
    await stage.taps_first(maria, 0, 1)  # Ben
    await stage.says(maria, {"en": "is school open?", "zh": "今天上课吗"}[language])
    await stage.says(maria, {"en": "both fine", "zh": "两个都好"}[language])
    golden(f"everyday_whom.{language}", stage.transcript())


async def test_a_symptom_typed_at_another_question_is_not_swallowed(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.says(tina, "Tom")
    await stage.says(tina, "36.5")
    await stage.taps_first(tina, 0)  # none of these
    await stage.says(tina, "cough")  # at the question where he is
    assert "Where is Tom" in (await card_of(stage, tina))["text"]
    for _ in range(3):
        await stage.taps_first(tina, 0)
    assert "see the nurse" in (await card_of(stage, tina))["text"]


# ---- pictures ------------------------------------------------------------------------------


@BOTH
async def test_a_picture_is_thanked_for_and_the_number_is_asked(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.sends_picture(tina)
    await stage.says(tina, "36.6")
    await stage.sends_picture(maria)
    await stage.taps_first(maria, 0)  # Ana
    golden(f"picture.{language}", stage.transcript())


# ---- a fitting reply to everything ---------------------------------------------------------


@BOTH
async def test_a_student_with_an_own_account_is_spoken_to_as_you(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tom = await stage.joined("Tom")
    await stage.at("06:30")
    await stage.taps_first(tom, 1)
    await stage.answers_all_clear(tom)
    golden(f"own_account.{language}", stage.transcript())


@BOTH
async def test_twice_too_late_forged_and_after_the_other_parent_each_get_their_reply(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.says(carlos, "/today")
    old = (await card_of(stage, maria), await card_of(stage, carlos))
    data = [message["buttons"][0][0]["data"] for message in old]
    await stage.at("07:01")
    await stage.taps_raw(maria, old[0]["id"], data[0])
    await stage.taps_raw(maria, old[0]["id"], data[0])  # twice, or delivered again
    await stage.taps_raw(carlos, old[1]["id"], data[1])  # after the other parent
    await stage.taps_raw(carlos, old[1]["id"], data[0])  # another's button
    await stage.taps_raw(carlos, old[1]["id"], "a:zz:zz")  # one that never was
    await stage.says(maria, {"en": "all good", "zh": "都好"}[language])
    golden(f"fitting_replies.{language}", stage.transcript())


@BOTH
async def test_after_the_day_words_and_taps_are_told_that_it_is_over(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("08:00")
    await stage.at("06:00", day=TUESDAY)
    await stage.says(tina, {"en": "Tom has a cough", "zh": "Tom咳嗽"}[language])
    await stage.taps_first(tina, 0)  # all clear for yesterday
    golden(f"after_the_day.{language}", stage.transcript())


@BOTH
async def test_words_that_come_a_day_late_answer_nothing_and_something_amiss_is_asked_about(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina, maria = await stage.joined("Tina"), await stage.joined("Maria")
    await stage.at("06:30")
    well, unwell = {"en": ("Tom is fine", "Ben 39.2"), "zh": ("Tom没事", "Ben 39.2")}[language]
    with stage.nobody_hears():
        await stage.at("07:15")
        await stage.says(tina, well)
        await stage.says(maria, unwell)
        await stage.at("06:30", day=TUESDAY)
    await stage.at("06:40", day=TUESDAY)
    await stage.taps_first(tina, 0)
    await stage.taps_first(maria, 1)  # no: ask each question
    golden(f"belated.{language}", stage.transcript())


# ---- siblings in two schools ---------------------------------------------------------------

HILL = """kind,number,name,class,role,phone,order
student,30250001,Cleo,5-1,,,
guardian,30250001,Maria,,,13900000001,1
"""


async def open_second_school(stage: Stage, maria: Someone, zone: str, steps: str) -> int:
    """Make Hill School, where Maria's third child is; return the school's id."""
    async with stage.database.writing() as session:
        school = await make_school(
            session, "Hill School", stage.now, zone=zone, language=stage.language
        )
        rows: list[list[Any]] = [line.split(",") for line in HILL.strip().splitlines()]
        read = read_roster([Sheet("roster", rows)])
        await import_roster(session, school, read, stage.now, actor_id=None)
        for plan in await plans.plans(session, school.id):
            if plan.audience is Audience.students:
                plan_steps = parse_steps(steps)
                assert isinstance(plan_steps, tuple)
                await plans.keep_plan(session, replace(plan, steps=plan_steps))
    cleo = await stage.person_id("Cleo")
    async with stage.database.writing() as session:
        tie = (
            await session.exec(select(Guardianship).where(Guardianship.student_id == cleo))
        ).one()
        tie.guardian_id, tie.proved_at = maria.person_id or 0, stage.now
        session.add(
            Consent(
                subject_id=cleo,
                given_by=maria.person_id or 0,
                version="1",
                given_at=stage.now,
            )
        )
    return school.id


@BOTH
async def test_siblings_in_two_schools_are_on_one_card_by_each_schools_hours(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await open_second_school(stage, maria, "Asia/Shanghai", "06:30 07:10 08:30")
    await stage.at("06:30")
    await stage.at("07:10")
    await stage.at("08:00")
    await stage.says(maria, {"en": "Cleo fine", "zh": "Cleo没事"}[language])
    await stage.at("08:30")
    await stage.taps_first(maria, 0)
    golden(f"two_schools.{language}", stage.transcript())


async def test_a_reminder_asks_nobody_to_answer_by_a_time_that_is_past(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    steps = "ask 06:30 remind 08:10 close 08:30"
    await open_second_school(stage, maria, "Asia/Shanghai", steps)
    for clock in ("06:30", "08:00", "08:10"):
        await stage.at(clock)
    reminder = (await card_of(stage, maria))["text"]
    assert "Still waiting for Cleo (5-1). Please answer by 08:30." in reminder
    assert "Ana, Ben: closed at 08:00. You can still answer; it counts as late." in reminder
    assert "answer by 08:00" not in reminder


@BOTH
async def test_of_siblings_in_two_schools_only_one_may_have_no_school(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    maria = await stage.joined("Maria")
    await open_second_school(stage, maria, "Asia/Shanghai", "06:30 07:10 08:00")
    await stage.at("06:30")
    await stage.says(
        admin, {"en": "/calendar closed today snow", "zh": "/calendar 今天停课 大雪"}[language]
    )
    await stage.taps_first(admin, 0)
    await stage.says(maria, {"en": "all fine", "zh": "都好"}[language])
    await stage.at("07:10")
    golden(f"two_schools_snow.{language}", stage.transcript())


# ---- many children, long names -------------------------------------------------------------

BIG = """kind,number,name,class,role,phone,order
student,20250412,Maximiliana-Josephine Oliveira,3-2,,,
student,20250413,欧阳小雨,3-2,,,
student,20250414,Bo,1-1,,,
student,20250415,Ben,1-1,,,
guardian,20250412;20250413;20250414;20250415,Maria,,,13900000001,1
"""


@BOTH
async def test_four_children_and_a_long_name_stand_well_on_a_phone(
    stage: Stage, golden: Golden, language: str
) -> None:
    stage.language = language
    await stage.a_school(BIG)
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.says(maria, {"en": "Bo fine, Ben 38.5", "zh": "Bo没事，Ben 38.5"}[language])
    await stage.taps_first(maria, -1)  # back, and back to the card
    await stage.taps_first(maria, -1)
    golden(f"four_children.{language}", stage.transcript())


async def test_in_split_custody_a_reminder_goes_at_the_close_though_the_other_answered(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    ruth, paul = await stage.joined("Ruth"), await stage.joined("Paul")
    await stage.at("06:30")
    await stage.at("07:10")
    assert len(await stage.chat(ruth)) == 3  # /start, the card and its reminder
    await stage.at("07:20")
    await stage.taps_first(paul, 0)
    assert len(await stage.chat(ruth)) == 3  # that it stirs would tell
    await stage.at("08:00")
    assert len(await stage.chat(ruth)) == 2
    assert "closed at 08:00" in (await stage.chat(ruth))[-1]["text"]


async def test_a_reminder_goes_though_the_card_came_anew_as_another_answered(stage: Stage) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.at("07:10")
    await stage.says(carlos, "/today")
    mine = (await card_of(stage, carlos))["id"]
    assert len(await stage.chat(maria)) == 3  # /start, the card and its reminder
    data = (await card_of(stage, carlos))["buttons"][0][0]["data"]
    await stage.post(
        f"/sandbox/chats/{carlos.user_id}/taps", {"message_id": mine, "data": data, "raw": True}
    )
    await stage.says(maria, "/today")  # before her card could be told
    start, today, card = await stage.chat(maria)
    assert (start["text"], today["text"]) == ("/start", "/today")
    assert "all clear (Carlos)" in card["text"]


async def test_the_card_of_the_day_speaks_the_language_that_was_chosen(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    card = await card_of(stage, tina)
    await stage.says(tina, "/language")
    await stage.taps(tina, "中文")
    now = next(m for m in await stage.chat(tina) if m["id"] == card["id"])
    assert now["text"].startswith("早上好")
    assert now["buttons"][0][0]["data"] == card["buttons"][0][0]["data"]
    await stage.taps(tina, "都好")
    assert "都好" in next(m for m in await stage.chat(tina) if m["id"] == card["id"])["text"]


async def test_a_reminder_too_old_to_be_taken_out_of_the_chat_asks_no_more(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:10")
    card, reminder = (m["id"] for m in (await stage.chat(tina))[-2:])
    stage.sandbox.world.block(tina.user_id, True)
    await stage.at("08:00")
    await stage.at("12:00", MONDAY + timedelta(days=3))
    stage.sandbox.world.block(tina.user_id, False)
    await stage.says(tina, "/help")
    left = {m["id"]: m for m in await stage.chat(tina)}
    assert left[reminder]["text"] == "This message is from before and no longer counts."
    assert not left[reminder]["buttons"]
    assert "is over" in left[card]["text"], "nor does the card ask as if it were Monday morning"


async def test_a_reminder_goes_though_the_card_was_lost_and_came_anew_complete(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    card = (await card_of(stage, maria))["id"]
    await stage.at("07:10")
    await stage.says(carlos, "/today")
    [chat] = [each for each in stage.sandbox.world.chats.values() if each.id == maria.user_id]
    del chat.messages[card]
    waits = {"rate_429": 1.0, "retry_after": 5, "methods": frozenset({"sendmessage"})}
    stage.sandbox.world.faults = Faults(**waits)
    await stage.says(carlos, "Ana fine")  # the card that is to tell Maria so is gone from her chat
    await stage.says(carlos, "Ben fine")  # before it could come anew
    stage.sandbox.world.faults = None
    await stage.at("07:15")
    _start, card_anew = await stage.chat(maria)
    assert "all clear (Carlos)" in card_anew["text"]


async def test_a_fever_that_was_typed_does_not_vanish_when_the_talk_turns_to_another_child(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    teacher = await stage.joined("Ms Sun")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)  # all clear for both
    await stage.taps(maria, "Change")
    await stage.taps(maria, "Ben…")
    await stage.says(maria, "38.2")
    await stage.says(maria, "Ana has a cough")
    await stage.taps(maria, "Normal")
    for button in ("Here in town", "Neither", "Yes"):
        await stage.taps(maria, button)
    assert "Ben (1-1)" in (await stage.chat(maria))[-1]["text"]  # his questions go on
    for button in ("None of these", "Here in town", "Neither"):
        await stage.taps(maria, button)
    assert any("Ben (1-1): stays home" in m["text"] for m in await stage.chat(teacher))


async def test_who_may_only_see_reads_what_stands_while_another_begins_to_say_more(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    tina, oleg = await stage.joined("Tina"), await stage.joined("Oleg")
    async with stage.database.writing() as session:
        tom = await stage.person_id("Tom")
        ana = await stage.person_id("Ana")  # Oleg may answer for her
        session.add(
            Guardianship(
                student_id=ana,
                guardian_id=oleg.person_id,
                rank=3,
                since=MONDAY,
                proved_at=stage.now,
            )
        )
        session.add(
            Consent(
                subject_id=ana,
                given_by=oleg.person_id,
                version=CONSENT_VERSION,
                given_at=stage.now,
            )
        )
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    await stage.says(tina, "38.2")
    async with stage.database.reading() as session:
        checkin = await session.exec(select(CheckIn).where(CheckIn.subject_id == tom))
        assert checkin.one().status == "complete"
    await stage.says(oleg, "/today")
    card = (await stage.chat(oleg))[-1]
    assert "Tom: all clear" in card["text"]
    assert "Ana (3-2)" in card["text"]


async def test_a_card_shows_whose_illness_was_begun_and_not_ended(stage: Stage) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)
    await stage.taps(maria, "Change")
    await stage.taps(maria, "Ben…")
    await stage.says(maria, "38.2")
    for _ in range(3):  # the question before, whom to change, and the card itself
        await stage.taps(maria, "‹ Back")
    card = (await stage.chat(maria))[-1]
    assert "Ben: all clear" not in card["text"]
    assert [b["text"] for row in card["buttons"] for b in row] == ["Ben…"]


# ---- an open question and what others do meanwhile -------------------------------------------


async def family_card(stage: Stage, who: Someone) -> dict[str, Any]:
    """Return the card in somebody's chat, whatever was said below it."""
    return next(m for m in await stage.chat(who) if m["from"] == "bot")


async def looks_at_a_question(stage: Stage) -> tuple[Someone, Someone]:
    """Let Maria open the questions about Ana and answer none; Carlos has the card as well."""
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.taps(maria, "Ana…")
    return maria, carlos


@pytest.mark.parametrize("what", ["answered", "paused"])
async def test_a_question_that_was_only_looked_at_gives_way_to_what_stands(
    stage: Stage, what: str
) -> None:
    maria, carlos = await looks_at_a_question(stage)
    question = await family_card(stage, maria)
    if what == "answered":
        await stage.says(carlos, "/today")
        await stage.taps_first(carlos, 0)
    else:
        await stage.says(carlos, "/pause Ana 2026-03-09")
    card = await family_card(stage, maria)
    stands = {"answered": "all clear (Carlos)", "paused": "Ana: nobody is asked about today"}
    assert stands[what] in card["text"]
    await stage.taps_raw(maria, question["id"], question["buttons"][0][0]["data"])
    assert (await family_card(stage, maria))["text"] == card["text"]  # nothing was begun


async def test_a_number_typed_when_the_question_has_given_way_is_nobodys_yet(
    stage: Stage,
) -> None:
    maria, carlos = await looks_at_a_question(stage)
    await stage.says(carlos, "/today")
    await stage.taps_first(carlos, 0)
    await stage.says(maria, "38.5")
    card = await card_of(stage, maria)
    assert [b["text"] for row in card["buttons"] for b in row] == ["Ana…", "Ben…", "‹ Back"]


async def test_a_fever_that_was_begun_is_asked_on_though_the_child_is_excused(
    stage: Stage,
) -> None:
    maria, carlos = await looks_at_a_question(stage)
    await stage.says(maria, "38.2")
    await stage.says(carlos, "/pause Ana 2026-03-09")
    assert "Does Ana have any of these" in (await card_of(stage, maria))["text"]


async def test_a_question_opened_to_change_an_answer_stays_until_another_answer_stands(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)
    await stage.at("06:40")
    await stage.taps(maria, "Change")
    await stage.taps(maria, "Ana…")
    await stage.says(carlos, "/today")
    await stage.says(carlos, "Ben has a cough")
    for button in ("Normal", "Here in town", "Neither", "Yes"):
        await stage.taps(carlos, button)
    assert "Ana: temperature" in (await family_card(stage, maria))["text"]
    await stage.says(carlos, "Ana 38.5")
    for button in ("None of these", "Here in town", "Neither"):
        await stage.taps(carlos, button)
    assert "(Carlos)" in (await family_card(stage, maria))["text"]


async def test_in_split_custody_a_question_stays_open_whatever_the_other_parent_says(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    ruth, paul = await stage.joined("Ruth"), await stage.joined("Paul")
    await stage.at("06:30")
    await stage.taps(ruth, "Mia…")
    before = await stage.chat(ruth)
    await stage.says(paul, "/today")
    await stage.taps_first(paul, 0)
    assert await stage.chat(ruth) == before


@BOTH
async def test_a_question_that_is_open_at_the_close_says_so_once(
    stage: Stage, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.taps_first(tina, 1)
    closed = {"en": "closed at 08:00", "zh": "已于08:00截止"}[language]
    assert closed not in (await card_of(stage, tina))["text"]
    await stage.at("08:00")
    assert closed in (await card_of(stage, tina))["text"]
    await stage.taps_first(tina, 0)  # a normal temperature, late
    assert "2" in (await card_of(stage, tina))["text"].split("\n")[0]
    assert closed not in (await card_of(stage, tina))["text"]


async def test_about_whom_words_were_is_not_asked_when_all_are_answered_for(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria, carlos = await stage.joined("Maria"), await stage.joined("Carlos")
    await stage.at("06:30")
    await stage.sends_picture(maria)
    assert (await card_of(stage, maria))["buttons"][0][0]["text"] == "Ana…"
    await stage.says(carlos, "/today")
    await stage.taps_first(carlos, 0)
    assert "all clear (Carlos)" in (await card_of(stage, maria))["text"]
