"""SQLite in fewer trips: a statement goes to the connection's thread once and comes back done.

aiosqlite gives each connection a thread, and SQLAlchemy asks it four times for one statement:
for a cursor, to execute, for the rows, to close. Each time two threads wake each other, which
costs more than the small queries of a morning themselves. A transaction begins with its first
statement, in the same trip.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiosqlite
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
)
from sqlalchemy.ext.asyncio import AsyncEngine

_BEGIN = "_allclear_begin"


class _Statement:
    """A cursor in aiosqlite's form that is opened, read to the end and closed in one trip."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    arraysize: int = 1

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        await self._trip(sql, parameters, many=False)

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        await self._trip(sql, parameters, many=True)

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        """Nothing is left to close."""

    async def _trip(self, sql: str, parameters: Any, *, many: bool) -> None:
        carry_out: Any = self._connection._execute
        await carry_out(self._run, sql, parameters, many=many)

    def _run(self, sql: str, parameters: Any, *, many: bool) -> None:
        """Do all of it; called in the connection's thread."""
        connection: sqlite3.Connection = self._connection._conn
        cursor = connection.cursor()
        begin = getattr(self._connection, _BEGIN, None)
        try:
            if begin is not None:
                cursor.execute(begin)
                setattr(self._connection, _BEGIN, None)
            (cursor.executemany if many else cursor.execute)(sql, parameters)
            self.description = cursor.description
            if self.description:
                self._rows = cursor.fetchall()
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    __slots__ = ()

    def _make_new_cursor(self, connection: Any) -> Any:
        return _Statement(connection)


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()
    _cursor_cls = _Cursor

    def commit(self) -> None:
        if self._has_begun():
            super().commit()

    def rollback(self) -> None:
        if self._has_begun():
            super().rollback()

    def _has_begun(self) -> bool:
        """Say whether there is anything to end; what never began is forgotten."""
        begun = getattr(self._connection, _BEGIN, None) is None
        setattr(self._connection, _BEGIN, None)
        return begun


def begin_later(dbapi_connection: Any, statement: str) -> None:
    """Begin a transaction together with its first statement; without any there is none."""
    setattr(dbapi_connection._connection, _BEGIN, statement)


def save_trips(engine: AsyncEngine) -> None:
    """Have every connection of the engine carry out a statement in one trip."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        made = dialect.connect(*arguments, **options)
        return _Connection(made.dbapi, made._connection)


NOW = "%Y-%m-%d %H:%M:%f000"  # as storage asks for it


def keep_time(engine: AsyncEngine, now: Callable[[], datetime]) -> None:
    """Let the database have a simulated day's time: leases run out by its clock."""

    def now_there(form: str, when: str, more: str) -> str:
        if (form, when) != (NOW, "now"):
            raise ValueError(f"not how the time is asked for: {form} {when}")
        moment = now().astimezone(UTC) + timedelta(seconds=float(more.split(maxsplit=1)[0]))
        return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03}000"

    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.create_function("strftime", 3, now_there)
