"""One bot's updates: they wait here until the bot confirms them or they are too old."""

import asyncio
import json
import random
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.clock import ShiftedClock
from sandbox.errors import ApiError
from sandbox.limits import Limits

WEEK = 7 * 24 * 3600.0
KEEP_HISTORY = 200_000
MAX_WAIT = 50
FUTURE = 10  # an offset further ahead than this is taken for a foreign one (tdlib, TQueue.cpp)
NOT_UNLESS_ASKED = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)
WEBHOOK_SET = "Conflict: terminated by setWebhook request"
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)

encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Update:
    """An update as it will be handed over."""

    id: int
    lane: tuple[str, int]  # (kind, chat): a webhook keeps the order within one lane
    body: bytes
    content: Any  # for the log
    born: float  # sandbox clock
    dies: float  # monotonic


@dataclass(slots=True)
class Poller:
    """A getUpdates that waits."""

    woken: asyncio.Future[float | None]  # a number: refused, after so many seconds
    is_gone: Callable[[], bool]
    reason: str = ""


class UpdateQueue:
    """The updates of one bot."""

    def __init__(
        self,
        clock: ShiftedClock,
        monotonic: Callable[[], float],
        limits: Limits,
        die: random.Random,
    ) -> None:
        self.clock = clock
        self.monotonic = monotonic
        self.limits = limits
        self.die = die
        self.pending: OrderedDict[int, Update] = OrderedDict()
        self.once: deque[Update] = deque()  # handed over one more time, whatever the offset
        self.history: OrderedDict[int, Update] = OrderedDict()
        self.next_id = die.randrange(100_000_000, 900_000_000)
        self.allowed: frozenset[str] | None = None
        self.webhook_is_set = False
        self.on_update: Callable[[Update], None] | None = None
        self._poller: Poller | None = None
        self.last_at = clock.timestamp()
        self._next_conflict = 0.0

    @property
    def is_polled(self) -> bool:
        """Whether a getUpdates waits."""
        return self._poller is not None

    def wants(self, kind: str) -> bool:
        """Whether the bot asked for this kind of update."""
        if not self.allowed:
            return kind not in NOT_UNLESS_ASKED
        return kind in self.allowed

    def put(self, kind: str, content: dict[str, Any], chat_id: int) -> int:
        """Add an update and give its id; a kind the bot does not want is dropped."""
        update_id = self._new_id()
        if not self.wants(kind):
            return update_id
        whole = {"update_id": update_id, kind: content}
        body = encode(whole).encode()
        dies = self.monotonic() + self.limits.keep_taps if kind == "callback_query" else None
        self._add(update_id, (kind, chat_id), body, whole, dies)
        return update_id

    def put_raw(self, body: bytes, content: Any) -> int:
        """Add anything at all, as it is; its id is the one it has, or none of its own."""
        given = content.get("update_id") if isinstance(content, dict) else None
        if isinstance(given, int) and not isinstance(given, bool) and given >= self.next_id:
            self.next_id = given + 1
            self._add(given, ("raw", 0), body, content, None)
            return given
        update_id = given if isinstance(given, int) else self._new_id()
        now = self.clock.timestamp()
        self._hand_once(Update(update_id, ("raw", 0), body, content, now, float("inf")))
        return update_id

    def put_filled(self, content: dict[str, Any]) -> int:
        """Add an update made elsewhere, under an id of this queue."""
        update_id = self._new_id()
        content = {"update_id": update_id, **content}
        self._add(update_id, ("raw", 0), encode(content).encode(), content, None)
        return update_id

    def redeliver(self, update_id: int) -> bool:
        """Hand an earlier update over once more; False when there was none."""
        update = self.history.get(update_id)
        if update is None:
            return False
        self._hand_once(update)
        return True

    def take(self, pending: list[Update], once: list[Update]) -> None:
        """Take over what waited when the world was saved."""
        self.pending.update((update.id, update) for update in pending)
        self.history.update(self.pending)
        self.once.extend(once)

    def _new_id(self) -> int:
        now = self.clock.timestamp()
        if now - self.last_at > WEEK and not self.pending:
            self.next_id = self.die.randrange(100_000_000, 900_000_000)
        self.last_at = now
        update_id = self.next_id
        self.next_id += 1
        return update_id

    def _add(
        self, update_id: int, lane: tuple[str, int], body: bytes, content: Any, dies: float | None
    ) -> None:
        now = self.clock.timestamp()
        update = Update(
            update_id, lane, body, content, now, float("inf") if dies is None else dies
        )
        self.pending[update_id] = update
        self.history[update_id] = update
        if len(self.history) > KEEP_HISTORY:
            self.history.popitem(last=False)
        self._tell(update)

    def _hand_once(self, update: Update) -> None:
        if not self.webhook_is_set:
            self.once.append(update)
        self._tell(update)

    def _tell(self, update: Update) -> None:
        if self.on_update is not None:
            self.on_update(update)
        elif self._poller is not None and not self._poller.woken.done():
            self._poller.woken.set_result(None)

    def is_dead(self, update: Update) -> bool:
        """Whether the update has waited too long to be handed over."""
        return (
            self.monotonic() >= update.dies
            or self.clock.timestamp() - update.born >= self.limits.keep_updates
        )

    def confirm(self, offset: int) -> None:
        """Forget what lies before the offset; a negative one keeps that many from the end."""
        if offset < 0:
            for _ in range(len(self.pending) + offset):
                self.pending.popitem(last=False)
        elif offset <= self.next_id + FUTURE:
            while self.pending and next(iter(self.pending)) < offset:
                self.pending.popitem(last=False)

    def forget(self) -> None:
        """Drop everything that waits."""
        self.pending.clear()
        self.once.clear()

    def count(self) -> int:
        """Count what waits."""
        self.prune()
        return len(self.pending) + len(self.once)

    def prune(self) -> None:
        """Drop what is too old. Taps die before their elders, so all are looked at."""
        for update_id in [key for key, update in self.pending.items() if self.is_dead(update)]:
            del self.pending[update_id]

    def batch(self, limit: int) -> list[Update]:
        """Give what can be handed over now, the oldest first."""
        given: list[Update] = []
        dead: list[int] = []
        while self.once and len(given) < limit:
            given.append(self.once.popleft())
        for update_id, update in self.pending.items():
            if len(given) >= limit:
                break
            if self.is_dead(update):
                dead.append(update_id)
            else:
                given.append(update)
        for update_id in dead:
            del self.pending[update_id]
        return given

    async def poll(
        self, offset: int, limit: int, seconds: int, is_gone: Callable[[], bool]
    ) -> list[Update]:
        """Wait for updates as getUpdates does; whoever polls later ends this wait.

        Raises:
            ApiError: 409, because of another poller or a webhook.
        """
        if self.webhook_is_set:
            await asyncio.sleep(self._conflict_pause())
            raise ApiError(409, WEBHOOK_ACTIVE)
        self.end_poll(OTHER_POLLER)
        self.confirm(offset)
        given = self.batch(limit)
        if given or seconds <= 0:
            return given
        poller = Poller(asyncio.get_running_loop().create_future(), is_gone)
        self._poller = poller
        try:
            async with asyncio.timeout(min(seconds, MAX_WAIT)):
                pause = await poller.woken
        except TimeoutError:
            return []
        finally:
            if self._poller is poller:
                self._poller = None
        if pause is not None:
            await asyncio.sleep(pause)
            raise ApiError(409, poller.reason)
        return self.batch(limit)

    def end_poll(self, reason: str) -> None:
        """End the wait of whoever polls now, unless they have hung up already."""
        poller, self._poller = self._poller, None
        if poller is None or poller.woken.done():
            return
        poller.reason = reason
        poller.woken.set_result(0.0 if poller.is_gone() else self._conflict_pause())

    def wake(self) -> None:
        """Let whoever polls look again, as at the end of the sandbox or in an outage."""
        if self._poller is not None and not self._poller.woken.done():
            self._poller.woken.set_result(None)

    def _conflict_pause(self) -> float:
        now = self.monotonic()
        if now >= self._next_conflict:
            self._next_conflict = now + self.limits.conflict_pause
            return 0.0
        return self.limits.conflict_pause
