"""Nobody alters what was done without its being seen."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlmodel import col, select

from storage import audit
from storage.database import Database
from storage.sql import affected, table
from storage.tables import AuditEntry
from tests.builders import SUNDAY_NIGHT, a_school

ENTRY = table(AuditEntry).c


async def a_chain(database: Database, acts: int = 6) -> int:
    """Make a school with a sealed chain of acts, and one outside any school."""
    async with database.writing() as session:
        school = (await a_school(session)).school.id
        await session.flush()
        await affected(session, delete(table(AuditEntry)))
        for n in range(acts):
            moment = SUNDAY_NIGHT + timedelta(seconds=n)
            audit.record(session, "why read", moment, actor_id=5, school_id=school, subject=n)
        audit.record(session, "join refused", SUNDAY_NIGHT, actor_id=None, school_id=None)
    async with database.writing() as session:
        assert await audit.seal(session, limit=4) == 4
    async with database.writing() as session:
        assert await audit.seal(session) == acts - 3
    return school


async def breaks(database: Database, school: int | None) -> int | None:
    async with database.reading() as session:
        return await audit.first_break(session, school)


async def test_an_unaltered_chain_is_whole_and_each_school_has_its_own(
    database: Database,
) -> None:
    school = await a_chain(database)
    assert await breaks(database, school) is None
    assert await breaks(database, None) is None
    async with database.reading() as session:
        rows = await session.exec(
            select(AuditEntry.position)
            .where(AuditEntry.school_id == school)
            .order_by(col(AuditEntry.id))
        )
        assert list(rows) == [1, 2, 3, 4, 5, 6]
    async with database.writing() as session:
        assert await audit.seal(session) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"act": "nothing"},
        {"actor_id": 6},
        {"actor_id": None},
        {"about": {"subject": 99}},
        {"at": SUNDAY_NIGHT + timedelta(hours=1)},
        {"seal": b"forged"},
        {"position": 30},
    ],
)
async def test_an_altered_act_is_found_at_its_place(
    database: Database, change: dict[str, Any]
) -> None:
    school = await a_chain(database)
    async with database.writing() as session:
        await affected(
            session,
            update(table(AuditEntry))
            .where(ENTRY.school_id == school, ENTRY.position == 3)
            .values(**change),
        )
    assert await breaks(database, school) == 3
    assert await breaks(database, None) is None


async def test_a_removed_act_is_found_at_its_place(database: Database) -> None:
    school = await a_chain(database)
    async with database.writing() as session:
        await affected(
            session,
            delete(table(AuditEntry)).where(ENTRY.school_id == school, ENTRY.position == 3),
        )
    assert await breaks(database, school) == 3


async def test_two_acts_that_changed_places_are_found(database: Database) -> None:
    school = await a_chain(database)
    async with database.writing() as session:
        for old, new in ((3, 40), (4, 3), (40, 4)):
            await affected(
                session,
                update(table(AuditEntry))
                .where(ENTRY.school_id == school, ENTRY.position == old)
                .values(position=new),
            )
    assert await breaks(database, school) == 3


async def test_an_act_that_was_rolled_back_was_not_done(database: Database) -> None:
    school = await a_chain(database)

    async def fail() -> None:
        async with database.writing() as session:
            audit.record(session, "why read", SUNDAY_NIGHT, actor_id=5, school_id=school)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.writing() as session:
        assert await audit.seal(session) == 0
