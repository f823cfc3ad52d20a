"""Formatted text: offsets in UTF-16, errors in Telegram's words, HTML that is safe to show."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.entities import find, to_html, trim, utf16_length
from sandbox.errors import ApiError
from sandbox.html_reader import parse_html


def piece(text: str, entity: dict[str, int]) -> str:
    wide = text.encode("utf-16-le")
    start = 2 * entity["offset"]
    return wide[start : start + 2 * entity["length"]].decode("utf-16-le")


def test_every_tag_becomes_its_entity() -> None:
    tags = {
        "b": "bold",
        "strong": "bold",
        "i": "italic",
        "em": "italic",
        "u": "underline",
        "ins": "underline",
        "s": "strikethrough",
        "strike": "strikethrough",
        "del": "strikethrough",
        "code": "code",
        "pre": "pre",
        "blockquote": "blockquote",
        "tg-spoiler": "spoiler",
    }
    for tag, kind in tags.items():
        expected = [{"offset": 1, "length": 2, "type": kind}]
        assert parse_html(f"a<{tag}>bc</{tag}>d") == ("abcd", expected)


def test_offsets_count_utf16_code_units() -> None:
    text, entities = parse_html("👩‍👧 王<b>👍好</b>.")
    assert text == "👩‍👧 王👍好."
    assert entities == [{"offset": 7, "length": 3, "type": "bold"}]
    assert piece(text, entities[0]) == "👍好"


def test_attributes_say_more() -> None:
    assert parse_html('<a href="https://example.org/?a=1&amp;b=2">x</a>')[1] == [
        {"offset": 0, "length": 1, "type": "text_link", "url": "https://example.org/?a=1&b=2"}
    ]
    assert parse_html('<span class="tg-spoiler">x</span>')[1][0]["type"] == "spoiler"
    expandable = parse_html("<blockquote expandable>x</blockquote>")[1][0]
    assert expandable["type"] == "expandable_blockquote"
    assert parse_html('<pre><code class="language-python">x</code></pre>')[1] == [
        {"offset": 0, "length": 1, "type": "pre", "language": "python"}
    ]
    assert parse_html('<a href="example.org">x</a>')[1][0]["url"] == "http://example.org/"
    assert parse_html('<a href="nowhere">x</a>') == ("x", [])
    mention = parse_html('<a href="tg://user?id=17">Ana</a>')[1][0]
    assert (mention["type"], mention["user"]) == ("text_mention", {"id": 17})


def test_outer_entities_come_first_and_code_holds_none() -> None:
    assert [entity["type"] for entity in parse_html("<b><i>a</i>b</b>")[1]] == ["bold", "italic"]
    assert [entity["type"] for entity in parse_html("<code>a<b>b</b></code>")[1]] == ["code"]


def test_references_that_telegram_knows_are_replaced() -> None:
    assert parse_html("&lt;&gt;&amp;&quot;&#65;&#x42;&nbsp;&laquo;")[0] == '<>&"AB&nbsp;&laquo;'


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("好<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("好<div>x</div>", 'Unsupported start tag "div" at byte offset 3'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("好</b>", "Unexpected end tag at byte offset 3"),
        (
            "<b>x</i>",
            'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"',
        ),
        ("x<b", "Unclosed start tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ('<a href="x>y</a>', "Unclosed start tag at byte offset 0"),
        (
            '<span class="red">x</span>',
            'Tag "span" must have class "tg-spoiler" at byte offset 0',
        ),
    ],
)
def test_broken_html_is_refused_in_telegrams_words(source: str, error: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_html(source)
    assert refused.value.description == f"Bad Request: can't parse entities: {error}"


def test_blanks_around_a_text_are_cut_and_entities_move_along() -> None:
    text, entities = trim(*parse_html("\n a <b>b </b>\n"))
    assert text == "a b"
    assert entities == [{"offset": 2, "length": 1, "type": "bold"}]


def test_commands_links_and_mentions_are_found() -> None:
    text = "👍 /today https://example.org/a?b=1. @allclear_bot #well me@example.org 1/2"
    found = {piece(text, entity): entity["type"] for entity in find(text, [])}
    assert found == {
        "/today": "bot_command",
        "https://example.org/a?b=1": "url",
        "@allclear_bot": "mention",
        "#well": "hashtag",
        "me@example.org": "email",
    }


def test_shown_html_is_safe() -> None:
    text, entities = parse_html(
        '<b>a &lt;script&gt;</b> <a href="javascript:alert(1.0)">x</a>'
        '<a href="https://example.org/&quot;onclick=&quot;x">y</a>'
    )
    shown = to_html(text, entities)
    assert "<script" not in shown
    assert "javascript:" not in shown
    assert '"onclick="' not in shown
    assert shown.startswith("<b>a &lt;script&gt;</b> x<a href=")


def test_shown_html_keeps_the_nesting() -> None:
    text, entities = parse_html("<b>👍 <i>a</i></b>\nb <u>c</u>")
    assert to_html(text, entities) == "<b>👍 <i>a</i></b>\nb <u>c</u>"


WORDS = st.text(alphabet=st.sampled_from(list("ab 好👍<>&\"'/#@")), max_size=12)
TREES = st.recursive(
    WORDS.map(lambda text: text.replace("&", "&amp;").replace("<", "&lt;")),
    lambda inner: st.tuples(
        st.sampled_from(["b", "i", "u", "s", "code", "tg-spoiler"]), st.lists(inner, max_size=3)
    ).map(lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"),
    max_leaves=8,
)


@settings(deadline=None)
@given(TREES)
def test_what_is_written_well_is_read_well(source: str) -> None:
    text, entities = parse_html(source)
    total = utf16_length(text)
    for entity in entities:
        assert 0 <= entity["offset"] < entity["offset"] + entity["length"] <= total
    shown = to_html(text, entities)
    assert shown.count("<") == 2 * shown.count("</")


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from(list("<>/ab=\"' &;#1xspan")), max_size=30))
def test_anything_else_is_read_or_refused(source: str) -> None:
    with suppress(ApiError):
        assert len(parse_html(source)[0]) <= len(source)
