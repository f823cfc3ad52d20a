"""The port to the messenger: the events that can come in, the messages that can go out.

Nothing here knows Telegram's libraries; an adapter in `bot/` translates, and a later channel is
one more adapter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from checkin.facts import fact

RawUpdate = dict[str, Any]


# ---- in ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event says: which update, which chat of which bot, the sender and language.

    `written_at` is when it was sent, by the messenger's clock; of a tap nobody knows.
    """

    bot_id: int
    update_id: int
    chat_id: int
    language: str | None = None
    private: bool = True
    sender: str = ""
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(Event):
    """Someone wrote something."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Event):
    """Someone sent `/name rest`; the name comes in small letters, without slash and bot name."""

    name: str
    rest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tap(Event):
    """Someone pressed a button under a message of ours."""

    data: str
    callback_id: str
    message_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload(Event):
    """Someone sent a file."""

    file_id: str
    file_name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership(Event):
    """Someone blocked the bot, or let it in again."""

    blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported(Event):
    """Someone sent what we have no use for: a sticker, a voice message, a picture."""

    what: str


class UnreadableUpdateError(Exception):
    """The update does not have Telegram's form; it is set aside with this reason."""


# ---- out -----------------------------------------------------------------------------------


class Style(StrEnum):
    """How a button looks, where the client can show it."""

    plain = "plain"
    good = "good"
    danger = "danger"


class Capability(StrEnum):
    """What not every channel can show; where it cannot, the adapter says the same plainly."""

    styled_buttons = "styled buttons"
    copy_buttons = "copy buttons"


@fact
class Button:
    """A button under a message: what it says and what comes back when it is tapped.

    With `copy` it puts these words on the reader's clipboard, and nothing comes back.
    """

    text: str
    data: str
    style: Style = Style.plain
    copy: str | None = None


@fact
class Rendered:
    """A message in the reader's language, as HTML of Telegram's small kind.

    With a `document` or a `photo` (file name and content; a PNG) the text is its caption, of at
    most 1024 characters.
    """

    text: str
    buttons: tuple[tuple[Button, ...], ...] = ()
    document: tuple[str, bytes] | None = None
    photo: tuple[str, bytes] | None = None


@fact
class Delivered:
    """It arrived as this message (an edit: it stands as wanted)."""

    message_id: int


@fact
class Wait:
    """Too fast: nothing was sent; this bot's bulk lane rests for so many seconds."""

    seconds: float


@fact
class Unreachable:
    """The chat is closed to us: blocked, deactivated, never started, unknown."""

    reason: str


@fact
class Migrated:
    """The group lives under another id now; nothing was sent."""

    new_chat_id: int


@fact
class NotSent:
    """It certainly did not arrive; trying again cannot double it."""

    reason: str


@fact
class Unclear:
    """It may have arrived: a timeout, a 5xx or a reset after the request was written."""

    reason: str


@fact
class Rejected:
    """Telegram will never take this message as it is (a fault of ours)."""

    reason: str


@fact
class TargetGone:
    """The message to edit is not there any more."""


@fact
class Unauthorized:
    """The token is no longer valid: sending stops, the queue stays."""


SendResult = (
    Delivered
    | Wait
    | Unreachable
    | Migrated
    | NotSent
    | Unclear
    | Rejected
    | TargetGone
    | Unauthorized
)


@fact
class MenuCommand:
    """A line of the chat's command menu."""

    name: str
    description: str


@fact
class WebhookState:
    """What the service says of a bot's webhook.

    `pending` updates wait to be delivered; `error_at` is the last failure, by the service's clock.
    """

    url: str
    pending: int = 0
    error_at: datetime | None = None
    error: str = ""


class PollConflictError(Exception):
    """Another process polls with the same token (409)."""


class FetchFailedError(Exception):
    """The updates could not be fetched just now; nothing is lost, try again."""


class TokenRefusedError(FetchFailedError):
    """The service does not know the token: it was withdrawn, or copied in part."""


class Transport(Protocol):
    """One bot's way to its messenger. Each method is one request and never retries by itself."""

    @property
    def bot_id(self) -> int:
        """The bot's id, the first part of its token."""

    @property
    def username(self) -> str:
        """The bot's name, for links; known after `open`."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this channel can show."""

    async def open(self) -> None:
        """Say hello to the service and learn the bot's name."""

    async def close(self) -> None:
        """Let go of connections."""

    async def renew(self) -> None:
        """Speak over new connections from now on; what is under way ends on the old ones."""

    async def fetch(self, offset: int | None, wait: float) -> list[RawUpdate]:
        """Return raw updates from `offset` on, waiting up to `wait` seconds for the first.

        Raises:
            PollConflictError: someone else polls.
            FetchFailedError: network, 5xx, 429.
        """

    async def webhook_state(self) -> WebhookState:
        """Ask where updates are delivered to, and how that goes; an empty address is none.

        Raises:
            FetchFailedError: network, 5xx, 429.
        """

    def read(self, raw: RawUpdate) -> Event | None:
        """Translate an update; None when it is of a kind that we did not ask for.

        Raises:
            UnreadableUpdateError: it does not have the form that it should have.
        """

    async def send(
        self,
        chat_id: int,
        message: Rendered,
        *,
        reply_to: int | None = None,
        paid: bool = False,
    ) -> SendResult:
        """Send a new message; a `paid` one may go faster than the service allows for nothing."""

    async def edit(self, chat_id: int, message_id: int, message: Rendered) -> SendResult:
        """Make an earlier message say this; an unchanged one counts as delivered."""

    async def delete(self, chat_id: int, message_id: int) -> SendResult:
        """Take a message away; one that is gone already counts as delivered."""

    async def answer(self, callback_id: str, text: str, *, alert: bool = False) -> SendResult:
        """End a button's waiting state, with a short word."""

    async def download(self, file_id: str) -> bytes:
        """Return a file that someone sent.

        Raises:
            FetchFailedError: it could not be had just now.
        """

    async def menu(
        self, chat_id: int | None, commands: Sequence[MenuCommand], language: str | None
    ) -> SendResult:
        """Set the command menu of a chat, or the default one of a language."""
