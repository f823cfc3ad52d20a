"""Who wants to hear when something changes."""

import asyncio
from typing import Any

KEEP = 1000  # a page that falls further behind than this loads everything anew


class Hub:
    """Hands each event to everyone who listens."""

    def __init__(self) -> None:
        self.listeners: set[asyncio.Queue[dict[str, Any] | None]] = set()

    def tell(self, kind: str, **fields: Any) -> None:
        """Tell everyone; a listener that is too far behind is let go."""
        for queue in list(self.listeners):
            if queue.qsize() >= KEEP:
                self.leave(queue)
            else:
                queue.put_nowait({"kind": kind, **fields})

    def join(self) -> asyncio.Queue[dict[str, Any] | None]:
        """Begin to listen; None in the queue is the end."""
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Stop listening."""
        if queue in self.listeners:
            self.listeners.discard(queue)
            queue.put_nowait(None)

    def close(self) -> None:
        """Let everyone go."""
        for queue in list(self.listeners):
            self.leave(queue)
