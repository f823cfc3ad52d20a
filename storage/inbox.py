"""What came in: which updates were handled, and those that were set aside."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, tuple_, update
from sqlalchemy import select as of_rows
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.ids import new_id
from storage.sealing import Private
from storage.sql import (
    affected,
    among_named,
    database_now,
    is_sqlite,
    listed,
    listed_named,
    moment,
    numbers,
    table,
)
from storage.tables import JoinAttempt, Quarantined, Received

# Telegram keeps messages for 24 hours; twice that, and no redelivery is taken for new.
REMEMBERED = timedelta(hours=48)
BATCH = 5000


async def unseen(session: AsyncSession, bot_id: int, update_ids: Iterable[int]) -> set[int]:
    """Return which of these updates were not handled before."""
    wanted = set(update_ids)
    given = {"bot": bot_id, "updates": numbers(session, wanted)}
    seen = await session.exec(_seen(is_sqlite(session)), params=given)
    return wanted - set(seen)


@cache
def _seen(sqlite: bool) -> Any:
    return select(Received.update_id).where(
        Received.bot_id == bindparam("bot"),
        among_named(sqlite, table(Received).c.update_id, "updates"),
    )


async def keep_received(session: AsyncSession, bot_id: int, update_ids: Iterable[int]) -> None:
    """Keep that these updates were handled, in the transaction that handled them.

    When is by the database's clock: whoever counts them may be another process.
    """
    if rows := [(update_id,) for update_id in update_ids]:
        given = {"bot": bot_id, **listed(session, "updates", rows, wide=1)}
        await affected(session, _receive(is_sqlite(session)), given)


@cache
def _receive(sqlite: bool) -> Any:
    received = table(Received).c
    [update_id] = listed_named(sqlite, "updates", wide=1)
    bot_id = bindparam("bot", type_=received.bot_id.type)
    rows = of_rows(bot_id, update_id, database_now(sqlite))
    return insert(table(Received)).from_select(
        [received.bot_id, received.update_id, received.at], rows
    )


async def received_since(session: AsyncSession, bot_id: int, since: datetime) -> int:
    """Return how many updates of a bot were handled since a moment, by the database's clock."""
    lately = select(func.count()).where(Received.bot_id == bot_id, Received.at >= since)
    return int((await session.exec(lately)).one())


async def set_aside(
    session: AsyncSession, bot_id: int, update_id: int, raw: Any, reason: str, now: datetime
) -> None:
    """Put an update that could not be handled into quarantine, sealed."""
    row_id = new_id()
    session.add(
        Quarantined(
            id=row_id,
            bot_id=bot_id,
            update_id=update_id,
            reason=reason,
            update=Private.of(row_id, json.dumps(raw, default=str)),
            at=now,
        )
    )


async def forget_old(session: AsyncSession, now: datetime) -> dict[str, int]:
    """Forget some of what can no longer matter: handled updates and old wrong attempts."""
    received, tried = table(Received), table(JoinAttempt)
    oldest = (
        select(Received.bot_id, Received.update_id)
        .where(Received.at < await moment(session) - REMEMBERED)
        .order_by(col(Received.at))
        .limit(BATCH)
    )
    updates = await affected(
        session,
        delete(received).where(tuple_(received.c.bot_id, received.c.update_id).in_(oldest)),
    )
    tries = await affected(session, delete(tried).where(tried.c.at < now - REMEMBERED))
    return {"updates": updates, "attempts": tries}


async def in_quarantine(session: AsyncSession) -> list[Quarantined]:
    """Return what stands in quarantine, the oldest first, still sealed."""
    return list(
        await session.exec(select(Quarantined).order_by(col(Quarantined.at), col(Quarantined.id)))
    )


def content_of(row: Quarantined) -> dict[str, Any]:
    """Open an update that was set aside; it holds what somebody wrote."""
    content = {} if row.update is None else json.loads(row.update.read(row.id))
    return content if isinstance(content, dict) else {"update": content}


async def release(session: AsyncSession, ids: Iterable[int]) -> int:
    """Take updates out of the quarantine: handled by now, or given up."""
    return await affected(
        session, delete(table(Quarantined)).where(col(Quarantined.id).in_(list(ids)))
    )


async def keep_reason(session: AsyncSession, id_: int, reason: str) -> None:
    """Keep why an update stays in quarantine."""
    await affected(
        session, update(table(Quarantined)).where(col(Quarantined.id) == id_).values(reason=reason)
    )


async def quarantined(session: AsyncSession) -> int:
    """Return how many updates stand in quarantine."""
    return int((await session.exec(select(func.count()).select_from(Quarantined))).one())
