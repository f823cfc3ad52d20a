"""The small web server of a process: health for machines, and the webhook where one is used."""

import errno
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog
from aiohttp import web
from pydantic_core import from_json

from web.metrics import CONTENT_TYPE

log = structlog.get_logger()

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
LARGEST_UPDATE = 1024 * 1024

Receive = Callable[[dict[str, Any]], Awaitable[None]]


class Probes(Protocol):
    """What machines ask a process."""

    async def alive(self) -> tuple[bool, dict[str, Any]]:
        """Say whether it still does its duties, and what can be seen of them."""

    async def ready(self) -> list[str]:
        """Return what keeps it from its work, in words; empty when all is well."""

    async def metrics(self) -> bytes:
        """Return its numbers for Prometheus."""


class WebPortError(Exception):
    """The port cannot be listened on; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Hook:
    """Where one bot's updates arrive: the secret that Telegram sends along, and who takes them."""

    secret: str
    receive: Receive

    def __post_init__(self) -> None:
        """Refuse to exist without a secret: anyone could speak as Telegram."""
        if len(self.secret) < 16:
            raise ValueError("a webhook needs a secret of at least 16 characters")


class WebServer:
    """Serves `/telegram/<bot id>` for each bot with a webhook, and what machines ask.

    That is `/healthz` (is it alive?), `/readyz` (does it work?) and `/metrics`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        probes: Probes | None = None,
        hooks: Mapping[int, Hook] | None = None,
    ) -> None:
        self._host = host
        self.port = port
        self._probes = probes
        self._hooks = dict(hooks or {})
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            WebPortError: somebody else listens there.
        """
        app = web.Application(client_max_size=LARGEST_UPDATE)
        if self._probes is not None:
            app.router.add_get("/healthz", partial(_healthz, self._probes))
            app.router.add_get("/readyz", partial(_readyz, self._probes))
            app.router.add_get("/metrics", partial(_metrics, self._probes))
        app.router.add_post("/telegram/{bot_id:[0-9]{1,18}}", self._update)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            taken = error.errno == errno.EADDRINUSE
            why = "is taken" if taken else f"cannot be used ({error.strerror or error})"
            raise WebPortError(
                f"Port {self.port} on {self._host} {why}. Stop what listens there, or set "
                "ALLCLEAR_WEB_PORT to another one (0: any), or ALLCLEAR_WEB_HOST."
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening, after the requests that are being answered."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _update(self, request: web.Request) -> web.Response:
        """Take an update: 200 after the commit, 503 when it could not be kept."""
        hook = self._hooks.get(int(request.match_info["bot_id"]))
        said = request.headers.get(SECRET_HEADER, "").encode(errors="surrogateescape")
        if hook is None or not hmac.compare_digest(said, hook.secret.encode()):
            return web.Response(status=404)
        try:
            update = from_json(await request.read())
        except ValueError:
            return web.Response(status=400)
        if not isinstance(update, dict):
            return web.Response(status=400)
        try:
            await hook.receive(update)
        except Exception:
            log.exception("update not kept, Telegram will send it again")
            return web.Response(status=503, headers={"Retry-After": "2"})
        return web.Response()


async def _healthz(probes: Probes, _request: web.Request) -> web.Response:
    """Say whether the process is alive; whoever watches it starts it anew on a 503."""
    ok, state = await probes.alive()
    return web.json_response({"ok": ok, **state}, status=200 if ok else 503)


async def _readyz(probes: Probes, _request: web.Request) -> web.Response:
    """Say whether the process does its work, and if not, why not."""
    reasons = await probes.ready()
    state = {"ready": not reasons, "reasons": reasons}
    return web.json_response(state, status=503 if reasons else 200)


async def _metrics(probes: Probes, _request: web.Request) -> web.Response:
    return web.Response(body=await probes.metrics(), headers={"Content-Type": CONTENT_TYPE})
