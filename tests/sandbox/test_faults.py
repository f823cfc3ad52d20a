"""Faults on purpose: the same ones for the same seed, and never half a call."""

import asyncio
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from sandbox import Sandbox
from tests.sandbox.conftest import TOKEN, Client, Ticks


async def send(client: Client, chat_id: int) -> int | None:
    """Send once; gives the status, or None when the connection broke."""
    url = f"{client.url}/bot{TOKEN}/sendMessage"
    # A broken connection must not be taken from the pool by the next call.
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(url, json={"chat_id": chat_id, "text": "x"}) as response:
                await response.read()
                return response.status
        except aiohttp.ClientError:
            return None


def arrived(sandbox: Sandbox, person: int) -> int:
    return sum(one.from_bot for one in sandbox.world.chat(person).messages.values())


@pytest.mark.parametrize(
    ("knob", "statuses", "arrives"),
    [
        ("rate_429", {429}, 0),
        ("rate_5xx_before", {500, 502, 504}, 0),
        ("rate_5xx_after", {500, 502, 504}, 1),
        ("rate_hang", {None}, 1),
        ("rate_reset_before", {None}, 0),
        ("rate_reset_after", {None}, 1),
    ],
)
async def test_each_fault_does_what_it_says(
    client: Client, sandbox: Sandbox, maria: int, knob: str, statuses: set[int], arrives: int
) -> None:
    await client.post("/sandbox/faults", **{knob: 1, "hang_seconds": 0.01})
    assert {await send(client, maria) for _ in range(4)} <= statuses
    assert arrived(sandbox, maria) == 4 * arrives
    log = await client.get("/sandbox/log?method=sendMessage")
    assert [(entry["ok"], entry["description"]) for entry in log] == [
        (bool(arrives), f"fault: {knob}")
    ] * 4
    await client.post("/sandbox/faults")
    assert await send(client, maria) == 200


async def test_a_refusal_whose_answer_is_lost_is_noted_as_a_fault(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    sandbox.world.block(maria, True)
    await client.post("/sandbox/faults", rate_reset_after=1)
    assert await send(client, maria) is None
    (entry,) = await client.get("/sandbox/log?method=sendMessage")
    assert (entry["ok"], entry["description"]) == (False, "fault: rate_reset_after")


async def test_a_seed_gives_the_same_faults_again(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    async def a_run() -> list[int | None]:
        await client.post(
            "/sandbox/faults", seed=5, rate_429=0.3, rate_reset_after=0.3, retry_after=7
        )
        return [await send(client, maria) for _ in range(12)]

    first = await a_run()
    assert set(first) == {200, 429, None}
    assert await a_run() == first


async def test_only_the_named_methods_are_touched(client: Client, maria: int) -> None:
    await client.post("/sandbox/faults", rate_429=1, retry_after=9, methods=["sendMessage"])
    await client.result("getMe")
    refused = await client.bot("sendMessage", chat_id=maria, text="x")
    assert refused["parameters"] == {"retry_after": 9}


async def test_in_an_outage_nothing_gets_through_and_polls_break(
    client: Client, sandbox: Sandbox, maria: int, ticks: Ticks
) -> None:
    async def poll() -> Any:
        async with aiohttp.ClientSession() as session:
            return await Client(client.url, session).result("getUpdates", timeout=30)

    waiting = asyncio.create_task(poll())
    async with asyncio.timeout(10):
        for _ in range(10_000):
            if sandbox.world.bot().queue.is_polled:
                break
            await asyncio.sleep(0.001)
    await client.post("/sandbox/faults", outage=60)
    with pytest.raises(aiohttp.ClientError):
        await waiting
    assert await send(client, maria) is None
    ticks.now += 60
    assert await send(client, maria) == 200
    assert arrived(sandbox, maria) == 1


async def test_an_outage_can_follow_the_sandbox_clock(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    begin = sandbox.clock.now() + timedelta(hours=1)
    end = begin + timedelta(hours=1)
    outage = {"from": begin.isoformat(), "to": end.isoformat()}
    assert (await client.post("/sandbox/faults", outage=outage))["outage"] is not None
    assert await send(client, maria) == 200
    sandbox.clock.jump_to(begin)
    assert await send(client, maria) is None
    sandbox.clock.jump_to(end)
    assert await send(client, maria) == 200


async def test_wrong_knobs_are_explained(client: Client) -> None:
    assert "No such knob: rate" in (await client.post("/sandbox/faults", 400, rate=1))["error"]
    over = await client.post("/sandbox/faults", 400, rate_429=0.7, rate_hang=0.7)
    assert "more than 1" in over["error"]
    for wrong in (
        {"rate_429": -1},
        {"rate_429": "often"},
        {"outage": {"from": "2026-03-02T07:00"}},
    ):
        assert "error" in await client.post("/sandbox/faults", 400, **wrong)
    assert (await client.get("/sandbox/faults"))["rate_429"] == 0
