"""A school's morning is as much work in a city as alone, and so is a tap: asked of PostgreSQL.

It has counted at a bad moment: when every family's card was made and none had been sent, or
yesterday, so that of today it knows nothing. So it stays until a tenth of the table has changed,
which on some day in spring takes a week.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from sqlalchemy import FromClause, and_, func, insert, select, true, update
from sqlmodel import SQLModel
from sqlmodel import select as of_models

from benchmarks.taps import taps_of
from benchmarks.town import ASK_TIME, BOT_ID, MONDAY, TOKEN, fill, prepare
from bot.aiogram_transport import AiogramTransport
from handlers.first_asks import first_asks_of
from handlers.inbox import Arrival, Inbox
from handlers.rounds import heartbeat
from handlers.router import Router
from handlers.wards import load_households
from storage import alarms, asking, cards, closings, contacts, outages
from storage.database import Database, Session
from storage.round_close import close_round
from storage.sql import affected, table
from storage.tables import Card, CheckIn, Ledger, Round
from tests.storage.test_queue_cost import Asked, nodes

DAYS = 20  # that are over
MINUTE = timedelta(minutes=1)
WHENEVER = pytest.mark.parametrize("counted", ["before they were sent", "yesterday"])

STEPS: dict[str, Callable[[Session, Round, datetime], Awaitable[object]]] = {
    "ask": lambda session, held, now: asking.ask(session, held, now, place=2),
    "ask those left": asking.ask_those_left,
    "remind": lambda session, held, now: asking.remind(session, held, now, rung=1),
    "ask again": lambda session, held, now: outages.ask_again(
        session, BOT_ID, held, now - 9 * MINUTE, now, now
    ),
    "call off": lambda session, held, now: closings.cancel(session, [held], now),
    "tell of it": lambda session, held, now: closings.owe_news(session, [held], "no_school", now),
    "go on": lambda session, held, now: closings.resume(session, [held], now),
    "move": lambda session, held, now: closings.move(session, held, now + 60 * MINUTE),
    "close": lambda session, held, now: close_round(session, held, now + 90 * MINUTE),
}
SAID = ("/today", "Everyone has a cough", "38.5", "/pause tomorrow", "/when", "/health", "/stop")


class Town(NamedTuple):
    """A town in which every family has its question: on which day, since when."""

    day: date
    now: datetime


async def looked_at(session: Session, statement: str, parameters: object) -> int:
    """Carry a statement out and return how many rows it looked at, often the same again."""
    connection = await session.connection()
    explain = "EXPLAIN (ANALYZE, FORMAT JSON) " + statement
    found = (await connection.exec_driver_sql(explain, parameters)).scalar_one()  # type: ignore[arg-type]
    (whole,) = json.loads(found) if isinstance(found, str) else found
    rows = 0.0
    for node in nodes(whole["Plan"]):
        read = node["Actual Rows"] if "Relation Name" in node else 0
        passed_over = node.get("Rows Removed by Filter", 0)
        passed_over += node.get("Rows Removed by Index Recheck", 0)
        compared = node.get("Rows Removed by Join Filter", 0)
        rows += (read + passed_over + compared) * node["Actual Loops"]
    return round(rows)


async def a_morning(database: Database, counted: str, schools: int, families: int) -> Town:
    """Let every family of a town have its question; its last days were like this one."""
    await prepare(database)
    await fill(database, students=schools * families, schools=schools)
    town = Town(MONDAY, ASK_TIME)
    if counted == "yesterday":
        await heartbeat(database, lambda: ASK_TIME)
        async with database.writing() as session:
            await days_before(session)
            await count(session)
        day = timedelta(days=1)
        town = Town(MONDAY + day, ASK_TIME + day)
    await heartbeat(database, lambda: town.now)
    async with database.writing() as session:
        if counted != "yesterday":
            await count(session)
        await affected(session, update(table(Ledger)).values(state="sent"))
        seen = {"message_id": table(Card).c.id, "shown": table(Card).c.revision}
        await affected(session, update(table(Card)).values(seen))
    return town


async def days_before(session: Session) -> None:
    """Copy the day's rounds, check-ins and cards to earlier days."""
    held, was = table(Round), table(Round).alias("was")
    ago = select(func.generate_series(1, DAYS).label("days")).subquery("ago")
    await _copy(session, Round, held.join(ago, true()), {"day": held.c.day - ago.c.days})
    one = table(CheckIn)
    days = one.join(held, held.c.id == one.c.round_id).join(
        was, and_(was.c.plan_id == held.c.plan_id, was.c.day < held.c.day)
    )
    await _copy(session, CheckIn, days, {"round_id": was.c.id})
    card = table(Card)
    await _copy(session, Card, card.join(ago, true()), {"day": card.c.day - ago.c.days})


async def _copy(
    session: Session, model: type[SQLModel], rows: FromClause, instead: dict[str, Any]
) -> None:
    columns = {each.name: each for each in table(model).c if each.name != "id"} | instead
    chosen = select(*columns.values()).select_from(rows)
    await affected(session, insert(table(model)).from_select(list(columns), chosen))


async def count(session: Session) -> None:
    await (await session.connection()).exec_driver_sql("ANALYZE")


@pytest.mark.postgresql_only
@WHENEVER
async def test_no_step_of_a_school_goes_through_the_families_of_the_city(
    database: Database, counted: str
) -> None:
    schools, families = 8, 150
    enough = 16 * schools * families  # each against each would be ten times that
    town = await a_morning(database, counted, schools, families)
    asked = Asked(database)
    async with database.reading() as session:
        of_students = of_models(Round).join(CheckIn).where(Round.day == town.day)
        held = (await session.exec(of_students.limit(1))).one()
    for name, step in STEPS.items():
        async with database.writing() as session:
            statements = await asked.by(step(session, held, town.now))
            await session.rollback()
        async with database.writing() as session:
            for statement, parameters in statements:
                assert await looked_at(session, statement, parameters) < enough, (name, statement)
            await session.rollback()


@pytest.mark.postgresql_only
@WHENEVER
async def test_no_card_and_nothing_that_a_family_says_goes_through_the_families_of_the_city(
    database: Database, counted: str
) -> None:
    schools, families = 30, 20
    town = await a_morning(database, counted, schools, families)
    asked = Asked(database)
    inbox = Inbox(database, lambda: town.now + 5 * MINUTE, Router())
    transport = AiogramTransport(TOKEN, "http://nobody.invalid")
    tap, other, *_ = await taps_of(database, town.day)
    statements = []
    for said in [tap, *(_says(other, words, n) for n, words in enumerate(SAID))]:
        read = Arrival(BOT_ID, said["update_id"], said, transport.read(said))
        statements += await asked.by(inbox.handle([read]))
    async with database.writing() as session:
        await affected(session, update(table(Card)).values(message_id=None, shown=0))
        found = await session.exec(of_models(Card.id).where(Card.day == town.day).limit(8))
        window = list(found)
        statements += await asked.by(first_asks_of(session, window, town.now))
        statements += await asked.by(_households(session, window, town))
        statements += await asked.by(alarms.alarmed(session, 1))
        # The few pages of this town's tables are not simply to be read.
        await (await session.connection()).exec_driver_sql("SET LOCAL enable_seqscan = off")
        for statement, parameters in statements:
            if not statement.startswith("INSERT"):
                looked = await looked_at(session, statement, parameters)
                assert looked < schools * families, statement
        await session.rollback()


async def _households(session: Session, window: list[int], town: Town) -> None:
    shown = (await cards.cards_by_id(session, window)).values()
    readers = await contacts.contacts_by_id(session, (card.contact_id for card in shown))
    await load_households(session, [(card, readers[card.contact_id]) for card in shown], town.now)


def _says(tap: dict[str, Any], words: str, n: int) -> dict[str, Any]:
    """Return words of whoever has this card to tap."""
    query = tap["callback_query"]
    chat = query["message"]["chat"]
    message = {"message_id": 9000 + n, "from": query["from"], "chat": chat, "date": 1772400000}
    if words.startswith("/"):
        length = len(words.split(maxsplit=1)[0])
        message |= {"entities": [{"type": "bot_command", "offset": 0, "length": length}]}
    return {"update_id": tap["update_id"] + 5000 + n, "message": message | {"text": words}}
