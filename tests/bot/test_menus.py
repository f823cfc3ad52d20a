"""What a chat's menu shows is set in the end, and nobody tries for ever."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlmodel import select

from bot.menus import TRIES, Menus
from handlers.router import menu_of
from sandbox.faults import Faults
from storage.tables import Contact
from tests.bot.test_inbound import until
from tests.play import BOT_ID, Someone, Stage

SETTING = frozenset({"setmycommands"})


@pytest.fixture
async def menus(stage: Stage) -> AsyncIterator[Menus]:
    await stage.opens_school("en")
    stopping = asyncio.Event()
    menus = Menus(stage.database, stage.clock, {BOT_ID: stage.transport}, pause=0.001)
    running = asyncio.create_task(menus.run(stopping))
    yield menus
    stopping.set()
    await running


async def chat_of(stage: Stage, who: Someone) -> int:
    async with stage.database.reading() as session:
        found = await session.exec(select(Contact.id).where(Contact.chat_id == who.user_id))
        return found.one()


def tried(stage: Stage, *, well: bool) -> list[dict[str, Any]]:
    calls = stage.sandbox.world.journal.since(method="setMyCommands")
    return [call.params for call in calls if call.ok is well]


async def test_a_menu_that_telegram_did_not_take_is_set_once_it_does(
    stage: Stage, menus: Menus
) -> None:
    gu = await stage.joined("Gu")
    stage.sandbox.world.faults = Faults(rate_5xx_before=1, methods=SETTING)
    menus.owe([await chat_of(stage, gu)])
    await until(lambda: len(tried(stage, well=False)) >= 2, "refused twice")
    stage.sandbox.world.faults = None
    await until(lambda: len(tried(stage, well=True)) == 1, "set")
    [menu] = tried(stage, well=True)
    assert menu["scope"]["chat_id"] == gu.user_id
    assert "sending" in {command["command"] for command in menu["commands"]}


async def test_the_menu_of_everybody_is_set_in_each_language_though_one_failed_at_first(
    stage: Stage, menus: Menus
) -> None:
    stage.sandbox.world.faults = Faults(rate_429=1, retry_after=0, methods=SETTING)
    menus.owe_everyone(BOT_ID)
    await until(lambda: len(tried(stage, well=False)) >= 3, "refused")
    stage.sandbox.world.faults = None
    await until(lambda: len(tried(stage, well=True)) == 3, "set")
    assert {menu.get("language_code", "") for menu in tried(stage, well=True)} == {"", "en", "zh"}
    shown = [command["command"] for command in tried(stage, well=True)[0]["commands"]]
    assert shown == list(menu_of(frozenset(), known=True))


async def test_a_menu_that_cannot_be_set_is_left_in_the_end(stage: Stage, menus: Menus) -> None:
    tina = await stage.joined("Tina")
    stage.sandbox.world.faults = Faults(rate_5xx_before=1, methods=SETTING)
    menus.owe([await chat_of(stage, tina)])
    await until(lambda: not menus.owed, "given up")
    assert len(tried(stage, well=False)) == TRIES
