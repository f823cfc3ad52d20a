"""aiogram-broadcaster with its SQLAlchemy store on SQLite: the broadcaster that keeps books.

It sends one message after the other and writes the whole list of chats after each. Its store is
given our own settings, a write-ahead log and synchronous=FULL; SQLite's own would be slower.
"""

from pathlib import Path
from typing import Any

from aiogram import Bot, types
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import LinkPreviewOptions
from aiogram_broadcaster import Broadcaster
from aiogram_broadcaster.contents import TextContent
from aiogram_broadcaster.storages.sqlalchemy import SQLAlchemyStorage
from sqlalchemy import event

from benchmarks.measure import Spent, spent
from benchmarks.peers.bare_aiogram import keyboard
from benchmarks.peers.words import TEXT
from benchmarks.town import TOKEN

# Where aiogram's types put off making their forms, in our tests, this one makes its own now.
TextContent.model_rebuild(_types_namespace=vars(types))


async def send(server: str, count: int, path: str) -> Spent:
    """Send a card to so many chats; the file of the store is made anew."""
    _remove(path)
    storage = SQLAlchemyStorage.from_url(f"sqlite+aiosqlite:///{path}")
    event.listen(storage.engine.sync_engine, "connect", _as_ours)
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(server)))
    broadcaster = Broadcaster(bot, storage=storage)
    await storage.startup()
    card = TextContent(
        text=TEXT,
        parse_mode="HTML",
        reply_markup=keyboard(1018),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
        allow_paid_broadcast=True,
    )
    try:
        mailer = await broadcaster.create_mailer(range(1, count + 1), card)
        with spent() as measured:
            await mailer.start()
        assert len(mailer.chats.success) == count
    finally:
        await storage.shutdown()
        await bot.session.close()
    return measured


def _remove(path: str) -> None:
    for each in ("", "-wal", "-shm"):
        Path(path + each).unlink(missing_ok=True)


def _as_ours(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
