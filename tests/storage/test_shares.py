"""Several schools on one bot: each has its turn, and none waits behind a larger one."""

import random
from collections import Counter
from datetime import timedelta
from itertools import combinations

import pytest
from sqlmodel import select

from storage import ledger
from storage.database import Database, Session
from storage.tables import Ledger
from tests.builders import BOT, a_school
from tests.crowds import NOW, families, owe

WINDOW = 8


async def next_window(session: Session, n: int = WINDOW) -> list[int]:
    """Return whose messages go next."""
    claimed = await ledger.claim(session, BOT, "us", NOW, n)
    ids = [entry.id for entry in claimed]
    found = await session.exec(select(Ledger.school_id).where(Ledger.id.in_(ids)))  # type: ignore[attr-defined]
    return [school or 0 for school in found]


async def test_a_school_of_sixty_does_not_wait_for_one_of_three_hundred(
    database: Database,
) -> None:
    async with database.writing() as session:
        await a_school(session)
        await families(session, 1, 300)
        await families(session, 2, 60)
        assert await owe(session, 1) == 300
        assert await owe(session, 2) == 60
        sent = Counter[int]()
        for _ in range(15):
            sent.update(await next_window(session))
    assert sent == {1: 60, 2: 60}


async def test_who_comes_later_begins_where_the_others_are(database: Database) -> None:
    async with database.writing() as session:
        await a_school(session)
        await families(session, 1, 200)
        await families(session, 2, 100)
        await owe(session, 1)
        for _ in range(10):
            assert set(await next_window(session)) == {1}
        await owe(session, 2)
        sent = Counter[int]()
        for _ in range(10):
            sent.update(await next_window(session))
    assert abs(sent[1] - sent[2]) <= 1  # the eighty before give the newcomer no advantage


@pytest.mark.parametrize("seed", range(3))
async def test_shares_differ_by_at_most_a_window_whenever_schools_wait_side_by_side(
    database: Database, seed: int
) -> None:
    chance = random.Random(seed)
    schools = {school: chance.choice([3, 20, 60, 150]) for school in range(1, 5)}
    waiting = Counter[int]()
    sent: dict[tuple[int, int], Counter[int]] = {}
    async with database.writing() as session:
        await a_school(session)
        for school, size in schools.items():
            await families(session, school, size)
        for _ in range(90):
            if chance.random() < 0.2:
                school = chance.choice(list(schools))
                size = schools[school]
                first = chance.randrange(size)
                waiting[school] += await owe(session, school, first, chance.randrange(1, size))
            before = {school for school, n in waiting.items() if n}
            window = Counter(await next_window(session))
            assert window.total() == min(WINDOW, waiting.total())
            waiting -= window
            for pair in combinations(schools, 2):
                if not before.issuperset(pair):
                    sent[pair] = Counter()  # they were not side by side: no account between them
                    continue
                sent[pair] += Counter({school: window[school] for school in pair})
                if all(waiting[school] for school in pair):
                    one, other = pair
                    assert abs(sent[pair][one] - sent[pair][other]) <= WINDOW


async def test_what_waits_for_its_time_gives_no_newcomer_an_early_turn(database: Database) -> None:
    async with database.writing() as session:
        await a_school(session)
        await families(session, 1, 100)
        await families(session, 2, 50)
        await owe(session, 1)
        early = await ledger.claim(session, BOT, "us", NOW, WINDOW)
        later = NOW + timedelta(hours=1)  # Telegram said to wait
        marks = [ledger.Mark(entry.id, ledger.State.pending, not_before=later) for entry in early]
        for _ in range(5):
            await next_window(session)
        await ledger.mark(session, "us", marks)
        await owe(session, 2)
        sent = Counter[int]()
        for _ in range(5):
            sent.update(await next_window(session))
    assert abs(sent[1] - sent[2]) <= 1
