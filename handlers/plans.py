"""/plan: when and how often a school's day is asked, and what of it changes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from checkin.access import Act
from checkin.calendars import Calendar, runs_on
from checkin.plans import Audience, Plan, change_plan, occurrences, to_document
from checkin.recurrences import Repeats, parse_recurrence
from checkin.steps import Action, BadSteps, closing, only_times, parse_steps
from checkin.times import end_of, local_date, moment_at
from handlers.calendars import calendar_of
from handlers.desk import Desk
from handlers.messages import Command
from storage import closings, plans, rounds
from storage.database import Session
from storage.tables import Contact, Round
from storage.units import School

_FILE = frozenset({"file", "export", "文件", "导出", "表格"})
_AUDIENCES = {
    Audience.students: ("students", "学生"),
    Audience.staff: ("staff", "教职工", "教师", "职工"),
}


class RoundGoesOnError(Exception):
    """A round that has begun would have no place any more: nothing was changed."""

    def __init__(self, day: date, until: datetime) -> None:
        super().__init__(f"The round of {day} goes on.")
        self.day, self.until = day, until


async def plan(desk: Desk, command: Command, contact: Contact) -> None:
    """Show the day's steps; `/plan 06:30 07:10 08:00` or `/plan every day` changes them."""
    school = await desk.own_school(command, contact, Act.manage_plan)
    if school is None:
        return
    current = await plans.plans(desk.session, school.id)
    if command.rest.strip().lower() in _FILE:
        documents = [to_document(each) for each in current]
        await desk.say(contact, command, "plan.file", plans=documents, school=school.name)
        return
    audience, wanted = _audience(command.rest.strip())
    meant = [each for each in current if audience in {None, each.audience}]
    left_out: list[dict[str, object]] = []
    about_today: list[dict[str, object]] = []
    if wanted:
        changed = _changed(meant, wanted)
        if isinstance(changed, BadSteps):
            params = dict(changed.args)
            await desk.say(contact, command, f"plan.bad_{changed.reason.value}", **params)
            return
        try:
            await change_plans(desk.session, school, changed, desk.now)
        except RoundGoesOnError as error:
            await desk.say(contact, command, "plan.goes_on", **goes_on_document(error, school))
            return
        left_out = [
            {"audience": old.audience.value, "action": action}
            for old, new in zip(meant, changed, strict=True)
            for action in _left_out(old, new)
            if only_times(wanted)
        ]
        desk.record("plan changed", contact.person_id, school.id, plans=len(changed))
        current = await plans.plans(desk.session, school.id)
        about_today = await say_of_today(desk.session, school, meant, current, desk.now)
    shown = [plan_document(each) for each in current]
    await desk.say(
        contact, command, "plan.shown", plans=shown, left_out=left_out, about_today=about_today
    )


def _audience(wanted: str) -> tuple[Audience | None, str]:
    """Take the audience off the beginning, where one is named."""
    for audience, words in _AUDIENCES.items():
        for word in words:
            if wanted.lower().startswith(word):
                return audience, wanted[len(word) :].strip(" ,:，：")
    return None, wanted


def _changed(current: Sequence[Plan], wanted: str) -> list[Plan] | BadSteps:
    repeats = parse_recurrence(wanted)
    changed: list[Plan] = []
    for each in current:
        if repeats is not None:
            changed.append(_repeated(each, repeats))
            continue
        steps = parse_steps(wanted, each.steps)
        if isinstance(steps, BadSteps):
            return steps
        changed.append(replace(each, steps=steps))
    return changed


def _repeated(each: Plan, repeats: Repeats) -> Plan:
    return replace(each, recurrence=repeats.recurrence, weekdays=repeats.weekdays)


def _left_out(old: Plan, new: Plan) -> list[str]:
    """Return what a plan had and has no more."""
    left = [step.action for step in new.steps]
    gone: list[str] = []
    for step in old.steps:
        if step.action in left:
            left.remove(step.action)
        elif step.action.value != "remind":
            gone.append("second" if step.rung > 1 else step.action.value)
    return gone


async def say_of_today(
    session: Session, school: School, before: Sequence[Plan], after: Sequence[Plan], now: datetime
) -> list[dict[str, object]]:
    """Say of each plan that was changed what becomes of today, where the times do not say it.

    Of one that takes today in only now: a round that was stopped stays stopped, for families have
    been told that there is no school; one whose time to ask has passed is not begun midway. Of
    one whose time to ask was moved to before now: today is asked at once, or not any more.
    """
    today = local_date(now, school.zone)
    calendar = await calendar_of(session, school, today)
    held = await rounds.rounds_on(session, school.id, today, cancelled=True)
    stopped = {each.plan_id for each in held if each.cancelled_at is not None}
    now_is = {each.id: each for each in after}
    recorded = await plans.recorded_since(session, now_is, today)
    decided = {(each.plan_id, each.round_date, each.step) for each in recorded}
    found: list[dict[str, object]] = []
    for old in before:
        new = now_is[old.id]
        ask = next(step for step in new.steps if step.action is Action.ask and not step.day_offset)
        close, time = closing(new.steps), ask.at
        runs = [runs_on(each.recurrence, each.weekdays, calendar, today) for each in (old, new)]
        if runs == [False, True]:
            later = (new.first_day or today) > today
            what = "stopped" if new.id in stopped else "later" if later else "counts"
        else:
            steps = occurrences(new, school.zone, calendar, today)
            asks = next((due for due in steps if due.step == ask), None)
            if asks is None or asks.due_at > now or (new.id, *asks.key) in decided:
                continue
            what, time = ("now", ask.at) if now < asks.cutoff else ("over", close.at)
        found.append(
            {
                "audience": new.audience.value,
                "what": what,
                "day": today.isoformat(),
                "time": f"{time:%H:%M}",
                "close": f"{close.at:%H:%M}",
            }
        )
    return found


# ---- changing ------------------------------------------------------------------------------


async def change_plans(
    session: Session, school: School, changed: Sequence[Plan], now: datetime
) -> None:
    """Keep plans as they are from now on; today's rounds go on under their new steps.

    Raises:
        RoundGoesOnError: nothing was changed.
    """
    today = local_date(now, school.zone)
    calendar = await calendar_of(session, school, today)
    by_id = {each.id: each for each in changed}
    before = {each.id: each for each in await plans.plans(session, school.id)}
    running: list[Round] = []
    for day in (today, today + timedelta(days=1)):  # tomorrow's may be asked the evening before
        held = await rounds.rounds_on(session, school.id, day)
        running += [each for each in held if each.plan_id in by_id]
    for each in running:
        _check_place(by_id[each.plan_id], each, calendar, school, now)
    recorded = await plans.recorded_since(session, by_id, today)
    for new in changed:
        begun = {step.round_date for step in recorded if step.plan_id == new.id}
        kept = change_plan(before[new.id], new, school.zone, calendar, now, begun)
        await plans.keep_plan(session, kept)
    for each in running:
        await _move_close(session, school, each, by_id[each.plan_id])


async def follow_clock(session: Session, school: School, now: datetime) -> None:
    """Let the rounds that are not over close, and end, by the school's clock as it is now."""
    by_id = {each.id: each for each in await plans.plans(session, school.id)}
    for held in await rounds.not_over(session, school.id, now):
        held.late_until = end_of(held.day, school.zone)
        if held.plan_id in by_id:
            await _move_close(session, school, held, by_id[held.plan_id])


async def _move_close(session: Session, school: School, held: Round, plan: Plan) -> None:
    if held.closed_at is None:
        close = closing(plan.steps)
        await closings.move(session, held, moment_at(held.day, close.at, school.zone))


def _check_place(
    new: Plan, held: Round, calendar: Calendar, school: School, now: datetime
) -> None:
    """Refuse while a round is open, or waits for its signature, on a day that it would lose."""
    until = moment_at(held.day, new.steps[-1].at, school.zone)
    if held.closed_at is not None and now >= until:
        return
    if not runs_on(new.recurrence, new.weekdays, calendar, held.day):
        raise RoundGoesOnError(held.day, until)


# ---- as plain values -----------------------------------------------------------------------


def goes_on_document(error: RoundGoesOnError, school: School) -> dict[str, Any]:
    """Return which day's round is in the way, and until when."""
    until = error.until.astimezone(school.zone)
    return {"day": error.day.isoformat(), "time": f"{until:%H:%M}"}


def plan_document(each: Plan) -> dict[str, object]:
    """Return a plan as plain JSON, to be put into words later."""
    return {
        "audience": each.audience.value,
        "recurrence": each.recurrence.value,
        "weekdays": list(each.weekdays),
        "questionnaire": each.questionnaire,
        "steps": [
            {
                "action": step.action.value,
                "time": f"{step.at:%H:%M}",
                "rung": step.rung,
                "day_offset": step.day_offset,
            }
            for step in each.steps
        ],
    }
