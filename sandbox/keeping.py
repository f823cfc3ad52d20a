"""The world as one JSON document, so that a rehearsal can go on another day where it stood.

Not kept: the log, faults and rates. A bot sets its webhook anew when it starts.
"""

import base64
import json
import math
from datetime import datetime
from typing import Any

from sandbox.clock import Step
from sandbox.records import JSON, Bot, Chat, Message, StoredFile, Tap, User
from sandbox.registry import Registry
from sandbox.updates import Update, UpdateQueue

VERSION = 1
MOST_FILES = 20 * 1024 * 1024  # bytes in all; beyond it the oldest files keep only their names

USER = ("id", "name", "language", "username", "role", "note", "emoji", "deactivated", "crowd")
BOT = ("id", "token", "username", "name", "last_message_id")
CHAT = (
    *("id", "kind", "title", "started", "blocked", "unread", "version", "keyboard"),
    *("migrated_to", "last_message_id"),
)
MESSAGE = (
    *("id", "from_bot", "date", "text", "caption", "entities", "markup", "reply_to", "edited"),
    *("extras", "notices"),
)
FILE = ("unique_id", "kind", "name", "mime", "path", "width", "height")


def written(world: Registry, *, ahead: int = 0) -> str:
    """Write the world down.

    Args:
        world: what to keep.
        ahead: how many numbers of messages and updates to pass over after reading it again.
    """
    clock = world.clock
    steps = [{"at": step.at.isoformat(), "label": step.label} for step in clock.steps]
    whole = {
        "version": VERSION,
        "clock": {
            "moment": clock.now().isoformat(),
            "running": clock.running,
            "zone": clock.zone,
            "steps": steps,
        },
        "users": [_fields(user, USER) for user in world.users.values()],
        "groups": list(world.groups.items()),
        "bots": [_bot(bot, ahead) for bot in world.bots.values()],
        "files": _files(list(world.files.values())),
        "chats": [_chat(chat) for chat in world.chats.values()],
        "taps": [_tap(tap, world.monotonic()) for tap in world.taps.values()],
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def read_into(world: Registry, text: bytes) -> None:
    """Fill a world that is still empty; one that cannot be read changes nothing.

    Raises:
        ValueError: the text is damaged, or a newer sandbox wrote it.
    """
    try:
        whole = json.loads(text)
        version = int(whole["version"])
        world_fits = version == VERSION
        if world_fits:
            _fill(world, whole)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError("it is damaged, or was never a saved sandbox") from error
    if not world_fits:
        raise ValueError(f"it is of version {version}, and this sandbox reads {VERSION}")


def _fields(record: Any, names: tuple[str, ...]) -> JSON:
    """Take what is not as it would be anyway."""
    found = ((name, getattr(record, name)) for name in names)
    return {name: value for name, value in found if value not in (None, [], {})}


def _bot(bot: Bot, ahead: int) -> JSON:
    queue = bot.queue
    now = queue.monotonic()
    return {
        **_fields(bot, BOT),
        "last_message_id": bot.last_message_id + ahead,
        "commands": list(bot.commands.items()),
        "menu_buttons": list(bot.menu_buttons.items()),
        "about": list(bot.about.items()),
        "next_update": queue.next_id + ahead,
        "last_update_at": queue.last_at,
        "allowed": None if queue.allowed is None else sorted(queue.allowed),
        "pending": [_update(update, now) for update in queue.pending.values()],
        "once": [_update(update, now) for update in queue.once],
    }


def _update(update: Update, now: float) -> JSON:
    return {
        "id": update.id,
        "lane": update.lane,
        "body": update.body.decode(),
        "born": update.born,
        "left": None if math.isinf(update.dies) else update.dies - now,
    }


def _files(files: list[StoredFile]) -> list[JSON]:
    room = MOST_FILES
    kept = []
    for file in reversed(files):
        room -= len(file.content)
        content = base64.b64encode(file.content).decode() if room >= 0 else ""
        kept.append({**_fields(file, FILE), "content": content})
    kept.reverse()
    return kept


def _chat(chat: Chat) -> JSON:
    messages = [_message(message) for message in chat.messages.values()]
    return {**_fields(chat, CHAT), "bot": chat.bot.id, "messages": messages}


def _message(message: Message) -> JSON:
    kept = _fields(message, MESSAGE)
    if message.file is not None:
        kept["file"] = message.file.unique_id
    return kept


def _tap(tap: Tap, now: float) -> JSON:
    return {
        "id": tap.id,
        "update_id": tap.update_id,
        "bot": tap.chat.bot.id,
        "chat": tap.chat.id,
        "message": tap.message and tap.message.id,
        "ago": now - tap.at,
    }


def _fill(world: Registry, whole: JSON) -> None:
    """Read everything before anything is taken over."""
    kept = whole["clock"]
    moment = datetime.fromisoformat(kept["moment"])
    steps = [Step(datetime.fromisoformat(step["at"]), step["label"]) for step in kept["steps"]]
    users = {user["id"]: User(**user) for user in whole["users"]}
    files = {file["unique_id"]: _read_file(file) for file in whole["files"]}
    bots = {bot["id"]: _read_bot(world, bot) for bot in whole["bots"]}
    chats = [_read_chat(chat, bots, users, files) for chat in whole["chats"]]
    by_key = {(chat.bot.id, chat.id): chat for chat in chats}
    now = world.monotonic()
    taps = [_read_tap(tap, by_key, now) for tap in whole["taps"]]
    groups = dict(whole["groups"])

    clock = world.clock
    clock.zone = kept["zone"]
    clock.plan(steps)
    clock.stop()
    clock.jump_to(moment, force=True)
    if kept["running"]:
        clock.run()
    world.die.seed(kept["moment"])  # ids drawn before the save must not be drawn again
    for user in users.values():
        user.refresh()
    world.users.update(users)
    world.groups.update(groups)
    world.files.update(files)
    world.files_by_path.update((file.path, file) for file in files.values())
    for bot in bots.values():
        world.take_bot(bot)
    for chat in chats:
        world.take_chat(chat)
    world.taps.update((tap.id, tap) for tap in taps)


def _read_file(kept: JSON) -> StoredFile:
    content = base64.b64decode(kept["content"], validate=True)
    return StoredFile(**{**kept, "content": content})


def _read_bot(world: Registry, kept: JSON) -> Bot:
    queue = UpdateQueue(world.clock, world.monotonic, world.limits, world.die)
    queue.next_id = kept["next_update"]
    queue.last_at = kept["last_update_at"]
    queue.allowed = None if kept["allowed"] is None else frozenset(kept["allowed"])
    now = world.monotonic()
    queue.take(
        [_read_update(update, now) for update in kept["pending"]],
        [_read_update(update, now) for update in kept["once"]],
    )
    bot = Bot(**{name: kept[name] for name in BOT}, queue=queue)
    bot.commands = {tuple(scope): commands for scope, commands in kept["commands"]}
    bot.menu_buttons = dict(kept["menu_buttons"])
    bot.about = {tuple(key): text for key, text in kept["about"]}
    return bot


def _read_update(kept: JSON, now: float) -> Update:
    try:
        content = json.loads(kept["body"])
    except ValueError:
        content = None  # it was injected broken
    kind, chat_id = kept["lane"]
    dies = math.inf if kept["left"] is None else now + kept["left"]
    return Update(kept["id"], (kind, chat_id), kept["body"].encode(), content, kept["born"], dies)


def _read_chat(
    kept: JSON, bots: dict[int, Bot], users: dict[int, User], files: dict[str, StoredFile]
) -> Chat:
    user = users[kept["id"]] if kept["kind"] == "private" else None
    fields = {name: kept[name] for name in CHAT if name in kept}
    chat = Chat(bot=bots[kept["bot"]], user=user, **fields)
    for one in kept["messages"]:
        fields = {name: one[name] for name in MESSAGE if name in one}
        file = files[one["file"]] if "file" in one else None
        chat.messages[one["id"]] = Message(chat=chat, sender={}, file=file, **fields)
    return chat


def _read_tap(kept: JSON, chats: dict[tuple[int, int], Chat], now: float) -> Tap:
    chat = chats[kept["bot"], kept["chat"]]
    message = chat.messages.get(kept["message"])
    return Tap(kept["id"], kept["update_id"], chat, message, now - kept["ago"])
