"""Real processes of ours: started, killed, asked to end; what they logged is kept."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tests.chaos.nursery import Nursery

HOUSE = Path(__file__).parent.parent.parent
PATIENCE = 300.0  # seconds that a test waits for a process of ours


async def until(
    condition: Callable[[], bool],
    what: str,
    *,
    within: float = PATIENCE,
    every: float = 0.01,
    moving: Callable[[], object] = bool,
) -> None:
    """Wait for something to become true, while anything moves, and `within` seconds after.

    That is long, for machines that are slow or have much else to do: what shall be quick is timed.
    """
    seen, since = moving(), monotonic()
    while not condition():
        if (now := moving()) != seen:
            seen, since = now, monotonic()
        if monotonic() - since > within:
            raise AssertionError(f"after {within} s still not: {what}")
        await asyncio.sleep(every)


class Running(Protocol):
    """What there is to a process of ours, wherever it comes from."""

    pid: int

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...


def _signal(process: Running, how: int) -> None:
    """Send a signal, also to a process that ends by itself in this moment.

    Python's own `send_signal` looks first whether it has ended, and if so takes the return code
    away from whoever waits for it.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, how)


class Installation:
    """One installation in one folder: its settings, its database file, its process."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], nursery: "Nursery | None" = None
    ) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if "ALLCLEAR" not in name}
        kept["PYTHONPATH"] = str(HOUSE)  # the tree that is tested, whatever is installed
        self._environment = kept | {f"ALLCLEAR_{name}": value for name, value in settings.items()}
        self._process: Running | None = None
        self._nursery = nursery
        self._log = folder / "log.jsonl"
        self.started_at = 0.0
        self.start_costs = (
            0.0  # seconds, on this machine as it is now: to know the program, no more
        )

    async def command(self, *arguments: str) -> str:
        """Run one command to its end; return what it printed."""
        began = monotonic()
        process = await self._spawn(arguments, asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        self.start_costs = max(self.start_costs, monotonic() - began)
        assert process.returncode == 0, printed.decode()
        return printed.decode()

    async def start(self, *arguments: str, fate: Mapping[str, str] | None = None) -> None:
        """Start the bot; it is not ready yet when this returns.

        With a nursery it is forked from it, and `fate` says how it will die.
        """
        assert self._process is None
        self.started_at = time()
        if self._nursery is not None and fate is not None:
            environment = self._environment | dict(fate)
            self._process = await self._nursery.spawn(
                list(arguments), environment, self.folder, self._log
            )
            return
        with self._log.open("ab") as log:
            self._process = await self._spawn(["run", *arguments], log)

    @property
    def lives(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def send(self, how: int) -> None:
        """Send it a signal; whoever kills it this way waits for `gone` afterwards."""
        if self._process is not None:
            _signal(self._process, how)

    async def gone(self) -> int:
        """Wait until the process has ended by itself; return how."""
        process = self._process
        assert process is not None
        returncode = await process.wait()
        self._process = None
        return returncode

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """End the bot like a power cut does: kill -9."""
        await self._end(signal.SIGKILL)

    async def end(self) -> int:
        """Ask the bot to end; return its exit code once it has."""
        return await self._end(signal.SIGTERM)

    async def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        assert process.returncode is None, self.tail()
        _signal(process, how)
        return await process.wait()

    async def finally_gone(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self._process is not None and self._process.returncode is None:
            _signal(self._process, signal.SIGKILL)
            await self._process.wait()

    def _spawn(self, arguments: Any, output: Any) -> Awaitable[asyncio.subprocess.Process]:
        return asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.start",
            *arguments,
            cwd=self.folder,  # no .env lies here
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )

    def logged(self) -> list[dict[str, Any]]:
        """Return what the bot logged in all its lives; lines cut by a kill are left out."""
        return self.said_since(0)[0]

    def said_since(self, place: int) -> tuple[list[dict[str, Any]], int]:
        """Return what was logged from a place in the log on, and where that ends."""
        if not self._log.exists():
            return [], place
        with self._log.open("rb") as log:
            log.seek(place)
            whole, _, _ = log.read().rpartition(b"\n")
        lines = [line for line in whole.splitlines() if line[:1] + line[-1:] == b"{}"]
        return [json.loads(line) for line in lines], place + len(whole)

    @property
    def log_ends_at(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0

    def tail(self) -> str:
        """Return the end of the log, for a test that fails."""
        return self._log.read_text()[-4000:] if self._log.exists() else "(nothing logged)"
