"""A step that was found to be due is done only if it still is when its turn to write comes."""

import asyncio
from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from sqlalchemy import event

from checkin.calendars import DayKind, Override
from checkin.plans import Plan
from checkin.steps import steps_from_times
from handlers.rounds import heartbeat
from storage import calendars, plans, rounds
from storage.database import Database, Session
from storage.units import School
from tests.builders import MONDAY, a_school, at

pytestmark = pytest.mark.sqlite_only  # elsewhere a step that nobody gets in the way of goes first


class Heartbeat:
    """A heartbeat that has seen what is due, and waits to write while somebody else does."""

    def __init__(self, database: Database, clock: str) -> None:
        self.database, self.now = database, at(clock)
        self.has_seen = asyncio.Event()

    async def begins(self) -> None:
        def seen(_connection: Any, _record: Any) -> None:
            self.has_seen.set()

        event.listen(self.database.engine.sync_engine, "checkin", seen)
        self.task = asyncio.create_task(heartbeat(self.database, lambda: self.now))
        await self.has_seen.wait()
        event.remove(self.database.engine.sync_engine, "checkin", seen)

    async def ends(self) -> dict[str, int]:
        return await self.task


async def _opened(session: Session, school: School) -> int:
    return len(await rounds.rounds_on(session, school.id, MONDAY, cancelled=True))


async def test_a_closing_that_commits_in_the_second_of_the_ask_comes_first(
    database: Database,
) -> None:
    async with database.writing() as session:
        school = (await a_school(session)).school
    beat = Heartbeat(database, "06:30")
    async with database.writing() as session:
        await beat.begins()
        snow = Override(DayKind.closed, "snow")
        await calendars.keep_days(session, school.id, {MONDAY: snow})
    assert await beat.ends() == {}
    async with database.reading() as session:
        assert await _opened(session, school) == 0
        every = [plan.id for plan in await plans.plans(session, school.id)]
        assert await plans.recorded_since(session, every, MONDAY) == []


async def test_a_plan_that_changes_in_the_second_of_the_ask_asks_at_its_new_time(
    database: Database,
) -> None:
    async with database.writing() as session:
        school = (await a_school(session)).school
    beat = Heartbeat(database, "06:30")
    later = steps_from_times([time(7, 0), time(8, 0)])
    assert isinstance(later, tuple)
    async with database.writing() as session:
        await beat.begins()
        changed: list[Plan] = [
            replace(each, steps=later) for each in await plans.plans(session, school.id)
        ]
        for each in changed:
            await plans.keep_plan(session, each)
    assert await beat.ends() == {}
    assert (await heartbeat(database, lambda: at("06:31"))).keys() == set()
    assert (await heartbeat(database, lambda: at("07:00")))["ask done"] == len(changed)


async def test_nothing_changes_and_the_ask_is_done(database: Database) -> None:
    async with database.writing() as session:
        school = (await a_school(session)).school
    beat = Heartbeat(database, "06:30")
    async with database.writing():
        await beat.begins()
    assert (await beat.ends())["ask done"] == 2
    async with database.reading() as session:
        assert await _opened(session, school) == 2
