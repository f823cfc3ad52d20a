"""Telegram through aiogram: translation only, one request a call, no retries of its own.

aiogram's polling loop is not used: it confirms updates before they are handled (see ADR 2).
The library is imported when the first transport is made, for it takes seconds.
"""

# isort: off
import bot.aiogram_import  # noqa: F401 - before the library itself

# isort: on

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ContentType
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageText,
    Response,
    SendMessage,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BufferedInputFile,
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    ReplyParameters,
    Update,
)
from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientTimeout,
    ConnectionTimeoutError,
)
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from yarl import URL

from bot.quick_post import BrokenOffError, NeverSentError, QuickPost
from bot.telegram_events import ALLOWED, AT_ONCE, beyond, event_of, heard
from bot.telegram_faults import bad_request, other_refusal, unless_unchanged
from bot.telegram_messages import (
    CONNECT_TIMEOUT,
    COPY_LIMIT,
    EVERYTHING,
    SEND_TIMEOUT,
    STYLES,
    fitted,
    plain,
)
from handlers.messages import (
    Button,
    Capability,
    Delivered,
    Event,
    FetchFailedError,
    MenuCommand,
    Migrated,
    NotSent,
    PollConflictError,
    RawUpdate,
    Rendered,
    SendResult,
    TokenRefusedError,
    Unauthorized,
    Unclear,
    Unreachable,
    UnreadableUpdateError,
    Wait,
    WebhookState,
)

_UNSENT = (ClientConnectorError, ConnectionTimeoutError)  # the request was never written


class _GetRawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates without parsing: an update that cannot be read must not stop the others."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = 100
    timeout: int = 0
    allowed_updates: tuple[str, ...] = ALLOWED


@cache
def _form_of_answer(method: type[TelegramMethod[TelegramType]]) -> type[Response[TelegramType]]:
    """Return the form of a method's answer.

    Pydantic takes milliseconds to make it, and makes it anew for each call when nobody holds it.
    """
    return Response[method.__returning__]  # type: ignore[name-defined]


class _Session(AiohttpSession):
    """aiogram's session, without what it does again and again or waits for in vain."""

    def __init__(self, api: TelegramAPIServer, connect_timeout: float) -> None:
        super().__init__(api=api)
        self.connect_timeout = connect_timeout  # seconds; to wait for a free connection, too
        self._bulk = QuickPost(
            URL(api.api_url(token="", method="")),
            connect_timeout=connect_timeout,
            timeout=SEND_TIMEOUT,
        )

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - as the library has it
    ) -> TelegramType:
        """Make one of the library's own calls; to a host that is not there it does not wait."""
        seconds = self.timeout if timeout is None else timeout
        limit: Any = ClientTimeout(total=seconds, connect=self.connect_timeout)
        return await super().make_request(bot, method, timeout=limit)

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        """Read an answer; one without a result says as little as one that cannot be read."""
        _form_of_answer(type(method))
        answer = super().check_response(bot, method, status_code, content)
        if answer.result is None:
            raise ClientDecodeError("no result", ValueError(status_code), None)
        return answer

    async def call(
        self, bot: Bot, method: type[TelegramMethod[Any]], params: Mapping[str, object]
    ) -> Any:
        """Make one of the calls that go out by the thousand, with a body that is ready to send.

        Building and validating the library's models costs four times what the request itself
        does (facts 5); its reading of refusals and its errors are used as they are.

        Raises:
            AiogramError: Telegram refused, or the answer made no sense.
            NeverSentError: there was no connection.
            BrokenOffError: the wire failed, or no answer came in time.
        """
        url = self.api.api_url(token=bot.token, method=method.__api_method__)
        status, content = await self._bulk.post(url, to_json(params))
        if status == HTTPStatus.OK and (result := _result_in(content)) is not None:
            return result
        asked = method.model_construct(None, **params)
        words = content.decode(errors="replace")
        return self.check_response(bot, asked, status, words).result

    async def close(self) -> None:
        """Let go of connections; only TLS has to be given a moment to say goodbye."""
        await self._bulk.close()
        if self.api.base.startswith("https:"):
            await super().close()
        elif self._session is not None:
            await self._session.close()


def _result_in(content: bytes) -> Any:
    """Return what an answer says that all went well; None when it does not say so."""
    try:
        answer = from_json(content)
    except ValueError:
        return None
    return answer.get("result") if isinstance(answer, dict) and answer.get("ok") is True else None


class AiogramTransport:
    """One bot, through aiogram's types, methods and errors."""

    def __init__(
        self, token: str, api_url: str, *, connect_timeout: float = CONNECT_TIMEOUT
    ) -> None:
        self._session = _Session(TelegramAPIServer.from_base(api_url), connect_timeout)
        self._bot = Bot(token, session=self._session)
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

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this library can show."""
        return EVERYTHING

    async def open(self) -> None:
        """Learn the bot's name.

        Raises:
            TokenRefusedError: the service does not know the token.
            FetchFailedError: it does not answer.
        """
        try:
            me = await self._bot.get_me(request_timeout=10)
        except (TelegramUnauthorizedError, TelegramNotFound) as error:
            raise TokenRefusedError("token refused") from error
        except AiogramError as error:
            raise FetchFailedError(type(error).__name__) from error
        self._username = me.username or ""

    async def close(self) -> None:
        """Let go of connections."""
        for task, session in list(self._ending.items()):
            task.cancel()
            await session.close()
        await self._session.close()

    async def renew(self) -> None:
        """Speak over new connections from now on; sends under way end on the old ones."""
        old = self._session
        self._bot.session = self._session = _Session(old.api, old.connect_timeout)
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
            await self._bot.set_webhook(
                url,
                secret_token=secret,
                allowed_updates=list(ALLOWED),
                max_connections=AT_ONCE,
            )
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

    async def webhook_state(self) -> WebhookState:
        """Ask where updates are delivered to.

        Raises:
            FetchFailedError: Telegram did not answer.
        """
        try:
            info = await self._bot.get_webhook_info(request_timeout=10)
        except AiogramError as error:
            raise FetchFailedError(type(error).__name__) from error
        return WebhookState(
            info.url,
            info.pending_update_count,
            info.last_error_date,
            info.last_error_message or "",
        )

    def read(self, raw: RawUpdate) -> Event | None:
        """Translate an update.

        Raises:
            UnreadableUpdateError: it does not have Telegram's form.
        """
        try:
            update = Update.model_validate(heard(raw))
        except ValidationError as error:
            places = sorted({".".join(str(part) for part in e["loc"]) for e in error.errors()})
            raise UnreadableUpdateError("malformed: " + ", ".join(places[:5])) from None
        event = event_of(self.bot_id, update, _kind)
        if event is not None and (wrong := beyond(event)):
            raise UnreadableUpdateError("malformed: " + ", ".join(wrong))
        return event

    async def send(
        self,
        chat_id: int,
        message: Rendered,
        *,
        reply_to: int | None = None,
        paid: bool = False,
    ) -> SendResult:
        """Send a new message."""
        message = fitted(message, self.capabilities)
        if message.document is not None or message.photo is not None:
            return await self._send_file(chat_id, message, reply_to, paid)
        said: dict[str, object] = {"chat_id": chat_id, **plain(message)}
        if reply_to is not None:
            said["reply_parameters"] = {
                "message_id": reply_to,
                "allow_sending_without_reply": True,
            }
        if paid:
            said["allow_paid_broadcast"] = True
        return await self._call(SendMessage, said)

    async def _send_file(
        self, chat_id: int, message: Rendered, reply_to: int | None, paid: bool
    ) -> SendResult:
        send = self._bot.send_document if message.document is not None else self._bot.send_photo
        reply = None
        if reply_to is not None:
            reply = ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
        try:
            sent = await send(
                chat_id,
                _file(message.document or message.photo or ("", b"")),
                caption=message.text,
                parse_mode="HTML",
                reply_markup=_keyboard(message),
                reply_parameters=reply,
                allow_paid_broadcast=paid or None,
                request_timeout=int(SEND_TIMEOUT),
            )
        except (AiogramError, ClientError, TimeoutError) as error:
            return _fault(error)
        return Delivered(sent.message_id)

    async def edit(self, chat_id: int, message_id: int, message: Rendered) -> SendResult:
        """Make an earlier message say this."""
        message = fitted(message, self.capabilities)
        said = {"chat_id": chat_id, "message_id": message_id, **plain(message)}
        return unless_unchanged(await self._call(EditMessageText, said), message_id)

    async def delete(self, chat_id: int, message_id: int) -> SendResult:
        """Take a message away."""
        try:
            await self._bot.delete_message(chat_id, message_id, request_timeout=int(SEND_TIMEOUT))
        except (AiogramError, ClientError, TimeoutError) as error:
            return _fault(error)
        return Delivered(message_id)

    async def answer(self, callback_id: str, text: str, *, alert: bool = False) -> SendResult:
        """End a button's waiting state."""
        said: dict[str, object] = {"callback_query_id": callback_id}
        if text:
            said["text"] = text
        if alert:
            said["show_alert"] = True
        return await self._call(AnswerCallbackQuery, said)

    async def _call(
        self, method: type[TelegramMethod[Any]], said: Mapping[str, object]
    ) -> SendResult:
        try:
            result = await self._session.call(self._bot, method, said)
        except (AiogramError, NeverSentError, BrokenOffError) as error:
            return _fault(error)
        match result:
            case {"message_id": int(message_id)}:
                return Delivered(message_id)
            case True:
                return Delivered(0)
        return Unclear("an answer without a message")

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


def _kind(message: Message) -> str:
    return ContentType(message.content_type).value


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
        text=button.text, callback_data=button.data, style=STYLES.get(button.style)
    )


def _file(named: tuple[str, bytes]) -> BufferedInputFile:
    name, content = named
    return BufferedInputFile(content, name)


def _fault(error: Exception) -> SendResult:
    match error:
        case TelegramRetryAfter():
            return Wait(float(error.retry_after))
        case TelegramForbiddenError():
            return Unreachable(error.message.removeprefix("Forbidden: "))
        case TelegramUnauthorizedError() | TelegramNotFound():  # no method of ours is unknown
            return Unauthorized()
        case TelegramMigrateToChat():
            return Migrated(error.migrate_to_chat_id)
        case TelegramBadRequest():
            return bad_request(error.message)
        case TelegramAPIError() if certain := other_refusal(error.message):
            return certain
        case TelegramNetworkError() if isinstance(error.__cause__, _UNSENT):
            return NotSent("no connection")
        case NeverSentError() | ClientConnectorError() | ConnectionTimeoutError():
            return NotSent("no connection")
        case BrokenOffError():
            return Unclear(str(error))
        case _:  # no other error means for certain that nothing was sent
            return Unclear(type(error).__name__)
