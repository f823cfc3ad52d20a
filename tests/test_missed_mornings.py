"""A morning that goes by without an ask: nobody in it was silent, and the school knows of it."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlmodel import col, select

from checkin.access import Role
from handlers.outages import heard
from handlers.rounds import heartbeat
from storage.database import Database
from storage.tables import CheckIn, Round
from tests.builders import a_school, at, checkins_of, ledger_of
from tests.play import BOT_ID, MONDAY, TUESDAY, Someone, Stage

Golden = Callable[[str, str], None]
SUNDAY, WEDNESDAY = MONDAY - timedelta(days=1), MONDAY + timedelta(days=2)


async def said(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def away(stage: Stage, until: str, day: date = MONDAY) -> None:
    """Let the machine be off from six in the morning."""
    await stage.at("06:00")
    await heard(stage.database, BOT_ID, stage.clock)
    await stage.at(until, day)
    await heard(stage.database, BOT_ID, stage.clock)
    await stage.settle()


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_school_whose_morning_went_by_reads_so_and_no_family_is_asked_after_it(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    tina, maria, wang, _, gu = [
        await stage.joined(name) for name in ("Tina", "Maria", "Mr Wang", "林岚", "Gu")
    ]
    await away(stage, "08:20")
    await stage.says(gu, "/why Tom")
    await stage.says(tina, "/today")
    await stage.taps_first(tina, 0)
    await stage.says(wang, "/class")
    assert await said(stage, maria) == []
    golden(f"missed_morning.{language}", stage.transcript())


async def test_wardens_hear_of_it_as_class_teachers_do(stage: Stage) -> None:
    await stage.opens_boarding_school("en")
    song, lena = await stage.joined("Mrs Song"), await stage.joined("Lena")
    await away(stage, "08:20")
    [card] = await said(stage, song)
    assert "did not run this morning: 何禾, Leo" in card
    assert await said(stage, lena) == []


async def test_who_had_the_question_in_the_evening_is_silent_and_the_others_were_not_asked(
    stage: Stage,
) -> None:
    stage.now -= timedelta(days=7)
    await stage.opens_school("en")
    maria, _, wang = [await stage.joined(name) for name in ("Maria", "Tina", "Mr Wang")]
    await stage.at("12:00", SUNDAY)
    await stage.says(maria, "/when")
    await stage.taps(maria, "The evening before")
    await stage.at("19:00", SUNDAY)
    await stage.at("08:20")
    card = (await said(stage, wang))[-1]
    assert "Silent: Ana\n" in card
    assert "Not asked, as the check-in did not run this morning: Tom\n" in card
    assert "out of reach: 周子昂" in card


async def test_the_next_summary_names_the_days_that_went_by_whole_and_the_one_after_does_not(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    lin = await stage.joined("林岚")
    await away(stage, "01:00", TUESDAY)
    assert await said(stage, lin) == []  # nobody is woken for it
    await stage.at("06:30", TUESDAY)
    await stage.at("08:05", TUESDAY)
    assert (
        "The check-in did not run on Mon 2 Mar: nobody was asked" in (await said(stage, lin))[-1]
    )
    await stage.at("06:30", WEDNESDAY)
    await stage.at("08:05", WEDNESDAY)
    assert "Wed 4 Mar" in (await said(stage, lin))[-1]
    assert "did not run" not in (await said(stage, lin))[-1]


async def test_who_comes_back_after_the_morning_of_another_day_reads_of_both_once(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    lin = await stage.joined("林岚")
    await away(stage, "08:20", TUESDAY)
    assert "of them were not asked" in (await said(stage, lin))[-1]
    assert "did not run on Mon 2 Mar:" in (await said(stage, lin))[-1]
    await stage.at("06:30", WEDNESDAY)
    await stage.at("08:05", WEDNESDAY)
    assert "Wed 4 Mar" in (await said(stage, lin))[-1]
    assert "did not run" not in (await said(stage, lin))[-1]


async def test_a_missed_day_is_named_until_a_close_has_told_of_it(stage: Stage) -> None:
    await stage.opens_school("en")
    lin, _ = await stage.joined("林岚"), await stage.joined("Tina")
    await away(stage, "06:00", TUESDAY)  # the whole of Monday, and most of Tuesday
    await stage.at("06:30", TUESDAY)
    for clock in ("06:30", "08:00", "08:05"):
        await stage.at(clock, WEDNESDAY)
    assert "did not run on Mon 2 Mar" in (await said(stage, lin))[-1]


async def test_a_day_on_which_the_staff_alone_were_asked_is_named(stage: Stage) -> None:
    await stage.opens_school("en")
    gu, lin = await stage.joined("Gu"), await stage.joined("林岚")
    await stage.says(gu, "/plan staff 06:10 08:00")
    await stage.at("06:10")  # then the machine is off until Tuesday
    for clock in ("06:10", "06:30", "07:10", "08:00", "08:05"):
        await stage.at(clock, TUESDAY)
    assert "did not run on Mon 2 Mar" in (await said(stage, lin))[-1]


@pytest.mark.both_databases
async def test_nobody_is_well_silent_or_asked_of_a_morning_that_went_by(
    database: Database,
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        tom, _ = rows.family("Tom", "Tina")
        ana = rows.student("Ana")
        leo = rows.student("Leo", dormitory=await rows.unit("dormitory", "Maple House"))
        rows.staff("Mr Wang", Role.class_teacher, rows.class_id)
    beat = await heartbeat(database, lambda: at("08:20"))
    assert (beat["ask skipped"], beat["close done"]) == (3, 2)
    assert await heartbeat(database, lambda: at("08:21")) == {}
    async with database.reading() as session:
        students, staff = await session.exec(select(Round).order_by(col(Round.id)))
        stands = {
            subject: (each.status, each.excuse)
            for held in (students, staff)
            for subject, each in (await checkins_of(session, held.id)).items()
        }
        assert {entry.cause.partition(":")[0] for entry in await ledger_of(session)} == {"class"}
    not_asked = ("no_response", "nobody_asked")
    assert (stands[tom], stands[leo], stands[ana]) == (not_asked, not_asked, ("unreachable", None))


async def test_days_that_are_long_over_bring_no_cards(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        rows.family("Tom", "Tina")
        rows.staff("Mr Wang", Role.class_teacher, rows.class_id)
        rows.staff("林岚", Role.school_lead, rows.school.id)
    await heartbeat(database, lambda: at("05:00", MONDAY + timedelta(days=8)))
    async with database.reading() as session:
        assert await ledger_of(session) == []
        assert list(await session.exec(select(CheckIn))) == []
