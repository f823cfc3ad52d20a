"""Taps by webhook, end to end: our server, inbox and sender against two bare ones.

Another process posts the same updates to each, a hundred at a time, as many as we ask Telegram
for. Each keeps every answer as safely before its 200, and makes the same two calls for it: the
short answer to the tap and the card edited in place. The bare ones upsert one plain row; ours
keeps the standing answer and its history, and redraws the card from the rows.
"""

import asyncio
import json
from pathlib import Path

from benchmarks.cores import as_installed, garbage_as_ever
from benchmarks.databases import Engine
from benchmarks.fanout import FASTER
from benchmarks.ground import Ground, paid_sender
from benchmarks.load import Load, poster
from benchmarks.measure import Contest, Result, Spent, Way, spent
from benchmarks.peers import bare_webhook, grouped_webhook
from benchmarks.taps import shown, taps_of
from benchmarks.town import ASK_TIME, BOT_ID, TOKEN
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from bot.listener import Gatherer
from handlers.inbox import Handled, Inbox
from handlers.router import Router
from web.server import Hook, WebServer

PEER = "aiogram webhook bot, one upsert and commit per update, the same two calls"
LIMIT = "aiohttp handler with grouped commits and prepared bodies, the same two calls: the limit"
SECRET = "benchmark-benchmark"  # noqa: S105 - loopback only


def _ours(engine: Engine, ground: Ground, load: Load) -> Way:
    async def answer(count: int) -> Spent:
        updates = await _updates(engine, ground, count)
        database = await engine.fresh(f"shown-{count}", shown(ground.server, count))
        transport = AiogramTransport(TOKEN, ground.server)
        sender = paid_sender(database, transport)
        stored = 0

        def then(handled: Handled) -> None:
            nonlocal stored
            stored += handled.events
            sender.answer(handled.toasts)
            sender.show(handled.fresh)
            sender.wake()

        inbox = Inbox(database, lambda: ASK_TIME, Router())
        gatherer = Gatherer(transport, inbox, then)
        server = WebServer("127.0.0.1", 0, None, {BOT_ID: Hook(SECRET, gatherer.receive)})
        await server.start()
        await transport.open()
        stopping = asyncio.Event()
        sending = asyncio.create_task(sender.run(stopping))
        try:
            with few_collections(), spent() as measured:
                await load.post(server.port, f"/telegram/{BOT_ID}", SECRET, updates)
                stopping.set()
                sender.wake()
                await sending
                while await sender.once():
                    pass
                await sender.toasts_sent()
            assert stored == count, f"{stored} of {count} kept"
            assert sender.results["Delivered"] == count, sender.results
        finally:
            await server.stop()
            await transport.close()
        return measured

    return answer


async def _updates(engine: Engine, ground: Ground, count: int) -> Path:
    """Return a file of taps on the cards of an engine's database."""
    path = ground.folder / f"updates-{engine.name}-{count}.json"
    if not path.exists():
        database = await engine.fresh(f"shown-{count}", shown(ground.server, count))
        path.write_text(json.dumps(await taps_of(database)))
    return path


def _bare(engine: Engine, ground: Ground, load: Load) -> Way:
    async def answer(count: int) -> Spent:
        updates = await _updates(engine, ground, count)
        return await as_installed(
            lambda: bare_webhook.answer(engine, ground.server, load, updates, count, SECRET)
        )

    return answer


def _grouped(engine: Engine, ground: Ground, load: Load) -> Way:
    async def answer(count: int) -> Spent:
        updates = await _updates(engine, ground, count)
        with garbage_as_ever():  # on our loop: it is the limit
            return await grouped_webhook.answer(
                engine, ground.server, load, updates, count, SECRET
            )

    return answer


async def measure(ground: Ground) -> list[Result]:
    """Measure taps by webhook on each database."""
    sizes = ground.sizes
    contest = Contest(sizes.taps)
    ways: dict[str, Way] = {}
    async with poster() as load:
        for engine in ground.engines:
            ways[engine.name] = _ours(engine, ground, load)
            ways[f"aiogram.{engine.name}"] = _bare(engine, ground, load)
            ways[f"limit.{engine.name}"] = _grouped(engine, ground, load)
        await contest.run(ways, times=sizes.times, small=sizes.small, tell=ground.tell)
    found = []
    for engine in ground.engines:
        name = engine.name
        to_peer, to_limit = (contest.as_fast(name, f"{of}.{name}") for of in ("aiogram", "limit"))
        found += [
            Result(f"taps_vs_aiogram_webhook.{name}", to_peer, FASTER, PEER),
            Result(f"taps_vs_limit.{name}", to_limit, FASTER, LIMIT),
        ]
    return found + contest.plain("taps", "update")
