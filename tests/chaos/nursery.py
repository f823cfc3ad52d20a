"""Many short lives: each is a real process, forked from one that has imported everything.

Importing takes seconds of a processor, and a hundred kills are a hundred starts. What a start
costs in truth is measured by those that come from the command itself.
"""

import asyncio
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

HOUSE = Path(__file__).parent.parent.parent
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


class Child:
    """A forked process, with what is needed of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._gone = asyncio.Event()

    def kill(self) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):  # it has just ended, and we shall hear of it
                os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        await self._gone.wait()
        assert self.returncode is not None
        return self.returncode

    def ended(self, returncode: int) -> None:
        self.returncode = returncode
        self._gone.set()


class Parent:
    """The process that forks: it has imported everything when this returns."""

    def __init__(self, library: str = "aiogram") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery", library],
            cwd=HOUSE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.hears, self.tells = self._process.stdin.fileno(), self._process.stdout.fileno()
        assert os.read(self.tells, 1) == b"\n"

    def close(self) -> None:
        """Let it end, and its children with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Nursery:
    """The children of a parent, within one loop; as an async context manager."""

    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._born: asyncio.Queue[Child] = asyncio.Queue()
        self._turn = asyncio.Lock()
        self._waiting = b""
        self.children: dict[int, Child] = {}

    async def __aenter__(self) -> Self:
        os.set_blocking(self._parent.tells, False)
        asyncio.get_running_loop().add_reader(self._parent.tells, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in list(self.children.values()):
            child.kill()
            await child.wait()
        asyncio.get_running_loop().remove_reader(self._parent.tells)

    async def spawn(
        self, arguments: list[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> Child:
        """Start `allclear run` with these arguments, in this folder and environment."""
        wish = {
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(folder),
            "log": str(log),
        }
        async with self._turn:
            os.write(self._parent.hears, json.dumps(wish).encode() + b"\n")
            return await self._born.get()

    def _read(self) -> None:
        *lines, self._waiting = (self._waiting + os.read(self._parent.tells, 65536)).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "returncode" in told:
                self.children.pop(told["pid"]).ended(told["returncode"])
            else:
                child = self.children[told["pid"]] = Child(told["pid"])
                self._born.put_nowait(child)


def _fork(wish: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(wish["environment"])
    os.chdir(wish["folder"])
    log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for theirs, ours in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(theirs, ours)
    from tests.chaos import mortal

    try:
        mortal.run(*wish["arguments"])
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _tell(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _reap() -> set[int]:
    """Tell who has ended; until then they are there, and hold their leases."""
    gone = set[int]()
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return gone
        if not pid:
            return gone
        gone.add(pid)
        _tell(pid=pid, returncode=os.waitstatus_to_exitcode(status))


def main() -> None:
    """Import everything, then fork for each line that comes in."""
    importlib.import_module(f"bot.{sys.argv[1]}_transport")
    import bot.app
    import bot.command_line  # noqa: F401

    gc.collect()
    gc.freeze()
    heard, tells = os.pipe()
    os.set_blocking(tells, False)
    os.set_blocking(heard, False)
    signal.set_wakeup_fd(tells, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    waiting, children = b"", set[int]()
    os.write(1, b"\n")
    while True:
        ready, _, _ = select.select([0, heard], [], [])
        if heard in ready:
            os.read(heard, 4096)
            children -= _reap()
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                break
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                children.add(pid := _fork(json.loads(line)))
                _tell(pid=pid)
    for pid in children:  # whoever asked for them is gone
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
