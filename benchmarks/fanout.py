"""The morning's fan-out: our sender with its ledger against the limit, and against its peers.

All say the same words with the same buttons to the static server. Ours loads each household,
renders its card and marks the ledger before and after; of the others only aiogram-broadcaster
keeps any books.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from importlib.util import find_spec
from typing import Any

from benchmarks.cores import as_installed, garbage_as_ever
from benchmarks.databases import Engine
from benchmarks.ground import Ground, paid_sender
from benchmarks.measure import Contest, Result, Spent, Way, spent
from benchmarks.peers import bare_aiogram, bare_ptb, prepared
from benchmarks.town import TOKEN, asked
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from bot.ptb_transport import PtbTransport
from bot.sender import SIDE_BY_SIDE
from handlers.messages import Transport
from storage.database import Database

PeersWay = Callable[[int], Coroutine[Any, Any, Spent]]
FASTER = "x as fast"
AIOGRAM = f"aiogram Bot.send_message, {SIDE_BY_SIDE} at a time, no bookkeeping"
LIMIT = f"aiohttp with a prepared body, {SIDE_BY_SIDE} at a time: the limit"
PTB = f"python-telegram-bot Bot.send_message, {bare_ptb.AT_A_TIME} at a time, no bookkeeping"
BROADCASTER = "aiogram-broadcaster 0.6 with its SQLAlchemy store on SQLite"


async def all_sent(database: Database, transport: Transport, count: int) -> None:
    """Send all that is owed; each row is marked before and after."""
    sender, sent = paid_sender(database, transport), 0
    while done := await sender.once():
        sent += done
    assert sent == count, f"{sent} of {count} sent"


def ours(
    engine: Engine, server: str, library: type[AiogramTransport | PtbTransport] = AiogramTransport
) -> Way:
    """Return our way of sending to so many households."""

    async def send(count: int) -> Spent:
        database = await engine.fresh(f"asked-{count}", asked(count))
        transport = library(TOKEN, server)
        try:
            await transport.open()
            with few_collections(), spent() as measured:
                await all_sent(database, transport, count)
        finally:
            await transport.close()
        return measured

    return send


def peers(way: PeersWay) -> Way:
    """Return a peer's way, as it comes."""

    async def send(count: int) -> Spent:
        return await as_installed(lambda: way(count))

    return send


def on_our_loop(way: PeersWay) -> Way:
    """Return a peer's way on the loop that ours runs on."""

    async def send(count: int) -> Spent:
        with garbage_as_ever():
            return await way(count)

    return send


async def measure(ground: Ground) -> list[Result]:
    """Measure the fan-out against each of them."""
    return [
        *await _through_aiogram(ground),
        *await _through_ptb(ground),
        *await _against_broadcaster(ground),
    ]


async def _through_aiogram(ground: Ground) -> list[Result]:
    server, sizes = ground.server, ground.sizes
    contest = Contest(sizes.fan_out)
    theirs = {
        "limit": on_our_loop(partial(prepared.send, server, at_a_time=SIDE_BY_SIDE)),
        "aiogram": peers(partial(bare_aiogram.send, server, at_a_time=SIDE_BY_SIDE)),
        "aiogram_on_uvloop": on_our_loop(
            partial(bare_aiogram.send, server, at_a_time=SIDE_BY_SIDE)
        ),
    }
    own = {engine.name: ours(engine, server) for engine in ground.engines}
    await contest.run(own | theirs, times=sizes.times, small=sizes.small, tell=ground.tell)
    found = []
    for name in own:
        as_fast = partial(contest.as_fast, name)
        found += [
            Result(f"fanout_vs_aiogram.{name}", as_fast("aiogram"), FASTER, AIOGRAM),
            Result(
                f"fanout_vs_aiogram_on_uvloop.{name}",
                as_fast("aiogram_on_uvloop"),
                FASTER,
                f"{AIOGRAM}, on uvloop too",
            ),
            Result(f"fanout_vs_limit.{name}", as_fast("limit"), FASTER, LIMIT),
        ]
    return found + contest.plain("fanout", "message")


async def _through_ptb(ground: Ground) -> list[Result]:
    server, sizes = ground.server, ground.sizes
    contest = Contest(sizes.ptb)
    theirs = {"ptb": peers(partial(bare_ptb.send, server))}
    own = {engine.name: ours(engine, server, PtbTransport) for engine in ground.engines}
    await contest.run(own | theirs, times=sizes.times_long, small=sizes.small, tell=ground.tell)
    ratios = [
        Result(f"fanout_ptb_vs_ptb.{name}", contest.as_fast(name, "ptb"), FASTER, PTB)
        for name in own
    ]
    return ratios + contest.plain("fanout_ptb", "message")


async def _against_broadcaster(ground: Ground) -> list[Result]:
    if find_spec("aiogram_broadcaster") is None:
        ground.tell("aiogram-broadcaster is not installed: left out")  # `make bench` installs it
        return []
    from benchmarks.peers import broadcaster  # noqa: PLC0415

    server, sizes = ground.server, ground.sizes
    contest = Contest(sizes.broadcaster)
    path = str(ground.folder / "broadcaster.sqlite3")
    theirs = {"broadcaster": peers(partial(broadcaster.send, server, path=path))}
    own = {engine.name: ours(engine, server) for engine in ground.engines}
    await contest.run(own | theirs, times=sizes.times_long, small=sizes.small, tell=ground.tell)
    ratios = [
        Result(
            f"fanout_vs_broadcaster.{name}",
            contest.as_fast(name, "broadcaster"),
            FASTER,
            BROADCASTER,
        )
        for name in own
    ]
    plain = contest.plain("fanout", "message")
    return ratios + [each for each in plain if each.name.endswith(".broadcaster")]
