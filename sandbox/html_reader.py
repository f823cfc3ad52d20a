"""Telegram's HTML, read into text and entities.

The byte offsets in the errors count UTF-8, and the words are those of the real service.
"""

import re

from sandbox.entities import Entity, ordered, utf16_length
from sandbox.errors import bad_request

STYLES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "tg-emoji": "custom_emoji",
}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
SPACE = " \t\r\n\0\v"
REFERENCE = re.compile(r"&(?:#(\d{1,8}|[xX][0-9a-fA-F]{1,7})|([a-zA-Z]+));?")
USER_LINK = re.compile(r"tg://user/?\?id=(\d+)$")
LINK = re.compile(
    r"(?P<scheme>https?://|tg://|ton://)?"
    r"(?P<host>(?(scheme)[^\s/?#:]+|[\w-]+(?:\.[\w-]+)+)(?::\d{1,5})?)(?P<rest>[/?#]\S*)?"
)


def decode(text: str) -> str:
    """Replace the references that Telegram knows, and leave the others as they stand."""

    def replace(match: re.Match[str]) -> str:
        number, name = match.groups()
        if name:
            return NAMED.get(name, match[0])
        code = int(number[1:], 16) if number[0] in "xX" else int(number)
        usable = 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF
        return chr(code) if usable else match[0]

    return REFERENCE.sub(replace, text) if "&" in text else text


class _Reader:
    """Reads one text; `at` is where, `text` what has been read as plain text so far."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.plain: list[str] = []
        self.length = 0  # UTF-16
        self.open: list[tuple[str, dict[str, str], int, int]] = []
        self.found: list[Entity] = []

    def fail(self, what: str, at: int | None = None) -> Exception:
        place = "" if at is None else f" at byte offset {len(self.source[:at].encode())}"
        return bad_request(f"can't parse entities: {what}{place}")

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def skip_space(self) -> None:
        while self.peek() and self.peek() in SPACE:
            self.at += 1

    def word(self, stop: str) -> str:
        start = self.at
        while self.peek() and self.peek() not in SPACE + stop:
            self.at += 1
        return self.source[start : self.at]

    def read(self) -> tuple[str, list[Entity]]:
        while (tag := self.source.find("<", self.at)) >= 0:
            self.say(decode(self.source[self.at : tag]))
            self.at = tag + 1
            if self.peek() == "/":
                self.end_tag(tag)
            else:
                self.start_tag(tag)
        self.say(decode(self.source[self.at :]))
        if self.open:
            raise self.fail(f'Can\'t find end tag corresponding to start tag "{self.open[-1][0]}"')
        return "".join(self.plain), self.found

    def say(self, text: str) -> None:
        if text:
            self.plain.append(text)
            self.length += utf16_length(text)

    def start_tag(self, begin: int) -> None:
        name = self.word(">").lower()
        if not self.peek():
            raise self.fail("Unclosed start tag", begin)
        if name not in STYLES:
            raise self.fail(f'Unsupported start tag "{name}"', begin)
        attributes: dict[str, str] = {}
        while True:
            self.skip_space()
            if not self.peek():
                raise self.fail("Unclosed start tag", begin)
            if self.peek() == ">":
                self.at += 1
                break
            self.attribute(name, attributes, begin)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise self.fail('Tag "span" must have class "tg-spoiler"', begin)
        self.open.append((name, attributes, self.length, len(self.plain)))

    def attribute(self, tag: str, attributes: dict[str, str], begin: int) -> None:
        name = self.word("=>").lower()
        if not name:
            raise self.fail(f'Empty attribute name in the tag "{tag}"', begin)
        self.skip_space()
        if self.peek() != "=":
            attributes[name] = ""
            return
        self.at += 1
        self.skip_space()
        quote = self.peek()
        if quote in {'"', "'"}:
            end = self.source.find(quote, self.at + 1)
            if end < 0:
                raise self.fail("Unclosed start tag", begin)
            attributes[name] = decode(self.source[self.at + 1 : end])
            self.at = end + 1
            return
        start = self.at
        while re.match(r"[a-zA-Z0-9.-]", self.peek()):
            self.at += 1
        if self.peek() and self.peek() not in SPACE + ">":
            raise self.fail("Unexpected end of name token", start)
        attributes[name] = self.source[start : self.at].lower()

    def end_tag(self, begin: int) -> None:
        if not self.open:
            raise self.fail("Unexpected end tag", begin)
        self.at += 1
        name = self.word(">").lower()
        self.skip_space()
        if self.peek() != ">":
            raise self.fail("Unclosed end tag", begin)
        self.at += 1
        tag, attributes, start, piece = self.open.pop()
        if name and name != tag:
            place = len(self.source[:begin].encode())
            raise self.fail(
                f'Unmatched end tag at byte offset {place}, expected "</{tag}>", found "</{name}>"'
            )
        if self.length > start:
            entity = self.entity(tag, attributes, "".join(self.plain[piece:]))
            if entity:
                self.found.append(
                    {"offset": start, "length": self.length - start, "type": STYLES[tag], **entity}
                )

    def entity(self, tag: str, attributes: dict[str, str], inside: str) -> Entity | None:
        if tag == "a":
            url = attributes.get("href") or inside
            if match := USER_LINK.match(url):
                return {"type": "text_mention", "user": {"id": int(match[1])}}
            match = LINK.fullmatch(url.strip())
            if match is None:  # a link that leads nowhere is plain text
                return None
            return {"url": f"{match['scheme'] or 'http://'}{match['host']}{match['rest'] or '/'}"}
        if tag == "blockquote" and "expandable" in attributes:
            return {"type": "expandable_blockquote"}
        if tag == "tg-emoji":
            return {"custom_emoji_id": attributes.get("emoji-id", "")}
        if tag == "code" and self.open and self.open[-1][0] == "pre":
            language = attributes.get("class", "").removeprefix("language-")
            self.open[-1][1]["language"] = language
            return None
        if tag == "pre" and attributes.get("language"):
            return {"language": attributes["language"]}
        return {"type": STYLES[tag]}


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """Read a text that was formatted with Telegram's HTML.

    Raises:
        ApiError: `can't parse entities`, in Telegram's words.
    """
    if "<" not in source:
        return decode(source), []
    text, entities = _Reader(source).read()
    return text, ordered(entities)
