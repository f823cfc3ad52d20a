"""What is owed: claimed before it is sent, once, and never after its time."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col

from storage import ledger
from storage.care import CARE, SENT_AGAIN, Care, UnknownKindError
from storage.database import Database, Session
from storage.ledger import Lane, Mark, State
from storage.sql import affected, table
from storage.tables import Contact, Ledger
from tests.builders import BOT, SUNDAY_NIGHT, a_school, ledger_of
from tests.storage.test_queue_cost import Asked

NOW = SUNDAY_NIGHT
LEFT = tuple(kind for kind, care in CARE.items() if care is Care.must_not_double)


async def owe(session: Session, contact: Contact, *causes: str, **more: object) -> None:
    for cause in causes:
        await ledger.owe(session, contact, "text", cause, NOW, **more)  # type: ignore[arg-type]


async def a_contact(session: Session) -> Contact:
    rows = await a_school(session)
    return rows.family("Ana", "Maria")[1]


async def states(database: Database) -> dict[str, str]:
    async with database.reading() as session:
        return {entry.cause: entry.state for entry in await ledger_of(session)}


async def lease_until(database: Database, moment: datetime) -> None:
    async with database.writing() as session:
        claimed = col(Ledger.owner).is_not(None)
        await affected(session, update(table(Ledger)).where(claimed).values(lease_until=moment))


async def claim(database: Database, owner: str, count: int = 8, **more: bool) -> list[str]:
    async with database.writing() as session:
        claimed = await ledger.claim(session, BOT, owner, NOW, count, **more)
        return [entry.cause for entry in claimed]


async def test_a_cause_is_owed_once(database: Database) -> None:
    async with database.writing() as session:
        contact = await a_contact(session)
        await owe(session, contact, "ask", "ask")
    assert list(await states(database)) == ["ask"]


async def test_what_one_sender_took_another_does_not(database: Database) -> None:
    async with database.writing() as session:
        contact = await a_contact(session)
        await owe(session, contact, *(f"reply:{n}" for n in range(12)))
    first = await claim(database, "one")
    second = await claim(database, "two")
    assert len(first) == 8
    assert len(second) == 4
    assert not set(first) & set(second)
    assert await claim(database, "three") == []


async def test_replies_go_before_bulk_and_alone_while_bulk_rests(database: Database) -> None:
    async with database.writing() as session:
        contact = await a_contact(session)
        await owe(session, contact, "ask", lane=Lane.bulk)
        await owe(session, contact, "reply")
    assert await claim(database, "one", 8, bulk=False) == ["reply"]
    assert await claim(database, "one", 8) == ["ask"]


async def test_a_lease_that_ran_out_is_taken_back_and_one_that_did_not_is_not(
    database: Database,
) -> None:
    async with database.writing() as session:
        await owe(session, await a_contact(session), "ask")
    await claim(database, "killed")
    async with database.writing() as session:
        assert await ledger.recover(session, BOT) == 0
        assert not (await ledger.to_do(session, BOT, NOW)).owed
    await lease_until(database, datetime.now(UTC) - timedelta(milliseconds=20))
    async with database.writing() as session:
        assert (await ledger.to_do(session, BOT, NOW)).owed
        assert await ledger.recover(session, BOT) == 1
    assert await states(database) == {"ask": State.pending}
    assert await claim(database, "next") == ["ask"]


async def test_what_ended_unclear_is_sent_again_only_if_it_must_arrive(
    database: Database,
) -> None:
    async with database.writing() as session:
        contact = await a_contact(session)
        for kind in SENT_AGAIN + LEFT:
            await ledger.owe(session, contact, kind, kind, NOW)
    await claim(database, "one", 20)
    async with database.writing() as session:
        marks = [Mark(e.id, State.unknown, error="timeout") for e in await ledger_of(session)]
        await ledger.mark(session, "one", marks)
    await lease_until(database, datetime.now(UTC) - timedelta(milliseconds=20))
    async with database.writing() as session:
        await ledger.recover(session, BOT)
        assert not (await ledger.to_do(session, BOT, NOW)).recover
        counted = await ledger.counts(session, [BOT])
    assert counted == {State.pending: len(SENT_AGAIN), State.unclear: len(LEFT)}
    assert set(await claim(database, "next", 20)) == set(SENT_AGAIN)


async def test_after_a_kill_everything_is_sent_again_whatever_its_kind(database: Database) -> None:
    async with database.writing() as session:
        contact = await a_contact(session)
        for kind in SENT_AGAIN + LEFT:
            await ledger.owe(session, contact, kind, kind, NOW)
    await claim(database, "killed", 20)
    await lease_until(database, datetime.now(UTC) - timedelta(milliseconds=20))
    async with database.writing() as session:
        await ledger.recover(session, BOT)
    assert set(await states(database)) == set(SENT_AGAIN + LEFT)
    assert set((await states(database)).values()) == {State.pending}


@pytest.mark.parametrize("kind", ["edit", "toast", "withdrawal", "something new"])
async def test_what_only_mirrors_and_what_nobody_sorted_cannot_be_owed(
    database: Database, kind: str
) -> None:
    async with database.writing() as session:
        contact = await a_contact(session)
        with pytest.raises(UnknownKindError, match=kind):
            await ledger.owe(session, contact, kind, "cause", NOW)


async def test_a_sender_that_slept_through_its_lease_does_not_mark_what_is_another_s(
    database: Database,
) -> None:
    async with database.writing() as session:
        await owe(session, await a_contact(session), "ask")
    await claim(database, "asleep")
    await lease_until(database, datetime.now(UTC) - timedelta(seconds=1))
    async with database.writing() as session:
        await ledger.recover(session, BOT)
    await claim(database, "awake")
    async with database.writing() as session:
        entry = (await ledger_of(session))[0]
        await ledger.mark(session, "asleep", [Mark(entry.id, State.failed, error="woke late")])
    assert await states(database) == {"ask": State.sending}


async def test_a_mark_says_which_were_still_ours(database: Database) -> None:
    async with database.writing() as session:
        await owe(session, await a_contact(session), *(f"ask:{n}" for n in range(6)))
    await claim(database, "asleep", 4)
    await claim(database, "awake")
    async with database.writing() as session:
        entries = [entry.id for entry in await ledger_of(session)]
        arrived = [Mark(id_, State.sent, 1000 + id_, sent_at=NOW) for id_ in entries[::2]]
        refused = [Mark(id_, State.failed, error="refused") for id_ in entries[1::2]]
        assert await ledger.mark(session, "asleep", arrived + refused) == set(entries[:4])
        assert await ledger.mark(session, "awake", arrived + refused) == set(entries[4:])


async def test_what_was_all_ours_is_marked_in_one_statement(database: Database) -> None:
    async with database.writing() as session:
        await owe(session, await a_contact(session), *(f"ask:{n}" for n in range(250)))
    await claim(database, "one", 250)
    async with database.writing() as session:
        ids = [entry.id for entry in await ledger_of(session)]
        asked = Asked(database)
        arrived = [Mark(id_, State.sent, 1000 + id_, sent_at=NOW) for id_ in ids]
        assert len(await asked.by(ledger.mark(session, "one", arrived))) == 1
        refused = [Mark(id_, State.pending) for id_ in ids]
        assert len(await asked.by(ledger.mark(session, "one", refused))) == 1


async def test_what_may_not_be_sent_any_more_is_set_aside(database: Database) -> None:
    async with database.writing() as session:
        contact = await a_contact(session)
        await owe(session, contact, "yesterday", not_after=NOW)
        await owe(session, contact, "today", not_after=NOW + timedelta(seconds=1))
    assert await claim(database, "one") == ["today"]
    async with database.writing() as session:
        assert await ledger.expire(session, BOT, NOW) == 1
    assert await states(database) == {"yesterday": State.expired, "today": State.sending}


async def test_what_was_refused_for_now_waits_its_time(database: Database) -> None:
    async with database.writing() as session:
        await owe(session, await a_contact(session), "ask")
    await claim(database, "one")
    async with database.writing() as session:
        entry = (await ledger_of(session))[0]
        later = NOW + timedelta(seconds=30)
        await ledger.mark(session, "one", [Mark(entry.id, State.pending, not_before=later)])
        assert not (await ledger.to_do(session, BOT, NOW)).owed
        assert (await ledger.to_do(session, BOT, later)).owed
        assert [e.cause for e in await ledger.claim(session, BOT, "one", later, 8)] == ["ask"]
