"""The teacher's class card, live through the morning, in both languages."""

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from sqlmodel import select

from checkin.invitations import InvitationKind
from checkin.rosters import Sheet
from handlers.class_views import ClassView, class_view
from handlers.handing import hand_houses_now
from handlers.invitations import make_link
from handlers.rosters import import_sheets
from storage import cards, contacts, units
from storage.tables import CheckIn, Contact, Pause
from tests.play import BOT_ID, DORMITORY, MONDAY, ROSTER, TUESDAY, Someone, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


def nothing_was_set_aside(stage: Stage) -> None:
    assert sum(handled.set_aside for handled in stage.handled) == 0


@BOTH
async def test_the_card_follows_the_morning_and_the_silent_are_reminded(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    maria = await stage.joined("Maria")
    await stage.joined("周敏")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:00")
    await stage.says(wang, "/class")  # before the round: what comes next
    await stage.at("06:30")
    await stage.taps_first(wang, 0)  # all clear, for himself
    await stage.says(wang, "/class")
    await stage.at("06:35")
    await stage.presses(wang, "m")  # too early: they were asked five minutes ago
    await stage.at("06:50")
    await stage.taps_first(maria, 0)
    await stage.presses(wang, "m")
    await stage.taps_first(tina, 0)  # her reminder goes
    await stage.at("06:55")
    await stage.presses(wang, "gl")
    nothing_was_set_aside(stage)
    golden(f"class_reminds.{language}", stage.transcript())


async def test_a_class_card_is_closed_with_the_students_round_though_the_staffs_goes_on(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, wang, _ = [await stage.joined(name) for name in ("Gu", "Mr Wang", "Tina")]
    await stage.says(gu, "/plan staff 06:30 09:00")
    for clock in ("06:30", "07:30", "08:00"):
        await stage.at(clock)
    card = (await stage.chat(wang))[-1]
    assert "The check-in is closed" in card["text"]
    assert "Remind" not in str(card["buttons"])


async def test_a_family_that_began_to_answer_and_blocked_the_chat_is_out_of_reach(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, wang, lin = [await stage.joined(name) for name in ("Tina", "Mr Wang", "林岚")]
    await stage.at("06:30")
    await stage.taps(tina, "Tom…")
    await stage.taps(tina, "Normal")
    stage.sandbox.world.block(tina.user_id, True)
    for clock in ("07:10", "07:30", "08:00", "08:05"):
        await stage.at(clock)
    card = next(m["text"] for m in await stage.chat(wang) if "Class 3-2" in m["text"])
    assert "out of reach: Ana, Tom, 周子昂" in card
    assert "Silent" not in card
    assert "T** (out of reach)" in (await stage.chat(lin))[-1]["text"]


@pytest.mark.parametrize(
    ("whom", "excused_at", "reads"),
    [
        ("周子昂", "07:30", "Not joined or out of reach: Ana, 周子昂"),
        ("Tom", "06:00", "Not asked: Tom"),
        ("Tom", "07:30", "Silent: Tom"),
    ],
)
async def test_whose_excuse_is_taken_back_after_the_close_stands_as_without_it(
    stage: Stage, whom: str, excused_at: str, reads: str
) -> None:
    await stage.opens_school("en")
    wang, _ = await stage.joined("Mr Wang"), await stage.joined("Tina")
    if excused_at == "06:00":
        async with stage.database.writing() as session:
            session.add(
                Pause(
                    subject_id=await stage.person_id(whom),
                    school_id=stage.school.id if stage.school else 0,
                    kind="school",
                    reason="family",
                    since=MONDAY,
                    until=TUESDAY,
                    made_by=wang.person_id or 0,
                    made_at=stage.now,
                )
            )
    for clock in ("06:30", "07:30"):
        await stage.at(clock)
    if excused_at == "07:30":
        for button in ("Excuse…", f"{whom}…", "family matter", "Today only"):
            await stage.taps(wang, button)
    await stage.at("08:00")
    await stage.says(wang, "/class")
    await stage.taps(wang, "Excuse…")
    await stage.taps(wang, f"↩ {whom}: not excused")
    assert reads in (await stage.chat(wang))[-1]["text"]


async def test_a_boarder_whose_warden_has_not_joined_is_told_as_not_asked(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    wang, lin, _ = [await stage.joined(name) for name in ("Mr Wang", "林岚", "Tina")]
    await stage.at("06:30")
    await stage.at("07:30")

    async def shown() -> dict[str, Any]:
        return next(m for m in await stage.chat(wang) if "Class 3-2" in m["text"])

    card = await shown()
    assert "Not asked yet this morning: Leo" in card["text"]
    assert "Silent: Tom\n" in card["text"]
    assert "Remind 1" in str(card["buttons"])
    await stage.at("08:00")
    card = await shown()
    assert "Silent: Tom\n" in card["text"]
    assert "Not asked: Leo" in card["text"]
    await stage.at("08:05")
    assert "2 of them were not asked" in (await stage.chat(lin))[-1]["text"]


@BOTH
async def test_the_teacher_answers_by_phone_and_for_many_at_once(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    assert tina
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.at("07:20")
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 1)  # whom to call
    await stage.presses(wang, "v", 2)  # Ana, whose family has not joined
    await stage.presses(wang, "a")  # all well
    await stage.presses(wang, "v", 2, nth=0)  # Tom
    await stage.presses(wang, "o")  # go through the questions
    await stage.says(wang, "38.2")
    await stage.presses(wang, "p", 0)
    await stage.presses(wang, "d")
    await stage.presses(wang, "p", 0)
    await stage.presses(wang, "p", 0)
    await stage.presses(wang, "v", 0)  # back to the first page
    await stage.presses(wang, "v", 3)  # the rest of the class
    await stage.presses(wang, "f")
    nothing_was_set_aside(stage)
    golden(f"class_by_phone.{language}", stage.transcript())


async def test_who_has_begun_to_tell_of_a_fever_is_not_called_well_or_answered(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, "/class")
    await stage.taps(wang, "Call list (3)")
    await stage.taps(wang, "Tom…")
    await stage.says(tina, "Tom has 38.5")
    await stage.taps(wang, "All well (by phone)")
    assert any("somebody has begun to say what is wrong" in line for line in stage.lines)
    await stage.taps(wang, "Go through the questions")
    assert "Does Tom have any of these" in (await stage.chat(wang))[-1]["text"]


async def test_of_many_that_are_entered_who_has_begun_to_tell_of_a_fever_stays_to_be_called(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, "/class")
    await stage.taps(wang, "Enter many")
    await stage.says(tina, "Tom has 38.5")
    await stage.taps(wang, "3 are well: keep")
    card = (await stage.chat(wang))[-1]["text"]
    assert "Please call" in card
    assert "Tom: Tina" in card
    assert "Ana" not in card


@BOTH
async def test_a_child_is_excused_until_friday_and_the_family_is_not_reminded(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    await stage.joined("Tina")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 5)  # whom to excuse
    await stage.presses(wang, "v", 6, nth=1)  # Tom
    await stage.presses(wang, "q", nth=0)  # ill
    await stage.presses(wang, "q", nth=3)  # another day
    await stage.says(wang, {"en": "yesterday", "zh": "昨天"}[language])
    await stage.says(wang, {"en": "6 March", "zh": "3月6日"}[language])
    await stage.at("07:10")  # nobody reminds Tina
    await stage.presses(wang, "v", 5)
    await stage.presses(wang, "ne")  # not excused any more
    nothing_was_set_aside(stage)
    golden(f"class_excuses.{language}", stage.transcript())


async def excuses_tom(stage: Stage, wang: Someone) -> None:
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 5)  # whom to excuse
    await stage.presses(wang, "v", 6, nth=1)  # Tom
    await stage.presses(wang, "q", nth=1)  # family matter
    await stage.presses(wang, "q", nth=0)  # today only


async def test_a_fever_that_was_begun_to_be_told_is_asked_on_though_the_teacher_excuses(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(tina, "Tom has 38.5")
    await excuses_tom(stage, wang)
    assert "Does Tom have any of these" in (await stage.chat(tina))[-1]["text"]
    for _ in range(3):
        await stage.taps_first(tina, 0)
    assert "Tom (3-2): stays home" in (await stage.chat(wang))[-1]["text"]


async def test_what_was_said_in_the_evening_outlives_an_excuse_that_is_taken_back(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")
    await stage.says(tina, "/when")
    await stage.taps(tina, "The evening before")
    await stage.at("19:00")
    await stage.taps_first(tina, 0)
    await stage.at("06:00", day=TUESDAY)
    await excuses_tom(stage, wang)
    await stage.presses(wang, "v", 5)
    await stage.presses(wang, "ne")  # not excused any more
    await stage.at("06:30", day=TUESDAY)
    assert "Only this morning's temperature is left" in (await stage.chat(tina))[-1]["text"]


@BOTH
async def test_a_child_who_is_missing_alarms_parent_and_lead_and_all_hear_of_the_return(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    maria = await stage.joined("Maria")
    await stage.joined("林岚")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    await stage.taps_first(maria, 0)
    await stage.at("08:05")
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 4)  # someone is missing
    await stage.presses(wang, "x", nth=1)  # Tom
    await stage.presses(wang, "x", nth=2)  # 周子昂, of whom nobody wrote, is in the room
    await stage.presses(wang, "f")
    await stage.at("08:20")
    await stage.presses(wang, "ar")
    nothing_was_set_aside(stage)
    golden(f"class_missing.{language}", stage.transcript())


@BOTH
async def test_an_alarm_ends_when_the_family_says_that_the_child_is_not_coming(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    await stage.joined("林岚")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    await stage.at("08:05")
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 4)  # someone is missing
    await stage.presses(wang, "x")  # Tom
    await stage.presses(wang, "f")
    await stage.at("08:10")
    await stage.says(tina, "Tom 38.5")
    for _ in range(3):
        await stage.taps_first(tina, 0)
    nothing_was_set_aside(stage)
    golden(f"class_missing_at_home.{language}", stage.transcript())


async def tom_is_missing_as_the_day_is_called_off(stage: Stage) -> tuple[Someone, ...]:
    """Return Tina, Mr Wang and the lead."""
    tina, gu = await stage.joined("Tina"), await stage.joined("Gu")
    wang, lead = await stage.joined("Mr Wang"), await stage.joined("林岚")
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    await stage.at("07:35")
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 4)  # someone is missing
    await stage.presses(wang, "x")  # Tom
    await stage.presses(wang, "f")
    await stage.says(gu, "/calendar closed today snow")
    await stage.taps_first(gu, 0)
    return tina, wang, lead


@pytest.mark.parametrize(
    ("language", "missing", "found"),
    [
        ("en", "Said to be coming, not here: Tom", "Tom (3-2) is in school after all"),
        ("zh", "说来却未到校：Tom", "Tom（3-2）已到校"),
    ],
)
async def test_a_missing_child_can_be_found_also_on_a_day_that_is_called_off(
    stage: Stage, language: str, missing: str, found: str
) -> None:
    await stage.opens_school(language)
    tina, wang, lead = await tom_is_missing_as_the_day_is_called_off(stage)
    before = next(m for m in await stage.chat(wang) if missing in m["text"])
    assert len(before["buttons"]) == 1
    await stage.says(wang, "/class")
    await stage.at("07:50")
    await stage.presses(wang, "ar")
    for who in (tina, lead):
        assert any(found in m["text"] for m in await stage.chat(who))
    after = (await stage.chat(wang))[-1]
    assert missing not in after["text"]
    assert not after["buttons"]
    nothing_was_set_aside(stage)


async def test_who_sees_many_classes_finds_the_missing_child_of_a_day_that_is_called_off(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    grade = await stage.joined("Mr Lee")
    _, wang, lead = await tom_is_missing_as_the_day_is_called_off(stage)
    await stage.says(grade, "/class")
    glance = (await stage.chat(grade))[-1]
    assert "· 3-2 ⚠️ 1 missing" in glance["text"]
    await stage.taps(grade, "3-2")
    opened = (await stage.chat(grade))[-1]
    assert "not here: Tom" in opened["text"]
    assert not opened["buttons"]  # to see, not to confirm
    await stage.says(lead, "/class 3-2")
    await stage.presses(lead, "ar")
    assert not any("not here: Tom" in m["text"] for m in await stage.chat(wang))


async def test_the_word_of_the_missing_child_alone_ends_no_alarm(stage: Stage) -> None:
    await stage.opens_school("en")
    tom = await stage.joined("Tom")
    lead = await stage.joined("林岚")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.taps_first(tom, 0)
    await stage.at("08:05")
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 4)
    await stage.presses(wang, "x")
    await stage.presses(wang, "f")
    await stage.at("08:10")
    await stage.says(tom, "38.5")
    for _ in range(3):
        await stage.taps_first(tom, 0)
    assert "stay home" in (await stage.chat(tom))[-1]["text"]
    alarm = next(m for m in await stage.chat(lead) if "not in class" in m["text"])
    assert alarm["buttons"]  # still to be seen


@BOTH
async def test_everybody_expected_is_here_in_one_tap(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    maria = await stage.joined("Maria")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    await stage.taps_first(wang, 0)
    await stage.at("07:45")
    await stage.says(wang, "/class")
    old = [m for m in await stage.chat(wang) if m["buttons"]][-1]
    await stage.taps_first(maria, 0)
    data = next(b["data"] for row in old["buttons"] for b in row if b["data"].startswith("f:"))
    await stage.post(
        f"/sandbox/chats/{wang.user_id}/taps",
        {"message_id": old["id"], "data": data, "raw": True},
    )
    await stage.settle()  # Ana is expected as well by now, and was not on the screen
    await stage.presses(wang, "f")
    nothing_was_set_aside(stage)
    golden(f"class_arrives.{language}", stage.transcript())


@BOTH
async def test_a_grade_a_doctor_and_a_warden_each_see_their_slice(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_boarding_school(language)
    tina = await stage.joined("Tina")
    leader = await stage.joined("Mr Lee")
    doctor = await stage.joined("许静")
    warden = await stage.joined("Mrs Song")
    await stage.at("06:30")
    await stage.reports_fever(tina)
    await stage.says(leader, "/class")
    await stage.presses(leader, "oc")
    await stage.says(doctor, "/class")
    await stage.presses(doctor, "w")
    await stage.presses(warden, "v", 3)
    await stage.presses(warden, "x", nth=0)
    await stage.presses(warden, "f")
    await stage.says(warden, "/class 3-2")
    nothing_was_set_aside(stage)
    golden(f"class_slices.{language}", stage.transcript())


@BOTH
async def test_a_colleague_stands_in_for_some_days_and_no_longer(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    sun = await stage.joined("Ms Sun")
    wang = await stage.joined("Mr Wang")
    tina = await stage.joined("Tina")
    await stage.at("06:00")
    await stage.says(tina, "/substitute")
    await stage.says(sun, "/class 3-2")  # not hers yet
    await stage.says(wang, "/substitute 1-1 Gu")  # not his to give
    await stage.says(wang, "/substitute")
    await stage.presses(wang, "su", nth=1)
    await stage.presses(wang, "su", nth=0)  # today
    await stage.says(sun, "/class 3-2")
    await stage.at("06:00", day=TUESDAY)
    await stage.says(sun, "/class 3-2")  # it has ended by itself
    await stage.says(wang, "/substitute Ms Sun 2026-03-06")
    await stage.says(wang, "/substitute end")
    await stage.says(sun, "/class 3-2")
    nothing_was_set_aside(stage)
    golden(f"class_substitute.{language}", stage.transcript())


async def test_a_substitute_hears_of_every_change_of_their_days(stage: Stage) -> None:
    await stage.opens_school("en")
    wang, sun = await stage.joined("Mr Wang"), await stage.joined("Ms Sun")
    await stage.at("06:00")
    for last in ("2026-03-06", "2026-03-05", "2026-03-06"):
        await stage.says(wang, f"/substitute Ms Sun {last}")
    assert "Fri 6 Mar" in (await stage.chat(sun))[-1]["text"]


async def test_whoever_stands_in_no_more_has_no_class_list_left(stage: Stage) -> None:
    await stage.opens_school("en")
    wang, sun = await stage.joined("Mr Wang"), await stage.joined("Ms Sun")
    await stage.at("06:00")
    await stage.says(wang, "/substitute Ms Sun 2026-03-06")
    await stage.at("06:30")
    await stage.says(sun, "/class 3-2")
    await stage.says(sun, "/class 1-1")
    await stage.at("06:30", day=TUESDAY)
    await stage.says(sun, "/class 3-2")
    before = await stage.chat(wang)
    await stage.says(wang, "/substitute end")
    after = await stage.chat(sun)
    assert not any("Tom" in m["text"] for m in after)
    (own,) = [m for m in after if m["text"].startswith("Class 1-1")]
    assert own["buttons"]
    assert (await stage.chat(wang))[: len(before)] == before  # nothing is lost to the teacher


async def test_a_teacher_who_has_another_class_by_the_list_has_no_list_of_the_old_one(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    wang, gu = await stage.joined("Mr Wang"), await stage.joined("Gu")
    await stage.at("06:30")
    await stage.says(wang, "/class 3-2")
    assert any("Tom" in m["text"] for m in await stage.chat(wang))
    moved = ROSTER.replace("Mr Wang,3-2", "Mr Wang,1-1")
    await stage.sends_file(gu, "staff.csv", moved.encode())
    assert not any("Tom" in m["text"] for m in await stage.chat(wang))


async def joins_by_link(stage: Stage, name: str, digits: str) -> Someone:
    """Let a member of staff come in by the link of their own."""
    person = await stage.person_id(name)
    async with stage.database.writing() as session:
        code = await make_link(
            session,
            InvitationKind.staff,
            school_id(stage),
            stage.now,
            by=None,
            person_id=person,
        )
    who = await stage.phone(name)
    await stage.opens(who, code)
    await stage.says(who, digits)
    await stage.taps_first(who, 0)
    return who


async def takes_a_house_over(stage: Stage) -> None:
    """Let a list say that Mr Wang is the warden from now on."""
    assert stage.school is not None
    rows: list[list[Any]] = [
        ["kind", "number", "name", "class", "role", "phone"],
        ["staff", "T001", "Mr Wang", "3-2", f"class teacher; warden {DORMITORY}", "13900000011"],
    ]
    async with stage.database.writing() as session:
        await import_sheets(session, stage.school, [Sheet("r", rows)], stage.now, actor_id=None)
    await stage.settle()


async def blocks(stage: Stage, who: Someone, blocked: bool) -> None:
    stage.sandbox.world.block(who.user_id, blocked)
    await stage.settle()


@pytest.mark.parametrize("how", ["joins", "opens the chat", "opens it, unnoticed", "by a list"])
@pytest.mark.both_databases
async def test_a_warden_who_is_there_after_the_ask_has_the_house_at_once_and_once(
    stage: Stage, how: str
) -> None:
    await stage.opens_boarding_school("en")
    name = "Mr Wang" if how == "by a list" else "Mrs Song"
    warden = None if how == "joins" else await stage.joined(name)
    if warden and how == "opens the chat":
        await blocks(stage, warden, True)
    elif warden and how == "opens it, unnoticed":
        stage.sandbox.world.chat(warden.user_id).blocked = True
    await stage.at("06:30")
    await stage.at("06:45")
    if warden is None:
        warden = await joins_by_link(stage, name, "0018")
    elif how == "by a list":
        await takes_a_house_over(stage)
    else:
        await blocks(stage, warden, False)
    handed = f"bot → {name}: {DORMITORY} · Mon 2 Mar"
    assert sum(line.startswith(handed) for line in stage.lines) == 1
    for clock in ("07:10", "07:20", "07:30", "08:00"):
        await stage.at(clock)
    assert sum(line.startswith(handed) for line in stage.lines) == 1


async def test_a_warden_whom_nothing_brought_the_house_has_it_with_the_reminders(
    stage: Stage,
) -> None:
    await stage.opens_boarding_school("en")
    await stage.at("06:30")
    await stage.joined("Mrs Song")
    await stage.at("07:09")
    assert not any(DORMITORY in line for line in stage.lines)
    await stage.at("07:10")
    assert any(DORMITORY in line for line in stage.lines)


async def test_a_house_is_handed_in_the_morning_and_not_after_the_close(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    lena = await stage.joined("Lena")
    async with stage.database.writing() as session:
        [contact] = await session.exec(select(Contact).where(Contact.chat_id == lena.user_id))
        contact.window = "evening"
    await stage.at("08:00")
    await joins_by_link(stage, "Mrs Song", "0018")
    await stage.at("19:00")
    await takes_a_house_over(stage)
    assert not any(DORMITORY in line for line in stage.lines)
    await stage.at("06:30", TUESDAY)
    assert any(line.startswith(f"bot → Mrs Song: {DORMITORY}") for line in stage.lines)


@pytest.mark.parametrize("seed", [1, 2, 3] if os.environ.get("ALLCLEAR_SOAK") else [1])
async def test_whatever_a_teacher_taps_the_counts_are_a_plain_recount(
    stage: Stage, seed: int
) -> None:
    await stage.opens_boarding_school("en")
    tina = await stage.joined("Tina")
    await stage.joined("周敏")
    await stage.joined("Maria")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.taps_first(tina, 0)
    await stage.at("07:35")
    await stage.says(wang, "/class")
    chance = Random(seed)
    did: set[str] = set()
    own = next(m for m in reversed(await stage.chat(wang)) if m["buttons"])
    number = own["buttons"][-1][-1]["data"].split(":")[1]  # of the class card
    for _ in range(60):
        shown = [m for m in await stage.chat(wang) if f":{number}:" in str(m["buttons"])]
        assert shown  # every page has a way on
        buttons = [b for row in shown[-1]["buttons"] for b in row]
        button = chance.choice(buttons)
        did.add(button["data"].split(":")[0])
        await stage.post(
            f"/sandbox/chats/{wang.user_id}/taps",
            {"message_id": shown[-1]["id"], "data": button["data"]},
        )
        await stage.settle()
    nothing_was_set_aside(stage)
    assert {"v", "x"} <= did
    async with stage.database.reading() as session:
        contact = (await contacts.load_contacts(session, [(BOT_ID, wang.user_id)])).popitem()[1]
        classes = await units.classes_of(session, school_id(stage))
        unit = next(each for each in classes if each.name == "3-2")
        card = await cards.card_of(session, contact, MONDAY, "class", "morning", unit.id)
        view = await class_view(session, card, contact, stage.now)
        rows = list(await session.exec(select(CheckIn).where(CheckIn.unit_id == unit.id)))
    assert isinstance(view, ClassView)
    tally = Counter(row.status for row in rows)
    assert view.counts.in_ == tally["complete"]
    assert view.counts.excused == tally["excused"]
    assert view.counts.unreachable == tally["unreachable"]
    assert view.counts.silent == tally["due"] + tally["asked"] + tally["partial"]
    assert view.counts.expected == len(rows) - tally["excused"]
    unwell = [row for row in rows if row.status == "complete" and row.severity]
    assert view.counts.stay_home + view.counts.see_nurse == len(unwell)
    unheard = [row for row in rows if row.status not in {"complete", "excused"}]
    assert view.counts.sighted == sum(row.presence == "here" for row in unheard)


def school_id(stage: Stage) -> int:
    assert stage.school is not None
    return stage.school.id


async def test_a_house_of_many_is_entered_in_parts_that_fit_on_a_screen(stage: Stage) -> None:
    rows = [f"student,20261{n:03d},Child {n:03d},3-2,,," for n in range(100)]
    await stage.a_school("\n".join([*ROSTER.strip().splitlines(), *rows]))
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, "/class")
    await stage.presses(wang, "v", 3)  # enter many
    first = (await stage.chat(wang))[-1]
    assert "Then come the other 23" in first["text"]
    assert sum(len(row) for row in first["buttons"]) < 100
    await stage.presses(wang, "f")
    second = (await stage.chat(wang))[-1]
    assert sum("☑" in b["text"] for row in second["buttons"] for b in row) == 23
    await stage.presses(wang, "f")
    assert "103 of 103" in (await stage.chat(wang))[-1]["text"]


@pytest.mark.parametrize("what", ["blocks", "stops"])
async def test_a_boarder_whose_own_chat_closes_is_still_the_wardens(
    stage: Stage, what: str
) -> None:
    await stage.opens_boarding_school("en")
    song, leo = await stage.joined("Mrs Song"), await stage.joined("Leo")
    await stage.at("06:30")
    if what == "blocks":
        stage.sandbox.world.block(leo.user_id, True)
        await stage.settle()
    else:
        await stage.says(leo, "/stop")
        await stage.taps(leo, "Stop asking me")
    await stage.at("06:40")
    card = next(m for m in reversed(await stage.chat(song)) if DORMITORY in m["text"])
    assert "out of reach" not in card["text"]
    await stage.at("08:00")
    async with stage.database.reading() as session:
        status = await session.exec(
            select(CheckIn.status).where(CheckIn.subject_id == await stage.person_id("Leo"))
        )
        assert status.one() == "no_response"


async def asked_in_the_evening(stage: Stage, who: Someone, *, reminder: str = "") -> None:
    """Let somebody have been asked on the Sunday, and reminded where the plan does."""
    gu, sunday = await stage.joined("Gu"), MONDAY - timedelta(days=1)
    await stage.at("12:00", sunday)
    if reminder:
        steps = f"evening 19:00 evening remind {reminder} ask 06:30 close 08:00"
        await stage.says(gu, f"/plan students {steps}")
    await stage.says(who, "/when")
    await stage.taps(who, "The evening before")
    await stage.at("19:00", sunday)
    if reminder:
        await stage.at(reminder, sunday)
        assert "Still waiting" in (await stage.chat(who))[-1]["text"]


async def wardens_cards(stage: Stage, song: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(song) if DORMITORY in m["text"]]


@pytest.mark.parametrize("reminder", ["", "20:30"])
async def test_a_house_is_handed_when_the_morning_asks_and_not_in_the_evening_or_at_night(
    stage: Stage, reminder: str
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_boarding_school("en")
    maria, song = await stage.joined("Maria"), await stage.joined("Mrs Song")
    await asked_in_the_evening(stage, maria, reminder=reminder)
    assert await wardens_cards(stage, song) == []
    await stage.at("01:10")
    assert stage.school is not None
    async with stage.database.writing() as session:  # as after a list that comes by night
        await hand_houses_now(session, stage.now, stage.school)
    await stage.settle()
    assert await wardens_cards(stage, song) == []
    await stage.at("06:30")
    assert len(await wardens_cards(stage, song)) == 1
