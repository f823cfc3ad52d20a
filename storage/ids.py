"""Ids that we make ourselves: a sealed value is bound to its row before the row exists."""

import secrets
import threading
import time

_EPOCH_MS = 1_735_689_600_000  # 2025-01-01T00:00Z: 41 bits of milliseconds last until 2094
_lock = threading.Lock()
_last = 0


def new_id() -> int:
    """Return a 63-bit id that rises with time: 41 bits of milliseconds, 22 random bits.

    Within one process ids never repeat; between processes two ids of the same millisecond meet
    with a chance of one in four million, and the primary key refuses the second.
    """
    global _last  # noqa: PLW0603 - one counter for the process is the point
    fresh = ((time.time_ns() // 1_000_000 - _EPOCH_MS) << 22) | secrets.randbits(22)
    with _lock:
        _last = fresh if fresh > _last else _last + 1
        return _last
