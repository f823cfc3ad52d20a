"""Updates as the messenger writes them, and as nobody would: by a seed, so that all come again."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

from handlers.presses import Press, Verb

Raw = dict[str, Any]

DATE = 1772400000
DEEP = 8  # how far down something goes wrong: no update has more floors
BOT_USER = {"id": 7000001, "is_bot": True, "first_name": "Allclear", "username": "allclear_bot"}


def person(chat: int, language: str | None = "en") -> Raw:
    user: Raw = {"id": chat, "is_bot": False, "first_name": f"Guardian {chat}"}
    return user | ({"language_code": language} if language else {})


def private(chat: int) -> Raw:
    return {"id": chat, "type": "private", "first_name": f"Guardian {chat}"}


def message(chat: int, number: int, **content: Any) -> Raw:
    return {
        "message_id": number,
        "date": DATE,
        "chat": private(chat),
        "from": person(chat),
        **content,
    }


def written(chat: int, number: int, text: str) -> Raw:
    said = message(chat, number, text=text)
    if text.startswith("/"):
        length = len(text.partition(" ")[0])
        said["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
    return {"message": said}


def tapped(chat: int, about: int, data: str, number: int) -> Raw:
    card = {"message_id": about, "date": DATE, "chat": private(chat), "from": BOT_USER}
    query = {
        "id": f"{chat}-{number}",
        "from": person(chat),
        "message": card | {"text": "Good morning."},
        "chat_instance": str(-chat),
        "data": data,
    }
    return {"callback_query": query}


def membership(chat: int, *, blocked: bool) -> Raw:
    states = ("member", "kicked") if blocked else ("kicked", "member")
    old, new = ({"user": BOT_USER, "status": each, "until_date": 0} for each in states)
    change = {"chat": private(chat), "from": person(chat), "date": DATE}
    return {"my_chat_member": change | {"old_chat_member": old, "new_chat_member": new}}


_FILE = {"file_id": "F1", "file_unique_id": "U1", "file_size": 900}
_SIZES = {"width": 90, "height": 90}
MEDIA: tuple[Raw, ...] = (
    {"photo": [_FILE | _SIZES]},
    {"photo": [_FILE | _SIZES], "caption": "38.1"},
    {"sticker": _FILE | _SIZES | {"type": "regular", "is_animated": False, "is_video": False}},
    {"voice": _FILE | {"duration": 3}},
    {"video": _FILE | _SIZES | {"duration": 3}},
    {"document": _FILE | {"file_name": "letter.pdf"}},
    {"location": {"latitude": 31.2, "longitude": 121.4}},
    {"contact": {"phone_number": "13900000000", "first_name": "Ana"}},
    {"dice": {"emoji": "🎲", "value": 3}},
    {"poll": {"id": "1", "question": "Well?", "options": [], "total_voter_count": 0}},
)

# Kinds that nobody asked for, and one that nobody knows.
OTHER_KINDS = (
    *("edited_message", "channel_post", "edited_channel_post", "business_connection"),
    *("message_reaction", "inline_query", "chosen_inline_result", "shipping_query"),
    *("pre_checkout_query", "poll", "poll_answer", "chat_member", "chat_join_request"),
    *("chat_boost", "purchased_paid_media", "quantum_message"),
)


def junk(random: Random) -> Any:
    """Return what no field ever holds."""
    deep: Any = "bottom"
    for _ in range(random.choice((3, 60, 700))):
        deep = {"in": deep} if random.random() < 0.5 else [deep]
    return random.choice(
        (
            *(None, True, False, 0, -1, 1.5, 2**31, 2**53, 2**63, -(2**63), 10**40, 1e308),
            *("", "\x00", "\ud800", "a\udfffb", "x" * 5000, "🙂" * 70, "\u202e\u0000\n", "null"),
            *([], {}, [[]], [None] * 50, {"id": {"id": {}}}, {"": 0}, deep),
        )
    )


def any_press(random: Random, rows: int) -> str:
    """Return a button's data that may mean anything, to anybody, or nothing."""
    if random.random() < 0.3:
        letters = "abcdefghijklmnopqrstuvwxyz0123456789::::é\x00🙂\ud83d-_"
        return "".join(random.choices(letters, k=random.randrange(1, 70)))
    numbers = (0, 1, 2, random.randrange(rows + 5), random.randrange(99), 998, 999, 2**62, 2**63)
    row, revision, *details = random.choices(numbers, k=random.randrange(2, 6))
    if random.random() < 0.7:
        row, revision = random.randrange(rows + 5), random.randrange(6)
    verb = random.choice(list(Verb))
    try:
        return Press(verb, row, revision, tuple(details)).pack()
    except ValueError:
        return f"{verb.value}:{row}:{revision}" * 9


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        pairs = enumerate(value)
    for key, inside in pairs:
        yield (*path, key)
        if len(path) < DEEP:
            yield from _places(inside, (*path, key))


def mutated(random: Random, update: Raw, rows: int) -> Raw:
    """Return an update of which something is not as it should be."""
    wrong = copy.deepcopy(update)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        places = list(_places(wrong))
        if not places:
            break
        *path, key = random.choice(places)
        inside: Any = wrong
        for step in path:
            inside = inside[step]
        way = random.random()
        if way < 0.25:
            del inside[key]
        elif way < 0.35 and isinstance(inside, dict):
            inside[random.choice(("extra", "id", "type", "data", "text"))] = inside.pop(key)
        elif way < 0.45 and isinstance(inside, dict):
            inside[key] = [inside[key], inside[key]]
        else:
            inside[key] = junk(random)
    if "callback_query" in wrong and random.random() < 0.6:
        query = wrong["callback_query"]
        if isinstance(query, dict):
            query["data"] = any_press(random, rows)
    if random.random() < 0.1:
        kind = next(iter(wrong), None)
        if kind is not None:
            wrong[random.choice(OTHER_KINDS)] = wrong.pop(kind)
    return wrong
