"""The set-based half of SQL: tables as SQLAlchemy sees them, inserts that may conflict."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, cast

from pydantic_core import to_json
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Executable,
    Select,
    SelectBase,
    String,
    Table,
    bindparam,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
from sqlalchemy.types import TypeEngine, UserDefinedType
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sealing import Sealed


class Many(UserDefinedType[str]):
    """Many values as one parameter of PostgreSQL's: an array, handed over as its own text.

    psycopg would put each value of a list into words by itself, in Python: of a window's
    messages that took as long as writing them to the wire.
    """

    cache_ok = True
    render_bind_cast = True

    def __init__(self, of: str = "BIGINT") -> None:
        self.of = of

    def get_col_spec(self, **_: Any) -> str:
        """Return what it is called in SQL."""
        return f"{self.of}[]"


def _as_array(given: Iterable[int | str]) -> str:
    return f"{{{','.join(map(str, given))}}}"


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
    return _is_in(column, is_sqlite(session), numbers(session, ids))


def among_named(sqlite: bool, column: ColumnElement[Any], name: str) -> Any:
    """Return the condition of `among` for a statement that is made once.

    What is asked thousands of times each morning is put into SQLAlchemy's words once: that takes
    longer than to carry it out. The numbers come with each execution, by this name: `numbers`.
    """
    given: Any = bindparam(name, type_=String() if sqlite else Many())
    return _is_in(column, sqlite, given)


def not_among_named(sqlite: bool, column: ColumnElement[Any], name: str) -> Any:
    """Return the condition that a column holds none of these numbers: see `among_named`."""
    given: Any = bindparam(name, type_=String() if sqlite else Many())
    return column.not_in(_each(given)) if sqlite else column != func.all(given)


def is_one_of(
    session: AsyncSession, column: ColumnElement[Any], found: SelectBase
) -> ColumnElement[bool]:
    """Return the condition that a column holds one of the few numbers that a query finds.

    PostgreSQL is told to find them first and then to look each up by the column's index. Of a
    table that has just begun to fill it knows too little to come upon this by itself, and would
    read the day's whole table each time.
    """
    return is_one_found(is_sqlite(session), column, found)


def is_one_found(
    sqlite: bool, column: ColumnElement[Any], found: SelectBase
) -> ColumnElement[bool]:
    """Return the condition of `is_one_of` for a statement that is made once."""
    if sqlite:
        return column.in_(found)
    return column == func.any(func.array(found.scalar_subquery()))


def has_any(found: Select[Any]) -> ColumnElement[bool]:
    """Return the condition that a query finds something, looked up for each row by itself.

    Where PostgreSQL expects one row and a school's come, it would hold each against every row of
    the morning were this an EXISTS.
    """
    return found.limit(1).scalar_subquery().is_not(None)


def numbers(session: AsyncSession, ids: Iterable[int]) -> str:
    """Return many numbers as the one parameter that `among_named` takes."""
    return to_json(list(ids)).decode() if is_sqlite(session) else _as_array(ids)


def _is_in(column: ColumnElement[Any], sqlite: bool, given: Any) -> Any:
    if sqlite:
        return column.in_(_each(given))
    if isinstance(given, str):
        given = literal(given, Many())
    return column == func.any(given)


def _each(given: Any) -> Any:
    return select(func.json_each(given).table_valued("value").c.value)


def listed_named(sqlite: bool, name: str, wide: int) -> list[Any]:
    """Return `wide` columns that hold rows of numbers, for a statement that is made once.

    The rows come with each execution: `listed`.
    """
    if sqlite:
        given = bindparam(name, type_=String())
        row = func.json_each(given).table_valued("value").c.value
        return [func.json_extract(row, f"$[{place}]") for place in range(wide)]
    names = [f"{name}_{place}" for place in range(wide)]
    arrays = (bindparam(each, type_=Many()) for each in names)
    held = func.unnest(*arrays).table_valued(*names).render_derived()
    return [held.c[each] for each in names]


def listed(
    session: AsyncSession, name: str, rows: Sequence[tuple[int, ...]], wide: int
) -> Mapping[str, Any]:
    """Return the parameters of `listed_named`: a whole table in one, or one a column."""
    if is_sqlite(session):
        return {name: to_json(rows).decode()}
    return {f"{name}_{place}": _as_array(row[place] for row in rows) for place in range(wide)}


def columns_of(
    target: Table, rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> dict[str, str]:
    """Return the parameters of `columns_named`: each column of these rows, as an array."""
    return {
        f"all_{name}": _as_array(_elements(target.c[name].type, [row[name] for row in rows]))
        for name in names
    }


def columns_named(target: Table, names: Sequence[str]) -> dict[str, ColumnElement[Any]]:
    """Return columns of numbers and sealed texts that come with each execution: `columns_of`.

    PostgreSQL's own, so that rows that differ in little else are written by one statement.
    """
    arrays = (bindparam(f"all_{name}", type_=Many(_called(target.c[name].type))) for name in names)
    columns = [column(name, target.c[name].type) for name in names]
    held = func.unnest(*arrays).table_valued(*columns).render_derived()
    return {name: held.c[name] for name in names}


def alike(
    rows: Iterable[Mapping[str, Any]], but: Sequence[str]
) -> list[tuple[dict[str, Any], list[Mapping[str, Any]]]]:
    """Return runs of rows, in their order, that have all in common but these columns."""

    def shared(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if name not in but}

    return [(same, list(run)) for same, run in groupby(rows, key=shared)]


def _called(type_: TypeEngine[Any]) -> str:
    return "BYTEA" if isinstance(type_, Sealed) else "BIGINT"


def _elements(type_: TypeEngine[Any], values: Iterable[Any]) -> list[str]:
    if isinstance(type_, Sealed):
        return ["NULL" if v is None else f'"\\\\x{type_.sealed(v).hex()}"' for v in values]
    return ["NULL" if value is None else str(value) for value in values]


async def affected(
    session: AsyncSession,
    statement: Executable,
    rows: list[dict[str, Any]] | Mapping[str, Any] | None = None,
) -> int:
    """Run a statement that changes rows, past the session's objects; return how many.

    `rows` are its parameters: those of one execution, or a list for as many executions.
    """
    await session.flush()
    connection = await session.connection()
    options = {"preserve_rowcount": True}  # psycopg forgets it when the cursor is closed
    executed = await connection.execute(statement, rows, execution_options=options)
    done = cast("CursorResult[Any]", executed)
    return done.rowcount


async def moment(session: AsyncSession) -> datetime:
    """Return the moment by the database's clock: all processes around it have the same."""
    connection = await session.connection()
    now = select(database_now(is_sqlite(session)))
    found: Any = (await connection.execute(now)).scalar_one()
    return datetime.fromisoformat(found).replace(tzinfo=UTC) if isinstance(found, str) else found


def database_now(sqlite: bool, plus_seconds: float = 0) -> Any:
    """Return the database's own time, so that leases do not depend on a process's clock."""
    if sqlite:
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now", f"{plus_seconds:+} seconds")
    return func.clock_timestamp() + timedelta(seconds=plus_seconds)
