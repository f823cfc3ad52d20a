"""Holds: a case that still stands on a later day, until it ends or the school releases it."""

from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import FromClause, Select, and_, bindparam, exists, or_, select, update
from sqlmodel import col
from sqlmodel import select as of_models
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.checkins import Status
from checkin.facts import fact
from checkin.triage import LONGEST_HOLD
from storage.sql import affected, table
from storage.tables import CheckIn, PlanRow, Round

_round = table(Round).c
_ANSWERED = Status.complete.value


@fact
class Case:
    """What a check-in holds of a case: how bad, why, what to do, and until when."""

    severity: int
    disposition: str | None
    reasons: str
    valid_until: date | None


async def carry_over(session: AsyncSession, opened: Round) -> int:
    """Give the check-ins of a round the cases of earlier days that hold on its day.

    What counts is what was last said or decided about the subject in the same audience, and no
    other: an ordinary or released answer ends a hold, silence and a day that was called off do
    not. Check-ins that were answered, or hold a case already, are left alone, so that doing it
    again changes nothing. Return how many are held now.
    """
    return await affected(session, _carry_over(), {"opened": opened.id, **_looked_for(opened)})


async def case_on(session: AsyncSession, subject_id: int, held: Round) -> Case | None:
    """Return the case of an earlier day that holds about a subject on the day of a round."""
    given = {"subject": subject_id, **_looked_for(held)}
    found = (await session.exec(_case_on(), params=given)).first()
    return found and Case(*found)


def _looked_for(held: Round) -> dict[str, Any]:
    return {
        "plan": held.plan_id,
        "school": held.school_id,
        "on_day": held.day,
        "since": held.day - timedelta(days=LONGEST_HOLD),
    }


@cache
def _carry_over() -> Any:
    checkin = table(CheckIn).c
    standing = _standing(table(CheckIn).alias("a_case")).subquery("standing")
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


@cache
def _case_on() -> Any:
    case = table(CheckIn).alias("a_case")
    of_it = (case.c.severity, case.c.disposition, case.c.reasons, case.c.valid_until)
    about_one = case.c.subject_id == bindparam("subject")
    return _standing(case).where(about_one).with_only_columns(*of_it)


def _standing(case: FromClause) -> Select[Any]:
    """Return the last answers about subjects before a day, as far as they are cases on it."""
    plan = table(PlanRow).c
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
    later = table(CheckIn).alias("later")
    is_later = or_(
        later_in.c.day > case_in.c.day,
        and_(later_in.c.day == case_in.c.day, later_in.c.id > case_in.c.id),
    )
    return (
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
    )


async def unanswered_after(
    session: AsyncSession, subject_id: int, held: Round, now: datetime
) -> list[int]:
    """Return the ids of a subject's later check-ins whose hold follows from a round's answer.

    Those are the unanswered ones that hold a case, and those of days that are not over.
    """
    found = await session.exec(
        of_models(CheckIn.id)
        .join(Round, col(Round.id) == CheckIn.round_id)
        .where(
            CheckIn.subject_id == subject_id,
            Round.school_id == held.school_id,
            col(Round.day) > held.day,
            or_(col(CheckIn.severity) > 0, col(Round.late_until) > now),
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


def held_by(checkin: CheckIn) -> Case | None:
    """Return the case that a check-in holds."""
    if not checkin.severity:
        return None
    return Case(checkin.severity, checkin.disposition, checkin.reasons, checkin.valid_until)


def hold(checkin: CheckIn, case: Case | None) -> None:
    """Let an unanswered check-in hold a case of an earlier day; without one, an ordinary day."""
    checkin.severity = checkin.floor = case.severity if case else 0
    checkin.disposition = case.disposition if case else None
    checkin.reasons = case.reasons if case else ""
    checkin.valid_until = case.valid_until if case else None
