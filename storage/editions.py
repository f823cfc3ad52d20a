"""The same message once more: for a closed list of reasons, and in one way only."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, case, exists, func, literal, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sending import STOPPED, would_be_stopped
from storage.sql import affected, insert_into, table
from storage.tables import Card, Ledger, Round

_entry = table(Ledger).c
_KEY = ("day", "bot_id", "contact_id", "cause", "rung")  # and the edition


class EditionReason(StrEnum):
    """Why somebody is written to again about what they had already."""

    outage = "outage"
    lost_card = "lost card"
    migrated = "migrated"


async def owe_again(
    session: AsyncSession,
    owed: Mapping[str, ColumnElement[Any]],
    conditions: tuple[ColumnElement[bool], ...],
    reason: EditionReason,
    now: datetime,
) -> int:
    """Owe messages under the next edition of their cause and rung; return how many.

    `owed` names a row's columns: the day, bot, contact, cause, rung and whatever else it says. It
    waits to be sent, unless it is given another state.
    """
    columns = {
        "state": literal("pending"),
        **owed,
        "edition": _next_edition(owed),
        "edition_reason": literal(reason.value),
        "attempts": literal(0),
        "created_at": literal(now, type_=_entry.created_at.type),
    }
    chosen = select(*columns.values()).where(*conditions)
    statement = insert_into(session, Ledger).from_select(list(columns), chosen)
    return await affected(session, statement.on_conflict_do_nothing())


def _next_edition(owed: Mapping[str, ColumnElement[Any]]) -> ScalarSelect[int]:
    before = table(Ledger).alias().c
    return (
        select(func.coalesce(func.max(before.edition), 0) + 1)
        .where(*(before[name] == owed[name] for name in _KEY))
        .scalar_subquery()
    )


async def again(session: AsyncSession, entry_id: int, reason: EditionReason, now: datetime) -> int:
    """Owe what a row of the ledger owed, if it has failed by now."""
    of = table(Ledger).alias().c
    same = (*_KEY, "kind", "lane", "card_id", "payload")
    owed: dict[str, ColumnElement[Any]] = {
        name: of[name] for name in (*same, "turn", "school_id", "not_after")
    }
    owed["state"] = case((would_be_stopped(of), STOPPED), else_="pending")
    return await owe_again(session, owed, (of.id == entry_id, of.state == "failed"), reason, now)


async def card_again(
    session: AsyncSession, card_id: int, reason: EditionReason, now: datetime
) -> int:
    """Owe a card whose message is not in the chat any more, as what it was sent for last.

    One of a day that is over stays away: nobody waits for it, and whoever took it out knows why.
    """
    of, card, held = table(Ledger).alias().c, table(Card).c, table(Round).c
    newest = select(func.max(_entry.id)).where(_entry.card_id == card_id, _entry.kind == "card")
    not_over = exists().where(card.id == card_id, held.day == card.day, held.late_until > now)
    same = (*_KEY, "kind", "card_id")
    owed: dict[str, ColumnElement[Any]] = {name: of[name] for name in same}
    owed["lane"] = literal(0)  # somebody has just changed what it shows
    which = (of.id == newest.scalar_subquery(), not_over)
    return await owe_again(session, owed, which, reason, now)
