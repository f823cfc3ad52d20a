"""Keyboards under messages: what Telegram accepts, and what it gives back."""

from typing import Any
from urllib.parse import SplitResult, urlsplit

from sandbox.errors import bad_request
from sandbox.params import Params

MAX_BUTTONS = 100
MAX_CALLBACK_BYTES = 64
OPTIONAL = ("style", "icon_custom_emoji_id")
KINDS = (
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)


def inline_keyboard(params: Params) -> dict[str, Any] | None:
    """Read `reply_markup`; only inline keyboards stay with a message, others give None.

    Raises:
        ApiError: Telegram would not take this keyboard.
    """
    markup = params.get("reply_markup")
    if markup is None or markup in ("", {}):
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" not in markup:
        return None
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(
            'can\'t parse inline keyboard: Field "inline_keyboard" must be an Array of Arrays'
        )
    kept = [[_button(button) for button in row] for row in rows if row]
    if sum(map(len, kept)) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    if kept == rows and len(markup) == 1:
        return markup if rows else None  # a keyboard that is right is not kept twice
    return {"inline_keyboard": kept} if kept else None


def _button(button: Any) -> dict[str, Any]:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: Object expected")
    text = button.get("text")
    if not isinstance(text, str):
        raise bad_request(
            "can't parse inline keyboard button: "
            + ('Can\'t find field "text"' if text is None else 'Field "text" must be a String')
        )
    kind = next((kind for kind in KINDS if button.get(kind) is not None), None)
    if kind is None or not text.strip():
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    value = button[kind]
    if kind == "callback_data":
        if not isinstance(value, str) or not 1 <= len(value.encode()) <= MAX_CALLBACK_BYTES:
            raise bad_request("BUTTON_DATA_INVALID")
    elif kind == "url":
        value = _link(value)
    elif kind == "web_app":
        value = {"url": web_page(value.get("url") if isinstance(value, dict) else None)}
    elif kind == "copy_text":
        copied = value.get("text") if isinstance(value, dict) else None
        if not isinstance(copied, str) or not 1 <= len(copied) <= 256:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
        value = {"text": copied}
    if button.get("style") not in (None, "danger", "success", "primary"):
        raise bad_request("can't parse inline keyboard button: invalid button style specified")
    kept: dict[str, Any] = {"text": text, kind: value}
    for name in OPTIONAL:
        if button.get(name):
            kept[name] = button[name]
    return kept


def parted(url: Any) -> SplitResult | None:
    """Take an address apart; None when it is none."""
    try:
        return urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        return None


def _link(url: Any) -> str:
    """Check a link. Telegram refuses loopback hosts here; the sandbox is one, and takes them."""
    parts = parted(url)
    if parts and not parts.scheme and "." in parts.path:
        return f"http://{url}"
    if not parts or parts.scheme not in {"http", "https", "tg", "ton"} or not parts.netloc:
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    return str(url)


def web_page(url: Any) -> str:
    """Check a Mini App's address: HTTPS, or plain HTTP on this machine."""
    parts = parted(url)
    if parts and parts.scheme == "https" and parts.netloc:
        return str(url)
    if parts and parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost", "::1"}:
        return str(url)
    raise bad_request(
        f"inline keyboard button Web App URL '{url}' is invalid: Only HTTPS links are allowed"
    )
