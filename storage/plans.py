"""Plans, and the occurrences of their steps: the database refuses the second of each."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from checkin.plans import Due, Plan, Skip, from_document, to_document
from storage.ids import new_id
from storage.sql import affected, insert_into, table
from storage.tables import Occurrence, PlanRow


@fact
class Recorded:
    """A step that was decided about."""

    plan_id: int
    round_date: date
    step: str
    state: str
    reason: str | None
    decided_at: datetime
    counts: dict[str, Any]


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


def new_plan_id() -> int:
    """Return an id for a plan that is about to be made."""
    return new_id()


async def recorded_since(
    session: AsyncSession, plan_ids: Iterable[int], first: date
) -> list[Recorded]:
    """Return the steps decided about since a round date."""
    rows = await session.exec(
        select(Occurrence)
        .where(col(Occurrence.plan_id).in_(list(plan_ids)), col(Occurrence.round_date) >= first)
        .order_by(col(Occurrence.due_at), col(Occurrence.id))
    )
    return [
        Recorded(
            row.plan_id,
            row.round_date,
            row.step,
            row.state,
            row.reason,
            row.decided_at,
            row.counts,
        )
        for row in rows
    ]


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
