"""What goes wrong on the wire, over real HTTP, and what the port calls it."""

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from time import monotonic
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.logs import set_up_logs
from bot.transports import BotTransport
from handlers.messages import (
    Button,
    Capability,
    Delivered,
    FetchFailedError,
    MenuCommand,
    Migrated,
    NotSent,
    PollConflictError,
    Rejected,
    Rendered,
    SendResult,
    Style,
    TargetGone,
    Unauthorized,
    Unclear,
    Unreachable,
    UnreadableUpdateError,
    Upload,
    Wait,
)
from sandbox.limits import Limits
from sandbox.server import Sandbox
from tests.libraries import LIBRARIES, a_transport
from tests.play import BOT_ID, TOKEN

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


async def test_who_asks_for_patience_without_a_time_is_given_a_second(library: str) -> None:
    said = '{"ok":false,"description":"Too Many Requests"}'
    assert await answered(library, 429, said) == Wait(1)


async def test_what_is_too_large_is_our_fault(library: str) -> None:
    said = '{"ok":false,"description":"Request Entity Too Large"}'
    assert isinstance(await answered(library, 413, said), Rejected)


@pytest.mark.parametrize("status", [402, 406, 409, 418, 451])
async def test_a_refusal_that_nobody_has_a_name_for_is_unclear(library: str, status: int) -> None:
    said = f'{{"ok":false,"error_code":{status},"description":"Come back another day"}}'
    assert isinstance(await answered(library, status, said), Unclear)


async def test_an_address_that_knows_no_such_token_loses_no_message(library: str) -> None:
    said = '{"ok":false,"error_code":404,"description":"Not Found"}'
    assert await answered(library, 404, said) == Unauthorized()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (200, "<html>Ana"),
        (200, "[]"),
        (200, "{}"),
        (200, '{"ok":true}'),
        (200, '{"ok":true,"result":"Ana"}'),
        (200, '{"ok":true,"result":[]}'),
        (200, '{"ok":true,"result":{"message_id":'),
        (502, "<html>Ana"),
        (504, "{}"),
        (500, "[]"),
        (301, ""),
    ],
)
async def test_an_answer_that_cannot_be_read_is_unclear_and_stays_out_of_the_log(
    library: str, status: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    set_up_logs(as_json=True)
    assert isinstance(await answered(library, status, said), Unclear)
    assert "Ana" not in caplog.text


@pytest.mark.skipif(not os.environ.get("ALLCLEAR_SOAK"), reason="make soak waits for it")
async def test_a_service_that_never_ends_its_answer_is_unclear_in_time(library: str) -> None:
    # A piece every second: no single wait is too long, the whole is.
    began = monotonic()
    assert isinstance(await answered(library, 200, "x" * 60, pause=1.0), Unclear)
    assert monotonic() - began < 12


async def answered(library: str, status: int, said: str, *, pause: float = 0.0) -> SendResult:
    """Send to a server that always answers the same."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        for piece in said if pause else [said]:
            await response.write(piece.encode())
            await asyncio.sleep(pause)
        return response

    app = web.Application()
    app.router.add_post("/{any:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        transport = a_transport(library, str(server.make_url("")).rstrip("/"))
        try:
            return await transport.send(501, HELLO)
        finally:
            await transport.close()


async def test_another_who_polls_is_named_as_such(wire: Wire) -> None:
    await wire.transport.use_webhook("https://school.example/hook", "s" * 32)
    with pytest.raises(PollConflictError):
        await wire.transport.fetch(None, 0)
    await wire.transport.use_polling()
    assert len(await wire.transport.fetch(None, 0)) == 1


async def test_a_webhook_is_sent_as_many_updates_at_once_as_one_commit_takes(wire: Wire) -> None:
    await wire.transport.use_webhook("https://school.example/hook", "s" * 32)
    assert wire.sandbox._bot_api.webhooks.by_bot[BOT_ID].max_connections == 100


async def test_a_group_that_moved_says_where_to(wire: Wire) -> None:
    group = wire.sandbox.world.add_group("Class 3-2", BOT_ID)
    assert isinstance(await wire.transport.send(group.id, HELLO), Delivered)
    sent = await wire.transport.send(group.id, HELLO)
    assert isinstance(sent, Delivered)
    new_id = wire.sandbox.world.migrate_group(group.id)
    assert await wire.transport.edit(group.id, sent.message_id, HELLO) == Migrated(new_id)
    assert await wire.transport.send(group.id, HELLO) == Migrated(new_id)
    assert isinstance(await wire.transport.send(new_id, HELLO), Delivered)


async def test_a_file_goes_there_and_back(wire: Wire) -> None:
    sent = await wire.transport.send(501, Rendered("the plan", document=("计划.yaml", b"a: 1")))
    assert isinstance(sent, Delivered)
    (shown,) = await wire.chat()
    assert "计划.yaml" in str(shown)
    wire.sandbox.world.upload(501, b"Ana,1\n", "roster.csv")
    *_, raw = await wire.transport.fetch(None, 0)
    upload = wire.transport.read(raw)
    assert isinstance(upload, Upload)
    assert upload.file_name == "roster.csv"
    assert await wire.transport.download(upload.file_id) == b"Ana,1\n"
    with pytest.raises(FetchFailedError):
        await wire.transport.download("nothing")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
async def test_a_number_that_no_database_keeps_is_malformed(wire: Wire, number: int) -> None:
    *_, raw = await wire.transport.fetch(None, 0)
    assert wire.transport.read(raw) is not None
    raw["message"]["chat"]["id"] = number
    with pytest.raises(UnreadableUpdateError, match="malformed"):
        wire.transport.read(raw)


async def test_only_what_is_to_be_paid_for_says_so(wire: Wire) -> None:
    picture = Rendered("3-2", photo=("day.png", PIXEL))
    letter = Rendered("the plan", document=("plan.yaml", b"a: 1"))
    for message in (HELLO, picture, letter):
        assert isinstance(await wire.transport.send(501, message), Delivered)
        assert isinstance(await wire.transport.send(501, message, paid=True), Delivered)
    sends = ("sendMessage", "sendPhoto", "sendDocument")
    calls = [call for name in sends for call in wire.sandbox.world.journal.since(method=name)]
    said = [str(call.params.get("allow_paid_broadcast")).lower() for call in calls]
    assert said == ["none", "true"] * 3


async def test_an_answer_to_a_message_says_which(wire: Wire) -> None:
    first = await wire.transport.send(501, HELLO)
    assert isinstance(first, Delivered)
    await wire.transport.send(501, Rendered("again"), reply_to=first.message_id)
    assert isinstance(await wire.transport.send(501, HELLO, reply_to=999), Delivered)
    calls = wire.sandbox.world.journal.since(method="sendMessage")
    assert f'"message_id":{first.message_id}' in squeezed(calls[1].params["reply_parameters"])


async def test_a_menu_is_set_for_a_chat_and_for_everybody(wire: Wire) -> None:
    menu = [MenuCommand("today", "Today's card")]
    assert isinstance(await wire.transport.menu(501, menu, None), Delivered)
    assert isinstance(await wire.transport.menu(None, menu, "zh"), Delivered)
    chat, everybody = wire.sandbox.world.journal.since(method="setMyCommands")
    assert '"chat_id":501' in squeezed(chat.params["scope"])
    assert "all_private_chats" in squeezed(everybody.params["scope"])
    assert everybody.params["language_code"] == "zh"


async def test_a_tap_is_answered(wire: Wire) -> None:
    sent = await wire.transport.send(501, HELLO)
    assert isinstance(sent, Delivered)
    tap = wire.sandbox.world.tap(501, sent.message_id, text="All clear")
    assert isinstance(await wire.transport.answer(tap.id, "Thank you.", alert=True), Delivered)
    assert tap.given == {"text": "Thank you.", "alert": True}


def squeezed(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace(" ", "")


STYLED = Rendered(
    "Line: <i>3 &lt; 4</i>",
    (
        (Button("Sign", "s:1", Style.good), Button("Stop", "x:1", Style.danger)),
        (Button("Later", "l:1"), Button("Copy", "", copy="3 < 4")),
        (Button("Other", "", copy="a&b"),),
    ),
)


async def test_buttons_have_their_colours_and_copy(wire: Wire) -> None:
    assert wire.transport.capabilities == frozenset(Capability)
    sent = await wire.transport.send(501, STYLED)
    assert isinstance(sent, Delivered)
    (shown,) = await wire.chat()
    first, second, third = shown["buttons"]
    assert [button.get("style") for button in first] == ["success", "danger"]
    assert [button.get("copy") for button in (*second, *third)] == [None, "3 < 4", "a&b"]


async def test_what_a_channel_cannot_show_is_said_plainly(wire: Wire) -> None:
    older = type("Older", (type(wire.transport),), {"capabilities": frozenset()})
    transport = older(TOKEN, wire.sandbox.url)
    try:
        sent = await transport.send(501, STYLED)
        assert isinstance(sent, Delivered)
        (shown,) = await wire.chat()
        assert [[button["text"] for button in row] for row in shown["buttons"]] == [
            ["Sign", "Stop"],
            ["Later"],
        ]
        assert not any("style" in button for row in shown["buttons"] for button in row)
        assert shown["text"] == "Line: 3 < 4\na&b"
        edited = await transport.edit(501, sent.message_id, STYLED)
        assert edited == sent  # the same once more: nothing to change
    finally:
        await transport.close()


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
async def test_the_token_is_in_no_log_however_much_is_logged(
    wire: Wire, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    set_up_logs(as_json=True)
    caplog.set_level(level)  # of everything that has no level of its own
    assert isinstance(await wire.transport.send(501, Rendered("38.4 Ana")), Delivered)
    await wire.transport.fetch(None, 0)
    with pytest.raises(FetchFailedError) as caught:
        await wire.transport.download("nothing")
    logging.getLogger("ours").warning("failed", exc_info=caught.value)
    assert "failed" in caplog.text
    assert TOKEN.partition(":")[2] not in caplog.text
    assert "38.4" not in caplog.text


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


async def test_what_goes_into_a_black_hole_was_not_sent(library: str) -> None:
    """As behind a firewall that drops what it does not like: no answer, not even a refusal."""
    with black_hole() as url:
        away = a_transport(library, url, connect_timeout=0.2)
        picture = Rendered("3-2", photo=("day.png", PIXEL))
        menu = [MenuCommand("today", "Today's card")]
        try:
            async with asyncio.timeout(5):
                results = await asyncio.gather(
                    away.send(501, HELLO),
                    away.send(501, picture),
                    away.edit(501, 5, HELLO),
                    away.delete(501, 5),
                    away.answer("5", "Thank you."),
                    away.menu(501, menu, None),
                )
                assert results == [NotSent("no connection")] * 6
                with pytest.raises(FetchFailedError):
                    await away.fetch(None, 0)
        finally:
            await away.close()


async def test_a_name_that_nobody_knows_is_not_sent_to(library: str) -> None:
    away = a_transport(library, "http://telegram.invalid")
    try:
        assert await away.send(501, HELLO) == NotSent("no connection")
        assert await away.delete(501, 5) == NotSent("no connection")
    finally:
        await away.close()


@contextmanager
def black_hole() -> Iterator[str]:
    """Give an address where nobody refuses a connection and nobody takes it: its queue is full."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


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
