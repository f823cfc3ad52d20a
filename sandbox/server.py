"""The sandbox as a server: one port for the bots, the people and the chat page."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from sandbox import keeping
from sandbox.answers import say_why
from sandbox.bot_api import BotApi
from sandbox.chats_api import ChatsApi
from sandbox.clock import ShiftedClock
from sandbox.controls_api import ControlsApi
from sandbox.limits import Limits
from sandbox.params import MAX_UPLOAD
from sandbox.world import World

PAGE = Path(__file__).parent / "page"
AHEAD = 1000  # numbers of messages and updates passed over after a sudden end


class Sandbox:
    """A stand-in for Telegram's Bot API server, as an async context manager.

    Args:
        port: 0 takes a free one.
        host: where it listens; nothing in it is meant for a network.
        seed: of everything random: ids and faults.
        clock: the moment of messages; the real one by default.
        open_registration: any well-formed token makes a bot at its first call.
        limits: rates and patiences; `Limits.none()` switches the rates off.
        monotonic: what rates, expiry and outages are measured by, in seconds.
        log_cap: how many calls of the bots are remembered.
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        seed: int = 0,
        clock: ShiftedClock | None = None,
        open_registration: bool = True,
        *,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        log_cap: int = 2_000_000,
    ) -> None:
        self.host = host
        self.port = port
        self.clock = clock or ShiftedClock()
        self.world = World(seed, self.clock, limits, monotonic, open_registration, log_cap)
        self._bot_api = BotApi(self.world)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Begin to listen."""
        app = web.Application(middlewares=[say_why], client_max_size=MAX_UPLOAD + 2**20)
        app.add_routes(
            [
                web.route("*", "/bot{token}/{method}", self._bot_api.call),
                web.get("/file/bot{token}/{path:.+}", self._bot_api.download),
                *ChatsApi(self.world).routes(),
                *ControlsApi(self.world, self._look_up).routes(),
                web.get("/", _page),
                web.get("/{name}", _page),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Let everyone go and stop listening."""
        self._bot_api.closing.set()
        self.world.close()
        await self._bot_api.webhooks.close()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def save(self, path: Path) -> None:
        """Keep the world in a file, which is whole at every moment.

        Saved while it runs, the numbers of messages and updates are kept as if some more had
        been given: should the end come suddenly, a bot may remember ones this file never saw.
        """
        text = keeping.written(self.world, ahead=AHEAD if self._runner else 0)
        fresh = path.with_name(f"{path.name}.new")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def load(self, path: Path) -> None:
        """Fill a sandbox that has not started from a file; its clock goes on where it stood.

        Raises:
            ValueError: the file is damaged, or of another version.
            RuntimeError: the sandbox has begun to run.
        """
        if self._runner is not None or self.world.bots or self.world.users:
            raise RuntimeError("a world is loaded before the sandbox starts, into an empty one")
        try:
            keeping.read_into(self.world, path.read_bytes())
        except ValueError as error:
            raise ValueError(f"{path} cannot be loaded: {error}.") from error

    def _look_up(self) -> None:
        """Let waiting polls notice an outage."""
        for bot in self.world.bots.values():
            bot.queue.wake()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()


async def _page(request: web.Request) -> web.StreamResponse:
    """Serve the chat page and the files beside it."""
    name = request.match_info.get("name", "index.html")
    path = PAGE / name
    if name.endswith(".py") or path.parent != PAGE or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Cache-Control": "no-cache"})
