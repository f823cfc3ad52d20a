"""Plans, and the occurrences of their steps: the database refuses the second of each."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import Integer, bindparam, or_, update
from sqlalchemy import select as of_rows
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from checkin.plans import LOOK_EVERY, Due, Plan, Skip, from_document, to_document
from storage.ids import new_id
from storage.sql import affected, insert_into, is_sqlite, not_among_named, numbers, table
from storage.tables import Occurrence, PlanRow

_plan = table(PlanRow).c
_step = table(Occurrence).c

_LOOKED = (
    update(table(PlanRow))
    .where(_plan.id == bindparam("b_id"), _plan.changes == bindparam("b_changes"))
    .values(look_at=bindparam("b_at", type_=_plan.look_at.type))
)


@fact
class Recorded:
    """A step that was decided about."""

    plan_id: int
    round_date: date
    step: str
    state: str
    reason: str | None
    decided_at: datetime


@fact
class Look:
    """A plan that the clock looks at, and how often it had been changed by then."""

    plan: Plan
    changes: int


async def plans(session: AsyncSession, school_id: int | None = None) -> list[Plan]:
    """Return the plans in force, of one school or of all."""
    query = select(PlanRow).where(col(PlanRow.active).is_(True))
    if school_id is not None:
        query = query.where(PlanRow.school_id == school_id)
    return [
        from_document(row.content) for row in await session.exec(query.order_by(col(PlanRow.id)))
    ]


async def keep_plan(session: AsyncSession, plan: Plan) -> None:
    """Keep a plan as it is now, new or changed."""
    row = await session.get(PlanRow, plan.id)
    if row is None:
        row = PlanRow(
            id=plan.id, school_id=plan.school_id, questionnaire="", audience=plan.audience.value
        )
        session.add(row)
    row.questionnaire = plan.questionnaire
    row.active = plan.active
    row.content = to_document(plan)
    await session.flush()
    await look_again(session, plan.school_id)


async def look_again(session: AsyncSession, school_id: int) -> None:
    """Have the clock look at a school's plans anew: what their times follow from has changed.

    That is the plans themselves, the school's calendar and its time zone.
    """
    await affected(
        session,
        update(table(PlanRow))
        .where(_plan.school_id == school_id)
        .values(look_at=None, changes=_plan.changes + 1),
    )


async def to_look_at(
    session: AsyncSession, now: datetime, limit: int, *, besides: Iterable[int] = ()
) -> tuple[list[Look], dict[int, ValueError]]:
    """Return plans in force that the clock has to look at, those that waited longest first.

    One that lies further ahead than anybody puts it was put there by a clock that was wrong. Those
    that cannot run, as another release may have kept them, come apart, by id, with the fault.
    """
    given = {"now": now, "astray": now + 2 * LOOK_EVERY, "count": limit}
    rows = await session.exec(
        _to_look_at(is_sqlite(session)), params=given | {"besides": numbers(session, besides)}
    )
    looks, faults = list[Look](), dict[int, ValueError]()
    for plan_id, content, changes in rows:
        try:
            looks.append(Look(from_document(content), changes))
        except ValueError as error:
            faults[plan_id] = error
    return looks, faults


@cache
def _to_look_at(sqlite: bool) -> Any:
    due = or_(
        _plan.look_at.is_(None),
        _plan.look_at <= bindparam("now"),
        _plan.look_at > bindparam("astray"),
    )
    return (
        of_rows(_plan.id, _plan.content, _plan.changes)
        .where(_plan.active, due, not_among_named(sqlite, _plan.id, "besides"))
        .order_by(_plan.look_at.is_not(None), _plan.look_at, _plan.id)
        .limit(bindparam("count", type_=Integer))
    )


async def is_unchanged(session: AsyncSession, look: Look) -> bool:
    """Say whether nothing has changed that the times of this plan follow from."""
    found = await session.exec(select(PlanRow.changes).where(PlanRow.id == look.plan.id))
    return found.first() == look.changes


async def looked(session: AsyncSession, at: Iterable[tuple[Look, datetime]]) -> None:
    """Keep when these plans are looked at next, of those that nobody has changed meanwhile."""
    rows = [
        {"b_id": look.plan.id, "b_changes": look.changes, "b_at": moment} for look, moment in at
    ]
    if rows:
        await affected(session, _LOOKED, rows)


def new_plan_id() -> int:
    """Return an id for a plan that is about to be made."""
    return new_id()


async def recorded_since(
    session: AsyncSession, plan_ids: Iterable[int], first: date
) -> list[Recorded]:
    """Return the steps decided about since a round date."""
    rows = await session.exec(
        of_rows(  # type: ignore[call-overload]
            *(_step[name] for name in Recorded.__match_args__)
        )
        .where(_step.plan_id.in_(list(plan_ids)), _step.round_date >= first)
        .order_by(_step.due_at, _step.id)
    )
    return [Recorded(*row) for row in rows]


async def record(session: AsyncSession, due: Due, now: datetime) -> bool:
    """Take a step as done; False when someone else decided it before: then do nothing."""
    taken = insert_into(session, Occurrence).on_conflict_do_nothing()
    return await affected(session, taken, _decided(due, "done", None, now)) == 1


async def record_skipped(session: AsyncSession, skips: Sequence[Skip], now: datetime) -> None:
    """Keep that these steps were not done, and why."""
    if skips:
        taken = insert_into(session, Occurrence).on_conflict_do_nothing()
        rows = [_decided(skip.due, "skipped", skip.reason.value, now) for skip in skips]
        await affected(session, taken, rows)


def _decided(due: Due, state: str, reason: str | None, now: datetime) -> dict[str, Any]:
    return {
        "plan_id": due.plan_id,
        "school_id": due.school_id,
        "round_date": due.round_date,
        "step": due.step.name,
        "due_at": due.due_at,
        "decided_at": now,
        "state": state,
        "reason": reason,
        "counts": {},
    }


async def record_counts(session: AsyncSession, due: Due, counts: dict[str, Any]) -> None:
    """Keep what a step did, in the transaction that did it."""
    await affected(
        session,
        update(table(Occurrence))
        .where(
            col(Occurrence.plan_id) == due.plan_id,
            col(Occurrence.round_date) == due.round_date,
            col(Occurrence.step) == due.step.name,
        )
        .values(counts=counts),
    )
