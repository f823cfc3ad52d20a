"""The sandbox alone: it says where it is and ends when it is told to."""

import asyncio
import signal
import sys

import aiohttp
import pytest


@pytest.mark.process
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_it_runs_alone_and_ends_cleanly(end: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sandbox",
        "--port",
        "0",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode()
    url = line.rpartition(" ")[2].strip()
    sent = asyncio.Event()

    async def note(*_: object) -> None:
        if polling:
            sent.set()

    polling = False
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note)
    async with aiohttp.ClientSession(trace_configs=[trace]) as session:
        async with session.get(f"{url}/bot7100000001:{'A' * 35}/getMe") as response:
            assert (await response.json())["ok"]
        polling = True
        poll = asyncio.create_task(
            session.get(f"{url}/bot7100000001:{'A' * 35}/getUpdates?timeout=50")
        )
        await sent.wait()
        async with session.get(f"{url}/sandbox/events") as events:
            await events.content.readline()
            process.send_signal(end)
            async with asyncio.timeout(10):
                _, errors = await process.communicate()
        (await poll).close()
    assert (process.returncode, errors) == (0, b"")
