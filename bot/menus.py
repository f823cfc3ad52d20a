"""The commands that a chat's menu shows: beside the morning, and again when it failed.

They only help: whoever types a command is understood without. So nothing of them is kept; what
could not be set for a quarter of an hour is left until the person's part changes next.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

import structlog

from bot.texts import LANGUAGES, texts
from handlers.clock import Clock
from handlers.messages import (
    MenuCommand,
    NotSent,
    SendResult,
    Transport,
    Unauthorized,
    Unclear,
    Wait,
)
from handlers.router import menu_of
from storage import people
from storage.database import Database
from storage.tables import Contact

log = structlog.get_logger()

PAUSE, LONGEST_PAUSE = 5.0, 300.0  # seconds; doubled after each failure
TRIES = 9  # with those pauses a quarter of an hour
MOST = 10_000  # menus that wait at once


@dataclass(frozen=True, slots=True)
class _Everyone:
    """The menu that a bot shows in a language to whoever has none of their own."""

    bot_id: int
    language: str | None


@dataclass(slots=True)
class _Try:
    """How often a menu failed, and when it may be tried next, by monotonic time."""

    failures: int = 0
    at: float = 0.0


class Menus:
    """Sets menus until they are set; `pause` is how long the first failure rests."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        transports: Mapping[int, Transport],
        *,
        pause: float = PAUSE,
    ) -> None:
        self._database = database
        self._clock = clock
        self._transports = transports
        self._pause = pause
        self._owed: dict[int | _Everyone, _Try] = {}
        self._wake = asyncio.Event()

    @property
    def owed(self) -> int:
        """How many menus are still to be set."""
        return len(self._owed)

    def owe(self, contact_ids: Iterable[int]) -> None:
        """Have the menus of these chats set, by what the people in them may do by then."""
        self._add(contact_ids)

    def owe_everyone(self, bot_id: int) -> None:
        """Have a bot's menu set for those who have none of their own, in each language."""
        self._add(_Everyone(bot_id, language) for language in (None, *LANGUAGES))

    def _add(self, owed: Iterable[int | _Everyone]) -> None:
        for each in owed:
            if len(self._owed) < MOST:
                self._owed[each] = _Try()
        self._wake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Set what is owed until stopped."""
        stop = asyncio.create_task(stopping.wait())
        try:
            while not stopping.is_set():
                self._wake.clear()
                for owed, last in list(self._owed.items()):
                    if last.at <= monotonic() and not stopping.is_set():
                        await self._try(owed, last)
                await self._rest(stop)
        finally:
            stop.cancel()

    async def _rest(self, stop: asyncio.Task[bool]) -> None:
        """Wait until something is due, or stopped."""
        due = min((last.at for last in self._owed.values()), default=None)
        seconds = None if due is None else max(due - monotonic(), 0.0)
        woken = asyncio.create_task(self._wake.wait())
        await asyncio.wait({woken, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()

    async def _try(self, owed: int | _Everyone, last: _Try) -> None:
        rest, reason = 0.0, ""
        try:
            match await self._set(owed):
                case Wait(seconds):
                    rest, reason = seconds, "Wait"
                case NotSent() | Unclear() | Unauthorized() as result:
                    reason = type(result).__name__
        except Exception as error:  # the database is away, most likely
            reason = type(error).__name__
        if self._owed.get(owed) is not last:
            return  # owed anew meanwhile
        if not reason:
            del self._owed[owed]
            return
        last.failures += 1
        if last.failures >= TRIES:
            log.warning("menu given up", reason=reason)
            del self._owed[owed]
            return
        pause = min(self._pause * 2 ** (last.failures - 1), LONGEST_PAUSE)
        last.at = monotonic() + max(pause, rest)

    async def _set(self, owed: int | _Everyone) -> SendResult:
        if isinstance(owed, _Everyone):
            names = menu_of(frozenset(), known=True)
            menu = _menu(names, owed.language)
            return await self._transports[owed.bot_id].menu(None, menu, owed.language)
        async with self._database.reading() as session:
            contact = await session.get_one(Contact, owed)
            access = await people.access_of(session, contact.person_id, self._clock())
            names = menu_of(access.roles(), known=contact.person_id is not None)
        menu = _menu(names, contact.language)
        return await self._transports[contact.bot_id].menu(contact.chat_id, menu, None)


def _menu(names: tuple[str, ...], language: str | None) -> list[MenuCommand]:
    words = texts(language)
    return [MenuCommand(name, words.plain(f"command.{name}")) for name in names]
