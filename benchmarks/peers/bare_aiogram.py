"""aiogram's `Bot.send_message` in a loop, so many at a time: no books are kept.

The buttons are made for each chat, as any bot has to whose buttons name the family's own rows.
"""

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions

from benchmarks.measure import Spent, spent
from benchmarks.peers.side_by_side import side_by_side
from benchmarks.peers.words import ALL_CLEAR, OTHER, TEXT, data_of
from benchmarks.town import TOKEN


def keyboard(chat: int) -> InlineKeyboardMarkup:
    """Return the buttons of a chat's card."""
    all_clear, other = data_of(chat)
    return InlineKeyboardMarkup(
        inline_keyboard=[
            [InlineKeyboardButton(text=ALL_CLEAR, callback_data=all_clear, style="success")],
            [InlineKeyboardButton(text=OTHER, callback_data=other)],
        ]
    )


async def send(server: str, count: int, at_a_time: int) -> Spent:
    """Send a card to so many chats."""
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(server)))

    async def one(chat: int) -> None:
        await bot.send_message(
            chat,
            TEXT,
            parse_mode="HTML",
            reply_markup=keyboard(chat),
            link_preview_options=LinkPreviewOptions(is_disabled=True),
            allow_paid_broadcast=True,
        )

    try:
        await one(0)
        with spent() as measured:
            await side_by_side(count, at_a_time, one)
    finally:
        await bot.session.close()
    return measured
