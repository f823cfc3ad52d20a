"""Taps stored: our inbox with its group commit against a bare aiogram handler, a commit an update.

Both fetch the same updates, a hundred at a time, and keep them on SQLite with synchronous=FULL.
Ours finds the card and the check-in, weighs the answers, seals them, keeps the standing answer and
its history. The other upserts one plain row, and handles the updates of a batch at the same time.
Nobody answers a tap here: `benchmarks.webhook` measures the whole way.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import CallbackQuery
from sqlmodel import col, select

from benchmarks.fanout import asked, sent_by_us
from benchmarks.measure import Result, Spent, middle, spent
from benchmarks.static_server import put_updates
from benchmarks.town import ASK_TIME, BOT_ID, TOKEN
from bot.aiogram_transport import AiogramTransport
from bot.listener import Poller
from handlers.inbox import Handled, Inbox
from handlers.presses import Press, Verb
from handlers.router import Router
from storage.database import Database
from storage.tables import Card, CheckIn, Contact

PEER = "aiogram handler, one upsert and commit per update"
FIRST_UPDATE = 500_000_000

Keep = Callable[[CallbackQuery], Awaitable[None]]


async def answered(folder: Path, url: str, households: int) -> Path:
    """Return a database in which every household has its card, not yet answered."""
    path = folder / f"shown-{households}.sqlite3"
    if not path.exists():
        shutil.copy(await asked(folder, households), path)
        await sent_by_us(path, url, households)
    return path


async def taps_of(path: Path) -> list[dict[str, Any]]:
    """Return one tap on `All clear` for each household, as Telegram would hand it over."""
    database = Database(f"sqlite:///{path}")
    async with database.reading() as session:
        rows = await session.exec(
            select(Card, Contact.chat_id)
            .join(Contact, col(Contact.id) == Card.contact_id)
            .order_by(col(Card.id))
        )
        taps = [_tap(n, card, chat_id) for n, (card, chat_id) in enumerate(rows)]
    await database.close()
    return taps


def _tap(number: int, card: Card, chat_id: int) -> dict[str, Any]:
    who = {"id": chat_id, "is_bot": False, "first_name": "A", "language_code": "en"}
    bot = {"id": BOT_ID, "is_bot": True, "first_name": "A", "username": "a_bot"}
    data = Press(Verb.all_clear, card.id, card.revision).pack()
    button = {"text": "All clear", "callback_data": data}
    message = {
        "message_id": card.message_id,
        "from": bot,
        "chat": {"id": chat_id, "first_name": "A", "type": "private"},
        "date": 1772400000,
        "text": "Good morning",
        "reply_markup": {"inline_keyboard": [[button]]},
    }
    query = {
        "id": str(10**17 + number),
        "from": who,
        "message": message,
        "chat_instance": "1",
        "data": data,
    }
    return {"update_id": FIRST_UPDATE + number, "callback_query": query}


async def _kept_by_us(path: Path, url: str, count: int) -> Spent:
    database, transport = Database(f"sqlite:///{path}"), AiogramTransport(TOKEN, url)

    def then(_: Handled) -> None:
        """Leave out the toasts, which the other does not send either."""

    try:
        inbox = Inbox(database, lambda: ASK_TIME, Router())
        poller = Poller(transport, inbox, then)
        with spent() as measured:
            while await poller.once(0):
                pass
        async with database.reading() as session:
            kept = list(await session.exec(select(CheckIn).where(CheckIn.status == "complete")))
        assert len(kept) == count, f"{len(kept)} of {count} kept"
    finally:
        await transport.close()
        await database.close()
    return measured


@asynccontextmanager
async def plain_rows(path: Path, count: int) -> AsyncIterator[Keep]:
    """What the peers keep: one plain row a chat, upserted and committed an update at a time."""
    async with aiosqlite.connect(path) as database:
        await database.execute("PRAGMA journal_mode=WAL")
        await database.execute("PRAGMA synchronous=FULL")
        await database.execute("CREATE TABLE answer (chat INTEGER PRIMARY KEY, data TEXT)")
        turn = asyncio.Lock()  # one connection: a commit must be its own update's

        async def keep(query: CallbackQuery) -> None:
            async with turn:
                await database.execute(
                    "INSERT INTO answer VALUES (?, ?) "
                    "ON CONFLICT (chat) DO UPDATE SET data = excluded.data",
                    (query.from_user.id, query.data),
                )
                await database.commit()

        yield keep
        rows = await database.execute_fetchall("SELECT count(*) FROM answer")
        assert next(iter(rows))[0] == count


async def _kept_by_aiogram(path: Path, url: str, count: int) -> Spent:
    session = AiohttpSession(api=TelegramAPIServer.from_base(url))
    bot, dispatcher = Bot(TOKEN, session=session), Dispatcher()
    async with plain_rows(path, count) as keep:
        dispatcher.callback_query.register(keep)
        with spent() as measured:
            offset = None
            while updates := await bot.get_updates(offset, limit=100, timeout=0):
                await asyncio.gather(*(dispatcher.feed_update(bot, each) for each in updates))
                offset = updates[-1].update_id + 1
    await session.close()
    return measured


async def measure(folder: Path, url: str, *, households: int, times: int) -> list[Result]:
    """Run both in turn, several times; the middle of each counts."""
    path = await answered(folder, url, households)
    await put_updates(url, await taps_of(path))
    ours, theirs = [], []
    for turn in range(times):
        fresh = folder / f"taps-{turn}.sqlite3"
        shutil.copy(path, fresh)
        ours.append(await _kept_by_us(fresh, url, households))
        theirs.append(await _kept_by_aiogram(folder / f"bare-{turn}.sqlite3", url, households))
    our_wall, their_wall = (middle([s.wall for s in runs]) for runs in (ours, theirs))
    our_cpu, their_cpu = (middle([s.processor for s in runs]) for runs in (ours, theirs))
    return [
        Result("taps_stored_vs_aiogram.sqlite", their_wall / our_wall, "x as fast", PEER),
        Result("taps_stored.sqlite", households / our_wall, "updates/s"),
        Result("taps_stored.aiogram", households / their_wall, "updates/s"),
        Result("taps_stored_processor.sqlite", 1000 * our_cpu / households, "ms/update"),
        Result("taps_stored_processor.aiogram", 1000 * their_cpu / households, "ms/update"),
    ]
