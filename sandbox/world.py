"""The world behind the server: who there is, what was said, and what people do in the chat."""

import asyncio
import hashlib
import mimetypes
import random
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from sandbox import entities, pictures, wire
from sandbox.clock import ShiftedClock
from sandbox.errors import RefusedError
from sandbox.faults import Faults
from sandbox.hub import Hub
from sandbox.journal import Journal
from sandbox.limits import Limits
from sandbox.records import JSON, Bot, Chat, Message, StoredFile, Tap, User
from sandbox.updates import UpdateQueue

TOKEN = re.compile(r"(\d{3,16}):[A-Za-z0-9_-]{35}")
PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
FIRST_USER_ID = 5_000_000_001  # beyond 32 bits, as new people's ids are
FIRST_GROUP_ID = -4_000_000_001
FIRST_SUPERGROUP_ID = -1_001_000_000_001
MAX_TEXT = 4096
MAX_CAPTION = 1024


class World:
    """Bots, people, groups and their chats. Its public methods are what people can do."""

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
        self.journal = Journal(log_cap)
        self.die = random.Random(seed)  # noqa: S311 (repeatable is the point)
        self.bots: dict[int, Bot] = {}
        self.users: dict[int, User] = {}
        self.groups: dict[int, str] = {}
        self.chats: dict[tuple[int, int], Chat] = {}
        self.chats_of: dict[int, dict[int, Chat]] = {}
        self.files: dict[str, StoredFile] = {}
        self.taps: OrderedDict[str, Tap] = OrderedDict()
        self._by_token: dict[str, Bot] = {}

    # Who there is

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
        for label in ("username", "role", "note", "emoji", "deactivated"):
            if labels.get(label) is not None:
                setattr(user, label, labels[label])
        user.refresh()
        for chat in self.chats_of.get(id, {}).values():
            chat.refresh()
        self.hub.tell("users")
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

    # What people do

    def write(self, user_id: int, text: str, bot_id: int | None = None) -> tuple[Message, int]:
        """Let a person write; gives the message and its update's id."""
        text = text.strip()
        if not text:
            raise RefusedError("There is nothing to send: the text is empty.")
        if entities.utf16_length(text) > MAX_TEXT:
            raise RefusedError(f"The text is longer than {MAX_TEXT} characters: send less.")
        chat = self._open(user_id, bot_id)
        found = entities.find(text, [])
        return self._send_as_person(chat, text=text, entities=found)

    def start(self, user_id: int, payload: str, bot_id: int | None = None) -> tuple[Message, int]:
        """Let a person open t.me/BOT?start=PAYLOAD and press Start."""
        if payload and not PAYLOAD.fullmatch(payload):
            raise RefusedError("A start payload is up to 64 letters, digits, - or _.")
        return self.write(user_id, f"/start {payload}", bot_id)

    def upload(
        self,
        user_id: int,
        content: bytes,
        name: str,
        *,
        kind: str = "document",
        caption: str = "",
        bot_id: int | None = None,
    ) -> tuple[Message, int]:
        """Let a person send a file or a picture."""
        if entities.utf16_length(caption) > MAX_CAPTION:
            raise RefusedError(f"The caption is longer than {MAX_CAPTION} characters.")
        chat = self._open(user_id, bot_id)
        file = self.store(content, name, kind)
        found = entities.find(caption, [])
        return self._send_as_person(chat, file=file, caption=caption or None, entities=found)

    def tap(
        self,
        user_id: int,
        message_id: int,
        *,
        text: str | None = None,
        data: str | None = None,
        raw: bool = False,
        bot_id: int | None = None,
    ) -> Tap:
        """Let a person tap a button, found by its text or its data; raw forges one."""
        chat = self._open(user_id, bot_id)
        message = chat.messages.get(message_id)
        if not raw:
            data = self._button_data(message, message_id, text, data)
        elif data is None:
            raise RefusedError("A raw tap needs data.")
        content: JSON = {"id": "", "from": self.users[user_id].wire}
        if message is not None:
            content["message"] = wire.message(message)
        else:
            content["message"] = {"chat": chat.wire, "message_id": message_id, "date": 0}
        content["chat_instance"] = str(-(user_id * 1_000_003 + chat.bot.id))
        content["data"] = data
        return self._ask_bot(chat, message, content)

    def block(self, user_id: int, blocked: bool, bot_id: int | None = None) -> int | None:
        """Let a person block or unblock a bot; gives the update's id when that is news."""
        chat = self.chat(user_id, bot_id)
        if chat.blocked == blocked:
            return None
        chat.blocked = blocked
        here: JSON = {"user": chat.bot.wire, "status": "member"}
        gone: JSON = {"user": chat.bot.wire, "status": "kicked", "until_date": 0}
        content = {
            "chat": chat.wire,
            "from": self.users[user_id].wire,
            "date": int(self.clock.timestamp()),
            "old_chat_member": here if blocked else gone,
            "new_chat_member": gone if blocked else here,
        }
        update_id = chat.bot.queue.put("my_chat_member", content, user_id)
        self.touched(chat)
        self.hub.tell("users")
        return update_id

    def read(self, user_id: int, bot_id: int | None = None) -> None:
        """Let a person read all that there is."""
        chat = self.chat(user_id, bot_id)
        if chat.unread:
            chat.unread = 0
            self.hub.tell("users")

    def _open(self, user_id: int, bot_id: int | None) -> Chat:
        chat = self.chat(user_id, bot_id)
        if chat.blocked:
            raise RefusedError(
                "This person has blocked the bot: unblock it first "
                f'(POST /sandbox/chats/{user_id}/block {{"blocked": false}}).',
                409,
            )
        chat.unread = 0
        return chat

    def _send_as_person(self, chat: Chat, **content: Any) -> tuple[Message, int]:
        assert chat.user is not None  # noqa: S101 (groups have no users' API)
        chat.started = True
        message = Message(
            self.new_message_id(chat),
            chat,
            chat.user.wire,
            from_bot=False,
            date=int(self.clock.timestamp()),
            **content,
        )
        chat.messages[message.id] = message
        update_id = chat.bot.queue.put("message", wire.message(message), chat.id)
        self.touched(chat)
        return message, update_id

    def _button_data(
        self, message: Message | None, message_id: int, text: str | None, data: str | None
    ) -> str:
        if message is None:
            raise RefusedError(
                f"There is no message {message_id} in this chat; it may be deleted.", 404
            )
        if (text is None) == (data is None):
            raise RefusedError("Say which button: give either its text or its data.")
        rows = (message.markup or {}).get("inline_keyboard", [])
        buttons = [button for row in rows for button in row]
        for button in buttons:
            if text is not None and button["text"] != text:
                continue
            if data is not None and button.get("callback_data") != data:
                continue
            if "callback_data" not in button:
                raise RefusedError(
                    f"{button['text']!r} opens or copies something: no tap is sent."
                )
            return str(button["callback_data"])
        wanted = text if text is not None else data
        shown = ", ".join(repr(button["text"]) for button in buttons) or "none"
        raise RefusedError(
            f"Message {message_id} has no button {wanted!r}; its buttons are: {shown}.", 404
        )

    def _ask_bot(self, chat: Chat, message: Message | None, content: JSON) -> Tap:
        now = self.monotonic()
        while self.taps:  # those too old for any answer
            oldest = next(iter(self.taps.values()))
            if now - oldest.at < self.limits.answer_within:
                break
            del self.taps[oldest.id]
            if oldest.answer is not None and not oldest.answer.done():
                oldest.answer.set_result(None)
        tap_id = str(self.die.randrange(10**17, 10**18))
        content["id"] = tap_id
        update_id = chat.bot.queue.put("callback_query", content, chat.id)
        tap = self.taps[tap_id] = Tap(tap_id, update_id, chat, message, now)
        return tap

    async def answer_to(self, tap: Tap, seconds: float) -> JSON | None:
        """Wait for the bot's answer to a tap; None when none comes in time."""
        if tap.given is not None or tap.id not in self.taps:
            return tap.given
        if tap.answer is None:
            tap.answer = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(tap.answer)
        except TimeoutError:
            return None

    # What both sides need

    def new_message_id(self, chat: Chat) -> int:
        """Count messages: one counter for a bot's private chats and groups together."""
        if chat.kind == "supergroup":
            chat.last_message_id += 1
            return chat.last_message_id
        chat.bot.last_message_id += 1
        return chat.bot.last_message_id

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
        self.files[digest] = file
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
