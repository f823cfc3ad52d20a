"""Whatever comes in, however often and in any order: what is right stands as if it came once.

Two schools start as copies of each other. One hears each right update once; the other hears the
same among as many wrong ones, shuffled between chats, and each of them ten times over. Then they
are compared. `make soak` does this with a hundred thousand of each, half through each library.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import shutil
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic, process_time
from typing import Any

import pytest
import structlog
from sqlalchemy import update
from sqlmodel import col, select

from bot.listener import FloodGuard, Gatherer, Poller
from bot.render_household import household
from bot.texts import texts
from bot.transports import BotTransport
from checkin.access import Role
from handlers.inbox import Handled, Inbox
from handlers.rounds import heartbeat
from handlers.router import Router
from handlers.views import household_view
from handlers.wards import load_households
from storage.database import Database
from storage.sql import affected, table
from storage.tables import Card, CheckIn, Contact, HistoryEntry, Ledger, Quarantined, Received
from tests.bot import updates
from tests.bot.updates import Raw
from tests.builders import a_school, at
from tests.libraries import a_transport
from tests.random_people import COMMANDS, WORDS

SOAK = bool(os.environ.get("ALLCLEAR_SOAK"))
TIMES = 10  # each update comes so often
MOST_GROWTH = 50  # MB
# What may be logged beside what is set aside; in the long form the others' only teacher blocks us.
UNHEARD = {"update without an id"} | ({"flag unheard"} if SOAK else set())
SEED = int(os.environ.get("ALLCLEAR_SEED", "").partition(" ")[0] or 1)


@dataclass
class Feed:
    """A library's transport of which only the reading is asked: what comes is laid into it."""

    real: BotTransport
    batches: deque[list[Raw]] = field(default_factory=deque)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def fetch(self, _offset: int | None, _wait: float) -> list[Raw]:
        return self.batches.popleft() if self.batches else []


class House:
    """A school's ear: the real listener, the real inbox and handlers, a database of its own."""

    def __init__(self, database: Database, transport: BotTransport, way: str) -> None:
        self.database = database
        self.transport = transport
        self.toasts: Counter[str] = Counter()
        self.answers = 0
        self._seconds = 0.0
        self._feed: Any = Feed(transport)
        inbox = Inbox(database, lambda: at("07:00"), Router())
        guard = FloodGuard(self._later)
        self._poller = Poller(self._feed, inbox, self._handled, guard=guard)
        self._gatherer = Gatherer(self._feed, inbox, self._handled)
        self._gatherer._guard = guard
        self._way = way

    def _later(self) -> float:
        self._seconds += 1  # nobody is too quick here: that is another test's
        return self._seconds

    def _handled(self, handled: Handled) -> None:
        self.answers += handled.answers
        for toast in handled.toasts:
            self.toasts[f"{toast.callback_id} {toast.key}"] += 1

    async def hears(self, bodies: Sequence[str]) -> None:
        """Take in updates as they come over the wire, a hundred at a time."""
        for start in range(0, len(bodies), 100):
            batch = [json.loads(body) for body in bodies[start : start + 100]]
            if self._way == "polling":
                self._feed.batches.append(batch)
                await self._poller.once(0)
            else:
                await asyncio.gather(*(self._gatherer.receive(raw) for raw in batch))


@dataclass
class People:
    """Who is in the school: those whose updates are right, and those whose are wrong."""

    families: list[int]  # by chat
    others: list[int]
    cards: int


async def _make(database: Database, families: int, others: int) -> People:
    """Open a school in which everybody has the card of the morning."""
    async with database.writing() as session:
        rows = await a_school(session)
        right = [rows.family(f"Child {n}", f"Guardian {n}")[1] for n in range(families)]
        rows.staff("Mr Wang", Role.class_teacher, rows.class_id)
        far = await rows.unit("class", "1-1")
        wrong = []
        for n in range(others):
            child = rows.student(f"Other {n}", unit=far)
            guardian = rows.guardian(f"Parent {n}", child)
            rows.consent(child, guardian)
            wrong.append(rows.contact(guardian))
        wrong.append(rows.staff("Ms Sun", Role.class_teacher, far)[1])
        chats = [contact.chat_id for contact in right], [contact.chat_id for contact in wrong]
    await heartbeat(database, lambda: at("06:30"))
    async with database.writing() as session:
        card, entry = table(Card), table(Ledger)
        await affected(
            session,
            update(card).values(message_id=card.c.id * 10, shown=card.c.revision),
        )
        await affected(session, update(entry).values(state="sent"))
        cards = len(list(await session.exec(select(Card.id))))
    assert cards > families
    strangers = [77_000_000 + n for n in range(5)]
    return People(chats[0], chats[1] + strangers, cards)


# ---- what people do ------------------------------------------------------------------------


class Town:
    """Draws what comes next: from what stands on people's cards, or from what stands nowhere."""

    def __init__(self, seed: int, people: People) -> None:
        self.random = Random(seed)
        self.people = people
        self.last: dict[int, Raw] = {}
        self.blocked: set[int] = set()
        self._next_id = 5000
        self._number = 0

    def numbered(self, content: Raw) -> tuple[int, str]:
        """Give an update its id; return it as it goes over the wire."""
        self._next_id += 1
        return self._next_id, json.dumps({"update_id": self._next_id, **content})

    async def right(self, database: Database) -> list[tuple[int, str]]:
        """Let each family do one thing that people do."""
        shown = await _buttons(database, self.people.families)
        made = []
        for chat in self.random.sample(self.people.families, len(self.people.families)):
            self._number += 1
            content = self._act(chat, *shown[chat])
            self.last[chat] = content
            made.append(self.numbered(content))
        return made

    def _act(self, chat: int, message_id: int, buttons: list[str]) -> Raw:
        chance, number = self.random.random(), self._number
        if chat in self.blocked:
            self.blocked.discard(chat)
            return updates.membership(chat, blocked=False)
        if chance < 0.70 and buttons:
            first = self.random.random() < 0.4
            data = buttons[0] if first else self.random.choice(buttons)
            return updates.tapped(chat, message_id, data, number)
        if chance < 0.76 and chat in self.last:
            return self.last[chat]  # the same again, as another update
        if chance < 0.88:
            return updates.written(chat, number, self.random.choice(WORDS))
        if chance < 0.94:
            return updates.written(chat, number, self.random.choice(FAMILY_COMMANDS))
        if chance < 0.98:
            return {"message": updates.message(chat, number, **self.random.choice(updates.MEDIA))}
        self.blocked.add(chat)
        return updates.membership(chat, blocked=True)

    def wrong(self) -> tuple[int, str]:
        """Let somebody send what is not as it should be."""
        random, self._number = self.random, self._number + 1
        chat, number, rows = random.choice(self.people.others), self._number, self.people.cards
        content = random.choice(
            (
                lambda: updates.tapped(chat, 10, updates.any_press(random, rows), number),
                lambda: updates.tapped(chat, 10, updates.any_press(random, rows), number),
                lambda: updates.written(chat, number, random.choice((*WORDS, *COMMANDS))),
                lambda: {"message": updates.message(chat, number, **random.choice(updates.MEDIA))},
                lambda: updates.membership(chat, blocked=random.random() < 0.5),
                lambda: {random.choice(updates.OTHER_KINDS): updates.message(chat, number)},
            )
        )()
        if random.random() < 0.9:
            content = updates.mutated(random, content, rows)
        update_id, body = self.numbered(content)
        if random.random() < 0.02:  # an id that is none
            bad = json.dumps(random.choice((None, "7", True, 2**70, -(2**63), [1], 1.5)))
            return 0, body.replace(str(update_id), bad, 1)
        return update_id, body


FAMILY_COMMANDS = (
    *("/today", "/today", "/when", "/pause tomorrow", "/pause end", "/help", "/language", "/why"),
    *("/start", "/start x", "/nonsense", "/class", "/plan", "/roster", "/summary", "/"),
)


async def _buttons(database: Database, chats: Sequence[int]) -> dict[int, tuple[int, list[str]]]:
    """Return what stands on the buttons of the families' cards, as it would be shown now."""
    found: dict[int, tuple[int, list[str]]] = {chat: (0, []) for chat in chats}
    words = texts("en")
    async with database.reading() as session:
        rows = await session.exec(
            select(Card, Contact)
            .join(Contact, col(Contact.id) == Card.contact_id)
            .where(Card.kind == "household", col(Contact.chat_id).in_(chats))
        )
        cards = list(rows.all())
        loaded = await load_households(session, cards, at("07:00"))
        for card, contact in cards:
            view = await household_view(session, card, contact, at("07:00"), loaded)
            shown = household(view, words)
            data = [button.data for row in shown.buttons for button in row if button.data]
            found[contact.chat_id] = (card.message_id or 0, data)
    return found


# ---- what stands ---------------------------------------------------------------------------

_SEALED = ("answers", "draft", "asked_for")
_NOT_SAID = {"id", "check_in_id", "at", "answered_at", "changed_at", "created_at", "presence_at"}


def _plain(row: Any, *leave: str) -> tuple[Any, ...]:
    values = row.model_dump(exclude={*_NOT_SAID, *leave, *_SEALED})
    opened = {
        name: sealed.read(row.subject_id)
        for name in _SEALED
        if (sealed := getattr(row, name, None)) is not None
    }
    return tuple(sorted((name, repr(value)) for name, value in (values | opened).items()))


async def what_stands(database: Database, chats: Sequence[int]) -> dict[str, Any]:
    """Return all that is kept of these families, and what their teachers are owed."""
    async with database.reading() as session:
        contacts = list(await session.exec(select(Contact).where(col(Contact.chat_id).in_(chats))))
        ids = {contact.id: contact.chat_id for contact in contacts}
        cards = await session.exec(select(Card).where(col(Card.contact_id).in_(ids)))
        owed = await session.exec(select(Ledger).where(col(Ledger.contact_id).in_(ids)))
        said: dict[int, list[Any]] = defaultdict(list)
        theirs = {person.person_id for person in contacts}
        for entry in await session.exec(select(HistoryEntry).order_by(col(HistoryEntry.id))):
            if entry.by in theirs:
                said[entry.subject_id].append(_plain(entry))
        checkins = {
            checkin.subject_id: _plain(checkin)
            for checkin in await session.exec(select(CheckIn))
            if checkin.subject_id in said
        }
        return {
            "contacts": {ids[c.id]: (c.state, c.language, c.window) for c in contacts},
            "cards": {(ids[c.contact_id], c.day, c.kind): (c.revision, c.focus) for c in cards},
            "owed": Counter((ids[e.contact_id], e.kind, e.cause) for e in owed),
            "said": dict(said),
            "checkins": checkins,
        }


def resident() -> float:
    """Return how much memory this process holds, in MB."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


class Logged:
    """Counts what is logged."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()

    def __call__(self, _logger: Any, level: str, entry: Any) -> Any:
        self.events[level, entry["event"]] += 1
        raise structlog.DropEvent


@dataclass
class Came:
    """What was drawn and heard, and what it took."""

    right: int = 0
    wrong: int = 0
    times: int = 0  # that anything was handed over
    ids: set[int] = field(default_factory=set)
    unreadable: set[int] = field(default_factory=set)
    growth: float = 0  # MB
    seconds: float = 0

    @property
    def told(self) -> str:
        return (
            f"{self.right} right and {self.wrong} wrong updates, handed over {self.times} times; "
            f"{len(self.unreadable)} set aside, {self.growth:.0f} MB, {self.seconds:.0f} s"
        )


async def _they_come(calm: House, storm: House, town: Town, rounds: int) -> Came:
    """Let one house hear what is right once, and the other everything, often and disordered."""
    came = Came()
    began, warm = monotonic(), 0.0
    later: dict[int, list[str]] = defaultdict(list)
    for place in range(rounds):
        if SOAK and place % 20 == 0:
            print(f"{place} of {rounds} after {process_time():.0f} s", flush=True)  # noqa: T201
        made = await town.right(calm.database)
        await calm.hears([body for _, body in made])
        noise = [town.wrong() for _ in made]
        came.right, came.wrong = came.right + len(made), came.wrong + len(noise)
        now = [body for _, body in (*made, *noise)]
        for body in now:
            for _ in range(TIMES - 1):
                later[place + town.random.randrange(4)].append(body)
        now += later.pop(place, [])
        town.random.shuffle(now)
        came.times += len(now)
        await storm.hears(now)
        known = {update_id: body for update_id, body in (*made, *noise) if update_id}
        came.ids |= known.keys()
        came.unreadable |= {n for n, body in known.items() if not _reads(storm.transport, body)}
        if place == rounds // 5:
            warm = resident()
    for bodies in later.values():
        came.times += len(bodies)
        await storm.hears(bodies)
    came.growth, came.seconds = resident() - warm, monotonic() - began
    return came


CASES = [("aiogram", "polling", 12, 12), ("ptb", "webhook", 12, 8)]
if SOAK:
    CASES = [("aiogram", "polling", 250, 200), ("ptb", "webhook", 250, 200)]


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("library", "way", "families", "rounds"), CASES)
async def test_what_is_right_stands_as_if_it_came_once_among_all_that_is_wrong(
    database: Database, tmp_path: Path, library: str, way: str, families: int, rounds: int
) -> None:
    logged = Logged()
    structlog.configure(processors=[logged], logger_factory=structlog.ReturnLoggerFactory())
    people = await _make(database, families, max(families // 4, 6))
    await database.engine.dispose()
    copy = tmp_path / "copy.sqlite3"
    shutil.copy(tmp_path / "school.sqlite3", copy)
    other = Database(f"sqlite:///{copy}", safe=False)
    transport = a_transport(library, "http://127.0.0.1:9")
    calm, storm = House(database, transport, way), House(other, transport, way)
    came = await _they_come(calm, storm, Town(SEED, people), rounds)

    stands = await what_stands(database, people.families)
    stood = await what_stands(other, people.families)
    for what, expected in stands.items():
        assert stood[what] == expected, what
    chats = tuple(f"{chat}-" for chat in people.families)
    heard = {t: n for t, n in storm.toasts.items() if t.startswith(chats)}
    assert heard == calm.toasts
    assert calm.answers > came.right / 20
    severities = {dict(values)["severity"] for values in stands["checkins"].values()}
    assert len(severities) > 1
    async with other.reading() as session:
        received = set(await session.exec(select(Received.update_id)))
        aside = list(await session.exec(select(Quarantined)))
    assert received == came.ids
    assert Counter(row.update_id for row in aside) == Counter(came.unreadable)
    assert all(row.reason.startswith("malformed") for row in aside)
    assert len(came.unreadable) > came.wrong / 20
    loud = {event for (level, event) in logged.events if level not in {"info", "debug"}}
    assert loud <= UNHEARD
    assert came.growth < MOST_GROWTH
    print(came.told)  # noqa: T201
    await other.close()
    await transport.close()


def _reads(transport: BotTransport, body: str) -> bool:
    try:
        transport.read(json.loads(body))
    except Exception:
        return False
    return True
