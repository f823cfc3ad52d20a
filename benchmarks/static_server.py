"""A Bot API server that does nothing but answer, so that the client's side is what is measured.

It runs in a process of its own. Every method gets the same prepared answer with the next message
id; getUpdates hands over, from the offset on, what was put there before.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, cast

import aiohttp

from benchmarks.cores import elsewhere
from bot.loops import run_quickly

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_OFFSET = re.compile(rb'(?:name="offset"\r\n\r\n|offset=)(-?\d+)')
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_BATCH = 100  # what Telegram gives at most


class _Service:
    """What all connections share."""

    def __init__(self) -> None:
        self.message_ids = count(1)
        self.updates: list[bytes] = []
        self.first = 0

    def answer(self, path: bytes, body: bytes) -> bytes:
        """Return the JSON for one call."""
        if path.endswith(b"/getUpdates"):
            found = _OFFSET.search(body) or _OFFSET.search(path)
            start = max(int(found[1]) - self.first, 0) if found else 0
            return (
                b'{"ok":true,"result":[' + b",".join(self.updates[start : start + _BATCH]) + b"]}"
            )
        if path.endswith(b"/updates"):
            updates = json.loads(body)
            self.updates = [json.dumps(update).encode() for update in updates]
            self.first = updates[0]["update_id"] if updates else 0
            return b"{}"
        if path.endswith(b"/getMe"):
            return (
                b'{"ok":true,"result":{"id":7000001,"is_bot":true,'
                b'"first_name":"A","username":"a_bot"}}'
            )
        if path.endswith((b"/answerCallbackQuery", b"/deleteMessage")):
            return b'{"ok":true,"result":true}'
        return (
            b'{"ok":true,"result":{"message_id":%d,"date":1772400000,"chat":{"id":1,"type":'
            b'"private","first_name":"A"},"text":"Good morning"}}' % next(self.message_ids)
        )


class _Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection, read with no more care than our own clients need."""

    def __init__(self, service: _Service) -> None:
        self._service = service
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has its own

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            if b"chunked" in head:
                stop = self._buffer.find(b"\r\n0\r\n\r\n", end)
                if stop < 0:
                    return
                body, after = self._buffer[end + 4 : stop], stop + 7
            else:
                found = _LENGTH.search(head)
                after = end + 4 + (int(found[1]) if found else 0)
                if len(self._buffer) < after:
                    return
                body = self._buffer[end + 4 : after]
            self._buffer = self._buffer[after:]
            content = self._service.answer(head.split(b" ", 2)[1], body)
            self._transport.write(_HEAD % len(content) + content)


async def _serve() -> None:
    service = _Service()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@asynccontextmanager
async def static_server() -> AsyncIterator[str]:
    """Run one beside us; gives its address."""
    with elsewhere():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdout=asyncio.subprocess.PIPE
        )
    assert process.stdout is not None
    try:
        port = int(await process.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


async def put_updates(url: str, updates: list[dict[str, Any]]) -> None:
    """Have these updates handed over by getUpdates, again and again, by their offset."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{url}/updates", json=updates) as response,
    ):
        response.raise_for_status()
        await response.read()


if __name__ == "__main__":
    run_quickly(_serve())
