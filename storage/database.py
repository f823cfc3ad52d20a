"""One database, two kinds of transaction: reading, and writing (a commit at its end)."""

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from storage import postgresql
from storage.sqlite import begin_later, save_trips

MIGRATIONS = Path(__file__).parent / "migrations"
CLOSING_SECONDS = 5.0  # for what is still being read or written
ATTEMPTS = 10  # of a piece of work that other writers keep getting in the way of

Found = TypeVar("Found")


class DatabaseUrlError(Exception):
    """The database's address cannot be used; the sentence says how to mend it."""


class Database:
    """The engine and its sessions.

    SQLite has one writer at a time: within the process writers queue here, in order, rather than
    inside SQLite, and `BEGIN IMMEDIATE` keeps other processes' writers out from the first read on.
    On PostgreSQL writers work side by side and one that another got in the way of is refused:
    `write` does its work again.
    """

    def __init__(self, url: str, *, safe: bool = True) -> None:
        """Open nothing yet; `safe=False` may lose data at a power cut (tests, simulation)."""
        self.url = async_url(url)
        self.is_sqlite = self.url.startswith("sqlite")
        self._writer = asyncio.Lock()
        if self.is_sqlite:
            self.engine: AsyncEngine = create_async_engine(
                self.url,
                hide_parameters=True,  # an error's text may reach a log
            )
            save_trips(self.engine)
            _tame_sqlite(self.engine, "FULL" if safe else "OFF")
            self._read_engine = self.engine
            self._write_engine = self.engine.execution_options(writing=True)
            self._note_engine = self._write_engine
        else:
            self.engine = postgresql.engine(self.url)
            self._read_engine = self.engine.execution_options(**postgresql.READING)
            self._write_engine = self.engine.execution_options(**postgresql.WRITING)
            self._note_engine = self.engine.execution_options(**postgresql.NOTING)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """Give a session that sees one moment and changes nothing."""
        async with AsyncSession(self._read_engine, expire_on_commit=False) as session:
            yield session
            session.expunge_all()  # what was changed on the way is nobody's
            await session.commit()  # a rollback would have psycopg forget what it has prepared

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """Give a session that commits at the end, and rolls back when anything goes wrong."""
        async with self._committing(self._write_engine) as session:
            yield session

    async def write(self, work: Callable[[AsyncSession], Awaitable[Found]]) -> Found:
        """Do work that writes, and all of it again when another writer came in between.

        So it keeps to its session: what it tells anybody else, it tells by what it returns.
        """
        return await self._done(work, self._write_engine)

    async def note(self, work: Callable[[AsyncSession], Awaitable[Found]]) -> Found:
        """Do work of which each statement decides by nothing but the rows that it writes or locks.

        On PostgreSQL a row that somebody changed meanwhile is looked at again, by the statement;
        so nobody is refused for what such work reads, nor it for theirs. It, too, may be done
        again: two who wait for each other's rows.
        """
        return await self._done(work, self._note_engine)

    async def _done(
        self, work: Callable[[AsyncSession], Awaitable[Found]], engine: AsyncEngine
    ) -> Found:
        try:
            async with self._committing(engine) as session:
                return await work(session)
        except DBAPIError as error:
            if not postgresql.is_conflict(error):
                raise
        async with self._writer:  # one of this process at a time: the others are enough
            for attempt in range(1, ATTEMPTS):
                await asyncio.sleep(random.uniform(0, 0.002 * 2**attempt))  # noqa: S311 - no secret
                try:
                    async with self._committing(engine) as session:
                        return await work(session)
                except DBAPIError as error:
                    if attempt == ATTEMPTS - 1 or not postgresql.is_conflict(error):
                        raise
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _committing(self, engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
        async with (
            self._turn(),
            AsyncSession(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self.is_sqlite:
            async with self._writer:
                yield
        else:
            yield

    async def migrate(self) -> None:
        """Bring the tables up to date (an empty database gets them all)."""
        if self.is_sqlite and (path := make_url(self.url).database) and path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        # As a writer, so that two processes that start at once do it one after the other.
        writer = self._write_engine if self.is_sqlite else self.engine
        async with writer.connect() as connection:
            if not self.is_sqlite:
                await connection.run_sync(postgresql.lock_for_migrating)
            await connection.run_sync(_upgrade)
            await connection.commit()

    async def rearrange(self, work: Callable[[Connection], Found]) -> Found | None:
        """Change the tables themselves, one process at a time; None: they are in use, later then.

        Whoever waits for a table makes everybody wait who comes after, so it is not for long.
        """
        try:
            async with self.engine.connect() as connection:
                await connection.run_sync(postgresql.lock_for_rearranging)
                done = await connection.run_sync(work)
                await connection.commit()
                return done
        except DBAPIError as error:
            if postgresql.is_in_use(error):
                return None
            raise

    async def answers(self) -> bool:
        """Say whether the database answers at all."""
        try:
            async with self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError):
            return False
        return True

    async def close(self) -> None:
        """Close every connection, when those who are at it are done: in some seconds at most.

        A connection that came back later would come back to nobody, and never be closed.
        """
        in_use: Any = getattr(self.engine.pool, "checkedout", lambda: 0)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_SECONDS):
                while in_use():  # noqa: ASYNC110 - the pool tells nobody when one comes back
                    await asyncio.sleep(0.005)
        await self.engine.dispose()


# SQLite's result codes for its own trouble: busy, locked, out of memory, read-only, I/O, corrupt,
# full, cannot open, protocol, not a database.
_TROUBLE = frozenset({5, 6, 7, 8, 10, 11, 13, 14, 15, 26})


def is_outage(error: BaseException) -> bool:
    """Say whether the database is in trouble, rather than what was asked of it wrong."""
    if isinstance(error, OSError | NoConnectionError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _TROUBLE
    return postgresql.is_trouble(error)


def async_url(url: str) -> str:
    """Return the address with its async driver: people write `sqlite:///file` or `postgresql://`."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUrlError(
            "That is not a database address. Write sqlite:///file.sqlite3 for one school, "
            "postgresql://user@host/name for many."
        ) from error
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}
    driver = drivers.get(parsed.get_backend_name())
    if driver is None:
        raise DatabaseUrlError(
            f"{parsed.get_backend_name()} is not a database that Allclear keeps answers in. "
            "Write sqlite:///file.sqlite3 or postgresql://user@host/name."
        )
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


def _tame_sqlite(engine: AsyncEngine, synchronous: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin ourselves: the driver's way loses updates
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=15000")  # first: the next one may have to wait
        _write_ahead(cursor)
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        begin_later(
            connection.connection.dbapi_connection, "BEGIN IMMEDIATE" if writing else "BEGIN"
        )


def _write_ahead(cursor: Any) -> None:
    """Turn a file to WAL; SQLite does not wait when a twin is turning the same new file."""
    patience = time.monotonic() + 15
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(0.01)


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


Session = AsyncSession  # what the floors above call it: sqlmodel stays down here
