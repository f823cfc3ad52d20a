"""Signatures under a unit's day, and what changed after them."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import func, tuple_, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sql import affected, table
from storage.tables import Correction, SignOff


async def sign_off_of(session: AsyncSession, unit_id: int, day: date, slot: str) -> SignOff | None:
    """Return the signature under a unit's day, if it was signed."""
    found = await session.exec(
        select(SignOff).where(SignOff.unit_id == unit_id, SignOff.day == day, SignOff.slot == slot)
    )
    return found.first()


async def sign_offs_of(
    session: AsyncSession, days: Iterable[tuple[int, date, str]]
) -> dict[tuple[int, date, str], SignOff]:
    """Return the signatures under these days (unit, day, slot), in one query."""
    wanted = set(days)
    if not wanted:
        return {}
    key = tuple_(col(SignOff.unit_id), col(SignOff.day), col(SignOff.slot))
    found = await session.exec(select(SignOff).where(key.in_(wanted)))
    return {(signed.unit_id, signed.day, signed.slot): signed for signed in found}


async def corrections_of(session: AsyncSession, sign_off_id: int) -> list[Correction]:
    """Return what changed after a signature, oldest first."""
    found = await session.exec(
        select(Correction)
        .where(Correction.sign_off_id == sign_off_id)
        .order_by(col(Correction.id))
    )
    return list(found)


async def corrections_by_id(session: AsyncSession, ids: Sequence[int]) -> list[Correction]:
    """Return these corrections, oldest first."""
    found = await session.exec(
        select(Correction).where(col(Correction.id).in_(ids)).order_by(col(Correction.id))
    )
    return list(found)


async def untold_since(
    session: AsyncSession, moment: datetime
) -> list[tuple[SignOff, Correction]]:
    """Return what nobody has been told of, where the oldest of it is as old as `moment`."""
    waiting = (
        select(Correction.sign_off_id)
        .where(col(Correction.told_at).is_(None))
        .group_by(col(Correction.sign_off_id))
        .having(func.min(Correction.at) <= moment)
    )
    found = await session.exec(
        select(SignOff, Correction)
        .join(Correction, col(Correction.sign_off_id) == SignOff.id)
        .where(col(Correction.told_at).is_(None), col(Correction.sign_off_id).in_(waiting))
        .order_by(col(Correction.id))
    )
    return list(found.all())


async def mark_told(session: AsyncSession, ids: Iterable[int], now: datetime) -> None:
    """Keep that word of these corrections was owed."""
    correction = table(Correction)
    await affected(
        session,
        update(correction).where(correction.c.id.in_(list(ids))).values(told_at=now),
    )
