"""Two rows that turn out to be one person: the one behind the chat goes on, with everything."""

from collections.abc import Iterable
from datetime import date

from sqlalchemy import exists
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.statuses import SETTLED
from storage.history import write_down
from storage.places import schools_of
from storage.sql import among, is_one_of, table
from storage.tables import (
    CheckIn,
    Consent,
    Contact,
    Enrolment,
    Flag,
    Guardianship,
    HistoryEntry,
    Invitation,
    Pause,
    Person,
    RoleGrant,
    Round,
)


async def is_student(session: AsyncSession, person_ids: Iterable[int], day: date) -> bool:
    """Say whether one of these people is enrolled on a day, or will be."""
    ids = col(Enrolment.person_id).in_(list(person_ids))
    going_on = col(Enrolment.until).is_(None) | (col(Enrolment.until) > day)
    return (await session.exec(select(Enrolment.id).where(ids, going_on))).first() is not None


async def merge(session: AsyncSession, kept: Person, other: Person, day: date) -> None:
    """Give `kept` the name, roles, ties and consents of `other`.

    What was said and done stays with the row that said it: an answer is sealed to its subject and
    the audit is never rewritten. `other` stays behind as the name of that past.
    """
    if other.name is not None:
        name = type(other.name).of(kept.id, other.name.read(other.id))
        kept.name = name
    if kept.phone is None and other.phone is not None:
        kept.phone = type(other.phone).of(kept.id, other.phone.read(other.id))
        kept.phone_index = other.phone_index
    await _roles(session, kept.id, other.id, day)
    await _ties(session, kept.id, other.id)
    for consent in await session.exec(select(Consent).where(Consent.given_by == other.id)):
        consent.given_by = kept.id
        if consent.subject_id == other.id:
            consent.subject_id = kept.id
    for model in (Contact, Invitation):
        for row in await session.exec(select(model).where(model.person_id == other.id)):
            row.person_id = kept.id
    for pause in await session.exec(select(Pause).where(Pause.subject_id == other.id)):
        pause.subject_id = kept.id
    await session.flush()
    await _open_check_ins(session, kept.id, other.id)


async def _roles(session: AsyncSession, kept: int, other: int, day: date) -> None:
    """Move the roles; of one that both hold, the roster's number stays and one row ends."""
    held = {
        (grant.role, grant.unit_id): grant
        for grant in await session.exec(select(RoleGrant).where(RoleGrant.person_id == kept))
        if grant.until is None
    }
    for grant in await session.exec(select(RoleGrant).where(RoleGrant.person_id == other)):
        twice = held.get((grant.role, grant.unit_id))
        if twice is None or grant.until is not None:
            grant.person_id = kept
        else:
            twice.number = grant.number
            grant.until = day


async def _ties(session: AsyncSession, kept: int, other: int) -> None:
    """Move the ties; of two to one child, what either forbids is forbidden."""
    held = {
        tie.student_id: tie
        for tie in await session.exec(select(Guardianship).where(Guardianship.guardian_id == kept))
    }
    for tie in await session.exec(select(Guardianship).where(Guardianship.guardian_id == other)):
        twice = held.get(tie.student_id)
        if twice is None:
            tie.guardian_id = kept
            continue
        twice.rank = min(twice.rank, tie.rank)
        twice.may_see, twice.may_answer = (
            twice.may_see and tie.may_see,
            twice.may_answer and tie.may_answer,
        )
        twice.separate = twice.separate or tie.separate
        twice.until = min(filter(None, (twice.until, tie.until)), default=None)
        await session.delete(tie)


async def _open_check_ins(session: AsyncSession, kept: int, other: int) -> None:
    """Take over the check-ins of open rounds that nobody has answered; one a round."""
    await write_down(session)
    at = schools_of(lambda person: among(session, person, [kept, other]))
    running = (
        is_one_of(session, table(Round).c.school_id, at),
        col(Round.closed_at).is_(None),
        col(Round.cancelled_at).is_(None),
    )
    theirs = select(CheckIn.round_id).join(Round, col(Round.id) == CheckIn.round_id)
    has_one = set(await session.exec(theirs.where(CheckIn.subject_id == kept, *running)))
    found = await session.exec(
        select(CheckIn)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .where(
            CheckIn.subject_id == other,
            *running,
            col(CheckIn.status).not_in([status.value for status in SETTLED]),
            col(CheckIn.draft).is_(None),
            ~exists().where(col(HistoryEntry.check_in_id) == CheckIn.id),
            ~exists().where(col(Flag.check_in_id) == CheckIn.id),
        )
    )
    for checkin in found:
        if checkin.round_id in has_one:
            await session.delete(checkin)
        else:
            checkin.subject_id = kept
    await session.flush()
