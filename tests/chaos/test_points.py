"""The named points are where the product passes, and nobody is taken to be at one who is not."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import select

from sandbox.journal import Entry
from storage import ledger
from storage.database import Database
from storage.ledger import State
from storage.tables import Ledger
from tests.bot.test_sender import House
from tests.builders import BOT, SUNDAY_NIGHT
from tests.chaos.account import Account, _one
from tests.chaos.lives import ANY, NOT_REACHED, Fate, Life, Lives
from tests.chaos.points import KEPT, touched


def passed(database: Database) -> set[str]:
    """Note which points whoever uses this database comes to, by their statement."""
    names: set[str] = set()

    @event.listens_for(database.engine.sync_engine, "after_cursor_execute")
    def _note(_conn: Any, cursor: Any, statement: str, given: Any, _c: Any, _m: Any) -> None:
        rows = touched(cursor)
        names.update(p.name for p in KEPT if p.is_reached(statement, given, rows))

    return names


@pytest.mark.both_databases
async def test_whoever_finds_nothing_to_claim_is_at_no_point(database: Database) -> None:
    house = House(database)
    await house.asked(("Ana", "Maria"))
    names = passed(database)
    async with database.writing() as session:
        assert await ledger.claim(session, BOT + 1, "us", SUNDAY_NIGHT, 8) == []
    assert names == set()
    async with database.writing() as session:
        assert len(await ledger.claim(session, BOT, "us", SUNDAY_NIGHT, 8)) == 1
    assert names == {"claim, before the commit", "claim, after the commit"}


@pytest.mark.both_databases
async def test_a_sender_comes_to_its_points(database: Database) -> None:
    house = House(database)
    names = passed(database)
    await house.asked(("Ana", "Maria"))
    await house.sender.once()
    await house.changes()
    await house.sender.once()
    async with database.writing() as session:
        await ledger.claim(session, BOT, "us", SUNDAY_NIGHT, 8)
    async with database.writing() as session:
        [entry] = await session.exec(select(Ledger))
        entry.state, entry.owner = State.sending, "us"
    await house.leases_run_out()
    await house.sender.once()
    points = ("claim", "mark", "recovery", "card shown")
    assert {f"{point}, before the commit" for point in points} <= names


class _House:
    """A process that lives until it is killed."""

    lives = True

    def send(self, _signal: int) -> None:
        self.lives = False


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("claim, after the commit", f"{NOT_REACHED}claim, after the commit"),
        ("edited, not told", f"{NOT_REACHED}edited, not told"),
        (ANY, ANY),
    ],
)
def test_a_named_point_that_was_not_reached_is_written_down_as_that(where: str, said: str) -> None:
    house: Any = _House()
    lives = Lives(None, [], lambda: 1.0)  # type: ignore[arg-type]
    life = lives._lives[house] = Life(house, Fate(where), False, 0.0, 0)
    lives._strike_late(life, Fate(where))
    assert not house.lives
    assert life.fate == Fate(said)


# ---- what is left --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "left", "verdict"),
    [
        ("reminder", True, "left"),
        ("reminder", False, "lost"),
        ("card", True, "lost"),  # it must arrive, if need be twice
    ],
)
def test_a_reminder_is_left_only_where_its_call_ended_unclear(
    kind: str, left: bool, verdict: str
) -> None:
    account = Account()
    row = Ledger(kind=kind, cause="remind", state=State.unclear, attempts=1)
    _one(account, row, [], [], {}, left=left)  # type: ignore[arg-type]
    assert getattr(account, verdict) == 1


def test_a_reminder_that_is_left_and_came_twice_is_not_explained() -> None:
    account = Account()
    row = Ledger(kind="reminder", cause="remind", state=State.unclear, attempts=1)
    came: Callable[[int], Entry] = lambda n: Entry(  # noqa: E731
        n, float(n), BOT, "sendMessage", {}, True, None, None, {"message_id": n}
    )
    _one(account, row, [came(1), came(2)], [], {}, left=True)  # type: ignore[arg-type]
    assert (account.left, account.unexplained) == (0, 1)
