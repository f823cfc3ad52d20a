"""The table of the Bot API's methods. Names are compared without regard to case, as there."""

from collections.abc import Callable
from typing import Any

from sandbox import editing, profile, sending
from sandbox.params import Params
from sandbox.records import Bot
from sandbox.world import World

Method = Callable[[World, Bot, Params], Any]

_METHODS: dict[str, Method] = {
    "getMe": profile.get_me,
    "getChat": profile.get_chat,
    "getFile": profile.get_file,
    "sendMessage": sending.send_message,
    "sendPhoto": sending.send_photo,
    "sendDocument": sending.send_document,
    "sendChatAction": sending.send_chat_action,
    "answerCallbackQuery": sending.answer_callback_query,
    "editMessageText": editing.edit_text,
    "editMessageCaption": editing.edit_caption,
    "editMessageMedia": editing.edit_media,
    "editMessageReplyMarkup": editing.edit_markup,
    "deleteMessage": editing.delete_message,
    "deleteMessages": editing.delete_messages,
    "setMyCommands": profile.set_commands,
    "getMyCommands": profile.get_commands,
    "deleteMyCommands": profile.delete_commands,
    "setChatMenuButton": profile.set_menu_button,
    "getChatMenuButton": profile.get_menu_button,
    "setMyName": profile.set_name,
    "getMyName": profile.get_name,
    "setMyDescription": profile.set_description,
    "getMyDescription": profile.get_description,
    "setMyShortDescription": profile.set_short_description,
    "getMyShortDescription": profile.get_short_description,
}
METHODS: dict[str, tuple[str, Method]] = {
    name.lower(): (name, method) for name, method in _METHODS.items()
}
