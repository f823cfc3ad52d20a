"""A day closed or opened by order, down to a snow day declared at 06:20: asked first, then done.

What the order does is worked out anew when it is confirmed: in between, families may have been
asked, answered, or the check-in may have ended.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from checkin.access import Act, Reach, Role
from checkin.calendar_changes import CalendarChanges, after
from checkin.calendars import Calendar, DayKind, Override, runs_on
from checkin.days import DayOrder
from checkin.facts import fact
from checkin.plans import Plan
from handlers import signing
from handlers.calendars import calendar_with, known_calendar
from handlers.desk import Desk
from handlers.messages import Event, Tap
from handlers.presses import Press, Verb
from storage import calendars, cards, closings, contacts, people, plans, rounds, units
from storage.database import Session
from storage.tables import Contact, Round
from storage.units import School

LONGEST_REASON = 60
FARTHEST = timedelta(days=800)
_STEP = "set day"  # in a chat's dialogue: an order that waits for its yes
_TOLD = (
    Role.school_lead,
    Role.deputy_lead,
    Role.grade_leader,
    Role.class_teacher,
    Role.dormitory_warden,
    Role.doctor,
)


@fact
class Turn:
    """What an order about a day would do now."""

    order: DayOrder
    before: Calendar
    then: Calendar
    stop: tuple[Round, ...]
    go_on: tuple[Round, ...]
    over: bool
    today: date

    @property
    def changes(self) -> bool:
        """Say whether the day would be anything else than it is."""
        return self.before.overrides.get(self.order.day) != self.then.overrides.get(self.order.day)

    @property
    def is_grave(self) -> bool:
        """Say whether to ask first: people will be told, or today loses its school."""
        loses_today = self.order.day == self.today and self.before.is_school_day(self.today)
        return bool(
            self.stop or self.go_on or (loses_today and not self.then.is_school_day(self.today))
        )


async def order_day(
    desk: Desk, event: Event, contact: Contact, school: School, order: DayOrder
) -> bool:
    """Do what was ordered about a day, or ask first; return whether it is done already."""
    today = desk.today(school.zone)
    if order.day < today:
        await desk.say(contact, event, "calendar.past_day")
        return False
    if order.day - today > FARTHEST:
        await desk.say(contact, event, "calendar.bad_day")
        return False
    if unit := await _only_a_part(desk.session, school, order):
        await desk.say(contact, event, "calendar.only_school", unit=unit)
        return False
    turn = await weigh(desk, school, order)
    if turn.over:
        await desk.say(contact, event, "calendar.over")
        return False
    if turn.is_grave:
        await _ask_first(desk, event, contact, school, turn)
        return False
    if turn.changes:
        await _keep(desk, contact, school, turn)
    return True


async def _only_a_part(session: Session, school: School, order: DayOrder) -> str | None:
    """Return the class or grade that the reason begins with: nobody closes a school by mistake."""
    if order.kind is not DayKind.closed or not order.reason:
        return None
    parts = await units.units_within(session, Reach((school.path,)), "class", "grade")
    said = order.reason.casefold()
    return next((u.name for u in parts if said.startswith(u.name.casefold())), None)


async def weigh(desk: Desk, school: School, order: DayOrder) -> Turn:
    """Work out what an order does: which rounds stop, which go on."""
    today = desk.today(school.zone)
    known = await known_calendar(desk.session, school.id, today)
    to = None if order.kind is None else Override(order.kind, order.reason[:LONGEST_REASON])
    then = calendar_with(school, after(known, CalendarChanges(days={order.day: to})), today)
    stop, go_on = await turned(desk.session, school, then, order.day)
    return Turn(
        order=order,
        before=calendar_with(school, known, today),
        then=then,
        stop=tuple(each for each in stop if each.closed_at is None),
        go_on=tuple(go_on),
        over=bool(stop) and all(each.closed_at for each in stop),
        today=today,
    )


async def turned(
    session: Session, school: School, then: Calendar, day: date
) -> tuple[list[Round], list[Round]]:
    """Return the rounds of a day that have no place in a calendar, and those stopped that have."""
    held = await rounds.rounds_on(session, school.id, day, cancelled=True)
    by_id = {plan.id: plan for plan in await plans.plans(session, school.id)}
    runs = {each.id: _runs(by_id.get(each.plan_id), then, day) for each in held}
    stop = [each for each in held if each.cancelled_at is None and not runs[each.id]]
    return stop, [each for each in held if each.cancelled_at is not None and runs[each.id]]


def _runs(plan: Plan | None, calendar: Calendar, day: date) -> bool:
    return plan is not None and runs_on(plan.recurrence, plan.weekdays, calendar, day)


# ---- asked first ---------------------------------------------------------------------------


async def _ask_first(
    desk: Desk, event: Event, contact: Contact, school: School, turn: Turn
) -> None:
    order = turn.order
    kind = order.kind.value if order.kind else "clear"
    contact.dialogue = {
        "step": _STEP,
        "school": school.id,
        "day": order.day.isoformat(),
        "kind": kind,
        "reason": order.reason[:LONGEST_REASON],
    }
    staff = await _staff(desk, school, turn, contact)
    told = await closings.count_asked(
        desk.session, turn.stop or turn.go_on, [contact.id, *(each.id for each in staff)]
    )
    await desk.say(
        contact,
        event,
        "calendar.sure_open" if turn.then.is_school_day(order.day) else "calendar.sure_closed",
        **_when(order.day, turn.today, order.reason),
        n=told + len(staff),
        ordinal=order.day.toordinal(),
    )


def _when(day: date, today: date, reason: str) -> dict[str, Any]:
    return {"day": day.isoformat(), "is_today": day == today, "reason": reason[:LONGEST_REASON]}


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Do what was asked about before, or leave everything as it is."""
    waits = contact.dialogue if contact.dialogue.get("step") == _STEP else {}
    day = date.fromisoformat(waits["day"]) if waits else None
    if day is None or day.toordinal() != press.row:
        desk.toast(tap, contact, "toast.day_was_old", alert=True)
        return
    contact.dialogue = {}
    if press.verb is Verb.leave_day:
        desk.toast(tap, contact, "toast.going_on")
        return
    desk.toast(tap, contact, "toast.silent")
    school = await desk.own_school(tap, contact, Act.manage_plan)
    if school is None:
        return
    kind = None if waits["kind"] == "clear" else DayKind(waits["kind"])
    turn = await weigh(desk, school, DayOrder(day, kind, waits["reason"]))
    if day < turn.today or turn.over:
        await desk.say(contact, tap, "calendar.over")
        return
    await _carry_out(desk, tap, contact, school, turn)


# ---- done ----------------------------------------------------------------------------------


async def _carry_out(desk: Desk, tap: Tap, contact: Contact, school: School, turn: Turn) -> None:
    staff = await _staff(desk, school, turn, contact)
    but = [contact.id, *(each.id for each in staff)]
    open_now = turn.then.is_school_day(turn.order.day)
    held = turn.go_on if open_now else turn.stop
    await _keep(desk, contact, school, turn)
    if turn.stop:
        await closings.cancel(desk.session, turn.stop, desk.now)
        for day, slot in {(each.day, each.slot) for each in turn.stop}:
            # What had closed before has waited for these with its summary.
            if (rest := await rounds.closed_slot(desk.session, school.id, day, slot)) is not None:
                await signing.hand_over(desk.session, desk.now, school, rest)
    if turn.go_on:
        await closings.resume(desk.session, turn.go_on, desk.now)
    told = await closings.owe_news(
        desk.session, held, "school_again" if open_now else "no_school", desk.now, but
    )
    await cards.refresh_school(desk.session, school.id, turn.order.day)
    said = _when(turn.order.day, turn.today, _reason(turn))
    for each in staff:
        cause = f"{'open' if open_now else 'closed'}:{turn.order.day}:{desk.now:%Y%m%dT%H%M%S}"
        key = "calendar.staff_open" if open_now else "calendar.staff_closed"
        await desk.tell(each, cause, key, **said)
    if not held:
        done = "calendar.done_quiet_open" if open_now else "calendar.done_quiet_closed"
        await desk.say(contact, tap, done, **said)
        return
    done = "calendar.done_open" if open_now else "calendar.done_closed"
    await desk.say(contact, tap, done, **said, n=told + len(staff))


def _reason(turn: Turn) -> str:
    return turn.then.kind_of(turn.order.day)[1] if turn.order.kind is None else turn.order.reason


async def _keep(desk: Desk, contact: Contact, school: School, turn: Turn) -> None:
    day = turn.order.day
    to = turn.then.overrides.get(day)
    await calendars.keep_days(desk.session, school.id, {day: to})
    kind = to.kind.value if to else "clear"
    desk.record(
        "day set",
        contact.person_id,
        school.id,
        day=day.isoformat(),
        kind=kind,
        stopped=len(turn.stop),
        resumed=len(turn.go_on),
    )


async def _staff(desk: Desk, school: School, turn: Turn, by: Contact) -> Sequence[Contact]:
    """Return the chats of those who would wait for a card: told once a round has begun."""
    if not (turn.stop or turn.go_on):
        return []
    kinds = ("school", "grade", "class", "dormitory")
    every = await units.units_within(desk.session, Reach((school.path,)), *kinds)
    holding = await people.holders(
        desk.session, _TOLD, [unit.id for unit in every], turn.order.day
    )
    found = await contacts.contacts_of(desk.session, (person for person, _ in holding))
    return [each for each in found if each.id != by.id]
