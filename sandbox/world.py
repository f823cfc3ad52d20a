"""The world behind the server: its public methods are what people do in the chat."""

import asyncio
import re
from typing import Any

from sandbox import entities, wire
from sandbox.errors import RefusedError
from sandbox.records import JSON, Chat, Message, Tap
from sandbox.registry import Registry

PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_TEXT = 4096
MAX_CAPTION = 1024


class World(Registry):
    """The people's side: they write, tap, send files, read and block."""

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
        self.hub.tell("users", user_id=user_id)
        return update_id

    def read(self, user_id: int, bot_id: int | None = None) -> None:
        """Let a person read all that there is."""
        chat = self.chat(user_id, bot_id)
        if chat.unread:
            chat.unread = 0
            self.hub.tell("users", user_id=user_id)

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
        tap_id = self.new_query_id()
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
