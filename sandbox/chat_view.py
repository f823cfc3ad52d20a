"""The sandbox's records as the chat page shows them."""

from datetime import UTC, datetime

from sandbox import entities, profile, web_apps
from sandbox.clock import ShiftedClock
from sandbox.records import JSON, Bot, Chat, Message, User
from sandbox.world import World

SHOWN = 500  # a page needs no more; earlier messages stay in the world
PREVIEW = 120  # letters of the last message in the list of people


def iso(seconds: float) -> str:
    """Write a moment."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def bot(record: Bot) -> JSON:
    """Show a bot."""
    return {"id": record.id, "name": record.name, "username": record.username}


def user(world: World, record: User) -> JSON:
    """Show a person, with what waits for them in each chat."""
    chats = world.chats_of.get(record.id, {})
    last = {}
    for bot_id, chat in chats.items():
        message = next(reversed(chat.messages.values()), None)
        if message is not None:
            last[str(bot_id)] = {"text": preview(message), "date": iso(message.date)}
    return {
        "id": record.id,
        "name": record.name,
        "username": record.username,
        "language": record.language,
        "role": record.role,
        "note": record.note,
        "emoji": record.emoji,
        "deactivated": record.deactivated,
        "crowd": record.crowd,
        "unread": {str(bot_id): chat.unread for bot_id, chat in chats.items() if chat.unread},
        "blocked": [bot_id for bot_id, chat in chats.items() if chat.blocked],
        "last": last,
    }


def preview(record: Message) -> str:
    """Say in a line what a message is."""
    if record.text is not None:
        return record.text[:PREVIEW]
    sign = "🖼" if record.file is not None and record.file.kind == "photo" else "📄"
    return f"{sign} {record.caption or (record.file.name if record.file else '')}".strip()[
        :PREVIEW
    ]


def chat(record: Chat) -> JSON:
    """Show a chat."""
    language = record.user.language if record.user else "en"
    messages = list(record.messages.values())[-SHOWN:]
    return {
        "bot": bot(record.bot),
        "commands": profile.commands_shown(record, language),
        "menu_button": _menu_button(record),
        "keyboard": record.keyboard,
        "blocked": record.blocked,
        "messages": [message(one) for one in messages],
        "version": record.version,
    }


def message(record: Message) -> JSON:
    """Show a message."""
    file = record.file
    url = f"/sandbox/files/{file.unique_id}" if file else ""
    said = record.text if record.text is not None else record.caption or ""
    rows = (record.markup or {}).get("inline_keyboard", [])
    return {
        "id": record.id,
        "from": "bot" if record.from_bot else "user",
        "date": iso(record.date),
        "edited": None if record.edited is None else iso(record.edited),
        "text": record.text or "",
        "caption": record.caption,
        "html": entities.to_html(said, record.entities),
        "entities": record.entities,
        "reply_to": record.reply_to,
        "buttons": [[_button(record.chat, button) for button in row] for row in rows],
        "photo": {"url": url, "width": file.width, "height": file.height}
        if file and file.kind == "photo"
        else None,
        "document": {"name": file.name, "size": len(file.content), "url": url}
        if file and file.kind == "document"
        else None,
        "notices": record.notices,
        "deleted": False,
    }


def _button(chat: Chat, button: JSON) -> JSON:
    shown = {"text": button["text"]}
    if "callback_data" in button:
        shown["data"] = button["callback_data"]
    elif "url" in button:
        shown["url"] = button["url"]
    elif "web_app" in button:
        shown["url"] = web_apps.link(chat, button["web_app"]["url"])
        shown["web_app"] = True
    elif "copy_text" in button:
        shown["copy"] = button["copy_text"]["text"]
    if "style" in button:
        shown["style"] = button["style"]
    return shown


def _menu_button(chat: Chat) -> JSON:
    button = profile.menu_button(chat.bot, chat.id)
    if button["type"] != "web_app":
        return button
    return {**button, "url": web_apps.link(chat, button["web_app"]["url"])}


def clock(record: ShiftedClock) -> JSON:
    """Show the clock and its steps."""
    return {
        "now": record.now().isoformat(timespec="milliseconds"),
        "zone": record.zone,
        "steps": [
            {"at": step.at.isoformat(), "label": step.label, "done": record.is_done(step)}
            for step in record.steps
        ],
        "running": record.running,
    }
