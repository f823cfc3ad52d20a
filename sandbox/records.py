"""What the sandbox knows: bots, people, chats, messages, files."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from sandbox.limits import Pace
from sandbox.updates import UpdateQueue

JSON = dict[str, Any]


@dataclass(slots=True)
class User:
    """A person. `role` and `note` are small labels for the chat page, by language.

    Those of the crowd are there, but are not meant to be played: the page folds them away.
    """

    id: int
    name: str
    language: str = "en"
    username: str | None = None
    role: dict[str, str] = field(default_factory=dict)
    note: dict[str, str] = field(default_factory=dict)
    emoji: str = "🙂"
    deactivated: bool = False
    crowd: bool = False
    wire: JSON = field(default_factory=dict)

    def refresh(self) -> None:
        """Shape the person anew as the Bot API shows them."""
        self.wire = {"id": self.id, "is_bot": False, "first_name": self.name}
        if self.username:
            self.wire["username"] = self.username
        self.wire["language_code"] = self.language


@dataclass(slots=True)
class Bot:
    """A bot account."""

    id: int
    token: str
    username: str
    name: str
    queue: UpdateQueue
    last_message_id: int = 0
    pace: Pace = field(default_factory=Pace)
    commands: dict[tuple[str, int, int, str], list[JSON]] = field(default_factory=dict)
    menu_buttons: dict[int, JSON] = field(default_factory=dict)  # 0 stands for every chat
    about: dict[tuple[str, str], str] = field(default_factory=dict)  # (what, language)
    wire: JSON = field(default_factory=dict)

    def refresh(self) -> None:
        """Shape the account anew as the Bot API shows it."""
        self.wire = {
            "id": self.id,
            "is_bot": True,
            "first_name": self.name,
            "username": self.username,
        }


@dataclass(slots=True)
class StoredFile:
    """A file that somebody sent."""

    unique_id: str
    kind: str  # "photo" or "document"
    name: str
    mime: str
    content: bytes
    path: str
    width: int = 0
    height: int = 0


@dataclass(slots=True)
class Message:
    """One message in one chat."""

    id: int
    chat: "Chat"
    sender: JSON
    from_bot: bool
    date: int
    text: str | None = None
    caption: str | None = None
    entities: list[JSON] = field(default_factory=list)
    markup: JSON | None = None
    reply_to: int | None = None
    file: StoredFile | None = None
    edited: int | None = None
    extras: JSON = field(default_factory=dict)  # further fields of the Bot API, as they are
    notices: list[JSON] = field(default_factory=list)  # callback answers shown to the person


@dataclass(slots=True)
class Chat:
    """What is between one bot and one person (or one group)."""

    id: int
    bot: Bot
    kind: str  # "private", "group" or "supergroup"
    user: User | None = None
    title: str = ""
    messages: dict[int, Message] = field(default_factory=dict)
    started: bool = False  # the person has written to the bot
    blocked: bool = False  # or the bot was put out of the group
    unread: int = 0
    version: int = 0
    keyboard: JSON | None = None  # a reply keyboard, which is the chat's and not a message's
    migrated_to: int | None = None
    last_message_id: int = 0  # supergroups count for themselves
    pace: Pace = field(default_factory=Pace)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    wire: JSON = field(default_factory=dict)

    def refresh(self) -> None:
        """Shape the chat anew as the Bot API shows it."""
        if self.user is None:
            self.wire = {"id": self.id, "title": self.title, "type": self.kind}
            return
        self.wire = {"id": self.id, "first_name": self.user.name}
        if self.user.username:
            self.wire["username"] = self.user.username
        self.wire["type"] = "private"


@dataclass(slots=True)
class Tap:
    """A callback query that waits for its answer."""

    id: str
    update_id: int
    chat: Chat
    message: Message | None
    at: float  # monotonic
    answer: asyncio.Future[JSON | None] | None = None  # somebody waits for it
    given: JSON | None = None
