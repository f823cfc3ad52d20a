"""A whole bot of each library, with its own polling loop, against the sandbox."""

import asyncio
from typing import Any

import pytest

from sandbox import Sandbox
from tests.sandbox.conftest import TOKEN, until

aiogram = pytest.importorskip("aiogram")
telegram = pytest.importorskip("telegram")


async def a_morning(sandbox: Sandbox) -> None:
    """Maria presses Start, gets a card, taps it, and sees it change."""
    world = sandbox.world
    maria = world.add_user("Maria")
    chat = world.chat(maria.id)
    world.start(maria.id, "CODE")
    await until(lambda: len(chat.messages) == 2)
    card = chat.messages[2]
    assert card.text == "Good morning, Maria: CODE"
    tap = world.tap(maria.id, card.id, text="All clear")
    assert await world.answer_to(tap, 10) == {"text": "Thank you", "alert": False}
    await until(lambda: card.text == "✓ all clear")
    assert card.markup is None


async def test_an_aiogram_bot_polls(sandbox: Sandbox) -> None:
    from aiogram import Dispatcher, F
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.filters import CommandStart
    from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

    dispatcher = Dispatcher()
    button = InlineKeyboardButton(text="All clear", callback_data="ok")

    @dispatcher.message(CommandStart(deep_link=True))
    async def greet(message: Any, command: Any) -> None:
        await message.answer(
            f"Good morning, {message.from_user.first_name}: {command.args}",
            reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]),
        )

    @dispatcher.callback_query(F.data == "ok")
    async def take(query: Any) -> None:
        await query.answer("Thank you")
        await query.message.edit_text("✓ all clear")

    session = AiohttpSession(api=TelegramAPIServer.from_base(sandbox.url))
    bot = aiogram.Bot(TOKEN, session=session)
    polling = asyncio.create_task(
        dispatcher.start_polling(bot, handle_signals=False, polling_timeout=5)
    )
    await a_morning(sandbox)
    await dispatcher.stop_polling()
    await polling


async def test_a_python_telegram_bot_polls(sandbox: Sandbox) -> None:
    from telegram.ext import Application, CallbackQueryHandler, CommandHandler

    async def greet(update: Any, context: Any) -> None:
        button = telegram.InlineKeyboardButton("All clear", callback_data="ok")
        await update.message.reply_text(
            f"Good morning, {update.effective_user.first_name}: {context.args[0]}",
            reply_markup=telegram.InlineKeyboardMarkup([[button]]),
        )

    async def take(update: Any, context: Any) -> None:
        await update.callback_query.answer("Thank you")
        await update.callback_query.edit_message_text("✓ all clear")

    builder = Application.builder().token(TOKEN).job_queue(None)
    application = builder.base_url(f"{sandbox.url}/bot").build()
    application.add_handler(CommandHandler("start", greet))
    application.add_handler(CallbackQueryHandler(take))
    async with application:
        await application.start()
        await application.updater.start_polling(timeout=5)
        await a_morning(sandbox)
        await application.updater.stop()
        await application.stop()
