"""Taps by webhook, end to end: our server, inbox and sender against a bare aiogram webhook bot.

Another process posts the same updates to both, forty at a time. Both keep each answer on SQLite
with synchronous=FULL before the 200, and both make the same two calls for each: the short answer
to the tap and the card edited in place. The bare bot upserts one plain row and commits, an update
at a time; ours keeps the standing answer and its history, and redraws the card from the rows.
"""

import asyncio
import json
import shutil
from pathlib import Path

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from benchmarks.load import posted
from benchmarks.measure import Result, Spent, middle, spent
from benchmarks.taps import answered, plain_rows, taps_of
from benchmarks.town import ASK_TIME, BOT_ID, TOKEN
from bot.aiogram_transport import AiogramTransport
from bot.listener import Gatherer
from bot.pacer import Pacer
from bot.sender import Sender
from handlers.inbox import Handled, Inbox
from handlers.router import Router
from storage.database import Database
from web.server import Hook, WebServer

PEER = "aiogram webhook bot, one upsert and commit per update, the same two calls"
SECRET = "benchmark-benchmark"  # noqa: S105 - loopback only


async def _by_us(path: Path, url: str, updates: Path, count: int) -> Spent:
    database, transport = Database(f"sqlite:///{path}"), AiogramTransport(TOKEN, url)
    sender = Sender(database, transport, lambda: ASK_TIME, Pacer(1e9, burst=1e9), coalesce=False)
    stored = 0

    def then(handled: Handled) -> None:
        nonlocal stored
        stored += handled.events
        sender.answer(handled.toasts)
        sender.show(handled.fresh)
        sender.wake()

    inbox = Inbox(database, lambda: ASK_TIME, Router())
    gatherer = Gatherer(transport, inbox, then)

    server = WebServer("127.0.0.1", 0, None, {BOT_ID: Hook(SECRET, gatherer.receive)})
    await server.start()
    stopping = asyncio.Event()
    sending = asyncio.create_task(sender.run(stopping))
    try:
        with spent() as measured:
            await posted(f"http://127.0.0.1:{server.port}/telegram/{BOT_ID}", SECRET, updates)
            stopping.set()
            sender.wake()
            await sending
            while await sender.once():
                pass
            await sender.toasts_sent()
        assert stored == count, f"{stored} of {count} kept"
    finally:
        await server.stop()
        await transport.close()
        await database.close()
    return measured


async def _by_aiogram(path: Path, url: str, updates: Path, count: int) -> Spent:
    session = AiohttpSession(api=TelegramAPIServer.from_base(url))
    bot, dispatcher = Bot(TOKEN, session=session), Dispatcher()
    change = InlineKeyboardButton(text="Change", callback_data="c:1:1")
    async with plain_rows(path, count) as keep:

        @dispatcher.callback_query()
        async def answer(query: CallbackQuery) -> None:
            await keep(query)
            await query.answer("Thank you. Have a good day!")
            if isinstance(query.message, Message):
                await query.message.edit_text(
                    "Mon 2 Mar\n✓ 06:30 Child 17: all clear",
                    reply_markup=InlineKeyboardMarkup(inline_keyboard=[[change]]),
                )

        app = web.Application()
        handler = SimpleRequestHandler(
            dispatcher, bot, handle_in_background=False, secret_token=SECRET
        )
        handler.register(app, "/hook")
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        with spent() as measured:
            await posted(f"http://127.0.0.1:{port}/hook", SECRET, updates)
        await runner.cleanup()
    await session.close()
    return measured


async def measure(folder: Path, url: str, *, households: int, times: int) -> list[Result]:
    """Run both in turn, several times; the middle of each counts."""
    path = await answered(folder, url, households)
    updates = folder / "updates.json"
    updates.write_text(json.dumps(await taps_of(path)))
    ours, theirs = [], []
    for turn in range(times):
        fresh = folder / f"hooked-{turn}.sqlite3"
        shutil.copy(path, fresh)
        ours.append(await _by_us(fresh, url, updates, households))
        bare = folder / f"bare-hook-{turn}.sqlite3"
        theirs.append(await _by_aiogram(bare, url, updates, households))
    our_wall, their_wall = (middle([s.wall for s in runs]) for runs in (ours, theirs))
    our_cpu, their_cpu = (middle([s.processor for s in runs]) for runs in (ours, theirs))
    return [
        Result("taps_vs_aiogram_webhook.sqlite", their_wall / our_wall, "x as fast", PEER),
        Result("webhook_taps.sqlite", households / our_wall, "updates/s"),
        Result("webhook_taps.aiogram", households / their_wall, "updates/s"),
        Result("webhook_taps_processor.sqlite", 1000 * our_cpu / households, "ms/update"),
        Result("webhook_taps_processor.aiogram", 1000 * their_cpu / households, "ms/update"),
    ]
