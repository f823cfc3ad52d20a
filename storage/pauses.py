"""Pauses: days on which nobody is asked about somebody, who made them and until when."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.checkins import Status
from storage.places import in_their_rounds
from storage.sql import affected, table
from storage.tables import CheckIn, Pause, Round

_OPEN = (Status.due, Status.asked, Status.partial, Status.unreachable)


def away_on(day: date) -> ColumnElement[bool]:
    """Return the condition that a pause holds on a day; `until` is the day of return."""
    return and_(col(Pause.since) <= day, col(Pause.until) > day, col(Pause.ended_at).is_(None))


def paused(subject_id: Any, day: date) -> ColumnElement[bool]:
    """Return the condition that a subject is on a pause on a day."""
    return exists().where(col(Pause.subject_id) == subject_id, away_on(day))


async def pauses_of(
    session: AsyncSession, subject_ids: Iterable[int], day: date
) -> dict[int, Pause]:
    """Return the pauses that hold on a day or begin later, by subject; the latest of each."""
    found = await session.exec(
        select(Pause)
        .where(
            col(Pause.subject_id).in_(list(subject_ids)),
            col(Pause.until) > day,
            col(Pause.ended_at).is_(None),
        )
        .order_by(col(Pause.id))
    )
    return {pause.subject_id: pause for pause in found}


async def make_pause(
    session: AsyncSession, pause: Pause, today: date
) -> list[tuple[CheckIn, date]]:
    """Keep a pause in place of the subject's others; return the open check-ins it excuses.

    An answer that stands is not touched: a case cannot be hidden by a pause. Neither is the day of
    return, about which a family may have been asked the evening before.
    """
    await end_pauses(session, pause.subject_id, pause.made_at)
    session.add(pause)
    await session.flush()
    waiting = [
        (checkin, day)
        for checkin, day in await _check_ins(session, pause.subject_id, today, _OPEN)
        if pause.since <= day < pause.until
    ]
    for checkin, _ in waiting:
        checkin.status, checkin.excuse = Status.excused.value, pause.reason
    await session.flush()
    return waiting


async def end_pauses(session: AsyncSession, subject_id: int, now: datetime) -> int:
    """End whatever pauses of a subject hold or are to come; return how many."""
    return await affected(
        session,
        update(table(Pause))
        .where(col(Pause.subject_id) == subject_id, col(Pause.ended_at).is_(None))
        .values(ended_at=now),
    )


async def excused(
    session: AsyncSession, subject_id: int, today: date
) -> list[tuple[CheckIn, date]]:
    """Return the check-ins from today on that nobody is asked about."""
    return await _check_ins(session, subject_id, today, (Status.excused,))


async def _check_ins(
    session: AsyncSession, subject_id: int, today: date, statuses: Iterable[Status]
) -> list[tuple[CheckIn, date]]:
    found = await session.exec(
        in_their_rounds(select(CheckIn, Round), lambda person: person == subject_id).where(
            col(Round.day) >= today,
            col(Round.closed_at).is_(None),
            col(Round.cancelled_at).is_(None),
            col(CheckIn.status).in_([status.value for status in statuses]),
        )
    )
    return [(checkin, held.day) for checkin, held in found]
