"""An all-clear that is kept together with others leaves what it leaves when it is kept alone."""

import os
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from handlers.inbox import Arrival, Handled, Inbox
from handlers.messages import Command, Event, Tap, Words
from handlers.plain_answers import PlainAnswer, answer_plainly, says_all_clear
from handlers.presses import Press, Verb
from handlers.router import Router
from storage import contacts, inbox, people
from storage.database import Database, Session
from storage.sealing import Private
from storage.sql import affected, table
from storage.tables import (
    AuditEntry,
    Card,
    CheckIn,
    Contact,
    Correction,
    ExposureRow,
    Flag,
    HistoryEntry,
    Ledger,
    Quarantined,
    Received,
    Round,
)
from tests.play import BOT_ID, Stage

FAMILIES = ("Maria", "Carlos", "周敏", "Tina", "Oleg", "Ruth", "Paul", "何平", "Lena")
SCHOOL = ("Mr Wang", "Ms Sun", "许静")
COUNTED = {"id", "position", "chain"}  # what only says in which order rows were written
KEPT = (CheckIn, Card, Contact, HistoryEntry, Ledger, Flag, Received, AuditEntry, Correction)
NEVER = sys.maxsize
pytestmark = pytest.mark.sqlite_only  # a morning is copied as a file
SEEDS = 400 if os.environ.get("ALLCLEAR_SOAK") else 8


@pytest.fixture
async def morning(stage: Stage) -> Stage:
    """Half past six: every family has its card; Carlos, who is asked second, has opened his."""
    await stage.opens_boarding_school("en")
    everybody = {name: await stage.joined(name) for name in (*FAMILIES, *SCHOOL)}
    await stage.at("06:30")
    await stage.says(everybody["Carlos"], "/today")
    await stage.says(everybody["Mr Wang"], "/class")
    return stage


async def apart(stage: Stage, name: str) -> None:
    """Put a guardian's tie to the last of their children in split custody."""
    guardian = await stage.person_id(name)
    async with stage.database.writing() as session:
        ties = await people.ties_of(session, guardian)
        ties[-1].separate = True


@asynccontextmanager
async def a_copy(stage: Stage, path: Path) -> AsyncIterator[Database]:
    """The same morning once more."""
    source = sqlite3.connect(stage.database.url.removeprefix("sqlite+aiosqlite:///"))
    try:
        source.execute("VACUUM INTO ?", (str(path),))
    finally:
        source.close()
    database = Database(f"sqlite:///{path}", safe=False)
    try:
        yield database
    finally:
        await database.close()


async def cards_of(database: Database) -> list[tuple[Card, Contact]]:
    async with database.reading() as session:
        rows = await session.exec(
            select(Card, Contact).where(
                Card.contact_id == Contact.id, table(Card).c.message_id.is_not(None)
            )
        )
        return list(rows)


def said(rng: random.Random, cards: list[tuple[Card, Contact]], update_id: int) -> Event:
    """What somebody does at half past six: nearly all say that all is well."""
    homes = [each for each in cards if each[0].kind == "household"]
    card, contact = rng.choice(homes)
    about: dict[str, Any] = {
        "bot_id": BOT_ID,
        "update_id": update_id,
        "chat_id": contact.chat_id,
        "private": True,
    }
    kind = rng.choices(
        ["clear", "stale", "foreign", "open", "words", "today", "group", "nonsense"],
        [80, 3, 3, 5, 4, 2, 1, 2],
    )[0]
    revision = card.revision
    if kind == "stale":
        revision += rng.choice([-1, 1])
    elif kind == "foreign":
        about["chat_id"] = rng.choice(homes)[1].chat_id
    elif kind == "words":
        text = rng.choice(["Ana has a fever of 38.5", "all fine", "Ben coughs", "一切都好"])
        return Words(text=text, **about)
    elif kind == "today":
        return Command(name="today", **about)
    elif kind == "group":
        about["private"] = False
    data = Press(Verb.all_clear, card.id, revision).pack()
    if kind == "open":
        data = Press(Verb.open_subject, card.id, revision, (1,)).pack()
    elif kind == "nonsense":
        data = rng.choice(["a:", "a:zz:zz:zz", "a:ffffffffffffffffffffff:1", "a:1:1:1"])
    return Tap(data=data, callback_id=f"c{update_id}", message_id=card.message_id, **about)


async def handled(database: Database, stage: Stage, batch: list[Event], few: int) -> Handled:
    box = Inbox(database, stage.clock, Router(), plain_from=few)
    return await box.handle([Arrival(BOT_ID, event.update_id, {}, event) for event in batch])


async def rows_of(database: Database) -> dict[str, Counter[str]]:
    """Everything that is kept, opened, without the order in which it was written.

    Updates are kept by the database's own clock, which goes on: its moments are left out.
    """
    found: dict[str, Counter[str]] = {}
    async with database.reading() as session:
        for model in (*KEPT, ExposureRow, Quarantined):
            left_out = COUNTED | {"at"} if model is Received else COUNTED
            rows = await session.exec(select(*table(model).c))  # type: ignore[call-overload]
            found[model.__name__] = Counter(
                str({name: opened(row, name) for name in row._fields if name not in left_out})
                for row in rows
            )
    return found


def opened(row: Any, name: str) -> object:
    value = getattr(row, name)
    if not isinstance(value, Private):
        return value
    owner = row.contact_id if hasattr(row, "contact_id") else row.subject_id
    return value.read(owner)


async def kept_together(
    database: Database, stage: Stage, taps: list[Tap]
) -> dict[int, PlainAnswer]:
    async def keep(session: Session) -> dict[int, PlainAnswer]:
        done = await answer_plainly(session, taps, stage.now)
        await inbox.keep_received(session, BOT_ID, done)
        last = {answer.contact_id: update for update, answer in sorted(done.items())}
        await contacts.keep_last_updates(session, last, stage.now)
        return done

    return await database.write(keep)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_kept_together_or_alone_leaves_the_same(
    morning: Stage, tmp_path: Path, seed: int
) -> None:
    """After anything that may have happened before, in whatever order it comes.

    In every other morning Carlos knows of one of his children only what he said himself, and so
    Maria, who is in no split custody, may not know it.
    """
    rng = random.Random(seed)
    if seed % 2:
        await apart(morning, "Carlos")
    async with (
        a_copy(morning, tmp_path / "alone.sqlite3") as alone,
        a_copy(morning, tmp_path / "together.sqlite3") as together,
    ):
        cards = await cards_of(alone)
        before = [said(rng, cards, n) for n in range(rng.randint(0, 4))]
        for database in (alone, together):
            await handled(database, morning, before, NEVER)
        cards = await cards_of(alone)
        events = [said(rng, cards, 100 + n) for n in range(rng.randint(4, 25))]
        taps = [e for e in events if isinstance(e, Tap) and says_all_clear(e)]
        many = await kept_together(together, morning, taps)
        plain: list[Event] = [tap for tap in taps if tap.update_id in many]
        one = await handled(alone, morning, plain, NEVER)
        assert await rows_of(together) == await rows_of(alone)
        assert one.answers == sum(answer.answers for answer in many.values())
        assert one.toasts == [answer.toast for answer in many.values()]
        seen = {fresh.view.card_id: fresh for fresh in one.fresh}
        shown = {answer.fresh.view.card_id: answer.fresh for answer in many.values()}
        assert {card: shown[card] for card in seen} == seen


async def test_the_evenings_card_is_not_plain_until_the_morning_asks(
    morning: Stage,
) -> None:
    cards = await cards_of(morning.database)
    taps = [
        tap
        for n in range(200)
        if isinstance(tap := said(random.Random(n), cards, n), Tap) and says_all_clear(tap)
    ]
    async with morning.database.writing() as session:
        assert await answer_plainly(session, taps, morning.now)
        await session.rollback()
    async with morning.database.writing() as session:
        await affected(session, update(table(Round)).values(evening=True))
    assert await kept_together(morning.database, morning, taps) == {}


async def test_a_whole_class_that_is_well_is_shown_as_it_is(
    morning: Stage, tmp_path: Path
) -> None:
    """The cards that are edited from memory say what their rows say."""
    cards = [
        each
        for each in await cards_of(morning.database)
        if each[0].kind == "household" and each[1].chat_id in {501, 503, 504}
    ]
    batch: list[Event] = [
        Tap(
            bot_id=BOT_ID,
            update_id=n,
            chat_id=contact.chat_id,
            private=True,
            data=Press(Verb.all_clear, card.id, card.revision).pack(),
            callback_id=str(n),
            message_id=card.message_id,
        )
        for n, (card, contact) in enumerate(cards, 1)
    ]
    assert len(batch) == 3
    async with (
        a_copy(morning, tmp_path / "alone.sqlite3") as alone,
        a_copy(morning, tmp_path / "together.sqlite3") as together,
    ):
        one = await handled(alone, morning, batch, NEVER)
        many = await handled(together, morning, batch, 3)
    assert one.answers == many.answers == 4
    seen = {f.view.card_id: f for f in one.fresh}
    assert len(seen) == 3
    assert {f.view.card_id: f for f in many.fresh} == seen
