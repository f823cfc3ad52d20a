"""What does not grow: the cost of a message and the memory, however many wait in the queue.

`python -m benchmarks.growth ADDRESS SERVER COUNT` is a process that sends so many, and says how
much memory it took at its peak.
"""

import asyncio
import resource
import sys
from pathlib import Path
from time import perf_counter

from sqlalchemy import select

from benchmarks.copies import OWN, copy_rows, further
from benchmarks.cores import elsewhere
from benchmarks.databases import Engine
from benchmarks.ground import Ground, paid_sender
from benchmarks.measure import Contest, Result, Spent, Way, spent
from benchmarks.town import TOKEN, asked
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from bot.loops import run_quickly
from storage.database import Database
from storage.sealing import Keyring, use_keyring
from storage.sql import table
from storage.tables import Ledger

_BEHIND = 10_000_000  # between two copies of a row that is counted
_OWN, _COUNTED = further(OWN), further(_BEHIND)
_TABLES = {  # the copies stand behind the real ones in the queue, and nothing is sent to them
    "person": {"id": _OWN},
    "contact": {"id": _OWN, "person_id": _OWN, "chat_id": _COUNTED},
    "enrolment": {"id": _OWN, "person_id": _OWN},
    "guardianship": {"id": _OWN, "student_id": _OWN, "guardian_id": _OWN},
    "consent": {"id": _OWN, "subject_id": _OWN, "given_by": _OWN},
    "check_in": {"id": _COUNTED, "subject_id": _OWN},
    "card": {"id": _COUNTED, "contact_id": _OWN},
    "ledger": {"id": _COUNTED, "turn": _COUNTED, "contact_id": _OWN, "card_id": _COUNTED},
}


async def measure(ground: Ground) -> list[Result]:
    """Send out of few and out of many in turn, then each once in a process of its own."""
    sizes, began = ground.sizes, perf_counter()
    real = [await engine.filled("many", asked(sizes.real)) for engine in ground.engines]
    copying = (asyncio.to_thread(copy_rows, each, sizes.copies, _TABLES) for each in real)
    await asyncio.gather(*copying)
    for engine in ground.engines:
        engine.settle("many")
    ground.tell(f"filled in {perf_counter() - began:.0f} s")
    found = []
    for engine in ground.engines:
        found += await _of(engine, ground)
    return found


async def _of(engine: Engine, ground: Ground) -> list[Result]:
    sizes, name, server = ground.sizes, engine.name, ground.server
    total = sizes.real * (1 + sizes.copies)
    address = engine.address("many")
    many = Database(address)
    contest = Contest(sizes.few)
    ways = {"few": _out_of_few(engine, server), "many": _out_of(many, server)}
    await contest.run(ways, times=sizes.times, small=sizes.small, tell=ground.tell)
    assert not await _sent_to_copies(many), "what was sent to copies is other work than the rest"
    await many.close()
    few = await engine.filled(f"asked-{sizes.few}", asked(sizes.few))
    await engine.close()
    against = f"{sizes.few:,} pending; here {total:,}"
    slower = 1 / contest.as_fast("many", "few")
    found = [Result(f"fanout_cost_growth_1m.{name}", slower, "x the time", against)]
    if sizes.memory:
        ground.tell(f"{name}, memory")
        grown = await _peak(address, server, sizes.few) - await _peak(few, server, sizes.few)
        found.append(Result(f"memory_growth_1m.{name}", grown, "MB more at its peak", against))
    return found


async def _sent_to_copies(database: Database) -> bool:
    ledger = table(Ledger).c
    those = select(ledger.id).where(ledger.id >= _BEHIND, ledger.sent_at.is_not(None)).limit(1)
    async with database.engine.connect() as connection:
        return (await connection.execute(those)).first() is not None


async def _sent(database: Database, server: str, count: int) -> Spent:
    """Send the first so many of those that wait; what else was claimed goes back."""
    transport = AiogramTransport(TOKEN, server)
    sender = paid_sender(database, transport, may_send=lambda: sender.results["Delivered"] < count)
    try:
        await transport.open()
        with few_collections(), spent() as measured:
            while sender.results["Delivered"] < count:
                assert await sender.once(), sender.results
    finally:
        await transport.close()
    return measured


def _out_of_few(engine: Engine, server: str) -> Way:
    async def send(count: int) -> Spent:
        database = await engine.fresh(f"asked-{count}", asked(count))
        return await _sent(database, server, count)

    return send


def _out_of(database: Database, server: str) -> Way:
    async def send(count: int) -> Spent:
        return await _sent(database, server, count)

    return send


async def _peak(address: str, server: str, count: int) -> float:
    """Return how many megabytes a process takes at its peak that sends so many."""
    with elsewhere():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            address,
            server,
            str(count),
            stdout=asyncio.subprocess.PIPE,
        )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return float(said)


def _peak_of_this() -> float:
    """Return this process's own peak; `getrusage` counts the one that started it as well."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS: bytes
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def _alone(address: str, server: str, count: int) -> None:
    use_keyring(Keyring([bytes(range(32))]))
    database = Database(address)
    await _sent(database, server, count)
    await database.close()


if __name__ == "__main__":
    run_quickly(_alone(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    print(f"{_peak_of_this():.1f}")
