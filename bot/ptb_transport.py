"""Telegram through python-telegram-bot: translation only, one request a call, no retries.

Its updater, job queue and rate limiter are not used: they would confirm updates before they are
handled (see ADR 2) and halt every chat for one. The library is imported when it is chosen.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, get_type_hints

from httpx import (
    URL,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    PoolTimeout,
    Request,
    Timeout,
    TimeoutException,
    create_ssl_context,
)
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    CopyTextButton,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    ReplyParameters,
    Update,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.helpers import effective_message_type
from telegram.request import HTTPXRequest

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
    Command,
    Delivered,
    Event,
    FetchFailedError,
    Membership,
    MenuCommand,
    Migrated,
    NotSent,
    PollConflictError,
    RawUpdate,
    Rendered,
    SendResult,
    Tap,
    TokenRefusedError,
    Unauthorized,
    Unclear,
    Unreachable,
    UnreadableUpdateError,
    Unsupported,
    Upload,
    Wait,
    WebhookState,
    Words,
)

# The library's new way with times: in the old one each 429 warns of itself.
os.environ["PTB_TIMEDELTA"] = "true"

_SIDE_BY_SIDE = 64  # requests under way, as many as the sender has
_JSON = {"Content-Type": "application/json"}
_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_UNSENT = (ConnectError, ConnectTimeout, PoolTimeout)  # the request was never written
_ODD = (KeyError, TypeError, ValueError, AttributeError)  # an answer that is not Telegram's
_FORMS: dict[type[Event], dict[str, Any]] = {
    kind: get_type_hints(kind) for kind in (Words, Command, Tap, Upload, Membership, Unsupported)
}


class _Bot(Bot):
    """The library's bot, whose raw calls are meant: it would warn of each."""

    @classmethod
    def _warn(cls, message: Any, *args: Any, **kwargs: Any) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A request that has nothing left to be made: where to, its body, and for how long."""

    url: URL
    body: bytes
    times: dict[str, float | None]


class _Request(HTTPXRequest):
    """The library's HTTP client, which never shows the log an answer that it cannot read.

    Bodies that are ready go past its form encoding and httpx's merging of everything with
    defaults, which take as long as the rest; how refusals are read stays the library's.
    """

    async def do_request(
        self, url: str, method: str, request_data: Any = None, *args: Any, **kwargs: Any
    ) -> tuple[int, bytes]:
        """Make one request."""
        if not isinstance(request_data, _Ready):
            return await super().do_request(url, method, request_data, *args, **kwargs)
        request = Request(
            method,
            request_data.url,
            headers=_JSON,
            content=request_data.body,
            extensions={"timeout": request_data.times},
        )
        try:
            response = await self._client.send(request)
        except TimeoutException as error:
            raise TimedOut from error
        except HTTPError as error:
            raise NetworkError(type(error).__name__) from error
        return response.status_code, response.content

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Read an answer."""
        try:
            answer: dict[str, Any] = json.loads(payload)
        except ValueError as error:
            raise TelegramError("unreadable answer") from error
        if not isinstance(answer, dict):
            raise TelegramError("unreadable answer")
        return answer


class _Connections:
    """One for all that the library does itself, and lanes of one connection each for the bulk.

    httpx goes through every connection of a client for each request: with eight in one client
    that is a fifth of the work, with 64 most of it.
    """

    def __init__(self, api_url: str, connect_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._verify = create_ssl_context() if api_url.startswith("https:") else False
        self.shared = self._request(64)
        self._lanes: list[_Request] = []
        self._free: list[_Request] = []

    def _request(self, size: int) -> _Request:
        return _Request(
            connection_pool_size=size,
            connect_timeout=self._connect_timeout,
            pool_timeout=self._connect_timeout,
            read_timeout=SEND_TIMEOUT,
            write_timeout=SEND_TIMEOUT,
            media_write_timeout=SEND_TIMEOUT,
            # Like the other library: no proxy out of the environment.
            httpx_kwargs={"trust_env": False, "verify": self._verify},
        )

    @contextmanager
    def lane(self) -> Iterator[_Request]:
        """Give a lane that nobody else is in; the one that was left last is the warmest."""
        if self._free:
            lane = self._free.pop()
        else:
            lane = self._request(1)
            self._lanes.append(lane)
        try:
            yield lane
        finally:
            self._free.append(lane)

    async def close(self) -> None:
        """Let go of them all."""
        for request in (self.shared, *self._lanes):
            await request.shutdown()

    async def close_later(self) -> None:
        """Let go once what is under way has ended."""
        await asyncio.sleep(SEND_TIMEOUT)
        await self.close()


class PtbTransport:
    """One bot, through python-telegram-bot's types, methods and errors."""

    def __init__(
        self, token: str, api_url: str, *, connect_timeout: float = CONNECT_TIMEOUT
    ) -> None:
        self._token, self._api_url = token, api_url
        self._connect_timeout = connect_timeout
        times = Timeout(SEND_TIMEOUT, connect=connect_timeout, pool=connect_timeout)
        self._times = times.as_dict()
        self._bot_id = int(token.partition(":")[0])
        self._username = ""
        self._ending: dict[asyncio.Task[None], _Connections] = {}
        self._turns = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._addresses: dict[str, URL] = {}
        self._connect()

    def _connect(self) -> None:
        self._connections = _Connections(self._api_url, self._connect_timeout)
        self._bot = _Bot(
            self._token,
            base_url=f"{self._api_url}/bot",
            base_file_url=f"{self._api_url}/file/bot",
            request=self._connections.shared,
            get_updates_request=self._connections.shared,
        )

    @property
    def bot_id(self) -> int:
        """The bot's id, the first part of its token."""
        return self._bot_id

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
            me = await self._bot.get_me()
        except InvalidToken as error:
            raise TokenRefusedError("token refused") from error
        except (TelegramError, *_ODD) as error:
            raise FetchFailedError(type(error).__name__) from error
        self._username = me.username or ""

    async def close(self) -> None:
        """Let go of connections."""
        for task, connections in list(self._ending.items()):
            task.cancel()
            await connections.close()
        await self._connections.close()

    async def renew(self) -> None:
        """Speak over new connections from now on; sends under way end on the old ones."""
        old = self._connections
        self._connect()
        task = asyncio.create_task(old.close_later())
        self._ending[task] = old
        task.add_done_callback(self._ending.pop)

    async def fetch(self, offset: int | None, wait: float) -> list[RawUpdate]:
        """Return raw updates from `offset` on; asking confirms everything before it.

        They are not parsed: an update that cannot be read must not stop the others.
        """
        asked = {
            "offset": offset,
            "limit": 100,
            "timeout": int(wait),
            "allowed_updates": list(ALLOWED),
        }
        try:
            raws = await self._bot.do_api_request("getUpdates", asked, read_timeout=int(wait) + 10)
        except Conflict as error:
            raise PollConflictError from error
        except (TelegramError, *_ODD) as error:
            raise FetchFailedError(type(error).__name__) from error
        if not isinstance(raws, list) or not all(isinstance(raw, dict) for raw in raws):
            raise FetchFailedError("not a list of updates")
        return raws

    async def use_webhook(self, url: str, secret: str) -> None:
        """Have updates delivered to `url`.

        Raises:
            FetchFailedError: Telegram did not take it.
        """
        try:
            await self._bot.set_webhook(
                url, secret_token=secret, allowed_updates=ALLOWED, max_connections=AT_ONCE
            )
        except (TelegramError, *_ODD) as error:
            raise FetchFailedError(type(error).__name__) from error

    async def use_polling(self) -> None:
        """Have updates kept for `fetch`; those that wait are not dropped.

        Raises:
            FetchFailedError: Telegram did not take it.
        """
        try:
            await self._bot.delete_webhook(drop_pending_updates=False)
        except (TelegramError, *_ODD) as error:
            raise FetchFailedError(type(error).__name__) from error

    async def webhook_state(self) -> WebhookState:
        """Ask where updates are delivered to.

        Raises:
            FetchFailedError: Telegram did not answer.
        """
        try:
            info = await self._bot.get_webhook_info()
        except (TelegramError, *_ODD) as error:
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
            update = Update.de_json(heard(raw))
            event = event_of(self.bot_id, update, _kind)
        except Exception as error:  # the library has no word of its own for it
            raise UnreadableUpdateError(f"malformed: {type(error).__name__}") from None
        if event is not None and (wrong := _misfits(event) or beyond(event)):
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
            said["reply_parameters"] = _parameters(reply_to).to_dict()
        if paid:
            said["allow_paid_broadcast"] = True
        return await self._call("sendMessage", said, lambda sent: sent["message_id"])

    async def _send_file(
        self, chat_id: int, message: Rendered, reply_to: int | None, paid: bool
    ) -> SendResult:
        send = self._bot.send_document if message.document is not None else self._bot.send_photo
        name, content = message.document or message.photo or ("", b"")
        sent = send(
            chat_id,
            content,
            filename=name,
            caption=message.text,
            parse_mode="HTML",
            reply_markup=_keyboard(message),
            reply_parameters=None if reply_to is None else _parameters(reply_to),
            allow_paid_broadcast=paid or None,
        )
        return await _result(sent, lambda said: said.message_id)

    async def edit(self, chat_id: int, message_id: int, message: Rendered) -> SendResult:
        """Make an earlier message say this."""
        message = fitted(message, self.capabilities)
        said = {"chat_id": chat_id, "message_id": message_id, **plain(message)}
        result = await self._call("editMessageText", said, lambda _: message_id)
        return unless_unchanged(result, message_id)

    async def _call(
        self, method: str, said: dict[str, object], number: Callable[[Any], int]
    ) -> SendResult:
        """Make one of the calls that go out by the thousand, with a body that is ready to send."""
        if method not in self._addresses:
            self._addresses[method] = URL(f"{self._bot.base_url}/{method}")
        ready: Any = _Ready(self._addresses[method], _compact(said).encode(), self._times)
        latest = monotonic() + self._connect_timeout
        async with self._turns:
            if monotonic() > latest:  # whoever was before it hung
                return NotSent("no connection")
            with self._connections.lane() as lane:
                return await _result(lane.post(method, ready), number)

    async def delete(self, chat_id: int, message_id: int) -> SendResult:
        """Take a message away."""
        return await _result(self._bot.delete_message(chat_id, message_id), lambda _: message_id)

    async def answer(self, callback_id: str, text: str, *, alert: bool = False) -> SendResult:
        """End a button's waiting state."""
        said: dict[str, object] = {"callback_query_id": callback_id}
        if text:
            said["text"] = text
        if alert:
            said["show_alert"] = True
        return await self._call("answerCallbackQuery", said, lambda _: 0)

    async def download(self, file_id: str) -> bytes:
        """Return a file that someone sent.

        Raises:
            FetchFailedError: it could not be had just now.
        """
        try:
            async with asyncio.timeout(60):
                file = await self._bot.get_file(file_id)
                return bytes(await file.download_as_bytearray(read_timeout=20))
        except (TelegramError, TimeoutError, *_ODD) as error:
            raise FetchFailedError(type(error).__name__) from error

    async def menu(
        self, chat_id: int | None, commands: Sequence[MenuCommand], language: str | None
    ) -> SendResult:
        """Set the command menu of a chat, or everyone's default one in a language."""
        scope = (
            BotCommandScopeAllPrivateChats() if chat_id is None else BotCommandScopeChat(chat_id)
        )
        return await _result(
            self._bot.set_my_commands(
                [BotCommand(each.name, each.description) for each in commands], scope, language
            )
        )


def _parameters(reply_to: int) -> ReplyParameters:
    return ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)


async def _result(
    request: Awaitable[Any], number: Callable[[Any], int] = lambda _: 0
) -> SendResult:
    """Do a request and say what became of it; `number` finds the message's in the answer.

    httpx counts its seconds anew for each piece that it reads, so the whole is timed here.
    """
    try:
        async with asyncio.timeout(SEND_TIMEOUT):
            return Delivered(number(await request))
    except TelegramError as error:
        return _fault(error)
    except (TimeoutError, *_ODD) as error:
        return Unclear(type(error).__name__)


def _fault(error: TelegramError) -> SendResult:
    match error:
        case RetryAfter():
            wait = error.retry_after
            return Wait(wait.total_seconds() if isinstance(wait, timedelta) else float(wait))
        case Forbidden():
            return Unreachable(error.message.removeprefix("Forbidden: "))
        case InvalidToken():
            return Unauthorized()
        case ChatMigrated():
            return Migrated(error.new_chat_id)
        case BadRequest():
            return bad_request(error.message)
        case NetworkError() if isinstance(error.__cause__, _UNSENT):
            return NotSent("no connection")
        case _:  # a NetworkError or TimedOut does not mean that nothing was sent
            return other_refusal(error.message) or Unclear(type(error).__name__)


def _kind(message: Message) -> str:
    return effective_message_type(message) or "unknown"


def _misfits(event: Event) -> list[str]:
    """Name the fields that are not what they should be: the library looks at none of them."""
    return [
        name
        for name, form in _FORMS[type(event)].items()
        if not isinstance(value := getattr(event, name), form)
        or (form is not bool and isinstance(value, bool))
    ]


def _keyboard(message: Rendered) -> InlineKeyboardMarkup | None:
    if not message.buttons:
        return None
    return InlineKeyboardMarkup([[_button(button) for button in row] for row in message.buttons])


def _button(button: Button) -> InlineKeyboardButton:
    if button.copy is not None:
        return InlineKeyboardButton(
            button.text, copy_text=CopyTextButton(button.copy[:COPY_LIMIT])
        )
    return InlineKeyboardButton(
        button.text, callback_data=button.data, style=STYLES.get(button.style)
    )
