"""A school's own calendar: its terms and vacations, and the days it decided about itself."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.calendar_changes import Period
from checkin.calendars import DayKind, Override
from storage.plans import look_again
from storage.sql import affected, among, table
from storage.tables import CalendarDay, Term


async def periods_of(session: AsyncSession, school_id: int) -> list[Term]:
    """Return a school's terms and vacations, earliest first."""
    return await periods_among(session, [school_id])


async def periods_among(session: AsyncSession, school_ids: Collection[int]) -> list[Term]:
    """Return the terms and vacations of these schools, earliest first."""
    found = await session.exec(
        select(Term)
        .where(among(session, table(Term).c.school_id, school_ids))
        .order_by(col(Term.first), col(Term.id))
    )
    return list(found)


async def days_between(
    session: AsyncSession, school_id: int, first: date, last: date
) -> list[CalendarDay]:
    """Return the days between two dates that were set by hand, in order."""
    return await days_among(session, [school_id], first, last)


async def days_among(
    session: AsyncSession, school_ids: Collection[int], first: date, last: date
) -> list[CalendarDay]:
    """Return the days between two dates that these schools have set by hand, in order."""
    found = await session.exec(
        select(CalendarDay)
        .where(
            among(session, table(CalendarDay).c.school_id, school_ids),
            col(CalendarDay.day) >= first,
            col(CalendarDay.day) <= last,
        )
        .order_by(col(CalendarDay.day))
    )
    return list(found)


async def reason_of(session: AsyncSession, school_id: int, day: date) -> str:
    """Return why a day is what it was set to, as the admin typed it; nothing where none is."""
    return next((row.reason for row in await days_between(session, school_id, day, day)), "")


async def closed_because(session: AsyncSession, school_id: int, day: date) -> str | None:
    """Return why a day was closed by hand; None when it was not."""
    closed = await days_between(session, school_id, day, day)
    return next((row.reason for row in closed if row.kind == DayKind.closed.value), None)


async def keep_periods(
    session: AsyncSession, school_id: int, kept: Iterable[Period], removed: Iterable[Period] = ()
) -> None:
    """Keep terms and vacations, one of the same kind and name is moved; take others away."""
    known = {(row.kind, row.name): row for row in await periods_of(session, school_id)}
    for period in removed:
        if row := known.pop(period.key, None):
            await session.delete(row)
    for period in kept:
        row = known.get(period.key)
        if row is None:
            row = Term(
                school_id=school_id,
                kind=period.kind.value,
                name=period.name,
                first=period.first,
                last=period.last,
            )
            known[period.key] = row
            session.add(row)
        row.first, row.last = period.first, period.last
    await session.flush()
    await look_again(session, school_id)


async def keep_days(
    session: AsyncSession, school_id: int, days: Mapping[date, Override | None]
) -> None:
    """Keep what days are to the school; where it is None the calendar's own rule holds again."""
    day = table(CalendarDay).c
    await affected(
        session,
        delete(table(CalendarDay)).where(day.school_id == school_id, day.day.in_(list(days))),
    )
    session.add_all(
        CalendarDay(school_id=school_id, day=each, kind=set_to.kind.value, reason=set_to.reason)
        for each, set_to in days.items()
        if set_to is not None
    )
    await session.flush()
    await look_again(session, school_id)
