"""Whatever a bot sends, it gets a result or a refusal."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Limits
from sandbox.errors import ApiError
from sandbox.methods import METHODS
from sandbox.params import Params, Upload
from sandbox.world import World
from tests.sandbox.conftest import TOKEN, a_picture

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.sampled_from([0.5, float("inf"), float("nan"), 5_000_000_001, "", "x", "<b>", "html", []]),
)


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(values), LEAVES, st.dictionaries(st.just("url"), LEAVES))


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.fixed_dictionaries({}, optional=fields), LEAVES)


def some(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(inner, max_size=3), LEAVES)


ENTITY = record(
    type=one_of("bold", "pre", "text_link", "text_mention"),
    offset=LEAVES,
    length=LEAVES,
    url=LEAVES,
    user=record(id=LEAVES),
)
PAGE = record(url=one_of("https://example.org/"))
BUTTON = record(
    text=one_of("A"),
    callback_data=one_of("a"),
    url=one_of("https://example.org/", "http://[", "x"),
    web_app=PAGE,
    copy_text=record(text=LEAVES),
    style=one_of("danger"),
)
CALL = {
    "chat_id": one_of(5_000_000_001),
    "text": one_of("hello /today", "<b>x</b>"),
    "caption": one_of("x"),
    "parse_mode": one_of("HTML"),
    "entities": some(ENTITY),
    "caption_entities": some(ENTITY),
    "reply_markup": record(inline_keyboard=some(some(BUTTON)), keyboard=LEAVES),
    "reply_parameters": record(message_id=LEAVES, allow_sending_without_reply=LEAVES),
    "link_preview_options": record(is_disabled=LEAVES),
    "photo": one_of("attach://photo", "attach://none", "http://x"),
    "document": one_of("attach://photo"),
    "media": record(type=one_of("photo"), media=one_of("attach://photo"), caption=LEAVES),
    "message_id": one_of(2),
    "message_ids": some(LEAVES),
    "scope": record(type=one_of("chat", "chat_member", "default"), chat_id=LEAVES, user_id=LEAVES),
    "commands": some(record(command=one_of("today"), description=one_of("x"))),
    "menu_button": record(type=one_of("web_app", "commands"), text=LEAVES, web_app=PAGE),
    "language_code": one_of("zh"),
    "file_id": LEAVES,
    "callback_query_id": LEAVES,
    "action": one_of("typing"),
    "name": LEAVES,
}


def a_world() -> World:
    world = World(limits=Limits.none())
    world.add_bot(TOKEN)
    maria = world.add_user("Maria")
    world.start(maria.id, "")
    params = Params()
    params.update(chat_id=maria.id, text="Good day")
    METHODS["sendmessage"][1](world, world.bot(), params)
    return world


@pytest.mark.parametrize("method", METHODS)
def test_no_parameter_breaks_a_method(method: str) -> None:
    world = a_world()
    bot = world.bot()

    @settings(deadline=None, max_examples=40)
    @given(st.fixed_dictionaries({}, optional=CALL), st.booleans())
    def check(wish: dict[str, Any], as_form: bool) -> None:
        params = Params()
        params.uploads["photo"] = Upload("a.png", "image/png", a_picture())
        try:
            for key, value in {"chat_id": 5_000_000_001, "text": "x", **wish}.items():
                plain = isinstance(value, str) or not as_form
                params.put(key, value if plain else json.dumps(value))
            result = METHODS[method][1](world, bot, params)
        except ApiError as refused:
            json.dumps(refused.body())
        else:
            json.dumps(result)

    check()
