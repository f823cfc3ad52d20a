"""A full disk: nothing is sent that could not be marked, it is said, and it goes on by itself."""

from pathlib import Path

import pytest

from bot.sender import WINDOW
from tests.chaos import trials
from tests.chaos.nursery import Nursery
from tests.chaos.school import Form, a_school

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("process")]


async def test_a_full_disk_stops_the_sending_is_said_and_loses_nothing(
    tmp_path: Path, nursery: Nursery
) -> None:
    form = Form("short", families=120, kills=1, tapping=0.3, cold_every=1000)
    async with a_school(tmp_path, form, seed=2, nursery=nursery) as school:
        outcome = await trials.disk_full(school, trials.FullForOne(school.houses[0]), longest=2)
        assert outcome.account.holds(WINDOW), (outcome.account, school.tail())
        assert outcome.account.taps > 10
