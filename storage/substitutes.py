"""Substitutes: class teachers for some days, by a colleague's word."""

from collections.abc import Iterable
from datetime import date

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.access import Role
from storage.people import in_force
from storage.tables import RoleGrant


async def substitutions(
    session: AsyncSession, unit_ids: Iterable[int], day: date
) -> list[RoleGrant]:
    """Return the grants by which colleagues stand in at these classes on a day."""
    found = await session.exec(
        select(RoleGrant)
        .where(
            col(RoleGrant.unit_id).in_(list(unit_ids)),
            RoleGrant.role == Role.class_teacher.value,
            col(RoleGrant.granted_by).is_not(None),
            col(RoleGrant.until).is_not(None),
            in_force(col(RoleGrant.since), col(RoleGrant.until), day),
        )
        .order_by(col(RoleGrant.id))
    )
    return list(found)
