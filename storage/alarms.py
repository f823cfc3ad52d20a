"""Who hears of a missing child, and who has heard."""

from datetime import date

from sqlalchemy import union
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.cards import ABOUT_ONE
from storage.flags import CARD
from storage.ledger import UNDATED
from storage.people import in_force
from storage.sql import is_one_of, table
from storage.tables import Card, CheckIn, Contact, Flag, Guardianship, Ledger


def cause_of(check_in_id: int) -> str:
    """Return how the causes of a child's alarms begin."""
    return f"missing:{check_in_id}:"


async def who_may_see(session: AsyncSession, student_id: int, day: date) -> list[int]:
    """Return the guardians who have proved who they are and may see what is about a student."""
    found = await session.exec(
        select(Guardianship.guardian_id)
        .where(
            Guardianship.student_id == student_id,
            col(Guardianship.may_see).is_(True),
            col(Guardianship.proved_at).is_not(None),
            in_force(col(Guardianship.since), col(Guardianship.until), day),
        )
        .order_by(col(Guardianship.rank), col(Guardianship.id))
    )
    return list(found)


async def alarmed(session: AsyncSession, check_in_id: int) -> list[Contact]:
    """Return the chats that were alarmed about a check-in: by its flag, or at home by word."""
    shown = select(Card.contact_id).where(
        col(Card.about_id).in_(
            select(Flag.id).where(Flag.check_in_id == check_in_id, Flag.kind == "missing")
        ),
        Card.kind == CARD,
        ABOUT_ONE,
    )
    told = (
        select(Ledger.id)
        .where(
            Ledger.day == UNDATED,
            Ledger.bot_id == Contact.bot_id,
            Ledger.contact_id == Contact.id,
            col(Ledger.cause).startswith(cause_of(check_in_id), autoescape=True),
        )
        .correlate(Contact)
    )
    at_home = (
        select(Contact.id)
        .join(Guardianship, col(Guardianship.guardian_id) == Contact.person_id)
        .join(CheckIn, col(CheckIn.subject_id) == Guardianship.student_id)
        .where(CheckIn.id == check_in_id, told.exists())
    )
    found = await session.exec(
        select(Contact)
        .where(is_one_of(session, table(Contact).c.id, union(shown, at_home)))
        .order_by(col(Contact.id))
    )
    return list(found)
