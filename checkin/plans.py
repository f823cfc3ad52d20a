"""A plan (questionnaire, audience, recurrence, chase ladder) and what of it is due at a moment.

What is due is computed, never stored as a timer: a round is one plan on one day for one school,
and each of its steps has one moment to begin and one point after which doing it would be wrong.
So restarts, twins and clock jumps are harmless: whoever looks, sees the same list.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from checkin.calendars import Calendar, Recurrence, runs_on
from checkin.times import day_exists, end_of, local_date, moment_at, parse_time

LOOK_BACK = 8  # days: a week's holiday without power still shows its gaps
LOOK_AHEAD = 400  # days: longer than any vacation, so that "never" means never
QUIET = timedelta(minutes=10)  # a family that was asked this recently is not reminded
MOST_STEPS = 12
MORNING = "morning"  # the slot whose plans share one card, one class card and one summary


class Audience(StrEnum):
    """Whom a plan asks about."""

    students = "students"
    staff = "staff"


class Action(StrEnum):
    """What a step does."""

    ask = "ask"
    remind = "remind"
    close = "close"


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of the chase ladder, at a wall-clock time.

    Args:
        day_offset: 0 is the round date itself, -1 the evening before.
        rung: counts within the action: the second reminder is rung 2.
    """

    name: str
    at: time
    action: Action
    day_offset: int = 0
    rung: int = 1


def default_steps() -> tuple[Step, ...]:
    """Return the ladder of a plan that says nothing: ask 06:30, remind 07:10, close 08:00."""
    return (
        Step("ask", time(6, 30), Action.ask),
        Step("remind", time(7, 10), Action.remind),
        Step("close", time(8, 0), Action.close),
    )


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Do:
    """Do it now and record it as done."""

    due: Due


@dataclass(frozen=True, slots=True)
class Skip:
    """Record it as skipped and why. A skipped close still ends its round: no answers, no zero."""

    due: Due
    reason: SkipReason


Decision = Do | Skip


# When the steps of a round fall.


def occurrences(plan: Plan, zone: ZoneInfo, calendar: Calendar, day: date) -> tuple[Due, ...]:
    """Return the steps of the round that answers for `day`, in order; none when it has no round.

    An ask may be caught up until the next ask or the close; a reminder until the next step of any
    kind; the close until its local date is over. No step overtakes another: where a missing hour
    pushes one back, those behind it wait.
    """
    if not _has_round(plan, zone, calendar, day):
        return ()
    begins: list[datetime] = []
    for step in plan.steps:
        moment = moment_at(day + timedelta(days=step.day_offset), step.at, zone)
        begins.append(max(moment, begins[-1]) if begins else moment)
    return tuple(
        Due(plan.id, plan.school_id, day, step, begins[place], _cutoff(plan, begins, place, end))
        for end in (end_of(day, zone),)
        for place, step in enumerate(plan.steps)
    )


def _has_round(plan: Plan, zone: ZoneInfo, calendar: Calendar, day: date) -> bool:
    if not plan.active or (plan.first_day and day < plan.first_day):
        return False
    return runs_on(plan.recurrence, plan.weekdays, calendar, day) and day_exists(day, zone)


def _cutoff(plan: Plan, begins: Sequence[datetime], place: int, end: datetime) -> datetime:
    ends_an_ask = {Action.ask, Action.close}
    for step, begin in zip(plan.steps[place + 1 :], begins[place + 1 :], strict=True):
        if plan.steps[place].action is not Action.ask or step.action in ends_an_ask:
            return min(begin, end)
    return end


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


def first_day_from(plan: Plan, zone: ZoneInfo, now: datetime) -> date:
    """Return the first date a plan made or resumed now should have: no round is begun midway."""
    today = local_date(now, zone)
    first = plan.steps[0]
    days = (today, today + timedelta(days=1), today + timedelta(days=2))
    begins = (moment_at(day + timedelta(days=first.day_offset), first.at, zone) for day in days)
    return next(day for day, begin in zip(days, begins, strict=True) if begin >= now)


def change_steps(
    plan: Plan, steps: tuple[Step, ...], zone: ZoneInfo, now: datetime, begun: Collection[date]
) -> Plan:
    """Give a plan another ladder: a round that has begun goes on under it, none is begun midway.

    `begun` holds the dates of the rounds of which some step is recorded; those before today are
    over and done with.
    """
    changed = replace(plan, steps=steps)
    today = local_date(now, zone)
    running = [day for day in begun if day >= today]
    return replace(changed, first_day=min([first_day_from(changed, zone, now), *running]))


def _in_time(due: Due) -> tuple[datetime, date]:
    return due.due_at, due.round_date


# What to do about them.


def due_now(
    plan: Plan,
    zone: ZoneInfo,
    calendar: Calendar,
    now: datetime,
    done: Collection[tuple[date, str]],
    *,
    asked_at: Mapping[date, datetime] | None = None,
) -> tuple[Decision, ...]:
    """Decide about every step that is due and not recorded, in time order.

    The window is today's round, tomorrow's (for the evening before) and those of up to eight days
    back, so that the gaps of an outage are recorded. Beyond its cutoff a step is skipped as
    missed; a cutoff never lies beyond the round date, so yesterday's ask is never sent. A
    reminder whose own time comes before families have had their quiet since the ask is skipped.

    `done` holds (round date, step name) of every step recorded, whether done or skipped;
    `asked_at` says when the last ask of a round was done, by round date.
    """
    if not plan.active:
        return ()
    decisions: list[Decision] = []
    asked = dict(asked_at or {})
    for round_date in _window(local_date(now, zone)):
        if all((round_date, step.name) in done for step in plan.steps):
            continue
        for due in occurrences(plan, zone, calendar, round_date):
            if due.due_at > now or due.key in done:
                continue
            decision: Decision
            if (round_date, plan.steps[-1].name) in done:
                decision = Skip(due, SkipReason.round_closed)
            else:
                decision = _decide(due, now, _quiet_until(plan, due, asked))
            if isinstance(decision, Do) and due.step.action is Action.ask:
                asked[round_date] = now
            decisions.append(decision)
    return tuple(sorted(decisions, key=lambda decision: _in_time(decision.due)))


def _window(today: date) -> Iterator[date]:
    for days in range(-LOOK_BACK, 2):
        yield today + timedelta(days=days)


def _decide(due: Due, now: datetime, quiet_until: datetime | None) -> Decision:
    if now >= due.cutoff:
        return Skip(due, SkipReason.missed)
    if due.step.action is Action.remind and quiet_until and due.due_at < quiet_until:
        return Skip(due, SkipReason.just_asked)
    return Do(due)


def _quiet_until(plan: Plan, due: Due, asked: Mapping[date, datetime]) -> datetime | None:
    """Return when the families of the round may be chased again.

    The quiet is ten minutes, or half of what the plan itself leaves between the two when it is in
    a greater hurry, so that an ask a few seconds late does not cost the reminder.
    """
    moment = asked.get(due.round_date)
    if moment is None or due.step.action is not Action.remind:
        return None
    place = plan.steps.index(due.step)
    ask = next((step for step in reversed(plan.steps[:place]) if step.action is Action.ask), None)
    planned = _minutes(due.step) - _minutes(ask) if ask else 0
    return moment + min(QUIET, timedelta(minutes=planned) / 2)


def _minutes(step: Step) -> int:
    return step.day_offset * 24 * 60 + step.at.hour * 60 + step.at.minute


# How people write a ladder.


class StepsReason(StrEnum):
    """Why a ladder cannot be kept; the words live above.

    empty: nothing was written.
    not_a_time: {text} is no time of day.
    not_understood: {text} is neither a time nor a word for a step.
    no_ask: nobody would be asked.
    ask_first: the first step must be an ask, but is {action} at {time}.
    no_close: the round would never end.
    close_not_last: the close at {time} has steps behind it.
    two_closes: {first} and {second} both close the round.
    not_rising: {second} does not come after {first}.
    too_many: {count} steps, where {most} are enough.
    close_the_evening_before: the close at {time} must be on the day itself.
    """

    empty = "empty"
    not_a_time = "not_a_time"
    not_understood = "not_understood"
    no_ask = "no_ask"
    ask_first = "ask_first"
    no_close = "no_close"
    close_not_last = "close_not_last"
    two_closes = "two_closes"
    not_rising = "not_rising"
    too_many = "too_many"
    close_the_evening_before = "close_the_evening_before"


@dataclass(frozen=True, slots=True)
class BadSteps:
    """A ladder refused: why, and what to put into the sentence."""

    reason: StepsReason
    args: Mapping[str, str] = field(default_factory=dict)


_WORDS = {
    Action.ask: {"ask", "asks", "询问", "提问", "发送", "问"},
    Action.remind: {"remind", "reminder", "chase", "提醒", "催"},
    Action.close: {"close", "deadline", "end", "截止", "结束", "关闭"},
}
_ACTION_OF = {word: action for action, words in _WORDS.items() for word in words}
_EVENING = {"eve", "evening", "before", "-1", "前晚", "前一晚", "前一天", "昨晚"}
# 询问06:30、截止：08:00 and ask:6:30: the word stands apart from the time behind it.
_JOINED = re.compile(
    "(?<![a-z])("
    + "|".join(sorted(_ACTION_OF.keys() | _EVENING - {"-1"}, key=len, reverse=True))
    + ")(?![a-z]):?"
)
_IGNORED = {"at", "the", "then", "and", "day", "在", "于"}


def steps_from_times(times: Sequence[time]) -> tuple[Step, ...] | BadSteps:
    """Read bare times: the first asks, the last closes, those between remind."""
    if not times:
        return BadSteps(StepsReason.empty)
    if len(times) == 1:
        return BadSteps(StepsReason.no_close)
    between = [(Action.remind, 0, at) for at in times[1:-1]]
    return _ladder([(Action.ask, 0, times[0]), *between, (Action.close, 0, times[-1])])


def parse_steps(text: str) -> tuple[Step, ...] | BadSteps:
    """Read the ladder of the /plan command.

    Either bare times ("06:30 07:10 08:00") or words before each ("ask 06:30, remind 07:10, remind
    07:30, close 08:00"); "ask eve 19:00" is the evening before. Chinese words do as well.
    """
    plain = unicodedata.normalize("NFKC", text).lower()
    plain = re.sub(r"\s+([ap]m)\b", r"\1", plain)
    plain = _JOINED.sub(r" \1 ", plain)
    written: list[tuple[Action | None, int, time]] = []
    action, offset = None, 0
    for token in re.split(r"[\s,、;。=>]+", plain):
        word = token.rstrip(":")
        if word in _ACTION_OF:
            action = _ACTION_OF[word]
        elif word in _EVENING:
            offset = -1
        elif word and word not in _IGNORED:
            try:
                written.append((action, offset, parse_time(word)))
            except ValueError:
                number = any(letter.isdigit() for letter in word)
                reason = StepsReason.not_a_time if number else StepsReason.not_understood
                return BadSteps(reason, {"text": token})
            action, offset = None, 0
    if any(action is not None or offset for action, offset, _ in written):
        return _named(written)
    return steps_from_times([at for _, _, at in written])


def _named(written: Sequence[tuple[Action | None, int, time]]) -> tuple[Step, ...] | BadSteps:
    for action, _, at in written:
        if action is None:
            return BadSteps(StepsReason.not_understood, {"text": f"{at:%H:%M}"})
    return _ladder([(action, offset, at) for action, offset, at in written if action])


def _ladder(written: Sequence[tuple[Action, int, time]]) -> tuple[Step, ...] | BadSteps:
    """Give each step its name and rung, so that the same ladder always has the same names."""
    steps: list[Step] = []
    for action, offset, at in written:
        rung = 1 + sum(step.action is action for step in steps)
        name = action.value if rung == 1 else f"{action.value}-{rung}"
        steps.append(Step(name, at, action, offset, rung))
    return check_steps(steps) or tuple(steps)


def check_steps(steps: Sequence[Step]) -> BadSteps | None:
    """Say what is wrong with a ladder, or None.

    It begins with an ask, its moments rise, and exactly one close, on the day itself, ends it.
    """
    closes = [step for step in steps if step.action is Action.close]
    if not steps:
        return BadSteps(StepsReason.empty)
    if len(steps) > MOST_STEPS:
        args = {"count": str(len(steps)), "most": str(MOST_STEPS)}
        return BadSteps(StepsReason.too_many, args)
    if all(step.action is not Action.ask for step in steps):
        return BadSteps(StepsReason.no_ask)
    if not closes:
        return BadSteps(StepsReason.no_close)
    if len(closes) > 1:
        args = {"first": _shown(closes[0]), "second": _shown(closes[1])}
        return BadSteps(StepsReason.two_closes, args)
    if steps[-1].action is not Action.close:
        return BadSteps(StepsReason.close_not_last, {"time": _shown(closes[0])})
    if closes[0].day_offset:
        return BadSteps(StepsReason.close_the_evening_before, {"time": _shown(closes[0])})
    if steps[0].action is not Action.ask:
        args = {"action": steps[0].action.value, "time": _shown(steps[0])}
        return BadSteps(StepsReason.ask_first, args)
    for first, second in pairwise(steps):
        if _minutes(second) <= _minutes(first):
            args = {"first": _shown(first), "second": _shown(second)}
            return BadSteps(StepsReason.not_rising, args)
    return None


def _shown(step: Step) -> str:
    return f"{step.at:%H:%M}"


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


def step_to_document(step: Step) -> dict[str, Any]:
    """Return one step as plain JSON values."""
    return {
        "name": step.name,
        "at": step.at.isoformat("minutes"),
        "action": step.action.value,
        "day_offset": step.day_offset,
        "rung": step.rung,
    }


def step_from_document(document: Mapping[str, Any]) -> Step:
    """Return the step that was kept."""
    return Step(
        name=document["name"],
        at=time.fromisoformat(document["at"]),
        action=Action(document["action"]),
        day_offset=document["day_offset"],
        rung=document["rung"],
    )
