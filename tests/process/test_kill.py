"""Kill -9 in the middle of the morning: no answer is lost, nobody is asked twice beyond those in
flight, and the clock's steps are caught up or recorded as skipped.

The sandbox and the families live in this process, the bot in its own, and only HTTP between them.
Set ALLCLEAR_SOAK=1 for the long form: more families and kills at any moment.
"""

import asyncio
import os
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlmodel import col, select

from bot.sender import WINDOW
from sandbox.faults import Faults
from sandbox.limits import Limits
from sandbox.server import Sandbox
from storage.database import Database, Session
from storage.ledger import LEASE_SECONDS
from storage.sealing import Keyring, use_keyring
from storage.tables import (
    Card,
    CheckIn,
    Contact,
    HistoryEntry,
    Ledger,
    Occurrence,
    Quarantined,
    Received,
)
from tests.chaos.nursery import Nursery
from tests.process.running import PATIENCE, Installation, until
from tests.process.town import (
    SCHOOL,
    TOKEN,
    Family,
    Phones,
    all_joined,
    families,
    noon_zone,
    set_ladder,
    write_roster,
)

SOAK = os.environ.get("ALLCLEAR_SOAK") == "1"
FINAL = {"sent", "withdrawn", "moot"}
ENDS_WITHIN = 15.0  # half of what docs/operations gives a service manager, on a busy machine too


@dataclass
class Morning:
    """One morning of one school, with a bot that does not live long."""

    bot: Installation
    sandbox: Sandbox
    database: Database
    phones: Phones
    town: list[Family]
    chance: random.Random
    kills: int = 0
    answering: list[asyncio.Task[None]] = field(default_factory=list)
    late: Family | None = None  # tapped while the bot was being ended

    def families_answer(self, *, held_back: int) -> list[Family]:
        """Let everybody answer as they like; some of those with one tap wait to be told."""
        waiting = [each for each in self.town if each.habit == "one tap"][-held_back:]
        self.answering = [
            asyncio.create_task(self.phones.answers(family))
            for family in self.town
            if family not in waiting and family.habit != "silent"
        ]
        return waiting

    async def everybody_has_answered(self) -> None:
        await asyncio.wait_for(asyncio.gather(*self.answering), PATIENCE)

    async def kill(self) -> None:
        await self.bot.kill()
        self.kills += 1

    async def killed_at(self, sent: int) -> None:
        """Start the bot and kill it in the fan-out, once so many messages went out."""
        await self.bot.start(fate={})
        await until(lambda: self.phones.sent() >= sent, f"{sent} messages")
        await self.kill()

    async def ended(self) -> None:
        """End the bot as a service manager does."""
        began, owner = monotonic(), f"{self.bot.pid}-"
        assert await self.bot.end() == 0, self.bot.tail()
        assert monotonic() - began < ENDS_WITHIN
        in_flight = self.look("SELECT owner FROM ledger WHERE state = 'sending'")
        assert not [each for each in in_flight if each.startswith(owner)]

    def look(self, question: str) -> list[Any]:
        """Ask the database file itself, beside the bot that writes it."""
        beside = sqlite3.connect(f"file:{self.database_file}?mode=ro", uri=True)
        try:
            return [row[0] for row in beside.execute(question)]
        finally:
            beside.close()

    @property
    def database_file(self) -> Path:
        return self.bot.folder / "school.sqlite3"

    def has_answered(self, family: Family) -> bool:
        answered = self.look("SELECT subject_id FROM check_in WHERE status = 'complete'")
        return set(family.child_ids) <= set(answered)

    async def comes_to_rest(self) -> None:
        """Wait until nothing is owed, taken back or behind: leases have to run out for that."""
        owed = "SELECT state FROM ledger WHERE state IN ('pending', 'sending', 'unknown')"
        behind = "SELECT id FROM card WHERE shown < revision AND kind = 'household'"
        await until(
            lambda: not self.phones.queue.pending and not self.look(owed) + self.look(behind),
            "the bot at rest",
            within=LEASE_SECONDS + PATIENCE,
            every=0.1,
        )


@asynccontextmanager
async def a_morning(
    folder: Path,
    count: int,
    seed: int,
    library: str = "aiogram",
    nursery: Nursery | None = None,
) -> AsyncIterator[Morning]:
    """A school made by the command line, whose families have joined; nobody is asked yet."""
    chance = random.Random(seed)
    town = families(count, chance)
    async with Sandbox(limits=Limits.none()) as sandbox:
        bot = Installation(
            folder,
            {
                "TOKENS": TOKEN,
                "API_URL": sandbox.url,
                "DATABASE_URL": f"sqlite:///{folder / 'school.sqlite3'}",
                "KEY_FILE": str(folder / "keys"),
                "WEB_PORT": "0",
                "LOG_FORMAT": "json",
                "TRANSPORT": library,
            },
            nursery,
        )
        write_roster(folder / "roster.csv", town)
        zone = noon_zone(sandbox.clock.now())
        await bot.command("new-school", SCHOOL, "--zone", zone, "--language", "en")
        await bot.command("import-roster", "roster.csv")
        use_keyring(Keyring.from_file(folder / "keys"))
        database = Database(f"sqlite:///{folder / 'school.sqlite3'}")
        try:
            await all_joined(database, sandbox, town)
            phones = Phones(sandbox, chance)
            morning = Morning(bot, sandbox, database, phones, town, chance)
            yield morning
            for task in morning.answering:
                task.cancel()
            await asyncio.gather(*morning.answering, return_exceptions=True)
        except AssertionError:
            print(bot.tail())  # noqa: T201 - pytest shows it beside the failure
            raise
        finally:
            await bot.finally_gone()
            await database.close()


@pytest.mark.process
@pytest.mark.xdist_group("process")
@pytest.mark.skipif(SOAK, reason="the long form below says the same of more")
async def test_a_killed_bot_loses_no_answer_and_asks_nobody_twice(
    tmp_path: Path, nursery: Nursery
) -> None:
    async with a_morning(tmp_path, 120, seed=20260302, nursery=nursery) as morning:
        phones = morning.phones
        await set_ladder(morning.database, ask=-2, remind=60, close=90)
        held_back = morning.families_answer(held_back=16)

        # The ask's time was before the first start: it is caught up, and killed in the middle.
        await morning.killed_at(sent=morning.chance.randrange(20, 40))

        # Killed with taps just offered: some not fetched, one committed and not yet answered.
        morning.sandbox.world.faults = slow_toasts()
        await morning.bot.start(fate={})
        await until(lambda: phones.sent() >= 60, "60 messages")
        rush = [family for family in held_back if phones.card(family)][:8]
        rush = rush or [next(f for f in morning.town if phones.card(f) and not f.updates)]
        taps = {family.guardian: phones.tap_first(family) for family in rush}
        await until(lambda: any(map(morning.has_answered, rush)), "the first of them kept")
        await morning.kill()
        assert not any(tap.given for tap in taps.values()), "answered before the kill"
        morning.sandbox.world.faults = None

        # Ended politely in what is left of the fan-out, with taps just offered.
        await morning.bot.start(fate={})
        await until(lambda: phones.sent() >= 90, "90 messages")
        for family in held_back:
            if phones.card(family) and not family.updates:
                phones.tap_first(family)
        await morning.ended()

        # Down over the reminder and the close: one is skipped, the other caught up.
        await set_ladder(morning.database, ask=-4, remind=-3, close=-2)
        await morning.bot.start()
        await morning.everybody_has_answered()
        for family in held_back:
            if not family.updates:
                await until(lambda f=family: bool(phones.card(f)), "asked, late")
                phones.tap_first(family)
        await morning.comes_to_rest()

        # Taps that are offered while it ends wait for the next start.
        morning.late = next(family for family in morning.town if family.habit == "silent")
        phones.tap_first(morning.late)
        await morning.ended()
        await everything_is_as_it_was_said(morning)


@pytest.mark.process
@pytest.mark.skipif(not SOAK, reason="the long form: ALLCLEAR_SOAK=1")
@pytest.mark.parametrize(("seed", "library"), [(0, "aiogram"), (1, "ptb"), (2, "aiogram")])
async def test_killed_at_any_moment_all_morning_long(
    tmp_path: Path, seed: int, library: str
) -> None:
    async with a_morning(tmp_path, 400, seed, library) as morning:
        await set_ladder(morning.database, ask=-2, remind=60, close=90)
        morning.families_answer(held_back=0)
        journal = morning.phones.world.journal
        while morning.kills < 12:
            calls = journal.last
            await morning.bot.start()
            await a_random_moment(morning)
            if morning.chance.random() < 0.2:
                # Others may be of the one before, killed with them on the wire.
                await until(lambda n=calls: journal.since(n, method="getMe"), "its first call")
                await morning.ended()
            else:
                await morning.kill()
        await morning.bot.start()
        await morning.everybody_has_answered()
        await morning.comes_to_rest()
        await morning.kill()
        await set_ladder(morning.database, ask=-4, remind=-3, close=-2)
        await morning.bot.start()
        closed = "SELECT id FROM round WHERE closed_at IS NOT NULL"
        await until(lambda: bool(morning.look(closed)), "closed")
        await morning.comes_to_rest()
        await morning.ended()
        await everything_is_as_it_was_said(morning)


async def a_random_moment(morning: Morning) -> None:
    """Wait for something that may happen at any time of a bot's life, then a little more."""
    chance, phones, journal = morning.chance, morning.phones, morning.phones.world.journal
    calls = journal.last
    match chance.choice(["waking up", "sending", "listening", "answering"]):
        case "waking up":
            await until(lambda: journal.last > calls, "its first call")
        case "sending":
            sent = phones.sent() + chance.randrange(1, 60)
            await until(lambda: phones.sent() >= sent or _quiet(morning), "more sent")
        case "listening":
            offered = len(phones.offered) + chance.randrange(1, 20)
            await until(lambda: len(phones.offered) >= offered or _quiet(morning), "more taps")
        case "answering":
            answers = "answerCallbackQuery"
            more = len(journal.since(method=answers)) + chance.randrange(1, 20)
            await until(
                lambda: len(journal.since(method=answers)) >= more or _quiet(morning),
                "more taps answered",
            )
    await asyncio.sleep(chance.choice([0, 0, chance.uniform(0, 0.05), chance.uniform(0, 1)]))


def _quiet(morning: Morning) -> bool:
    """Say whether nothing more will come by itself: all are asked and have answered."""
    return all(task.done() for task in morning.answering)


def slow_toasts() -> Faults:
    return Faults(slow_ms=20_000, methods=frozenset({"answercallbackquery"}))


# ---- what must hold ------------------------------------------------------------------------


async def everything_is_as_it_was_said(morning: Morning) -> None:
    """Compare the database with what the families did and what the service saw."""
    async with morning.database.reading() as session:
        await no_answer_is_lost(session, morning)
        await nobody_is_asked_twice(session, morning)
        await no_card_is_stale(session, morning)
    await the_clock_kept_its_book(morning)
    broken = [line for line in morning.bot.logged() if line.get("level") in {"error", "critical"}]
    assert not broken


async def no_answer_is_lost(session: Session, morning: Morning) -> None:
    received = Counter(await session.exec(select(Received.update_id)))
    offered = Counter(morning.phones.offered)
    assert received <= offered
    assert set(offered - received) <= set(morning.phones.queue.pending), "taken and lost"
    assert not list(await session.exec(select(Quarantined.update_id)))
    checkins = {row.subject_id: row for row in await session.exec(select(CheckIn))}
    history = Counter(await session.exec(select(HistoryEntry.subject_id)))
    for family in morning.town:
        untaken = not received.keys() & family.updates
        for child in family.child_ids:
            row = checkins[child]
            if untaken:
                assert (row.status, history[child]) == ("no_response", 0), family
                continue
            assert (row.status, history[child]) == ("complete", 1), family
            assert row.respondent_id == family.person_id
            assert (row.severity > 0) == (family.habit == "ill"), family
        assert untaken == (not family.updates) or family is morning.late, family
    assert len(checkins) == sum(len(family.children) for family in morning.town)


async def nobody_is_asked_twice(session: Session, morning: Morning) -> None:
    sends = morning.phones.sends()
    delivered = {
        call.result["message_id"]
        for call in morning.phones.world.journal.since(method="sendMessage")
        if call.ok
    }
    asks: Counter[int] = Counter()
    owed: Counter[int] = Counter()
    again: Counter[int] = Counter()
    rows = await session.exec(
        select(Ledger, Contact.chat_id).join(Contact, col(Contact.id) == Ledger.contact_id)
    )
    for entry, chat_id in rows:
        assert entry.state in FINAL, (entry.state, entry.cause, entry.error)
        asks[chat_id] += entry.cause.startswith("ask:")
        if entry.state != "moot":
            assert entry.message_id in delivered
            owed[chat_id] += 1
        again[chat_id] += entry.attempts - 1
    for family in morning.town:
        assert asks[family.user_id] == 1, family
    doubled = {
        chat: sends[chat] - owed[chat] for chat in sends | owed if sends[chat] != owed[chat]
    }
    assert all(0 < times <= again[chat] for chat, times in doubled.items()), (doubled, again)
    assert sum(doubled.values()) <= WINDOW * morning.kills, doubled


async def no_card_is_stale(session: Session, morning: Morning) -> None:
    behind = await session.exec(
        select(Contact.person_id)
        .join(Card, col(Card.contact_id) == Contact.id)
        .where(Card.shown < Card.revision, Card.kind == "household")
    )
    late = morning.late.person_id if morning.late else None
    assert set(behind) <= {late}
    for family in morning.town:
        labels = [button["text"] for row in morning.phones.buttons(family) for button in row]
        if family is not morning.late:
            assert ("Change" in labels) == morning.has_answered(family), (family, labels)


async def the_clock_kept_its_book(morning: Morning) -> None:
    async with morning.database.reading() as session:
        rows = list(await session.exec(select(Occurrence)))
    decided = {row.step: (row.state, row.reason) for row in rows}
    assert len(rows) == len(decided)
    assert decided == {
        "ask": ("done", None),
        "remind": ("skipped", "missed"),
        "close": ("done", None),
    }
