"""Signatures under a unit's day."""

from datetime import date

from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.tables import SignOff


async def sign_off_of(session: AsyncSession, unit_id: int, day: date, slot: str) -> SignOff | None:
    """Return the signature under a unit's day, if it was signed."""
    found = await session.exec(
        select(SignOff).where(SignOff.unit_id == unit_id, SignOff.day == day, SignOff.slot == slot)
    )
    return found.first()
