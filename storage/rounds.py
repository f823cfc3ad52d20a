"""Rounds and check-ins: what one household, class or school holds on a day."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, delete
from sqlalchemy import select as of_rows
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.access import Reach
from checkin.facts import fact
from storage.people import name_of, open_name
from storage.places import in_their_rounds
from storage.sql import affected, among, among_named, is_sqlite, numbers, table
from storage.tables import CheckIn, ExposureRow, Person, PlanRow, Round, Unit
from storage.units import within


@fact
class Entry:
    """A check-in with the name and the unit that it is shown under."""

    checkin: CheckIn
    round: Round
    name: str
    unit_name: str
    unit_path: str


async def closed_slot(session: AsyncSession, school_id: int, day: date, slot: str) -> Round | None:
    """Return the first round of a slot once all have closed; cancelled ones are no part of it."""
    held = await rounds_on(session, school_id, day, slot)
    return held[0] if held and all(each.closed_at for each in held) else None


async def rounds_on(
    session: AsyncSession,
    school_id: int,
    day: date,
    slot: str | None = None,
    *,
    cancelled: bool = False,
) -> list[Round]:
    """Return a school's rounds on a day; those of a day that has none after all only if asked."""
    query = select(Round).where(Round.school_id == school_id, Round.day == day)
    if not cancelled:
        query = query.where(col(Round.cancelled_at).is_(None))
    if slot is not None:
        query = query.where(Round.slot == slot)
    return list(await session.exec(query.order_by(col(Round.id))))


async def rounds_of(
    session: AsyncSession, plan_id: int, school_id: int, days: Collection[date]
) -> dict[date, Round]:
    """Return a plan's rounds on these days, of those on which one was opened."""
    found = await session.exec(
        select(Round).where(
            Round.school_id == school_id, col(Round.day).in_(days), Round.plan_id == plan_id
        )
    )
    return {held.day: held for held in found}


async def household(
    session: AsyncSession, subject_ids: Iterable[int], day: date, slot: str
) -> list[Entry]:
    """Return the check-ins of these subjects on a day, in the order of the subjects given."""
    order = {subject: place for place, subject in enumerate(subject_ids)}
    if not order:
        return []
    rows = await session.exec(
        _household(is_sqlite(session)),
        params={"day": day, "slot": slot, "subjects": numbers(session, order)},
    )
    entries = [
        Entry(checkin, held, open_name(name, checkin.subject_id), unit, path)
        for checkin, held, name, unit, path in rows
    ]
    return sorted(entries, key=lambda entry: (order[entry.checkin.subject_id], entry.round.id))


@cache
def _household(sqlite: bool) -> Any:
    columns = (CheckIn, Round, table(Person).c.name, table(Unit).c.name, table(Unit).c.path)
    return (
        in_their_rounds(of_rows(*columns), lambda person: among_named(sqlite, person, "subjects"))
        .join(Person, col(Person.id) == CheckIn.subject_id)
        .join(Unit, col(Unit.id) == CheckIn.unit_id)
        .where(col(Round.day) == bindparam("day"), col(Round.slot) == bindparam("slot"))
    )


async def entries_within(
    session: AsyncSession, round_ids: Iterable[int], reach: Reach
) -> list[Entry]:
    """Return the check-ins of these rounds inside a reach, by unit and name."""
    rows = await session.exec(
        select(CheckIn, Round, Person, Unit)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .join(Person, col(Person.id) == CheckIn.subject_id)
        .join(Unit, col(Unit.id) == CheckIn.unit_id)
        .where(col(CheckIn.round_id).in_(list(round_ids)), within(reach))
    )
    found = [
        Entry(checkin, held, name_of(person), unit.name, unit.path)
        for checkin, held, person, unit in rows
    ]
    return sorted(found, key=lambda entry: (entry.unit_name, entry.name))


async def entries_at(session: AsyncSession, round_ids: Iterable[int], unit: Unit) -> list[Entry]:
    """Return the check-ins of a unit: of a dormitory, those of the boarders who sleep there."""
    rows = await session.exec(
        select(CheckIn, Round, Person, Unit)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .join(Person, col(Person.id) == CheckIn.subject_id)
        .join(Unit, col(Unit.id) == CheckIn.unit_id)
        .where(
            col(CheckIn.round_id).in_(list(round_ids)),
            CheckIn.dormitory_id == unit.id
            if unit.kind == "dormitory"
            else within(Reach((unit.path,))),
        )
    )
    found = [
        Entry(checkin, held, name_of(person), of.name, of.path)
        for checkin, held, person, of in rows
    ]
    return sorted(found, key=lambda entry: (entry.unit_name, entry.name))


async def entry(session: AsyncSession, check_in_id: int) -> Entry | None:
    """Return one check-in."""
    return next(iter(await entries_of(session, [check_in_id])), None)


async def entries_of(session: AsyncSession, check_in_ids: Collection[int]) -> list[Entry]:
    """Return these check-ins."""
    if not check_in_ids:
        return []
    rows = await session.exec(
        select(CheckIn, Round, Person, Unit)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .join(Person, col(Person.id) == CheckIn.subject_id)
        .join(Unit, col(Unit.id) == CheckIn.unit_id)
        .where(col(CheckIn.id).in_(check_in_ids))
    )
    return [
        Entry(checkin, held, name_of(person), unit.name, unit.path)
        for checkin, held, person, unit in rows
    ]


async def open_check_ins(session: AsyncSession, subject_id: int) -> list[tuple[CheckIn, Round]]:
    """Return a subject's check-ins in rounds that are not closed yet."""
    found = await session.exec(
        in_their_rounds(select(CheckIn, Round), lambda person: person == subject_id).where(
            col(Round.closed_at).is_(None), col(Round.cancelled_at).is_(None)
        )
    )
    return list(found.all())


async def still_open(session: AsyncSession, school_id: int) -> list[tuple[Round, str]]:
    """Return a school's rounds that are open, each with its audience."""
    found = await session.exec(
        select(Round, PlanRow.audience)
        .join(PlanRow, col(PlanRow.id) == Round.plan_id)
        .where(
            Round.school_id == school_id,
            col(Round.closed_at).is_(None),
            col(Round.cancelled_at).is_(None),
        )
    )
    return list(found.all())


async def not_over(session: AsyncSession, school_id: int, now: datetime) -> list[Round]:
    """Return a school's rounds in which an answer is still taken, in time or late."""
    found = await session.exec(
        select(Round).where(
            Round.school_id == school_id,
            Round.late_until > now,
            col(Round.cancelled_at).is_(None),
        )
    )
    return list(found)


async def forget_exposures(session: AsyncSession, check_in_id: int) -> None:
    """Take away the places of an answer that does not stand any more."""
    exposure = table(ExposureRow)
    await affected(session, delete(exposure).where(exposure.c.check_in_id == check_in_id))


async def rounds_about(
    session: AsyncSession, subject_ids: Iterable[int], *, since: date
) -> list[Round]:
    """Return the rounds since a day in which any of these subjects has a check-in."""
    whom = list(subject_ids)
    found = await session.exec(
        in_their_rounds(select(Round), lambda person: among(session, person, whom))
        .where(col(Round.day) >= since)
        .order_by(col(Round.day).desc(), col(Round.id))
        .distinct()
    )
    return list(found)
