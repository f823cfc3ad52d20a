"""Webhooks: in order within a chat, again until taken, with the secret on every call."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from sandbox import Sandbox
from tests.sandbox.conftest import Client, until

SECRET = "s3cret_token-of-ours"


class Listener:
    """A bot's own address; `answers` are given in turn, then 200."""

    def __init__(self) -> None:
        self.url = ""
        self.got: list[dict[str, Any]] = []
        self.secrets: set[str | None] = set()
        self.answers: list[web.Response] = []
        self.at_once = self.most_at_once = 0
        self.gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.got.append(await request.json())
        self.secrets.add(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        if self.gate is not None:
            await self.gate.wait()
        self.at_once -= 1
        return self.answers.pop(0) if self.answers else web.Response()

    def texts(self) -> list[str]:
        return [update["message"]["text"] for update in self.got]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_post("/hook", listener.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield listener
    if listener.gate is not None:
        listener.gate.set()
    await runner.cleanup()


async def test_updates_are_pushed_with_the_secret(
    client: Client, sandbox: Sandbox, maria: int, listener: Listener
) -> None:
    sandbox.world.write(maria, "before")
    body = await client.bot("setWebhook", url=listener.url, secret_token=SECRET)
    assert body == {"ok": True, "result": True, "description": "Webhook was set"}
    sandbox.world.write(maria, "after")
    await until(lambda: len(listener.got) == 2)
    assert listener.texts() == ["before", "after"]
    assert listener.secrets == {SECRET}
    await until(lambda: sandbox.world.bot().queue.count() == 0)
    [entry] = await client.get("/sandbox/log?method=setWebhook")
    assert "secret_token" not in entry["params"]


async def test_a_refused_update_comes_again_in_order(
    client: Client, sandbox: Sandbox, maria: int, listener: Listener
) -> None:
    listener.answers = [web.Response(status=503), web.Response(status=500)]
    await client.result("setWebhook", url=listener.url)
    for text in ("one", "two"):
        sandbox.world.write(maria, text)
    await until(lambda: len(listener.got) == 4)
    assert listener.texts() == ["one", "one", "one", "two"]
    info = await client.result("getWebhookInfo")
    assert info["last_error_message"] == (
        "Wrong response from the webhook: 500 Internal Server Error"
    )


async def test_retry_after_is_honoured(
    client: Client, sandbox: Sandbox, maria: int, listener: Listener
) -> None:
    listener.answers = [web.Response(status=503, headers={"Retry-After": "1"})]
    await client.result("setWebhook", url=listener.url)
    sandbox.world.write(maria, "one")
    loop = asyncio.get_running_loop()
    await until(lambda: len(listener.got) == 1)
    first = loop.time()
    await until(lambda: len(listener.got) == 2)
    assert loop.time() - first >= 0.9


async def test_no_more_connections_than_asked_for(
    client: Client, sandbox: Sandbox, listener: Listener
) -> None:
    listener.gate = asyncio.Event()
    await client.result("setWebhook", url=listener.url, max_connections=2)
    for n in range(5):
        sandbox.world.start(sandbox.world.add_user(f"User {n}").id, "")
    await until(lambda: listener.at_once == 2)
    assert (await client.result("getWebhookInfo"))["pending_update_count"] == 5
    listener.gate.set()
    await until(lambda: len(listener.got) == 5)
    assert listener.most_at_once == 2


async def test_a_bot_that_is_down_gets_everything_when_it_is_back(
    client: Client, sandbox: Sandbox, maria: int, listener: Listener
) -> None:
    await client.result("setWebhook", url="http://127.0.0.1:9/hook")
    sandbox.world.write(maria, "one")
    hook = sandbox.world.bot().queue
    info: dict[str, Any] = {}
    async with asyncio.timeout(10):
        for _ in range(10_000):
            info = await client.result("getWebhookInfo")
            if "last_error_message" in info:
                break
    assert (info["last_error_message"], info["pending_update_count"]) == ("Connection refused", 1)
    await client.result("setWebhook", url=listener.url)
    await until(lambda: hook.count() == 0)
    assert listener.texts() == ["one"]


async def test_deleting_a_webhook_leaves_what_waits_or_drops_it(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    await client.result("setWebhook", url="http://127.0.0.1:9/hook")
    sandbox.world.write(maria, "one")
    await client.result("deleteWebhook")
    assert len(await client.result("getUpdates")) == 1
    body = await client.bot("deleteWebhook", drop_pending_updates=True)
    assert body["description"] == "Webhook is already deleted"
    assert await client.result("getUpdates") == []


async def test_an_answer_can_carry_a_method(
    client: Client, sandbox: Sandbox, maria: int, listener: Listener
) -> None:
    wish = {"method": "sendMessage", "chat_id": maria, "text": "at once"}
    listener.answers = [web.json_response(wish)]
    await client.result("setWebhook", url=listener.url)
    sandbox.world.write(maria, "one")
    await until(lambda: len(sandbox.world.chat(maria).messages) == 3)
    assert sandbox.world.chat(maria).messages[3].text == "at once"


async def test_wrong_addresses_and_secrets_are_refused(client: Client) -> None:
    for wish, error in (
        ({"url": "ftp://x"}, "bad webhook: an HTTPS URL must be provided for webhook"),
        ({"url": "http://bot.example.org/"}, "bad webhook: an HTTPS URL must be provided"),
        ({"url": "https://bot.example.org:81/"}, "only on ports 80, 88, 443 or 8443"),
        ({"url": "http://127.0.0.1/", "secret_token": "a b"}, "unallowed characters"),
        ({"url": "http://127.0.0.1/", "secret_token": "a" * 257}, "secret token is too long"),
    ):
        assert error in await client.refusal("setWebhook", **wish)


async def test_the_sandbox_ends_while_deliveries_are_under_way(listener: Listener) -> None:
    listener.gate = asyncio.Event()
    async with Sandbox() as sandbox:
        bot = sandbox.world.add_bot("7100000009:" + "Z" * 35)
        import aiohttp

        async with aiohttp.ClientSession() as session:
            client = Client(sandbox.url, session)
            await client.result("setWebhook", bot.token, url=listener.url)
            poll = asyncio.create_task(session.get(f"{sandbox.url}/sandbox/events"))
            sandbox.world.start(sandbox.world.add_user("Ana").id, "")
            await until(lambda: listener.at_once == 1)
            await sandbox.stop()
            with contextlib.suppress(aiohttp.ClientError):
                (await poll).close()
