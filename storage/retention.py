"""What is outlived: which rows, since when it was announced, and how it goes.

On PostgreSQL months go whole (`storage.partitions`); what is left of them, and everything on
SQLite, is deleted in batches, so that nobody waits long for the writer's turn.
"""

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, exists, or_
from sqlalchemy import select as of_rows
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.ids import new_id
from storage.ledger import UNDATED
from storage.sql import affected, insert_into, table
from storage.tables import Card, HistoryEntry, Ledger, Purge

NOTICE = timedelta(days=7)  # between the announcement and the end
BATCH = 2000

_card = table(Card).c
_entry = table(Ledger).c
_history = table(HistoryEntry).c


class Outlived(StrEnum):
    """What goes when its days are over."""

    messages = "messages"  # the ledger, and the cards that nothing in it points to any more
    history = "history"  # what was said and decided on the way; the standing answer stays


async def anything_before(session: AsyncSession, what: Outlived, before: date) -> bool:
    """Say whether there are rows that would go."""
    for model, those in _rows(what, before):
        found = await session.exec(of_rows(table(model).c.id).where(those).limit(1))  # type: ignore[call-overload]
        if found.first() is not None:
            return True
    return False


async def announce(session: AsyncSession, what: Outlived, before: date, now: datetime) -> bool:
    """Keep that the end of these rows was announced; return whether it was not before."""
    row = {"id": new_id(), "what": what.value, "before": before, "announced_at": now}
    statement = insert_into(session, Purge).values(**row).on_conflict_do_nothing()
    return await affected(session, statement) == 1


async def due(session: AsyncSession, now: datetime) -> list[Purge]:
    """Return what was announced long enough ago, the oldest first."""
    found = await session.exec(
        select(Purge)
        .where(col(Purge.done_at).is_(None), col(Purge.announced_at) <= now - NOTICE)
        .order_by(col(Purge.before), col(Purge.id))
    )
    return list(found)


async def delete_some(session: AsyncSession, what: Outlived, before: date) -> int:
    """Delete a batch of these rows; return how many, 0 when none is left."""
    for model, those in _rows(what, before):
        rows = table(model)
        some = of_rows(rows.c.id).where(those).order_by(rows.c.id).limit(BATCH)
        deleted = await affected(session, delete(rows).where(rows.c.id.in_(some)))
        if deleted:
            return deleted
    return 0


async def finish(session: AsyncSession, purge_id: int, now: datetime) -> bool:
    """Keep that it is done; return whether it was not before."""
    purge = await session.get_one(Purge, purge_id, with_for_update=True)
    if purge.done_at is not None:
        return False
    purge.done_at = now
    return True


def _rows(what: Outlived, before: date) -> list[tuple[type[SQLModel], ColumnElement[bool]]]:
    """Return which rows of which tables go, in the order in which they may."""
    moment = datetime.combine(before, time(), UTC)
    if what is Outlived.history:
        return [(HistoryEntry, _history.at < moment)]
    undated = and_(_entry.day == UNDATED, _entry.created_at < moment)
    spoken_of = exists().where(_entry.card_id == _card.id)
    return [
        (Ledger, or_(and_(_entry.day > UNDATED, _entry.day < before), undated)),
        (Card, and_(_card.day < before, ~spoken_of)),
    ]
