"""Who of some subjects can be reminded through whom, and when they were last written to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, literal, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.asking import GONE, ways_to_ask
from storage.ledger import Lane, State
from storage.sql import affected, insert_into, table
from storage.tables import Card, Ledger, Round

_card = table(Card).c
_ledger = table(Ledger).c


@dataclass(frozen=True, slots=True)
class Addressee:
    """The first guardian in line who has the day's card, and their last ask or reminder."""

    card_id: int
    contact_id: int
    last_at: datetime | None


async def addressees(
    session: AsyncSession, held: Round, subject_ids: Iterable[int]
) -> dict[int, Addressee | None]:
    """Return whom to remind about each subject.

    None is somebody who can be reached and was never asked; who is not in it cannot be reached.
    """
    ways = ways_to_ask(held.id, held.day)
    told = (
        select(
            _ledger.card_id,
            func.max(
                func.coalesce(_ledger.sent_at, _ledger.created_at), type_=_ledger.sent_at.type
            ).label("at"),
        )
        .where(
            _ledger.card_id.is_not(None),
            or_(_ledger.kind == "reminder", _ledger.cause.startswith("ask:", autoescape=True)),
            _ledger.state.not_in(GONE),
        )
        .group_by(_ledger.card_id)
        .subquery()
    )
    rows = await session.exec(  # type: ignore[call-overload]
        select(ways.c.subject_id, ways.c.contact_id, _card.id, told.c.at)
        .select_from(ways)
        .outerjoin(
            table(Card),
            and_(
                _card.contact_id == ways.c.contact_id,
                _card.day == held.day,
                _card.slot == held.slot,
                _card.kind == "household",
            ),
        )
        .outerjoin(told, told.c.card_id == _card.id)
        .where(ways.c.subject_id.in_(list(subject_ids)))
        .order_by(ways.c.place)
    )
    found: dict[int, Addressee | None] = {}
    for subject, contact, card, at in rows:
        if card is not None and found.get(subject) is None:
            found[subject] = Addressee(card, contact, at)
        found.setdefault(subject, None)
    return found


async def owe_reminders(
    session: AsyncSession, held: Round, card_ids: Iterable[int], now: datetime
) -> int:
    """Owe a reminder under each of these cards, by a teacher's word; return how many.

    The rung is the minute of the round, so that two teachers of one family remind it once.
    """
    rung = int((now - held.opened_at).total_seconds() // 60) % 32_000
    same = {
        "cause": literal(f"teacher:{held.day}:{held.slot}"),
        "rung": literal(rung),
        "edition": literal(0),
        "kind": literal("reminder"),
        "lane": literal(int(Lane.reply)),
        "state": literal(State.pending.value),
        "attempts": literal(0),
        "not_after": literal(held.closes_at, type_=_ledger.not_after.type),
        "created_at": literal(now, type_=_ledger.created_at.type),
    }
    owed = select(_card.bot_id, _card.contact_id, _card.id, *same.values()).where(
        _card.id.in_(list(card_ids))
    )
    statement = insert_into(session, Ledger).from_select(
        ["bot_id", "contact_id", "card_id", *same], owed
    )
    return await affected(session, statement.on_conflict_do_nothing())
