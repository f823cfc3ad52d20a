"""PostgreSQL as a city runs it: several processes, and often a pooler in between.

A pooler in transaction mode gives each transaction another connection of the server. So nothing is
left behind on one: no settings, no locks longer than their transaction, and prepared statements
only where the server itself is at the other end. psycopg sends a statement unprepared in one trip
when it is told to, and the kind of a transaction in its BEGIN; asyncpg prepares always, under a
name, in a trip of its own.
"""

from typing import Any

from sqlalchemy import Connection, ExceptionContext, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

CONNECTIONS, MORE_CONNECTIONS = 5, 15  # kept open, and opened beside them when all are busy
CONNECT_SECONDS = 5
PREPARED_AFTER = 5  # times that a statement was sent on a connection
PATIENCE_MS = 1000  # that a table is waited for which others are at

# As strict as SQLite, where writers come one after the other: what a writer has read is still so
# when it commits, or it is refused and does its work again.
WRITING = {"isolation_level": "SERIALIZABLE"}
NOTING = {"isolation_level": "READ COMMITTED"}
READING = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

_MIGRATING = 0xA11C1EA2  # the lock of whoever brings the tables up to date

# Classes of PostgreSQL's codes: no connection, transaction refused (others were faster), no room,
# stopped by an operator, trouble of its machine, trouble within.
_TROUBLE = frozenset({"08", "40", "53", "57", "58", "XX"})
_READ_ONLY = "25006"  # a stand-by, or a database that was set so while its disk is full
_CONFLICTS = frozenset({"40001", "40P01"})  # not serializable, deadlock
_IN_USE = frozenset({"55P03", "40P01"})  # a lock was not to be had in time, deadlock


def engine(url: str) -> AsyncEngine:
    """Return an engine whose connections are asked whether they live before they are used."""
    made = create_async_engine(
        url,
        hide_parameters=True,  # an error's text may reach a log
        pool_size=CONNECTIONS,
        max_overflow=MORE_CONNECTIONS,
        pool_pre_ping=True,
        connect_args={"prepare_threshold": None, "connect_timeout": CONNECT_SECONDS},
    )
    event.listen(made.sync_engine, "handle_error", _without_values)
    event.listen(made.sync_engine, "connect", _prepare_unless_pooled)
    _leave_writing_unsaid(made.sync_engine.dialect)
    return made


def _prepare_unless_pooled(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Have what is sent again and again prepared, where no pooler stands in between.

    To plan a statement takes the server a good part of what it takes to carry it out. Whoever
    connects is told which process serves them; a pooler invents one, for it will be several.
    """
    driver: Any = connection.driver_connection
    cursor = connection.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    (serving,) = cursor.fetchone() or (None,)
    cursor.close()
    connection.rollback()
    if serving == driver.info.backend_pid:
        driver.prepare_threshold = PREPARED_AFTER


def _leave_writing_unsaid(dialect: Any) -> None:
    """Have no transaction say READ WRITE, so that a server that was set read-only is obeyed.

    SQLAlchemy would have a connection say it for good once it was used for reading.
    """
    set_readonly = dialect.set_readonly
    dialect.set_readonly = lambda connection, value: set_readonly(connection, value or None)


def lock_for_migrating(connection: Connection) -> None:
    """Wait until no other process migrates; the lock ends with the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})


def lock_for_rearranging(connection: Connection) -> None:
    """Let one process at a time change tables, and let it not wait for them as others do."""
    connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_MS}ms'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})


def is_in_use(error: DBAPIError) -> bool:
    """Say whether a table could not be changed because others were at it."""
    return _code(error) in _IN_USE


def is_trouble(error: DBAPIError) -> bool:
    """Say whether the server is in trouble, rather than what was asked of it wrong."""
    code = _code(error)
    if code is None:  # it is not the server that says so
        return isinstance(error, InterfaceError | OperationalError)
    return code[:2] in _TROUBLE or code == _READ_ONLY


def is_conflict(error: BaseException) -> bool:
    """Say whether another writer came in between, so that the work is to be done again."""
    return isinstance(error, DBAPIError) and _code(error) in _CONFLICTS


def _without_values(context: ExceptionContext) -> None:
    """Take out of an error what the server quotes of a row: its text may reach a log."""
    said = getattr(getattr(context.original_exception, "diag", None), "message_primary", None)
    if said and context.sqlalchemy_exception is not None:
        context.original_exception.args = (said,)
        kind = type(context.original_exception).__name__
        context.sqlalchemy_exception.args = (f"({kind}) {said}",)


def _code(error: DBAPIError) -> str | None:
    code: Any = getattr(error.orig, "sqlstate", None)
    return code if isinstance(code, str) else None
