"""How fast one bot may speak: a bulk lane just under Telegram's limit, replies before bulk."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pacer:
    """One bot's allowance, by monotonic time; a simulated day has its own, and its own `sleep`.

    A bucket fills at `rate` messages a second and holds a short burst. Replies may borrow from the
    next second, so that a tap is answered in the middle of the morning's bulk; bulk never borrows.
    A 429 rests the bulk lane for exactly as long as Telegram said, while replies trickle on, one
    a second.
    """

    def __init__(
        self,
        rate: float,
        *,
        burst: float = 8,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.sleep = sleep
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._level = burst
        self._filled_at = clock()
        self._bulk_rests_until = 0.0
        self._last_trickle = 0.0

    def bulk_wait(self) -> float:
        """Return the seconds until one bulk message may go; 0 when it may now."""
        self._fill()
        resting = self._bulk_rests_until - self._clock()
        missing = (1 - self._level) / self._rate
        return max(resting, missing, 0.0)

    def reply_wait(self) -> float:
        """Return the seconds until one reply may go; 0 when it may now."""
        self._fill()
        now = self._clock()
        if now < self._bulk_rests_until:
            return max(self._last_trickle + 1 - now, 0.0)
        return max((1 - self._level - self._rate) / self._rate, 0.0)

    def spend(self) -> None:
        """Count one message as sent."""
        self._fill()
        self._level -= 1
        self._last_trickle = self._clock()

    def rest(self, seconds: float) -> None:
        """Stop bulk for so many seconds: Telegram said so."""
        self._bulk_rests_until = max(self._bulk_rests_until, self._clock() + seconds)

    @property
    def resting(self) -> float:
        """The seconds for which bulk still rests."""
        return max(self._bulk_rests_until - self._clock(), 0.0)

    async def turn(self, *, bulk: bool) -> bool:
        """Wait until a message may go, and count it; False when bulk rests and must not wait.

        A rest may last hours: whoever waited it out here would keep replies from going out.
        """
        wait = self.bulk_wait if bulk else self.reply_wait
        while (seconds := wait()) > 0:
            if bulk and self.resting:
                return False
            await self.sleep(seconds)
        self.spend()
        return True

    def _fill(self) -> None:
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
