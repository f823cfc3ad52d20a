"""What the users' API shares: JSON in, JSON out, and refusals that say what to do."""

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox.errors import RefusedError
from sandbox.records import JSON
from sandbox.wire import encode

log = logging.getLogger("sandbox")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def say_why(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals of the users' API with a sentence; leave the Bot API alone."""
    try:
        return await handler(request)
    except RefusedError as refused:
        return answer({"error": refused.sentence}, refused.status)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        if request.path.startswith(("/bot", "/file/bot")):
            whole = {"ok": False, "error_code": error.status, "description": error.reason}
            return answer(whole, error.status)
        return answer({"error": f"{error.reason}: {request.method} {request.path}"}, error.status)
    except ConnectionResetError:
        return web.Response()  # who called has hung up: nobody is there to be told
    except Exception:  # ours, and still answered in the shape the caller reads
        log.exception("the sandbox failed at %s", request.path.rpartition("/")[2])
        whole = {"ok": False, "error_code": 500, "description": "Internal Server Error"}
        if not request.path.startswith("/bot"):
            whole = {"error": "The sandbox failed; its log says why."}
        return answer(whole, 500)


def answer(content: Any, status: int = 200) -> web.Response:
    """Answer in JSON."""
    return web.Response(
        status=status, body=encode(content).encode(), content_type="application/json"
    )


async def wishes(request: web.Request) -> JSON:
    """Read what is wanted from the body."""
    raw = await request.read()
    try:
        wish = json.loads(raw) if raw else {}
    except ValueError:
        wish = None
    if not isinstance(wish, dict):
        raise RefusedError("The body must be a JSON object.")
    return wish


def number(value: Any, name: str) -> int:
    """Read a whole number."""
    try:
        return int(value)
    except (TypeError, ValueError):
        raise RefusedError(f"{name} must be a whole number, not {value!r}.") from None


def moment(value: Any) -> datetime:
    """Read a moment with its zone."""
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError:
        raise RefusedError(f"{value!r} is no moment; write 2026-03-02T07:00:00+08:00.") from None
    if read.tzinfo is None:
        raise RefusedError(f"{value!r} has no zone; write 2026-03-02T07:00:00+08:00.")
    return read.astimezone(UTC)


def seconds(value: Any, most: float) -> float:
    """Read how long to wait."""
    try:
        return max(0.0, min(float(value), most))
    except (TypeError, ValueError):
        raise RefusedError(f"wait must be a number of seconds, not {value!r}.") from None
