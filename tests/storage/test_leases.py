"""A lease is held by one at a time, by the database's clock alone."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from storage import leases
from storage.database import Database
from storage.sql import affected, database_now, is_sqlite, table
from storage.tables import BotLease
from tests.builders import BOT, a_school


@pytest.fixture
async def house(database: Database) -> Database:
    async with database.writing() as session:
        await a_school(session)
    return database


async def take(
    house: Database, owner: str, seconds: float = 10, part: str = "send", dead: str | None = None
) -> bool:
    return await house.write(
        lambda session: leases.take(session, BOT, part, owner, seconds, dead=dead)
    )


async def time_passes(house: Database, seconds: float) -> None:
    """Move the end of each lease closer: the database's clock is nobody's to move."""
    async with house.writing() as session:
        until = database_now(is_sqlite(session), 10 - seconds)
        await affected(session, update(table(BotLease)).values(lease_until=until))


async def test_what_one_holds_nobody_else_gets(house: Database) -> None:
    assert await take(house, "one")
    assert not await take(house, "two")
    assert await take(house, "one")


async def test_listening_and_sending_are_held_apart(house: Database) -> None:
    assert await take(house, "one", part="listen")
    assert await take(house, "two", part="send")


async def test_a_dead_holders_lease_is_taken_over_when_it_has_run_out(house: Database) -> None:
    assert await take(house, "one")
    await time_passes(house, 9)
    assert not await take(house, "two")
    await time_passes(house, 11)
    assert await take(house, "two")
    assert not await take(house, "one")


async def test_a_renewed_lease_does_not_run_out(house: Database) -> None:
    assert await take(house, "one")
    await time_passes(house, 9)
    assert await take(house, "one")
    assert not await take(house, "two")


async def test_who_slept_through_a_lease_that_nobody_wanted_has_it_again(house: Database) -> None:
    assert await take(house, "one")
    await time_passes(house, 11)
    assert await take(house, "one")


async def test_who_is_known_to_be_dead_is_not_waited_for(house: Database) -> None:
    assert await take(house, "one")
    assert not await take(house, "three", dead="two")
    assert await take(house, "three", dead="one")


async def test_a_lease_given_back_is_free_at_once_and_only_its_holder_gives_it(
    house: Database,
) -> None:
    assert await take(house, "one")
    async with house.writing() as session:
        await leases.release(session, BOT, "send", "two")
    assert not await take(house, "two")
    async with house.writing() as session:
        await leases.release(session, BOT, "send", "one")
        assert await leases.holder(session, BOT, "send") is None
    assert await take(house, "two")


async def test_of_many_who_ask_at_once_one_gets_it(house: Database) -> None:
    other = Database(house.url, safe=False)
    try:
        for _ in range(3):
            taken = await asyncio.gather(
                *(take(which, f"{n}") for n, which in enumerate([house, other] * 4))
            )
            assert sum(taken) == 1
            await time_passes(house, 11)
    finally:
        await other.close()


async def test_a_lease_ends_by_the_clock_of_the_database(house: Database) -> None:
    assert await take(house, "one", seconds=10)
    async with house.reading() as session:
        lease = await session.get_one(BotLease, (BOT, "send"))
    left = lease.lease_until - datetime.now(UTC)  # the same machine here, so the same clock
    assert timedelta(seconds=5) < left < timedelta(seconds=11)
