"""The chase ladder: the steps of a school day, and how people write them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import time
from enum import StrEnum
from itertools import pairwise
from typing import Any

from checkin.facts import fact
from checkin.times import parse_time

MOST_STEPS = 12
# What follows a close when only times were written: minutes after it.
_AFTERWARDS = {"summary": 5, "chase": 30, "deputy": 60}


class Action(StrEnum):
    """What a step does.

    evening: ask those who like to be asked the evening before.
    ask: ask whoever is first in line; the second ask goes to the second guardian, and so on.
    remind: remind whoever was asked first and is silent.
    card: hand the class teachers their cards.
    close: end the round; whoever is silent now has not responded.
    summary: hand the lead the summary.
    chase: remind the lead of a summary that is not signed.
    deputy: hand an unsigned summary to the deputy.
    """

    evening = "evening"
    ask = "ask"
    remind = "remind"
    card = "card"
    close = "close"
    summary = "summary"
    chase = "chase"
    deputy = "deputy"


ASKS = frozenset({Action.evening, Action.ask})
AFTER_THE_CLOSE = frozenset({Action.summary, Action.chase, Action.deputy})
PRESSING = frozenset({Action.chase, Action.deputy})  # after a summary that nobody has signed


@fact
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
    """Return the ladder of a plan for students that says nothing else."""
    return (
        Step("evening", time(19, 0), Action.evening, day_offset=-1),
        Step("ask", time(6, 30), Action.ask),
        Step("remind", time(7, 10), Action.remind),
        Step("ask-2", time(7, 20), Action.ask, rung=2),
        Step("card", time(7, 30), Action.card),
        Step("close", time(8, 0), Action.close),
        Step("summary", time(8, 5), Action.summary),
        Step("chase", time(8, 30), Action.chase),
        Step("deputy", time(9, 0), Action.deputy),
    )


def staff_steps() -> tuple[Step, ...]:
    """Return the ladder for staff, who answer for themselves: nobody second, and no class."""
    for_families = {"evening", "ask-2", "card"}
    return tuple(step for step in default_steps() if step.name not in for_families)


def closing(steps: Sequence[Step]) -> Step:
    """Return the step that ends the round."""
    return next(step for step in steps if step.action is Action.close)


def handing(steps: Sequence[Step]) -> Step:
    """Return the step that hands the lead the summary: the close, where it has none of its own."""
    own = (step for step in steps if step.action is Action.summary)
    return next(own, None) or closing(steps)


def minutes_of(step: Step) -> int:
    """Return when a step is, in minutes from the midnight that begins the round date."""
    return step.day_offset * 24 * 60 + step.at.hour * 60 + step.at.minute


class StepsReason(StrEnum):
    """Why a ladder cannot be kept; the words live above.

    empty: nothing was written.
    not_a_time: {text} is no time of day.
    not_understood: {text} is neither a time nor a word for a step.
    no_ask: nobody would be asked.
    ask_first: the first step must be an ask, but is {action} at {time}.
    no_close: the round would never end.
    after_the_close: {action} at {time} comes after the close, when nobody is asked any more.
    before_the_close: {action} at {time} comes before the close, when there is nothing to sign.
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
    after_the_close = "after_the_close"
    before_the_close = "before_the_close"
    two_closes = "two_closes"
    not_rising = "not_rising"
    too_many = "too_many"
    close_the_evening_before = "close_the_evening_before"


@fact
class BadSteps:
    """A ladder refused: why, and what to put into the sentence."""

    reason: StepsReason
    args: Mapping[str, str] = field(default_factory=dict)


_WORDS = {
    Action.ask: {"ask", "asks", "second", "询问", "提问", "发送", "问", "第二监护人"},
    Action.remind: {"remind", "reminder", "提醒", "催"},
    Action.card: {"card", "cards", "class", "班级卡片", "班级卡", "班主任"},
    Action.close: {"close", "deadline", "end", "截止", "结束", "关闭"},
    Action.summary: {"summary", "汇总", "小结"},
    Action.chase: {"chase", "unsigned", "催签"},
    Action.deputy: {"deputy", "代签", "副校长"},
}
_ACTION_OF = {word: action for action, words in _WORDS.items() for word in words}
_EVENING = {"eve", "evening", "before", "-1", "前晚", "前一晚", "前一天", "昨晚"}
# 询问06:30、截止：08:00 and ask:6:30: the word stands apart from the time behind it.
_JOINED = re.compile(
    "(?<![a-z])("
    + "|".join(sorted(_ACTION_OF.keys() | _EVENING - {"-1"}, key=len, reverse=True))
    + ")(?![a-z]):?"
)
_IGNORED = {"at", "the", "then", "and", "day", "guardian", "在", "于"}

_Written = tuple[Action, int, time]


def steps_from_times(
    times: Sequence[time], shape: Sequence[Step] = ()
) -> tuple[Step, ...] | BadSteps:
    """Read bare times: the first asks, the last closes, those between remind.

    Of a day that was there before, its `shape`, the evening keeps its time; the second guardian,
    the class card, the summary and what follows move with the close, and are left out where they
    would no longer lie between the ask and midnight on their side of the close. Without one, the
    summary and what follows when it is not signed come as long after the close as they always do.
    """
    if not times:
        return BadSteps(StepsReason.empty)
    if len(times) == 1:
        return BadSteps(StepsReason.no_close)
    named: list[_Written] = [
        (Action.ask, 0, times[0]),
        *((Action.remind, 0, at) for at in times[1:-1]),
        (Action.close, 0, times[-1]),
    ]
    steps = _ladder(named)
    if isinstance(steps, BadSteps):
        return steps
    named += _around(steps, shape) if shape else _afterwards(times[-1])
    return _ladder(sorted(named, key=lambda step: (step[1], step[2])))


def _around(steps: Sequence[Step], shape: Sequence[Step]) -> list[_Written]:
    """Return what a day had beside its first ask, its reminders and its close, moved with it."""
    ask, close = minutes_of(steps[0]), minutes_of(closing(steps))
    before = minutes_of(closing(shape))
    first = next(step for step in shape if step.action is Action.ask)
    taken = {minutes_of(step) for step in steps}
    kept: list[_Written] = []
    for step in shape:
        if step.action is Action.evening:
            kept.append((step.action, step.day_offset, step.at))
            continue
        if step == first or step.action in {Action.remind, Action.close}:
            continue
        minute = minutes_of(step) - before + close
        while minute in taken:
            minute += 1
        late = minutes_of(step) > before
        if (close < minute < 24 * 60) if late else (ask < minute < close):
            taken.add(minute)
            kept.append((step.action, 0, time(minute // 60, minute % 60)))
    return kept


def _afterwards(close: time) -> list[_Written]:
    minutes = {name: close.hour * 60 + close.minute + more for name, more in _AFTERWARDS.items()}
    return [
        (Action(name), 0, time(minute // 60, minute % 60))
        for name, minute in minutes.items()
        if minute < 24 * 60
    ]


def parse_steps(text: str, shape: Sequence[Step] = ()) -> tuple[Step, ...] | BadSteps:
    """Read the ladder of the /plan command.

    Either bare times ("06:30 07:10 08:00"), which keep the `shape` of the day that was there, or
    words before each ("evening 19:00, ask 06:30, remind 07:10, second 07:20, card 07:30, close
    08:00, summary 08:05, chase 08:30, deputy 09:00"). Chinese words do as well.
    """
    written = _written(text)
    if isinstance(written, BadSteps):
        return written
    if any(action is not None or offset for action, offset, _ in written):
        return _named(written)
    return steps_from_times([at for _, _, at in written], shape)


@fact
class BadLine:
    """A ladder written line by line refused: in which line (from 0; None: as a whole), and why."""

    place: int | None
    why: BadSteps


def read_ladder(lines: Sequence[str]) -> tuple[Step, ...] | BadLine:
    """Read a ladder of which each line is one step: "ask 06:30", "前一晚 19:00"."""
    found: list[tuple[Action | None, int, time]] = []
    for place, line in enumerate(lines):
        written = _written(line)
        if isinstance(written, BadSteps):
            return BadLine(place, written)
        if len(written) != 1 or not (written[0][0] or written[0][1]):
            return BadLine(place, BadSteps(StepsReason.not_understood, {"text": line}))
        found += written
    steps = _named(found)
    if isinstance(steps, tuple):
        return steps
    shown = steps.args.get("second", steps.args.get("time"))
    places = [place for place, (_, _, at) in enumerate(found) if f"{at:%H:%M}" == shown]
    return BadLine(places[-1] if places else None, steps)


def only_times(text: str) -> bool:
    """Say whether times were written and nothing of what they are for."""
    written = _written(text)
    return not isinstance(written, BadSteps) and not any(
        action is not None or offset for action, offset, _ in written
    )


def _written(text: str) -> list[tuple[Action | None, int, time]] | BadSteps:
    """Read times, each with the words before it."""
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
    return written


def _named(
    written: Sequence[tuple[Action | None, int, time]],
) -> tuple[Step, ...] | BadSteps:
    named: list[_Written] = []
    for action, offset, at in written:
        if offset and action in {None, Action.ask}:
            named.append((Action.evening, offset, at))
        elif action is None:
            return BadSteps(StepsReason.not_understood, {"text": f"{at:%H:%M}"})
        else:
            named.append((action, offset, at))
    return _ladder(named)


def _ladder(written: Sequence[_Written]) -> tuple[Step, ...] | BadSteps:
    """Give each step its name and rung, so that the same ladder always has the same names."""
    steps: list[Step] = []
    for action, offset, at in written:
        rung = 1 + sum(step.action is action for step in steps)
        name = action.value if rung == 1 else f"{action.value}-{rung}"
        steps.append(Step(name, at, action, offset, rung))
    return check_steps(steps) or tuple(steps)


def check_steps(steps: Sequence[Step]) -> BadSteps | None:
    """Say what is wrong with a ladder, or None.

    It begins with an ask, its moments rise, and exactly one close, on the day itself, stands
    between what asks and what signs.
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
    if closes[0].day_offset:
        return BadSteps(StepsReason.close_the_evening_before, {"time": _shown(closes[0])})
    if misplaced := _misplaced(steps, steps.index(closes[0])):
        return misplaced
    if steps[0].action not in ASKS:
        return BadSteps(StepsReason.ask_first, _about(steps[0]))
    for first, second in pairwise(steps):
        if minutes_of(second) <= minutes_of(first):
            args = {"first": _shown(first), "second": _shown(second)}
            return BadSteps(StepsReason.not_rising, args)
    return None


def _misplaced(steps: Sequence[Step], close: int) -> BadSteps | None:
    for place, step in enumerate(steps):
        if place < close and step.action in AFTER_THE_CLOSE:
            return BadSteps(StepsReason.before_the_close, _about(step))
        if place > close and step.action not in AFTER_THE_CLOSE:
            return BadSteps(StepsReason.after_the_close, _about(step))
    return None


def _about(step: Step) -> dict[str, str]:
    return {"action": step.action.value, "time": _shown(step)}


def _shown(step: Step) -> str:
    return f"{step.at:%H:%M}"


# How a step is kept.


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
