"""Methods about the bot itself: its commands, its menu button, its name."""

import re
from typing import Any

from sandbox import content, wire
from sandbox.errors import bad_request
from sandbox.markup import web_page
from sandbox.params import Params
from sandbox.records import JSON, Bot, Chat
from sandbox.world import World

COMMAND = re.compile(r"[a-z0-9_]{1,32}")
LANGUAGE = re.compile(r"([a-z]{2})?")
MAX_COMMANDS = 100
WIDE = ("default", "all_private_chats", "all_group_chats", "all_chat_administrators")
NARROW = ("chat", "chat_administrators", "chat_member")
Scope = tuple[str, int, int, str]


def get_me(world: World, bot: Bot, params: Params) -> JSON:
    """Say who the bot is."""
    return wire.me(bot)


def get_chat(world: World, bot: Bot, params: Params) -> JSON:
    """Say who the bot talks with."""
    return wire.full_chat(content.find_chat(world, bot, params))


def get_file(world: World, bot: Bot, params: Params) -> JSON:
    """Say where a file can be fetched."""
    if not params.text("file_id"):
        raise bad_request("file_id not specified")
    file = world.files.get(params.text("file_id").rpartition("-")[2])
    if file is None or wire.file_id(bot, file) != params.text("file_id"):
        raise bad_request("invalid file_id")
    if len(file.content) > 20 * 1024 * 1024:
        raise bad_request("file is too big")
    return {
        "file_id": params.text("file_id"),
        "file_unique_id": file.unique_id,
        "file_size": len(file.content),
        "file_path": file.path,
    }


def _scope(world: World, bot: Bot, params: Params) -> Scope:
    wish = params.get("scope") or {"type": "default"}
    kind = wish.get("type") if isinstance(wish, dict) else None
    language = params.text("language_code")
    if not LANGUAGE.fullmatch(language):
        raise bad_request("invalid language code specified")
    if kind in WIDE:
        return (str(kind), 0, 0, language)
    if kind not in NARROW:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    where = Params()
    where.put("chat_id", wish.get("chat_id"))
    where.put("user_id", wish.get("user_id"))
    chat = content.find_chat(world, bot, where)
    return (str(kind), chat.id, where.number("user_id") or 0, language)


def set_commands(world: World, bot: Bot, params: Params) -> bool:
    """Set the commands of one scope in one language."""
    scope = _scope(world, bot, params)
    commands = params.get("commands")
    if not isinstance(commands, list):
        raise bad_request("can't parse commands JSON object")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    bot.commands[scope] = [_command(command) for command in commands]
    return True


def _command(wish: Any) -> JSON:
    command = wish.get("command") if isinstance(wish, dict) else None
    description = wish.get("description") if isinstance(wish, dict) else None
    if not isinstance(command, str) or not COMMAND.fullmatch(command.removeprefix("/")):
        raise bad_request("BOT_COMMAND_INVALID")
    if not isinstance(description, str) or not 1 <= len(description.strip()) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": command.removeprefix("/"), "description": description.strip()}


def get_commands(world: World, bot: Bot, params: Params) -> list[JSON]:
    """Give the commands of exactly one scope and language."""
    return bot.commands.get(_scope(world, bot, params), [])


def delete_commands(world: World, bot: Bot, params: Params) -> bool:
    """Let one scope and language fall back to the wider one."""
    bot.commands.pop(_scope(world, bot, params), None)
    return True


def commands_shown(chat: Chat, language: str) -> list[JSON]:
    """Choose the commands a person sees: the narrowest scope first, then the language."""
    wide = "all_private_chats" if chat.user is not None else "all_group_chats"
    for kind, chat_id in (("chat", chat.id), (wide, 0), ("default", 0)):
        for code in (language[:2].lower(), ""):
            commands = chat.bot.commands.get((kind, chat_id, 0, code))
            if commands:
                return commands
    return []


def set_menu_button(world: World, bot: Bot, params: Params) -> bool:
    """Set the button beside the input, for one chat or for all."""
    wish = params.get("menu_button") or {"type": "default"}
    kind = wish.get("type") if isinstance(wish, dict) else None
    where = _chat_or_all(world, bot, params)
    if kind == "default":
        bot.menu_buttons.pop(where, None)
    elif kind == "commands":
        bot.menu_buttons[where] = {"type": "commands"}
    elif kind == "web_app":
        page = wish.get("web_app")
        url = web_page(page.get("url") if isinstance(page, dict) else None)
        text = str(wish.get("text") or "")
        if not text:
            raise bad_request("BUTTON_TEXT_INVALID")
        bot.menu_buttons[where] = {"type": "web_app", "text": text, "web_app": {"url": url}}
    else:
        raise bad_request("can't parse menu button: Unsupported type specified")
    return True


def get_menu_button(world: World, bot: Bot, params: Params) -> JSON:
    """Give the button of one chat, or the one for all."""
    return menu_button(bot, _chat_or_all(world, bot, params))


def menu_button(bot: Bot, chat_id: int) -> JSON:
    """Choose the button that a chat has."""
    buttons = bot.menu_buttons
    return buttons.get(chat_id) or buttons.get(0) or {"type": "default"}


def _chat_or_all(world: World, bot: Bot, params: Params) -> int:
    return content.find_chat(world, bot, params).id if params.get("chat_id") else 0


def set_name(world: World, bot: Bot, params: Params) -> bool:
    """Set the bot's name in one language; without a language it is the name."""
    name = params.text("name")
    _tell_about(bot, params, "name", 64)
    if name and not params.text("language_code"):
        bot.name = name
        bot.refresh()
    return True


def set_description(world: World, bot: Bot, params: Params) -> bool:
    """Set what an empty chat shows."""
    return _tell_about(bot, params, "description", 512)


def set_short_description(world: World, bot: Bot, params: Params) -> bool:
    """Set what the bot's profile shows."""
    return _tell_about(bot, params, "short_description", 120)


def _tell_about(bot: Bot, params: Params, what: str, longest: int) -> bool:
    text = params.text(what)
    if len(text) > longest:
        raise bad_request(f"{what.replace('_', ' ')} is too long")
    bot.about[what, params.text("language_code")] = text
    return True


def get_name(world: World, bot: Bot, params: Params) -> JSON:
    """Give the bot's name."""
    return {"name": _about(bot, params, "name") or bot.name}


def get_description(world: World, bot: Bot, params: Params) -> JSON:
    """Give the text of an empty chat."""
    return {"description": _about(bot, params, "description")}


def get_short_description(world: World, bot: Bot, params: Params) -> JSON:
    """Give the text of the profile."""
    return {"short_description": _about(bot, params, "short_description")}


def _about(bot: Bot, params: Params, what: str) -> str:
    return bot.about.get((what, params.text("language_code"))) or bot.about.get((what, ""), "")
