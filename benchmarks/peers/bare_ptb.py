"""python-telegram-bot's `Bot.send_message` in a loop, eight at a time: no books are kept.

Eight is where it is fastest: httpx takes longer for each request the more of them are open.
"""

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.request import HTTPXRequest

from benchmarks.measure import Spent, spent
from benchmarks.peers.side_by_side import side_by_side
from benchmarks.peers.words import ALL_CLEAR, OTHER, TEXT, data_of
from benchmarks.town import TOKEN

AT_A_TIME = 8


def keyboard(chat: int) -> InlineKeyboardMarkup:
    """Return the buttons of a chat's card."""
    all_clear, other = data_of(chat)
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(ALL_CLEAR, callback_data=all_clear, style="success")],
            [InlineKeyboardButton(OTHER, callback_data=other)],
        ]
    )


async def send(server: str, count: int) -> Spent:
    """Send a card to so many chats."""
    # Made here as our transport makes its own: TLS contexts for a plain server would only cost.
    request = HTTPXRequest(
        connection_pool_size=AT_A_TIME, httpx_kwargs={"trust_env": False, "verify": False}
    )
    bot = Bot(TOKEN, base_url=f"{server}/bot", request=request, get_updates_request=request)

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
            await side_by_side(count, AT_A_TIME, one)
    finally:
        await request.shutdown()
    return measured
