"""The sandbox's records as the Bot API shows them: the fields real ones have, and no others."""

import json

from sandbox.records import JSON, Bot, Chat, Message, StoredFile

encode = json.JSONEncoder(separators=(",", ":")).encode


def me(bot: Bot) -> JSON:
    """What getMe gives."""
    return {
        **bot.wire,
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def file_id(bot: Bot, file: StoredFile) -> str:
    """Name a file for one bot: file ids of one bot mean nothing to another."""
    return f"{'AgAC' if file.kind == 'photo' else 'BQAC'}-{bot.id}-{file.unique_id}"


def file_fields(bot: Bot, file: StoredFile) -> JSON:
    """What a message with a file has beside its caption."""
    common = {
        "file_id": file_id(bot, file),
        "file_unique_id": file.unique_id,
        "file_size": len(file.content),
    }
    if file.kind == "photo":
        return {"photo": [{**common, "width": file.width, "height": file.height}]}
    return {"document": {"file_name": file.name, "mime_type": file.mime, **common}}


def message(record: Message, *, with_reply: bool = True) -> JSON:
    """Show a message."""
    shown: JSON = {
        "message_id": record.id,
        "from": record.sender,
        "chat": record.chat.wire,
        "date": record.date,
    }
    if record.edited is not None:
        shown["edit_date"] = record.edited
    if with_reply and record.reply_to is not None:
        replied = record.chat.messages.get(record.reply_to)
        if replied is not None:
            shown["reply_to_message"] = message(replied, with_reply=False)
    if record.file is not None:
        shown.update(file_fields(record.chat.bot, record.file))
    if record.text is not None:
        shown["text"] = record.text
        if record.entities:
            shown["entities"] = record.entities
    elif record.caption:
        shown["caption"] = record.caption
        if record.entities:
            shown["caption_entities"] = record.entities
    if record.extras:
        shown.update(record.extras)
    if record.markup is not None:
        shown["reply_markup"] = record.markup
    return shown


def full_chat(chat: Chat) -> JSON:
    """What getChat gives: of a person, little more than the name."""
    shown = dict(chat.wire)
    if chat.user is not None and chat.user.username:
        shown["active_usernames"] = [chat.user.username]
    if chat.user is None:
        shown["permissions"] = dict.fromkeys(GROUP_PERMISSIONS, True)
    shown["accent_color_id"] = chat.id % 7
    shown["max_reaction_count"] = 11
    shown["accepted_gift_types"] = dict.fromkeys(GIFT_TYPES, chat.user is not None)
    return shown


GIFT_TYPES = (
    "unlimited_gifts",
    "limited_gifts",
    "unique_gifts",
    "premium_subscription",
    "gifts_from_channels",
)
GROUP_PERMISSIONS = (
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_react_to_messages",
    "can_edit_tag",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
)
