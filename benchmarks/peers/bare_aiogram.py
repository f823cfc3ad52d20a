"""aiogram's `Bot.send_message` in a loop, so many at a time: no books are kept."""

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions

from benchmarks.measure import Spent, spent
from benchmarks.peers.side_by_side import side_by_side
from benchmarks.peers.words import ALL_CLEAR, DATA_ALL_CLEAR, DATA_OTHER, OTHER, TEXT
from benchmarks.town import TOKEN

BUTTONS = [
    [InlineKeyboardButton(text=ALL_CLEAR, callback_data=DATA_ALL_CLEAR, style="success")],
    [InlineKeyboardButton(text=OTHER, callback_data=DATA_OTHER)],
]


async def send(server: str, count: int, at_a_time: int) -> Spent:
    """Send a card to so many chats."""
    bot = Bot(TOKEN, session=AiohttpSession(api=TelegramAPIServer.from_base(server)))

    async def one(chat: int) -> None:
        await bot.send_message(
            chat,
            TEXT,
            parse_mode="HTML",
            reply_markup=InlineKeyboardMarkup(inline_keyboard=BUTTONS),
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
