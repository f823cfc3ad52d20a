"""The tree of units: cities down to classes."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import false, or_
from sqlalchemy import select as of_rows
from sqlalchemy.sql import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.access import Reach
from checkin.facts import fact
from storage.sql import among_named, is_sqlite, numbers, table
from storage.tables import Unit

DEFAULT_ZONE = "Asia/Shanghai"


@fact
class School:
    """A school as the rules need it: its zone, country and language."""

    id: int
    name: str
    path: str
    zone: ZoneInfo
    country: str
    language: str


def within(reach: Reach) -> ColumnElement[bool]:
    """Return the condition that keeps a query inside a reach; an empty reach finds nothing."""
    if not reach:
        return false()
    return or_(*(col(Unit.path).startswith(prefix, autoescape=True) for prefix in reach.paths))


def school_of(unit: Unit) -> School:
    """Return a school's unit as a value."""
    return School(
        unit.id,
        unit.name,
        unit.path,
        zone_named(unit.zone),
        unit.country or "CN",
        unit.language or "zh",
    )


async def add_unit(
    session: AsyncSession,
    parent: Unit | None,
    kind: str,
    name: str,
    now: datetime,
    *,
    position: int = 0,
) -> Unit:
    """Add a unit below `parent` (or at the root) and return it, with its path."""
    unit = Unit(kind=kind, name=name, path="", created_at=now, position=position)
    unit.path = f"{parent.path if parent else '/'}{unit.id}/"
    if parent is not None:
        unit.parent_id = parent.id
        unit.school_id = parent.school_id
    if kind == "school":
        unit.school_id = unit.id
    session.add(unit)
    await session.flush()
    return unit


def move_unit(unit: Unit, parent: Unit) -> None:
    """Put a unit that has nothing below it under another parent."""
    unit.parent_id, unit.path = parent.id, f"{parent.path}{unit.id}/"


async def schools(session: AsyncSession, of: Collection[int] | None = None) -> list[School]:
    """Return every school, or those with these ids."""
    query = select(Unit).where(Unit.kind == "school").order_by(col(Unit.id))
    if of is not None:
        query = query.where(col(Unit.id).in_(of))
    return [school_of(unit) for unit in await session.exec(query)]


async def school(session: AsyncSession, school_id: int) -> School:
    """Return one school."""
    unit = await session.get_one(Unit, school_id)
    return school_of(unit)


async def zones(session: AsyncSession, school_ids: Iterable[int]) -> dict[int, ZoneInfo]:
    """Return the time zones of schools."""
    given = {"schools": numbers(session, set(school_ids))}
    found = await session.exec(_zones(is_sqlite(session)), params=given)
    return {id_: zone_named(zone) for id_, zone in found}


def zone_named(zone: str | None) -> ZoneInfo:
    """Return a school's time zone by its name; where none was said, the default one."""
    return ZoneInfo(zone or DEFAULT_ZONE)


@cache
def _zones(sqlite: bool) -> Any:
    unit = table(Unit).c
    return of_rows(unit.id, unit.zone).where(among_named(sqlite, unit.id, "schools"))


async def units_within(session: AsyncSession, reach: Reach, *kinds: str) -> list[Unit]:
    """Return the units of these kinds that a reach covers, in the school's own order."""
    found = await session.exec(
        select(Unit)
        .where(within(reach), col(Unit.kind).in_(kinds))
        .order_by(col(Unit.position), col(Unit.name))
    )
    return list(found)


async def units_in(session: AsyncSession, school_id: int, *kinds: str) -> list[Unit]:
    """Return what lies in a school, of these kinds or of any, in its own order."""
    query = select(Unit).where(Unit.school_id == school_id, Unit.id != school_id)
    if kinds:
        query = query.where(col(Unit.kind).in_(kinds))
    return list(await session.exec(query.order_by(col(Unit.position), col(Unit.name))))


async def units_at(session: AsyncSession, paths: Iterable[str]) -> list[Unit]:
    """Return the units at these paths, in the school's own order."""
    found = await session.exec(
        select(Unit)
        .where(col(Unit.path).in_(list(paths)))
        .order_by(col(Unit.position), col(Unit.name))
    )
    return list(found)


async def classes_of(session: AsyncSession, school_id: int) -> list[Unit]:
    """Return a school's classes in its own order."""
    return await units_in(session, school_id, "class")
