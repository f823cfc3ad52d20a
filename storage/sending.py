"""What of the bulk is on its way, for whom, how fast, and stopping it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select, update
from sqlmodel import col
from sqlmodel import select as of_models
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.sending import Pace
from storage.shares import BULK, PENDING
from storage.sql import affected, among, table
from storage.tables import Bot, Card, Ledger

CARD = "sending"  # the kind of card that shows it
STOPPED = "stopped"  # the state of what somebody has stopped, and why it was not sent
STOPPABLE = ("card", "reminder")  # a day that lost its school is told in any case
LATELY = timedelta(days=2)  # nothing of the bulk waits for longer
FRESH = timedelta(minutes=2)  # for so long a measured pace is worth something

_bot = table(Bot).c
_card = table(Card).c
_entry = table(Ledger).c


async def waiting(session: AsyncSession) -> dict[int, dict[int, int]]:
    """Return how many messages of the bulk wait, by bot and school."""
    rows = await session.exec(
        select(_entry.bot_id, _entry.school_id, func.count())  # type: ignore[call-overload]
        .where(PENDING, _entry.lane == BULK, _entry.school_id.is_not(None))
        .group_by(_entry.bot_id, _entry.school_id)
    )
    found: dict[int, dict[int, int]] = defaultdict(dict)
    for bot, school, n in rows:
        found[bot][school] = n
    return found


async def states(
    session: AsyncSession, school_ids: Collection[int], since: datetime
) -> dict[str, int]:
    """Return how many messages of these schools' bulk stand in each state, owed since then."""
    rows = await session.exec(
        select(_entry.state, func.count())  # type: ignore[call-overload]
        .where(
            among(session, _entry.school_id, school_ids),
            _entry.school_id.is_not(None),
            _entry.created_at >= since,
            _entry.lane == BULK,
        )
        .group_by(_entry.state)
    )
    return {str(state): int(n) for state, n in rows}


async def paces(session: AsyncSession, now: datetime) -> dict[int, Pace]:
    """Return how fast each bot sends."""
    found: dict[int, Pace] = {}
    for bot in await session.exec(of_models(Bot)):
        fresh = bot.pace_at is not None and now - bot.pace_at <= FRESH
        resting = bot.rests_until is not None and bot.rests_until > now
        found[bot.id] = Pace(
            bot.pace_allowed or 1.0,
            bot.pace if fresh else None,
            bot.rests_until if resting else None,
        )
    return found


async def keep_pace(
    session: AsyncSession, bot_id: int, allowed: float, measured: float | None, now: datetime
) -> None:
    """Keep how fast a bot may send, and how fast it does."""
    await affected(
        session,
        update(table(Bot))
        .where(_bot.id == bot_id)
        .values(pace_allowed=allowed, pace=measured, pace_at=now if measured else None),
    )


async def keep_rest(session: AsyncSession, bot_id: int, until: datetime) -> None:
    """Keep until when Telegram makes a bot wait."""
    later = (_bot.rests_until.is_(None)) | (_bot.rests_until < until)
    await affected(
        session, update(table(Bot)).where(_bot.id == bot_id, later).values(rests_until=until)
    )


async def open_cards(session: AsyncSession, now: datetime) -> list[Card]:
    """Return the cards that show how sending goes, of these days."""
    found = await session.exec(
        of_models(Card).where(
            Card.kind == CARD,
            Card.day >= (now - LATELY).date(),
            col(Card.message_id).is_not(None),
        )
    )
    return list(found)


# ---- stopping ------------------------------------------------------------------------------


async def stop(session: AsyncSession, school_ids: Collection[int]) -> dict[int, int]:
    """Stop what waits of these schools' bulk; return how many by school."""
    theirs = (
        among(session, _entry.school_id, school_ids),
        _entry.lane == BULK,
        _entry.school_id.is_not(None),
        _entry.kind.in_(STOPPABLE),
        PENDING,
    )
    counted = await session.exec(
        select(_entry.school_id, func.count()).where(*theirs).group_by(_entry.school_id)  # type: ignore[call-overload]
    )
    stopped = {int(school): int(n) for school, n in counted}
    await affected(
        session, update(table(Ledger)).where(*theirs).values(state=STOPPED, error=STOPPED)
    )
    return stopped


async def go_on(session: AsyncSession, school_ids: Collection[int], now: datetime) -> int:
    """Let what was stopped wait again, in turn with the others; what is too late stays."""
    theirs = (
        among(session, _entry.school_id, school_ids),
        _entry.school_id.is_not(None),
        _entry.created_at > now - LATELY,
        _entry.state == STOPPED,
        _entry.not_after > now,
    )
    shift = await _behind(session, theirs)
    return await affected(
        session,
        update(table(Ledger))
        .where(*theirs)
        .values(
            state="pending",
            error=None,
            turn=_entry.turn + (case(shift, value=_entry.bot_id, else_=0) if shift else 0),
        ),
    )


async def _behind(session: AsyncSession, theirs: Iterable[Any]) -> Mapping[int, int]:
    """Return by how many turns each bot has gone on while these rows were stopped."""
    rows = await session.exec(
        select(_entry.bot_id, func.min(_entry.turn)).where(*theirs).group_by(_entry.bot_id)  # type: ignore[call-overload]
    )
    found: dict[int, int] = {}
    for bot, first in rows:
        by_now = await session.exec(
            select(func.min(_entry.turn)).where(  # type: ignore[call-overload]
                _entry.bot_id == bot, _entry.lane == BULK, PENDING
            )
        )
        current = by_now.scalar()
        found[bot] = max((current or 0) - first, 0)
    return found


async def is_stopped(session: AsyncSession, school_id: int, now: datetime) -> bool:
    """Say whether somebody has stopped a school's sending, and not let it go on."""
    found = await session.exec(
        select(_entry.id)  # type: ignore[call-overload]
        .where(
            _entry.school_id == school_id,
            _entry.created_at > now - LATELY,
            _entry.state == STOPPED,
            _entry.not_after > now,
        )
        .limit(1)
    )
    return found.first() is not None
