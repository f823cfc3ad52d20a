"""What does not grow: the cost of a message and the memory, however many wait in the queue."""

import asyncio
import json
import sys
from time import perf_counter

from benchmarks.databases import Engine
from benchmarks.ground import Ground, paid_sender
from benchmarks.many import multiply
from benchmarks.measure import Result, Spent, spent
from benchmarks.town import TOKEN, asked
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from storage.database import Database


async def measure(ground: Ground) -> list[Result]:
    """Send the first messages out of few and out of many."""
    found = []
    for engine in ground.engines:
        found += await _of(engine, ground)
    return found


async def _of(engine: Engine, ground: Ground) -> list[Result]:
    sizes, name = ground.sizes, engine.name
    total = sizes.few * (1 + sizes.copies)
    out_of = f"out of {_short(total)}"

    async def many(database: Database) -> None:
        await asked(sizes.few)(database)
        await database.close()
        multiply(address, sizes.copies)

    ground.tell(f"{name}, filling {total} recipients")
    address = engine.address("many")
    began = perf_counter()
    few = await engine.fresh("few", asked(sizes.few))
    cost_of_few = await _sent(few, ground.server, sizes.sent_of_many)
    little = await engine.filled("little", asked(sizes.little))
    await engine.filled("many", many)
    ground.tell(f"{name}, filled in {perf_counter() - began:.0f} s; sending {out_of}")
    database = Database(address)
    cost_of_many = await _sent(database, ground.server, sizes.sent_of_many)
    await database.close()
    await engine.close()
    few_mb = await _peak(little, ground.server, sizes.little)
    many_mb = await _peak(address, ground.server, sizes.few - 2 * sizes.sent_of_many // 2)
    grown = cost_of_many.processor / cost_of_few.processor
    slower = cost_of_many.wall / cost_of_few.wall
    against = f"out of {_short(sizes.few)} pending"
    return [
        Result(f"fanout_cost_growth.{name}", slower, f"x the time, {out_of} pending", against),
        Result(f"fanout_cost_growth_processor.{name}", grown, "x the processor", against),
        Result(
            f"fanout_memory_growth_mb.{name}",
            many_mb - few_mb,
            f"MB more at its peak, {out_of} pending",
            f"out of {_short(sizes.little)} pending",
        ),
        Result(f"fanout_memory.{name}", many_mb, "MB at its peak"),
    ]
