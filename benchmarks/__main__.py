"""`python -m benchmarks`: measure, show, and keep the numbers in benchmarks/results.json."""

import asyncio
import json
import logging
import tempfile
from dataclasses import asdict
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks import fanout, rounds, taps, webhook
from benchmarks.measure import Result
from benchmarks.static_server import static_server

RESULTS = Path(__file__).parent / "results.json"


async def measure_all(folder: Path, *, small: bool = False) -> list[Result]:
    """Measure everything; `small` only shows that it runs."""
    households, times = (12, 1) if small else (1000, 3)
    async with static_server() as url:
        found = await fanout.measure(folder, url, households=households, times=times)
        found += await taps.measure(folder, url, households=households, times=times)
        found += await webhook.measure(folder, url, households=households, times=times)
    few, many, looks = (30, 60, 1) if small else (1250, 100_000, 15)
    return found + await rounds.measure(folder, few=few, many=many, times=looks)


def main() -> None:
    """Run them all; a minute or so."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console()
    with tempfile.TemporaryDirectory() as folder, console.status("Measuring; about a minute ..."):
        found = asyncio.run(measure_all(Path(folder)))
    table = Table("what", "value", "unit", "compared with")
    for each in found:
        value = f"{each.value:.2f}" if each.value < 100 else f"{each.value:,.0f}"
        table.add_row(each.name, value, each.unit, each.compared_with or "")
    console.print(table)
    documents = [asdict(each) | {"value": round(each.value, 3)} for each in found]
    RESULTS.write_text(json.dumps(documents, indent=1) + "\n")
    console.print(f"Kept in {RESULTS.relative_to(Path.cwd())}.")


if __name__ == "__main__":
    main()
