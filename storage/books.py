"""What is kept of a day, to be held against what was done: `allclear simulate` reads it."""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.editions import EditionReason
from storage.ledger import UNDATED, State
from storage.sql import table
from storage.tables import CheckIn, Contact, Enrolment, HistoryEntry, Ledger, Round

_contact = table(Contact).c
_entry = table(Ledger).c
_history = table(HistoryEntry).c

SAID = ("accepted", "unchanged", "raised", "undone", "correction_asked", "late", "too_late")
SKIPPED = (State.unclear, State.expired, State.moot, State.failed, State.withdrawn)

Said = Counter[tuple[str, int]]  # (number of the subject, chat), each with its answers


async def subjects(session: AsyncSession, oneself: Mapping[int, str]) -> dict[int, str]:
    """Return everybody's number: students by the roster, the others by their own chat."""
    mine = select(_contact.person_id, _contact.chat_id).where(_contact.chat_id.in_(oneself))
    found = {person: oneself[chat] for person, chat in await _rows(session, mine)}
    enrolment = table(Enrolment).c
    enrolled = await _rows(session, select(enrolment.person_id, enrolment.number))
    return found | dict(enrolled)


async def said(session: AsyncSession, day: date, known: Mapping[int, str]) -> Said:
    """Count the answers about a day that are in the history, by whom and about whom."""
    of, held = table(CheckIn).c, table(Round).c
    found = await _rows(
        session,
        select(_history.subject_id, _contact.chat_id, func.count())
        .join_from(table(HistoryEntry), table(CheckIn), of.id == _history.check_in_id)
        .join(table(Round), held.id == of.round_id)
        .join(table(Contact), _contact.person_id == _history.by)
        .where(held.day == day, _history.act.in_(SAID))
        .group_by(_history.subject_id, _contact.chat_id),
    )
    return Counter({(known[subject], chat): times for subject, chat, times in found})


async def skipped(session: AsyncSession, since: datetime) -> Counter[tuple[int, str]]:
    """Count by chat and kind what is on record as not sent, or as maybe sent and left at that."""
    found = await _rows(
        session,
        select(_contact.chat_id, _entry.kind, func.count())
        .join_from(table(Ledger), table(Contact), _contact.id == _entry.contact_id)
        .where(
            _entry.state.in_([state.value for state in SKIPPED]),
            _entry.sent_at.is_(None),
            _entry.created_at >= since,
        )
        .group_by(_contact.chat_id, _entry.kind),
    )
    return Counter({(chat, kind): times for chat, kind, times in found})


async def oldest_day(session: AsyncSession) -> date | None:
    """Return the first day of which is on record what was sent to whom."""
    query = select(func.min(_entry.day)).where(_entry.day > UNDATED)
    first: date | None = (await _rows(session, query))[0][0]
    return first


async def asked_again(session: AsyncSession, since: datetime) -> Counter[int]:
    """Count by chat what was owed once more because nobody had been heard for a while."""
    found = await _rows(
        session,
        select(_contact.chat_id, func.count())
        .join_from(table(Ledger), table(Contact), _contact.id == _entry.contact_id)
        .where(
            _entry.edition > 0,
            _entry.edition_reason == EditionReason.outage.value,
            _entry.created_at >= since,
        )
        .group_by(_contact.chat_id),
    )
    return Counter(dict(found))


async def without_reason(session: AsyncSession, since: datetime) -> int:
    """Count what was owed once more without a reason on record."""
    found = await _rows(
        session,
        select(func.count()).where(
            _entry.edition > 0, _entry.edition_reason.is_(None), _entry.created_at >= since
        ),
    )
    return int(found[0][0])


async def _rows(session: AsyncSession, query: Select[Any]) -> list[Any]:
    found = await session.exec(query)  # type: ignore[call-overload]
    return list(found.all())
