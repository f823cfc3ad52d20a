"""What families may see and say, and what is answered to them, in both languages."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import select

from storage.tables import Guardianship
from tests.play import TUESDAY, Someone, Stage

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
