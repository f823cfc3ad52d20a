"""The duties of a process: again and again, never twice at a time, and shown when they fail."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import col, select

from bot.app import App
from bot.settings import read_settings
from checkin.access import Role
from checkin.calendar_changes import Period, PeriodKind
from checkin.calendars import DayKind, Override
from handlers.rounds import heartbeat
from scheduler import Duty, Scheduler
from storage import calendars, ledger, plans, units
from storage.database import Database, Session
from storage.tables import CheckIn, Ledger, Occurrence, PlanRow, Round, Unit
from tests.builders import SUNDAY_NIGHT, a_school, at, ledger_of
from tests.play import MONDAY, TOKEN, TUESDAY, Stage


class Time:
    now = SUNDAY_NIGHT

    def __call__(self) -> datetime:
        return self.now


async def steps(database: Database, day: object = MONDAY) -> dict[str, tuple[str, str | None]]:
    """Return what was decided of the students' steps on a day."""
    async with database.reading() as session:
        found = await session.exec(
            select(Occurrence)
            .join(PlanRow, col(PlanRow.id) == Occurrence.plan_id)
            .where(Occurrence.round_date == day, PlanRow.audience == "students")
        )
        return {row.step: (row.state, row.reason) for row in found}


async def count(database: Database, model: type) -> int:
    async with database.reading() as session:
        return len(list(await session.exec(select(model))))


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not so():  # noqa: ASYNC110 - a duty tells nobody that it has ended
            await asyncio.sleep(0.005)


# ---- duties --------------------------------------------------------------------------------


@pytest.fixture
async def scheduler(database: Database) -> Scheduler:
    async with database.writing() as session:
        await a_school(session)
    return Scheduler(database, Time())


async def test_every_duty_runs_at_once_and_is_shown(scheduler: Scheduler) -> None:
    scheduler.start()
    await until(lambda: all(duty.runs for duty in scheduler.duties))
    assert scheduler.beats_within(5)
    await scheduler.stop()
    assert scheduler.duties[0].name == "heartbeat"
    assert all(duty.last_at == SUNDAY_NIGHT for duty in scheduler.duties)
    assert all(duty.last_error is None for duty in scheduler.duties)


def test_the_duties_of_a_process(database: Database) -> None:
    assert [(duty.name, duty.every_seconds) for duty in Scheduler(database, Time()).duties] == [
        ("heartbeat", 1),
        ("tell of corrections", 30),
        ("pass on unseen flags", 30),
        ("say how sending goes", 10),
        ("seal the audit", 60),
        ("forget old updates", 3600),
        ("make room for the months ahead", 3600),
        ("say what will be deleted", 3600),
        ("delete what is outlived", 3600),
    ]


async def test_what_is_outlived_is_announced_and_a_week_later_gone(
    database: Database, tmp_path: Path
) -> None:
    """As the process is put together from its settings, each duty done as the clock does it."""
    time = Time()
    settings = read_settings(
        tokens=TOKEN,
        database_url=database.url.replace("+aiosqlite", ""),
        key_file=tmp_path / "keys",
        keep_messages_days=30,
    )
    async with database.writing() as session:
        rows = await a_school(session)
        rows.staff("Chen", Role.admin, rows.school.id)
        maria = rows.contact(rows.person("Maria"))
        asks = [f"ask:{day}:morning" for day in ("2025-12-02", "2026-01-05", "2026-03-02")]
        for cause in asks:
            await ledger.owe(session, maria, "card", cause, SUNDAY_NIGHT)
    app = App(settings, clock=time)

    async def an_hour() -> list[str]:
        for duty in app.scheduler.duties:
            await duty.does()
        async with database.reading() as session:
            return [entry.cause for entry in await ledger_of(session)]

    try:
        assert await an_hour() == [*asks, "alarm:purge:messages:20260101"]
        time.now += timedelta(days=6)
        assert (await an_hour())[:3] == asks
        time.now += timedelta(days=1)
        assert (await an_hour())[:2] == asks[1:]
    finally:
        for transport in app.transports:
            await transport.close()
        await app.database.close()


async def test_a_duty_is_never_done_twice_at_a_time(scheduler: Scheduler) -> None:
    at_once = most = 0
    third = asyncio.Event()

    async def slow() -> dict[str, int]:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.05)
        at_once -= 1
        if duty.runs >= 2:
            third.set()
        return {}

    duty = Duty("slow", 0.01, slow)
    scheduler.duties[:] = [duty]
    scheduler.start()
    async with asyncio.timeout(5):
        await third.wait()
    await scheduler.stop()
    assert most == 1


async def test_a_failing_duty_is_shown_and_goes_on(scheduler: Scheduler) -> None:
    tries = 0
    well = asyncio.Event()

    async def failing() -> dict[str, int]:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise LookupError("Ana")
        well.set()
        return {"done": 1}

    duty = Duty("heartbeat", 0.01, failing)
    seen = []
    scheduler.duties[:] = [duty]
    scheduler._after = lambda: seen.append(duty.last_error)
    scheduler.start()
    await until(lambda: duty.last_error is not None)
    assert duty.last_error == "LookupError"
    assert not scheduler.beats_within(5)
    async with asyncio.timeout(5):
        await well.wait()
    await scheduler.stop()
    assert duty.last_error is None
    assert seen[0] is None


async def test_stopping_waits_for_the_duty_that_is_under_way(scheduler: Scheduler) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> dict[str, int]:
        begun.set()
        await asyncio.sleep(0.1)
        ended.set()
        return {}

    scheduler.duties[:] = [Duty("work", 60, work)]
    scheduler.start()
    async with asyncio.timeout(5):
        await begun.wait()
        await scheduler.stop()
    assert ended.is_set()


# ---- the heartbeat -------------------------------------------------------------------------


@pytest.mark.both_databases
async def test_a_heartbeat_again_or_of_a_twin_decides_each_step_once(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        for n in range(5):
            rows.family(f"Child {n}", f"Guardian {n}")
    twin = Database(database.url, safe=False)
    time = Time()
    time.now = at("06:30")
    try:
        beats = await asyncio.gather(*(heartbeat(d, time) for d in (database, twin, database)))
    finally:
        await twin.close()
    assert sum(beat.get("asked", 0) for beat in beats) == 5
    assert sum(beat.get("ask done", 0) for beat in beats) == 2  # students, staff
    assert await heartbeat(database, time) == {}
    assert await count(database, Round) == 2
    assert await count(database, CheckIn) == 5
    assert await count(database, Ledger) == 5


async def test_one_school_s_broken_plan_does_not_keep_the_others_from_being_asked(
    database: Database,
) -> None:
    async with database.writing() as session:
        broken = await a_school(session)
        plan = (await plans.plans(session, broken.school.id))[0]
        await plans.keep_plan(session, replace(plan, questionnaire="gone"))
        healthy = await a_school(session)
        healthy.family("Ana", "Maria")
    time = Time()
    time.now = at("06:30")
    with pytest.raises(LookupError, match="no questionnaire 'gone'"):
        await heartbeat(database, time)
    assert await count(database, Ledger) == 1
    with pytest.raises(LookupError):  # still shown, and tried again, a second later
        await heartbeat(database, time)
    assert await count(database, Ledger) == 1


async def look_at(database: Database) -> list[datetime | None]:
    async with database.reading() as session:
        return list(await session.exec(select(PlanRow.look_at).order_by(col(PlanRow.id))))


async def test_a_second_in_which_nothing_is_due_costs_one_question(database: Database) -> None:
    async with database.writing() as session:
        for _ in range(3):
            await a_school(session)
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    time = Time()
    time.now = at("07:00")
    await heartbeat(database, time)
    assert len(asked) > 100
    asked.clear()
    time.now = at("07:04")
    assert await heartbeat(database, time) == {}
    assert len(asked) == 1
    assert all(moment == at("07:10") for moment in await look_at(database))


CLOSED = {TUESDAY: Override(DayKind.closed, "snow")}
SPRING = Period(PeriodKind.term, "Spring", MONDAY, TUESDAY)


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda s, id_: calendars.keep_days(s, id_, CLOSED), id="a day"),
        pytest.param(lambda s, id_: calendars.keep_periods(s, id_, [SPRING]), id="a term"),
        pytest.param(plans.look_again, id="the zone"),
    ],
)
async def test_what_the_times_follow_from_is_looked_at_at_once_when_it_changes(
    database: Database, change: Callable[[Session, int], Awaitable[None]]
) -> None:
    async with database.writing() as session:
        changed, other = (await a_school(session)).school, (await a_school(session)).school
    time = Time()
    time.now = at("06:45")
    await heartbeat(database, time)
    async with database.writing() as session:
        looks, _ = await plans.to_look_at(session, at("07:00"), 9)
        await change(session, changed.id)
        await plans.looked(session, [(each, at("07:00")) for each in looks])  # seen before that
    async with database.reading() as session:
        anew, _ = await plans.to_look_at(session, time.now, 9)
    assert {each.plan.school_id for each in looks} == {changed.id, other.id}
    assert {each.plan.school_id for each in anew} == {changed.id}


async def test_a_clock_that_was_years_ahead_for_a_moment_keeps_nobody_from_being_asked(
    database: Database,
) -> None:
    async with database.writing() as session:
        (await a_school(session)).family("Ana", "Maria")
    time = Time()
    time.now = at("06:29", date(2031, 3, 3))
    await heartbeat(database, time)
    time.now = at("06:30")
    assert (await heartbeat(database, time))["asked"] == 1


async def test_a_city_s_heartbeat_comes_back_after_some_seconds_and_goes_on(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.writing() as session:
        for _ in range(3):
            (await a_school(session)).family("Ana", "Maria")
    monkeypatch.setattr("handlers.rounds.TOGETHER", 2)
    monkeypatch.setattr("handlers.rounds.BEAT_SECONDS", 0.0)
    time = Time()
    time.now = at("06:30")
    beats = [await heartbeat(database, time) for _ in range(4)]
    assert [beat.get("ask done", 0) for beat in beats] == [2, 2, 2, 0]
    assert await count(database, Ledger) == 3


@pytest.mark.both_databases
async def test_after_a_week_of_silence_no_family_waits_for_what_other_schools_missed(
    database: Database,
) -> None:
    """Each plan puts down all that it missed at once, and asks before the next plan's turn."""
    async with database.writing() as session:
        for _ in range(3):
            rows = await a_school(session)
            rows.family("Ana", "Maria")
    commits: list[object] = []
    event.listen(database.engine.sync_engine, "commit", commits.append)
    time = Time()
    time.now = at("06:30", MONDAY + timedelta(days=8))
    beat = await heartbeat(database, time)
    assert (beat["ask done"], beat["asked"]) == (6, 3)
    assert beat["close skipped"] == 6 * 6  # the school days since
    # It looked; of each plan what it missed, and its ask; when to look again; nothing is left.
    assert len(commits) == 1 + 2 * 6 + 1 + 1
    async with database.reading() as session:
        decided = list(await session.exec(select(Occurrence).order_by(col(Occurrence.id))))
    turns = [list(rows) for _, rows in groupby(decided, lambda row: row.plan_id)]
    assert len(turns) == 6
    for rows in turns:
        assert [row.state for row in rows] == ["skipped"] * (len(rows) - 1) + ["done"]


async def test_a_plan_that_another_release_would_not_have_kept_stops_nobody_else_s_clock(
    database: Database,
) -> None:
    async with database.writing() as session:
        broken = await a_school(session)
        for row in await session.exec(
            select(PlanRow).where(PlanRow.school_id == broken.school.id)
        ):
            row.content = {**row.content, "steps": row.content["steps"][:1]}
        (await a_school(session)).family("Ana", "Maria")
    time = Time()
    time.now = at("06:30")
    with pytest.raises(ValueError, match="has a ladder that cannot run"):
        await heartbeat(database, time)
    assert await count(database, Ledger) == 1


async def test_broken_plans_that_fill_a_heartbeat_let_the_others_have_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.writing() as session:
        broken = await a_school(session)
        for plan in await plans.plans(session, broken.school.id):
            await plans.keep_plan(session, replace(plan, questionnaire="gone"))
        (await a_school(session)).family("Ana", "Maria")
    monkeypatch.setattr("handlers.rounds.TOGETHER", 2)
    monkeypatch.setattr("handlers.rounds.BEAT_SECONDS", 0.0)
    time = Time()
    time.now = at("06:30")
    with pytest.raises(LookupError):
        await heartbeat(database, time)
    assert (await heartbeat(database, time))["asked"] == 1


async def test_after_an_outage_the_ask_is_caught_up_and_the_chase_does_not_follow_at_once(
    stage: Stage,
) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("07:30")
    asked = [m for m in await stage.chat(maria) if m["from"] == "bot"]
    assert len(asked) == 1
    decided = await steps(stage.database)
    assert decided["ask"] == ("done", None)
    assert decided["remind"] == ("skipped", "just_asked")
    await stage.at("08:00")
    assert (await steps(stage.database))["close"] == ("done", None)


async def test_yesterday_is_never_asked_and_its_silence_is_no_health(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("06:00", TUESDAY)
    assert [m for m in await stage.chat(maria) if m["from"] == "bot"] == []
    decided = await steps(stage.database)
    assert set(decided.values()) == {("skipped", "missed")}
    await stage.at("06:30", TUESDAY)
    asked = [m for m in await stage.chat(maria) if m["from"] == "bot"]
    assert len(asked) == 1
    assert "3 Mar" in asked[0]["text"]


async def test_a_round_that_nobody_was_there_to_close_ends_with_silence(stage: Stage) -> None:
    await stage.a_school()
    await stage.joined("Maria")
    await stage.at("06:30")
    await stage.at("06:00", TUESDAY)
    assert (await steps(stage.database))["close"] == ("skipped", "missed")
    async with stage.database.reading() as session:
        found = await session.exec(select(CheckIn.status).join(Round).where(Round.day == MONDAY))
        assert set(found) == {"no_response", "unreachable"}
        assert None not in set(await session.exec(select(Round.closed_at)))


async def test_the_clock_set_back_asks_nobody_again(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    await stage.at("06:20")
    await stage.at("06:31")
    assert len([m for m in await stage.chat(maria) if m["from"] == "bot"]) == 1


async def test_a_zone_that_is_edited_asks_nobody_twice_on_one_date(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    await stage.at("06:30")
    async with stage.database.writing() as session:
        school = await session.get_one(Unit, (await units.schools(session))[0].id)
        school.zone = "Asia/Kolkata"  # where it will be half past six again
    await stage.at("09:00")
    await stage.at("09:01")
    assert len([m for m in await stage.chat(maria) if m["from"] == "bot"]) == 1
    await stage.at("09:01", TUESDAY)
    async with stage.database.reading() as session:
        asked = await session.exec(select(Ledger.cause).where(Ledger.kind == "card"))
        assert sorted(asked) == ["ask:2026-03-02:morning", "ask:2026-03-03:morning"]


async def test_a_long_outage_of_the_service_sends_nothing_after_the_close(stage: Stage) -> None:
    await stage.a_school()
    maria = await stage.joined("Maria")
    async with stage.http.post("/sandbox/faults", json={"rate_reset_before": 1}) as response:
        assert response.status == 200
    stage.now = at("06:30")
    await heartbeat(stage.database, stage.clock)
    await stage.sender.once()
    async with stage.http.post("/sandbox/faults", json={}) as response:
        assert response.status == 200
    async with stage.database.writing() as session:
        for entry in await session.exec(select(Ledger)):
            entry.lease_until = datetime.now(UTC) - timedelta(seconds=1)
    await stage.at("09:00")
    texts = [m["text"] for m in await stage.chat(maria) if m["from"] == "bot"]
    assert texts == []
