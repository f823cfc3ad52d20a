"""What is outlived: which rows, since when it was announced, and how it goes.

On PostgreSQL months go whole (`storage.partitions`); what is left of them, and everything on
SQLite, is deleted in batches, so that nobody waits long for the writer's turn.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, delete, exists, or_
from sqlalchemy import select as of_rows
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.ids import new_id
from storage.ledger import UNDATED
from storage.sql import affected, among, insert_into, table
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
    model, those = _rows(what, before)
    found = await session.exec(of_rows(table(model).c.id).where(those).limit(1))  # type: ignore[call-overload]
    if found.first() is not None:
        return True
    if what is not Outlived.messages:
        return False
    old, _ = await _old_cards(session, before, 0)
    outlived = of_rows(_card.id).where(*_outlived(session, old)).limit(1)
    return (await session.exec(outlived)).first() is not None  # type: ignore[call-overload]


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


async def delete_some(
    session: AsyncSession, what: Outlived, before: date, beyond: int = 0
) -> tuple[int, int | None]:
    """Delete a batch of these rows; return how many, and beyond which card to go on, if at all."""
    model, those = _rows(what, before)
    rows = table(model)
    some = of_rows(rows.c.id).where(those).order_by(rows.c.id).limit(BATCH)
    deleted = await affected(session, delete(rows).where(rows.c.id.in_(some)))
    if deleted or what is not Outlived.messages:
        return deleted, beyond if deleted else None
    old, last = await _old_cards(session, before, beyond)
    if not old:
        return 0, None
    return await affected(session, delete(table(Card)).where(*_outlived(session, old))), last


def _outlived(session: AsyncSession, old: Sequence[int]) -> tuple[ColumnElement[bool], ...]:
    """Return which of these cards go: those that no message points to any more."""
    return among(session, _card.id, old), ~exists().where(_entry.card_id == _card.id)


async def _old_cards(
    session: AsyncSession, before: date, beyond: int
) -> tuple[list[int], int | None]:
    """Return which cards of the next batch are of days before that, and the last one of it.

    Nothing finds a card by its day: they are gone through as they were made, until a whole batch
    is of later days.
    """
    found = await session.exec(
        of_rows(_card.id, _card.day).where(_card.id > beyond).order_by(_card.id).limit(BATCH)  # type: ignore[call-overload]
    )
    batch = found.all()
    return [id_ for id_, day in batch if day < before], batch[-1].id if batch else None


async def finish(session: AsyncSession, purge_id: int, now: datetime) -> bool:
    """Keep that it is done; return whether it was not before."""
    purge = await session.get_one(Purge, purge_id, with_for_update=True)
    if purge.done_at is not None:
        return False
    purge.done_at = now
    return True


def _rows(what: Outlived, before: date) -> tuple[type[SQLModel], ColumnElement[bool]]:
    """Return which rows of which table go; of the messages, their cards follow."""
    moment = datetime.combine(before, time(), UTC)
    if what is Outlived.history:
        return HistoryEntry, _history.at < moment
    undated = and_(_entry.day == UNDATED, _entry.created_at < moment)
    return Ledger, or_(and_(_entry.day > UNDATED, _entry.day < before), undated)
