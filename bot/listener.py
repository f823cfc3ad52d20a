"""Updates in: fetch, handle, commit, and only then ask with the next offset.

aiogram's and python-telegram-bot's own loops confirm first and handle later; a kill between the
two loses every update in flight. Here the confirmation is the next request.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import structlog

from bot.loops import sleep_unless
from handlers.inbox import Arrival, Handled, Inbox
from handlers.messages import (
    FetchFailedError,
    PollConflictError,
    RawUpdate,
    Tap,
    Transport,
    UnreadableUpdateError,
)

log = structlog.get_logger()

POLL_SECONDS = 25.0
FLOOD_EVENTS, FLOOD_SECONDS = 20, 10.0  # security list 12
LONGEST_PAUSE = 30.0
PATIENCE = 15.0  # seconds beyond a poll's own time; the transport itself gives up after 10
REBUILD_AFTER = 3  # failed fetches in a row: then the connections are made anew as well
RIVALS = 3  # refusals in a row because somebody else polls: then the admins are told
NOTE_EVERY = 30.0  # seconds between two notes that a bot is heard
_FULL = 100  # updates: Telegram gives no more at once, so more may be waiting

Note = Callable[[], Awaitable[object]]


class FloodGuard:
    """Lets 20 events in 10 seconds through for each chat, then keeps quiet.

    An update that comes again, because it could not be kept the first time, counts once.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, deque[tuple[float, int]]] = {}

    def lets_through(self, chat_id: int, update_id: int) -> bool:
        """Count an event of a chat and say whether it is still within bounds."""
        now = self._clock()
        seen = self._seen.setdefault(chat_id, deque(maxlen=FLOOD_EVENTS))
        if any(update_id == earlier for _, earlier in seen):
            return True
        if len(seen) == FLOOD_EVENTS and now - seen[0][0] < FLOOD_SECONDS:
            return False
        seen.append((now, update_id))
        if len(self._seen) > 50_000:
            quiet = [
                chat for chat, last in self._seen.items() if now - last[-1][0] > FLOOD_SECONDS
            ]
            for chat in quiet:
                del self._seen[chat]
        return True


def arrivals_of(
    transport: Transport, raws: Sequence[RawUpdate], guard: FloodGuard
) -> list[Arrival]:
    """Translate raw updates; what cannot be read becomes an arrival with its reason."""
    arrivals = []
    for raw in raws:
        update_id = _id_of(raw)
        if update_id is None:
            log.warning("update without an id", bot=transport.bot_id)
            continue
        try:
            event = transport.read(raw)
        except Exception as error:
            known = isinstance(error, UnreadableUpdateError)
            reason = str(error) if known else type(error).__name__
            arrivals.append(Arrival(transport.bot_id, update_id, raw, unreadable=reason))
            continue
        hushed = None
        if event is not None and not guard.lets_through(event.chat_id, update_id):
            log.warning("flood, event dropped", bot=transport.bot_id, update=update_id)
            hushed = event.callback_id if isinstance(event, Tap) else None
            event = None
        arrivals.append(Arrival(transport.bot_id, update_id, raw, event, hushed=hushed))
    return arrivals


def _id_of(raw: RawUpdate) -> int | None:
    """Return an update's id; None for what could be neither kept nor confirmed."""
    update_id = raw.get("update_id")
    if isinstance(update_id, bool) or not isinstance(update_id, int):
        return None
    return update_id if abs(update_id) < 2**62 else None


async def _nothing() -> None:
    """Do nothing: where nobody wants to know."""


class Poller:
    """Listens for one bot by long polling.

    `heard` is called now and then while everything that waited is handled, `rival` when somebody
    else polls with the token again and again.
    """

    def __init__(
        self,
        transport: Transport,
        inbox: Inbox,
        then: Callable[[Handled], None],
        *,
        wait: float = POLL_SECONDS,
        guard: FloodGuard | None = None,
        patience: float = PATIENCE,
        pause: float = 1.0,
        heard: Note = _nothing,
        rival: Note = _nothing,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._clock = clock
        self._transport = transport
        self._inbox = inbox
        self._then = then
        self._wait = wait
        self._guard = guard or FloodGuard()
        self._patience = patience
        self._pause = pause
        self._heard = heard
        self._rival = rival
        self._offset: int | None = None  # never kept: update ids start anew after a silent week
        self._failures = 0
        self._conflicts = 0
        self._handling = False
        self._answered_at: float | None = None
        self._noted_at: float | None = None

    @property
    def age(self) -> float | None:
        """The seconds since Telegram last answered a poll, or since it is asked; None before."""
        return None if self._answered_at is None else self._clock() - self._answered_at

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until stopped; whatever fails is tried again, slower each time."""
        self._offset = None  # another process may have listened since
        self._noted_at = None
        self._answered_at = self._clock()  # from now on it is waited for
        try:
            await self._listen(stopping)
        finally:
            self._answered_at = None  # it asks no more, so no answer is late

    async def _listen(self, stopping: asyncio.Event) -> None:
        pause = self._pause
        while not stopping.is_set():
            # What waits is taken first, without waiting for more: so it is known at once when
            # nothing does, however short this process lives.
            wait = 0.0 if self._noted_at is None else self._wait
            polling = asyncio.create_task(self.once(wait))
            stop = asyncio.create_task(stopping.wait())
            await asyncio.wait({polling, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if not polling.done():
                if not self._handling:  # a batch that has begun is finished
                    polling.cancel()
                await asyncio.gather(polling, return_exceptions=True)
                return
            error = polling.exception()
            if error is None:
                pause = self._pause
                continue
            self._tell(error)
            await self._mend(error)
            await sleep_unless(stopping, pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _tell(self, error: BaseException) -> None:
        bot = self._transport.bot_id
        if isinstance(error, PollConflictError):
            self._conflicts += 1
            say = log.error if self._conflicts >= 3 else log.warning
            say("another process polls with this token", bot=bot, times=self._conflicts)
        elif isinstance(error, FetchFailedError):
            log.warning("updates could not be fetched", bot=bot, reason=str(error))
        else:
            log.error("updates could not be kept", bot=bot, exc_info=error)

    async def _mend(self, error: BaseException) -> None:
        """Do what a failure asks for, beside trying again."""
        try:
            if isinstance(error, FetchFailedError):
                self._failures += 1
                if self._failures % REBUILD_AFTER == 0:
                    await self._transport.renew()
            elif isinstance(error, PollConflictError) and self._conflicts >= RIVALS:
                # Each time: its row is one a day, and the database may have been away before.
                await self._rival()
        except Exception:
            log.exception("admins not told", bot=self._transport.bot_id)

    async def _fetched(self, wait: float) -> list[RawUpdate]:
        """Fetch; a poll that neither answers nor fails in its time ends with its connection."""
        try:
            async with asyncio.timeout(wait + self._patience):
                raws = await self._transport.fetch(self._offset, wait)
        except TimeoutError:
            log.warning("poll hangs, connection made anew", bot=self._transport.bot_id)
            await self._transport.renew()
            raise FetchFailedError("no answer in time") from None
        self._failures = self._conflicts = 0
        self._answered_at = self._clock()
        return raws

    async def once(self, wait: float) -> int:
        """Fetch one batch and handle it; the next call's offset confirms it."""
        raws = await self._fetched(wait)
        if not raws:
            # All is confirmed. After a silent week ids start anew, and may begin below this one.
            self._offset = None
            await self._note()
            return 0
        self._handling = True
        try:
            handled = await self._inbox.handle(arrivals_of(self._transport, raws, self._guard))
        finally:
            self._handling = False
        ids = [update_id for raw in raws if (update_id := _id_of(raw)) is not None]
        if ids:
            self._offset = max(ids) + 1
        self._then(handled)
        if len(raws) < _FULL:
            await self._note()
        return len(raws)

    async def _note(self) -> None:
        """Let it be known that nothing waits any more, from time to time."""
        now = self._clock()
        if self._noted_at is None or now - self._noted_at >= NOTE_EVERY:
            await self._heard()
            self._noted_at = now


class Gatherer:
    """Takes one bot's updates from a webhook: gathered for a few milliseconds, one commit."""

    def __init__(
        self,
        transport: Transport,
        inbox: Inbox,
        then: Callable[[Handled], None],
        *,
        gather_seconds: float = 0.005,
    ) -> None:
        self._transport = transport
        self._inbox = inbox
        self._then = then
        self._gather_seconds = gather_seconds
        self._guard = FloodGuard()
        self._waiting: list[tuple[RawUpdate, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def receive(self, raw: RawUpdate) -> None:
        """Return when the update is committed.

        Raises:
            Exception: it could not be kept; whoever sent it should send it again.
        """
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((raw, kept))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        await kept

    async def _work(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._gather_seconds)
            # What came together may have overtaken itself: within a bot, ids tell the order.
            batch = sorted(self._waiting, key=lambda each: _id_of(each[0]) or 0)
            self._waiting = []
            raws = [raw for raw, _ in batch]
            try:
                handled = await self._inbox.handle(arrivals_of(self._transport, raws, self._guard))
            except Exception as error:
                for kept in _still_waiting(batch):
                    kept.set_exception(error)
                continue
            for kept in _still_waiting(batch):
                kept.set_result(None)
            self._then(handled)


def _still_waiting(
    batch: Sequence[tuple[RawUpdate, asyncio.Future[None]]],
) -> list[asyncio.Future[None]]:
    """Return who has not hung up meanwhile."""
    return [kept for _, kept in batch if not kept.done()]
