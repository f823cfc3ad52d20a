"""Who there is: bots, people, groups, the chats between them, and the files they sent."""

import asyncio
import hashlib
import mimetypes
import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sandbox import pictures
from sandbox.clock import ShiftedClock
from sandbox.errors import RefusedError
from sandbox.faults import Faults
from sandbox.guide import Guide
from sandbox.hub import Hub
from sandbox.journal import Journal
from sandbox.limits import Limits
from sandbox.records import Bot, Chat, StoredFile, Tap, User
from sandbox.updates import UpdateQueue

TOKEN = re.compile(r"(\d{3,16}):[A-Za-z0-9_-]{35}")
FIRST_USER_ID = 5_000_000_001  # beyond 32 bits, as new people's ids are
FIRST_GROUP_ID = -4_000_000_001
FIRST_SUPERGROUP_ID = -1_001_000_000_001


class Registry:
    """Bots, people, groups and their chats."""

    def __init__(
        self,
        seed: int = 0,
        clock: ShiftedClock | None = None,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        open_registration: bool = True,
        log_cap: int = 2_000_000,
    ) -> None:
        self.clock = clock or ShiftedClock()
        self.limits = limits or Limits()
        self.monotonic = monotonic
        self.open_registration = open_registration
        self.faults: Faults | None = None
        self.hub = Hub()
        self.guide = Guide()
        self.journal = Journal(log_cap)
        self.die = random.Random(seed)  # noqa: S311 (repeatable is the point)
        self.bots: dict[int, Bot] = {}
        self.users: dict[int, User] = {}
        self.groups: dict[int, str] = {}
        self.chats: dict[tuple[int, int], Chat] = {}
        self.chats_of: dict[int, dict[int, Chat]] = {}
        self.files: dict[str, StoredFile] = {}
        self.files_by_path: dict[str, StoredFile] = {}
        self.taps: OrderedDict[str, Tap] = OrderedDict()
        self._by_token: dict[str, Bot] = {}

    def bot_with(self, token: str) -> Bot | None:
        """Find the bot of a token; with open registration a well-formed token makes one."""
        bot = self._by_token.get(token)
        if bot is None and self.open_registration and (match := TOKEN.fullmatch(token)):
            if int(match[1]) in self.bots:  # its token was revoked, or this one is forged
                return None
            bot = self.add_bot(token)
        return bot

    def add_bot(self, token: str, username: str | None = None, name: str | None = None) -> Bot:
        """Register a bot, or rename one that is there.

        Raises:
            RefusedError: the token has not the form of one.
        """
        match = TOKEN.fullmatch(token)
        if match is None:
            raise RefusedError("A token is digits, a colon and 35 letters, digits, - or _.")
        bot_id = int(match[1])
        bot = self.bots.get(bot_id)
        if bot is None:
            queue = UpdateQueue(self.clock, self.monotonic, self.limits, self.die)
            username = username or f"allclear_{bot_id}_bot"
            bot = self.bots[bot_id] = Bot(bot_id, token, username, name or "Allclear", queue)
        else:
            self._by_token.pop(bot.token, None)
            bot.token = token
            bot.username = username or bot.username
            bot.name = name or bot.name
        self._by_token[token] = bot
        bot.refresh()
        self.hub.tell("users")
        return bot

    def take_bot(self, bot: Bot) -> None:
        """Let in a bot that was kept in a file."""
        bot.refresh()
        self.bots[bot.id] = self._by_token[bot.token] = bot

    def take_chat(self, chat: Chat) -> None:
        """Let in a chat that was kept in a file, after its bot and its person."""
        if chat.user is not None:
            self.chats_of.setdefault(chat.id, {})[chat.bot.id] = chat
        chat.refresh()
        for message in chat.messages.values():
            message.sender = chat.bot.wire
            if chat.user is not None and not message.from_bot:
                message.sender = chat.user.wire
        self.chats[chat.bot.id, chat.id] = chat

    def add_user(
        self,
        name: str,
        language: str = "en",
        *,
        id: int | None = None,
        **labels: Any,
    ) -> User:
        """Let a person join, or change one who is there (by id)."""
        if id is None:
            id = FIRST_USER_ID + len(self.users)
            while id in self.users:
                id += 1
        user = self.users.get(id)
        if user is None:
            user = self.users[id] = User(id, name)
        user.name, user.language = name, language
        for label in ("username", "role", "note", "emoji", "deactivated", "crowd"):
            if labels.get(label) is not None:
                setattr(user, label, labels[label])
        user.refresh()
        for chat in self.chats_of.get(id, {}).values():
            chat.refresh()
        self.hub.tell("users", user_id=id)
        return user

    def add_group(self, title: str, bot_id: int, *, id: int | None = None) -> Chat:
        """Make a group with one bot in it, or put the bot into one that is there."""
        if id is None:
            id = FIRST_GROUP_ID - len(self.groups)
        self.groups[id] = title
        chat = Chat(id, self.bot(bot_id), "group", title=title, started=True)
        chat.refresh()
        self.chats[bot_id, id] = chat
        return chat

    def migrate_group(self, group_id: int) -> int:
        """Turn a group into a supergroup; its id changes, as on the real service."""
        title = self.groups[group_id]
        new_id = FIRST_SUPERGROUP_ID - len(self.groups)
        self.groups[new_id] = title
        for (bot_id, chat_id), old in list(self.chats.items()):
            if chat_id == group_id:
                old.migrated_to = new_id
                new = Chat(new_id, old.bot, "supergroup", title=title, started=True)
                new.refresh()
                self.chats[bot_id, new_id] = new
        return new_id

    def bot(self, bot_id: int | None = None) -> Bot:
        """Find a bot; the only one needs no id.

        Raises:
            RefusedError: there is none, or there are several.
        """
        if bot_id is not None:
            if bot_id in self.bots:
                return self.bots[bot_id]
            raise RefusedError(f"There is no bot {bot_id}; GET /sandbox/bots lists them.", 404)
        if len(self.bots) == 1:
            return next(iter(self.bots.values()))
        if not self.bots:
            raise RefusedError("No bot has called yet: start one, or POST /sandbox/bots.", 404)
        raise RefusedError("There are several bots: say which with ?bot=ID.")

    def user(self, user_id: int) -> User:
        """Find a person.

        Raises:
            RefusedError: there is none.
        """
        if user_id not in self.users:
            raise RefusedError(f"There is no user {user_id}; POST /sandbox/users makes one.", 404)
        return self.users[user_id]

    def chat(self, user_id: int, bot_id: int | None = None) -> Chat:
        """Give the chat of a person with a bot, which is there from the first look on."""
        bot = self.bot(bot_id)
        chat = self.chats.get((bot.id, user_id))
        if chat is None:
            chat = Chat(user_id, bot, "private", self.user(user_id))
            chat.refresh()
            self.chats[bot.id, user_id] = chat
            self.chats_of.setdefault(user_id, {})[bot.id] = chat
        return chat

    def find_chat(self, user_id: int, bot_id: int | None = None) -> Chat:
        """Find a chat to look at: a person's, or a group's."""
        return self.chats.get((self.bot(bot_id).id, user_id)) or self.chat(user_id, bot_id)

    def close(self) -> None:
        """Let everyone who waits go."""
        self.hub.close()
        for bot in self.bots.values():
            bot.queue.wake()
        for chat in self.chats.values():
            for waiter in chat.waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def new_message_id(self, chat: Chat) -> int:
        """Count messages: one counter for a bot's private chats and groups together."""
        if chat.kind == "supergroup":
            chat.last_message_id += 1
            return chat.last_message_id
        chat.bot.last_message_id += 1
        return chat.bot.last_message_id

    def new_query_id(self) -> str:
        """Give an id to a tap or an opened Mini App."""
        return str(self.die.randrange(10**17, 10**18))

    def store(self, content: bytes, name: str, kind: str, mime: str | None = None) -> StoredFile:
        """Keep a file; the same content under the same name is kept once.

        Raises:
            RefusedError: it was said to be a picture and is none.
        """
        digest = hashlib.sha256(f"{kind}/{name}/".encode() + content).hexdigest()[:20]
        if digest in self.files:
            return self.files[digest]
        size = pictures.measure(content)
        if kind == "photo" and size is None:
            raise RefusedError("This is not a PNG, JPEG, GIF or WebP picture: send it as a file.")
        suffix = name.rpartition(".")[2] if "." in name else "bin"
        if mime is None or mime == "application/octet-stream":
            mime = mimetypes.guess_type(name)[0] or "application/octet-stream"
        folder = "photos" if kind == "photo" else "documents"
        path = f"{folder}/file_{len(self.files)}.{suffix if suffix.isalnum() else 'bin'}"
        width, height = size or (0, 0)
        file = StoredFile(digest, kind, name, mime, content, path, width, height)
        self.files[digest] = self.files_by_path[path] = file
        return file

    def touched(self, chat: Chat) -> None:
        """Let everyone know who looks at this chat that it has changed."""
        chat.version += 1
        if chat.waiters:
            for waiter in chat.waiters:
                if not waiter.done():
                    waiter.set_result(None)
            chat.waiters.clear()
        if self.hub.listeners:
            self.hub.tell("chat", user_id=chat.id, bot_id=chat.bot.id, version=chat.version)

    async def changed(self, chat: Chat, after: int, seconds: float) -> None:
        """Wait until a chat's version is higher, but no longer than so many seconds."""
        if chat.version > after:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        chat.waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            pass
        finally:
            if waiter in chat.waiters:
                chat.waiters.remove(waiter)
