"""A school on a bad day: its families at their phones, its bot in one process or several."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import update

from benchmarks.town import BOT_ID, TOKEN, fill
from sandbox.faults import Faults
from sandbox.journal import Entry, Journal
from sandbox.limits import Limits
from sandbox.server import Sandbox
from storage import contacts
from storage.database import Database, Session
from storage.sealing import Keyring, use_keyring
from storage.sql import affected, table
from storage.tables import Ledger, Occurrence, Unit
from tests.chaos.nursery import Nursery
from tests.process.running import PATIENCE, Installation, until
from tests.process.town import noon_zone, set_ladder


@dataclass(frozen=True, slots=True)
class Form:
    """What a run is like: how large, on what, in how many processes, with which faults."""

    name: str
    families: int
    database: str = "sqlite"
    processes: int = 1
    kills: int = 0
    reminded: bool = False  # each family a second time, so that there are twice the messages
    tapping: float = 0.0  # the share of families who answer once they are asked
    webhook: bool = False
    rate: float = 28.0  # the default: eight in flight
    library: str = "aiogram"
    cold_every: int = 10  # so many lives, and one of them begins as the command does
    faults: Mapping[str, Any] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        return self.families * (2 if self.reminded else 1)


class Wire(Journal):
    """The service's journal, which says at once when a call was carried out, before its answer."""

    def __init__(self, cap: int) -> None:
        super().__init__(cap)
        self.heard: list[Callable[[Entry], None]] = []
        self.delivered = 0

    def add(self, *about: Any, **more: Any) -> None:
        super().add(*about, **more)
        entry = self.entries[-1]
        self.delivered += entry.method == "sendMessage" and entry.ok
        for listener in tuple(self.heard):
            listener(entry)


class Crowd:
    """The families: some tap the first button of the first message that they are sent."""

    def __init__(self, sandbox: Sandbox, chance: random.Random, share: float) -> None:
        self._world = sandbox.world
        self._chance = chance
        self.share = share
        self.offered: dict[int, int] = {}  # update and chat
        self.tapped: dict[int, int] = {}  # chat and message
        self.delay = 2.0

    def hears(self, entry: Entry) -> None:
        """Let whoever has just been asked answer in a moment, or not at all."""
        if entry.method == "sendMessage" and entry.ok:
            chat = int(entry.params["chat_id"])
            if chat not in self.tapped and self._chance.random() < self.share:
                self.tapped[chat] = int(entry.result["message_id"])
                wait = self._chance.uniform(0, self.delay)
                asyncio.get_running_loop().call_later(wait, self.tap, chat, self.tapped[chat])

    def tap_over(self, messages: Mapping[int, int], seconds: float) -> None:
        """Let these families tap, each at some moment of the next so many seconds."""
        loop = asyncio.get_running_loop()
        for chat, message_id in messages.items():
            loop.call_later(self._chance.uniform(0, seconds), self.tap, chat, message_id)

    def tap(self, chat: int, message_id: int) -> None:
        """Tap the first button of a message."""
        self.tapped[chat] = message_id
        message = self._world.chat(chat).messages[message_id]
        rows: list[list[dict[str, Any]]] = (message.markup or {}).get("inline_keyboard", [])
        tap = self._world.tap(chat, message_id, data=rows[0][0]["callback_data"])
        self.offered[tap.update_id] = chat


@dataclass
class School:
    """Everything of one run."""

    form: Form
    folder: Path
    address: str
    sandbox: Sandbox
    wire: Wire
    crowd: Crowd
    database: Database
    houses: list[Installation]
    chance: random.Random
    check: Callable[[], None] = lambda: None  # raises when a process has ended by itself

    async def asks(self) -> None:
        """Let the morning's ask be due."""
        await set_ladder(self.database, ask=-2, remind=60, close=90)

    async def reminds(self) -> None:
        """Let half an hour have passed since the ask, so that the reminder is due."""
        earlier = datetime.now(UTC) - timedelta(minutes=30)
        step, entry = table(Occurrence), table(Ledger)

        async def pass_by(session: Session) -> None:
            asked = update(step).where(step.c.step == "ask").values(decided_at=earlier)
            await affected(session, asked)
            came = update(entry).where(entry.c.sent_at.is_not(None)).values(sent_at=earlier)
            await affected(session, came)

        await self.database.write(pass_by)
        await set_ladder(self.database, ask=-30, remind=-1, close=90)

    async def unfinished(self) -> int:
        """Return how many messages are not done with, and how many cards are behind."""
        return await self._count(
            "SELECT (SELECT count(*) FROM ledger WHERE state IN "
            "('pending', 'sending', 'unknown', 'withdrawing')) + "
            "(SELECT count(*) FROM card WHERE shown < revision)"
        )

    async def has_owed(self, messages: int, taps: int = 0) -> None:
        """Wait until so many messages have been owed at all, and so many have tapped."""
        await self._comes_to_nothing(lambda: self._short_of(messages))
        await self.everybody_has_tapped(taps)

    async def everybody_is_asked(self, families: int | None = None) -> None:
        """Wait until the service has carried so many messages out, or one for each family."""
        wanted = families or self.form.families

        def sent() -> int:
            self.check()
            return self.wire.delivered

        await until(lambda: sent() >= wanted, f"{wanted} messages sent", every=0.05, moving=sent)

    async def everybody_has_tapped(self, families: int) -> None:
        """Wait until so many families have tapped; they do when they like."""
        await until(lambda: self._offered() >= families, "all have tapped", moving=self._offered)

    async def comes_to_rest(self) -> None:
        """Wait until nothing is owed or behind; a lease may have to run out for that."""

        async def left() -> int:
            return await self.unfinished() + len(self.sandbox.world.bots[BOT_ID].queue.pending)

        await self._comes_to_nothing(left)

    def _offered(self) -> int:
        return len(self.crowd.offered)

    async def _short_of(self, messages: int) -> int:
        return max(messages - await self._count("SELECT count(*) FROM ledger"), 0)

    async def _count(self, question: str) -> int:
        async with self.database.engine.connect() as connection:
            return int((await connection.exec_driver_sql(question)).scalar_one())

    async def _comes_to_nothing(self, count: Callable[[], Awaitable[int]]) -> None:
        """Wait for a number to be 0, as long as it moves at all."""
        seen, since = await count(), monotonic()
        while seen:
            await asyncio.sleep(0.25)
            self.check()
            if (now := await count()) != seen:
                seen, since = now, monotonic()
            assert monotonic() - since < PATIENCE, f"{seen} are left, and stay so"

    def tail(self) -> str:
        return "\n".join(house.tail()[-3000:] for house in self.houses)


async def _fill(address: str, families: int, zone: str) -> None:
    database = Database(address)
    try:
        await database.migrate()
        async with database.writing() as session:
            await contacts.know_bot(session, BOT_ID, "chaos_bot", datetime.now().astimezone())
        await fill(database, families)
        async with database.writing() as session:
            every = update(table(Unit)).where(table(Unit).c.kind == "school").values(zone=zone)
            await affected(session, every)
    finally:
        await database.close()


@asynccontextmanager
async def a_school(
    folder: Path,
    form: Form,
    seed: int,
    *,
    nursery: Nursery | None = None,
    postgresql: str = "",
    port: int = 0,
) -> AsyncIterator[School]:
    """A school whose families have all joined; nobody is asked yet and nothing runs."""
    chance = random.Random(seed)
    address = postgresql or f"sqlite:///{folder / 'school.sqlite3'}"
    limits = Limits.none()
    limits.webhook_last_retry = 5.0  # seconds: each kill is followed by a try
    limits.keep_taps = limits.keep_updates  # no tap may be excused by the service's forgetting it
    async with Sandbox(limits=limits, seed=seed) as sandbox:
        sandbox.world.journal = wire = Wire(2_000_000)
        keys = folder / "keys"
        use_keyring(Keyring.from_file(keys))
        await _fill(address, form.families, noon_zone(sandbox.clock.now()))
        sandbox.world.add_bot(TOKEN, "chaos_bot")
        for chat in range(1, form.families + 1):
            sandbox.world.add_user(f"Parent {chat}", id=chat)
            sandbox.world.start(chat, "")
        sandbox.world.bots[BOT_ID].queue.forget()  # they pressed Start long ago
        settings = {
            "TOKENS": TOKEN,
            "API_URL": sandbox.url,
            "DATABASE_URL": address,
            "KEY_FILE": str(keys),
            "WEB_PORT": str(port),
            "LOG_FORMAT": "json",
            "TRANSPORT": form.library,
            "BULK_RATE": str(form.rate),
        }
        if form.webhook:
            settings["PUBLIC_URL"] = f"http://127.0.0.1:{port}"
        houses = []
        for number in range(form.processes):
            (folder / f"process-{number}").mkdir()
            houses.append(Installation(folder / f"process-{number}", settings, nursery))
        crowd = Crowd(sandbox, chance, form.tapping)
        wire.heard.append(crowd.hears)
        if form.faults:
            sandbox.world.faults = Faults(seed=seed, **form.faults)
        database = Database(address)
        school = School(form, folder, address, sandbox, wire, crowd, database, houses, chance)
        try:
            yield school
        finally:
            for house in houses:
                await house.finally_gone()
            await database.close()
