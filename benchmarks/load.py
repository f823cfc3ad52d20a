"""Posts updates to a webhook from a process of its own, as Telegram would, many at a time.

`python -m benchmarks.load URL SECRET FILE` posts every update of a JSON file and ends when each
has had its 200.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from web.server import SECRET_HEADER

AT_A_TIME = 40  # what Telegram opens towards a webhook, if it is not told otherwise


async def _post(url: str, secret: str, updates: list[dict[str, Any]]) -> None:
    waiting: Iterator[dict[str, Any]] = iter(updates)
    connector = aiohttp.TCPConnector(limit=AT_A_TIME)
    async with aiohttp.ClientSession(connector=connector, headers={SECRET_HEADER: secret}) as http:

        async def work() -> None:
            for update in waiting:
                async with http.post(url, json=update) as response:
                    response.raise_for_status()
                    await response.read()

        await asyncio.gather(*(work() for _ in range(AT_A_TIME)))


async def posted(url: str, secret: str, updates: Path) -> None:
    """Post the updates of a file from another process; return when all have been answered."""
    command = (sys.executable, "-m", __name__, url, secret, str(updates))
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    try:
        if await process.wait():
            raise RuntimeError("the updates could not be posted")
    finally:
        if process.returncode is None:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_post(sys.argv[1], sys.argv[2], json.loads(Path(sys.argv[3]).read_text())))
