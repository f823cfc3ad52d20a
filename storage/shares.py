"""Fair share between the schools of one bot: each in its turn, however large they are.

A row of the bulk has a `turn`, and rows go out by it. A school's rows are numbered one after the
other, from where its own last one stands or, when it has none waiting, from where the bot is by
now: so a school of sixty does not stand behind one of three thousand, and nobody catches up on
turns that they did not need.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, or_, select, text
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sql import table
from storage.tables import Bot, Ledger

BULK = 1
# As the partial indexes have it, word for word: SQLite takes an index for nothing less.
PENDING = text("state = 'pending'")
LATELY = timedelta(days=2)  # nothing of the bulk waits for longer

_bot = table(Bot).c
_entry = table(Ledger).c


async def turns(
    session: AsyncSession,
    school_id: int,
    bot_id: ColumnElement[Any],
    order: ColumnElement[Any],
    now: datetime,
) -> ColumnElement[int]:
    """Return the turn of each row that a school is about to owe, in this order."""
    waiting = (_entry.bot_id == _bot.id, _entry.lane == BULK, PENDING)
    by_now = (
        select(_entry.turn)
        .where(*waiting, or_(_entry.not_before.is_(None), _entry.not_before <= now))
        .order_by(_entry.bot_id, _entry.lane, _entry.turn)
        .limit(1)
        .correlate(table(Bot))
        .scalar_subquery()
    )
    own_last = (
        # Not the bare column: PostgreSQL would look for it from the end of everybody's.
        select(func.max(_entry.turn + 0))
        .where(*waiting, _entry.school_id == school_id, _entry.created_at > now - LATELY)
        .correlate(table(Bot))
        .scalar_subquery()
    )
    found = await session.exec(select(_bot.id, by_now, own_last))  # type: ignore[call-overload]
    first = {bot: own + 1 if own is not None else current or 0 for bot, current, own in found}
    number = func.row_number().over(partition_by=bot_id, order_by=order) - 1
    start = case(first, value=bot_id, else_=0) if first else literal(0)
    return start + number
