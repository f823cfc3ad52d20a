"""Who of some subjects can be reminded through whom, and when they were last written to."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from storage.asking import card_of, ways_to_ask
from storage.ledger import GONE, Lane, State, give_way, owe_under
from storage.sql import affected, among, table
from storage.tables import Card, CheckIn, Ledger, Round

_card = table(Card).c
_checkin = table(CheckIn).c
_ledger = table(Ledger).c


@fact
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
    these = among(session, _checkin.subject_id, subject_ids)
    ways = ways_to_ask(held.id, held.day, these, every_chat=True)
    last_at = (
        select(
            func.max(
                func.coalesce(_ledger.sent_at, _ledger.created_at), type_=_ledger.sent_at.type
            )
        )
        .where(
            _ledger.card_id == _card.id,
            or_(_ledger.kind == "reminder", _ledger.cause.startswith("ask:", autoescape=True)),
            _ledger.state.not_in(GONE),
        )
        .correlate(table(Card))
        .scalar_subquery()
    )
    rows = await session.exec(  # type: ignore[call-overload]
        select(ways.c.subject_id, ways.c.contact_id, _card.id, last_at)
        .select_from(ways)
        .outerjoin(table(Card), _card.id == card_of(held, ways.c.contact_id))
        .order_by(ways.c.place)
    )
    found: dict[int, Addressee | None] = {}
    for subject, contact, card, at in rows:
        if card is not None and found.get(subject) is None:
            found[subject] = Addressee(card, contact, at)
        found.setdefault(subject, None)
    return found


async def was_asked_before(
    session: AsyncSession, held: Round, subject_id: int, moment: datetime
) -> bool:
    """Say whether somebody had the day's card before a moment who can answer for a subject."""
    ways = ways_to_ask(held.id, held.day, _checkin.subject_id == subject_id, every_chat=True)
    asks = (
        select(_ledger.id)
        .join_from(ways, table(Card), _card.id == card_of(held, ways.c.contact_id))
        .join(table(Ledger), _ledger.card_id == _card.id)
        .where(_ledger.kind == "card", _ledger.sent_at < moment)
    )
    return (await session.exec(asks.limit(1))).first() is not None  # type: ignore[call-overload]


async def owe_reminders(
    session: AsyncSession, held: Round, card_ids: Iterable[int], now: datetime
) -> int:
    """Owe a reminder under each of these cards, by a teacher's word; return how many.

    The rung is the minute of the round, so that two teachers of one family remind it once. Where
    the card itself still waits in the morning's queue, it goes before the others instead; and a
    reminder that still waits there gives way.
    """
    ids = list(card_ids)
    await affected(
        session,
        update(table(Ledger))
        .where(
            _ledger.card_id.in_(ids),
            _ledger.kind == "card",
            _ledger.state == State.pending.value,
        )
        .values(lane=int(Lane.reply)),
    )
    rung = int((now - held.opened_at).total_seconds() // 60) % 32_000
    cause = f"teacher:{held.day}:{held.slot}"
    owed = await owe_under(
        session,
        [_card.id.in_(ids), _card.message_id.is_not(None)],
        "reminder",
        cause,
        now,
        school_id=held.school_id,
        lane=Lane.reply,
        not_after=held.closes_at,
        rung=rung,
    )
    await give_way(session, held.school_id, cause, rung, now)
    return owed
