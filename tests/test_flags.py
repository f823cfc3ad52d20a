"""Word of a case: at once to those nearest, seen, passed on, and released by the right one.

Buttons are tapped by their place, for the words differ by language: the transcript shows them.
"""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlmodel import col, select

from handlers.presses import Press, Verb
from handlers.questionnaires import read_questionnaire_file
from storage.questionnaires import keep_questionnaire
from storage.tables import CheckIn, Flag, Guardianship, HistoryEntry
from tests.handlers.test_questionnaires import SMALL
from tests.play import MONDAY, ROSTER, TUESDAY, Someone, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])

WEDNESDAY = TUESDAY + timedelta(days=1)

STAFFED = ROSTER + (
    "staff,T005,Dr Hu,,school doctor,13900000015,\nstaff,T006,Yan,,deputy head,13900000016,\n"
)


async def opens(stage: Stage, language: str) -> None:
    stage.language = language
    await stage.a_school(STAFFED)


async def with_fever(stage: Stage) -> Someone:
    """Tom of 3-2 has a fever, told at half past six."""
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.reports_fever(tina)
    return tina


async def the_flags(stage: Stage) -> list[Flag]:
    async with stage.database.reading() as session:
        return list(await session.exec(select(Flag).order_by(col(Flag.id))))


async def tom_now(stage: Stage) -> CheckIn:
    person = await stage.person_id("Tom")
    async with stage.database.reading() as session:
        found = await session.exec(
            select(CheckIn).where(CheckIn.subject_id == person).order_by(col(CheckIn.id).desc())
        )
        checkin = found.first()
    assert checkin is not None
    return checkin


@BOTH
async def test_a_flag_goes_to_teacher_and_doctor_and_both_see_who_has_it(
    stage: Stage, golden: Golden, language: str
) -> None:
    await opens(stage, language)
    wang, doctor = await stage.joined("Mr Wang"), await stage.joined("Dr Hu")
    await with_fever(stage)
    await stage.at("06:34")
    await stage.taps_first(doctor, 0)  # seen
    await stage.taps_first(wang, 0)  # why
    await stage.at("06:50")
    golden(f"flag_seen.{language}", stage.transcript())
    flag = (await the_flags(stage))[0]
    assert flag.acknowledged_by == doctor.person_id
    assert flag.escalated_at is None


@BOTH
async def test_what_nobody_has_seen_in_ten_minutes_goes_to_lead_and_deputy_once(
    stage: Stage, golden: Golden, language: str
) -> None:
    await opens(stage, language)
    wang, lead = await stage.joined("Mr Wang"), await stage.joined("林岚")
    await stage.joined("Yan")
    await with_fever(stage)
    await stage.at("06:39")
    assert (await the_flags(stage))[0].escalated_at is None
    await stage.at("06:40")
    await stage.at("06:55")
    await stage.taps_first(lead, 0)  # seen
    await stage.taps_first(wang, 0)  # why, for the first button is gone
    golden(f"flag_unseen.{language}", stage.transcript())


@BOTH
async def test_a_correction_is_left_and_the_family_is_told_what_to_do(
    stage: Stage, golden: Golden, language: str
) -> None:
    await opens(stage, language)
    wang = await stage.joined("Mr Wang")
    await stage.joined("Dr Hu")
    tina = await with_fever(stage)
    await stage.taps_first(wang, 0)  # seen
    await stage.at("07:00")
    await stage.taps_first(tina, 0)
    await stage.answers_all_clear(tina)
    await stage.taps_first(wang, 0, 1)  # leave it
    golden(f"flag_left.{language}", stage.transcript())
    assert (await tom_now(stage)).severity == 2


@pytest.mark.parametrize("again", ["the same", "as ill, otherwise"])
async def test_whoever_says_ill_again_takes_the_wish_for_a_correction_back(
    stage: Stage, again: str
) -> None:
    await opens(stage, "en")
    await stage.joined("Mr Wang")
    tina = await with_fever(stage)
    await stage.at("07:00")
    await stage.taps_first(tina, 0)
    await stage.answers_all_clear(tina)
    assert (await tom_now(stage)).asked_for is not None
    await stage.presses(tina, "c")
    if again == "the same":
        await stage.reports_fever(tina, opened=True)
    else:
        for button in ("Normal", "☐ Vomiting", "Done (1 chosen)"):
            await stage.taps(tina, button)
        for _ in range(3):
            await stage.taps_first(tina, 0)
    tom, flags = await tom_now(stage), await the_flags(stage)
    assert (tom.severity, tom.asked_for) == (2, None)
    assert [(flag.kind, flag.decision) for flag in flags] == [
        ("flag", None),
        ("correction", "overtaken"),
    ]


@BOTH
async def test_a_flag_falls_when_a_doctors_note_is_seen(
    stage: Stage, golden: Golden, language: str
) -> None:
    await opens(stage, language)
    wang, doctor = await stage.joined("Mr Wang"), await stage.joined("Dr Hu")
    assert wang
    await with_fever(stage)
    await stage.at("07:05")
    await stage.taps_first(doctor, 1, 1)  # release…
    await stage.taps_first(doctor, 0)  # doctor's note seen
    golden(f"flag_note.{language}", stage.transcript())
    tom = await tom_now(stage)
    assert (tom.severity, tom.disposition) == (0, "cleared")
    async with stage.database.reading() as session:
        kept = list(
            await session.exec(select(HistoryEntry).where(HistoryEntry.check_in_id == tom.id))
        )
    assert (kept[-1].act, kept[-1].by) == ("released_note", doctor.person_id)


@BOTH
async def test_a_fever_on_monday_holds_on_tuesday_until_the_school_releases_it(
    stage: Stage, golden: Golden, language: str
) -> None:
    await opens(stage, language)
    wang = await stage.joined("Mr Wang")
    tina = await with_fever(stage)
    await stage.taps_first(wang, 0)  # seen
    await stage.at("06:30", day=TUESDAY)
    assert (await tom_now(stage)).severity == 2
    await stage.taps_first(tina, 0)  # all clear: a correction, for the hold lasts until tonight
    assert (await tom_now(stage)).severity == 2
    await stage.taps_first(wang, 0)  # accept
    golden(f"flag_held.{language}", stage.transcript())
    assert (await tom_now(stage)).severity == 0


async def test_why_somebody_is_held_is_said_though_the_questionnaire_has_changed_since(
    stage: Stage,
) -> None:
    await opens(stage, "en")
    wang = await stage.joined("Mr Wang")
    tina = await with_fever(stage)
    changed = SMALL.replace("key: small", "key: student").replace("version: 1", "version: 9")
    async with stage.database.writing() as session:
        await keep_questionnaire(session, read_questionnaire_file(changed), stage.now)
    await stage.at("06:30", day=TUESDAY)
    await stage.taps_first(tina, 0)  # all clear: a correction
    await stage.presses(wang, Verb.details.value, card="a correction is asked for")
    told = [notice["text"] for m in await stage.chat(wang) for notice in m["notices"]]
    assert told[-1] == "Reported: fever"


@BOTH
async def test_nobody_has_joined_but_the_office_and_it_hears(
    stage: Stage, golden: Golden, language: str
) -> None:
    await opens(stage, language)
    office = await stage.joined("Gu")
    await with_fever(stage)
    await stage.taps_first(office, 0)
    golden(f"flag_office.{language}", stage.transcript())


async def test_a_teachers_own_child_is_somebody_elses_to_decide(stage: Stage) -> None:
    await opens(stage, "en")
    tom_id, wang_id = await stage.person_id("Tom"), await stage.person_id("Mr Wang")
    async with stage.database.writing() as session:
        session.add(Guardianship(student_id=tom_id, guardian_id=wang_id, rank=2, since=MONDAY))
    wang, doctor = await stage.joined("Mr Wang"), await stage.joined("Dr Hu")
    await stage.at("06:30")
    await stage.says(wang, "/today")
    await stage.says(wang, "Tom")
    await stage.reports_fever(wang, opened=True)
    assert any("Tom" in message["text"] for message in await stage.chat(doctor))
    tom = await tom_now(stage)
    for verb in (Verb.release, Verb.keep_flag):
        message_id = (await stage.chat(wang))[-1]["id"]
        await stage.taps_raw(wang, message_id, Press(verb, tom.id).pack())
        assert "own child" in stage.lines[-1]
    assert (await tom_now(stage)).severity == 2


async def test_a_teacher_who_is_ill_is_the_leads_concern_and_not_their_own(stage: Stage) -> None:
    await opens(stage, "en")
    wang, lead = await stage.joined("Mr Wang"), await stage.joined("林岚")
    await stage.at("06:30")
    await stage.reports_fever(wang)
    assert "Mr Wang" in (await stage.chat(lead))[-1]["text"]
    assert all("⚠️" not in message["text"] for message in await stage.chat(wang))
    (flag,) = await the_flags(stage)
    message_id = (await stage.chat(wang))[-1]["id"]
    await stage.taps_raw(wang, message_id, Press(Verb.acknowledge, flag.id).pack())
    await stage.taps_raw(wang, message_id, Press(Verb.release_because, flag.id, 0, (1,)).pack())
    (flag,) = await the_flags(stage)
    assert (flag.acknowledged_at, flag.decided_at) == (None, None)


async def test_a_note_on_monday_frees_a_tuesday_that_nobody_has_answered(stage: Stage) -> None:
    await opens(stage, "en")
    wang = await stage.joined("Mr Wang")
    await with_fever(stage)
    await stage.at("06:30", day=TUESDAY)
    assert (await tom_now(stage)).severity == 2
    await stage.taps(wang, "Release…")
    await stage.taps(wang, "Doctor's note seen")
    tuesday = await tom_now(stage)
    assert (tuesday.severity, tuesday.disposition, tuesday.status) == (0, None, "asked")


async def vomits(stage: Stage, tina: Someone, card: int) -> None:
    """Tom has vomited, told in a card of Monday's: at home until Wednesday."""
    for part in ("Tom…", "Normal", "Vomiting", "Done", "Here in town", "Neither", "Not today"):
        (shown,) = [message for message in await stage.chat(tina) if message["id"] == card]
        buttons = [b["text"] for row in shown["buttons"] for b in row if part in b["text"]]
        await stage.taps(tina, buttons[0], message_id=card)


async def newest(stage: Stage, who: Someone, part: str) -> str:
    """Return the newest message in a chat that has these words in it."""
    texts = [message["text"] for message in await stage.chat(who) if part in message["text"]]
    text: str = texts[-1]
    return text


async def hours(stage: Stage, *clocks: str, day: date) -> None:
    for clock in clocks:
        await stage.at(clock, day=day)


async def an_evening_family(stage: Stage) -> None:
    """Maria likes the evening, so that the next day's round is opened the evening before."""
    maria = await stage.joined("Maria")
    await stage.says(maria, "/when")
    await stage.taps(maria, "The evening before")


@pytest.mark.parametrize("called_off", [True, False])
async def test_a_case_until_wednesday_outlives_a_tuesday_that_was_opened_before_it(
    stage: Stage, called_off: bool
) -> None:
    await opens(stage, "en")
    tina, lead, gu = [await stage.joined(name) for name in ("Tina", "林岚", "Gu")]
    await an_evening_family(stage)
    await hours(stage, "06:30", "08:00", "08:05", "19:00", "20:00", day=MONDAY)
    await vomits(stage, tina, (await stage.chat(tina))[-1]["id"])
    if called_off:
        await stage.says(gu, "/calendar closed tomorrow snow")
        await stage.taps_first(gu, 0)
        await stage.at("06:30", day=TUESDAY)
    # Otherwise the machine was off: nobody was asked on Tuesday, and nobody could say anything.
    await hours(stage, "06:30", "08:00", "08:05", day=WEDNESDAY)
    assert "1 case" in await newest(stage, lead, "Wed 4 Mar")


async def on_tuesday_of_monday(stage: Stage) -> tuple[Someone, int, int]:
    """Let nobody hear of Tom on Monday; return Tina and her cards of Monday and of Tuesday."""
    await opens(stage, "en")
    tina = await stage.joined("Tina")
    await hours(stage, "06:30", "08:00", "08:05", day=MONDAY)
    monday = (await stage.chat(tina))[-1]["id"]
    await hours(stage, "06:30", day=TUESDAY)
    return tina, monday, (await stage.chat(tina))[-1]["id"]


@pytest.mark.parametrize("then", ["silent", "all clear"])
async def test_a_case_told_on_mondays_card_is_a_case_in_tuesdays_open_round_at_once(
    stage: Stage, then: str
) -> None:
    tina, monday, tuesday = await on_tuesday_of_monday(stage)
    wang, lead = await stage.joined("Mr Wang"), await stage.joined("林岚")
    await stage.says(wang, "/class")
    await hours(stage, "07:25", day=TUESDAY)
    await vomits(stage, tina, monday)
    await hours(stage, "07:26", day=TUESDAY)
    assert "at home until Wed 4 Mar" in await newest(stage, tina, "Tue 3 Mar")
    assert "Stay home: Tom" in await newest(stage, wang, "Class 3-2 · Tue")
    if then == "all clear":
        await stage.taps(tina, "All clear", message_id=tuesday)
        assert "correction is with the school" in await newest(stage, tina, "Tue 3 Mar")
    await hours(stage, "08:00", "08:05", day=TUESDAY)
    assert "1 case" in await newest(stage, lead, "Tue 3 Mar")


async def test_a_case_told_on_mondays_card_leaves_what_was_said_of_tuesday(stage: Stage) -> None:
    tina, monday, tuesday = await on_tuesday_of_monday(stage)
    await stage.taps(tina, "All clear", message_id=tuesday)
    await hours(stage, "07:25", day=TUESDAY)
    await vomits(stage, tina, monday)
    told = await tom_now(stage)
    assert (told.severity, told.status, told.disposition) == (0, "complete", "cleared")


async def test_a_case_told_on_mondays_card_is_a_change_under_tuesdays_signature(
    stage: Stage,
) -> None:
    tina, monday, _ = await on_tuesday_of_monday(stage)
    lead = await stage.joined("林岚")
    await hours(stage, "08:00", "08:05", day=TUESDAY)
    await stage.taps_first(lead, 0)
    await hours(stage, "08:10", day=TUESDAY)
    await vomits(stage, tina, monday)
    assert "1 new case" in await newest(stage, lead, "after your signature")


async def test_what_the_family_takes_back_in_the_evening_is_no_case_of_tomorrow(
    stage: Stage,
) -> None:
    await opens(stage, "en")
    tina, lead = await stage.joined("Tina"), await stage.joined("林岚")
    await an_evening_family(stage)
    await hours(stage, "06:30", "08:00", "08:05", "18:58", day=MONDAY)
    await stage.reports_fever(tina)
    await hours(stage, "19:00", day=MONDAY)
    assert (await tom_now(stage)).severity == 2
    await stage.taps(tina, "Change")
    await stage.answers_all_clear(tina)
    assert (await tom_now(stage)).severity == 0
    await hours(stage, "06:30", "08:00", "08:05", day=TUESDAY)
    assert "at home until" not in await newest(stage, tina, "Tue 3 Mar")
    assert "No case" in await newest(stage, lead, "Tue 3 Mar")


async def test_a_case_that_the_school_lowers_to_one_of_today_is_none_of_tomorrow(
    stage: Stage,
) -> None:
    await opens(stage, "en")
    wang = await stage.joined("Mr Wang")
    await an_evening_family(stage)
    tina = await with_fever(stage)
    await hours(stage, "19:00", day=MONDAY)
    assert (await tom_now(stage)).severity == 2
    await stage.says(tina, "Tom 36.5, cough")
    while "?" in (await stage.chat(tina))[-1]["text"]:
        await stage.taps_first(tina, 0)
    await stage.taps(wang, "Accept")
    assert "nurse" in await newest(stage, wang, "Tom")
    assert (await tom_now(stage)).severity == 0


async def test_a_fever_that_becomes_worse_is_told_again_and_an_equal_one_is_not(
    stage: Stage,
) -> None:
    await opens(stage, "en")
    wang = await stage.joined("Mr Wang")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.taps_first(tina, 1)
    await stage.taps_first(tina, 0)  # no fever
    await stage.taps_first(tina, 1)  # a cough
    await stage.taps_first(tina, -2)
    for _ in range(3):
        await stage.taps_first(tina, 0)
    assert "nurse" in (await stage.chat(wang))[-1]["text"]
    first = (await stage.chat(wang))[-1]["id"]
    await stage.at("06:33")
    await stage.taps_first(tina, 0)  # change
    await stage.reports_fever(tina, opened=True)
    told = [message for message in await stage.chat(wang) if "⚠️" in message["text"]]
    assert [message["id"] > first for message in told] == [True]
    assert "stays home" in told[0]["text"]
    assert len(await the_flags(stage)) == 1


async def test_at_night_nobody_is_woken_for_what_can_wait(stage: Stage) -> None:
    await opens(stage, "en")
    await stage.joined("Mr Wang")
    lead = await stage.joined("林岚")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("21:30")
    await stage.reports_fever(tina)
    await stage.at("22:00")
    assert all("Tom" not in message["text"] for message in await stage.chat(lead))
    await stage.at("06:00", day=TUESDAY)
    assert any("Tom" in message["text"] for message in await stage.chat(lead))
    assert MONDAY < TUESDAY


async def test_a_case_taken_back_in_part_and_raised_again_is_told_again(stage: Stage) -> None:
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")

    async def last_word() -> str:
        text: str = (await stage.chat(wang))[-1]["text"]
        return text

    async def says(text: str) -> None:
        await stage.says(tina, text)
        while "?" in (await stage.chat(tina))[-1]["text"]:
            await stage.taps_first(tina, 0)

    await stage.at("06:30")
    await stage.reports_fever(tina)
    assert "stays home" in await last_word()
    await stage.at("06:33")
    await says("Tom 36.5, cough")
    assert "nurse first" in await last_word()
    before = len(stage.sandbox.world.journal.since(method="sendMessage"))
    await stage.at("06:36")
    await says("Tom has a fever 38.5")
    assert "stays home" in await last_word()
    told = stage.sandbox.world.journal.since(method="sendMessage")[before:]
    assert wang.user_id in [call.params["chat_id"] for call in told], "with a sound, not an edit"


async def wants_a_correction(stage: Stage, tina: Someone) -> None:
    await stage.at("07:00")
    await stage.taps_first(tina, 0)
    await stage.answers_all_clear(tina)


OTHERWISE = (  # the two teachers have each other's class
    ROSTER.replace("Mr Wang,3-2", "Mr Wang,1-1").replace("Ms Sun,1-1", "Ms Sun,3-2")
)


async def test_whoever_has_the_class_by_a_list_decides_about_a_correction_that_waits(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    wang, sun = await stage.joined("Mr Wang"), await stage.joined("Ms Sun")
    gu = await stage.joined("Gu")
    tina = await with_fever(stage)
    await wants_a_correction(stage, tina)
    await stage.sends_file(gu, "staff.csv", OTHERWISE.encode())
    assert not any("Tom" in message["text"] for message in await stage.chat(wang))
    await stage.presses(sun, Verb.release.value, card="a correction is asked for")
    assert (await tom_now(stage)).severity == 0
    told = [message for message in await stage.chat(sun) if "Tom" in message["text"]]
    assert len(told) == 2, "the case and the correction, once each"
    assert not any(message["buttons"] for message in told)


async def test_a_list_that_gives_the_class_back_gives_the_buttons_back(stage: Stage) -> None:
    await stage.opens_school("en")
    wang, gu = await stage.joined("Mr Wang"), await stage.joined("Gu")
    tina = await with_fever(stage)
    await wants_a_correction(stage, tina)
    for listed in (OTHERWISE, ROSTER):
        await stage.sends_file(gu, "staff.csv", listed.encode())
    await stage.presses(wang, Verb.release.value, card="a correction is asked for")
    assert (await tom_now(stage)).severity == 0


async def test_a_substitute_has_the_cases_that_stand(stage: Stage) -> None:
    await stage.opens_school("en")
    wang, sun = await stage.joined("Mr Wang"), await stage.joined("Ms Sun")
    tina = await with_fever(stage)
    await wants_a_correction(stage, tina)
    before = await stage.chat(wang)
    await stage.says(wang, f"/substitute Ms Sun {MONDAY}")
    assert (await stage.chat(wang))[: len(before)] == before
    await stage.presses(sun, Verb.release.value, card="a correction is asked for")
    assert (await tom_now(stage)).severity == 0


async def stands_in_on_monday(stage: Stage) -> tuple[Someone, Someone, Someone]:
    """Ms Sun stands in for Mr Wang on Monday; nobody answers for Tom."""
    await stage.opens_school("en")
    tina, wang = await stage.joined("Tina"), await stage.joined("Mr Wang")
    sun = await stage.joined("Ms Sun")
    await stage.at("06:00")
    await stage.says(wang, f"/substitute Ms Sun {MONDAY}")
    await stage.at("06:30")
    return tina, wang, sun


async def test_whoever_stood_in_yesterday_hears_nothing_of_what_is_told_late(
    stage: Stage,
) -> None:
    tina, wang, sun = await stands_in_on_monday(stage)
    await stage.at("08:00")
    yesterday = (await stage.chat(tina))[-1]["id"]
    await stage.at("06:30", day=TUESDAY)
    before = await stage.chat(sun)
    await vomits(stage, tina, yesterday)
    assert "Tom" in (await stage.chat(wang))[-1]["text"]
    after = await stage.chat(sun)
    assert [message["id"] for message in after] == [message["id"] for message in before]
    assert not any("Tom" in message["text"] for message in after)


async def test_a_case_that_was_told_is_not_followed_by_whoever_has_the_class_no_more(
    stage: Stage,
) -> None:
    tina, wang, sun = await stands_in_on_monday(stage)
    await vomits(stage, tina, (await stage.chat(tina))[-1]["id"])
    assert "Tom" in (await stage.chat(sun))[-1]["text"]
    await stage.at("07:00", day=TUESDAY)
    await stage.presses(wang, Verb.release_because.value)
    await stage.presses(wang, Verb.release_because.value, 1)
    chat = await stage.chat(sun)
    assert not any("Tom" in message["text"] for message in chat)
    (gone,) = [message for message in chat if "not in your care any more" in message["text"]]
    assert not gone["buttons"]
