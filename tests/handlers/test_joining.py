"""Joining beside a running morning: words about health are never taken for another child."""

from collections.abc import Callable

import pytest
from sqlmodel import select

from checkin.statuses import Status
from storage.tables import CheckIn, JoinAttempt
from tests.play import Someone, Stage


async def a_guardian_of_two(stage: Stage) -> Someone:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    return maria


async def statuses(stage: Stage) -> list[str]:
    async with stage.database.reading() as session:
        found = await session.exec(select(CheckIn.status).order_by(CheckIn.id))
        return sorted(found)


async def attempts(stage: Stage) -> int:
    async with stage.database.reading() as session:
        return len(list(await session.exec(select(JoinAttempt))))


async def test_a_temperature_beside_a_name_is_not_a_claim_of_another_child(stage: Stage) -> None:
    maria = await a_guardian_of_two(stage)
    for words in ("Ana 37.8", "fever 38", "Ben 38.2", "体温36.5"):
        await stage.says(maria, words)
    assert await attempts(stage) == 0
    assert "did not match" not in stage.transcript()


async def test_a_wrong_claim_of_another_child_leaves_the_morning_as_it_was(stage: Stage) -> None:
    maria = await a_guardian_of_two(stage)
    await stage.says(maria, "Tom 9999")
    assert await attempts(stage) == 1
    await stage.says(maria, "all clear")
    assert (await statuses(stage)).count(Status.complete) == 2


async def test_words_for_an_open_question_are_its_answer_even_if_they_look_like_a_claim(
    stage: Stage,
) -> None:
    maria = await a_guardian_of_two(stage)
    await stage.taps_first(maria, 1)  # Ana
    for _ in range(2):
        await stage.taps_first(maria, 0)
    await stage.says(maria, "Building 20250431")  # where is Ana
    assert await attempts(stage) == 0
    assert "In the last 14 days" in stage.transcript()


async def test_who_stopped_can_come_back_with_the_childs_name_and_digits(stage: Stage) -> None:
    maria = await a_guardian_of_two(stage)
    await stage.says(maria, "/stop")
    await stage.taps_first(maria, 1)
    await stage.says(maria, "Ana 0412")
    await stage.taps(maria, "Yes, I agree")
    assert "From now on you answer for Ana" in stage.transcript()


async def test_who_comes_back_after_the_close_reads_the_child_on_todays_card(
    stage: Stage,
) -> None:
    maria = await a_guardian_of_two(stage)
    await stage.taps_first(maria, 0)
    await stage.at("08:10")
    await stage.says(maria, "/stop")
    await stage.presses(maria, "t")
    await stage.says(maria, "Ana 0412")
    await stage.taps(maria, "Yes, I agree")
    card = next(m for m in await stage.chat(maria) if "2 Mar" in m["text"])
    assert "Ana: all clear" in card["text"]
    assert "Ben" not in card["text"]


async def test_a_child_that_is_known_already_needs_no_second_consent(stage: Stage) -> None:
    maria = await a_guardian_of_two(stage)
    await stage.says(maria, "Ana 0412")
    assert "You answer for Ana already" in stage.transcript()
    assert await attempts(stage) == 0


PARTS = {"Lena": ("3-2", "Leo 0450"), "Oleg": ("3-2", "Tom 0431"), "Rosa": ("3-2", "Ana 0412")}


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_who_joins_is_told_the_part_that_they_will_have(
    stage: Stage, golden: Callable[[str, str], None], language: str
) -> None:
    await stage.opens_boarding_school(language)
    for place, (name, (unit, claim)) in enumerate(PARTS.items()):
        who = await stage.phone(name)
        await stage.opens(who, await stage.class_link(unit))
        await stage.says(who, claim)
        await stage.taps_first(who, place)
        if name != "Rosa":  # a number to call: nothing to agree to
            await stage.taps_first(who, 0)
    golden(f"parts.{language}", stage.transcript())


async def test_a_boarders_guardian_who_joins_in_the_morning_is_not_asked(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    code = await stage.class_link("3-2")
    await stage.at("06:30")
    lena = await stage.phone("Lena")
    await stage.opens(lena, code)
    await stage.says(lena, "Leo 0450")
    await stage.taps_first(lena, 0)
    await stage.taps(lena, "Yes, I agree")
    assert "All well this morning?" not in stage.transcript()


async def test_who_may_only_see_is_not_asked_when_joining_in_the_morning(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    await stage.at("06:30")
    before = await statuses(stage)
    oleg = await stage.phone("Oleg")
    await stage.opens(oleg, await stage.class_link("3-2"))
    await stage.says(oleg, "Tom 0431")
    await stage.taps_first(oleg, 1)
    await stage.taps(oleg, "Yes, I agree")
    assert "You can now see here" in (await stage.chat(oleg))[-1]["text"]
    assert await statuses(stage) == before  # nobody has been asked about him by that
