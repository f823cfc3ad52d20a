"""The Bot API over HTTP: /bot<token>/<method>, with whatever goes wrong on the way."""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from aiohttp import web

from sandbox import params as body
from sandbox.errors import ApiError, bad_request, too_many_requests
from sandbox.faults import BEFORE, Fault
from sandbox.methods import METHODS
from sandbox.params import Params
from sandbox.records import JSON, Bot
from sandbox.webhooks import Webhooks, keep_allowed
from sandbox.wire import encode
from sandbox.world import World

NOT_FOUND = ApiError(404, "Not Found")
UNAUTHORIZED = ApiError(401, "Unauthorized")
SERVER_ERRORS = (
    (
        500,
        "application/json",
        '{"ok":false,"error_code":500,"description":"Internal Server Error"}',
    ),
    (502, "application/json", '{"ok":false,"error_code":502,"description":"Bad Gateway"}'),
    (502, "text/html", "<html><head><title>502 Bad Gateway</title></head></html>"),
    (504, "application/json", '{"ok":false,"error_code":504,"description":"Gateway Timeout"}'),
)
OWN = {
    "getupdates": "getUpdates",
    "setwebhook": "setWebhook",
    "deletewebhook": "deleteWebhook",
    "getwebhookinfo": "getWebhookInfo",
}


class BotApi:
    """Answers the bots."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.webhooks = Webhooks(world, self._carry_out)
        self.closing = asyncio.Event()

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Serve /file/bot<token>/<path>."""
        bot = self.world.bot_with(request.match_info["token"])
        if bot is None:
            return _refuse(UNAUTHORIZED)
        file = self.world.files_by_path.get(request.match_info["path"])
        if file is None:
            return _refuse(NOT_FOUND)
        return web.Response(body=file.content, content_type="application/octet-stream")

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Serve one call."""
        key = request.match_info["method"].lower()
        faults = self.world.faults
        fault = None
        if faults is not None and faults.concerns(key):
            if self._is_out():
                return _hang_up(request)
            if faults.slow_ms:
                await asyncio.sleep(faults.slow_ms / 1000)
            fault = faults.roll()
        bot = self.world.bot_with(request.match_info["token"])
        if bot is None:
            return _refuse(UNAUTHORIZED)
        response = await self._serve(request, bot, key, fault)
        if fault is not None:
            return await self._spoil(request, fault)
        if self._is_out() and self.world.faults and self.world.faults.concerns(key):
            return _hang_up(request)  # the outage began while the call was under way
        return response

    async def _serve(
        self, request: web.Request, bot: Bot, key: str, fault: Fault | None
    ) -> web.Response:
        """Read, carry out and note one call. Some faults come before, some lose the answer."""
        sent = Params()
        name = METHODS[key][0] if key in METHODS else OWN.get(key, key)
        note = f"fault: {fault}" if fault else None
        try:
            sent = await body.read(request)
            if fault in BEFORE:
                raise ApiError(429 if fault is Fault.TOO_MANY else 0, note or "")
            if key == "getupdates":
                return await self._get_updates(request, bot, sent, note)
            result, description = self.carry_out(bot, key, sent)
        except UnicodeError:
            return _refuse(bad_request("strings must be encoded in UTF-8"))
        except ApiError as error:
            if fault is None or key != "getupdates":
                self._note(bot, name, sent, None, error.code, note or error.description)
            return _refuse(error)
        self._note(bot, name, sent, result, None, note)
        whole: JSON = {"ok": True, "result": result}
        if description:
            whole["description"] = description
        return web.Response(body=encode(whole).encode(), content_type="application/json")

    def _is_out(self) -> bool:
        faults = self.world.faults
        return faults is not None and faults.is_out(self.world.clock.now(), self.world.monotonic())

    def _note(
        self,
        bot: Bot,
        name: str,
        sent: Params,
        result: Any,
        error_code: int | None = None,
        description: str | None = None,
    ) -> None:
        now = self.world.clock.timestamp()
        self.world.journal.add(now, bot.id, name, sent.shown(), result, error_code, description)

    async def _spoil(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        faults = self.world.faults
        if fault is Fault.TOO_MANY:
            return _refuse(too_many_requests(faults.retry_after if faults else 1))
        if fault in {Fault.SERVER_ERROR_BEFORE, Fault.SERVER_ERROR_AFTER}:
            turn = faults.next_turn() if faults else 0
            status, kind, text = SERVER_ERRORS[turn % len(SERVER_ERRORS)]
            return web.Response(status=status, text=text, content_type=kind)
        if fault is Fault.HANG and faults is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(faults.hang_seconds):
                    await self.closing.wait()
        return _hang_up(request)

    def carry_out(self, bot: Bot, key: str, sent: Params) -> tuple[Any, str]:
        """Carry out a method; gives its result, and what is said beside it."""
        found = METHODS.get(key)
        if found is not None:
            return found[1](self.world, bot, sent), ""
        if key == "setwebhook":
            return self.webhooks.set(bot, sent)
        if key == "deletewebhook":
            return self.webhooks.delete(bot, sent)
        if key == "getwebhookinfo":
            return self.webhooks.info(bot), ""
        raise NOT_FOUND

    def _carry_out(self, bot: Bot, wish: JSON) -> None:
        """Carry out what a bot gave as its answer to a webhook; its result goes nowhere."""
        sent = Params()
        key = str(wish.pop("method")).lower()
        with contextlib.suppress(ApiError):
            for name, value in wish.items():
                sent.put(name, value)
            result, _ = self.carry_out(bot, key, sent)
            self._note(bot, METHODS[key][0] if key in METHODS else OWN[key], sent, result)

    async def _get_updates(
        self, request: web.Request, bot: Bot, sent: Params, note: str | None
    ) -> web.Response:
        for key in ("offset", "limit", "timeout"):
            if not isinstance(sent.get(key, 0) or 0, int):
                raise bad_request(f"{key} must be a number")
        keep_allowed(bot, sent)
        limit = max(1, min(sent.number("limit") or 100, 100))
        timeout = 0 if self.closing.is_set() else sent.number("timeout") or 0
        given = await bot.queue.poll(
            sent.number("offset") or 0, limit, timeout, lambda: is_gone(request)
        )
        if given:
            contents = [update.content for update in given]
            self._note(bot, "getUpdates", sent, contents, None, note)
        joined = b'{"ok":true,"result":[' + b",".join(update.body for update in given) + b"]}"
        return web.Response(body=joined, content_type="application/json")


def is_gone(request: web.Request) -> bool:
    """Whether the caller has hung up."""
    return request.transport is None or request.transport.is_closing()


def _refuse(error: ApiError) -> web.Response:
    headers = {}
    if "retry_after" in error.parameters:
        headers["Retry-After"] = str(error.parameters["retry_after"])
    return web.Response(
        status=error.code,
        body=encode(error.body()).encode(),
        content_type="application/json",
        headers=headers,
    )


def _hang_up(request: web.Request) -> web.Response:
    """Reset the connection: the caller learns nothing of what became of the call."""
    if request.transport is not None:
        sock = request.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()
