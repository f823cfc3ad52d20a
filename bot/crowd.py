"""The demo's other families, played over the sandbox's HTTP: so that a morning is alive."""

import asyncio
import random
from collections.abc import Iterable
from typing import Any

import aiohttp


class Crowd:
    """The other families: most answer soon, some need the reminder, a few stay silent."""

    def __init__(self, url: str, bot_id: int, user_ids: Iterable[int]) -> None:
        self._url = url
        self._bot_id = bot_id
        self._people = set(user_ids)
        self._chance = random.Random(7)  # noqa: S311 - people, not secrets
        self._temper = {user: self._chance.random() for user in sorted(self._people)}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Watch what the bot sends and answer it as families do."""
        async with aiohttp.ClientSession(self._url) as http:
            try:
                await self._watch(http)
            finally:  # whoever was about to answer does not any more
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, http: aiohttp.ClientSession) -> None:
        seen = 0
        while True:
            path = f"/sandbox/log?after={seen}&method=sendMessage"
            for call in await (await http.get(path)).json():
                seen = max(seen, call["n"])
                if call["ok"]:
                    self._notice(http, call)
            await asyncio.sleep(0.5)

    def _notice(self, http: aiohttp.ClientSession, call: dict[str, Any]) -> None:
        user = int(call["params"]["chat_id"])
        if user not in self._people or not call["params"].get("reply_markup"):
            return
        temper = self._temper[user]
        reminder = bool(call["params"].get("reply_parameters"))
        if temper > 0.95 or (temper > 0.82 and not reminder):
            return
        wait = self._chance.uniform(0.5, 4)
        task = asyncio.create_task(self._answer(http, user, call["result"]["message_id"], wait))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(
        self, http: aiohttp.ClientSession, user: int, message_id: int, wait: float
    ) -> None:
        await asyncio.sleep(wait)
        ill = self._temper[user] < 0.03
        await self._tap(http, user, message_id, 1 if ill else 0)
        if not ill:
            return
        for row in (1, 0, 0, 0, 0):  # a fever, else nothing; all clear for the other children
            await asyncio.sleep(self._chance.uniform(0.6, 1.2))
            await self._tap(http, user, message_id, row)

    async def _tap(
        self, http: aiohttp.ClientSession, user: int, message_id: int, row: int
    ) -> None:
        chat = await (await http.get(f"/sandbox/chats/{user}?bot={self._bot_id}")).json()
        shown = next((m for m in chat["messages"] if m["id"] == message_id), None)
        rows = shown["buttons"] if shown else []
        if row >= len(rows):
            return
        data = rows[row][0]["data"]
        await http.post(
            f"/sandbox/chats/{user}/taps?bot={self._bot_id}",
            json={"message_id": message_id, "data": data},
        )
