"""Setting a school up in chat: a checklist that says what comes next."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from checkin.access import Act
from checkin.plans import Audience, Plan, first_day_from
from checkin.steps import default_steps, staff_steps
from handlers.desk import Desk
from handlers.messages import Command
from handlers.plans import follow_clock
from handlers.questionnaires import shipped
from storage import audit, people, plans, units
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
    zone: str = units.DEFAULT_ZONE,
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
        await follow_clock(desk.session, units.school_of(unit), desk.now)
        await plans.look_again(desk.session, unit.id)
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
