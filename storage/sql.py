"""The set-based half of SQL: tables as SQLAlchemy sees them, inserts that may conflict."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CursorResult,
    Executable,
    Table,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
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


def among(session: AsyncSession, column: ColumnElement[Any], ids: Iterable[int]) -> Any:
    """Return the condition that a column holds one of these numbers, as one parameter.

    `IN` with hundreds of parameters takes longer to put into words than to carry out.
    """
    wanted = list(ids)
    if is_sqlite(session):
        listed = func.json_each(json.dumps(wanted)).table_valued("value")
        return column.in_(select(listed.c.value))
    return column == func.any(literal(wanted, ARRAY(BigInteger)))


def not_among(session: AsyncSession, column: ColumnElement[Any], ids: Iterable[int]) -> Any:
    """Return the condition that a column holds none of these numbers, as one parameter."""
    wanted = list(ids)
    if is_sqlite(session):
        listed = func.json_each(json.dumps(wanted)).table_valued("value")
        return column.not_in(select(listed.c.value))
    return column != func.all(literal(wanted, ARRAY(BigInteger)))


def listed(session: AsyncSession, rows: Sequence[tuple[int, ...]], wide: int) -> list[Any]:
    """Return `wide` columns that hold these rows of numbers: a whole table in one parameter."""
    if is_sqlite(session):
        row = func.json_each(json.dumps(rows)).table_valued("value").c.value
        return [func.json_extract(row, f"$[{place}]") for place in range(wide)]
    arrays = (literal([row[place] for row in rows], ARRAY(BigInteger)) for place in range(wide))
    names = [f"n{place}" for place in range(wide)]
    given = func.unnest(*arrays).table_valued(*names).render_derived()
    return [given.c[name] for name in names]


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
