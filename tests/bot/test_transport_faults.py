"""What goes wrong on the wire, over real HTTP, and what the port calls it."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.transports import BotTransport
from handlers.messages import (
    Button,
    Delivered,
    FetchFailedError,
    NotSent,
    Rejected,
    Rendered,
    SendResult,
    TargetGone,
    Unauthorized,
    Unclear,
    Unreachable,
    Wait,
)
from sandbox.limits import Limits
from sandbox.server import Sandbox
from tests.libraries import LIBRARIES, a_transport
from tests.play import BOT_ID

HELLO = Rendered("<b>Ana</b>", ((Button("All clear", "a:1:1"),),))


class Wire:
    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession, library: str) -> None:
        self.sandbox = sandbox
        self.http = http
        self.library = library
        self.transport: BotTransport = a_transport(library, sandbox.url)

    async def post(self, path: str, body: dict[str, Any]) -> None:
        async with self.http.post(path, json=body) as response:
            assert response.status < 300, await response.text()

    async def chat(self) -> list[dict[str, Any]]:
        async with self.http.get(f"/sandbox/chats/501?bot={BOT_ID}") as response:
            messages: list[dict[str, Any]] = (await response.json())["messages"]
            return [message for message in messages if message["from"] == "bot"]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def wire(library: str) -> AsyncIterator[Wire]:
    async with (
        Sandbox(limits=Limits.none()) as sandbox,
        aiohttp.ClientSession(sandbox.url) as http,
    ):
        wire = Wire(sandbox, http, library)
        try:
            await wire.transport.open()
            await wire.post("/sandbox/users", {"id": 501, "name": "Maria", "language": "en"})
            await wire.post(f"/sandbox/chats/501/messages?bot={BOT_ID}", {"start": ""})
            yield wire
        finally:
            await wire.transport.close()


# The smallest PNG there is: one pixel.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


async def test_a_picture_arrives_with_its_caption(wire: Wire) -> None:
    sent = await wire.transport.send(501, Rendered("<b>3-2</b>", photo=("day.png", PIXEL)))
    assert isinstance(sent, Delivered)
    (shown,) = await wire.chat()
    assert "3-2" in str(shown)
    assert "photo" in str(shown)


async def test_a_button_may_copy_words_instead_of_coming_back(wire: Wire) -> None:
    button = Button("Copy", "", copy="3 families have not answered yet")
    assert isinstance(await wire.transport.send(501, Rendered("…", ((button,),))), Delivered)
    (shown,) = await wire.chat()
    assert shown["buttons"][0][0]["copy"] == "3 families have not answered yet"


@pytest.mark.parametrize(
    ("faults", "result", "arrived"),
    [
        ({}, Delivered, 1),
        ({"rate_429": 1, "retry_after": 7}, Wait, 0),
        ({"rate_5xx_before": 1}, Unclear, 0),
        ({"rate_5xx_after": 1}, Unclear, 1),
        ({"rate_reset_before": 1}, Unclear, 0),
        ({"rate_reset_after": 1}, Unclear, 1),
    ],
)
async def test_what_a_fault_of_the_service_is_called(
    wire: Wire, faults: dict[str, Any], result: type[SendResult], arrived: int
) -> None:
    await wire.post("/sandbox/faults", {**faults, "methods": ["sendMessage"]})
    sent = await wire.transport.send(501, HELLO)
    assert isinstance(sent, result)
    if isinstance(sent, Wait):
        assert sent.seconds == 7
    assert len(await wire.chat()) == arrived


async def test_where_nobody_listens_nothing_was_sent(library: str) -> None:
    away = a_transport(library, "http://127.0.0.1:9")
    try:
        assert await away.send(501, HELLO) == NotSent("no connection")
        assert await away.edit(501, 5, HELLO) == NotSent("no connection")
        with pytest.raises(FetchFailedError):
            await away.fetch(None, 0)
        with pytest.raises(FetchFailedError):
            await away.open()
    finally:
        await away.close()


async def test_whoever_blocked_us_or_is_not_there_cannot_be_reached(wire: Wire) -> None:
    assert isinstance(await wire.transport.send(999, HELLO), Unreachable)
    await wire.post(f"/sandbox/chats/501/block?bot={BOT_ID}", {"blocked": True})
    assert isinstance(await wire.transport.send(501, HELLO), Unreachable)
    await wire.post(f"/sandbox/chats/501/block?bot={BOT_ID}", {"blocked": False})
    assert isinstance(await wire.transport.send(501, HELLO), Delivered)


async def test_an_edit_that_changes_nothing_counts_as_done(wire: Wire) -> None:
    sent = await wire.transport.send(501, HELLO)
    assert isinstance(sent, Delivered)
    assert await wire.transport.edit(501, sent.message_id, HELLO) == sent
    changed = Rendered("Ana, Ben")
    assert await wire.transport.edit(501, sent.message_id, changed) == sent


async def test_a_message_that_is_gone_is_said_to_be_gone(wire: Wire) -> None:
    sent = await wire.transport.send(501, HELLO)
    assert isinstance(sent, Delivered)
    assert await wire.transport.delete(501, sent.message_id) == sent
    assert await wire.transport.edit(501, sent.message_id, HELLO) == TargetGone()
    assert await wire.transport.delete(501, sent.message_id) == TargetGone()


async def test_a_message_of_ours_that_is_wrong_is_rejected(wire: Wire) -> None:
    assert isinstance(await wire.transport.send(501, Rendered("<b>Ana")), Rejected)
    assert isinstance(await wire.transport.send(501, Rendered("a" * 5000)), Rejected)


async def test_an_answer_to_a_tap_that_comes_too_late_changes_nothing(wire: Wire) -> None:
    assert isinstance(await wire.transport.answer("12345", "Thank you."), Rejected)


async def test_a_token_that_is_not_valid_any_more(library: str) -> None:
    async with Sandbox(limits=Limits.none(), open_registration=False) as sandbox:
        transport = a_transport(library, sandbox.url)
        try:
            assert await transport.send(501, HELLO) == Unauthorized()
            with pytest.raises(FetchFailedError, match="token") as caught:
                await transport.open()
            assert "AAAA" not in str(caught.value)
        finally:
            await transport.close()


async def test_an_outage_of_the_service_ends_by_itself(wire: Wire) -> None:
    await wire.post("/sandbox/faults", {"outage": 3600})
    assert isinstance(await wire.transport.send(501, HELLO), NotSent | Unclear)
    with pytest.raises(FetchFailedError):
        await wire.transport.fetch(None, 0)
    await wire.post("/sandbox/faults", {})
    assert isinstance(await wire.transport.send(501, HELLO), Delivered)
    assert len(await wire.transport.fetch(None, 0)) == 1
