"""How the database is, in numbers: cheap enough to be asked every few seconds."""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import delete, func, or_, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from storage.database import Database
from storage.inbox import quarantined
from storage.ledger import Lane
from storage.shares import LATELY
from storage.sql import affected, insert_into, table
from storage.tables import Ledger, Received

PATIENCE = 5.0  # seconds to wait for a turn to write

_entry = table(Ledger).c

# As the partial indexes have them, word for word: SQLite takes an index for nothing less.
_PENDING = text("state = 'pending'")
_UNFINISHED = text("state IN ('sending', 'unknown', 'withdrawing')")
_NOT_SENT = text("state IN ('stopped', 'unclear', 'failed', 'expired')")


async def takes_writes(database: Database, bot_id: int) -> bool:
    """Say whether something can be written, by keeping an update that never was and forgetting it.

    A row that is written as it stands already would not do: SQLite does not touch the disk then.
    """
    never = {"bot_id": bot_id, "update_id": -secrets.randbits(62) - 1}

    async def leave_no_trace(session: AsyncSession) -> None:
        await affected(
            session, insert_into(session, Received).values(**never, at=datetime.now(UTC))
        )
        await affected(session, delete(table(Received)).filter_by(**never))

    try:
        async with asyncio.timeout(PATIENCE):
            await database.write(leave_no_trace)
    except (SQLAlchemyError, OSError, TimeoutError):
        return False
    return True


@fact
class Waiting:
    """What waits: messages by bot and state, since when bulk does by bot, and the quarantine."""

    owed: Mapping[tuple[int, str], int]  # and of these days, what has not been sent
    oldest_bulk: Mapping[int, datetime]
    in_quarantine: int


async def waiting(database: Database, now: datetime) -> Waiting | None:
    """Return what waits; None while the database does not answer."""
    try:
        async with asyncio.timeout(PATIENCE), database.reading() as session:
            return Waiting(
                await unfinished(session) | await not_sent(session, now),
                await oldest_bulk(session),
                await quarantined(session),
            )
    except (SQLAlchemyError, OSError, TimeoutError):
        return None


async def unfinished(session: AsyncSession) -> dict[tuple[int, str], int]:
    """Return how many messages of each bot stand in each state that is not an end."""
    found: dict[tuple[int, str], int] = {}
    for these in (_PENDING, _UNFINISHED):
        rows = await session.exec(
            select(Ledger.bot_id, Ledger.state, func.count())
            .where(these)
            .group_by(col(Ledger.bot_id), col(Ledger.state))
        )
        found |= {(bot, state): count for bot, state, count in rows}
    return found


async def not_sent(session: AsyncSession, now: datetime) -> dict[tuple[int, str], int]:
    """Return how many messages of each bot, owed in the last two days, were not sent, and why.

    They are stopped, have ended unclear, could not be delivered, or were too late.
    """
    rows = await session.exec(
        select(Ledger.bot_id, Ledger.state, func.count())
        .where(_NOT_SENT, Ledger.created_at > now - LATELY)
        .group_by(col(Ledger.bot_id), col(Ledger.state))
    )
    return {(bot, state): count for bot, state, count in rows}


async def oldest_bulk(session: AsyncSession) -> dict[int, datetime]:
    """Return since when the oldest bulk message of each bot waits, of those that might go."""
    rows = await session.exec(
        select(Ledger.bot_id, func.min(_entry.created_at, type_=_entry.created_at.type))
        .where(
            _PENDING,
            Ledger.lane == int(Lane.bulk),
            or_(_entry.not_before.is_(None), _entry.attempts > 0),
        )
        .group_by(col(Ledger.bot_id))
    )
    return dict(rows.all())
