"""Flags: what the school was told of, and the messages that show it."""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta

from sqlalchemy import or_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from checkin.flags import FlagKind
from checkin.triage import LONGEST_HOLD
from storage.cards import ABOUT_ONE
from storage.people import in_force
from storage.sql import affected, table
from storage.tables import Card, CheckIn, Flag, Guardianship, Round

CARD = "flag"  # the kind of the cards that show a flag


@fact
class Standing:
    """A flag that is not decided yet, with what telling somebody else of it takes."""

    flag: Flag
    checkin: CheckIn
    day: date
    slot: str


async def standing_flags(session: AsyncSession, check_in_id: int) -> list[Flag]:
    """Return the flags of a check-in that are not decided yet, newest first."""
    found = await session.exec(
        select(Flag)
        .where(Flag.check_in_id == check_in_id, col(Flag.decided_at).is_(None))
        .order_by(col(Flag.id).desc())
    )
    return list(found)


async def standing_at(session: AsyncSession, school_id: int, today: date) -> list[Standing]:
    """Return a school's flags that stand today: of each subject the newest of its kind."""
    found = await session.exec(
        select(Flag, CheckIn, Round)
        .join(CheckIn, col(CheckIn.id) == Flag.check_in_id)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .where(
            Round.school_id == school_id,
            Round.day >= today - timedelta(days=LONGEST_HOLD),
            or_(col(Round.day) >= today, col(Flag.valid_until) >= today),
            col(Flag.decided_at).is_(None),
        )
        .order_by(col(Round.day), col(Flag.id))
    )
    newest = {
        (checkin.subject_id, flag.kind): Standing(flag, checkin, held.day, held.slot)
        for flag, checkin, held in found
    }
    return list(newest.values())


async def unseen(session: AsyncSession, since: datetime, before: datetime) -> list[Standing]:
    """Return the flags raised between two moments that nobody has seen, of every school."""
    found = await session.exec(
        select(Flag, CheckIn, Round)
        .join(CheckIn, col(CheckIn.id) == Flag.check_in_id)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .where(
            col(Flag.raised_at) > since,
            col(Flag.raised_at) <= before,
            Flag.kind != FlagKind.correction,
            col(Flag.acknowledged_at).is_(None),
            col(Flag.decided_at).is_(None),
            col(Flag.escalated_at).is_(None),
        )
        .order_by(col(Flag.id))
    )
    return [Standing(flag, checkin, held.day, held.slot) for flag, checkin, held in found]


async def card_about(session: AsyncSession, contact_id: int, flag: Flag, day: date) -> Card | None:
    """Return the message that shows a flag in a chat, if that chat was told of it."""
    found = await session.exec(
        select(Card).where(
            Card.contact_id == contact_id,
            Card.day == day,
            Card.kind == CARD,
            Card.about_id == flag.id,
        )
    )
    return found.first()


async def cards_about(session: AsyncSession, flag: Flag, day: date) -> list[Card]:
    """Return every message that shows a flag, in the order of telling."""
    found = await session.exec(
        select(Card)
        .where(Card.day == day, Card.kind == CARD, Card.about_id == flag.id, ABOUT_ONE)
        .order_by(col(Card.id))
    )
    return list(found)


async def redraw(session: AsyncSession, flags: Iterable[Flag], day: date) -> None:
    """Mark every message that shows one of these flags as behind."""
    ids = [flag.id for flag in flags]
    if not ids:
        return
    card = table(Card)
    await affected(
        session,
        update(card)
        .where(card.c.day == day, card.c.kind == CARD, card.c.about_id.in_(ids), ABOUT_ONE)
        .values(revision=card.c.revision + 1),
    )


async def guardian_ids(
    session: AsyncSession, student_ids: Collection[int], day: date
) -> dict[int, set[int]]:
    """Return who is a guardian of each of these students on a day, proved in chat or not."""
    found = await session.exec(
        select(Guardianship.student_id, Guardianship.guardian_id).where(
            col(Guardianship.student_id).in_(list(student_ids)),
            in_force(col(Guardianship.since), col(Guardianship.until), day),
        )
    )
    ties: dict[int, set[int]] = {student: set() for student in student_ids}
    for student, guardian in found:
        ties[student].add(guardian)
    return ties
