"""The hands of the town: finds the button that somebody means and taps it, as people do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator import reading
from simulator.families import Gesture
from simulator.forms import says
from simulator.town import Town

_BUTTONS = {  # what people mean -> how it stands on a button
    "all_clear": ("button.all_clear", "button.all_clear_both", "button.all_clear_named"),
    "open": ("button.subject", "button.oneself"),
    "change": ("button.change",),
    "done": ("button.done",),
    "none": ("button.none",),
    "refresh": ("button.refresh",),
    "details": ("button.details",),
    "release": ("button.release",),
    "keep_flag": ("button.keep_flag",),
    "call_list": ("button.call_list",),
    "well_by_phone": ("button.well_by_phone",),
    "back": ("button.back",),
    "all_here": ("button.all_here",),
    "seen": ("button.seen",),
    "because": ("button.release_because",),
    "call": ("button.release_call",),
    "picture": ("button.picture",),
    "sign": ("button.sign_zero", "button.sign"),
}
_OF_FLAGS = frozenset({"details", "release", "keep_flag", "seen", "because", "call"})


class NoButtonError(LookupError):
    """Somebody meant a button that does not stand in their chat."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What somebody did: which update it became, and for a tap which question to the bot."""

    update_id: int | None
    callback_id: str | None = None
    message_id: int = 0
    data: str = ""


class Player:
    """Plays everybody's phone. `world` is the messenger's own side, as people see it."""

    def __init__(self, world: Any, town: Town, bot_id: int) -> None:
        self.world = world
        self.town = town
        self.bot_id = bot_id
        self.since = 0.0  # the first second of today
        self.unsaid = False  # the bot hears of every second block only when it is refused
        self._blocks = 0
        self._first: dict[int, tuple[int, str]] = {}
        self._last: dict[int, Offered] = {}

    def begin_day(self, midnight: datetime) -> None:
        """Turn to another day: what was seen first today is not known yet."""
        self.since = midnight.timestamp()
        self._first = {}

    def do(self, chat: int, gesture: Gesture) -> Offered:
        """Do one thing; return what the messenger has of it for the bot.

        Raises:
            NoButtonError: the button is not there.
        """
        match gesture.kind:
            case "type" | "command":
                return Offered(self.world.write(chat, gesture.text, self.bot_id)[1])
            case "block" if self._goes_unsaid():
                self.world.chat(chat, self.bot_id).blocked = True
                return Offered(None)
            case "block" | "unblock":
                blocked = gesture.kind == "block"
                return Offered(self.world.block(chat, blocked, self.bot_id))
            case "again":
                self.world.bots[self.bot_id].queue.redeliver(self._last_of(chat).update_id)
                return Offered(None)
            case "raw":
                other = self._any_button(int(gesture.about))
                return self._tap(chat, next(self._messages(chat)).id, other[1])
            case "first_seen":
                return self._tap(chat, *self._first_of(chat))
            case "same_again":
                last = self._last_of(chat)
                return self._tap(chat, last.message_id, last.data)
            case _:
                if chat not in self._first:
                    self._first[chat] = self._any_button(chat)
                return self._tap(chat, *self._find(chat, gesture))

    def _goes_unsaid(self) -> bool:
        self._blocks += 1
        return self.unsaid and self._blocks % 2 == 1

    def _tap(self, chat: int, message_id: int, data: str) -> Offered:
        tap = self.world.tap(chat, message_id, data=data, raw=True, bot_id=self.bot_id)
        self._last[chat] = Offered(tap.update_id, tap.id, message_id, data)
        return self._last[chat]

    def _last_of(self, chat: int) -> Offered:
        if chat not in self._last:
            raise NoButtonError(f"an earlier tap of {self.town.phones[chat].name}")
        return self._last[chat]

    def _first_of(self, chat: int) -> tuple[int, str]:
        if chat not in self._first:
            raise NoButtonError(f"an earlier card of {self.town.phones[chat].name}")
        return self._first[chat]

    def _messages(self, chat: int, *, old: bool = False) -> Iterator[Any]:
        for message in reversed(self.world.chat(chat, self.bot_id).messages.values()):
            if message.from_bot and (message.date < self.since) == old:
                yield message

    def _any_button(self, chat: int) -> tuple[int, str]:
        for message in self._messages(chat):
            for button in reading.buttons_of({"reply_markup": message.markup}):
                return message.id, button.data
        raise NoButtonError(f"any button in the chat of {self.town.phones[chat].name}")

    def _find(self, chat: int, gesture: Gesture) -> tuple[int, str]:
        keys = _BUTTONS.get(gesture.kind, (gesture.kind,))
        subject = self.town.subjects.get(gesture.about)
        name = subject.name if subject else ""
        messages = list(self._messages(chat, old=gesture.old))
        if gesture.reminder:  # whom it may never have reached taps the card instead
            messages.sort(key=lambda message: message.reply_to is None)
        for message in messages:
            if gesture.kind in _OF_FLAGS and name not in (message.text or ""):
                continue
            for button in reading.buttons_of({"reply_markup": message.markup}):
                for key in keys:
                    found = says(key, button.text)
                    if found is not None and found.get("name", name) == name:
                        return message.id, button.data
        who = self.town.phones[chat].name
        raise NoButtonError(f"{gesture.kind} {name}".strip() + f" in the chat of {who}")
