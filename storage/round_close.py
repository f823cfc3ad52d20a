"""The close of a round: who was silent, who was never asked, and what it leaves in the chats."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Subquery, case, func, or_, select, union, update
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.asking import NEVER_ASKED, NOT_ASKED, STOPPED
from checkin.checkins import Status
from storage.asking import card_of, is_card_of, ways_to_ask
from storage.cards import ABOUT_ONE
from storage.families import cards_around, chats_of_guardians
from storage.ledger import UNDER_WAY, State
from storage.sql import affected, among, has_any, is_one_of, table
from storage.tables import (
    Card,
    CheckIn,
    Contact,
    Guardianship,
    Ledger,
    Round,
)
from storage.waiting import waited_for_elsewhere

WAITING = (Status.due, Status.asked, Status.partial)

_card = table(Card).c
_checkin = table(CheckIn).c
_contact = table(Contact).c
_guardianship = table(Guardianship).c
_ledger = table(Ledger).c


async def close_round(session: AsyncSession, closed: Round, now: datetime) -> int:
    """Close a round: whoever is still silent has not responded; return how many."""
    await _show_anew(session, closed)
    await _take_reminders_back(session, closed)
    await _say_who_was_not_asked(session, closed)
    await _say_which_boarders_were_not_asked(session, closed)
    silent = await affected(
        session,
        update(table(CheckIn))
        .where(
            _checkin.round_id == closed.id,
            _checkin.status.in_([status.value for status in WAITING]),
        )
        .values(status=Status.no_response.value),
    )
    await affected(  # what was stopped and is too late now never goes on
        session,
        update(table(Ledger))
        .where(
            _ledger.school_id == closed.school_id,
            is_one_of(session, _ledger.card_id, cards_around([closed])),
            _ledger.state == State.stopped.value,
            _ledger.not_after <= now,
        )
        .values(state=State.expired.value, error=STOPPED),
    )
    closed.closed_at = now
    return silent


async def _show_anew(session: AsyncSession, closed: Round) -> None:
    """Have the cards of the silent families shown anew, so that they see how to answer late.

    Buttons that they see already, or that were sent by somebody killed before the mark, stay as
    they are: a tap that was on its way at the close counts.
    """
    seen = _card.shown >= _card.revision
    unmarked = _card.shown == 0
    silent = _checkin.status.in_([status.value for status in WAITING])
    ways = ways_to_ask(closed.id, closed.day, silent, every_chat=True)
    waiting = select(ways.c.contact_id)
    families = union(waiting, _apart(closed)).subquery()
    theirs = select(card_of(closed, families.c.contact_id)).select_from(families)
    await affected(
        session,
        update(table(Card))
        .where(is_one_of(session, _card.id, theirs))
        .values(
            shown=case((seen, _card.revision - 1), else_=_card.shown),
            revision=case((or_(seen, unmarked), _card.revision), else_=_card.revision + 1),
        ),
    )


def _apart(held: Round) -> Select[Any]:
    """Return the chats of guardians in split custody, who do not know what the others said."""
    return select(chats_of_guardians(held, _guardianship.separate).subquery().c.contact_id)


async def _take_reminders_back(session: AsyncSession, closed: Round) -> None:
    """Withdraw the reminders of a round: "please answer by 08:00" means nothing at 08:01.

    They stay where an answer about somebody else is waited for still.
    """
    there = await session.exec(
        select(_ledger.id, _ledger.day, _contact.person_id)  # type: ignore[call-overload]
        .join_from(table(Ledger), table(Contact), _contact.id == _ledger.contact_id)
        .where(
            is_one_of(session, _ledger.card_id, cards_around([closed])),
            _ledger.kind == "reminder",
            _ledger.state == State.sent.value,
        )
    )
    reminders = there.all()
    waited_for = await waited_for_elsewhere(
        session, closed, {each.person_id for each in reminders}
    )
    over = [each for each in reminders if each.person_id not in waited_for]
    if not over:
        return
    await affected(
        session,
        update(table(Ledger))
        .where(
            _ledger.day.in_({each.day for each in over}),
            among(session, _ledger.id, [each.id for each in over]),
        )
        .values(state=State.withdrawing.value),
    )


async def _say_who_was_not_asked(session: AsyncSession, closed: Round) -> None:
    """Keep of the silent whom the question never reached, and whether somebody had stopped it."""
    in_vain = await _asked_in_vain(session, closed)
    if not in_vain:
        return
    stopped = await _stopped(session, closed, in_vain)
    for excuse, whom in ((STOPPED, stopped), (NOT_ASKED, in_vain - stopped)):
        await affected(
            session,
            update(table(CheckIn))
            .where(
                _checkin.round_id == closed.id,
                _checkin.status == Status.asked.value,
                among(session, _checkin.subject_id, whom),
            )
            .values(excuse=excuse),
        )


async def _say_which_boarders_were_not_asked(session: AsyncSession, closed: Round) -> None:
    """Keep of the boarders whose house was handed to nobody that nobody was asked about them."""
    handed = await houses_handed(session, closed)
    await affected(
        session,
        update(table(CheckIn))
        .where(
            _checkin.round_id == closed.id,
            _checkin.status == Status.due.value,
            _checkin.excuse.is_(None),
            _checkin.dormitory_id.is_not(None),
            _checkin.dormitory_id.not_in(handed),
        )
        .values(excuse=NEVER_ASKED),
    )


async def houses_handed(session: AsyncSession, held: Round) -> set[int]:
    """Return the dormitories of a round's boarders of which somebody was given the day's card."""
    houses = select(_checkin.dormitory_id).where(
        _checkin.round_id == held.id, _checkin.dormitory_id.is_not(None)
    )
    found = await session.exec(
        select(_card.about_id).where(  # type: ignore[call-overload]
            _card.kind == "class",
            is_one_of(session, _card.about_id, houses.distinct()),
            ABOUT_ONE,
            _card.day == held.day,
            _card.slot == held.slot,
        )
    )
    return set(found.scalars())


async def _asked_in_vain(session: AsyncSession, held: Round) -> set[int]:
    """Return the subjects of whose families nobody had the question before it expired."""
    silent = _checkin.status == Status.asked.value
    ways = ways_to_ask(held.id, held.day, silent, every_chat=True)
    came = card_of(held, ways.c.contact_id, came=True).is_not(None)
    had_it = or_(came, has_any(_questions(held, ways, *UNDER_WAY)))
    found = await session.exec(
        select(ways.c.subject_id)  # type: ignore[call-overload]
        .group_by(ways.c.subject_id)
        .having(func.max(case((had_it, 1), else_=0)) == 0)
    )
    return set(found.scalars())


async def _stopped(session: AsyncSession, held: Round, subject_ids: Collection[int]) -> set[int]:
    """Return those of whose families somebody's question was stopped here, and still waits."""
    theirs = among(session, _checkin.subject_id, subject_ids)
    ways = ways_to_ask(held.id, held.day, theirs, every_chat=True)
    stopped_here = _questions(held, ways, State.stopped.value).where(
        _ledger.school_id == held.school_id
    )
    found = await session.exec(
        select(ways.c.subject_id).where(has_any(stopped_here))  # type: ignore[call-overload]
    )
    return set(found.scalars())


def _questions(held: Round, ways: Subquery, *states: str) -> Select[Any]:
    """Return the questions under the cards of these chats that stand so."""
    card = table(Card).alias().c
    return select(_ledger.id).where(
        *is_card_of(card, held, ways.c.contact_id),
        _ledger.card_id == card.id,
        _ledger.kind == "card",
        _ledger.state.in_(states),
    )
