"""What was said and done about a check-in: kept in one statement for all of a transaction.

A morning writes one entry for each answer; as objects of their own they would each be a statement.
They wait with the session and are written at its commit at the latest.
"""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, event, insert
from sqlalchemy import select as of_rows
from sqlalchemy.orm import Session
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sql import alike, columns_named, columns_of, table
from storage.tables import HistoryEntry

_WAITING = "history entries"


def remember(session: AsyncSession, **entry: Any) -> None:
    """Keep an entry, of a check-in that is in the database already."""
    session.info.setdefault(_WAITING, []).append({**_EMPTY, **entry})


async def write_down(session: AsyncSession) -> None:
    """Have everything of this transaction in the database, to be read there."""
    await session.flush()
    await session.run_sync(_write)


async def history_of(session: AsyncSession, check_in_id: int) -> list[HistoryEntry]:
    """Return what happened to a check-in, oldest first."""
    return (await histories(session, [check_in_id])).get(check_in_id, [])


async def histories(
    session: AsyncSession, check_in_ids: list[int]
) -> dict[int, list[HistoryEntry]]:
    """Return what happened to several check-ins, oldest first."""
    await write_down(session)
    rows = await session.exec(
        select(HistoryEntry)
        .where(col(HistoryEntry.check_in_id).in_(check_in_ids))
        .order_by(col(HistoryEntry.id))
    )
    found: dict[int, list[HistoryEntry]] = {}
    for row in rows:
        found.setdefault(row.check_in_id, []).append(row)
    return found


_OWN = ("check_in_id", "subject_id", "by", "answers")  # what one entry does not share with another
_EMPTY = {"by": None, "severity": 0, "disposition": None, "via": "chat", "answers": None}


@event.listens_for(Session, "before_commit")
def _write(session: Session) -> None:
    rows = session.info.pop(_WAITING, None)
    if not rows:
        return
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table(HistoryEntry)), rows)
        return
    for shared, held in alike(rows, _OWN):
        given = columns_of(table(HistoryEntry), held, _OWN)
        given |= {f"b_{name}": value for name, value in shared.items()}
        connection.execute(_together(tuple(shared)), given)


@cache
def _together(shared: tuple[str, ...]) -> Any:
    entry = table(HistoryEntry).c
    own = columns_named(table(HistoryEntry), _OWN)
    same = [bindparam(f"b_{name}", type_=entry[name].type) for name in shared]
    rows = of_rows(*own.values(), *same)
    return insert(table(HistoryEntry)).from_select([*own, *shared], rows)
