"""The mornings that the chat is specified by, in both languages.

Buttons are tapped by their place where the words differ by language: the transcript shows them.
"""

from collections.abc import Callable

import pytest

from tests.play import TUESDAY, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


@BOTH
async def test_a_healthy_household_answers_with_one_tap(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await stage.at("06:29")
    await stage.at("06:30")
    await stage.at("07:01")
    await stage.taps_first(maria, 0)
    await stage.at("08:00")
    golden(f"healthy_household.{language}", stage.transcript())


@BOTH
@pytest.mark.both_databases
async def test_one_child_is_ill_and_the_class_teacher_knows_at_once(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    sun = await stage.joined("Ms Sun")
    await stage.at("06:30")
    await stage.taps_first(maria, 1, 1)  # Ben…
    await stage.says(maria, "38.2")
    await stage.taps_first(maria, 1, 0)  # a cough
    await stage.taps_first(maria, -2)  # done
    await stage.taps_first(maria, 0)  # in town
    await stage.taps_first(maria, 0)  # no contact; with a fever nobody asks who comes to school
    await stage.taps_first(maria, 0)  # all clear for Ana
    await stage.taps_first(sun, -1)  # details
    golden(f"one_child_ill.{language}", stage.transcript())


@BOTH
async def test_a_reminder_is_answered_and_goes_away(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    zhou = await stage.joined("周敏")
    await stage.at("06:30")
    await stage.at("07:10")
    await stage.taps_first(zhou, 0)
    await stage.at("08:00")
    golden(f"reminder_answered.{language}", stage.transcript())


@BOTH
async def test_a_teacher_answers_for_themself(stage: Stage, golden: Golden, language: str) -> None:
    await stage.opens_school(language)
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.says(wang, {"en": "all good", "zh": "都好"}[language])
    await stage.says(wang, "/class")
    golden(f"staff.{language}", stage.transcript())


@BOTH
async def test_the_lead_gets_the_summary_and_signs(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    await stage.joined("周敏")
    lead = await stage.joined("林岚")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)
    await stage.taps_first(wang, 0)
    await stage.taps_first(lead, 0)
    await stage.at("07:30")
    await stage.at("08:00")
    await stage.at("08:05")
    await stage.taps_first(lead, 0)  # sign
    golden(f"lead_signs.{language}", stage.transcript())


@BOTH
async def test_a_family_joins_and_is_asked_at_once(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    await stage.at("06:30")
    code = await stage.class_link("3-2")
    maria = await stage.phone("Maria")
    await stage.opens(maria, code)
    await stage.says(maria, "Ana 9999")
    await stage.says(maria, "Ana 0412")
    await stage.taps_first(maria, 0)
    await stage.taps_first(maria, 0)
    await stage.says(maria, "Ben 0415")
    await stage.taps_first(maria, 0)
    await stage.taps_first(maria, 0)
    golden(f"family_joins.{language}", stage.transcript())


@BOTH
async def test_a_slip_is_undone_and_a_flag_is_released_by_the_teacher(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.reports_fever(tina)
    await stage.at("06:35")
    await stage.taps_first(tina, 0)  # change
    await stage.answers_all_clear(tina)  # within ten minutes: undone by herself
    await stage.at("06:40")
    await stage.taps_first(tina, 0)
    await stage.reports_fever(tina, opened=True)
    await stage.at("07:00")
    await stage.taps_first(tina, 0)
    await stage.answers_all_clear(tina)
    await stage.taps_first(wang, 0)  # release
    golden(f"correction.{language}", stage.transcript())


@BOTH
async def test_an_admin_sets_a_school_up_in_chat(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.at("06:00")
    await stage.says(admin, "/help")
    await stage.says(admin, "/setup")
    await stage.says(admin, "/plan")
    await stage.says(admin, "/plan 06:40 07:20 08:10")
    await stage.says(admin, "/plan 08:00 07:00")
    await stage.says(admin, "/import")
    await stage.sends_file(admin, "broken.csv", b"kind,number,name,class\nstudent,,Eve,3-2\n")
    await stage.sends_file(
        admin, "more.csv", b"kind,number,name,class\nstudent,20250499,Eve,3-2\n"
    )
    await stage.says(admin, "/invite 3-2")
    await stage.says(admin, "/invite Mr Wang")
    await stage.says(admin, "/why Ana")
    await stage.says(admin, "/health")
    golden(f"admin.{language}", stage.transcript())


@BOTH
async def test_two_guardians_see_one_answer_and_a_worse_one_always_counts(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    maria = await stage.joined("Maria")
    carlos = await stage.joined("Carlos")
    sun = await stage.joined("Ms Sun")
    await stage.at("06:30")
    await stage.says(carlos, "/today")
    await stage.taps_first(maria, 0)  # all clear for both
    await stage.at("06:45")
    await stage.taps_first(carlos, 0)  # change
    await stage.taps_first(carlos, 0, 1)  # Ben
    await stage.says(carlos, "38")
    await stage.taps_first(carlos, 0)
    await stage.taps_first(carlos, 0)
    await stage.taps_first(carlos, 0)
    await stage.says(sun, "/class")
    golden(f"two_guardians.{language}", stage.transcript())


@BOTH
async def test_a_late_answer_counts_as_late_and_yesterdays_card_explains_itself(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:30")
    await stage.taps_first(wang, 0)
    await stage.at("08:00")
    await stage.at("09:15")
    await stage.taps_first(tina, 0)
    await stage.at("06:30", day=TUESDAY)
    await stage.taps_first(tina, 0, newest=False)  # yesterday's card: change
    await stage.answers_all_clear(tina, newest=False)
    golden(f"late_and_yesterday.{language}", stage.transcript())


@BOTH
async def test_typed_words_are_understood_or_asked_again_kindly(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.says(tina, "?")
    await stage.says(tina, "Tom")
    await stage.says(tina, "365")
    await stage.says(tina, "36.5")
    await stage.says(tina, {"en": "cough and runny nose", "zh": "咳嗽，流鼻涕"}[language])
    await stage.says(tina, {"en": "Lisbon", "zh": "广州"}[language])
    await stage.says(tina, {"en": "no", "zh": "没有"}[language])
    await stage.says(tina, {"en": "yes", "zh": "来"}[language])
    golden(f"typed_words.{language}", stage.transcript())


@BOTH
async def test_a_stranger_learns_nothing_and_a_family_may_stop(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina = await stage.joined("Tina")
    stranger = await stage.phone("Eve")
    await stage.at("06:00")
    await stage.opens(stranger, "")
    await stage.opens(stranger, "not-a-code-at-all-0000000")
    await stage.says(stranger, "/class")
    await stage.says(stranger, "Ana 0412")
    code = await stage.class_link("3-2")
    await stage.opens(stranger, code)
    for guess in ("Ana 0001", "Ana 0002", "Ana 0003", "Ana 0004", "Ana 0412"):
        await stage.says(stranger, guess)
    await stage.says(tina, "/stop")
    await stage.taps_first(tina, 1)
    await stage.at("06:30")
    golden(f"stranger_and_stop.{language}", stage.transcript())


@BOTH
async def test_an_admin_keeps_the_calendar(stage: Stage, golden: Golden, language: str) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    tina = await stage.joined("Tina")
    assert tina
    await stage.at("06:00")
    await stage.says(admin, "/calendar")
    await stage.says(admin, "/calendar term 2026-02-23 2026-07-03 Spring")
    await stage.says(admin, "/calendar closed 2026-03-03 snow")
    await stage.says(admin, "/calendar closed tomorrow")
    await stage.says(admin, "/calendar term 2026-07-03 2026-02-23")
    await stage.at("06:30")
    await stage.says(admin, "/calendar closed 2026-03-02")
    await stage.at("06:30", day=TUESDAY)
    golden(f"calendar.{language}", stage.transcript())
