"""The morning's fan-out: our sender with its ledger against a bare loop over send_message.

Both send the same words and buttons, eight at a time, to the static server. Ours loads each
household, renders its card and marks the ledger before and after, on SQLite with
synchronous=FULL; the other keeps no books at all.
"""

import asyncio
import shutil
from pathlib import Path

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions

from benchmarks.measure import Result, Spent, middle, spent
from benchmarks.town import ASK_TIME, TOKEN, a_database, fill
from bot.aiogram_transport import AiogramTransport
from bot.pacer import Pacer
from bot.sender import WINDOW, Sender
from handlers.rounds import heartbeat
from storage.database import Database

PEER = f"aiogram Bot.send_message, {WINDOW} at a time, no bookkeeping"
_TEXT = (
    "Good morning. Mon 2 Mar\nChild 17 (1-1)\n"
    "How is everyone this morning? One tap if all is well."
)


async def asked(folder: Path, households: int) -> Path:
    """Return a database in which so many households are owed the morning's card."""
    path = folder / f"asked-{households}.sqlite3"
    if not path.exists():
        database = await a_database(path)
        await fill(database, households)
        await heartbeat(database, lambda: ASK_TIME)
        await database.close()  # the last connection folds the log into the file
    return path


async def sent_by_us(path: Path, url: str, count: int) -> Spent:
    """Send all that is owed; each row is marked before and after."""
    database, transport = Database(f"sqlite:///{path}"), AiogramTransport(TOKEN, url)
    try:
        sender = Sender(database, transport, lambda: ASK_TIME, Pacer(1e9, burst=1e9))
        with spent() as measured:
            sent = 0
            while done := await sender.once():
                sent += done
        assert sent == count, f"{sent} of {count} sent"
    finally:
        await transport.close()
        await database.close()
    return measured


async def _sent_by_aiogram(url: str, count: int) -> Spent:
    session = AiohttpSession(api=TelegramAPIServer.from_base(url))
    bot = Bot(TOKEN, session=session)
    buttons = [
        [InlineKeyboardButton(text="All clear", callback_data="a:1:1", style="success")],
        [InlineKeyboardButton(text="Child 17…", callback_data="o:1:1:1")],
    ]
    chats = iter(range(1, count + 1))

    async def work() -> None:
        for chat in chats:
            await bot.send_message(
                chat,
                _TEXT,
                parse_mode="HTML",
                reply_markup=InlineKeyboardMarkup(inline_keyboard=buttons),
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )

    try:
        with spent() as measured:
            await asyncio.gather(*(work() for _ in range(WINDOW)))
    finally:
        await session.close()
    return measured


async def measure(folder: Path, url: str, *, households: int, times: int) -> list[Result]:
    """Run both in turn, several times; the middle of each counts."""
    path = await asked(folder, households)
    ours, theirs = [], []
    for turn in range(times):
        fresh = folder / f"fanout-{turn}.sqlite3"
        shutil.copy(path, fresh)
        ours.append(await sent_by_us(fresh, url, households))
        theirs.append(await _sent_by_aiogram(url, households))
    our_wall, their_wall = (middle([s.wall for s in runs]) for runs in (ours, theirs))
    our_cpu, their_cpu = (middle([s.processor for s in runs]) for runs in (ours, theirs))
    return [
        Result("fanout_vs_aiogram.sqlite", their_wall / our_wall, "x as fast", PEER),
        Result("fanout.sqlite", households / our_wall, "messages/s"),
        Result("fanout.aiogram", households / their_wall, "messages/s"),
        Result("fanout_processor.sqlite", 1000 * our_cpu / households, "ms/message"),
        Result("fanout_processor.aiogram", 1000 * their_cpu / households, "ms/message"),
    ]
