"""What grows with every day lies in months on PostgreSQL, and no morning waits for a part."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, text
from sqlalchemy import select as of_rows
from sqlalchemy.exc import IntegrityError

from storage import ledger, partitions
from storage.database import Database, Session
from storage.ledger import UNDATED, day_of
from storage.partitions import HISTORY, LEDGER
from storage.sql import affected, insert_into, table
from storage.tables import Ledger
from tests.builders import a_school

MONDAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("cause", "day"),
    [
        ("ask:2026-03-02:morning", MONDAY),
        ("remind:2026-03-02:morning:17", MONDAY),
        ("alarm:rival:7000001:2026-03-02", MONDAY),
        ("reply:500000001", UNDATED),
        ("flag:12:2", UNDATED),
        ("lost:12:20260302", UNDATED),
    ],
)
def test_the_day_of_a_message_is_the_one_that_its_cause_names(cause: str, day: date) -> None:
    assert day_of(cause) == day


async def owe(database: Database, contact_id: int, cause: str) -> None:
    async def once(session: Session) -> None:
        row = {"bot_id": 7000001, "contact_id": contact_id, "day": day_of(cause), "cause": cause}
        rest = {"rung": 0, "edition": 0, "kind": "text", "lane": 0, "state": "pending"}
        at = {"attempts": 0, "created_at": datetime(2026, 3, 2, tzinfo=UTC)}
        await affected(session, insert_into(session, Ledger), [row | rest | at])

    await database.write(once)


async def a_contact(database: Database) -> int:
    async with database.writing() as session:
        rows = await a_school(session)
        return rows.contact(rows.person("Maria")).id


async def where_from(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        part = text("tableoid::regclass::text")
        rows = await session.exec(  # type: ignore[call-overload]
            of_rows(part, func.count()).select_from(table(Ledger)).group_by(part)
        )
        return dict(rows.all())


@pytest.mark.postgresql_only
async def test_a_month_without_a_part_stops_no_morning_and_its_rows_move_when_there_is_one(
    database: Database,
) -> None:
    contact = await a_contact(database)
    for cause in ("ask:2026-03-02:morning", "ask:2026-04-01:morning", "reply:5"):
        await owe(database, contact, cause)
    assert await where_from(database) == {"ledger_other": 2, "ledger_undated": 1}
    assert await partitions.make_ahead(database, MONDAY) == 6  # three months of two tables
    assert await where_from(database) == {
        "ledger_2026_03": 1,
        "ledger_2026_04": 1,
        "ledger_undated": 1,
    }
    assert await partitions.make_ahead(database, MONDAY) == 0
    with pytest.raises(IntegrityError):  # the key holds wherever the row lies
        await owe(database, contact, "ask:2026-03-02:morning")


@pytest.mark.postgresql_only
async def test_two_clocks_make_the_parts_once(database: Database) -> None:
    other = Database(database.url)
    made = await asyncio.gather(
        *(partitions.make_ahead(each, MONDAY) for each in (database, other))
    )
    await other.close()
    assert sorted(made) == [0, 6]


@pytest.mark.postgresql_only
async def test_only_parts_of_months_that_are_over_are_dropped(database: Database) -> None:
    contact = await a_contact(database)
    await partitions.make_ahead(database, MONDAY)
    for cause in ("ask:2026-03-02:morning", "ask:2026-04-01:morning", "reply:5"):
        await owe(database, contact, cause)
    assert await partitions.drop_before(database, LEDGER, date(2026, 3, 31)) == 0
    assert await partitions.drop_before(database, LEDGER, date(2026, 4, 1)) == 1
    assert await where_from(database) == {"ledger_2026_04": 1, "ledger_undated": 1}

    def months(connection: Connection) -> list[int]:
        return sorted(month.month for month in partitions.parts_of(connection, HISTORY))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(months) == [3, 4, 5]  # the other table keeps its own


@pytest.mark.postgresql_only
async def test_a_table_that_somebody_is_at_is_left_for_another_time(database: Database) -> None:
    await partitions.make_ahead(database, MONDAY)
    async with database.reading() as session:
        await session.exec(of_rows(func.count()).select_from(table(Ledger)))  # type: ignore[call-overload]
        assert await partitions.drop_before(database, LEDGER, date(2027, 1, 1)) is None
    assert await partitions.drop_before(database, LEDGER, date(2027, 1, 1)) == 3


async def test_a_message_is_found_and_marked_wherever_it_lies(database: Database) -> None:
    contact = await a_contact(database)
    await partitions.make_ahead(database, MONDAY)
    for cause in ("ask:2026-03-02:morning", "ask:2027-03-01:morning", "reply:5"):
        await owe(database, contact, cause)
    now = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=1)
    async with database.writing() as session:
        claimed = await ledger.claim(session, 7000001, "me", now, 8)
        marks = [ledger.Mark(each.id, ledger.State.sent, 5, sent_at=now) for each in claimed]
        await ledger.mark(session, "me", marks)
    async with database.reading() as session:
        assert await ledger.counts(session, [7000001]) == {"sent": 3}
