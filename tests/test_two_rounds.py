"""A guardian with children at two schools, a parent who teaches: no round silences another."""

from datetime import timedelta

from sqlmodel import select

from storage.tables import CheckIn
from tests.play import MONDAY, ROSTER, Someone, Stage
from tests.test_answers import open_second_school
from tests.test_one_person import link_for

SUNDAY = MONDAY - timedelta(days=1)


async def said(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def newest(stage: Stage, who: Someone) -> int:
    return int((await stage.chat(who))[-1]["id"])


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


async def likes_the_evening(stage: Stage, who: Someone) -> None:
    await stage.at("12:00", SUNDAY)
    await stage.says(who, "/when")
    await stage.taps(who, "The evening before")


async def test_who_was_asked_in_the_evening_is_asked_in_the_morning_when_another_school_was_first(
    stage: Stage,
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    maria = await stage.joined("Maria")
    steps = "evening before 19:00, ask 07:00, close 08:30"
    await open_second_school(stage, maria, "Asia/Shanghai", steps)
    await likes_the_evening(stage, maria)
    await stage.at("19:00", SUNDAY)
    await stage.taps_first(maria, 0)
    await stage.at("06:30")
    await stage.taps_first(maria, 0)  # the temperature is normal
    assert "Only the temperature is left, later" not in stage.transcript()
    before = await newest(stage, maria)
    await stage.at("07:00")
    assert await newest(stage, maria) > before


async def test_a_teacher_asked_as_a_parent_in_the_evening_is_asked_in_the_morning_after_the_staff(
    stage: Stage,
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    await stage.opens(maria, await link_for(stage, "林岚"))
    await stage.says(maria, "0013")
    await stage.taps(maria, "Yes, I agree")
    await stage.says(gu, "/plan staff 06:00 08:00")
    await likes_the_evening(stage, maria)
    await stage.at("19:00", SUNDAY)
    await stage.taps_first(maria, 0)
    await stage.at("06:00")
    await stage.taps_first(maria, 0)
    before = await newest(stage, maria)
    await stage.at("06:30")
    assert await newest(stage, maria) > before


async def test_the_second_guardian_who_has_answered_for_another_school_is_asked_in_their_turn(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    carlos, _ = await stage.joined("Carlos"), await stage.joined("Maria")
    await open_second_school(stage, carlos, "Asia/Shanghai", "ask 06:30 close 08:30")
    await stage.at("06:30")
    await stage.says(carlos, "Cleo fine")
    before = await newest(stage, carlos)
    await stage.at("07:10")
    assert await newest(stage, carlos) == before
    await stage.at("07:20")
    assert await newest(stage, carlos) > before


async def test_a_child_who_is_back_in_the_morning_is_told_of_also_when_the_mother_has_answered(
    stage: Stage,
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    await stage.at("12:00", MONDAY - timedelta(days=4))
    await stage.says(gu, "/left 20250415")
    await stage.taps_first(gu, 0)
    await stage.at("06:30")
    await stage.taps(maria, "All clear")
    before = await newest(stage, maria)
    await stage.at("06:45")
    await stage.sends_file(gu, "school.csv", ROSTER.encode())
    assert await newest(stage, maria) > before
    assert "Ben" in (await said(stage, maria))[-1]


async def test_a_close_that_is_moved_later_moves_what_waits_for_another_school_as_well(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    steps = "ask 06:00 remind 06:10 close 08:15"
    await open_second_school(stage, maria, "Asia/Shanghai", steps)
    stage.sender.pacer.rest(1e6)
    for clock in ("06:00", "06:10", "06:30"):
        await stage.at(clock)
    await stage.says(gu, "/plan students ask 06:30 close 09:00")
    await stage.at("08:16")
    stage.sender.pacer._bulk_rests_until = 0.0
    await stage.at("08:20")
    assert any("Ana" in text for text in await said(stage, maria))


async def test_what_one_school_has_stopped_is_not_put_down_as_stopped_by_the_other(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    await open_second_school(stage, maria, "Asia/Shanghai", "ask 06:40 close 08:30")
    stage.sender.pacer.rest(1e6)
    await stage.at("06:30")
    await stage.at("06:40")
    await stage.says(gu, "/sending")
    await stage.taps(gu, "Stop")
    await stage.taps(gu, "Yes, stop")
    await stage.at("08:00")
    await stage.at("08:30")
    assert await cleo(stage) == ("no_response", "not_asked")
