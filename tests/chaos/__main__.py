"""`python -m tests.chaos`: kill it for a quarter of an hour, and write down what became of it.

Each run is a process of its own; what is timed comes last, one after the other. As soon as a run
has ended its numbers go to results.json and, as a table, into docs/reliability.md; nothing else
writes either. With --scale nothing is written.
"""

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

from tests.chaos.paper import keep
from tests.chaos.runs import NAMED, RUNS, done


def _say(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


def main() -> int:
    """Do all runs, or those that are named; 1 when anything is not as promised."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMED)}; all by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1.0, help="0.1: a tenth of everything")
    parser.add_argument("--beside", type=int, default=3, help="runs at a time")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        return _one(given.names[0], given.seed, given.scale)
    names = given.names or [run.form.name for run in RUNS]
    timed = [name for name in names if NAMED[name].timed]
    lines = asyncio.run(_all([name for name in names if name not in timed], given.beside, given))
    lines += asyncio.run(_all(timed, 1, given))
    bad = [line["name"] for line in lines if not line.get("holds")]
    _say(f"not as promised: {', '.join(bad)}" if bad else "all as promised")
    return 1 if bad else 0


def _one(name: str, seed: int, scale: float) -> int:
    line = asyncio.run(done(NAMED[name], seed, _say, scale))
    sys.stdout.write(json.dumps(line) + "\n")
    return 0


async def _all(names: list[str], beside: int, given: argparse.Namespace) -> list[dict[str, Any]]:
    turn = asyncio.Semaphore(beside)

    async def one(name: str) -> dict[str, Any]:
        async with turn:
            _say(f"{name}: begins")
            arguments = ["--one", name, "--seed", str(given.seed), "--scale", str(given.scale)]
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.chaos",
                *arguments,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=2**24,
            )
            assert process.stdout is not None
            last = ""
            async for raw in process.stdout:
                last = raw.decode(errors="replace").rstrip()
                if not last.startswith("{"):
                    _say(f"{name}: {last}")
            await process.wait()
            line: dict[str, Any] = {"name": name, "holds": False, "why": ["it broke off"]}
            if process.returncode == 0 and last.startswith("{"):
                line = json.loads(last)
            _say(f"{name}: {'as promised' if line['holds'] else 'NOT as promised'}")
            if given.scale == 1.0 and process.returncode == 0:
                keep(line)
            for reason in line["why"]:
                _say(f"{name}: {reason}")
            return line

    return list(await asyncio.gather(*(one(name) for name in names)))


if __name__ == "__main__":
    sys.exit(main())
