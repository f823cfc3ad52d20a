"""The audit: a row in the act's own transaction, chained a school at a time afterwards."""

import hashlib
import json
from datetime import datetime
from typing import Any

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.tables import AuditEntry


def record(
    session: AsyncSession,
    act: str,
    now: datetime,
    *,
    actor_id: int | None,
    school_id: int | None,
    **about: Any,
) -> None:
    """Keep that someone did something: ids and counts only, never a name or an answer."""
    session.add(AuditEntry(school_id=school_id, actor_id=actor_id, act=act, about=about, at=now))


async def seal(session: AsyncSession, limit: int = 5000) -> int:
    """Chain the acts that are not chained yet, one chain a school; return how many."""
    rows = list(
        await session.exec(
            select(AuditEntry)
            .where(col(AuditEntry.seal).is_(None))
            .order_by(col(AuditEntry.id))
            .limit(limit)
        )
    )
    last: dict[int | None, tuple[int, bytes]] = {}
    for row in rows:
        if row.school_id not in last:
            last[row.school_id] = await _end_of_chain(session, row.school_id)
        position, before = last[row.school_id]
        row.position = position + 1
        row.seal = _seal(before, row)
        last[row.school_id] = (row.position, row.seal)
    return len(rows)


async def first_break(session: AsyncSession, school_id: int | None) -> int | None:
    """Return the position at which a school's chain was altered, or None when it is whole."""
    rows = await session.exec(
        select(AuditEntry)
        .where(AuditEntry.school_id == school_id, col(AuditEntry.seal).is_not(None))
        .order_by(col(AuditEntry.position))
    )
    before = b""
    for expected, row in enumerate(rows, start=1):
        if row.position != expected or row.seal != _seal(before, row):
            return expected
        before = row.seal or b""
    return None


async def _end_of_chain(session: AsyncSession, school_id: int | None) -> tuple[int, bytes]:
    found = await session.exec(
        select(AuditEntry.position, AuditEntry.seal)
        .where(AuditEntry.school_id == school_id, col(AuditEntry.seal).is_not(None))
        .order_by(col(AuditEntry.position).desc())
        .limit(1)
    )
    end = found.first()
    return (0, b"") if end is None else (end[0] or 0, end[1] or b"")


def _seal(before: bytes, row: AuditEntry) -> bytes:
    content = [row.id, row.position, row.school_id, row.actor_id, row.act, row.about]
    text = json.dumps([*content, row.at.isoformat()], sort_keys=True)
    return hashlib.sha256(before + text.encode()).digest()
