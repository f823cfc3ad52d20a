"""A guardian with children at two schools, a parent who teaches: no round silences another."""

from sqlmodel import select

from storage.tables import CheckIn
from tests.play import Someone, Stage
from tests.test_answers import open_second_school
from tests.test_one_person import link_for


async def said(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def cleo(stage: Stage) -> tuple[str, str | None]:
    async with stage.database.reading() as session:
        found = await session.exec(
            select(CheckIn.status, CheckIn.excuse).where(
                CheckIn.subject_id == await stage.person_id("Cleo")
            )
        )
        status, excuse = found.one()
        return status, excuse


async def test_what_one_school_has_stopped_does_not_silence_the_other(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    steps = "ask 07:00 remind 07:40 close 08:30"
    await open_second_school(stage, maria, "Asia/Shanghai", steps)
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    await stage.says(gu, "/sending")  # Green Shoots' admin; Hill School is none of hers
    await stage.taps_first(gu, 0)
    await stage.taps_first(gu, 0)
    stage.sender.pacer._bulk_rests_until = 0.0
    for clock in ("07:00", "07:40", "08:29"):
        await stage.at(clock)
    assert any("Cleo" in text for text in await said(stage, maria))
    await stage.at("08:30")
    assert await cleo(stage) == ("no_response", None)


async def test_a_question_that_waits_for_one_school_does_not_end_with_the_others_close(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    steps = "ask 06:40 remind 07:10 close 09:00"
    await open_second_school(stage, maria, "Asia/Shanghai", steps)
    stage.sender.pacer.rest(1e6)
    for clock in ("06:30", "06:40", "07:10", "08:00"):
        await stage.at(clock)
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("08:05")  # Hill School's round is open for an hour
    assert any("Cleo" in text for text in await said(stage, maria))


async def test_a_parent_who_teaches_here_is_asked_about_herself_too(stage: Stage) -> None:
    """`/plan` itself proposes: "For one group only: /plan staff 07:00 08:00"."""
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    await stage.opens(maria, await link_for(stage, "林岚"))
    await stage.says(maria, "0013")
    await stage.taps(maria, "Yes, I agree")
    await stage.says(gu, "/plan staff 07:00 08:00")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)  # all clear for both children
    before = (await stage.chat(maria))[-1]["id"]
    await stage.at("07:00")
    await stage.at("07:59")
    assert maria.person_id is not None
    async with stage.database.reading() as session:
        mine = await session.exec(
            select(CheckIn.status).where(CheckIn.subject_id == maria.person_id)
        )
        assert mine.one() == "asked"
    assert (await stage.chat(maria))[-1]["id"] > before


async def test_a_mother_who_has_answered_for_one_school_is_asked_by_the_other(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    await open_second_school(stage, maria, "Asia/Shanghai", "ask 07:00 close 08:30")
    await stage.at("06:30")
    await stage.taps_first(maria, 0)
    before = (await stage.chat(maria))[-1]["id"]
    await stage.at("07:00")
    await stage.at("08:29")
    assert (await stage.chat(maria))[-1]["id"] > before
