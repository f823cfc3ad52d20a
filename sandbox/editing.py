"""Methods that change or take back what was said."""

from typing import Any

from sandbox import content, markup, wire
from sandbox.errors import bad_request
from sandbox.params import Params
from sandbox.records import JSON, Bot, Chat, Message
from sandbox.world import World

UNCHANGED = (
    "message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)
MAX_DELETIONS = 100


def edit_text(world: World, bot: Bot, params: Params) -> JSON:
    """Change the text of a message, and its keyboard with it."""
    text, found = content.message_text(world, params)
    keyboard = markup.inline_keyboard(params)
    message = _own_message(world, bot, params)
    if message.file is not None:
        raise bad_request("there is no text in the message to edit")
    content.check_length(text, is_caption=False)
    return _change(world, message, text=text, entities=found, markup=keyboard)


def edit_caption(world: World, bot: Bot, params: Params) -> JSON:
    """Change the caption of a picture or file."""
    text, found = content.caption(world, params)
    keyboard = markup.inline_keyboard(params)
    message = _own_message(world, bot, params)
    if message.file is None:
        raise bad_request("there is no caption in the message to edit")
    content.check_length(text, is_caption=True)
    return _change(world, message, caption=text or None, entities=found, markup=keyboard)


def edit_markup(world: World, bot: Bot, params: Params) -> JSON:
    """Change the keyboard alone."""
    keyboard = markup.inline_keyboard(params)
    message = _own_message(world, bot, params)
    return _change(world, message, markup=keyboard)


def edit_media(world: World, bot: Bot, params: Params) -> JSON:
    """Put another picture or file in the place of the one there is."""
    media = params.get("media")
    if not isinstance(media, dict) or media.get("type") not in ("photo", "document"):
        raise bad_request("media not found" if media is None else "type of media is unsupported")
    said = Params()
    said.update(media)
    text, found = content.caption(world, said)
    keyboard = markup.inline_keyboard(params)
    message = _own_message(world, bot, params)
    value = media.get("media")
    file = content.given_file(world, bot, params, media["type"], str(value or ""))
    content.check_length(text, is_caption=True)
    return _change(
        world,
        message,
        text=None,
        file=file,
        caption=text or None,
        entities=found,
        markup=keyboard,
    )


def _own_message(world: World, bot: Bot, params: Params) -> Message:
    if params.get("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")
    message_id = params.number("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    chat = content.writable_chat(world, bot, params)
    message = chat.messages.get(message_id)
    if message is None:
        raise bad_request("message to edit not found")
    if not message.from_bot:
        raise bad_request("message can't be edited")
    return message


def _change(world: World, message: Message, **parts: Any) -> JSON:
    if all(getattr(message, name) == value for name, value in parts.items()):
        raise bad_request(UNCHANGED)
    if world.limits.count_edits:
        content.pay(world, message.chat)
    for name, value in parts.items():
        setattr(message, name, value)
    message.edited = max(int(world.clock.timestamp()), message.date)
    world.touched(message.chat)
    return wire.message(message)


def delete_message(world: World, bot: Bot, params: Params) -> bool:
    """Take one message back."""
    message_id = params.number("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    chat = content.find_chat(world, bot, params)
    message = chat.messages.get(message_id)
    if message is None:
        raise bad_request("message to delete not found")
    if _is_too_old(world, message):
        raise bad_request("message can't be deleted for everyone")
    _delete(world, chat, message)
    return True


def delete_messages(world: World, bot: Bot, params: Params) -> bool:
    """Take several back; those that are not there are passed over."""
    wanted = params.get("message_ids")
    if not isinstance(wanted, list) or not wanted:
        raise bad_request("message identifiers are not specified")
    if len(wanted) > MAX_DELETIONS:
        raise bad_request("too many message identifiers specified")
    chat = content.find_chat(world, bot, params)
    if not all(isinstance(number, int) for number in wanted):
        raise bad_request("can't parse message identifiers JSON object")
    found = [chat.messages[number] for number in dict.fromkeys(wanted) if number in chat.messages]
    if any(_is_too_old(world, message) for message in found):
        raise bad_request("message can't be deleted for everyone")
    for message in found:
        _delete(world, chat, message)
    return True


def _is_too_old(world: World, message: Message) -> bool:
    return world.clock.timestamp() - message.date > world.limits.delete_within


def _delete(world: World, chat: Chat, message: Message) -> None:
    del chat.messages[message.id]
    world.touched(chat)
