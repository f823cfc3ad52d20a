"""Whatever people do, in whatever order: nobody's word is lost, and everybody has a way on.

`make soak` walks for longer; `ALLCLEAR_SEED=12345` walks one walk again.
"""

import os

import pytest

from tests.play import Stage
from tests.random_people import Walk

SOAK = bool(os.environ.get("ALLCLEAR_SOAK"))
SEEDS = [int(s) for s in os.environ.get("ALLCLEAR_SEED", "").split()] or (
    list(range(1, 13)) if SOAK else [1]
)
STEPS = int(os.environ.get("ALLCLEAR_STEPS") or (1500 if SOAK else 60))

# What a long walk has met at least once, or it says little; one of them may be left to the others.
EVER = frozenset(
    {"accepted", "unchanged", "raised", "correction_asked", "undone", "late", "too_late"}
    | {"released", "flag_kept", "excused", "signed"}
)


@pytest.mark.postgresql_only
async def test_a_short_walk_on_postgresql(stage: Stage) -> None:
    walk = Walk(stage, 3, language="en")
    await walk.begin()
    for _ in range(30):
        await walk.step()


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_people_do_the_morning_stands_as_a_plain_account_has_it(
    stage: Stage, seed: int
) -> None:
    walk = Walk(stage, seed, language="zh" if seed % 2 else "en")
    await walk.begin()
    for _ in range(STEPS):
        await walk.step()
    if STEPS >= 1000:
        missing = EVER - walk.acts.keys()
        assert len(missing) <= 1, f"seed {seed}: in {STEPS} steps nobody ever had it {missing}"
