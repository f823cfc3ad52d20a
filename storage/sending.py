"""What of the bulk is on its way, for whom, how fast, and stopping it."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlmodel import col
from sqlmodel import select as of_models
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.sending import Pace
from storage.shares import BULK, LATELY, PENDING
from storage.sql import affected, among, has_any, table
from storage.tables import Bot, Card, Ledger

CARD = "sending"  # the kind of card that shows it
STOPPED = "stopped"  # the state of what somebody has stopped, and why it was not sent
CANCELLED = "cancelled"  # beside `expired`: withdrawn because the day has no school
GAVE_WAY = "gave way"  # beside `expired`: a reminder that the next one has overtaken
STOPPABLE = ("card", "reminder")  # a day that lost its school is told in any case
FRESH = timedelta(minutes=2)  # for so long a measured pace is worth something

# As the partial indexes have them, word for word: SQLite takes an index for nothing less.
_IS_STOPPED: ColumnElement[bool] = literal_column("state = 'stopped'")
_SHOWS_SENDING = text("kind = 'sending'")

_bot = table(Bot).c
_entry = table(Ledger).c


class Going(NamedTuple):
    """How many of a school's messages of a kind stand in a state; `last` is their last turn."""

    bot_id: int
    school_id: int
    kind: str
    state: str
    n: int
    last: int


async def going(
    session: AsyncSession, school_ids: Collection[int], since: datetime
) -> list[Going]:
    """Return how the bulk of these schools stands that was owed since then, or still waits.

    What was withdrawn because the day has no school is left out.
    """
    withdrawn = and_(_entry.state == "expired", func.coalesce(_entry.error, "") == CANCELLED)
    rows = await session.exec(
        select(  # type: ignore[call-overload]
            _entry.bot_id,
            _entry.school_id,
            _entry.kind,
            _entry.state,
            func.count(),
            func.max(_entry.turn),
        )
        .where(
            *_of(session, school_ids, since - LATELY),
            or_(_entry.created_at >= since, PENDING),
            not_(withdrawn),
        )
        .group_by(_entry.bot_id, _entry.school_id, _entry.kind, _entry.state)
    )
    return [Going(*row) for row in rows]


async def ahead(session: AsyncSession, bot_id: int, turn: int) -> int:
    """Return how many messages go out until those of a turn have: schools take turns."""
    found = await session.exec(
        select(func.count()).where(  # type: ignore[call-overload]
            _entry.bot_id == bot_id, _entry.lane == BULK, PENDING, _entry.turn <= turn
        )
    )
    return int(found.scalar_one())


async def waiting(session: AsyncSession, bot_id: int) -> dict[int, int]:
    """Return how many messages of a bot's bulk wait, by school."""
    rows = await session.exec(
        select(_entry.school_id, func.count())  # type: ignore[call-overload]
        .where(
            _entry.bot_id == bot_id, _entry.lane == BULK, PENDING, _entry.school_id.is_not(None)
        )
        .group_by(_entry.school_id)
    )
    return {int(school): int(n) for school, n in rows}


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
            _SHOWS_SENDING,
            Card.day >= (now - LATELY).date(),
            col(Card.message_id).is_not(None),
        )
    )
    return list(found)


# ---- stopping ------------------------------------------------------------------------------


async def stop(
    session: AsyncSession, school_ids: Collection[int], now: datetime
) -> dict[int, int]:
    """Stop what waits of these schools' bulk; return how many by school."""
    theirs: tuple[Any, ...] = (
        *_of(session, school_ids, now - LATELY),
        _entry.kind.in_(STOPPABLE),
        PENDING,
    )
    counted = await session.exec(
        select(_entry.school_id, func.count()).where(*theirs).group_by(_entry.school_id)  # type: ignore[call-overload]
    )
    stopped = {int(school): int(n) for school, n in counted}
    await affected(session, update(table(Ledger)).where(*theirs).values(state=STOPPED))
    return stopped


async def go_on(session: AsyncSession, school_id: int, now: datetime) -> int:
    """Let what was stopped wait again, in turn with the others; what is too late stays.

    A reminder gives way to the next one, which waits with it or has been sent meanwhile.
    """
    theirs: tuple[Any, ...] = (_entry.school_id == school_id, _IS_STOPPED, _entry.not_after > now)
    await affected(
        session,
        update(table(Ledger))
        .where(*theirs, _entry.kind == "reminder", has_any(_next_reminder(school_id)))
        .values(state="expired", error=GAVE_WAY),
    )
    shift = await _behind(session, theirs)
    return await affected(
        session,
        update(table(Ledger))
        .where(*theirs)
        .values(
            state="pending",
            turn=_entry.turn + (case(shift, value=_entry.bot_id, else_=0) if shift else 0),
        ),
    )


def _next_reminder(school_id: int) -> Select[Any]:
    """Return a later reminder of a card, but for one that another school has stopped."""
    later = table(Ledger).alias().c
    stopped_by_another = and_(later.state == STOPPED, later.school_id != school_id)
    return select(later.id).where(
        later.day == _entry.day,
        later.bot_id == _entry.bot_id,
        later.contact_id == _entry.contact_id,
        later.kind == "reminder",
        later.card_id == _entry.card_id,
        later.created_at > _entry.created_at,
        later.state.not_in(["failed", "moot", "expired"]),
        not_(stopped_by_another),
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
        .where(_entry.school_id == school_id, _IS_STOPPED, _entry.not_after > now)
        .limit(1)
    )
    return found.first() is not None


def would_be_stopped(
    entry: ReadOnlyColumnCollection[str, Any] = _entry,
) -> ColumnElement[bool]:
    """Return when a message that comes back to wait belongs to a school that is stopped by now.

    It was on the wire when somebody stopped the others. What may not go out for as long as itself
    does not count: that may be left from another day.
    """
    other = table(Ledger).alias("other")
    stopped = select(other.c.id).where(
        other.c.school_id == entry.school_id,
        other.c.not_after >= entry.not_after,
        text("other.state = 'stopped'"),
    )
    stoppable = or_(*(entry.kind == kind for kind in STOPPABLE))  # one statement for many rows
    return and_(entry.lane == BULK, stoppable, stopped.exists())


def _of(
    session: AsyncSession, school_ids: Collection[int], since: datetime
) -> tuple[ColumnElement[bool], ...]:
    """Return when a row is of these schools' bulk, not older than that: by the school's index."""
    return (
        among(session, _entry.school_id, school_ids),
        _entry.school_id.is_not(None),
        _entry.created_at > since,
        _entry.lane == BULK,
    )
