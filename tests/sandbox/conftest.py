"""A sandbox with one bot and Maria in it, and a small client that speaks plain HTTP."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any

import aiohttp
import pytest

from sandbox import Limits, Sandbox

TOKEN = "7100000001:" + "A" * 35
OTHER_TOKEN = "7100000002:" + "B" * 35


class Ticks:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Client:
    """Calls the Bot API and the users' API."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.headers: Any = {}

    async def bot(self, method: str, token: str = TOKEN, **params: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.url}/bot{token}/{method}", json=params) as response:
            self.headers = response.headers
            body = await response.json()
            assert response.status == (200 if body["ok"] else body["error_code"])
            return body

    async def result(self, method: str, token: str = TOKEN, **params: Any) -> Any:
        body = await self.bot(method, token, **params)
        assert body["ok"], body
        return body["result"]

    async def refusal(self, method: str, token: str = TOKEN, **params: Any) -> str:
        body = await self.bot(method, token, **params)
        assert not body["ok"], body
        return body["description"]

    async def post(self, path: str, status: int = 200, **wish: Any) -> Any:
        async with self.session.post(self.url + path, json=wish) as response:
            assert response.status == status, await response.text()
            return await response.json()

    async def get(self, path: str, status: int = 200) -> Any:
        async with self.session.get(self.url + path) as response:
            assert response.status == status, await response.text()
            return await response.json()


async def until(holds: Callable[[], object]) -> None:
    """Let the others work until something holds."""
    async with asyncio.timeout(10):
        for _ in count():
            if holds():
                return
            await asyncio.sleep(0.001)


def a_picture(width: int = 4, height: int = 3) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    lines = b"".join(b"\0" + b"\x20\x60\xa0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
async def sandbox(ticks: Ticks) -> AsyncIterator[Sandbox]:
    limits = Limits.none()
    limits.conflict_pause = 0.01
    limits.webhook_first_retry = 0.01
    async with Sandbox(limits=limits, monotonic=ticks) as sandbox:
        sandbox.world.add_bot(TOKEN, "allclear_test_bot", "Allclear")
        yield sandbox


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(sandbox.url, session)


@pytest.fixture
def maria(sandbox: Sandbox) -> int:
    """Maria has written to the bot, and the bot has seen it."""
    maria = sandbox.world.add_user("Maria", username="maria")
    sandbox.world.start(maria.id, "")
    sandbox.world.bot().queue.forget()
    return maria.id
