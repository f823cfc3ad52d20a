"""Real processes of ours: started, killed, asked to end; what they logged is kept."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any


async def until(
    condition: Callable[[], bool], what: str, *, within: float = 60, every: float = 0.01
) -> None:
    """Wait for something to become true; never longer than `within` seconds."""
    try:
        async with asyncio.timeout(within):
            while not condition():  # noqa: ASYNC110 - another process does not tell us
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"after {within} s still not: {what}") from None


class Installation:
    """One installation in one folder: its settings, its database file, its process."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if "ALLCLEAR" not in name}
        self._environment = kept | {f"ALLCLEAR_{name}": value for name, value in settings.items()}
        self._process: asyncio.subprocess.Process | None = None
        self._log = folder / "log.jsonl"

    async def command(self, *arguments: str) -> str:
        """Run one command to its end; return what it printed."""
        process = await self._spawn(arguments, asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
        assert process.returncode == 0, printed.decode()
        return printed.decode()

    async def start(self, *arguments: str) -> None:
        """Start the bot; it is not ready yet when this returns."""
        assert self._process is None
        with self._log.open("ab") as log:
            self._process = await self._spawn(["run", *arguments], log)

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
        process.send_signal(how)
        return await process.wait()

    async def finally_gone(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _spawn(self, arguments: Any, output: Any) -> Awaitable[asyncio.subprocess.Process]:
        return asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot.command_line",
            *arguments,
            cwd=self.folder,  # no .env lies here
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
        )

    def logged(self) -> list[dict[str, Any]]:
        """Return what the bot logged in all its lives; lines cut by a kill are left out."""
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line[:1] + line[-1:] == "{}"]

    def tail(self) -> str:
        """Return the end of the log, for a test that fails."""
        return self._log.read_text()[-4000:] if self._log.exists() else "(nothing logged)"
