"""Posts updates to a webhook from a process of its own, as Telegram would, many at a time.

The requests are made beforehand and sent over bare connections, so that it is never the load that
is waited for. Each line that it reads, `PORT PATH SECRET FILE`, is answered by `done` when every
update of the JSON file has had its 200.
"""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from benchmarks.cores import elsewhere
from bot.loops import run_quickly
from bot.telegram_events import AT_ONCE

AT_A_TIME = AT_ONCE  # as many as we ask Telegram for
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _complete(answer: bytes) -> bool:
    """Say whether this is a whole answer over HTTP/1.1."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    if b"chunked" in head:
        return answer.endswith(b"0\r\n\r\n")
    length = _LENGTH.search(head)
    return len(body) >= (int(length[1]) if length else 0)


class _Connection(asyncio.Protocol):
    """One kept-alive connection: the next request goes when the last has its answer."""

    def __init__(self, waiting: Iterator[bytes], ended: asyncio.Future[None]) -> None:
        self._waiting, self._ended = waiting, ended
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop has its own
        self._next()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not _complete(self._answer):
            return
        status = self._answer.split(b" ", 2)[1]
        self._answer = b""
        if status == b"200":
            self._next()
        else:
            self._end(RuntimeError(f"answered by {status.decode()}"))

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error or RuntimeError("the connection was closed"))

    def _next(self) -> None:
        request = next(self._waiting, None)
        if request is None:
            self._end(None)
        else:
            self._transport.write(request)

    def _end(self, error: Exception | None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
        self._transport.close()


async def _post(port: int, path: str, secret: str, updates: list[Any]) -> None:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"{SECRET_HEADER}: {secret}\r\nContent-Length: "
    )
    bodies = (json.dumps(update).encode() for update in updates)
    requests = [head.encode() + b"%d\r\n\r\n" % len(body) + body for body in bodies]
    waiting = iter(requests)
    loop = asyncio.get_running_loop()
    ended = [loop.create_future() for _ in range(min(AT_A_TIME, len(requests)))]

    def connection(each: asyncio.Future[None]) -> _Connection:
        return _Connection(waiting, each)

    for each in ended:
        await loop.create_connection(lambda each=each: connection(each), "127.0.0.1", port)
    await asyncio.gather(*ended)


class Load:
    """Somebody who posts, waiting to be told what and where."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._loop = asyncio.get_running_loop()

    async def post(self, port: int, path: str, secret: str, updates: Path) -> None:
        """Have the updates of a file posted; return when all have been answered."""
        posting = self._post(port, path, secret, updates)
        if asyncio.get_running_loop() is self._loop:
            await posting
        else:  # a peer's own loop, in a thread
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(posting, self._loop))

    async def _post(self, port: int, path: str, secret: str, updates: Path) -> None:
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        asked.write(f"{port} {path} {secret} {updates}\n".encode())
        await asked.drain()
        if await told.readline() != b"done\n":
            raise RuntimeError("the updates could not be posted")


@asynccontextmanager
async def poster() -> AsyncIterator[Load]:
    """Start somebody who posts."""
    pipe = asyncio.subprocess.PIPE
    with elsewhere():
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, stdin=pipe, stdout=pipe
        )
    try:
        yield Load(process)
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    for line in sys.stdin:
        where, path_, secret_, file_ = line.rstrip("\n").split(" ", 3)
        run_quickly(_post(int(where), path_, secret_, json.loads(Path(file_).read_text())))
        print("done", flush=True)
