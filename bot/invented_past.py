"""The demo's school has done this for two weeks: days gone by, for whoever looks back.

Without them the picture of the head's first morning would show a single day.
"""

import random
from datetime import datetime, timedelta

from checkin.access import Reach
from checkin.plans import Audience, Plan
from checkin.questions import Disposition
from checkin.statuses import Status
from checkin.steps import closing
from checkin.times import end_of, local_date, moment_at
from handlers.calendars import calendar_of
from storage import asking, plans, rounds
from storage.database import Session
from storage.questionnaires import latest_version
from storage.tables import CheckIn, Round
from storage.units import School

DAYS = 9  # school days before the first morning
LOOK_BACK = 40  # days, vacations included


async def invent_past(session: Session, school: School, now: datetime) -> None:
    """Let the school's last days have been; the same ones for the same roster.

    Nobody's answers are in them, only where each check-in stood, and no case lasts into today.
    """
    chance = random.Random(9)  # noqa: S311 - invented days, not secrets
    today = local_date(now, school.zone)
    calendar = await calendar_of(session, school, today)
    before = [today - timedelta(days=back) for back in range(1, LOOK_BACK)]
    days = [day for day in before if calendar.is_school_day(day)][:DAYS]
    for day in reversed(days):
        silent = chance.uniform(0.03, 0.12)
        for plan in await plans.plans(session, school.id):
            closes = moment_at(day, closing(plan.steps).at, school.zone)
            held = Round(
                school_id=school.id,
                day=day,
                plan_id=plan.id,
                slot=plan.slot,
                questionnaire_id=await _version(session, plan),
                opened_at=closes - timedelta(minutes=90),
                closes_at=closes,
                late_until=end_of(day, school.zone),
                closed_at=closes,
            )
            session.add(held)
            await session.flush()
            if plan.audience is Audience.students:
                await asking.open_students(session, held)
            else:
                await asking.open_staff(session, held, school.path)
            within = Reach((school.path,))
            for entry in await rounds.entries_within(session, [held.id], within):
                _stand(entry.checkin, held, chance, silent)


async def _version(session: Session, plan: Plan) -> int:
    version = await latest_version(session, plan.questionnaire)
    if version is None:
        raise LookupError(plan.questionnaire)
    return version


def _stand(checkin: CheckIn, held: Round, chance: random.Random, silent: float) -> None:
    fate = chance.random()
    if fate < silent:
        checkin.status = Status.no_response
        return
    checkin.status = Status.complete
    checkin.answered_at = held.opened_at + timedelta(minutes=chance.uniform(1, 80))
    ill = fate > 0.988
    checkin.severity = checkin.floor = 2 if ill else 0
    checkin.disposition = Disposition.stay_home if ill else Disposition.cleared
    checkin.valid_until = held.day if ill else None
