"""The runs by name: what the table in docs/reliability.md has a line for."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from bot.sender import window_at
from tests.chaos import trials
from tests.chaos.fan_out import Outcome, Tell, fan_out
from tests.chaos.mortal import AHEAD
from tests.chaos.nursery import Nursery, Parent
from tests.chaos.school import Form, School, a_school
from tests.chaos.server import Mortal, a_server

FAULTS = {
    "rate_429": 0.03,
    "rate_5xx_before": 0.01,
    "rate_5xx_after": 0.01,
    "rate_hang": 0.005,
    "rate_reset_before": 0.005,
    "rate_reset_after": 0.005,
}
CLOCKS = ({AHEAD: "0.001"}, {AHEAD: "300"}, {AHEAD: "-300"})


@dataclass(frozen=True, slots=True)
class Run:
    """A form, what is done in it, and how the page calls it; what is timed runs alone."""

    form: Form
    said: str
    does: Callable[[School, Tell, Mortal | None], Awaitable[Outcome]]
    small_disk: int = 0  # megabytes
    timed: bool = False


async def _fan_out(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await fan_out(school, tell)


async def _again(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await fan_out(school, tell, named=("between sends",))


async def _clocks(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await fan_out(school, tell, CLOCKS)


async def _inbound(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await trials.inbound(school, tell)


async def _database(school: School, tell: Tell, server: Mortal | None) -> Outcome:
    assert server is not None
    return await trials.database_killed(school, server, tell)


async def _disk(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await trials.disk_full(school, trials.FullForOne(school.houses[0]), tell)


async def _small_disk(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await trials.disk_full(school, trials.Full(school.folder), tell)


async def _asleep(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await trials.asleep(school, 60.0, tell)


async def _faulty(school: School, tell: Tell, _server: Mortal | None) -> Outcome:
    return await trials.faulty(school, tell)


def _morning(name: str, database: str, processes: int) -> Form:
    return Form(
        name, families=5000, kills=100, reminded=True, database=database, processes=processes
    )


RUNS = (
    Run(_morning("sqlite-1", "sqlite", 1), "kills, SQLite, one process", _fan_out),
    Run(_morning("sqlite-3", "sqlite", 3), "kills, SQLite, three processes", _fan_out),
    Run(_morning("postgresql-1", "postgresql", 1), "kills, PostgreSQL, one process", _fan_out),
    Run(_morning("postgresql-3", "postgresql", 3), "kills, PostgreSQL, three processes", _fan_out),
    Run(
        Form("taps-polling", families=10_000, kills=100, rate=1000),
        "kills while 10,000 families tap, polling, SQLite",
        _inbound,
    ),
    Run(
        Form(
            "taps-webhook",
            families=10_000,
            kills=100,
            rate=1000,
            webhook=True,
            database="postgresql",
        ),
        "kills while 10,000 families tap, webhook, PostgreSQL",
        _inbound,
    ),
    Run(
        Form("service", families=1000, kills=10, reminded=True, faults=FAULTS),
        "the service fails in every way, and kills",
        _faulty,
    ),
    Run(
        Form("service-ptb", families=1000, kills=10, reminded=True, faults=FAULTS, library="ptb"),
        "the same through python-telegram-bot",
        _faulty,
    ),
    Run(
        Form("database", families=1500, kills=10, database="postgresql", tapping=0.3),
        "PostgreSQL killed",
        _database,
        timed=True,
    ),
    Run(
        Form("again", families=600, kills=20, cold_every=1),
        "kills, each start by the command",
        _again,
        timed=True,
    ),
    Run(
        Form("takeover", families=600, kills=20, database="postgresql", processes=3),
        "kills, another process goes on",
        _again,
        timed=True,
    ),
    Run(
        Form("disk", families=1500, kills=3, tapping=0.3),
        "the disk full for the process",
        _disk,
    ),
    Run(
        Form("small-disk", families=1500, kills=3, tapping=0.3),
        "the disk itself full",
        _small_disk,
        small_disk=40,
    ),
    Run(
        Form("asleep", families=2500, kills=1, database="postgresql", processes=2),
        "a process stopped for a minute",
        _asleep,
    ),
    Run(
        Form(
            "clocks",
            families=500,
            kills=20,
            database="postgresql",
            processes=3,
            reminded=True,
            cold_every=10_000,
        ),
        "kills, clocks five minutes apart either way",
        _clocks,
    ),
)
NAMED = {run.form.name: run for run in RUNS}


async def done(run: Run, seed: int, tell: Tell, scale: float = 1.0) -> dict[str, Any]:
    """Do one run; return its line for the results."""
    form = replace(
        run.form,
        families=max(round(run.form.families * scale), 40),
        kills=max(round(run.form.kills * scale), 1),
    )
    port = _free_port() if form.webhook else 0
    bare = await a_bare_start(form.library) if run.timed else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_folder(run.small_disk)))
        server = stack.enter_context(a_server()) if form.database == "postgresql" else None
        address = server.address(server.make()) if server else ""
        parent = Parent(form.library)
        stack.callback(parent.close)
        async with (
            Nursery(parent) as nursery,
            a_school(folder, form, seed, nursery=nursery, postgresql=address, port=port) as school,
        ):
            try:
                outcome = await run.does(school, tell, server)
            except BaseException:
                tell(school.tail())
                raise
    return _line(run, form, seed, outcome) | {"bare_start": bare}


async def a_bare_start(library: str) -> float:
    """Return the seconds that Python takes to read the program in, and to do nothing with it."""
    began = monotonic()
    program = f"import bot.command_line, bot.app, bot.{library}_transport"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await process.wait() == 0
    return round(monotonic() - began, 2)


def _line(run: Run, form: Form, seed: int, outcome: Outcome) -> dict[str, Any]:
    window = window_at(form.rate)
    account = asdict(outcome.account)
    why = account.pop("why")
    return {
        "name": form.name,
        "said": run.said,
        "seed": seed,
        "messages": form.messages,
        "blows": outcome.kills,
        "window": window,
        "processes": form.processes,
        "database": form.database,
        "library": form.library,
        **account,
        "timed": run.timed,
        "back_after": _times(outcome.cold_starts or outcome.takeovers),
        "starts_prepared": _times(outcome.warm_starts),
        "points": outcome.points,
        "seconds": round(outcome.seconds, 1),
        "holds": outcome.account.holds(window),
        "why": why[:20],
    }


def _times(seconds: list[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        "median": round(ordered[len(ordered) // 2], 2),
        "longest": round(ordered[-1], 2),
    }


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


@contextmanager
def _folder(megabytes: int) -> Iterator[str]:
    """Give a folder, or a small disk where one may be made."""
    with tempfile.TemporaryDirectory(prefix="allclear-chaos-") as folder:
        if not megabytes:
            yield folder
            return
        if os.geteuid() != 0:
            raise PermissionError("a small disk can only be made by root")
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True
        )
        try:
            yield folder
        finally:
            subprocess.run(["umount", folder], check=True)
