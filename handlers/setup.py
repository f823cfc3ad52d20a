"""Setting a school up in chat: a checklist that says what comes next, and the plan."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from checkin.access import Act
from checkin.plans import Audience, Plan, change_steps, first_day_from
from checkin.steps import (
    BadSteps,
    Step,
    closing,
    default_steps,
    parse_steps,
    staff_steps,
)
from checkin.times import moment_at
from handlers.desk import Desk
from handlers.messages import Command
from handlers.questionnaires import shipped
from storage import audit, people, plans, rounds, units
from storage.database import Session
from storage.questionnaires import keep_questionnaire
from storage.tables import Contact, Unit
from storage.units import School

_ZONE = frozenset({"zone", "时区"})
_NAME = frozenset({"name", "校名"})
_PLANS = {
    "student": (Audience.students, default_steps()),
    "staff": (Audience.staff, staff_steps()),
}


async def make_school(
    session: Session,
    name: str,
    now: datetime,
    *,
    zone: str = "Asia/Shanghai",
    country: str = "CN",
    language: str = "zh",
    actor_id: int | None = None,
) -> School:
    """Make a school with its two plans: students and staff, asked on every school day."""
    unit = await units.add_unit(session, None, "school", name, now)
    unit.zone, unit.country, unit.language = zone, country, language
    school = units.school_of(unit)
    for asked in shipped():
        await keep_questionnaire(session, asked, now)
        audience, steps = _PLANS[asked.key]
        plan = Plan(
            id=plans.new_plan_id(),
            school_id=school.id,
            questionnaire=asked.key,
            audience=audience,
            steps=steps,
        )
        first = first_day_from(plan, school.zone, now)
        await plans.keep_plan(session, replace(plan, first_day=first))
    audit.record(session, "school made", now, actor_id=actor_id, school_id=school.id)
    await session.flush()
    return school


async def setup(desk: Desk, command: Command, contact: Contact) -> None:
    """Show what is set up and what comes next; `/setup name ...`, `/setup zone ...` change it."""
    school = await desk.own_school(command, contact, Act.manage_plan)
    if school is None:
        return
    word, _, value = command.rest.strip().partition(" ")
    value = value.strip()
    unit = await desk.session.get_one(Unit, school.id)
    if word.lower() in _ZONE:
        if not _is_zone(value):
            await desk.say(contact, command, "setup.bad_zone", zone=value)
            return
        unit.zone = value
        desk.record("zone set", contact.person_id, unit.id, zone=value)
    elif word.lower() in _NAME and value:
        unit.name = value[:80]
        desk.record("school renamed", contact.person_id, unit.id)
    elif word:
        await desk.say(contact, command, "setup.how")
        return
    await _checklist(desk, command, contact, units.school_of(unit))


def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name))
    except (ValueError, OSError):
        return False


async def _checklist(desk: Desk, command: Command, contact: Contact, school: School) -> None:
    today = desk.today(school.zone)
    counted = await people.joined(desk.session, school.id, today)
    lines: list[list[object]] = [
        ["setup.school", {"name": school.name, "zone": str(school.zone)}],
        ["setup.roster", {"n": counted.students}] if counted.students else ["setup.no_roster", {}],
        ["setup.joined", {"n": counted.joined, "of": counted.students}],
        ["setup.staff", {"n": counted.staff_joined, "of": counted.staff}],
        ["setup.next", {}],
    ]
    await desk.say(contact, command, "setup.title", lines=lines)


async def plan(desk: Desk, command: Command, contact: Contact) -> None:
    """Show the day's steps; `/plan 06:30 07:10 08:00` sets them for everyone."""
    school = await desk.own_school(command, contact, Act.manage_plan)
    if school is None:
        return
    current = await plans.plans(desk.session, school.id)
    wanted = command.rest.strip()
    audience = next((a for a in Audience if wanted.lower().startswith(a.value)), None)
    if audience is not None:
        wanted = wanted[len(audience.value) :].strip()
    if wanted:
        steps = parse_steps(wanted)
        if isinstance(steps, BadSteps):
            await desk.say(contact, command, f"plan.bad_{steps.reason.value}", **dict(steps.args))
            return
        for each in current:
            if audience in {None, each.audience}:
                await _change(desk, school, each, steps)
        desk.record("plan changed", contact.person_id, school.id, steps=len(steps))
        current = await plans.plans(desk.session, school.id)
    await desk.say(contact, command, "plan.shown", plans=[_shown(each) for each in current])


async def _change(desk: Desk, school: School, each: Plan, steps: tuple[Step, ...]) -> None:
    """Give a plan other steps; a round that is open goes on under them."""
    recorded = await plans.recorded_since(desk.session, [each.id], desk.today(school.zone))
    begun = {step.round_date for step in recorded}
    changed = change_steps(each, steps, school.zone, desk.now, begun)
    await plans.keep_plan(desk.session, changed)
    for day in begun:
        held = await rounds.round_of(desk.session, each.id, school.id, day)
        if held is not None and held.closed_at is None:
            held.closes_at = moment_at(day, closing(steps).at, school.zone)


def _shown(each: Plan) -> dict[str, object]:
    return {
        "audience": each.audience.value,
        "recurrence": each.recurrence.value,
        "steps": [
            {
                "action": step.action.value,
                "time": f"{step.at:%H:%M}",
                "rung": step.rung,
            }
            for step in each.steps
        ],
    }
