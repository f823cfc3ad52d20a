"""Holds: a case that still stands on a later day, until it ends or the school releases it."""

from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlmodel import col
from sqlmodel import select as of_models
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.checkins import Status
from checkin.triage import LONGEST_HOLD
from storage.sql import affected, table
from storage.tables import CheckIn, PlanRow, Round

_round = table(Round).c
_ANSWERED = Status.complete.value


async def carry_over(session: AsyncSession, opened: Round) -> int:
    """Give the check-ins of a round the cases of earlier days that hold on its day.

    What counts is what was last said or decided about the subject in the same audience, and no
    other: an ordinary or released answer ends a hold, silence and a day that was called off do
    not. Check-ins that were answered, or hold a case already, are left alone, so that doing it
    again changes nothing. Return how many are held now.
    """
    given = {
        "opened": opened.id,
        "plan": opened.plan_id,
        "school": opened.school_id,
        "on_day": opened.day,
        "since": opened.day - timedelta(days=LONGEST_HOLD),
    }
    return await affected(session, _carry_over(), given)


@cache
def _carry_over() -> Any:
    checkin, plan = table(CheckIn).c, table(PlanRow).c
    day: Any = bindparam("on_day", type_=_round.day.type)
    audience = select(plan.audience).where(plan.id == bindparam("plan")).scalar_subquery()
    earlier = (
        select(_round.id, _round.day)
        .join_from(table(Round), table(PlanRow), plan.id == _round.plan_id)
        .where(
            _round.school_id == bindparam("school"),
            _round.day < day,
            _round.day >= bindparam("since"),
            plan.audience == audience,
        )
    )
    case_in, later_in = earlier.subquery("case_in"), earlier.subquery("later_in")
    case, later = table(CheckIn).alias("a_case"), table(CheckIn).alias("later")
    is_later = or_(
        later_in.c.day > case_in.c.day,
        and_(later_in.c.day == case_in.c.day, later_in.c.id > case_in.c.id),
    )
    standing = (
        select(
            case.c.subject_id,
            case.c.severity,
            case.c.disposition,
            case.c.reasons,
            case.c.valid_until,
        )
        .join_from(case_in, case, case.c.round_id == case_in.c.id)
        .where(
            case.c.status == _ANSWERED,
            case.c.severity > 0,
            case.c.valid_until >= day,
            ~exists()
            .select_from(later_in.join(later, later.c.round_id == later_in.c.id))
            .where(later.c.subject_id == case.c.subject_id, later.c.status == _ANSWERED, is_later),
        )
        .subquery("standing")
    )
    return (
        update(table(CheckIn))
        .where(
            checkin.round_id == bindparam("opened"),
            checkin.subject_id == standing.c.subject_id,
            checkin.status != _ANSWERED,
            checkin.severity == 0,
        )
        .values(
            severity=standing.c.severity,
            floor=standing.c.severity,
            disposition=standing.c.disposition,
            reasons=standing.c.reasons,
            valid_until=standing.c.valid_until,
        )
    )


async def held_after(session: AsyncSession, subject_id: int, held: Round) -> list[int]:
    """Return the ids of a subject's later check-ins that a case was carried to, unanswered."""
    found = await session.exec(
        of_models(CheckIn.id)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .where(
            CheckIn.subject_id == subject_id,
            Round.school_id == held.school_id,
            col(Round.day) > held.day,
            col(CheckIn.severity) > 0,
            CheckIn.status != _ANSWERED,
        )
    )
    return list(found)


async def asked_by(session: AsyncSession, subject_id: int, held: Round) -> list[int]:
    """Return the questionnaires by which a case of a round may have been told, the newest first.

    A case that was carried over was told by the one of its own day.
    """
    found = await session.exec(
        of_models(Round.questionnaire_id)
        .join(CheckIn, col(CheckIn.round_id) == Round.id)
        .where(
            CheckIn.subject_id == subject_id,
            Round.school_id == held.school_id,
            Round.day <= held.day,
            Round.day >= held.day - timedelta(days=LONGEST_HOLD),
        )
        .order_by(col(Round.day).desc(), col(Round.id).desc())
    )
    return list(dict.fromkeys([held.questionnaire_id, *found]))


def lift(held: CheckIn) -> None:
    """Take a carried case from a check-in: an ordinary morning."""
    held.severity = held.floor = 0
    held.disposition = held.valid_until = None
    held.reasons = ""
