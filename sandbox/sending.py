"""Methods that say something new: messages, pictures, files, answers to taps."""

from typing import Any

from sandbox import content, entities, markup, wire
from sandbox.errors import bad_request
from sandbox.params import Params
from sandbox.records import JSON, Bot, Chat, Message
from sandbox.world import World

TAP_IS_GONE = "query is too old and response timeout expired or query ID is invalid"
MAX_ANSWER = 200
ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "record_audio",
        "upload_audio",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


def send_message(world: World, bot: Bot, params: Params) -> JSON:
    """Send a text."""
    text, found = content.message_text(world, params)
    extras: JSON = {}
    preview = params.get("link_preview_options")
    if isinstance(preview, dict) and (kept := {k: v for k, v in preview.items() if v is not None}):
        extras["link_preview_options"] = kept
    return _send(world, bot, params, text=text, entities=found, extras=extras)


def send_photo(world: World, bot: Bot, params: Params) -> JSON:
    """Send a picture."""
    return _send_file(world, bot, params, "photo")


def send_document(world: World, bot: Bot, params: Params) -> JSON:
    """Send a file."""
    return _send_file(world, bot, params, "document")


def _send_file(world: World, bot: Bot, params: Params, kind: str) -> JSON:
    file = content.given_file(world, bot, params, kind)
    text, found = content.caption(world, params)
    return _send(world, bot, params, caption=text or None, entities=found, file=file, extras={})


def _send(world: World, bot: Bot, params: Params, **parts: Any) -> JSON:
    keyboard = markup.inline_keyboard(params)
    chat = content.writable_chat(world, bot, params)
    reply = content.replied_to(chat, params)
    content.check_length(parts.get("text"), is_caption=False)
    content.check_length(parts.get("caption"), is_caption=True)
    content.pay(world, chat, with_stars=params.flag("allow_paid_broadcast"))
    if params.flag("protect_content"):
        parts["extras"]["has_protected_content"] = True
    if params.get("message_effect_id"):
        parts["extras"]["effect_id"] = params.text("message_effect_id")
    message = Message(
        world.new_message_id(chat),
        chat,
        bot.wire,
        from_bot=True,
        date=int(world.clock.timestamp()),
        markup=keyboard,
        reply_to=reply,
        **parts,
    )
    chat.messages[message.id] = message
    chat.unread += 1
    _keep_keyboard(chat, params)
    world.touched(chat)
    return wire.message(message)


def _keep_keyboard(chat: Chat, params: Params) -> None:
    """A reply keyboard belongs to the chat until another one, or a removal, comes."""
    wish = params.get("reply_markup")
    if isinstance(wish, dict):
        if "keyboard" in wish:
            chat.keyboard = wish
        elif wish.get("remove_keyboard"):
            chat.keyboard = None


def answer_callback_query(world: World, bot: Bot, params: Params) -> bool:
    """Answer a tap: once, and soon."""
    text = params.text("text")
    if entities.utf16_length(text) > MAX_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    tap = world.taps.get(params.text("callback_query_id"))
    late = tap is not None and world.monotonic() - tap.at > world.limits.answer_within
    if tap is None or tap.chat.bot is not bot or late:
        raise bad_request(TAP_IS_GONE)
    del world.taps[tap.id]
    answer = {"text": text, "alert": params.flag("show_alert")}
    if tap.answer is not None and not tap.answer.done():
        tap.answer.set_result(answer)
    tap.given = answer
    if text and tap.message is not None:
        tap.message.notices.append(answer)
        world.touched(tap.chat)
    return True


def send_chat_action(world: World, bot: Bot, params: Params) -> bool:
    """Show that the bot is busy; nothing is kept of it."""
    if params.text("action") not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    content.writable_chat(world, bot, params)
    return True
