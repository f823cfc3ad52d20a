"""A day that turns out otherwise: its rounds stop, may go on again, or close at another time."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.families import cards_around, chats_around
from storage.ledger import ON_ITS_WAY, UNDER_WAY, Lane, State, owe_under
from storage.places import in_their_rounds
from storage.sending import CANCELLED
from storage.sql import affected, among, has_any, is_one_of, table
from storage.tables import Card, CheckIn, Guardianship, Ledger, Round

_BULK = ("card", "reminder")
_WAITS = (*ON_ITS_WAY, State.stopped.value)

_card = table(Card).c
_checkin = table(CheckIn).c
_ledger = table(Ledger).c
_round = table(Round).c


async def cancel(session: AsyncSession, held: Sequence[Round], now: datetime) -> int:
    """Stop rounds: what has not gone out is withdrawn, reminders leave the chats, cards change.

    A family that is asked about somebody else that day, in another school or round, goes on being
    asked. Answers stay as they are. Return how many messages did not go out.
    """
    for each in held:
        each.cancelled_at = now
    await session.flush()
    elsewhere = await _asked_elsewhere(session, held)
    only_these = select(_card.id).where(
        is_one_of(session, _card.id, cards_around(held)),
        ~among(session, _card.contact_id, elsewhere),
    )
    mine = (is_one_of(session, _ledger.card_id, only_these), _ledger.kind.in_(_BULK))
    withdrawn = await affected(
        session,
        update(table(Ledger))
        .where(*mine, _ledger.state == State.pending.value)
        .values(state=State.expired.value, error=CANCELLED),
    )
    await affected(
        session,
        update(table(Ledger))
        .where(*mine, _ledger.kind == "reminder", _ledger.state == State.sent.value)
        .values(state=State.withdrawing.value),
    )
    await refresh(session, held)
    return withdrawn


async def resume(session: AsyncSession, held: Sequence[Round], now: datetime) -> int:
    """Let stopped rounds go on; what was withdrawn goes out if it still may. Return how many."""
    for each in held:
        each.cancelled_at = None
    await session.flush()
    never_seen = has_any(
        select(_card.id).where(_card.id == _ledger.card_id, _card.message_id.is_(None))
    )
    again = await affected(
        session,
        update(table(Ledger))
        .where(
            is_one_of(session, _ledger.card_id, cards_around(held)),
            _ledger.kind.in_(_BULK),
            or_(
                and_(_ledger.state == State.expired.value, _ledger.error == CANCELLED),
                # Its turn came while the day had no school, so that there was nothing to say.
                and_(_ledger.state == State.moot.value, never_seen),
            ),
            or_(_ledger.not_after.is_(None), _ledger.not_after > now),
        )
        .values(state=State.pending.value, error=None),
    )
    await refresh(session, held)
    return again


async def move(session: AsyncSession, held: Round, closes_at: datetime) -> None:
    """Let a round close at another time: what waits of it may go out until then, and no longer.

    Whoever is asked about somebody in another round of the slot as well may be asked for as long
    as the last of these is open.
    """
    before, held.closes_at = held.closes_at, closes_at
    await session.flush()
    waits = (
        is_one_of(session, _ledger.card_id, cards_around([held])),
        _ledger.kind.in_(_BULK),
        _ledger.state.in_(_WAITS),
    )
    for_another_school = and_(
        _ledger.school_id != held.school_id,
        _ledger.not_after > before,
        _ledger.not_after < closes_at,
    )
    await affected(
        session,
        update(table(Ledger))
        .where(*waits, or_(_ledger.not_after == before, for_another_school))
        .values(not_after=closes_at),
    )
    elsewhere = await _asked_elsewhere(session, [held])
    for last in sorted({each for each in elsewhere.values() if each > closes_at}):
        theirs = [contact for contact, at in elsewhere.items() if at == last]
        still_asked = among(session, _ledger.contact_id, theirs)
        until_now = _ledger.not_after >= closes_at, _ledger.not_after < last
        await affected(
            session,
            update(table(Ledger)).where(*waits, still_asked, *until_now).values(not_after=last),
        )


async def count_asked(
    session: AsyncSession, held: Sequence[Round], but: Collection[int] = ()
) -> int:
    """Count the chats that were asked in these rounds, without some contacts."""
    if not held:
        return 0
    connection = await session.connection()
    asked = _asked(session, held, but).subquery()
    counted = await connection.execute(select(func.count()).select_from(asked))
    return int(counted.scalar_one())


async def owe_news(
    session: AsyncSession,
    held: Sequence[Round],
    kind: str,
    now: datetime,
    but: Collection[int] = (),
) -> int:
    """Owe everybody who was asked in these rounds the news, once for each time that it changes."""
    if not held:
        return 0
    asked = _asked(session, held, but).subquery()
    return await owe_under(
        session,
        [_card.id.in_(select(asked.c.id))],
        kind,
        f"{kind}:{held[0].day}:{held[0].slot}:{now:%Y%m%dT%H%M%S}",
        now,
        school_id=held[0].school_id,
        lane=Lane.bulk,
        not_after=held[0].late_until,
    )


def _asked(session: AsyncSession, held: Sequence[Round], but: Collection[int]) -> Select[Any]:
    """The household cards of these rounds that have gone out, or are on their way."""
    on_its_way = has_any(
        select(_ledger.id).where(
            _ledger.card_id == _card.id, _ledger.kind == "card", _ledger.state.in_(UNDER_WAY)
        )
    )
    return select(_card.id).where(
        is_one_of(session, _card.id, cards_around(held)),
        _card.contact_id.not_in(list(but)),
        or_(_card.message_id.is_not(None), on_its_way),
    )


async def _asked_elsewhere(session: AsyncSession, held: Sequence[Round]) -> dict[int, datetime]:
    """Return who of these rounds is asked about somebody in others, and when the last closes."""
    chats: dict[int, int] = {}
    for each in held:
        chats.update((await session.exec(chats_around(each))).all())
    tie = table(Guardianship).c
    ties = await session.exec(
        select(tie.student_id, tie.guardian_id).where(
            among(session, tie.guardian_id, chats.values())
        )  # type: ignore[call-overload]
    )
    whose = defaultdict(set)
    for contact, person in chats.items():
        whose[person].add(contact)
    about = defaultdict(set, {person: set(own) for person, own in whose.items()})
    for student, guardian in ties:
        about[student] |= whose[guardian]
    found = await session.exec(
        in_their_rounds(
            select(_checkin.subject_id, _round.closes_at),
            lambda person: among(session, person, about),
        ).where(*_going_on(held), _round.id.not_in([each.id for each in held]))
    )
    last: dict[int, datetime] = {}
    for subject, closes_at in found:
        for contact in about[subject]:
            last[contact] = max(closes_at, last.get(contact, closes_at))
    return last


def _going_on(held: Sequence[Round]) -> tuple[ColumnElement[bool], ...]:
    """Return which rounds of the same days and slots are open, in any school."""
    return (
        _round.day.in_({each.day for each in held}),
        _round.slot.in_({each.slot for each in held}),
        _round.cancelled_at.is_(None),
        _round.closed_at.is_(None),
    )


async def refresh(session: AsyncSession, held: Sequence[Round]) -> None:
    """Show the families' cards of these rounds anew."""
    await affected(
        session,
        update(table(Card))
        .where(is_one_of(session, _card.id, cards_around(held)))
        .values(revision=_card.revision + 1),
    )
