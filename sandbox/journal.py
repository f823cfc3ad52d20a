"""Every call the bots made, in order, for tests to read."""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(slots=True)
class Entry:
    """One call. It holds no token."""

    n: int
    at: float
    bot_id: int
    method: str
    params: dict[str, Any]
    ok: bool
    error_code: int | None
    description: str | None
    result: Any

    def shown(self) -> dict[str, Any]:
        """Show the call as the users' API does."""
        return {
            "n": self.n,
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds"),
            "bot_id": self.bot_id,
            "method": self.method,
            "params": self.params,
            "ok": self.ok,
            "error_code": self.error_code,
            "description": self.description,
            "result": self.result,
        }


class Journal:
    """A ring of entries, numbered from 1; a cap of 0 keeps none."""

    def __init__(self, cap: int) -> None:
        self.entries: deque[Entry] = deque(maxlen=cap)
        self.last = 0

    def add(
        self,
        at: float,
        bot_id: int,
        method: str,
        params: dict[str, Any],
        result: Any = None,
        error_code: int | None = None,
        description: str | None = None,
    ) -> None:
        """Write one call down."""
        self.last += 1
        ok = error_code is None
        self.entries.append(
            Entry(self.last, at, bot_id, method, params, ok, error_code, description, result)
        )

    def since(
        self, after: int = 0, bot_id: int | None = None, method: str | None = None
    ) -> list[Entry]:
        """Give the calls later than number `after`, of one bot or one method if asked."""
        wanted = method.lower() if method else None
        found = []
        for entry in reversed(self.entries):  # readers mostly want the end of a long list
            if entry.n <= after:
                break
            if bot_id is not None and entry.bot_id != bot_id:
                continue
            if wanted is None or entry.method.lower() == wanted:
                found.append(entry)
        found.reverse()
        return found
