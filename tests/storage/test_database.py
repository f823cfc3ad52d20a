"""One database: nothing is lost between writers, and its tables are those of the models."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, event, inspect, text, update
from sqlalchemy.exc import OperationalError
from sqlmodel import col, select

from storage import ledger
from storage.database import (
    MIGRATIONS,
    Database,
    DatabaseUrlError,
    Session,
    async_url,
    is_outage,
)
from storage.ids import new_id
from storage.sql import affected, table
from storage.tables import Ledger, Occurrence, Round, Unit, metadata
from tests.builders import a_school


async def test_a_hundred_writers_at_once_lose_nothing(database: Database) -> None:
    async with database.writing() as session:
        unit_id = (await a_school(session)).class_id
    other = Database(database.url, safe=False)  # as another process would have it

    async def count_up(session: Session) -> None:
        unit = await session.get_one(Unit, unit_id)
        await asyncio.sleep(0)
        unit.position += 1

    try:
        await asyncio.gather(*(d.write(count_up) for _ in range(50) for d in (database, other)))
    finally:
        await other.close()
    async with database.reading() as session:
        assert (await session.get_one(Unit, unit_id)).position == 100


async def test_what_went_wrong_leaves_nothing_behind(database: Database) -> None:
    async with database.writing() as session:
        unit_id = (await a_school(session)).class_id

    async def fail() -> None:
        async with database.writing() as session:
            await affected(session, update(table(Unit)).values(position=7))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.reading() as session:
        assert (await session.get_one(Unit, unit_id)).position == 0


async def test_a_reader_sees_one_moment_while_somebody_writes(database: Database) -> None:
    async with database.writing() as session:
        unit_id = (await a_school(session)).class_id
    async with database.reading() as reader:
        before = await reader.get_one(Unit, unit_id)
        async with database.writing() as session:
            (await session.get_one(Unit, unit_id)).position = 7
        await reader.refresh(before)
        assert before.position == 0


async def test_a_row_that_points_nowhere_is_refused_at_the_commit(database: Database) -> None:
    async def write() -> None:
        async with database.writing() as session:
            rows = await a_school(session)
            rows.consent(1, 2)

    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await write()


async def test_the_settings_of_sqlite_are_those_of_a_careful_house(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    try:
        async with database.engine.connect() as connection:
            found = {}
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
                found[name] = (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
    finally:
        await database.close()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 15000,
    }


@asynccontextmanager
async def a_folder_for_a_file(path: Path) -> AsyncIterator[Database]:
    """A database that is not there; a failed connection still speaks to us from its thread."""
    before = set(threading.enumerate())
    database = Database(f"sqlite:///{path}")
    yield database
    await database.close()
    for thread in set(threading.enumerate()) - before:
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join)


@pytest.mark.sqlite_only
async def test_closing_waits_for_those_who_are_still_at_it(database: Database) -> None:
    """Otherwise their connections would come back to nobody, and stay open."""
    at_it, go_on = asyncio.Event(), asyncio.Event()
    held: list[Any] = []

    async def read() -> None:
        async with database.reading() as session:
            raw = await (await session.connection()).get_raw_connection()
            held.append(raw.driver_connection)
            at_it.set()
            await go_on.wait()

    reading = asyncio.create_task(read())
    await at_it.wait()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.05)  # it would have closed by now
    go_on.set()
    await asyncio.gather(reading, closing)
    with pytest.raises(ValueError, match=r"closed|no active"):
        await held[0].execute("SELECT 1")


@pytest.mark.sqlite_only
async def test_the_database_says_whether_it_answers(database: Database, tmp_path: Path) -> None:
    assert await database.answers()
    async with a_folder_for_a_file(tmp_path) as nowhere:
        assert not await nowhere.answers()


# ---- addresses -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://x/y", "mongodb://x", "postgres//u:sesame@h/db"]
)
def test_an_address_that_cannot_be_used_is_a_sentence_without_a_password(url: str) -> None:
    with pytest.raises(DatabaseUrlError, match="sqlite:///") as caught:
        async_url(url)
    assert "sesame" not in str(caught.value)


def test_the_driver_is_ours_to_know() -> None:
    assert async_url("sqlite:///a.sqlite3") == "sqlite+aiosqlite:///a.sqlite3"
    assert async_url("sqlite+aiosqlite:///a.sqlite3") == "sqlite+aiosqlite:///a.sqlite3"


# ---- trouble -------------------------------------------------------------------------------


async def test_trouble_of_the_database_is_told_from_a_wrong_question(
    database: Database,
) -> None:
    async def error_of(sql: str) -> BaseException:
        try:
            async with database.writing() as session:
                await affected(session, text(sql))
        except Exception as error:
            return error
        raise AssertionError(sql)

    assert not is_outage(await error_of("SELECT nothing"))
    assert not is_outage(await error_of("INSERT INTO bot DEFAULT VALUES"))
    assert not is_outage(ValueError("x"))
    assert is_outage(OSError("disk"))


@pytest.mark.sqlite_only
async def test_a_database_that_is_not_there_is_in_trouble(tmp_path: Path) -> None:
    async with a_folder_for_a_file(tmp_path) as folder:
        with pytest.raises(OperationalError) as caught:
            await folder.write(lambda session: affected(session, text("SELECT 1")))
    assert is_outage(caught.value)


# ---- migrations ----------------------------------------------------------------------------


async def test_the_migrations_make_the_tables_of_the_models(database: Database) -> None:
    def is_whole(name: str | None, kind: str, _parents: object) -> bool:
        return kind != "table" or not str(name).startswith(("ledger_", "history_entry_"))

    def difference(connection: Connection) -> list[object]:
        opts = {"compare_type": True, "include_name": is_whole}
        context = MigrationContext.configure(connection, opts=opts)
        return list(compare_metadata(context, metadata))

    async with database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


async def test_the_migrations_can_be_taken_back_and_made_again(
    database: Database, tmp_path: Path
) -> None:
    def to_base(connection: Connection) -> list[str]:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        return inspect(connection).get_table_names()

    async with database.engine.connect() as connection:
        assert await connection.run_sync(to_base) == ["alembic_version"]
        await connection.commit()
    await database.migrate()
    async with database.writing() as session:
        await a_school(session)


async def back_and_on(database: Database, revision: str) -> None:
    """Make the tables those of an earlier revision, and then those of now again."""

    def go(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        command.upgrade(config, "head")

    async with database.engine.connect() as connection:
        await connection.run_sync(go)
        await connection.commit()


async def test_messages_of_the_version_before_get_the_day_that_their_cause_names(
    database: Database,
) -> None:
    causes = {"ask:2026-03-02:morning", "alarm:rival:1:2026-04-01", "reply:5", "lost:1-2-3-04-5:6"}
    async with database.writing() as session:
        rows = await a_school(session)
        contact = rows.contact(rows.person("Maria"))
        for cause in causes:
            await ledger.owe(session, contact, "text", cause, rows.now)
    held = select(Ledger.id, Ledger.cause, Ledger.day, Ledger.state).order_by(col(Ledger.id))
    async with database.reading() as session:
        before = (await session.exec(held)).all()

    await back_and_on(database, "0002")
    async with database.reading() as session:
        assert (await session.exec(held)).all() == before
        assert {each.cause: each.day for each in before} == {c: ledger.day_of(c) for c in causes}
    async with database.writing() as session:  # and the next id is a new one
        rows_of_now = (await session.exec(held)).all()
        await ledger.owe(session, contact, "text", "reply:6", rows.now)
        assert len((await session.exec(held)).all()) == len(rows_of_now) + 1


@pytest.mark.parametrize(
    ("steps", "evening"),
    [((), False), (("evening",), True), (("evening", "ask"), False), (("ask",), False)],
)
async def test_a_round_that_the_version_before_has_opened_is_evening_until_the_morning_asks(
    database: Database, steps: tuple[str, ...], evening: bool
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        held = await rows.round()
        session.add_all(
            Occurrence(
                plan_id=held.plan_id,
                school_id=held.school_id,
                round_date=held.day,
                step=step,
                due_at=rows.now,
                decided_at=rows.now,
                state="done",
            )
            for step in steps
        )

    await back_and_on(database, "0006")
    async with database.reading() as session:
        assert (await session.exec(select(Round.evening))).one() == evening


async def test_nobody_comes_in_between_two_revisions(tmp_path: Path) -> None:
    """Whoever starts at the same time would do the second revision as well, and one would fail."""
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}", safe=False)
    commits: list[Connection] = []
    event.listen(database.engine.sync_engine, "commit", commits.append)
    await database.migrate()
    await database.close()
    assert len(commits) == 1


STARTER = """
import asyncio, sys
from storage.database import Database

async def start(url):
    database = Database(url, safe=False)
    await database.migrate()
    await database.close()

print("ready", flush=True)
for url in sys.stdin:
    asyncio.run(start(url.strip()))
    print("done", flush=True)
"""


@pytest.mark.process
async def test_processes_that_start_at_once_make_the_tables_once(tmp_path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", STARTER, **pipes)
        for _ in range(2)
    ]

    async def says(process: asyncio.subprocess.Process, word: bytes) -> None:
        assert process.stdout
        assert process.stderr
        if (await process.stdout.readline()).strip() != word:
            raise AssertionError((await process.stderr.read()).decode()[-2000:])

    try:
        await asyncio.gather(*(says(each, b"ready") for each in started))
        for place in range(4):
            url = f"sqlite:///{tmp_path / f'school-{place}' / 'new.sqlite3'}"
            for each in started:
                assert each.stdin
                each.stdin.write(f"{url}\n".encode())
            await asyncio.gather(*(says(each, b"done") for each in started))
            database = Database(url, safe=False)
            async with database.writing() as session:
                await a_school(session)
            await database.close()
    finally:
        for each in started:
            assert each.stdin
            each.stdin.close()
        await asyncio.gather(*(each.wait() for each in started))


async def test_migrating_again_changes_nothing(database: Database) -> None:
    async with database.writing() as session:
        await a_school(session)
    await database.migrate()
    async with database.reading() as session:
        assert len(list(await session.exec(select(Unit)))) == 2


# ---- ids -----------------------------------------------------------------------------------


def test_ids_never_repeat_rise_and_fit_the_database() -> None:
    ids = [new_id() for _ in range(20_000)]
    assert len(set(ids)) == len(ids)
    assert ids == sorted(ids)
    assert 0 < ids[0] < ids[-1] < 2**63


def test_ids_of_many_threads_never_repeat() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _n: [new_id() for _ in range(1000)], range(8)))
    assert len({i for some in made for i in some}) == 8000


@pytest.mark.sqlite_only
async def test_a_statement_is_one_trip_to_the_connections_thread(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with database.writing() as session:
        made = await a_school(session)  # the connection is there, and its transaction
        caplog.set_level(logging.DEBUG, logger="aiosqlite")
        assert len(list(await session.exec(select(Unit)))) == 2
        await affected(
            session,
            update(table(Unit)).where(table(Unit).c.id == made.class_id).values(position=7),
        )
        caplog.set_level(logging.INFO, logger="aiosqlite")
    assert len([each for each in caplog.messages if each.startswith("executing")]) == 2
