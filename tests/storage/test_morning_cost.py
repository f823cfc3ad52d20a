"""A school's morning is as much work in a city as alone: asked of PostgreSQL itself.

It has counted at a bad moment: when every family's card was made and none had been sent, or last
week, so that of today it knows nothing. So it stays until a tenth of the table has changed, which
on some day in spring takes a week.
"""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy import insert, literal, update
from sqlmodel import select

from benchmarks.town import ASK_TIME, MONDAY, fill, prepare
from handlers.rounds import heartbeat
from storage import asking
from storage.database import Database, Session
from storage.round_close import close_round
from storage.sql import affected, table
from storage.tables import Card, Contact, Ledger, Round
from tests.storage.test_queue_cost import Asked, nodes

SCHOOLS, FAMILIES = 8, 150
CLOSE = ASK_TIME + timedelta(minutes=90)
ENOUGH = 16 * SCHOOLS * FAMILIES  # each against each would be ten times that

STEPS: dict[str, Callable[[Session, Round], Awaitable[object]]] = {
    "ask": lambda session, held: asking.ask(session, held, ASK_TIME, place=2),
    "ask those left": lambda session, held: asking.ask_those_left(session, held, ASK_TIME),
    "remind": lambda session, held: asking.remind(session, held, ASK_TIME, rung=1),
    "close": lambda session, held: close_round(session, held, CLOSE),
}


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
        compared = node.get("Rows Removed by Join Filter", 0)
        rows += (read + passed_over + compared) * node["Actual Loops"]
    return round(rows)


async def days_before(session: Session, days: int) -> None:
    """Let every family have had the card of so many days."""
    contact, card = table(Contact).c, table(Card)
    columns = ["bot_id", "contact_id", "day", "kind", "slot", "about_id", "revision", "shown"]
    for ago in range(1, days + 1):
        had = select(  # type: ignore[call-overload]
            contact.bot_id,
            contact.id,
            literal(MONDAY - timedelta(days=ago)),
            *(literal(word) for word in ("household", "morning")),
            *(literal(number) for number in (0, 1, 1)),
            literal({}, type_=card.c.focus.type),
        )
        await affected(session, insert(card).from_select([*columns, "focus"], had))


async def count(session: Session) -> None:
    await (await session.connection()).exec_driver_sql("ANALYZE")


@pytest.mark.postgresql_only
@pytest.mark.parametrize("counted", ["before they were sent", "last week"])
async def test_no_step_of_a_school_goes_through_the_families_of_the_city(
    database: Database, counted: str
) -> None:
    await prepare(database)
    await fill(database, students=SCHOOLS * FAMILIES, schools=SCHOOLS)
    if counted == "last week":
        async with database.writing() as session:
            await days_before(session, 20)
            await count(session)
    await heartbeat(database, lambda: ASK_TIME)
    async with database.writing() as session:
        if counted != "last week":
            await count(session)
        await affected(session, update(table(Ledger)).values(state="sent"))
        seen = {"message_id": table(Card).c.id, "shown": table(Card).c.revision}
        await affected(session, update(table(Card)).values(seen))
        held = (await session.exec(select(Round).limit(1))).one()
    asked = Asked(database)
    for name, step in STEPS.items():
        async with database.writing() as session:
            statements = await asked.by(step(session, held))
            await session.rollback()
        async with database.writing() as session:
            for statement, parameters in statements:
                assert await looked_at(session, statement, parameters) < ENOUGH, (name, statement)
            await session.rollback()
