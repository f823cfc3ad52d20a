"""Mornings that went by without an ask: nobody in them was silent, and nobody is well for it."""

from collections.abc import Collection
from datetime import date, timedelta

from sqlalchemy import and_, exists, func, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.asking import NOBODY_ASKED
from checkin.plans import SkipReason
from checkin.statuses import Status
from checkin.steps import Action
from storage.asking import ways_to_ask
from storage.sql import affected, table
from storage.tables import CheckIn, Occurrence, Round

LONGEST_VACATION = timedelta(days=100)

_checkin = table(CheckIn).c
_step = table(Occurrence).c
_CLOSE = _step.step == Action.close.value
_ASK_DONE = (_step.step.startswith(Action.ask.value), _step.state == "done")


async def was_asked(session: AsyncSession, plan_id: int, day: date) -> bool:
    """Say whether a plan has asked on the morning of a day; the evening before is no morning."""
    found = await session.exec(
        select(_step.id)  # type: ignore[call-overload]
        .where(_step.plan_id == plan_id, _step.round_date == day, *_ASK_DONE)
        .limit(1)
    )
    return found.first() is not None


async def keep_unasked(session: AsyncSession, held: Round) -> None:
    """Keep of a round whose morning went by without an ask that nobody was asked.

    Whom nobody could have been asked about is out of reach, as after an ask. Who had the question
    in the evening and said nothing is silent, as ever.
    """
    of_the_round = _checkin.round_id == held.id
    due = _checkin.status == Status.due.value
    ways = ways_to_ask(held.id, held.day, due)
    await affected(
        session,
        update(table(CheckIn))
        .where(
            of_the_round,
            due,
            _checkin.dormitory_id.is_(None),
            _checkin.subject_id.not_in(select(ways.c.subject_id)),
        )
        .values(status=Status.unreachable.value),
    )
    await affected(
        session,
        update(table(CheckIn))
        .where(of_the_round, _checkin.status.in_([Status.due.value, Status.partial.value]))
        .values(excuse=NOBODY_ASKED),
    )


async def unasked_before(
    session: AsyncSession, plan_ids: Collection[int], day: date
) -> tuple[date, ...]:
    """Return the days before a day that nobody was asked on, and no close has told of since."""
    theirs = (
        _step.plan_id.in_(plan_ids),
        _step.round_date < day,
        _step.round_date >= day - LONGEST_VACATION,
    )
    told = and_(_CLOSE, _step.state == "done")
    last = select(func.max(_step.round_date)).where(*theirs, told).scalar_subquery()
    ask = table(Occurrence).alias().c
    asked = exists().where(
        ask.plan_id == _step.plan_id,
        ask.round_date == _step.round_date,
        ask.step.startswith(Action.ask.value),
        ask.state == "done",
    )
    found = await session.exec(
        select(_step.round_date)  # type: ignore[call-overload]
        .distinct()
        .where(
            *theirs,
            _step.round_date > func.coalesce(last, date.min),
            _CLOSE,
            _step.state == "skipped",
            _step.reason == SkipReason.missed.value,
            ~asked,
        )
        .order_by(_step.round_date)
    )
    return tuple(found.scalars())
