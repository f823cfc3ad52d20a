"""A plan (questionnaire, audience, recurrence, chase ladder) and what of it is due at a moment.

What is due is computed, never stored as a timer: a round is one plan on one day for one school,
and each of its steps has one moment to begin and one point after which doing it would be wrong.
So restarts, twins and clock jumps are harmless: whoever looks, sees the same list.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from checkin.asking import QUIET
from checkin.calendars import Calendar, Recurrence, runs_on
from checkin.facts import fact
from checkin.steps import (
    AFTER_THE_CLOSE,
    ASKS,
    PRESSING,
    Action,
    Step,
    check_steps,
    closing,
    default_steps,
    handing,
    minutes_of,
    step_from_document,
    step_to_document,
)
from checkin.times import day_exists, end_of, local_date, moment_at

LOOK_BACK = 8  # days: a week's holiday without power still shows its gaps
LOOK_EVERY = timedelta(minutes=15)  # at the latest, whatever the plan says
LOOK_AHEAD = 400  # days: longer than any vacation, so that "never" means never
MORNING = "morning"  # the slot whose plans share one card, one class card and one summary


class Audience(StrEnum):
    """Whom a plan asks about."""

    students = "students"
    staff = "staff"


@fact
class Plan:
    """A questionnaire for an audience of one school, asked again and again.

    Args:
        first_day: the first date that has a round; before it nothing was missed. None is always.
    """

    id: int
    school_id: int
    questionnaire: str
    audience: Audience
    recurrence: Recurrence = Recurrence.school_days
    weekdays: tuple[int, ...] = ()
    slot: str = MORNING
    steps: tuple[Step, ...] = field(default_factory=default_steps)
    active: bool = True
    first_day: date | None = None


@fact
class Due:
    """One step of one round: when it begins, and the point from which doing it would be wrong."""

    plan_id: int
    school_id: int
    round_date: date
    step: Step
    due_at: datetime
    cutoff: datetime

    @property
    def key(self) -> tuple[date, str]:
        """What is recorded once: the date answered for and the name of the step."""
        return self.round_date, self.step.name


class SkipReason(StrEnum):
    """Why a step that was due is recorded as not done.

    missed: nobody was there before its cutoff (an outage, or a time that the clock change took).
    just_asked: the ask went out late, so that families would be chased minutes after it.
    round_closed: the round was closed under an earlier ladder; nothing comes after its close.
    """

    missed = "missed"
    just_asked = "just_asked"
    round_closed = "round_closed"


@fact
class Do:
    """Do it now and record it as done."""

    due: Due


@fact
class Skip:
    """Record it as skipped and why. A skipped close still ends its round: no answers, no zero."""

    due: Due
    reason: SkipReason


Decision = Do | Skip
Done = Mapping[tuple[date, str], datetime | None]
"""What is recorded of a plan, by round date and step: when it was done, None where it was not."""


# When the steps of a round fall.


def occurrences(plan: Plan, zone: ZoneInfo, calendar: Calendar, day: date) -> tuple[Due, ...]:
    """Return the steps of the round that answers for `day`, in order; none when it has no round.

    An ask and a class card may be caught up until the close, a reminder until the next one or the
    close; whatever it is, until its own local date is over, so that nobody is woken by what the
    evening has missed. No step overtakes another: where a missing hour pushes one back, those
    behind it wait.
    """
    if not _has_round(plan, zone, calendar, day):
        return ()
    begins: list[datetime] = []
    for step in plan.steps:
        moment = moment_at(day + timedelta(days=step.day_offset), step.at, zone)
        begins.append(max(moment, begins[-1]) if begins else moment)
    ends = [end_of(day + timedelta(days=step.day_offset), zone) for step in plan.steps]
    return tuple(
        Due(plan.id, plan.school_id, day, step, begins[place], _cutoff(plan, begins, place, end))
        for place, (step, end) in enumerate(zip(plan.steps, ends, strict=True))
    )


def _has_round(plan: Plan, zone: ZoneInfo, calendar: Calendar, day: date) -> bool:
    if not plan.active or (plan.first_day and day < plan.first_day):
        return False
    return runs_on(plan.recurrence, plan.weekdays, calendar, day) and day_exists(day, zone)


def _cutoff(plan: Plan, begins: Sequence[datetime], place: int, end: datetime) -> datetime:
    ended_by = _ENDED_BY.get(plan.steps[place].action, frozenset())
    for step, begin in zip(plan.steps[place + 1 :], begins[place + 1 :], strict=True):
        if step.action in ended_by:
            return min(begin, end)
    return end


# After which later step each is too late; what is not here has until its date is over.
_ENDED_BY = {
    Action.ask: frozenset({Action.close}),
    Action.card: frozenset({Action.close}),
    Action.remind: frozenset({Action.remind, Action.close}),
}


def days_steps(plan: Plan, zone: ZoneInfo, calendar: Calendar, day: date) -> tuple[Due, ...]:
    """Return what happens on one local date, tomorrow's evening-before steps included."""
    found = [
        due
        for round_date in (day, day + timedelta(days=1))
        for due in occurrences(plan, zone, calendar, round_date)
        if round_date + timedelta(days=due.step.day_offset) == day
    ]
    return tuple(sorted(found, key=_in_time))


def next_due(plan: Plan, zone: ZoneInfo, calendar: Calendar, now: datetime) -> Due | None:
    """Return the first step that begins after `now`, or None when there is none in a year."""
    today = local_date(now, zone)
    for ahead in range(LOOK_AHEAD):
        first, second = today + timedelta(days=ahead), today + timedelta(days=ahead + 1)
        coming = [
            due
            for day in (first, second)  # tomorrow's evening before may precede today's close
            for due in occurrences(plan, zone, calendar, day)
            if due.due_at > now
        ]
        if coming:
            return min(coming, key=_in_time)
    return None


def looks_at(plan: Plan, zone: ZoneInfo, calendar: Calendar, now: datetime) -> datetime:
    """Return when the clock has to look at a plan again after `now`: at its next step.

    In a quarter of an hour at the latest, so that whatever it has not been told of (a release
    that knows other holidays, a clock that was put right) is noticed in time; the plans of a city
    spread over that quarter's last third.
    """
    today = local_date(now, zone)
    latest = now + LOOK_EVERY - timedelta(seconds=plan.id % 300)
    coming = (
        due.due_at
        for day in {today, local_date(latest, zone)}
        for due in days_steps(plan, zone, calendar, day)
        if due.due_at > now
    )
    return min((latest, *coming))


def first_day_from(plan: Plan, zone: ZoneInfo, now: datetime) -> date:
    """Return the first date a plan made or resumed now should have: no round is begun midway."""
    today = local_date(now, zone)
    first = next(step for step in plan.steps if step.action is Action.ask)
    days = (today, today + timedelta(days=1), today + timedelta(days=2))
    begins = (moment_at(day + timedelta(days=first.day_offset), first.at, zone) for day in days)
    return next(day for day, begin in zip(days, begins, strict=True) if begin >= now)


def change_plan(
    old: Plan,
    new: Plan,
    zone: ZoneInfo,
    calendar: Calendar,
    now: datetime,
    begun: Collection[date],
) -> Plan:
    """Return a plan that takes another's place: it loses no round, and begins none midway.

    Today's round of the old plan goes on under the new one; where the new time to ask has passed
    it is caught up, as after an outage. `begun` holds the dates of the rounds of which some step
    is recorded; those before today are over and done with.
    """
    today = local_date(now, zone)
    days = [day for day in begun if day >= today]
    days += [today] if _has_round(old, zone, calendar, today) else []
    return replace(new, first_day=min([first_day_from(new, zone, now), *days]))


def _in_time(due: Due) -> tuple[datetime, date]:
    return due.due_at, due.round_date


# What to do about them.

# How steps that ask are called, under whatever ladder they were done.
_ASKING = tuple(action.value for action in ASKS)


def due_now(
    plan: Plan, zone: ZoneInfo, calendar: Calendar, now: datetime, done: Done
) -> tuple[Decision, ...]:
    """Decide about every step that is due and not recorded, in time order.

    The window is today's round, tomorrow's (for the evening before) and those of up to eight days
    back, so that the gaps of an outage are recorded. Beyond its cutoff a step is skipped as
    missed; a cutoff never lies beyond the round date, so yesterday's ask is never sent. A
    reminder, or the second guardian's ask, whose own time comes before families have had their
    quiet since the ask is skipped.
    """
    if not plan.active:
        return ()
    decisions: list[Decision] = []
    known = dict(done)
    for round_date in _window(local_date(now, zone)):
        if all((round_date, step.name) in known for step in plan.steps):
            continue
        over = (round_date, closing(plan.steps).name) in done
        for due in occurrences(plan, zone, calendar, round_date):
            if due.due_at > now or due.key in known:
                continue
            decision: Decision
            if over and due.step.action not in AFTER_THE_CLOSE:
                decision = Skip(due, SkipReason.round_closed)
            else:
                decision = _decide(due, now, _quiet_until(plan, due, known))
            known[due.key] = now if isinstance(decision, Do) else None
            decisions.append(decision)
    return tuple(sorted(decisions, key=lambda decision: _in_time(decision.due)))


def _window(today: date) -> Iterator[date]:
    for days in range(-LOOK_BACK, 2):
        yield today + timedelta(days=days)


def _decide(due: Due, now: datetime, quiet_until: datetime | None) -> Decision:
    if now >= due.cutoff:
        return Skip(due, SkipReason.missed)
    if quiet_until and due.due_at < quiet_until:
        return Skip(due, SkipReason.just_asked)
    return Do(due)


def _chases(step: Step) -> bool:
    """Say whether a step goes after those who were asked before: it leaves them time first."""
    return step.action is Action.remind or (step.action is Action.ask and step.rung > 1)


def _quiet_until(plan: Plan, due: Due, done: Done) -> datetime | None:
    """Return when the families of the round may be chased again."""
    if not _chases(due.step):
        return None
    asked = (
        moment
        for (day, name), moment in done.items()
        if moment and day == due.round_date and name.startswith(_ASKING)
    )
    moment = max(asked, default=None)
    return moment + quiet_before(plan, due.step) if moment else None


def quiet_before(plan: Plan, step: Step) -> timedelta:
    """Return for how long whoever was asked is left in peace before a step that chases.

    It is ten minutes, or half of what the plan itself leaves between the two when it is in a
    greater hurry, so that an ask a few seconds late does not cost the reminder.
    """
    place = plan.steps.index(step)
    ask = next((before for before in reversed(plan.steps[:place]) if before.action in ASKS), None)
    planned = minutes_of(step) - minutes_of(ask) if ask else 0
    return min(QUIET, timedelta(minutes=planned) / 2)


def presses_from(plan: Plan, due: Due, handed_at: datetime) -> datetime:
    """Return from when a step may press for a signature, by when the summary was handed over.

    Who had it late, as the machine was off or another round of the slot closed later, has as long
    as the plan leaves on any day. Some minutes are not worth it: as many as families are left in
    peace, or half of what there is.
    """
    hands = minutes_of(handing(plan.steps))
    pressing = [minutes_of(step) - hands for step in plan.steps if step.action in PRESSING]
    left = [minutes for minutes in pressing if minutes > 0]
    planned = due.due_at - timedelta(minutes=minutes_of(due.step) - hands)
    late = handed_at - planned
    if due.due_at <= planned or late <= min(QUIET, timedelta(minutes=min(left)) / 2):
        return due.due_at
    return due.due_at + late


# How a plan is kept.


def to_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain JSON values."""
    return {
        "id": plan.id,
        "school_id": plan.school_id,
        "questionnaire": plan.questionnaire,
        "audience": plan.audience.value,
        "recurrence": plan.recurrence.value,
        "weekdays": list(plan.weekdays),
        "slot": plan.slot,
        "steps": [step_to_document(step) for step in plan.steps],
        "active": plan.active,
        "first_day": plan.first_day.isoformat() if plan.first_day else None,
    }


def from_document(document: Mapping[str, Any]) -> Plan:
    """Return the plan that was kept.

    Raises:
        ValueError: The ladder kept is not one that could have been made.
    """
    plan = Plan(
        id=document["id"],
        school_id=document["school_id"],
        questionnaire=document["questionnaire"],
        audience=Audience(document["audience"]),
        recurrence=Recurrence(document["recurrence"]),
        weekdays=tuple(document["weekdays"]),
        slot=document["slot"],
        steps=tuple(step_from_document(step) for step in document["steps"]),
        active=document["active"],
        first_day=date.fromisoformat(document["first_day"]) if document["first_day"] else None,
    )
    if bad := check_steps(plan.steps):
        raise ValueError(f"Plan {plan.id} has a ladder that cannot run: {bad.reason}.")
    return plan
