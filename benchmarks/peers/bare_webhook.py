"""A bare aiogram bot behind a webhook: one upsert and one commit an update, then its two calls."""

from pathlib import Path

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import (
    CallbackQuery,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Message,
)
from aiogram.webhook.aiohttp_server import SimpleRequestHandler
from aiohttp import web

from benchmarks.databases import Engine
from benchmarks.load import Load
from benchmarks.measure import Spent, spent
from benchmarks.peers.rows import plain_rows
from benchmarks.peers.words import ANSWERED, CHANGE, DATA_CHANGE, THANKS
from benchmarks.town import TOKEN

CHANGE_BUTTON = InlineKeyboardButton(text=CHANGE, callback_data=DATA_CHANGE)


async def answer(
    engine: Engine, server: str, load: Load, updates: Path, count: int, secret: str
) -> Spent:
    """Answer each tap, and edit its card."""
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(server)))
    dispatcher = Dispatcher()
    async with plain_rows(engine, count) as keep:

        @dispatcher.callback_query()
        async def tapped(query: CallbackQuery) -> None:
            await keep([(query.from_user.id, query.data)])
            await query.answer(THANKS)
            if isinstance(query.message, Message):
                await query.message.edit_text(
                    ANSWERED,
                    parse_mode="HTML",
                    link_preview_options=LinkPreviewOptions(is_disabled=True),
                    reply_markup=InlineKeyboardMarkup(inline_keyboard=[[CHANGE_BUTTON]]),
                )

        app = web.Application()
        handler = SimpleRequestHandler(
            dispatcher, bot, handle_in_background=False, secret_token=secret
        )
        handler.register(app, "/hook")
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await bot.get_me()
        try:
            with spent() as measured:
                await load.post(runner.addresses[0][1], "/hook", secret, updates)
        finally:
            await runner.cleanup()
            await bot.session.close()
    return measured
