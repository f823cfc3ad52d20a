"""A bare aiogram bot that polls: the updates of a batch side by side, a commit an update."""

import asyncio

from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import CallbackQuery

from benchmarks.databases import Engine
from benchmarks.measure import Spent, spent
from benchmarks.peers.rows import plain_rows
from benchmarks.town import TOKEN


async def keep_all(engine: Engine, server: str, count: int) -> Spent:
    """Keep every tap that waits."""
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(server)))
    dispatcher = Dispatcher()
    try:
        async with plain_rows(engine, count) as keep:

            @dispatcher.callback_query()
            async def tapped(query: CallbackQuery) -> None:
                await keep([(query.from_user.id, query.data)])

            await bot.get_me()
            with spent() as measured:
                offset = None
                while updates := await bot.get_updates(offset, limit=100, timeout=0):
                    await asyncio.gather(*(dispatcher.feed_update(bot, each) for each in updates))
                    offset = updates[-1].update_id + 1
    finally:
        await bot.session.close()
    return measured
