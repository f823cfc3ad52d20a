"""So many at a time: what every peer does with the chats it is given."""

import asyncio
from collections.abc import Awaitable, Callable


async def side_by_side(
    count: int, at_a_time: int, send: Callable[[int], Awaitable[object]]
) -> None:
    """Send to the chats 1 to `count`, so many at a time."""
    chats = iter(range(1, count + 1))

    async def work() -> None:
        for chat in chats:
            await send(chat)

    await asyncio.gather(*(work() for _ in range(min(at_a_time, count))))
