"""The teacher's class card, live through the morning, in both languages."""

from collections.abc import Callable

import pytest

from tests.play import Stage

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
