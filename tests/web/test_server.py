"""The web server of a process: health for machines, and updates only from who knows the secret."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from web.metrics import BotNumbers, Numbers, exposition
from web.server import LARGEST_UPDATE, SECRET_HEADER, Hook, WebPortError, WebServer

SECRET = "s" * 32
UPDATE = {"update_id": 7, "message": {"text": "Ana has 38.5"}}


@dataclass
class House:
    came: list[dict[str, Any]] = field(default_factory=list)
    trouble: Exception | None = None
    ok: bool = True
    reasons: list[str] = field(default_factory=list)

    async def receive(self, update: dict[str, Any]) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.came.append(update)

    async def alive(self) -> tuple[bool, dict[str, Any]]:
        return self.ok, {"duties": []}

    async def ready(self) -> list[str]:
        return self.reasons

    async def metrics(self) -> bytes:
        return exposition(Numbers((BotNumbers(7000001, answers=3),), 1.5))


@pytest.fixture
async def house() -> House:
    return House()


@pytest.fixture
async def server(house: House) -> AsyncIterator[WebServer]:
    server = WebServer("127.0.0.1", 0, house, {7000001: Hook(SECRET, house.receive)})
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def http(server: WebServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
        yield session


async def post(http: aiohttp.ClientSession, path: str, secret: str | None, body: Any) -> int:
    headers = {} if secret is None else {SECRET_HEADER: secret}
    data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
    async with http.post(path, data=data, headers=headers) as response:
        return response.status


async def test_an_update_with_the_secret_is_taken(
    http: aiohttp.ClientSession, house: House
) -> None:
    assert await post(http, "/telegram/7000001", SECRET, UPDATE) == 200
    assert house.came == [UPDATE]


@pytest.mark.parametrize("secret", [None, "", "s" * 31, "s" * 33, "S" * 32, "é" * 32])
async def test_without_the_secret_nobody_is_home(
    http: aiohttp.ClientSession, house: House, secret: str | None
) -> None:
    assert await post(http, "/telegram/7000001", secret, UPDATE) == 404
    assert house.came == []


@pytest.mark.parametrize(
    "path",
    ["/telegram/1", "/telegram/x", "/telegram/" + "9" * 5000, "/telegram/", "/", "/metrics/x"],
)
async def test_there_is_nothing_anywhere_else(
    http: aiohttp.ClientSession, house: House, path: str
) -> None:
    assert await post(http, path, SECRET, UPDATE) == 404
    assert house.came == []


async def test_a_secret_of_any_bytes_is_merely_wrong(server: WebServer, house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST /telegram/7000001 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"Connection: close\r\n" + SECRET_HEADER.encode() + b": \xff\xfe\xf0\r\n\r\n{}"
    )
    await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 404")
    assert house.came == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b'"x"', b"\xff", b"[" * 100_000])
async def test_what_is_no_update_is_refused(
    http: aiohttp.ClientSession, house: House, body: bytes
) -> None:
    assert await post(http, "/telegram/7000001", SECRET, body) == 400
    assert house.came == []


async def test_too_large_an_update_is_refused(http: aiohttp.ClientSession, house: House) -> None:
    assert await post(http, "/telegram/7000001", SECRET, b"x" * (LARGEST_UPDATE + 1)) == 413
    assert house.came == []


async def test_what_could_not_be_kept_shall_be_sent_again(
    http: aiohttp.ClientSession, house: House
) -> None:
    house.trouble = OSError("disk full")
    async with http.post(
        "/telegram/7000001", json=UPDATE, headers={SECRET_HEADER: SECRET}
    ) as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "2"
        assert "disk" not in await response.text()


async def test_health_is_200_while_alive_and_503_when_not(
    http: aiohttp.ClientSession, house: House
) -> None:
    house.reasons = ["the database takes no writes"]  # no reason to be started anew
    async with http.get("/healthz") as response:
        assert (response.status, await response.json()) == (200, {"ok": True, "duties": []})
    house.ok = False
    async with http.get("/healthz") as response:
        assert response.status == 503


async def test_readiness_says_in_words_what_is_wrong(
    http: aiohttp.ClientSession, house: House
) -> None:
    async with http.get("/readyz") as response:
        assert (response.status, await response.json()) == (200, {"ready": True, "reasons": []})
    house.reasons = ["the database takes no writes"]
    async with http.get("/readyz") as response:
        assert response.status == 503
        assert await response.json() == {"ready": False, "reasons": house.reasons}


async def test_the_numbers_are_in_prometheus_own_text(http: aiohttp.ClientSession) -> None:
    async with http.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        text = await response.text()
    assert 'allclear_answers_total{bot="7000001"} 3.0' in text
    assert "allclear_heartbeat_age_seconds 1.5" in text
    assert "allclear_database_up 0.0" in text
    assert "process_resident_memory_bytes" in text


async def test_a_taken_port_is_a_sentence(server: WebServer, house: House) -> None:
    second = WebServer("127.0.0.1", server.port, house)
    with pytest.raises(WebPortError, match=f"Port {server.port} on 127.0.0.1 is taken"):
        await second.start()


@pytest.mark.parametrize("secret", ["", "short"])
async def test_a_webhook_without_a_real_secret_cannot_be(house: House, secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        Hook(secret, house.receive)
