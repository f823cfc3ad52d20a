"""Processes around one PostgreSQL: one works for a bot, and when it is killed another does."""

import os
import random
from pathlib import Path
from time import monotonic

import pytest
from sqlmodel import select

from sandbox.limits import Limits
from sandbox.server import Sandbox
from storage.database import Database
from storage.sealing import Keyring, use_keyring
from storage.tables import CheckIn
from tests.chaos.nursery import Nursery
from tests.process.running import Installation, until
from tests.process.town import (
    SCHOOL,
    TOKEN,
    Phones,
    all_joined,
    families,
    noon_zone,
    set_ladder,
    write_roster,
)

AT_WORK_WITHIN = 5.0
SOAK = os.environ.get("ALLCLEAR_SOAK") == "1"


@pytest.mark.process
@pytest.mark.xdist_group("process")
async def test_another_process_goes_on_where_one_was_killed(
    postgresql_address: str, tmp_path: Path, nursery: Nursery
) -> None:
    chance = random.Random(3)
    town = families(60, chance)
    async with Sandbox(limits=Limits.none()) as sandbox:
        settings = {
            "TOKENS": TOKEN,
            "API_URL": sandbox.url,
            "DATABASE_URL": postgresql_address,
            "KEY_FILE": str(tmp_path / "keys"),
            "WEB_PORT": "0",
            "LOG_FORMAT": "json",
        }
        houses = []
        for name in ("first", "second", "clock"):
            (tmp_path / name).mkdir()
            houses.append(Installation(tmp_path / name, settings, nursery))
        first, second, clock = houses
        write_roster(tmp_path / "first" / "roster.csv", town)
        zone = noon_zone(sandbox.clock.now())
        await first.command("new-school", SCHOOL, "--zone", zone, "--language", "en")
        await first.command("import-roster", "roster.csv")
        use_keyring(Keyring.from_file(tmp_path / "keys"))
        database = Database(postgresql_address)
        try:
            await all_joined(database, sandbox, town)
            phones = Phones(sandbox, chance)
            await set_ladder(database, ask=-2, remind=60, close=90)
            await first.start("--roles", "listen,send", fate={})
            await until(lambda: held(first) == {"listen", "send"}, "the first at work")
            await second.start("--roles", "listen,send", fate={})
            await clock.start("--roles", "clock", fate={})
            await until(lambda: phones.sent() >= 20, "20 messages")
            assert held(second) == set()
            await first.kill()
            killed = monotonic()
            await until(lambda: held(second) == {"listen", "send"}, "the second at work")
            took = monotonic() - killed
            assert took < max(AT_WORK_WITHIN, first.start_costs), "slower than a start anew"
            await until(lambda: phones.sent() >= 45, "45 messages")
            if SOAK:  # those in flight at the kill wait for the ledger's lease
                await until(lambda: all(map(phones.card, town)), "everybody asked")
            family = next(family for family in town if phones.card(family))
            phones.tap_first(family)
            await until(lambda: not phones.queue.pending, "the tap taken")
            assert await second.end() == 0
            assert await clock.end() == 0
            async with database.reading() as session:
                kept = await session.exec(select(CheckIn).where(CheckIn.status == "complete"))
                assert kept.first() is not None
        except AssertionError:
            for house in houses:
                print(house.tail())  # noqa: T201 - pytest shows it beside the failure
            raise
        finally:
            for house in houses:
                await house.finally_gone()
            await database.close()


def held(house: Installation) -> set[str]:
    """Return which parts a process has taken by what it says itself."""
    return {line["part"] for line in house.logged() if line.get("event") == "lease taken"}
