"""A short piece of what `python -m tests.chaos` does at length: nothing lost, little twice."""

from pathlib import Path

import pytest
from sqlmodel import select

from bot.sender import WINDOW
from storage.tables import Card
from tests.chaos.account import drawn_up
from tests.chaos.fan_out import fan_out
from tests.chaos.nursery import Nursery
from tests.chaos.points import EVERY
from tests.chaos.school import Form, a_school

SHORT = tuple(name for name in EVERY if not name.startswith(("withdraw", "lease", "recovery")))
pytestmark = [pytest.mark.process, pytest.mark.xdist_group("process")]


async def test_killed_at_named_points_it_loses_nothing_and_doubles_no_more_than_is_in_flight(
    tmp_path: Path, nursery: Nursery
) -> None:
    form = Form("short", families=64, kills=12, tapping=0.5, cold_every=1000)
    async with a_school(tmp_path, form, seed=4, nursery=nursery) as school:
        outcome = await fan_out(school, named=SHORT)
        account = outcome.account
        assert account.holds(WINDOW), (account, school.tail())
        assert account.expected == account.ok + account.recovered + account.duplicated == 64
        assert account.taps > 10
        assert outcome.kills >= 12
        async with school.database.writing() as session:
            card = (await session.exec(select(Card).where(Card.kind == "household"))).first()
            assert card is not None
            card.revision = card.shown = card.revision + 1  # as a lost edit would leave it
        account = await drawn_up(school, [])
        assert account.stale == 1
        assert not account.holds(10_000)
