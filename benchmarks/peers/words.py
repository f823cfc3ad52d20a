"""What everybody says in these measurements: a household's morning card, and the answered one."""

import json

TEXT = (
    "Good morning. Mon 2 Mar\nChild 17 (1-1)\n"
    "How is everyone this morning? One tap if all is well."
)
ALL_CLEAR, OTHER = "All clear", "Child 17…"
ANSWERED = "Mon 2 Mar\n✓ 06:30 Child 17: all clear"
CHANGE = "Change"
THANKS = "Thank you. Have a good day!"
DATA_ALL_CLEAR, DATA_OTHER, DATA_CHANGE = "a:1018:1", "o:1018:1:1018", "c:1018:2"


def data_of(chat: int) -> tuple[str, str]:
    """Return what the buttons of a chat's card say: each family's name its own rows."""
    return f"a:{chat}:1", f"o:{chat}:1:{chat}"


def prepared_card(chat: int) -> bytes:
    """Return the body of a card, with nothing left to do but to put in the chat."""
    return _CARD_HEAD + b"%d" % chat + _CARD_TAIL


def prepared_answer(callback_id: str) -> bytes:
    """Return the body of a short answer to a tap."""
    return b'{"callback_query_id":"' + callback_id.encode() + _THANKS_TAIL


def prepared_edit(chat: int, message_id: int) -> bytes:
    """Return the body of the card that shows what was answered."""
    return _CARD_HEAD + b"%d" % chat + b',"message_id":%d' % message_id + _EDIT_TAIL


def _tail(text: str, rows: object, **more: object) -> bytes:
    said = {
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
        "reply_markup": {"inline_keyboard": rows},
        **more,
    }
    return b"," + json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()[1:]


_CARD_HEAD = b'{"chat_id":'
_CARD_TAIL = _tail(
    TEXT,
    [
        [{"text": ALL_CLEAR, "callback_data": DATA_ALL_CLEAR, "style": "success"}],
        [{"text": OTHER, "callback_data": DATA_OTHER}],
    ],
    allow_paid_broadcast=True,
)
_EDIT_TAIL = _tail(ANSWERED, [[{"text": CHANGE, "callback_data": DATA_CHANGE}]])
_THANKS_TAIL = b'","text":"' + THANKS.encode() + b'"}'
