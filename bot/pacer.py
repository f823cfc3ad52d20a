"""How fast one bot may speak: under Telegram's limits, replies before bulk, and bulk always."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

FREE_RATE = 28.0  # messages a second: just under the 30 that Telegram allows each bot for nothing
KEPT_FOR_BULK = 0.25  # the share of the rate that no storm of replies and edits takes from bulk
PATIENCE = 5.0  # seconds that a message waits here at most: its lease must not end meanwhile
BURST, BURST_SECONDS = 8, 0.05  # kept at least; and while a window is claimed and marked
SHORTEST_NAP = 0.02  # seconds: at a thousand a second twenty go together, within the burst
TRICKLE = 1.0  # seconds between two replies while bulk rests


class Traffic(Enum):
    """What is to go out: an answer to somebody, the morning's bulk, an edit of what stands."""

    reply = auto()
    bulk = auto()
    edit = auto()


@dataclass(slots=True)
class _Bucket:
    """An allowance: `rate` a second come in, up to `burst` are kept."""

    rate: float
    burst: float
    level: float
    filled_at: float

    @classmethod
    def full(cls, rate: float, burst: float, now: float) -> "_Bucket":
        return cls(rate, burst, burst, now)

    def wait(self, now: float, *, borrowed: float = 0.0) -> float:
        """Return the seconds until there is one to spend, or one to borrow."""
        self.level = min(self.burst, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        lacking = 1 - self.level - borrowed
        return lacking / self.rate if lacking > 1e-9 else 0.0

    def spend(self, now: float) -> None:
        """Take one out."""
        if now != self.filled_at:
            self.wait(now)
        self.level -= 1


class Chats:
    """One message a second in a chat after a short burst; twenty a minute in a group.

    A group's burst and what comes after it in a minute are twenty together. A chat is one number:
    when it will have its whole burst again; those that have it are forgotten.
    """

    SECONDS, BURST = 1.0, 5
    GROUP_SECONDS, GROUP_BURST = 4.0, 5
    FEW = 4096

    def __init__(self) -> None:
        self._rested_at: dict[int, float] = {}
        self._closed_until: dict[int, float] = {}
        self._forget_at = self.FEW

    def wait(self, chat_id: int, now: float) -> float:
        """Return the seconds until a chat may be written to; 0 when it may now.

        Whoever comes before they are over waits as long: what was put off is not overtaken.
        """
        closed = self._closed_until.get(chat_id, now) - now
        if closed > 0:
            return closed
        every, burst = self._pace(chat_id)
        wait = self._rested_at.get(chat_id, now) - now - (burst - 1) * every
        if wait > 1e-9:
            self._closed_until[chat_id] = now + wait
            return wait
        self._closed_until.pop(chat_id, None)
        return 0.0

    def spend(self, chat_id: int, now: float) -> None:
        """Count a message to a chat."""
        every, _ = self._pace(chat_id)
        self._rested_at[chat_id] = max(self._rested_at.get(chat_id, now), now) + every
        if len(self._rested_at) >= self._forget_at:
            self._rested_at = {chat: at for chat, at in self._rested_at.items() if at > now}
            self._closed_until = {c: at for c, at in self._closed_until.items() if at > now}
            self._forget_at = max(self.FEW, 2 * len(self._rested_at))

    def __len__(self) -> int:
        return len(self._rested_at)

    def _pace(self, chat_id: int) -> tuple[float, int]:
        if chat_id < 0:  # groups have negative ids
            return self.GROUP_SECONDS, self.GROUP_BURST
        return self.SECONDS, self.BURST


@dataclass(eq=False, slots=True)
class _Waiting:
    """Somebody in line, to be told what `turn` returns; None: to watch the clock."""

    chat_id: int | None
    told: asyncio.Future[float | None]


class Pacer:
    """One bot's allowance, by monotonic time; a simulated day has its own, and its own `sleep`.

    A bucket fills at `rate` messages a second and holds a short burst. Replies and edits may
    borrow from the next second, so that a tap is answered in the middle of the morning's bulk;
    bulk never borrows, but a quarter of the rate is its own. A 429 rests the bulk lane for exactly
    as long as Telegram said, while replies trickle on, one a second.

    More than Telegram allows for nothing is its paid broadcast: bulk is paid for, and replies keep
    to what is free.
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: float | None = None,
        paid: bool = False,
        chats: Chats | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.sleep = sleep
        self.rate = rate
        self.paid = paid
        self._clock = clock
        self._chats = chats
        now = clock()
        free_burst = BURST if burst is None else burst
        burst = max(BURST, rate * BURST_SECONDS) if burst is None else burst
        self._all = _Bucket.full(rate, burst, now)
        self._kept = _Bucket.full(rate * KEPT_FOR_BULK, 1, now)
        self._free = _Bucket.full(FREE_RATE, free_burst, now) if paid else None
        self._bulk_rests_until = 0.0
        self._last_trickle = 0.0
        self._lines: dict[Traffic, deque[_Waiting]] = {traffic: deque() for traffic in Traffic}

    def wait(self, traffic: Traffic) -> float:
        """Return the seconds until one such message may go; 0 when it may now."""
        return self._wait(traffic, self._clock())

    def _wait(self, traffic: Traffic, now: float) -> float:
        if traffic is Traffic.bulk:
            resting = self._bulk_rests_until - now
            return max(resting, min(self._all.wait(now), self._kept.wait(now)), 0.0)
        if now < self._bulk_rests_until:
            return max(self._last_trickle + TRICKLE - now, 0.0)
        wait = self._all.wait(now, borrowed=self.rate)
        if self._free is not None and traffic is Traffic.reply:
            return max(wait, self._free.wait(now, borrowed=FREE_RATE))
        return wait

    def spend(self, traffic: Traffic) -> None:
        """Count one message as sent."""
        self._spend(traffic, self._clock())

    def _spend(self, traffic: Traffic, now: float) -> None:
        self._all.spend(now)
        if traffic is Traffic.bulk:
            self._kept.spend(now)
            self._kept.level = max(self._kept.level, 0.0)
            return
        self._last_trickle = now
        if self._free is not None and traffic is Traffic.reply:
            self._free.spend(now)

    def rest(self, seconds: float) -> None:
        """Stop bulk for so many seconds: Telegram said so."""
        self._bulk_rests_until = max(self._bulk_rests_until, self._clock() + seconds)

    @property
    def resting(self) -> float:
        """The seconds for which bulk still rests."""
        return max(self._bulk_rests_until - self._clock(), 0.0)

    @property
    def in_line(self) -> dict[str, int]:
        """How many messages stand in line at this moment, by kind of traffic."""
        return {traffic.name: len(line) for traffic, line in self._lines.items()}

    async def turn(self, traffic: Traffic, chat_id: int | None = None) -> float:
        """Wait until a message may go, count it and return 0.

        Otherwise return after how many seconds to come again: a rest may last hours, and a chat
        may have had enough for a minute. Whoever waited that out here would keep others waiting.
        """
        line, begun = self._lines[traffic], self._clock()
        if wait := self._chat_waits(chat_id, begun):
            return wait
        if line or self._wait(traffic, begun):
            return await self._stand(line, traffic, chat_id, begun)
        self._take(traffic, chat_id, begun)
        return 0.0

    async def _stand(
        self, line: "deque[_Waiting]", traffic: Traffic, chat_id: int | None, begun: float
    ) -> float:
        """Stand in line: the first watches the clock, and lets all go ahead whose turn it is."""
        own = _Waiting(chat_id, asyncio.get_running_loop().create_future())
        line.append(own)
        try:
            if line[0] is not own and (said := await own.told) is not None:
                return said
            while seconds := self.wait(traffic):
                late = self._clock() + seconds > begun + PATIENCE
                if late or (traffic is Traffic.bulk and self.resting):
                    return seconds
                await self.sleep(max(seconds, SHORTEST_NAP))
            return self._let_go(own, traffic)
        finally:
            if line and line[0] is own:
                line.popleft()
                self._call_the_next(line, traffic)
            elif own in line:  # called off in the middle
                line.remove(own)

    def _call_the_next(self, line: "deque[_Waiting]", traffic: Traffic) -> None:
        while line and (line[0].told.done() or not self.wait(traffic)):
            first = line.popleft()
            if not first.told.done():  # or it was called off
                first.told.set_result(self._let_go(first, traffic))
        if line:
            line[0].told.set_result(None)  # watches the clock from now on

    def _let_go(self, waiting: "_Waiting", traffic: Traffic) -> float:
        """Count a message whose turn it is; return the seconds when its chat has had enough."""
        now = self._clock()
        wait = self._chat_waits(waiting.chat_id, now)
        if not wait:
            self._take(traffic, waiting.chat_id, now)
        return wait

    def _take(self, traffic: Traffic, chat_id: int | None, now: float) -> None:
        if chat_id is not None and self._chats is not None:
            self._chats.spend(chat_id, now)
        self._spend(traffic, now)

    def _chat_waits(self, chat_id: int | None, now: float) -> float:
        return 0.0 if chat_id is None or self._chats is None else self._chats.wait(chat_id, now)
