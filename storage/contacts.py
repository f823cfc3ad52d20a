"""People in chats: who is behind one, and where to reach whom."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import bindparam, or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sql import (
    affected,
    among,
    among_named,
    is_sqlite,
    listed,
    listed_named,
    numbers,
    table,
)
from storage.tables import Bot, BotLease, Contact, Ledger

RETIRED = "retired"  # the state of a contact whose bot nobody serves any more
UNSERVED = timedelta(hours=1)  # a token may be away for a moment's work
# Ids start anew after a week without updates; out of order is a matter of seconds.
OVERTAKES_WITHIN = timedelta(minutes=10)
# Whoever wants a picture anew has looked at the first for so long; an impatient thumb has not.
TAPPED_AGAIN_WITHIN = timedelta(seconds=10)


async def know_bot(session: AsyncSession, bot_id: int, username: str, now: datetime) -> None:
    """Remember a bot of ours; one that was retired can reach its chats again."""
    bot = await session.get(Bot, bot_id)
    if bot is None:
        session.add(Bot(id=bot_id, username=username, seen_at=now))
        return
    bot.username = username
    await serve_again(session, bot)


async def serve_again(session: AsyncSession, bot: Bot) -> None:
    """Have a bot that was retired reach its chats again: it is there."""
    if bot.retired:
        bot.retired = False
        await _set_state(session, bot.id, RETIRED, "active")


async def retire_others(
    session: AsyncSession, served: Collection[int], now: datetime
) -> list[int]:
    """Take out of reach whoever is in a chat with a bot that nobody serves any more.

    No other process has it, and it was not heard for an hour. Their other chats, with its
    successor, have what is for them from then on; what waited for the old one is not sent any
    more. Return which bots these are.
    """
    elsewhere = select(BotLease.bot_id).where(col(BotLease.lease_until) > now)
    found = await session.exec(
        select(Bot).where(
            col(Bot.id).not_in([*served]),
            col(Bot.id).not_in(elsewhere),
            col(Bot.retired).is_(False),
            Bot.seen_at < now - UNSERVED,
        )
    )
    gone = list(found)
    for bot in gone:
        bot.retired = True
        await _set_state(session, bot.id, "active", RETIRED)
        entry = table(Ledger).c
        await affected(
            session,
            update(table(Ledger))
            .where(entry.bot_id == bot.id, entry.state == "pending")
            .values(state="expired", error=RETIRED),
        )
    return [bot.id for bot in gone]


async def _set_state(session: AsyncSession, bot_id: int, before: str, now: str) -> None:
    contact = table(Contact).c
    await affected(
        session,
        update(table(Contact))
        .where(contact.bot_id == bot_id, contact.state == before)
        .values(state=now),
    )


async def bot_name(session: AsyncSession, bot_id: int) -> str:
    """Return a bot's name."""
    return (await session.get_one(Bot, bot_id)).username


async def load_contacts(
    session: AsyncSession, chats: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Contact]:
    """Return the known contacts by (bot, chat), in one query for a bot's whole batch."""
    wanted = list(set(chats))
    if not wanted:
        return {}
    by_bot: dict[int, list[int]] = {}
    for bot_id, chat_id in wanted:
        by_bot.setdefault(bot_id, []).append(chat_id)
    found: dict[tuple[int, int], Contact] = {}
    for bot_id, chat_ids in by_bot.items():
        given = {"bot": bot_id, "chats": numbers(session, chat_ids)}
        for contact in await session.exec(_in_chats(is_sqlite(session)), params=given):
            found[(contact.bot_id, contact.chat_id)] = contact
    return found


@cache
def _in_chats(sqlite: bool) -> Any:
    contact = table(Contact).c
    return select(Contact).where(
        contact.bot_id == bindparam("bot"), among_named(sqlite, contact.chat_id, "chats")
    )


async def contacts_by_id(session: AsyncSession, ids: Iterable[int]) -> dict[int, Contact]:
    """Return contacts by their ids, in one query."""
    wanted = set(ids)
    if not wanted:
        return {}
    found = await session.exec(select(Contact).where(among(session, table(Contact).c.id, wanted)))
    return {contact.id: contact for contact in found}


async def contacts_of(session: AsyncSession, person_ids: Iterable[int]) -> list[Contact]:
    """Return where people can be reached: one chat a person, the oldest that is open."""
    rows = await session.exec(
        select(Contact)
        .where(col(Contact.person_id).in_(list(set(person_ids))), Contact.state == "active")
        .order_by(col(Contact.id))
    )
    first: dict[int | None, Contact] = {}
    for contact in rows:
        first.setdefault(contact.person_id, contact)
    return list(first.values())


async def chats_of(session: AsyncSession, person_id: int) -> list[Contact]:
    """Return all chats of a person, open or not, the oldest first."""
    theirs = select(Contact).where(Contact.person_id == person_id)
    return list(await session.exec(theirs.order_by(col(Contact.id))))


def is_overtaken(contact: Contact, update_id: int, now: datetime) -> bool:
    """Say whether an update comes after one that is newer: their ids tell the order in a bot.

    Where it is known when the update was made, that is its `now`, however late it comes.
    """
    if contact.last_update is None or contact.last_update_at is None:
        return False
    return update_id < contact.last_update and now - contact.last_update_at <= OVERTAKES_WITHIN


def keep_tap(contact: Contact, tap: str | None, now: datetime) -> bool:
    """Keep what was tapped last in a chat, or None for anything else; False when it is again.

    Again is the same button of the same message, with nothing else in between, moments later.
    """
    if tap is None:
        contact.last_tap = None
        return True
    before = contact.last_tap_at if contact.last_tap == tap else None
    if before is not None and abs(now - before) < TAPPED_AGAIN_WITHIN:
        return False
    contact.last_tap, contact.last_tap_at = tap, now
    return True


async def keep_last_updates(session: AsyncSession, last: Mapping[int, int], now: datetime) -> None:
    """Keep, by contact, the last update that was handled for it: one statement for a batch.

    One that was overtaken is not the last.
    """
    if rows := sorted(last.items()):
        given = {"now": now, "long_ago": now - OVERTAKES_WITHIN}
        sqlite = is_sqlite(session)
        await affected(
            session, _last_update(sqlite), {**given, **listed(session, "lasts", rows, 2)}
        )


@cache
def _last_update(sqlite: bool) -> Any:
    contact = table(Contact)
    whose, last = listed_named(sqlite, "lasts", 2)
    moment = contact.c.last_update_at
    return (
        update(contact)
        .where(
            contact.c.id == whose,
            or_(
                contact.c.last_update.is_(None),
                contact.c.last_update < last,
                moment < bindparam("long_ago", type_=moment.type),
            ),
        )
        .values(last_update=last, last_update_at=bindparam("now", type_=moment.type))
    )
