"""Mini Apps: the signed start data that Telegram gives a page it opens."""

import hashlib
import hmac
import json
from urllib.parse import quote, urlencode

from sandbox.records import Chat

VERSION = "9.1"


def init_data(chat: Chat, now: float, query_id: str) -> str:
    """Sign who opens the page, and when, with the bot's token."""
    user = dict(chat.user.wire) if chat.user else {}
    user.pop("is_bot", None)
    fields = {
        "query_id": query_id,
        "user": json.dumps(
            {**user, "allows_write_to_pm": True}, ensure_ascii=False, separators=(",", ":")
        ),
        "auth_date": str(int(now)),
    }
    checked = "\n".join(f"{key}={fields[key]}" for key in sorted(fields))
    key = hmac.digest(b"WebAppData", chat.bot.token.encode(), "sha256")
    fields["hash"] = hmac.new(key, checked.encode(), hashlib.sha256).hexdigest()
    return urlencode(fields, quote_via=quote)


def address(url: str, data: str) -> str:
    """Put the start data where Telegram puts it: behind the #, which no server sees."""
    joint = "&" if "#" in url else "#"
    shown = {"tgWebAppData": data, "tgWebAppVersion": VERSION, "tgWebAppPlatform": "weba"}
    return f"{url}{joint}{urlencode(shown, quote_via=quote)}"


def link(chat: Chat, url: str) -> str:
    """Give the sandbox's own link that opens a Mini App as this person."""
    where = {"user": chat.id, "bot": chat.bot.id, "url": url}
    return f"/sandbox/web_app?{urlencode(where)}"
