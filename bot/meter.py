"""How fast a bot's bulk goes out, as measured: noted every quarter of a minute."""

import time
from collections.abc import Callable

EVERY = 15.0  # seconds
PAUSE = 5.0  # seconds without any: what comes after them is measured anew


class Meter:
    """Counts what is sent; a pause between two steps of the morning is no slowness."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = self._last = clock()
        self._sent = 0

    def sent(self) -> None:
        """Count one message."""
        now = self._clock()
        if now - self._last > PAUSE:
            self._since, self._sent = now, 0
        self._last = now
        self._sent += 1

    def pace(self) -> float | None:
        """Return how many a second there were, each quarter of a minute; else None."""
        took = self._clock() - self._since
        if took < EVERY or not self._sent:
            return None
        pace = self._sent / took
        self._since, self._sent = self._clock(), 0
        return pace
