"""Entities: what Telegram finds in a text, and how a text is shown on a page.

Offsets and lengths count UTF-16 code units, as on the real service.
"""

import re
from html import escape
from typing import Any

Entity = dict[str, Any]

FOUND = re.compile(
    r"(?P<email>(?<![\w.+-])[a-zA-Z0-9_.+-]+@[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+)+)"
    r"|(?P<url>(?<!\w)(?:https?://|t\.me/)[!-;=?-~]*[a-zA-Z0-9_/#=&%-])"
    r"|(?P<mention>(?<![\w@/])@[a-zA-Z][a-zA-Z0-9_]{4,31}(?!\w))"
    r"|(?P<hashtag>(?<![\w#&])#(?=\w*[^\W\d])\w{1,256})"
    r"|(?P<bot_command>(?<![\w/<>])/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?(?![\w/]))"
)
FINDABLE = re.compile(r"[@/#]|t\.me")


def utf16_length(text: str) -> int:
    """Count UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def ordered(entities: list[Entity]) -> list[Entity]:
    """Order entities as Telegram does, the outer first; nothing may stand inside code."""
    entities.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    kept: list[Entity] = []
    code_end = -1
    for entity in entities:
        if entity["offset"] < code_end and entity["offset"] + entity["length"] <= code_end:
            continue
        if entity["type"] in {"code", "pre"}:
            code_end = entity["offset"] + entity["length"]
        kept.append(entity)
    return kept


def trim(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Cut the blanks around a text, as the server does, and move its entities along."""
    shorter = text.rstrip(" \n\t")
    first = min((entity["offset"] for entity in entities), default=len(shorter))
    cut = 0
    while cut < first and shorter[cut : cut + 1] in {" ", "\n", "\t"}:
        cut += 1
    shorter = shorter[cut:]
    if not entities or (cut == 0 and shorter == text):
        return shorter, entities
    total = utf16_length(shorter)
    kept = []
    for entity in entities:
        offset = entity["offset"] - cut
        length = min(entity["length"], total - offset)
        if length > 0:
            kept.append({**entity, "offset": offset, "length": length})
    return shorter, kept


def find(text: str, entities: list[Entity]) -> list[Entity]:
    """Add what Telegram finds by itself: commands, links, addresses, mentions, hashtags."""
    if not FINDABLE.search(text):
        return entities
    taken = [
        (entity["offset"], entity["offset"] + entity["length"])
        for entity in entities
        if entity["type"] in {"code", "pre", "text_link", "text_mention"}
    ]
    found = []
    for match in FOUND.finditer(text):
        start, length = utf16_length(text[: match.start()]), utf16_length(match[0])
        if not any(start < end and begin < start + length for begin, end in taken):
            found.append({"offset": start, "length": length, "type": match.lastgroup})
    return ordered([*entities, *found]) if found else entities


TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}


def _tags(entity: Entity, inside: str) -> tuple[str, str]:
    kind = entity["type"]
    if kind in TAGS:
        return f"<{TAGS[kind]}>", f"</{TAGS[kind]}>"
    if kind == "expandable_blockquote":
        return '<blockquote class="expandable">', "</blockquote>"
    if kind == "spoiler":
        return '<span class="spoiler">', "</span>"
    if kind == "bot_command":
        return '<span class="command">', "</span>"
    if kind in {"url", "text_link"}:
        url = entity.get("url", inside)
        url = url if "://" in url else f"https://{url}"
        if url.startswith(("http://", "https://")):
            return f'<a href="{escape(url)}" rel="noopener noreferrer" target="_blank">', "</a>"
    return "", ""


def to_html(text: str, entities: list[Entity]) -> str:
    """Show a text as HTML that is safe to put on a page. Line breaks stay line breaks."""
    if not entities:
        return escape(text)
    wide = text.encode("utf-16-le")

    def piece(start: int, end: int) -> str:
        return wide[2 * start : 2 * end].decode("utf-16-le", "replace")

    written: list[str] = []
    closing: list[tuple[int, str]] = []
    at = 0

    def advance(to: int) -> None:
        nonlocal at
        while closing and closing[-1][0] <= to:
            end, tag = closing.pop()
            end = max(end, at)
            written.extend((escape(piece(at, end)), tag))
            at = end
        if to > at:
            written.append(escape(piece(at, to)))
            at = to

    for entity in sorted(entities, key=lambda entity: (entity["offset"], -entity["length"])):
        advance(entity["offset"])
        end = entity["offset"] + entity["length"]
        if closing:  # entities that cross are cut where the outer one ends
            end = min(end, closing[-1][0])
        before, after = _tags(entity, piece(entity["offset"], end))
        if before and end > entity["offset"]:
            written.append(before)
            closing.append((end, after))
    advance(len(wide) // 2)
    return "".join(written)
