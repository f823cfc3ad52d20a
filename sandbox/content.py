"""The parts of a message that sending and editing read alike: text, files, where, how fast."""

from typing import Any

from sandbox import entities, wire
from sandbox.errors import RefusedError, bad_request, forbidden, too_many_requests
from sandbox.html_reader import parse_html
from sandbox.params import MAX_UPLOAD, Params, Upload
from sandbox.records import JSON, Bot, Chat, StoredFile
from sandbox.world import MAX_CAPTION, MAX_TEXT, World

MAX_PHOTO = 10 * 1024 * 1024
MAX_SIDES = 10_000
MAX_RATIO = 20


def formatted(world: World, params: Params, key: str, entities_key: str) -> tuple[str, list[JSON]]:
    """Read a text with its parse mode or its entities.

    Raises:
        ApiError: the text cannot be read; whether it is empty or too long is the caller's.
    """
    text = params.text(key)
    mode = params.text("parse_mode").lower()
    given = params.get(entities_key)
    if mode == "html":
        text, found = parse_html(text)
    elif mode and mode != "none":
        raise bad_request("unsupported parse_mode")  # the sandbox knows HTML only
    else:
        found = [_entity(entity) for entity in given] if isinstance(given, list) else []
        found = entities.ordered(found)
    text, found = entities.trim(text, found)
    kept = []
    for entity in found:
        if entity["type"] == "text_mention":
            user_id = entity["user"].get("id")
            if not isinstance(user_id, int) or user_id not in world.users:
                continue
            entity["user"] = world.users[user_id].wire
        kept.append(entity)
    return text, entities.find(text, kept)


def _entity(wish: Any) -> JSON:
    """Check one entity that a bot gave beside its text."""
    whole = isinstance(wish, dict) and isinstance(wish.get("type"), str)
    if not whole or not all(type(wish.get(key)) is int for key in ("offset", "length")):
        raise bad_request("can't parse MessageEntity: Object expected")
    if wish["type"] == "text_mention" and not isinstance(wish.get("user"), dict):
        raise bad_request("can't parse MessageEntity: Can't find field \"user\"")
    if wish["type"] == "text_link" and not isinstance(wish.get("url"), str):
        raise bad_request("can't parse MessageEntity: Can't find field \"url\"")
    return {key: value for key, value in wish.items() if value is not None}


def message_text(world: World, params: Params) -> tuple[str, list[JSON]]:
    """Read the text of a message, which may not be empty."""
    text, found = formatted(world, params, "text", "entities")
    if not text:
        raise bad_request("message text is empty")
    return text, found


def caption(world: World, params: Params) -> tuple[str, list[JSON]]:
    """Read a caption, which may."""
    return formatted(world, params, "caption", "caption_entities")


def check_length(text: str | None, *, is_caption: bool) -> None:
    """Refuse what is too long once its formatting is read."""
    if text is None:
        return
    if is_caption and entities.utf16_length(text) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    if not is_caption and entities.utf16_length(text) > MAX_TEXT:
        raise bad_request("message is too long")


def find_chat(world: World, bot: Bot, params: Params) -> Chat:
    """Find the chat a call is about; it may be one the bot cannot write to.

    Raises:
        ApiError: there is none.
    """
    chat_id = params.get("chat_id")
    if chat_id is None or chat_id == "":
        raise bad_request("chat_id is empty")
    if not isinstance(chat_id, int):
        raise bad_request("chat not found")  # a bot cannot find people by their @name
    chat = world.chats.get((bot.id, chat_id))
    if chat is None:
        if chat_id in world.bots:
            raise forbidden("bots can't send messages to bots")
        if chat_id not in world.users:
            raise bad_request("chat not found")
        chat = world.chat(chat_id, bot.id)
    if chat.migrated_to is not None:
        error = bad_request("group chat was upgraded to a supergroup chat")
        error.parameters["migrate_to_chat_id"] = chat.migrated_to
        raise error
    return chat


def writable_chat(world: World, bot: Bot, params: Params) -> Chat:
    """Find the chat a message goes to.

    Raises:
        ApiError: there is none, or the people there do not want the bot.
    """
    chat = find_chat(world, bot, params)
    if chat.user is not None and chat.user.deactivated:
        raise forbidden("user is deactivated")
    if chat.blocked:
        if chat.user is None:
            raise forbidden(f"bot was kicked from the {chat.kind} chat")
        raise forbidden("bot was blocked by the user")
    if not chat.started:
        raise forbidden("bot can't initiate conversation with a user")
    return chat


def pay(world: World, chat: Chat, *, with_stars: bool = False) -> None:
    """Count a message against the rates of its bot and its chat; Stars buy a faster one.

    Raises:
        ApiError: 429, with the seconds to wait.
    """
    limits, now = world.limits, world.monotonic()
    if chat.user is None:
        rate = limits.group_per_minute and limits.group_per_minute / 60
        burst = limits.group_burst
    else:
        rate, burst = limits.chat_per_second, limits.chat_burst
    every = limits.bot_per_second and (
        max(limits.paid_per_second, limits.bot_per_second) if with_stars else limits.bot_per_second
    )
    wait = chat.pace.wait(now, rate, burst) if rate else 0
    if not wait and every:
        wait = chat.bot.pace.wait(now, every, limits.bot_burst)
    if wait:
        raise too_many_requests(wait)
    if rate:
        chat.pace.take(now, rate)
    if every:
        chat.bot.pace.take(now, every)


def replied_to(chat: Chat, params: Params) -> int | None:
    """Read what the message replies to.

    Raises:
        ApiError: the message is gone, and the bot did not say that it may be.
    """
    wish = params.get("reply_parameters")
    if isinstance(wish, dict):
        message_id, lenient = wish.get("message_id"), bool(wish.get("allow_sending_without_reply"))
    else:
        message_id = params.number("reply_to_message_id")
        lenient = params.flag("allow_sending_without_reply")
    if not message_id or not isinstance(message_id, int):
        return None
    if message_id in chat.messages:
        return message_id
    if lenient:
        return None
    raise bad_request("message to be replied not found")


def given_file(
    world: World, bot: Bot, params: Params, kind: str, value: str | None = None
) -> StoredFile:
    """Read a file: a part of the body, attach://NAME, or the id of an earlier one.

    Raises:
        ApiError: there is no such file, or Telegram would not take it.
    """
    upload = params.uploads.get(kind) if value is None else None
    if upload is None:
        name = params.text(kind) if value is None else value
        if name.startswith("attach://"):
            upload = params.uploads.get(name.removeprefix("attach://"))
        elif name:
            return known_file(world, bot, name, kind)
        if upload is None:
            raise bad_request(f"there is no {kind} in the request")
    return _uploaded(world, upload, kind)


def known_file(world: World, bot: Bot, file_id: str, kind: str | None = None) -> StoredFile:
    """Find a file by the id this bot knows it by."""
    if file_id.startswith(("http://", "https://")):
        raise bad_request("failed to get HTTP URL content")  # the sandbox fetches nothing
    file = world.files.get(file_id.rpartition("-")[2])
    if file is None or wire.file_id(bot, file) != file_id:
        raise bad_request("wrong file identifier/HTTP URL specified")
    if kind is not None and file.kind != kind:
        raise bad_request(
            f"can't use file of type {file.kind.capitalize()} as {kind.capitalize()}"
        )
    return file


def _uploaded(world: World, upload: Upload, kind: str) -> StoredFile:
    if not upload.content:
        raise bad_request("file must be non-empty")
    if len(upload.content) > (MAX_PHOTO if kind == "photo" else MAX_UPLOAD):
        raise bad_request(
            f"file is too big for a {kind}" if kind == "photo" else "file is too big"
        )
    try:
        file = world.store(upload.content, upload.name, kind, upload.mime)
    except RefusedError:
        raise bad_request("IMAGE_PROCESS_FAILED") from None
    if kind == "photo":
        short, long = sorted((file.width, file.height))
        if short + long > MAX_SIDES or short == 0 or long / short > MAX_RATIO:
            raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return file
