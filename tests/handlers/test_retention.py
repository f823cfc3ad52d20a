"""What is outlived goes: a week after the admins were told, and nothing else with it."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from checkin.access import Role
from handlers import upkeep
from handlers.upkeep import Keep
from storage import asking, cards, inbox, ledger, partitions
from storage.database import Database
from storage.sql import moment
from storage.tables import (
    AuditEntry,
    Card,
    CheckIn,
    Contact,
    HistoryEntry,
    Ledger,
    Purge,
    Received,
)
from tests.builders import Rows, a_school, checkins_of

NEVER = Keep()
NINETY_DAYS = Keep(messages=90)
JUNE = datetime(2026, 6, 3, 1, 0, tzinfo=UTC)  # 90 days after Thursday, 5 March
DAYS = ("2026-01-15", "2026-02-26", "2026-03-02", "2026-06-02")


class House:
    """A school whose bot has sent for a while, and an admin who hears of what will go."""

    def __init__(self, database: Database, rows: Rows) -> None:
        self.database, self.rows, self.now = database, rows, JUNE

    async def works(self, keep: Keep, **later: int) -> dict[str, int]:
        """Let the two duties run, some days later."""
        self.now += timedelta(**later)
        announced = await upkeep.announce_purge(self.database, lambda: self.now, keep)
        return announced | await upkeep.purge(self.database, lambda: self.now)

    async def sent(self) -> list[str]:
        async with self.database.reading() as session:
            found = await session.exec(
                select(Ledger.cause).where(col(Ledger.cause).startswith("ask:"))
            )
            return sorted(cause[4:14] for cause in found)

    async def announced(self) -> list[str]:
        async with self.database.reading() as session:
            found = await session.exec(
                select(Ledger).where(col(Ledger.cause).startswith("alarm:purge"))
            )
            return [ledger.payload_of(entry)["key"] for entry in found]


@pytest.fixture
async def house(database: Database) -> House:
    await partitions.make_ahead(database, date(2026, 1, 1))
    async with database.writing() as session:
        rows = await a_school(session)
        maria = rows.contact(rows.person("Maria"))
        rows.staff("Chen", Role.admin, rows.school.id)
        for day in DAYS:
            on = date.fromisoformat(day)
            card = await cards.card_of(session, maria, on, "household", "morning")
            at = datetime(on.year, on.month, on.day, tzinfo=UTC)
            await ledger.owe(session, maria, "card", f"ask:{day}:morning", at, card=card)
        await ledger.owe(session, maria, "text", "reply:1", datetime(2026, 2, 1, tzinfo=UTC))
        await ledger.owe(session, maria, "text", "reply:2", JUNE)
    return House(database, rows)


async def test_nothing_goes_that_was_not_announced_a_week_before(house: House) -> None:
    assert await house.works(NINETY_DAYS) == {"announced": 1}
    assert await house.announced() == ["alarm.purge_messages"]
    assert await house.works(NINETY_DAYS, days=6) == {}
    assert await house.sent() == list(DAYS)
    await house.works(NINETY_DAYS, days=1)
    assert await house.sent() == list(DAYS[2:])
    assert await house.announced() == ["alarm.purge_messages"]


async def test_whole_months_go_and_what_they_leave_behind(house: House) -> None:
    await house.works(NINETY_DAYS)
    counts = await house.works(NINETY_DAYS, days=7)
    months = 0 if house.database.is_sqlite else 2  # else in one piece
    rows = 2 + 1 + 2 - months  # asks, a reply, and their cards
    assert counts == {"months": months, "rows": rows}
    async with house.database.reading() as session:
        days = sorted(str(day) for day in await session.exec(select(Card.day)))
        replies = select(Ledger.cause).where(col(Ledger.cause).startswith("reply"))
        assert (days, list(await session.exec(replies))) == (list(DAYS[2:]), ["reply:2"])
        [purge] = await session.exec(select(Purge))
        assert purge.done_at == house.now
        acts = await session.exec(select(AuditEntry.act).order_by(col(AuditEntry.id)))
        assert list(acts)[-2:] == ["purge announced", "purged"]
    assert await house.works(NINETY_DAYS, hours=1) == {}


async def test_two_processes_that_delete_at_the_same_time_are_one_entry_in_the_audit(
    house: House,
) -> None:
    await house.works(NINETY_DAYS)
    house.now += timedelta(days=7)
    await asyncio.gather(*(upkeep.purge(house.database, lambda: house.now) for _ in range(2)))
    await upkeep.purge(house.database, lambda: house.now)
    assert await house.sent() == list(DAYS[2:])
    async with house.database.reading() as session:
        acts = list(await session.exec(select(AuditEntry.act)))
    assert acts.count("purged") == 1


async def test_a_card_stays_while_a_message_speaks_of_it(house: House) -> None:
    async with house.database.writing() as session:
        [card] = await session.exec(select(Card).where(Card.day == date(2026, 1, 15)))
        contact = await session.get_one(Contact, card.contact_id)
        await ledger.owe(session, contact, "card", "show:7:1", JUNE, card=card)
    await house.works(NINETY_DAYS)
    await house.works(NINETY_DAYS, days=7)
    async with house.database.reading() as session:
        days = {str(day) for day in await session.exec(select(Card.day))}
    assert days == {"2026-01-15", *DAYS[2:]}


async def test_whoever_keeps_all_for_ever_keeps_it(house: House) -> None:
    assert await house.works(NEVER) == {}
    assert await house.works(NEVER, days=400) == {}
    assert await house.sent() == list(DAYS)


async def test_where_nothing_is_old_enough_nobody_is_told(house: House) -> None:
    assert await house.works(Keep(messages=200, history=30)) == {}
    assert await house.announced() == []


async def test_the_course_of_a_check_in_goes_and_where_it_stands_stays(house: House) -> None:
    async with house.database.writing() as session:
        rows = Rows(session, house.rows.school, house.rows.class_id)
        ana, _ = rows.family("Ana", "Tina")
        held = await rows.round()
        await asking.open_students(session, held)
        checkin = (await checkins_of(session, held.id))[ana]
        for at in (datetime(2026, 3, 2, tzinfo=UTC), JUNE):
            session.add(
                HistoryEntry(check_in_id=checkin.id, subject_id=ana, act="answered", at=at)
            )
    keep = Keep(history=60)
    assert await house.works(keep) == {"announced": 1}
    assert await house.announced() == ["alarm.purge_history"]
    await house.works(keep, days=7)
    async with house.database.reading() as session:
        assert [entry.at for entry in await session.exec(select(HistoryEntry))] == [JUNE]
        assert await session.get(CheckIn, checkin.id)
    assert await house.sent() == list(DAYS)


async def test_old_updates_are_forgotten_a_batch_at_a_time(database: Database) -> None:
    old = inbox.BATCH + 3
    async with database.writing() as session:
        await inbox.keep_received(session, 7, range(old + 2))
        now = await moment(session)
        long_ago = update(Received).where(col(Received.update_id) < old)
        await session.exec(long_ago.values(at=now - timedelta(hours=49)))
    assert await upkeep.forget(database, lambda: now) == {"updates": old}
    async with database.reading() as session:
        assert set(await session.exec(select(Received.update_id))) == {old, old + 1}
