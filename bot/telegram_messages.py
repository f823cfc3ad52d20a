"""How a message of ours is put for Telegram, whichever library sends it."""

from dataclasses import replace
from html import escape

from handlers.messages import Button, Capability, Rendered, Style

COPY_LIMIT = 256  # characters that a copy button may carry
SEND_TIMEOUT = (
    10.0  # seconds; well under the ledger's lease, so that a lease never outlives a send
)
CONNECT_TIMEOUT = 5.0  # seconds; shorter than a send, so that what was not sent is known as such
STYLES = {Style.good: "success", Style.danger: "danger"}
EVERYTHING = frozenset(Capability)


def fitted(message: Rendered, able: frozenset[Capability]) -> Rendered:
    """Say a message with what a channel can show: plain buttons, words to copy in the text."""
    if able >= EVERYTHING or not message.buttons:
        return message
    text, rows = message.text, []
    for row in message.buttons:
        kept: list[Button] = []
        for button in row:
            if button.copy is not None and Capability.copy_buttons not in able:
                words = escape(button.copy, quote=False)
                text += "" if words in text else f"\n<code>{words}</code>"
            elif Capability.styled_buttons not in able:
                kept.append(replace(button, style=Style.plain))
            else:
                kept.append(button)
        rows += [tuple(kept)] if kept else []
    return replace(message, text=text, buttons=tuple(rows))


def plain(message: Rendered) -> dict[str, object]:
    """Return a message's text and buttons as Telegram's own JSON has them."""
    said: dict[str, object] = {
        "text": message.text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    if message.buttons:
        rows = [[_plain_button(button) for button in row] for row in message.buttons]
        said["reply_markup"] = {"inline_keyboard": rows}
    return said


def _plain_button(button: Button) -> dict[str, object]:
    if button.copy is not None:
        return {"text": button.text, "copy_text": {"text": button.copy[:COPY_LIMIT]}}
    said: dict[str, object] = {"text": button.text, "callback_data": button.data}
    if (style := STYLES.get(button.style)) is not None:
        said["style"] = style
    return said
