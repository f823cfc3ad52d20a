"""Telegram through aiogram: translation only, one request a call, no retries of its own.

aiogram's polling loop is not used: it confirms updates before they are handled (see ADR 2).
The library is imported when the first transport is made, for it takes seconds.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ContentType
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BufferedInputFile,
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    ReplyParameters,
    Update,
)
from aiohttp import ClientConnectorError, ClientError
from pydantic import ValidationError

from bot.telegram_faults import bad_request
from handlers.messages import (
    Button,
    Command,
    Delivered,
    Event,
    FetchFailedError,
    Membership,
    MenuCommand,
    NotSent,
    PollConflictError,
    RawUpdate,
    Rejected,
    Rendered,
    SendResult,
    Style,
    Tap,
    TokenRefusedError,
    Unauthorized,
    Unclear,
    Unreachable,
    UnreadableUpdateError,
    Unsupported,
    Upload,
    Wait,
    Words,
)

COPY_LIMIT = 256  # characters that a copy button may carry
SEND_TIMEOUT = (
    10.0  # seconds; well under the ledger's lease, so that a lease never outlives a send
)
ALLOWED = ["message", "callback_query", "my_chat_member"]
_STYLES = {Style.good: "success", Style.danger: "danger"}
_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


class _GetRawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates without parsing: an update that cannot be read must not stop the others."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] = ALLOWED


@cache
def _form_of_answer(method: type[TelegramMethod[TelegramType]]) -> type[Response[TelegramType]]:
    """Return the form of a method's answer.

    Pydantic takes milliseconds to make it, and makes it anew for each call when nobody holds it.
    """
    return Response[method.__returning__]  # type: ignore[name-defined]


class _Session(AiohttpSession):
    """aiogram's session, without what it does again and again or waits for in vain."""

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """Read an answer."""
        _form_of_answer(type(method))
        return super().check_response(bot, method, status_code, content)

    async def close(self) -> None:
        """Let go of connections; only TLS has to be given a moment to say goodbye."""
        if self.api.base.startswith("https:"):
            await super().close()
        elif self._session is not None:
            await self._session.close()


class AiogramTransport:
    """One bot, through aiogram's types, methods and errors."""

    def __init__(self, token: str, api_url: str) -> None:
        session = _Session(api=TelegramAPIServer.from_base(api_url))
        self._bot = Bot(token, session=session)
        self._username = ""
        self._ending: dict[asyncio.Task[None], _Session] = {}

    @property
    def bot_id(self) -> int:
        """The bot's id, the first part of its token."""
        return self._bot.id

    @property
    def username(self) -> str:
        """The bot's name, known after `open`."""
        return self._username

    async def open(self) -> None:
        """Learn the bot's name.

        Raises:
            TokenRefusedError: the service does not know the token.
            FetchFailedError: it does not answer.
        """
        try:
            me = await self._bot.get_me(request_timeout=10)
        except TelegramUnauthorizedError as error:
            raise TokenRefusedError("token refused") from error
        except AiogramError as error:
            raise FetchFailedError(type(error).__name__) from error
        self._username = me.username or ""

    async def close(self) -> None:
        """Let go of connections."""
        for task, session in list(self._ending.items()):
            task.cancel()
            await session.close()
        await self._bot.session.close()

    async def renew(self) -> None:
        """Speak over new connections from now on; sends under way end on the old ones."""
        old = self._bot.session
        self._bot.session = _Session(api=old.api)
        if isinstance(old, _Session):
            task = asyncio.create_task(_close_later(old))
            self._ending[task] = old
            task.add_done_callback(self._ending.pop)

    async def fetch(self, offset: int | None, wait: float) -> list[RawUpdate]:
        """Return raw updates from `offset` on; asking confirms everything before it."""
        method = _GetRawUpdates(offset=offset, timeout=int(wait))
        try:
            return await self._bot(method, request_timeout=int(wait) + 10)
        except TelegramConflictError as error:
            raise PollConflictError from error
        except AiogramError as error:
            raise FetchFailedError(type(error).__name__) from error

    async def use_webhook(self, url: str, secret: str) -> None:
        """Have updates delivered to `url`.

        Raises:
            FetchFailedError: Telegram did not take it.
        """
        try:
            await self._bot.set_webhook(url, secret_token=secret, allowed_updates=ALLOWED)
        except AiogramError as error:
            raise FetchFailedError(type(error).__name__) from error

    async def use_polling(self) -> None:
        """Have updates kept for `fetch`; those that wait are not dropped.

        Raises:
            FetchFailedError: Telegram did not take it.
        """
        try:
            await self._bot.delete_webhook(drop_pending_updates=False)
        except AiogramError as error:
            raise FetchFailedError(type(error).__name__) from error

    def read(self, raw: RawUpdate) -> Event | None:
        """Translate an update.

        Raises:
            UnreadableUpdateError: it does not have Telegram's form.
        """
        try:
            update = Update.model_validate(raw)
        except ValidationError as error:
            places = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
            raise UnreadableUpdateError("malformed: " + ", ".join(places[:5])) from None
        return _event(self.bot_id, update)

    async def send(
        self, chat_id: int, message: Rendered, *, reply_to: int | None = None
    ) -> SendResult:
        """Send a new message."""
        reply = None
        if reply_to is not None:
            reply = ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
        try:
            if message.document is not None:
                sent = await self._bot.send_document(
                    chat_id,
                    _file(message.document),
                    caption=message.text,
                    parse_mode="HTML",
                    reply_markup=_keyboard(message),
                    reply_parameters=reply,
                    request_timeout=int(SEND_TIMEOUT),
                )
            elif message.photo is not None:
                sent = await self._bot.send_photo(
                    chat_id,
                    _file(message.photo),
                    caption=message.text,
                    parse_mode="HTML",
                    reply_markup=_keyboard(message),
                    reply_parameters=reply,
                    request_timeout=int(SEND_TIMEOUT),
                )
            else:
                sent = await self._bot.send_message(
                    chat_id,
                    message.text,
                    parse_mode="HTML",
                    reply_markup=_keyboard(message),
                    reply_parameters=reply,
                    link_preview_options=_NO_PREVIEW,
                    request_timeout=int(SEND_TIMEOUT),
                )
        except (AiogramError, ClientError, TimeoutError) as error:
            return _fault(error)
        return Delivered(sent.message_id)

    async def edit(self, chat_id: int, message_id: int, message: Rendered) -> SendResult:
        """Make an earlier message say this."""
        try:
            await self._bot.edit_message_text(
                message.text,
                chat_id=chat_id,
                message_id=message_id,
                parse_mode="HTML",
                reply_markup=_keyboard(message),
                link_preview_options=_NO_PREVIEW,
                request_timeout=int(SEND_TIMEOUT),
            )
        except (AiogramError, ClientError, TimeoutError) as error:
            return _as_delivered(_fault(error), message_id)
        return Delivered(message_id)

    async def delete(self, chat_id: int, message_id: int) -> SendResult:
        """Take a message away."""
        try:
            await self._bot.delete_message(chat_id, message_id, request_timeout=int(SEND_TIMEOUT))
        except (AiogramError, ClientError, TimeoutError) as error:
            return _fault(error)
        return Delivered(message_id)

    async def answer(self, callback_id: str, text: str, *, alert: bool = False) -> SendResult:
        """End a button's waiting state."""
        try:
            await self._bot.answer_callback_query(
                callback_id,
                text=text or None,
                show_alert=alert or None,
                request_timeout=int(SEND_TIMEOUT),
            )
        except (AiogramError, ClientError, TimeoutError) as error:
            return _fault(error)
        return Delivered(0)

    async def download(self, file_id: str) -> bytes:
        """Return a file that someone sent.

        Raises:
            FetchFailedError: it could not be had just now.
        """
        try:
            file = await self._bot.get_file(file_id, request_timeout=20)
            content = await self._bot.download_file(file.file_path or "", timeout=60)
        except (AiogramError, ClientError, TimeoutError) as error:
            raise FetchFailedError(type(error).__name__) from error
        if content is None:
            raise FetchFailedError("no content")
        return content.read()

    async def menu(
        self, chat_id: int | None, commands: Sequence[MenuCommand], language: str | None
    ) -> SendResult:
        """Set the command menu of a chat, or everyone's default one in a language."""
        scope = (
            BotCommandScopeAllPrivateChats()
            if chat_id is None
            else BotCommandScopeChat(chat_id=chat_id)
        )
        try:
            await self._bot.set_my_commands(
                [BotCommand(command=c.name, description=c.description) for c in commands],
                scope=scope,
                language_code=language,
                request_timeout=int(SEND_TIMEOUT),
            )
        except (AiogramError, ClientError, TimeoutError) as error:
            return _fault(error)
        return Delivered(0)


async def _close_later(session: _Session) -> None:
    await asyncio.sleep(SEND_TIMEOUT)
    await session.close()


def _event(bot_id: int, update: Update) -> Event | None:
    if update.callback_query is not None:
        query = update.callback_query
        if query.message is None or query.data is None:
            return None
        return Tap(
            bot_id=bot_id,
            update_id=update.update_id,
            chat_id=query.message.chat.id,
            language=query.from_user.language_code,
            private=query.message.chat.type == "private",
            sender=query.from_user.full_name,
            data=query.data,
            callback_id=query.id,
            message_id=query.message.message_id,
        )
    if update.my_chat_member is not None:
        member = update.my_chat_member
        return Membership(
            bot_id=bot_id,
            update_id=update.update_id,
            chat_id=member.chat.id,
            language=member.from_user.language_code,
            private=member.chat.type == "private",
            blocked=member.new_chat_member.status in {"kicked", "left"},
        )
    return None if update.message is None else _message(bot_id, update)


def _message(bot_id: int, update: Update) -> Event | None:
    message = update.message
    if message is None or message.from_user is None:
        return None
    who: dict[str, Any] = {
        "bot_id": bot_id,
        "update_id": update.update_id,
        "chat_id": message.chat.id,
        "language": message.from_user.language_code,
        "private": message.chat.type == "private",
        "sender": message.from_user.full_name,
    }
    if message.document is not None:
        document = message.document
        return Upload(
            **who,
            file_id=document.file_id,
            file_name=document.file_name or "",
            size=document.file_size or 0,
        )
    if message.text is None and message.photo and message.caption:
        return Words(**who, text=message.caption)  # what is written under it is all we can read
    if message.text is None:
        return Unsupported(**who, what=ContentType(message.content_type).value)
    if message.text.startswith("/"):
        name, _, rest = message.text[1:].partition(" ")
        return Command(**who, name=name.partition("@")[0].lower(), rest=rest.strip())
    return Words(**who, text=message.text)


def _keyboard(message: Rendered) -> InlineKeyboardMarkup | None:
    if not message.buttons:
        return None
    rows = [[_button(button) for button in row] for row in message.buttons]
    return InlineKeyboardMarkup(inline_keyboard=rows)


def _button(button: Button) -> InlineKeyboardButton:
    if button.copy is not None:
        return InlineKeyboardButton(
            text=button.text, copy_text=CopyTextButton(text=button.copy[:COPY_LIMIT])
        )
    return InlineKeyboardButton(
        text=button.text, callback_data=button.data, style=_STYLES.get(button.style)
    )


def _file(named: tuple[str, bytes]) -> BufferedInputFile:
    name, content = named
    return BufferedInputFile(content, name)


def _as_delivered(result: SendResult, message_id: int) -> SendResult:
    unchanged = isinstance(result, Rejected) and "message is not modified" in result.reason
    return Delivered(message_id) if unchanged else result


def _fault(error: Exception) -> SendResult:
    match error:
        case TelegramRetryAfter():
            return Wait(float(error.retry_after))
        case TelegramForbiddenError():
            return Unreachable(error.message.removeprefix("Forbidden: "))
        case TelegramUnauthorizedError():
            return Unauthorized()
        case TelegramMigrateToChat():
            return Rejected(f"migrated to {error.migrate_to_chat_id}")
        case TelegramBadRequest():
            return bad_request(error.message)
        case TelegramNotFound():
            return Rejected(error.message)
        case TelegramNetworkError() if isinstance(error.__cause__, ClientConnectorError):
            return NotSent("no connection")
        case TelegramNetworkError() | TelegramServerError() | ClientDecodeError():
            return Unclear(type(error).__name__)
        case TimeoutError() | ClientError():
            return Unclear(type(error).__name__)
        case _:
            return Rejected(type(error).__name__)
