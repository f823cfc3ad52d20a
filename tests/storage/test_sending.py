"""A school's sending that somebody stops: what waits, what is on the wire, what comes later."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlmodel import col, select

from storage import ledger, sending
from storage.database import Database, Session
from storage.ledger import Mark, State
from storage.sql import affected, table
from storage.tables import Ledger
from tests.builders import BOT, a_school
from tests.crowds import NOW, families, owe

TODAY = NOW - timedelta(hours=6)


async def states(session: Session, school: int) -> set[str]:
    found = await session.exec(select(Ledger.state).where(Ledger.school_id == school))
    return set(found)


async def two_schools(session: Session) -> None:
    await a_school(session)
    for school, n in ((1, 20), (2, 6)):
        await families(session, school, n)
        assert await owe(session, school) == n


async def test_stopping_a_school_leaves_the_others_and_what_is_owed_later_waits_with_it(
    database: Database,
) -> None:
    async with database.writing() as session:
        await two_schools(session)
        assert await sending.stop(session, [1], NOW) == {1: 20}
        assert await owe(session, 1, 0, 5) == 5
        assert await owe(session, 2, 0, 5) == 5
        assert await states(session, 1) == {State.stopped}
        assert await states(session, 2) == {State.pending}
        assert {e.state for e in await sending.going(session, [1, 2], TODAY)} == {
            State.stopped,
            State.pending,
        }
        assert len(await ledger.claim(session, BOT, "us", NOW, 99)) == 11
        assert await sending.go_on(session, 1, NOW) == 25
        assert len(await ledger.claim(session, BOT, "us", NOW, 99)) == 25
        assert not await sending.is_stopped(session, 1, NOW)


async def test_news_that_a_day_has_no_school_goes_out_though_sending_is_stopped(
    database: Database,
) -> None:
    async with database.writing() as session:
        await two_schools(session)
        await sending.stop(session, [1], NOW)
        await owe(session, 1, 0, 3, kind="no_school")
        claimed = await ledger.claim(session, BOT, "us", NOW, 99)
    assert sum(entry.kind == "no_school" for entry in claimed) == 3


async def test_what_was_on_the_wire_at_the_stop_and_comes_back_waits_with_the_others(
    database: Database,
) -> None:
    async with database.writing() as session:
        await two_schools(session)
        claimed = await ledger.claim(session, BOT, "us", NOW, 8)
        await sending.stop(session, [1], NOW)
        again = [Mark(entry.id, State.pending, not_before=NOW) for entry in claimed[:4]]
        await ledger.mark(session, "us", again)
        past = datetime.now(UTC) - timedelta(minutes=1)
        left = col(Ledger.state) == State.sending
        await affected(session, update(table(Ledger)).where(left).values(lease_until=past))
        assert await ledger.recover(session, BOT) == 4
        assert await states(session, 1) == {State.stopped}
        assert await states(session, 2) == {State.pending}


async def test_a_stop_left_from_another_day_holds_nothing_up(database: Database) -> None:
    async with database.writing() as session:
        await two_schools(session)
        await sending.stop(session, [1], NOW)
        theirs = update(table(Ledger)).where(col(Ledger.school_id) == 1)
        await affected(session, theirs.values(not_after=NOW))
        assert not await sending.is_stopped(session, 1, NOW)
        assert await sending.go_on(session, 1, NOW) == 0
        assert await owe(session, 1, 0, 5) == 5
        claimed = await ledger.claim(session, BOT, "us", NOW, 99)
        await ledger.mark(session, "us", [Mark(e.id, State.pending) for e in claimed])
        assert len(await ledger.claim(session, BOT, "us", NOW, 99)) == 11


async def test_a_school_that_goes_on_has_its_turns_with_the_others(database: Database) -> None:
    async with database.writing() as session:
        await a_school(session)
        for school in (1, 2):
            await families(session, school, 60)
            await owe(session, school)
        await sending.stop(session, [1], NOW)
        await ledger.claim(session, BOT, "us", NOW, 20)
        await sending.go_on(session, 1, NOW)
        ids = [entry.id for entry in await ledger.claim(session, BOT, "us", NOW, 20)]
        found = await session.exec(select(Ledger.school_id).where(col(Ledger.id).in_(ids)))
        assert abs(list(found).count(1) - 10) <= 1


async def test_the_last_message_of_a_school_has_as_many_before_it_as_are_counted(
    database: Database,
) -> None:
    async with database.writing() as session:
        await two_schools(session)
        (second,) = await sending.going(session, [2], TODAY)
        ahead = await sending.ahead(session, BOT, second.last)
        await ledger.claim(session, BOT, "us", NOW, ahead - 1)
        assert State.pending in await states(session, 2)
        await ledger.claim(session, BOT, "us", NOW, 1)
        assert await states(session, 2) == {State.sending}
