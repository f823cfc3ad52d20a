"""Whose answer a household is still waited for in the other rounds of a day and slot."""

from collections.abc import Collection

from sqlalchemy import select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.statuses import Status
from storage.people import in_force
from storage.places import schools_of
from storage.sql import among, is_one_of, table
from storage.tables import CheckIn, Guardianship, Round

_checkin = table(CheckIn).c
_guardianship = table(Guardianship).c
_round = table(Round).c


async def waited_for_elsewhere(
    session: AsyncSession, held: Round, people: Collection[int]
) -> set[int]:
    """Return those who are asked about somebody in another round of the same day and slot.

    In split custody nobody's reminder may tell that the other parent has answered.
    """
    if not people:
        return set()
    tie = _guardianship
    ties = await session.exec(
        select(tie.guardian_id, tie.student_id, tie.separate).where(  # type: ignore[call-overload]
            among(session, tie.guardian_id, people),
            tie.may_answer,
            tie.proved_at.is_not(None),
            in_force(tie.since, tie.until, held.day),
        )
    )
    asked = [*ties.all(), *((person, person, False) for person in people)]
    about = {subject for _, subject, _ in asked}
    at = schools_of(lambda person: among(session, person, about))
    others = await session.exec(
        select(_checkin.subject_id, _checkin.status)  # type: ignore[call-overload]
        .join_from(table(Round), table(CheckIn), _checkin.round_id == _round.id)
        .where(
            among(session, _checkin.subject_id, about),
            is_one_of(session, _round.school_id, at),
            _round.id != held.id,
            _round.day == held.day,
            _round.slot == held.slot,
            _round.closed_at.is_(None),
            _round.cancelled_at.is_(None),
        )
    )
    found = others.all()
    inside = {subject for subject, _ in found}
    silent = {subject for subject, status in found if status in (Status.asked, Status.partial)}
    return {
        person
        for person, subject, separate in asked
        if subject in silent or (separate and subject in inside)
    }
