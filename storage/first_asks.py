"""Cards to be shown for the first time, about people of whom nobody has said anything yet.

They are the morning's bulk, so they are read as columns, many at once: loading whole rows as
objects costs more than sending them.
"""

from collections.abc import Collection
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam
from sqlalchemy import select as of_rows
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.statuses import Status
from storage.cards import households_at_rest
from storage.people import open_name
from storage.places import in_their_rounds
from storage.sql import among_named, is_sqlite, numbers, table
from storage.tables import Card, CheckIn, Contact, Person, Round, Unit
from storage.units import zone_named


class UnseenCard(NamedTuple):
    """A household's card without a message yet, where it goes, and since when that is open."""

    id: int
    revision: int
    day: date
    slot: str
    chat_id: int
    language: str | None
    person_id: int
    chat_since: datetime


class Awaited(NamedTuple):
    """Somebody's check-in as a card shows it; `untouched` when nothing was said or done in it."""

    check_in_id: int
    subject_id: int
    school_id: int
    status: Status
    untouched: bool
    name: str
    unit_name: str
    is_staff: bool
    day: date
    closes_at: datetime
    late_until: datetime
    closed: bool
    unit_id: int
    questionnaire_id: int
    zone: ZoneInfo
    evening: bool


async def unseen_cards(session: AsyncSession, card_ids: Collection[int]) -> list[UnseenCard]:
    """Return which of these cards are households' that have never been shown, in open chats."""
    rows = await session.exec(
        _unseen(is_sqlite(session)), params={"cards": numbers(session, card_ids)}
    )
    return [UnseenCard(*row) for row in rows]


async def awaited(
    session: AsyncSession, subject_ids: Collection[int], day: date, slot: str
) -> dict[int, list[Awaited]]:
    """Return the check-ins of these subjects on a day by subject, in the order of the rounds."""
    rows = await session.exec(
        _awaited(is_sqlite(session)),
        params={"day": day, "slot": slot, "subjects": numbers(session, subject_ids)},
    )
    found: dict[int, list[Awaited]] = {}
    for row in rows:
        id_, subject, school, status, plain, name, unit, closes, late, closed, *more = row
        unit_id, asks, zone, evening = more
        found.setdefault(subject, []).append(
            Awaited(
                id_,
                subject,
                school,
                Status(status),
                bool(plain),
                open_name(name, subject),
                unit,
                unit_id == school,
                day,
                closes,
                late,
                closed is not None,
                unit_id,
                asks,
                zone_named(zone),
                evening,
            )
        )
    return found


@cache
def _unseen(sqlite: bool) -> Any:
    since = table(Contact).c.changed_at
    return households_at_rest(sqlite, since).where(table(Card).c.message_id.is_(None))


@cache
def _awaited(sqlite: bool) -> Any:
    checkin, held, school = table(CheckIn).c, table(Round).c, table(Unit).alias("school")
    untouched = and_(
        checkin.status.in_([Status.due.value, Status.asked.value]),
        checkin.severity == 0,
        checkin.disposition.is_(None),
        checkin.answers.is_(None),
        checkin.draft.is_(None),
        checkin.asked_for.is_(None),
        checkin.respondent_id.is_(None),
        checkin.answered_at.is_(None),
        checkin.valid_until.is_(None),
        checkin.presence.is_(None),
        checkin.excuse.is_(None),
        checkin.via == "chat",
        col(CheckIn.absent).is_(False),
        col(CheckIn.late).is_(False),
        held.cancelled_at.is_(None),
    )
    columns = (
        checkin.id,
        checkin.subject_id,
        checkin.school_id,
        checkin.status,
        untouched,
        table(Person).c.name,
        table(Unit).c.name,
        held.closes_at,
        held.late_until,
        held.closed_at,
        checkin.unit_id,
        held.questionnaire_id,
        school.c.zone,
        held.evening,
    )
    return (
        in_their_rounds(of_rows(*columns), lambda person: among_named(sqlite, person, "subjects"))
        .join(Person, col(Person.id) == checkin.subject_id)
        .join(Unit, col(Unit.id) == checkin.unit_id)
        .join(school, school.c.id == checkin.school_id)
        .where(held.day == bindparam("day"), held.slot == bindparam("slot"))
        .order_by(held.id)
    )
