"""A school's day for its lead: check-ins without names, the few names, and the days before."""

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import and_, case, func
from sqlalchemy.sql import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from checkin.questions import Disposition
from checkin.statuses import Status
from checkin.summaries import Stood
from storage.people import name_of
from storage.sql import table
from storage.tables import CheckIn, Person, Round, Unit


@fact
class Named:
    """Who a check-in is about, and the class that they are named beside."""

    name: str
    unit_name: str
    position: int


@fact
class PastDay:
    """A school day in three numbers."""

    day: date
    expected: int
    answered: int
    cases: int


async def stood(session: AsyncSession, round_ids: Iterable[int]) -> list[Stood]:
    """Return where every check-in of these rounds stands; no name is opened."""
    return await _stood(session, table(CheckIn).c.round_id.in_(list(round_ids)))


async def stood_of(session: AsyncSession, check_in_ids: Iterable[int]) -> list[Stood]:
    """Return where these check-ins stand."""
    return await _stood(session, table(CheckIn).c.id.in_(list(check_in_ids)))


async def _stood(session: AsyncSession, which: ColumnElement[bool]) -> list[Stood]:
    each = table(CheckIn).c
    rows = await (await session.connection()).execute(
        select(  # type: ignore[call-overload]
            each.id,
            each.subject_id,
            each.unit_id,
            each.school_id,
            each.status,
            each.disposition,
            each.absent,
            each.late,
            each.via,
            each.excuse,
            each.presence,
            each.valid_until,
        )
        .where(which)
        .order_by(each.id)
    )
    return [
        Stood(
            id_,
            subject,
            unit,
            unit == school,
            Status(status),
            Disposition(disposition) if disposition else None,
            *rest,
        )
        for id_, subject, unit, school, status, disposition, *rest in rows
    ]


async def named(session: AsyncSession, check_in_ids: Iterable[int]) -> dict[int, Named]:
    """Return whom these check-ins are about, by check-in."""
    wanted = set(check_in_ids)
    if not wanted:
        return {}
    rows = await session.exec(
        select(CheckIn.id, Person, Unit.name, Unit.position)
        .join(Person, col(Person.id) == CheckIn.subject_id)
        .join(Unit, col(Unit.id) == CheckIn.unit_id)
        .where(col(CheckIn.id).in_(wanted))
    )
    return {
        id_: Named(name_of(person), unit, position) for id_, person, unit, position in rows.all()
    }


async def past_days(
    session: AsyncSession, school_id: int, slot: str, last: date, count: int
) -> Sequence[PastDay]:
    """Return a school's last days with a round, up to `last`, oldest first."""
    each, held = table(CheckIn).c, table(Round).c
    theirs = and_(
        held.school_id == school_id,
        held.slot == slot,
        held.day <= last,
        held.cancelled_at.is_(None),
    )
    days = select(held.day).where(theirs).distinct().order_by(held.day.desc()).limit(count)
    complete = each.status == Status.complete.value
    rows = await (await session.connection()).execute(
        select(
            held.day,
            func.sum(case((each.status != Status.excused.value, 1), else_=0)),
            func.sum(case((complete, 1), else_=0)),
            func.sum(case((and_(complete, each.severity > 0), 1), else_=0)),
        )
        .select_from(table(Round).join(table(CheckIn), each.round_id == held.id))
        .where(theirs, held.day.in_(days))
        .group_by(held.day)
        .order_by(held.day)
    )
    return [PastDay(*row) for row in rows]
