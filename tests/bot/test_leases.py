"""A process works for a bot while it holds the lease, and no two at a time."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from sqlalchemy import update

from bot import leases as of_process
from bot.leases import Lease, is_dead, new_owner
from bot.parts import EVERY_PART, Part, read_parts
from bot.settings import SettingsError
from storage.database import Database
from storage.sql import affected, database_now, is_sqlite, table
from storage.tables import BotLease
from tests.builders import BOT, Outage, a_school
from tests.process.running import until

pytestmark = pytest.mark.both_databases


@pytest.fixture
async def house(database: Database) -> Database:
    async with database.writing() as session:
        await a_school(session)
    return database


@dataclass
class Worker:
    """Who works for the bot while the lease is theirs; the pace is quicker than in life."""

    house: Database
    owner: str = field(default_factory=new_owner)
    now: float | None = None
    begun: int = 0
    looks: int = 0
    at_work: asyncio.Event = field(default_factory=asyncio.Event)
    at_rest: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        clock: Callable[[], float] = self.clock
        self.lease = Lease(
            self.house, BOT, Part.send, self.owner, renew=0.02, retry=0.01, clock=clock
        )
        self.at_rest.set()
        self.task = asyncio.create_task(self.lease.while_held(self.stopping, self.work))

    def clock(self) -> float:
        self.looks += 1
        return asyncio.get_running_loop().time() if self.now is None else self.now

    async def work(self, over: asyncio.Event) -> None:
        self.begun += 1
        self.at_rest.clear()
        self.at_work.set()
        await over.wait()
        self.at_work.clear()
        self.at_rest.set()

    async def looks_often(self) -> None:
        """Wait until the lease was asked for, or renewed, several times more."""
        enough = self.looks + 20
        await until(lambda: self.looks >= enough, "looked at the lease")

    async def stops(self) -> None:
        self.stopping.set()
        await self.task


async def others_lease(house: Database, owner: str, seconds: float = 60) -> None:
    async with house.writing() as session:
        lease = table(BotLease)
        values = {"owner": owner, "lease_until": database_now(is_sqlite(session), seconds)}
        if not await affected(session, update(lease).values(values)):
            session.add(BotLease(bot_id=BOT, part="send", **values))


ELSEWHERE = "another-machine 1 abcd"


async def soon(event: asyncio.Event) -> None:
    await asyncio.wait_for(event.wait(), 30)


async def test_two_processes_one_works_and_the_other_takes_over_when_it_stops(
    house: Database,
) -> None:
    first = Worker(house)
    await soon(first.at_work)
    second = Worker(house)
    await second.looks_often()
    assert not second.at_work.is_set()
    await first.stops()
    assert not first.lease.held
    await soon(second.at_work)
    assert not first.at_work.is_set()
    await second.stops()


async def test_a_lease_is_renewed_while_the_work_goes_on(house: Database) -> None:
    worker = Worker(house)
    await soon(worker.at_work)
    async with house.writing() as session:
        await affected(
            session,
            update(table(BotLease)).values(lease_until=database_now(is_sqlite(session), 0.001)),
        )
    await worker.looks_often()
    assert worker.begun == 1
    rival = Worker(house)
    await rival.looks_often()
    assert not rival.begun
    await rival.stops()
    await worker.stops()


async def test_who_finds_the_lease_with_another_ends_the_work(house: Database) -> None:
    worker = Worker(house)
    await soon(worker.at_work)
    await others_lease(house, ELSEWHERE)
    await soon(worker.at_rest)
    assert not worker.lease.held
    await others_lease(house, ELSEWHERE, seconds=-1)  # and that one died
    await soon(worker.at_work)
    assert worker.begun == 2
    await worker.stops()


async def test_who_slept_through_the_lease_knows_before_asking_anybody(house: Database) -> None:
    worker = Worker(house)
    await soon(worker.at_work)
    worker.now = worker.clock() + of_process.LEASE_SECONDS
    assert not worker.lease.held
    worker.now = None
    await worker.stops()


async def test_who_cannot_reach_the_database_stops_before_the_lease_runs_out(
    house: Database,
) -> None:
    outage = Outage(house)
    worker = Worker(house)
    await soon(worker.at_work)
    outage.on = True
    await worker.looks_often()
    assert worker.at_work.is_set()  # a moment's trouble ends nothing
    worker.now = worker.clock() + of_process.LEASE_SECONDS - of_process.MARGIN_SECONDS
    await soon(worker.at_rest)
    outage.on = False
    worker.now = None
    await soon(worker.at_work)
    await worker.stops()


async def test_a_process_of_this_machine_that_is_gone_is_not_waited_for(house: Database) -> None:
    gone = await asyncio.create_subprocess_exec("true")
    await gone.wait()
    dead = f"{of_process.MACHINE} {gone.pid} abcd"
    await others_lease(house, dead)
    worker = Worker(house)
    await soon(worker.at_work)
    await worker.stops()


async def test_a_process_elsewhere_is_waited_for(house: Database) -> None:
    await others_lease(house, ELSEWHERE)
    worker = Worker(house)
    await worker.looks_often()
    assert not worker.begun
    await others_lease(house, ELSEWHERE, seconds=-1)
    await soon(worker.at_work)
    await worker.stops()


def test_no_two_processes_have_one_name() -> None:
    assert len({new_owner() for _ in range(100)}) == 100
    assert not is_dead(new_owner())
    assert not is_dead(f"{of_process.MACHINE} {os.getppid()} abcd")


# ---- what a process does -------------------------------------------------------------------


def test_a_process_does_what_is_named_or_everything() -> None:
    assert read_parts("") == EVERY_PART
    assert read_parts("send") == {Part.send}
    assert read_parts(" listen, web ,") == {Part.listen, Part.web}


def test_a_role_that_there_is_not_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match=r"no role 'sned'.*listen, send, clock, web"):
        read_parts("listen,sned")
