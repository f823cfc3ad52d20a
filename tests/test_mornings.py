"""The mornings that the chat is specified by, in both languages."""

from collections.abc import Callable

import pytest

from tests.play import Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])

WORDS = {
    "en": {
        "all_clear_both": "All clear for both",
        "all_clear": "All clear",
        "ben": "Ben…",
        "me": "Something to report…",
        "fever": "37.3 °C or above",
        "none": "None of these",
        "town": "Here in town",
        "no": "No",
        "home": "No, staying home",
        "details": "Details",
        "sign": "Sign",
        "change": "Change",
    },
}


@BOTH
async def test_a_healthy_household_answers_with_one_tap(
    stage: Stage, golden: Golden, language: str
) -> None:
    stage.language = language
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("06:29")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)
    await stage.at("08:00")
    golden(f"healthy_household.{language}", stage.transcript())
