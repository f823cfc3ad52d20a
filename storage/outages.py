"""What an outage leaves behind: who is still silent and may have tapped in vain."""

from datetime import datetime

from sqlalchemy import exists, func, literal, select
from sqlmodel import col
from sqlmodel import select as of_models
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.access import Role
from checkin.checkins import Status
from storage.asking import MORNING, card_of, ways_to_ask
from storage.contacts import serve_again
from storage.editions import EditionReason, owe_again
from storage.ledger import GONE, Lane, State, day_of
from storage.sending import STOPPED, is_stopped
from storage.shares import turns
from storage.sql import is_one_of, table
from storage.tables import Bot, Card, CheckIn, Ledger, RoleGrant, Round


async def last_heard(session: AsyncSession, bot_id: int) -> datetime:
    """Return when a bot was heard last."""
    return (await session.get_one(Bot, bot_id)).seen_at


async def heard(session: AsyncSession, bot_id: int, now: datetime) -> None:
    """Keep that a bot is heard."""
    bot = await session.get_one(Bot, bot_id, with_for_update=True)
    bot.seen_at = max(bot.seen_at, now)
    await serve_again(session, bot)


async def open_rounds(session: AsyncSession, bot_id: int, now: datetime) -> list[Round]:
    """Return the rounds that an answer in time to this bot can still reach, the oldest first.

    They are those for which it owes anybody the ask, looked up among its own rows of these days.
    What only the evening before has asked is none of them: the morning asks again by itself, and
    nobody is woken for it.
    """
    found = await session.exec(
        of_models(Round)
        .where(
            col(Round.closed_at).is_(None),
            col(Round.cancelled_at).is_(None),
            col(Round.evening).is_(False),
            Round.closes_at > now,
        )
        .order_by(col(Round.id))
    )
    held = list(found)
    if not held:
        return []
    entry = table(Ledger).c
    asked = await session.exec(
        select(entry.day, entry.school_id)  # type: ignore[call-overload]
        .distinct()
        .where(
            entry.day.in_({each.day for each in held}),
            entry.bot_id == bot_id,
            entry.kind == "card",
            entry.school_id.is_not(None),
        )
    )
    theirs = {(day, school_id) for day, school_id in asked}
    return [each for each in held if (each.day, each.school_id) in theirs]


async def ask_again(
    session: AsyncSession,
    bot_id: int,
    held: Round,
    since: datetime,
    until: datetime,
    now: datetime,
) -> int:
    """Owe a word under the card to those still silent whose taps may be lost; return how many.

    Lost are taps between `since` and `until`: who had the morning's card by then is asked again,
    under a new edition of the ask, whatever has been edited in it since. Whoever was reminded in
    the outage knows already, unless nobody knows whether the reminder arrived; this reminds, so
    doing it again adds nobody. While the school's sending is stopped, it waits with what was
    stopped.
    """
    card = table(Card).c
    silent = table(CheckIn).c.status.in_([Status.asked.value, Status.partial.value])
    ways = ways_to_ask(held.id, held.day, silent, every_chat=True)
    theirs = select(card_of(held, ways.c.contact_id)).select_from(ways)
    cause = f"ask:{held.day}:{held.slot}"
    other = table(Ledger).alias().c
    arrived = table(Ledger).alias().c
    had_it = exists().where(
        arrived.card_id == card.id,
        arrived.kind == "card",
        arrived.rung >= MORNING,
        arrived.state.in_([State.sent.value, State.withdrawing.value, State.withdrawn.value]),
        # What only its tap has proved has no moment of its own.
        func.coalesce(arrived.sent_at, arrived.created_at) <= until,
    )
    stopped = await is_stopped(session, held.school_id, now)
    reminded = exists().where(
        other.card_id == card.id,
        other.kind == "reminder",
        other.created_at > since,
        other.state.not_in([*GONE, State.unknown.value, State.unclear.value]),
    )
    owed = {
        "bot_id": card.bot_id,
        "contact_id": card.contact_id,
        "card_id": card.id,
        "day": literal(day_of(cause)),
        "cause": literal(cause),
        "rung": literal(0),
        "kind": literal("reminder"),
        "lane": literal(int(Lane.bulk)),
        "turn": await turns(session, held.school_id, card.bot_id, card.id, now),
        "school_id": literal(held.school_id),
        "state": literal(STOPPED if stopped else State.pending.value),
        "not_after": literal(held.closes_at, type_=other.not_after.type),
    }
    whose = (
        card.bot_id == bot_id,
        is_one_of(session, card.id, theirs),
        card.message_id.is_not(None),
        had_it,
        ~reminded,
    )
    return await owe_again(session, owed, whose, EditionReason.outage, now)


async def ever_admins(session: AsyncSession) -> list[int]:
    """Return everybody who was ever given an admin's part; whether it lasts is another matter."""
    found = await session.exec(
        of_models(RoleGrant.person_id).where(RoleGrant.role == Role.admin.value)
    )
    return sorted(set(found))
