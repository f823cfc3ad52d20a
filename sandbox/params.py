"""What a bot sent with a call, in any of the four ways the Bot API takes it."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import BodyPartReader, web
from yarl import URL

from sandbox.errors import ApiError, bad_request

MAX_UPLOAD = 50 * 1024 * 1024
STRUCTURED = frozenset(
    {
        "allowed_updates",
        "caption_entities",
        "commands",
        "entities",
        "link_preview_options",
        "media",
        "menu_button",
        "message_ids",
        "reply_markup",
        "reply_parameters",
        "scope",
    }
)
NUMBERS = frozenset(
    {
        "chat_id",
        "limit",
        "max_connections",
        "message_id",
        "message_thread_id",
        "offset",
        "reply_to_message_id",
        "timeout",
        "user_id",
    }
)


@dataclass(slots=True)
class Upload:
    """A file that came with the call."""

    name: str
    mime: str
    content: bytes


class Params(dict[str, Any]):
    """The parameters of one call; text that holds JSON or a number is already read."""

    __slots__ = ("uploads",)

    def __init__(self) -> None:
        super().__init__()
        self.uploads: dict[str, Upload] = {}

    def put(self, key: str, value: Any) -> None:
        """Take one parameter in, from text if need be."""
        if isinstance(value, str):
            if key in STRUCTURED and value:
                try:
                    value = json.loads(value)
                except ValueError:
                    raise bad_request(f"can't parse {_spoken(key)} JSON object") from None
            elif key in NUMBERS and value.lstrip("-").isdecimal():
                value = int(value)
        self[key] = value

    def number(self, key: str, default: int | None = None) -> int | None:
        """Give a whole number, or the default when it is missing or is none."""
        value = self.get(key)
        if isinstance(value, bool):
            return default
        if isinstance(value, int):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return default

    def text(self, key: str) -> str:
        """Give a text; a missing one is empty."""
        value = self.get(key)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        return value if isinstance(value, str) else json.dumps(value)

    def flag(self, key: str) -> bool:
        """Give a yes or no; a missing one is no."""
        value = self.get(key)
        return value.lower() in {"true", "yes", "1"} if isinstance(value, str) else bool(value)

    def shown(self) -> dict[str, Any]:
        """Show the parameters for the log: files by name and size, no secrets."""
        shown = {key: value for key, value in self.items() if key != "secret_token"}
        for key, upload in self.uploads.items():
            shown[key] = {"name": upload.name, "size": len(upload.content)}
        return shown


def _spoken(key: str) -> str:
    return {"reply_markup": "reply keyboard markup"}.get(key, key.replace("_", " "))


async def read(request: web.BaseRequest) -> Params:
    """Read a call's parameters from its query and its body.

    Raises:
        ApiError: the body is too big, or is not what it says it is.
    """
    params = Params()
    for key, value in request.query.items():
        params.put(key, value)
    if not request.body_exists:
        return params
    try:
        await _read_body(request, params)
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "Request Entity Too Large") from None
    return params


async def _read_body(request: web.BaseRequest, params: Params) -> None:
    kind = request.content_type
    if kind == "application/json":
        body = await request.read()
        try:
            sent = json.loads(body) if body else {}
        except ValueError:
            sent = None
        if not isinstance(sent, dict):
            raise bad_request("can't parse request JSON object")
        for key, value in sent.items():
            params.put(key, value)
    elif kind == "application/x-www-form-urlencoded":
        # The library's own reader of queries is compiled, the standard library's is not.
        form = URL.build(path="/", query_string=(await request.read()).decode(), encoded=True)
        for key, value in form.query.items():
            params.put(key, value)
    elif kind == "multipart/form-data":
        await _read_parts(request, params)


async def _read_parts(request: web.BaseRequest, params: Params) -> None:
    size = 0
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        content = bytes(await part.read(decode=True))
        size += len(content)
        if size > MAX_UPLOAD + 1024 * 1024:
            raise ApiError(413, "Request Entity Too Large")
        if part.filename is None:
            params.put(part.name, content.decode())
        else:
            mime = part.headers.get("Content-Type", "application/octet-stream")
            params.uploads[part.name] = Upload(part.filename, mime, content)
