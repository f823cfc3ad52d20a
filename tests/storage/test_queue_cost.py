"""Taking the next messages costs the same however many wait: asked of the database itself.

The default run fills the queue with ten thousand, `make soak` with a million.
"""

import json
import os
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import ledger, sending
from storage.database import Database, Session
from storage.ledger import Lane
from storage.sql import table
from storage.tables import Card
from tests.builders import BOT, a_school
from tests.crowds import NOW, families, owe

MANY = 1_000_000 if os.environ.get("ALLCLEAR_SOAK") else 10_000
WINDOW = 64
SCHOOLS = 300
CLOSE = NOW + timedelta(hours=2)


async def fill(session: Session, n: int) -> AsyncConnection:
    """Let so many messages wait, of three hundred schools; as many have been sent before."""
    await a_school(session)
    connection = await session.connection()
    if connection.dialect.name == "sqlite":
        counted = f"SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {2 * n}"  # noqa: S608 - ours
        numbers = f"WITH RECURSIVE s(n) AS ({counted}) "
        rows = "s"
    else:
        numbers, rows = "", f"generate_series(1, {2 * n}) AS s(n)"
    columns = (
        "id, bot_id, contact_id, day, cause, rung, edition, kind, lane, turn, school_id, state,"
        " attempts, not_after, created_at"
    )
    values = (
        f"n, {BOT}, n, '2026-03-02', 'ask', 0, 0, 'card', 1, n / {SCHOOLS}, n - n / {SCHOOLS}"
        f" * {SCHOOLS}, CASE WHEN n <= {n} THEN 'sent' ELSE 'pending' END, 0,"
        f" '{CLOSE:%Y-%m-%d %H:%M:%S.%f}', '{NOW:%Y-%m-%d %H:%M:%S.%f}'"
    )
    into = f"INSERT INTO ledger ({columns}) {numbers}"
    await connection.exec_driver_sql(f"{into}SELECT {values} FROM {rows}")  # noqa: S608 - ours
    await connection.exec_driver_sql("ANALYZE")
    return connection


class Asked:
    """The statements that something asks of the database."""

    def __init__(self, database: Database) -> None:
        self.statements: list[tuple[str, Any]] = []
        event.listen(
            database.engine.sync_engine,
            "before_cursor_execute",
            lambda *about: self.statements.append((about[2], about[3])),
        )

    async def by(self, work: Awaitable[object]) -> list[tuple[str, Any]]:
        self.statements.clear()
        await work
        return list(self.statements)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def plan_of(connection: AsyncConnection, statement: str, parameters: Any) -> list[str]:
    """Return the steps in which much is looked through or put in order; there should be none."""
    if connection.dialect.name == "sqlite":
        found = await connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)
        steps = [str(row[3]) for row in found]
        sorted_ = (
            ("ORDER BY",) if "UPDATE" in statement else ()
        )  # what is owed anew is put in order
        return [step for step in steps if any(word in step for word in ("SCAN ledger", *sorted_))]
    explain = "EXPLAIN (FORMAT JSON) " + statement
    found = (await connection.exec_driver_sql(explain, parameters)).scalar_one()
    (whole,) = json.loads(found) if isinstance(found, str) else found
    return [
        f"{node['Node Type']} of {node['Plan Rows']} in {node.get('Relation Name')}"
        for node in nodes(whole["Plan"])
        if node["Node Type"] in {"Seq Scan", "Sort", "Incremental Sort"}
        and node["Plan Rows"] > MANY / 100  # a school's, of three hundred
    ]


async def test_no_step_of_taking_the_next_looks_through_or_sorts_what_waits(
    database: Database,
) -> None:
    async with database.writing() as session:
        connection = await fill(session, MANY)
        await families(session, 7, 1)
        asked = Asked(database)
        last = [table(Card).c.about_id == 7]
        for name, work in {
            "claim": ledger.claim(session, BOT, "us", NOW, WINDOW),
            "claim bulk": ledger.claim(session, BOT, "us", NOW, WINDOW, replies=False),
            "claim replies": ledger.claim(session, BOT, "us", NOW, WINDOW, bulk=False),
            "look": ledger.to_do(session, BOT, NOW),
            "expire": ledger.expire(session, BOT, NOW),
            "recover": ledger.recover(session, BOT),
            "owe": ledger.owe_under(
                session, last, "card", "one", NOW, school_id=7, lane=Lane.bulk, not_after=CLOSE
            ),
            "stop": sending.stop(session, [7], NOW),
            "go on": sending.go_on(session, 7, NOW),
            "how it goes": sending.going(session, [7], NOW),
            "its cards": sending.open_cards(session, NOW),
        }.items():
            statements = await asked.by(work)
            assert statements
            for statement, parameters in statements:
                assert await plan_of(connection, statement, parameters) == [], (name, statement)
        await session.rollback()


@pytest.mark.sqlite_only
async def test_taking_the_next_is_as_much_work_with_many_waiting_as_with_few(
    database: Database,
) -> None:
    few = await _steps(database, 500)
    many = await _steps(database, MANY)
    assert many < 1.2 * few


async def _steps(database: Database, n: int) -> int:
    """Return how much SQLite does for a look and a window, in hundreds of its instructions."""
    done = 0

    def count() -> int:
        nonlocal done
        done += 1
        return 0

    async with database.writing() as session:
        connection = await fill(session, n)
        await ledger.claim(session, BOT, "us", NOW, WINDOW)
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.set_progress_handler(count, 100)
        await ledger.to_do(session, BOT, NOW)
        assert len(await ledger.claim(session, BOT, "us", NOW, WINDOW)) == WINDOW
        await driver.set_progress_handler(None, 0)
        await session.rollback()
    return done


@pytest.mark.postgresql_only
async def test_a_window_of_many_reads_no_more_rows_than_it_takes(database: Database) -> None:
    async with database.writing() as session:
        connection = await fill(session, MANY)
        asked = Asked(database)
        ((statement, parameters),) = await asked.by(ledger.claim(session, BOT, "us", NOW, WINDOW))
        explain = "EXPLAIN (ANALYZE, FORMAT JSON) " + statement
        found = (await connection.exec_driver_sql(explain, parameters)).scalar_one()
        (whole,) = json.loads(found) if isinstance(found, str) else found
        read = sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in nodes(whole["Plan"])
            if "Scan" in node["Node Type"] and "Relation Name" in node
        )
        await session.rollback()
    assert read <= 3 * WINDOW


@pytest.mark.postgresql_only
@pytest.mark.parametrize("off", ["", "hashjoin mergejoin hashagg sort material"])
async def test_no_plan_takes_more_than_a_window(database: Database, off: str) -> None:
    """A subquery may be run anew for each row, and skip what it has locked before."""
    async with database.writing() as session:
        connection = await fill(session, 500)
        for way in off.split():
            await connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        for _ in range(3):
            assert len(await ledger.claim(session, BOT, "us", NOW, WINDOW)) == WINDOW
        await session.rollback()


async def test_a_school_s_share_is_kept_among_many(database: Database) -> None:
    async with database.writing() as session:
        await fill(session, MANY)
        for _ in range(SCHOOLS // WINDOW + 1):  # what was there before its first turn
            await ledger.claim(session, BOT, "us", NOW, WINDOW)
        await families(session, 9_999, 2)
        await owe(session, 9_999)
        taken = 0
        for _ in range(2 * (SCHOOLS // WINDOW + 2)):
            claimed = await ledger.claim(session, BOT, "us", NOW, WINDOW)
            taken += sum(entry.cause != "ask" for entry in claimed)
        await session.rollback()
    assert taken == 2
