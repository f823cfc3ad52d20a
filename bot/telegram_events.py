"""What an update of Telegram's means to us; the two libraries' types have the same names here.

Neither is imported, except where types are checked.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handlers.messages import (
    Command,
    Event,
    Membership,
    RawUpdate,
    Tap,
    Unsupported,
    Upload,
    Words,
)

if TYPE_CHECKING:
    import aiogram.types
    import telegram


_WHERE = ("message_id", "date", "chat")  # of a message: what says which one it is
_NOT_KEPT = re.compile("[\ud800-\udfff\0]")
LARGEST = 2**63 - 1  # of the numbers that the messenger has, and a database keeps
ALLOWED = ("message", "callback_query", "my_chat_member")  # the kinds of update we ask for
AT_ONCE = 100  # updates on their way to a webhook at most: those that come together are one commit


def event_of(
    bot_id: int,
    update: "aiogram.types.Update | telegram.Update",
    kind: Callable[[Any], str],
) -> Event | None:
    """Translate an update; None when it is not for us.

    Args:
        bot_id: whose update it is.
        update: a library's.
        kind: finds what a message of the library's holds: a photo, a sticker, a voice and so on.
    """
    if update.callback_query is not None:
        query = update.callback_query
        if query.message is None or query.data is None:
            return None
        return Tap(
            bot_id=bot_id,
            update_id=update.update_id,
            chat_id=query.message.chat.id,
            language=_language(query.from_user),
            private=query.message.chat.type == "private",
            sender=_kept(query.from_user.full_name),
            data=_kept(query.data),
            callback_id=_kept(query.id),
            message_id=query.message.message_id,
        )
    if update.my_chat_member is not None:
        member = update.my_chat_member
        return Membership(
            bot_id=bot_id,
            update_id=update.update_id,
            chat_id=member.chat.id,
            language=_language(member.from_user),
            private=member.chat.type == "private",
            written_at=member.date,
            blocked=member.new_chat_member.status in {"kicked", "left"},
        )
    if update.message is None:
        return None
    return _written(bot_id, update.update_id, update.message, kind)


def heard(raw: RawUpdate) -> RawUpdate:
    """Return an update with as much of it as we listen to.

    A tap brings along the whole message under which it was made. That is ours: all that we ask of
    it is which one it is and where it stands, and to read the rest costs as much as keeping the
    answer.
    """
    query = raw.get("callback_query")
    message = query.get("message") if isinstance(query, dict) else None
    if not isinstance(query, dict) or not isinstance(message, dict):
        return raw
    where = {name: message[name] for name in _WHERE if name in message}
    return {**raw, "callback_query": {**query, "message": where}}


def _kept(said: str) -> str:
    """Put a mark for each half of a letter, which is no UTF-8, and for NUL, which is no text."""
    return _NOT_KEPT.sub("\ufffd", said)


def _language(user: "aiogram.types.User | telegram.User") -> str | None:
    return user.language_code and _kept(user.language_code)


def beyond(event: Event) -> list[str]:
    """Name the numbers that are larger than any the messenger has."""
    numbers = ("chat_id", "message_id", "size")
    return [name for name in numbers if abs(getattr(event, name, None) or 0) > LARGEST]


def _written(
    bot_id: int,
    update_id: int,
    message: "aiogram.types.Message | telegram.Message",
    kind: Callable[[Any], str],
) -> Event | None:
    if message.from_user is None:
        return None
    who: dict[str, Any] = {
        "bot_id": bot_id,
        "update_id": update_id,
        "chat_id": message.chat.id,
        "language": _language(message.from_user),
        "private": message.chat.type == "private",
        "sender": _kept(message.from_user.full_name),
        "written_at": message.date,
    }
    if message.document is not None:
        document = message.document
        return Upload(
            **who,
            file_id=_kept(document.file_id),
            file_name=_kept(document.file_name or ""),
            size=document.file_size or 0,
        )
    if message.text is None and message.photo and message.caption:
        return Words(**who, text=_kept(message.caption))  # all of it that we can read
    if message.text is None:
        return Unsupported(**who, what=kind(message))
    text = _kept(message.text)
    if text.startswith("/"):
        name, _, rest = text[1:].partition(" ")
        return Command(**who, name=name.partition("@")[0].lower(), rest=rest.strip())
    return Words(**who, text=text)
