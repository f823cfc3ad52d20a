"""`python -m benchmarks`: measure, show, and keep the numbers.

They go to benchmarks/results.json and, as a table and a picture, into docs/performance.md; nothing
else writes any of these.
"""

import argparse
import logging
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks import fanout, growth, history, paced, paper, rounds, taps, webhook
from benchmarks.cores import pinned
from benchmarks.databases import Engine, PostgreSQL, SQLite, postgresql_server
from benchmarks.ground import FULL, SMALL, Ground, Sizes
from benchmarks.measure import Result, Tell
from benchmarks.static_server import static_server
from bot.loops import run_quickly

PARTS: dict[str, Callable[[Ground], Awaitable[list[Result]]]] = {
    "fanout": fanout.measure,
    "webhook": webhook.measure,
    "paced": paced.measure,
    "taps": taps.measure,
    "rounds": rounds.measure,
    "history": history.measure,
    "growth": growth.measure,
}


async def measure_all(
    folder: Path, engines: Sequence[Engine], sizes: Sizes, tell: Tell, parts: Sequence[str] = ()
) -> list[Result]:
    """Measure everything, or those parts that are named."""
    found = []
    async with static_server() as server:
        for name in parts or PARTS:
            ground = Ground(
                folder, server, engines, sizes, lambda said, of=name: tell(f"{of}: {said}")
            )
            began = perf_counter()
            found += await PARTS[name](ground)
            tell(f"{name} took {perf_counter() - began:.0f} s")
    for engine in engines:
        await engine.close()
    return found


def _table(found: Sequence[Result]) -> Table:
    table = Table("what", "value", "unit", "compared with")
    for each in found:
        table.add_row(each.name, paper.number(each.value), each.unit, each.compared_with or "")
    return table


def main() -> None:
    """Run them; some minutes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default, and only"
                        " then are the numbers kept")  # fmt: skip
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    given = parser.parse_args()
    sizes = SMALL if given.small else FULL
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    began = perf_counter()

    def tell(said: str) -> None:
        console.print(f"{perf_counter() - began:4.0f} s  {said}", highlight=False)

    with ExitStack() as stack:
        where = stack.enter_context(pinned())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tell("starting PostgreSQL")
        postgresql = PostgreSQL(stack.enter_context(postgresql_server()))
        engines = [SQLite(folder), postgresql]
        found = run_quickly(measure_all(folder, engines, sizes, tell, given.parts))
    console.print(_table(found), where)
    if sizes is FULL and not given.parts:
        paper.keep(found)
        console.print(f"Kept in {paper.RESULTS.name} and {paper.PAGE.name}.")


if __name__ == "__main__":
    main()
