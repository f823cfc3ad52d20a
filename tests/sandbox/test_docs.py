"""docs/sandbox.md names everything there is."""

from pathlib import Path

import pytest

from sandbox import Faults
from sandbox.bot_api import OWN
from sandbox.chats_api import ChatsApi
from sandbox.controls_api import ControlsApi
from sandbox.methods import METHODS
from sandbox.world import World

DOCS = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
GET_TWINS = {"getMyName", "getMyDescription", "getMyShortDescription"}  # "and their `get`"


@pytest.mark.parametrize(
    "name", sorted({*OWN.values(), *(name for name, _ in METHODS.values())} - GET_TWINS)
)
def test_every_method_is_named(name: str) -> None:
    assert f"`{name}`" in DOCS


def test_every_knob_is_named() -> None:
    for knob in set(Faults().shown(0)) - {"seed"}:
        assert f"`{knob}`" in DOCS, knob


def test_every_address_is_named() -> None:
    world = World()
    routes = [*ChatsApi(world).routes(), *ControlsApi(world, lambda: None).routes()]
    for route in routes:
        path = route.path.partition("{")[0].rstrip("/")
        last = route.path.rpartition("}")[2]
        if path != "/sandbox/files":  # its addresses come ready in the messages
            assert path in DOCS, route.path
            assert last in DOCS, route.path
