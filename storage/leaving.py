"""Students who leave: enrolments and ties that end, check-ins that nobody owes any more."""

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any

from sqlalchemy import delete, exists, or_, select, tuple_, update
from sqlmodel import col
from sqlmodel import select as of_models
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.checkins import Status
from checkin.facts import fact
from storage.cards import refresh_of
from storage.history import write_down
from storage.people import in_force, name_of
from storage.sql import affected, is_one_of, table
from storage.tables import (
    CheckIn,
    Enrolment,
    Flag,
    Guardianship,
    HistoryEntry,
    Person,
    Round,
    Unit,
)


@fact
class Leaver:
    """A student who may be about to leave, with the class of today."""

    enrolment_id: int
    person_id: int
    name: str
    number: str
    unit_name: str


async def unlisted(session: AsyncSession, school_id: int, day: date) -> list[Leaver]:
    """Return the students who were not in the last list and have not left, by class and name."""
    return await _leavers(session, school_id, day, col(Enrolment.unlisted).is_(True))


async def enrolled(
    session: AsyncSession, school_id: int, day: date, numbers: Iterable[str]
) -> list[Leaver]:
    """Return the students with these numbers who have not left, by class and name."""
    return await _leavers(session, school_id, day, col(Enrolment.number).in_(list(numbers)))


async def _leavers(
    session: AsyncSession, school_id: int, day: date, condition: Any
) -> list[Leaver]:
    found = await session.exec(
        of_models(Enrolment, Person, Unit)
        .join(Person, col(Person.id) == Enrolment.person_id)
        .join(Unit, col(Unit.id) == Enrolment.unit_id)
        .where(
            Enrolment.school_id == school_id,
            col(Enrolment.since) <= day,
            col(Enrolment.until).is_(None),
            condition,
        )
    )
    leavers = [
        (unit.position, Leaver(e.id, person.id, name_of(person), e.number, unit.name))
        for e, person, unit in found
    ]
    leavers.sort(key=lambda each: (each[0], each[1].unit_name, each[1].name))
    return [leaver for _, leaver in leavers]


async def end(session: AsyncSession, leavers: Collection[Leaver], first_without: date) -> None:
    """End enrolments, and the ties of whoever is enrolled nowhere else from that day on."""
    enrolment, tie = table(Enrolment).c, table(Guardianship).c
    people = [leaver.person_id for leaver in leavers]
    await affected(
        session,
        update(table(Enrolment))
        .where(enrolment.id.in_([leaver.enrolment_id for leaver in leavers]))
        .values(until=first_without, unlisted=False),
    )
    elsewhere = select(enrolment.person_id).where(
        enrolment.person_id.in_(people), in_force(enrolment.since, enrolment.until, first_without)
    )
    await affected(
        session,
        update(table(Guardianship))
        .where(
            tie.student_id.in_(people),
            tie.student_id.not_in(elsewhere),
            or_(tie.until.is_(None), tie.until > first_without),
        )
        .values(until=first_without),
    )
    await _forget_unanswered(session, leavers, first_without)
    await _clear_cards(session, people, first_without)


async def _forget_unanswered(
    session: AsyncSession, leavers: Collection[Leaver], since: date
) -> None:
    """Take leavers out of their school's rounds of later days that know nothing of them yet."""
    await write_down(session)
    enrolment = table(Enrolment).c
    left = select(enrolment.person_id, enrolment.school_id).where(
        enrolment.id.in_([leaver.enrolment_id for leaver in leavers])
    )
    checkin, held = table(CheckIn).c, table(Round).c
    history, flag = table(HistoryEntry).c, table(Flag).c
    later = select(held.id).where(
        held.day >= since, held.school_id.in_(select(left.subquery().c.school_id))
    )
    await affected(
        session,
        delete(table(CheckIn)).where(
            tuple_(checkin.subject_id, checkin.school_id).in_(left),
            is_one_of(session, checkin.round_id, later),
            checkin.status != Status.complete.value,
            ~exists().where(history.check_in_id == checkin.id),
            ~exists().where(flag.check_in_id == checkin.id),
        ),
    )


async def _clear_cards(session: AsyncSession, people: list[int], since: date) -> None:
    """Have the families' cards of later days drawn anew: some were asked the evening before."""
    tie = table(Guardianship).c
    guardians = await session.exec(
        of_models(Guardianship.guardian_id).where(tie.student_id.in_(people))
    )
    await refresh_of(session, [*people, *guardians], since=since)
