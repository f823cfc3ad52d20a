"""aiohttp alone: updates gathered for a few milliseconds, one commit, prepared bodies; the limit.

Nothing is read of an update but what its row and its two calls need, and nothing of the answers.
"""

import asyncio
import hmac
import json
from pathlib import Path

from aiohttp import ClientSession, web
from yarl import URL

from benchmarks.databases import Engine
from benchmarks.load import SECRET_HEADER, Load
from benchmarks.measure import Spent, spent
from benchmarks.peers.prepared import JSON
from benchmarks.peers.rows import Keep, plain_rows
from benchmarks.peers.words import prepared_answer, prepared_edit
from benchmarks.town import TOKEN

GATHER_SECONDS = 0.005  # as long as ours


class _Group:
    """Rows that are committed together."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._rows: list[tuple[int, str | None]] = []
        self._kept: asyncio.Task[None] | None = None

    async def add(self, row: tuple[int, str]) -> None:
        """Return when the row is committed."""
        self._rows.append(row)
        if self._kept is None:
            self._kept = asyncio.create_task(self._commit())
        await self._kept

    async def _commit(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        rows, self._rows, self._kept = self._rows, [], None
        await self._keep(rows)


async def answer(
    engine: Engine, server: str, load: Load, updates: Path, count: int, secret: str
) -> Spent:
    """Answer each tap, and edit its card."""
    called: set[asyncio.Task[None]] = set()
    answers, edits = (
        URL(f"{server}/bot{TOKEN}/{method}")
        for method in ("answerCallbackQuery", "editMessageText")
    )
    async with ClientSession() as http, plain_rows(engine, count) as keep:
        group = _Group(keep)

        async def call(url: URL, body: bytes) -> None:
            async with http.post(url, data=body, headers=JSON) as response:
                await response.read()
                response.raise_for_status()

        async def both(callback_id: str, chat: int, message_id: int) -> None:
            await call(answers, prepared_answer(callback_id))
            await call(edits, prepared_edit(chat, message_id))

        async def hook(request: web.Request) -> web.Response:
            if not hmac.compare_digest(request.headers.get(SECRET_HEADER, ""), secret):
                raise web.HTTPUnauthorized
            query = json.loads(await request.read())["callback_query"]
            chat = query["from"]["id"]
            await group.add((chat, query["data"]))
            task = asyncio.create_task(both(query["id"], chat, query["message"]["message_id"]))
            called.add(task)
            task.add_done_callback(called.discard)
            return web.Response()

        app = web.Application()
        app.router.add_post("/hook", hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await call(answers, prepared_answer("0"))
        try:
            with spent() as measured:
                await load.post(runner.addresses[0][1], "/hook", secret, updates)
                while called:
                    await asyncio.gather(*called)
        finally:
            await runner.cleanup()
    return measured
