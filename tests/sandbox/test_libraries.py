"""Both Telegram libraries talk to the sandbox unchanged, and find no field they do not know."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from sandbox import Sandbox
from tests.sandbox.conftest import TOKEN, a_picture

aiogram = pytest.importorskip("aiogram")
telegram = pytest.importorskip("telegram")

BUTTONS = [
    [("All clear", {"callback_data": "ok"})],
    [
        ("Page", {"url": "https://example.org/a?b=1"}),
        ("Copy", {"copy_text": "A-17"}),
        ("Form", {"web_app": "http://127.0.0.1:9/form"}),
    ],
]
TEXT = "<b>Good</b> 🌞 <a href='https://example.org'>day</a> <blockquote expandable>x</blockquote>"


def aiogram_strangers(thing: Any, path: str = "") -> Iterable[str]:
    if isinstance(thing, (list, tuple)):
        for one in thing:
            yield from aiogram_strangers(one, path)
    elif hasattr(thing, "model_extra"):
        yield from (f"{path}.{name}" for name in thing.model_extra or ())
        for name in thing.__class__.model_fields:
            yield from aiogram_strangers(getattr(thing, name, None), f"{path}.{name}")


def telegram_strangers(thing: Any, path: str = "") -> Iterable[str]:
    if isinstance(thing, (list, tuple)):
        for one in thing:
            yield from telegram_strangers(one, path)
    elif isinstance(thing, telegram.TelegramObject):
        yield from (f"{path}.{name}" for name in thing.api_kwargs)
        for name in thing.__slots__:
            if not name.startswith("_"):
                yield from telegram_strangers(getattr(thing, name, None), f"{path}.{name}")


@pytest.fixture
async def one(sandbox: Sandbox) -> AsyncIterator[Any]:
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer

    session = AiohttpSession(api=TelegramAPIServer.from_base(sandbox.url))
    async with aiogram.Bot(TOKEN, session=session) as bot:
        yield bot


@pytest.fixture
async def other(sandbox: Sandbox) -> AsyncIterator[Any]:
    base = sandbox.url
    async with telegram.Bot(
        TOKEN, base_url=f"{base}/bot", base_file_url=f"{base}/file/bot"
    ) as bot:
        yield bot


def aiogram_keyboard() -> Any:
    from aiogram import types as t

    rows: list[Any] = []
    for row in BUTTONS:
        rows.append([])
        for text, kind in row:
            given: dict[str, Any] = dict(kind)
            if "copy_text" in given:
                given["copy_text"] = t.CopyTextButton(text=given["copy_text"])
            if "web_app" in given:
                given["web_app"] = t.WebAppInfo(url=given["web_app"])
            rows[-1].append(t.InlineKeyboardButton(text=text, style="success", **given))
    return t.InlineKeyboardMarkup(inline_keyboard=rows)


async def test_aiogram_sends_edits_and_deletes(one: Any, maria: int) -> None:
    from aiogram import types as t

    keyboard = aiogram_keyboard()
    seen: list[Any] = []
    sent = await one.send_message(
        maria,
        TEXT,
        parse_mode="HTML",
        reply_markup=keyboard,
        reply_parameters=t.ReplyParameters(message_id=1),
        link_preview_options=t.LinkPreviewOptions(is_disabled=True),
        protect_content=True,
    )
    assert sent.html_text.startswith("<b>Good</b> 🌞 <a href=")
    assert sent.reply_to_message.text == "/start"
    seen.append(sent)
    hidden = t.ReplyKeyboardRemove()
    seen.append(await one.send_message(maria, "plain", reply_markup=hidden))
    seen.append(await one.edit_message_text("new", chat_id=maria, message_id=sent.message_id))
    seen.append(
        await one.edit_message_reply_markup(
            chat_id=maria, message_id=sent.message_id, reply_markup=keyboard
        )
    )
    photo = await one.send_photo(
        maria, t.BufferedInputFile(a_picture(), "day.png"), caption="<i>c</i>", parse_mode="HTML"
    )
    assert (photo.photo[-1].width, photo.photo[-1].height) == (4, 3)
    seen.append(photo)
    seen.append(
        await one.edit_message_caption(chat_id=maria, message_id=photo.message_id, caption="new")
    )
    document = t.BufferedInputFile(b"a,b\n1,2\n", "list.csv")
    sent_file = await one.send_document(maria, document, caption="the list")
    seen.append(sent_file)
    new_photo = t.InputMediaPhoto(media=t.BufferedInputFile(a_picture(9, 9), "b.png"), caption="b")
    seen.append(
        await one.edit_message_media(new_photo, chat_id=maria, message_id=photo.message_id)
    )
    file = await one.get_file(sent_file.document.file_id)
    assert (await one.download_file(file.file_path)).read() == b"a,b\n1,2\n"
    seen.append(file)
    seen.append(await one.send_document(maria, sent_file.document.file_id))
    assert await one.send_chat_action(maria, "typing")
    assert await one.delete_message(maria, sent_file.message_id)
    assert await one.delete_messages(maria, [photo.message_id])
    assert not list(aiogram_strangers(seen))


async def test_aiogram_sets_the_bot_up(one: Any, maria: int) -> None:
    from aiogram import types as t

    seen: list[Any] = [await one.get_me(), await one.get_chat(maria)]
    private = t.BotCommandScopeAllPrivateChats()
    commands = [t.BotCommand(command="today", description="Today's card")]
    assert await one.set_my_commands(commands, scope=private, language_code="en")
    kept = await one.get_my_commands(private, "en")
    assert [(one.command, one.description) for one in kept] == [("today", "Today's card")]
    assert await one.delete_my_commands(private, "en")
    assert await one.get_my_commands(private, "en") == []
    button = t.MenuButtonWebApp(text="Open", web_app=t.WebAppInfo(url="https://example.org/"))
    assert await one.set_chat_menu_button(maria, button)
    seen += [await one.get_chat_menu_button(maria), await one.get_chat_menu_button()]
    assert seen[-2].text == "Open"
    assert await one.set_my_name("Allclear 1")
    assert await one.set_my_description("What it is")
    assert await one.set_my_short_description("What")
    seen += [await one.get_my_name(), await one.get_my_description()]
    seen.append(await one.get_my_short_description())
    assert await one.set_webhook("http://127.0.0.1:9/hook", secret_token="s" * 20)
    seen.append(await one.get_webhook_info())
    assert await one.delete_webhook(drop_pending_updates=True)
    seen.append(await one.get_webhook_info())
    assert not list(aiogram_strangers(seen))


async def test_aiogram_reads_every_update(one: Any, sandbox: Sandbox, maria: int) -> None:
    from aiogram import types as t

    world = sandbox.world
    sent = await one.send_message(maria, "Good day", reply_markup=aiogram_keyboard())
    world.write(maria, "hello /help")
    tap = world.tap(maria, sent.message_id, text="All clear")
    world.tap(maria, 999, data="gone", raw=True)
    world.upload(maria, a_picture(), "a.png", kind="photo", caption="look")
    world.upload(maria, b"x", "x.txt")
    world.block(maria, True)
    world.block(maria, False)
    updates = await one.get_updates(timeout=0)
    assert [update.event_type for update in updates] == [
        "message",
        "callback_query",
        "callback_query",
        "message",
        "message",
        "my_chat_member",
        "my_chat_member",
    ]
    assert isinstance(updates[2].callback_query.message, t.InaccessibleMessage)
    assert await one.answer_callback_query(tap.id, text="Thank you")
    assert not list(aiogram_strangers(updates))


def telegram_keyboard() -> Any:
    rows: list[Any] = []
    for row in BUTTONS:
        rows.append([])
        for text, kind in row:
            given: dict[str, Any] = dict(kind)
            if "copy_text" in given:
                given["copy_text"] = telegram.CopyTextButton(given["copy_text"])
            if "web_app" in given:
                given["web_app"] = telegram.WebAppInfo(given["web_app"])
            rows[-1].append(telegram.InlineKeyboardButton(text, style="danger", **given))
    return telegram.InlineKeyboardMarkup(rows)


async def test_python_telegram_bot_sends_edits_and_deletes(other: Any, maria: int) -> None:
    keyboard = telegram_keyboard()
    seen: list[Any] = []
    sent = await other.send_message(
        maria,
        TEXT,
        parse_mode="HTML",
        reply_markup=keyboard,
        reply_parameters=telegram.ReplyParameters(1),
        link_preview_options=telegram.LinkPreviewOptions(is_disabled=True),
        protect_content=True,
    )
    assert sent.text_html.startswith('<b>Good</b> 🌞 <a href="https://example.org/">')
    seen.append(sent)
    seen.append(await other.edit_message_text("new", maria, sent.message_id))
    seen.append(
        await other.edit_message_reply_markup(maria, sent.message_id, reply_markup=keyboard)
    )
    photo = await other.send_photo(maria, a_picture(), caption="<i>c</i>", parse_mode="HTML")
    seen.append(photo)
    seen.append(await other.edit_message_caption(maria, photo.message_id, caption="new"))
    sent_file = await other.send_document(maria, b"a,b\n", filename="list.csv")
    seen.append(sent_file)
    new_photo = telegram.InputMediaPhoto(a_picture(9, 9), caption="b")
    seen.append(await other.edit_message_media(new_photo, maria, photo.message_id))
    file = await other.get_file(sent_file.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"a,b\n"
    seen.append(file)
    assert await other.send_chat_action(maria, "typing")
    assert await other.delete_message(maria, sent_file.message_id)
    assert await other.delete_messages(maria, [photo.message_id])
    assert not list(telegram_strangers(seen))


async def test_python_telegram_bot_sets_the_bot_up(other: Any, maria: int) -> None:
    seen: list[Any] = [await other.get_me(), await other.get_chat(maria)]
    scope = telegram.BotCommandScopeChat(maria)
    assert await other.set_my_commands([("today", "Today's card")], scope, "zh")
    assert [one.command for one in await other.get_my_commands(scope, "zh")] == ["today"]
    assert await other.delete_my_commands(scope, "zh")
    button = telegram.MenuButtonWebApp("Open", telegram.WebAppInfo("https://example.org/"))
    assert await other.set_chat_menu_button(maria, button)
    assert await other.get_chat_menu_button(maria) == button
    assert await other.set_chat_menu_button(maria, telegram.MenuButtonCommands())
    assert await other.set_my_name("Allclear 1")
    assert await other.set_my_description("What it is")
    assert await other.set_my_short_description("What")
    seen += [await other.get_my_name(), await other.get_my_description()]
    seen.append(await other.get_my_short_description())
    assert await other.set_webhook("http://127.0.0.1:9/hook", secret_token="s" * 20)
    seen.append(await other.get_webhook_info())
    assert await other.delete_webhook(drop_pending_updates=True)
    assert not list(telegram_strangers(seen))


async def test_python_telegram_bot_reads_every_update(
    other: Any, sandbox: Sandbox, maria: int
) -> None:
    world = sandbox.world
    sent = await other.send_message(maria, "Good day", reply_markup=telegram_keyboard())
    world.write(maria, "hello /help")
    tap = world.tap(maria, sent.message_id, text="All clear")
    world.tap(maria, 999, data="gone", raw=True)
    world.upload(maria, a_picture(), "a.png", kind="photo", caption="look")
    world.upload(maria, b"x", "x.txt")
    world.block(maria, True)
    world.block(maria, False)
    updates = await other.get_updates(timeout=0)
    assert len(updates) == 7
    assert not updates[2].callback_query.message.is_accessible
    assert updates[5].my_chat_member.new_chat_member.status == "kicked"
    assert await other.answer_callback_query(tap.id, text="Thank you", show_alert=True)
    assert not list(telegram_strangers(updates))


async def test_both_libraries_read_the_refusals(
    one: Any, other: Any, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiogram.exceptions import TelegramForbiddenError, TelegramRetryAfter

    ben = sandbox.world.add_user("Ben")
    with pytest.raises(TelegramForbiddenError, match="can't initiate conversation"):
        await one.send_message(ben.id, "hello")
    with pytest.raises(telegram.error.Forbidden, match="can't initiate conversation"):
        await other.send_message(ben.id, "hello")
    sandbox.world.start(ben.id, "")
    sandbox.world.limits.chat_per_second = 1.0
    sandbox.world.limits.chat_burst = 2
    for _ in range(2):
        await one.send_message(ben.id, "hello")
    with pytest.raises(TelegramRetryAfter) as slow:
        await one.send_message(ben.id, "hello")
    assert slow.value.retry_after == 1
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # without it the error warns of itself
    with pytest.raises(telegram.error.RetryAfter):
        await other.send_message(ben.id, "hello")


async def test_both_libraries_read_a_conversation_with_a_group(
    one: Any, other: Any, sandbox: Sandbox
) -> None:
    from aiogram.exceptions import TelegramMigrateToChat

    group = sandbox.world.add_group("Class 3-2", sandbox.world.bot().id)
    assert (await one.send_message(group.id, "hello")).chat.title == "Class 3-2"
    assert not list(aiogram_strangers(await one.get_chat(group.id)))
    assert not list(telegram_strangers(await other.get_chat(group.id)))
    new_id = sandbox.world.migrate_group(group.id)
    with pytest.raises(TelegramMigrateToChat) as moved:
        await one.send_message(group.id, "hello")
    assert moved.value.migrate_to_chat_id == new_id
    with pytest.raises(telegram.error.ChatMigrated):
        await other.send_message(group.id, "hello")
    assert (await other.send_message(new_id, "hello")).message_id == 1
