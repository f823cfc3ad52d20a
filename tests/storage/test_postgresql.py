"""PostgreSQL as it is found: killed, full, behind a pooler, with others writing beside us."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import make_url, text, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from storage import cards, contacts, ledger
from storage.database import Database, Session, is_outage
from storage.sql import affected, table
from storage.tables import Card, Unit
from tests.builders import MONDAY, a_school

pytestmark = pytest.mark.pooler_too

NOBODY = "postgresql://nobody@127.0.0.1:1/nowhere"


async def error_of(database: Database, *statements: str) -> BaseException:
    async def fail(session: Session) -> None:
        for sql in statements:
            await affected(session, text(sql))

    with pytest.raises(DBAPIError) as caught:
        await in_one_transaction(database, fail)
    return caught.value


async def in_one_transaction(
    database: Database, work: Callable[[Session], Awaitable[None]]
) -> None:
    async with database.writing() as session:
        await work(session)


def failing_with(code: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END $$"


async def test_a_server_that_is_there_answers(database: Database) -> None:
    assert await database.answers()


async def test_a_server_that_is_not_there_does_not_answer_and_is_in_trouble() -> None:
    database = Database(NOBODY)
    assert not await database.answers()
    assert is_outage(await error_of(database, "SELECT 1"))
    await database.close()


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("53100", True),  # the disk is full
        ("53300", True),  # too many connections
        ("57P01", True),  # an operator stops the server
        ("58030", True),  # it cannot read or write a file
        ("40001", True),  # others were faster, again and again
        ("25006", True),  # a stand-by
        ("XX001", True),  # damaged data
        ("23505", False),  # twice the same key
        ("22001", False),  # too long
        ("42P01", False),  # no such table
        ("22012", False),  # divided by nothing
    ],
)
async def test_trouble_of_the_server_is_told_from_a_wrong_question(
    database: Database, code: str, trouble: bool
) -> None:
    assert is_outage(await error_of(database, failing_with(code))) is trouble


async def test_a_connection_that_the_server_cut_costs_one_transaction(database: Database) -> None:
    error = await error_of(database, "SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_outage(error)
    async with database.writing() as session:
        await a_school(session)


async def end_all_connections(database: Database) -> None:
    """Let the server end every connection to a database, last that of whoever asks for it."""
    others = (
        " FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    ends = (
        "SELECT pg_terminate_backend(pid)" + others,
        "SELECT pg_terminate_backend(pg_backend_pid())",
    )
    other = Database(database.url)
    await error_of(other, *ends)
    await other.close()


async def test_connections_that_died_while_nobody_used_them_cost_nothing(
    database: Database,
) -> None:
    async with database.writing() as session:
        await a_school(session)
    await end_all_connections(database)
    async with database.reading() as session:
        assert len(list(await session.exec(select(Unit)))) == 2


async def test_what_a_writer_has_read_still_stands_when_it_commits(database: Database) -> None:
    """Two who each look and then write elsewhere: one after the other only one would."""
    async with database.writing() as session:
        rows = await a_school(session)
    both_have_looked = asyncio.Barrier(2)
    waits = [True]

    async def sit_down(unit_id: int, session: Session) -> None:
        seats = [unit.position for unit in await session.exec(select(Unit))]
        if waits[0]:
            await both_have_looked.wait()
            waits[0] = False
        if not any(seats):
            (await session.get_one(Unit, unit_id)).position = 1

    await asyncio.gather(
        database.write(lambda session: sit_down(rows.class_id, session)),
        database.write(lambda session: sit_down(rows.school.id, session)),
    )
    async with database.reading() as session:
        assert sorted(unit.position for unit in await session.exec(select(Unit))) == [0, 1]


async def test_two_who_wait_for_each_other_both_get_done(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
    both_have_one = asyncio.Barrier(2)
    waits = [True]

    async def raise_both(ids: tuple[int, int], session: Session) -> None:
        for place, unit_id in enumerate(ids):
            unit = table(Unit)
            statement = update(unit).where(unit.c.id == unit_id)
            await affected(session, statement.values(position=unit.c.position + 1))
            if place == 0 and waits[0]:
                await both_have_one.wait()
                waits[0] = False

    ids = (rows.class_id, rows.school.id)
    await asyncio.gather(
        database.write(lambda session: raise_both(ids, session)),
        database.write(lambda session: raise_both(ids[::-1], session)),
    )
    async with database.reading() as session:
        assert [unit.position for unit in await session.exec(select(Unit))] == [2, 2]


async def test_nothing_is_left_on_a_connection_for_the_next_one_of_a_pooler(
    database: Database, request: pytest.FixtureRequest
) -> None:
    """A pooler in transaction mode gives each transaction another connection of the server."""
    pooled = request.node.callspec.params["database_url"] == "pooler"
    async with database.writing() as session:
        await a_school(session)
    for _ in range(10):  # often enough that a driver would prepare it
        async with database.writing() as session:
            await contacts.contacts_of(session, [1])
        async with database.reading() as session:
            await contacts.contacts_of(session, [1])
    async with database.engine.connect() as connection:
        prepared = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%contact%'"
        seen = (await connection.execute(text(prepared))).scalar_one()
        assert seen == 0 if pooled else seen > 0  # to plan takes as long as to do
        assert (await connection.execute(text("SELECT * FROM pg_cursors"))).all() == []
        settings = "SELECT name FROM pg_settings WHERE source = 'session'"
        left = set((await connection.execute(text(settings))).scalars())
        assert left <= {"transaction_isolation", "transaction_read_only"}  # they end with it
        held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        assert (await connection.execute(text(held))).scalar_one() == 0


async def test_a_server_that_was_set_read_only_is_obeyed(database: Database) -> None:
    name = make_url(database.url).database
    async with database.writing() as session:
        set_so = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
        await affected(session, text(set_so))
    await database.engine.dispose()
    await end_all_connections(database)  # a pooler keeps its own, and a setting is for new ones
    async with database.reading() as session:  # and the same connection writes afterwards
        await session.exec(select(Unit))
    assert is_outage(await error_of(database, "INSERT INTO bot VALUES (1, 'a', now())"))


async def test_a_refused_row_is_not_quoted_in_a_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    statement = "INSERT INTO bot (id, username, seen_at) VALUES (1, 'sesame', now())"
    error = await error_of(database, statement, statement.replace("1, 'sesame'", "1, 'open'"))
    assert "pk_bot" in str(error)
    assert "Key (" not in f"{error} {error.__cause__} {error.orig}"


async def test_processes_that_start_at_once_make_the_tables_once(
    postgresql_address: str,
) -> None:
    databases = [Database(postgresql_address) for _ in range(4)]
    await asyncio.gather(*(database.migrate() for database in databases))
    async with databases[0].writing() as session:
        await a_school(session)
    await asyncio.gather(*(database.close() for database in databases))


async def test_what_a_sender_notes_is_in_the_way_of_no_answer_and_none_in_its(
    database: Database,
) -> None:
    """An answer reads cards and writes one; a window reads the ledger and marks other cards."""
    async with database.writing() as session:
        rows = await a_school(session)
        chats = [rows.contact(rows.person(name)) for name in ("Maria", "Ben")]
        shown = [await cards.card_of(session, c, MONDAY, "household", "morning") for c in chats]
        for contact, card in zip(chats, shown, strict=True):
            await ledger.owe(session, contact, "card", f"ask:{card.id}", rows.now, card=card)
    tries = 0

    async def answer(session: Session) -> None:
        nonlocal tries
        tries += 1
        found = await cards.cards_by_id(session, [card.id for card in shown])
        await ledger.counts(session, [chats[0].bot_id])
        if tries == 1:
            await database.note(send)
        found[shown[0].id].revision += 1

    async def send(session: Session) -> None:
        await ledger.claim(session, chats[0].bot_id, "me", rows.now, 1)
        await cards.keep_messages(session, {shown[1].id: (5, 1)}, rows.now)

    await database.write(answer)
    assert tries == 1


async def test_a_sender_waits_for_the_row_that_a_tap_is_changing_and_looks_again(
    database: Database,
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        maria = rows.contact(rows.person("Maria"))
        card = await cards.card_of(session, maria, MONDAY, "household", "morning")

    async def send(session: Session) -> dict[int, int]:
        return await cards.keep_messages(session, {card.id: (7, 1)}, rows.now)

    async with database.writing() as session:
        (await session.get_one(Card, card.id)).message_id = 6  # the tap was on another message
        await session.flush()
        sending = asyncio.create_task(database.note(send))
        await asyncio.sleep(0.05)
        assert not sending.done()
    assert await sending == {card.id: 6}  # and so that one goes
