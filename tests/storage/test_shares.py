"""Several schools on one bot: each has its turn, and none waits behind a larger one."""

import random
from collections import Counter
from datetime import timedelta
from itertools import combinations, count

import pytest
from sqlalchemy import insert
from sqlmodel import select

from storage import ledger
from storage.database import Database, Session
from storage.ids import new_id
from storage.ledger import Lane
from storage.sql import affected, table
from storage.tables import Card, Contact, Ledger
from tests.builders import BOT, MONDAY, SUNDAY_NIGHT, a_school

NOW = SUNDAY_NIGHT
WINDOW = 8
_numbers = count(1)


async def families(session: Session, school: int, n: int) -> None:
    """Give a school so many chats with a card; `about_id` says here whose they are."""
    contacts = [
        {"id": new_id(), "bot_id": BOT, "chat_id": next(_numbers), "state": "active",
         "window": "morning", "dialogue": {}, "created_at": NOW, "changed_at": NOW}
        for _ in range(n)
    ]  # fmt: skip
    cards = [
        {"bot_id": BOT, "contact_id": each["id"], "day": MONDAY, "kind": "household",
         "slot": "morning", "about_id": school, "revision": 1, "shown": 0, "focus": {}}
        for each in contacts
    ]  # fmt: skip
    await affected(session, insert(table(Contact)), contacts)
    await affected(session, insert(table(Card)), cards)


async def owe(session: Session, school: int, first: int = 0, n: int = 10**9) -> int:
    """Owe a school's chats, from one on, a message each."""
    cards = select(Card.id).where(Card.about_id == school).order_by(Card.id)  # type: ignore[arg-type]
    ids = list(await session.exec(cards.offset(first).limit(n)))
    return await ledger.owe_under(
        session,
        [table(Card).c.id.in_(ids)],
        "card",
        f"ask:{next(_numbers)}",
        NOW,
        school_id=school,
        lane=Lane.bulk,
        not_after=NOW + timedelta(hours=2),
    )


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
