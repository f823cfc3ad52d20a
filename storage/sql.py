"""The set-based half of SQL: tables as SQLAlchemy sees them, inserts that may conflict."""

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Executable, Table, func
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


def table(model: type[SQLModel]) -> Table:
    """Return the table behind a model."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


def is_sqlite(session: AsyncSession) -> bool:
    """Say which of the two databases this is."""
    return session.get_bind().dialect.name == "sqlite"


def insert_into(session: AsyncSession, model: type[SQLModel]) -> SqliteInsert:
    """Return the database's own INSERT, which knows ON CONFLICT (spelled alike in both)."""
    target = table(model)
    if is_sqlite(session):
        return SqliteInsert(target)
    return cast(SqliteInsert, PostgresqlInsert(target))


async def affected(
    session: AsyncSession, statement: Executable, rows: list[dict[str, Any]] | None = None
) -> int:
    """Run a statement that changes rows, past the session's objects; return how many."""
    await session.flush()
    connection = await session.connection()
    options = {"preserve_rowcount": True}  # psycopg forgets it when the cursor is closed
    executed = await connection.execute(statement, rows, execution_options=options)
    done = cast("CursorResult[Any]", executed)
    return done.rowcount


def database_now(session: AsyncSession, plus_seconds: float = 0) -> Any:
    """Return the database's own time, so that leases do not depend on a process's clock."""
    if is_sqlite(session):
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now", f"{plus_seconds:+} seconds")
    return func.clock_timestamp() + timedelta(seconds=plus_seconds)
