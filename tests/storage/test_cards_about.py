"""Class cards, summaries and cases are found by what they are about, on both databases.

Their index leaves out the cards of households, so each query has to say that it wants none.
"""

from collections.abc import Awaitable, Callable
from datetime import date

import pytest

from storage import alarms, cards, flags, ledger
from storage.database import Database, Session
from storage.tables import Flag
from tests.builders import a_school
from tests.storage.test_queue_cost import Asked

MONDAY = date(2026, 3, 2)
A_FLAG = Flag(id=5, check_in_id=1)

QUERIES: dict[str, Callable[[Session], Awaitable[object]]] = {
    "of units": lambda session: cards.refresh_about(session, [1], MONDAY),
    "of boarders": lambda session: cards.refresh_about(session, [1], MONDAY, subject_ids=[1]),
    "of a school": lambda session: cards.refresh_school(session, 1, MONDAY),
    "of a flag": lambda session: flags.cards_about(session, A_FLAG, MONDAY),
    "of flags": lambda session: flags.redraw(session, [A_FLAG], MONDAY),
    "of a missing child": lambda session: alarms.alarmed(session, 1),
    "of an unsigned summary": lambda session: ledger.withdraw_chasers(
        session, 1, MONDAY, "morning"
    ),
    "of a summary": lambda session: ledger.summary_at(session, 1, MONDAY, "morning"),
}


@pytest.mark.parametrize("which", QUERIES)
async def test_cards_about_something_are_found_by_what_they_are_about(
    database: Database, which: str
) -> None:
    asked = Asked(database)
    async with database.writing() as session:
        await a_school(session)
        await session.flush()
        statements = await asked.by(QUERIES[which](session))
        connection = await session.connection()
        if database.is_sqlite:
            explain = "EXPLAIN QUERY PLAN "
        else:
            explain = "EXPLAIN "
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plans = [
            str(list(await connection.exec_driver_sql(explain + statement, parameters)))
            for statement, parameters in statements
        ]
    assert any("ix_card_about_id" in plan for plan in plans), plans
