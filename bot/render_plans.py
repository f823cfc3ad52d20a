"""The plans' messages: when and how often a school's day is asked."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from babel.dates import get_day_names

from bot.phrases import day_words, joined, list_words
from bot.texts import Texts
from checkin.calendars import Recurrence
from checkin.steps import Action
from handlers.messages import Rendered


def shown(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render the day's steps of each audience, and what a change had to leave out."""
    parts = [texts(key)]
    for each in params["plans"]:
        audience = texts.plain(f"plan.{each['audience']}")
        runs = runs_words(each["recurrence"], each["weekdays"], texts)
        parts.append(texts("plan.line", audience=audience, recurrence=runs))
        parts += [step_words(step, texts) for step in each["steps"]]
    for left in params["left_out"]:
        audience = texts.plain(f"plan.{left['audience']}")
        action = texts.plain(f"plan.action_{left['action']}")
        parts.append(texts("plan.left_out", audience=audience, action=action))
    parts.append(texts("plan.how"))
    return Rendered(joined(parts))


def runs_words(recurrence: str, weekdays: Sequence[int], texts: Texts) -> str:
    """Say how often a plan runs: on school days; on Mon, Wed, Fri, holidays too."""
    if not weekdays or recurrence == Recurrence.every_day:
        return texts.plain(f"plan.{Recurrence(recurrence).value}")
    names = get_day_names("abbreviated", locale=texts.language)
    days = list_words(texts, (names[day] for day in weekdays))
    if recurrence == Recurrence.weekdays:
        return texts.plain("plan.on_weekdays", days=days)
    return texts.plain("plan.school_days_on", days=days)


def step_words(step: Mapping[str, Any], texts: Texts) -> str:
    """Say one step with its time."""
    time: str = step["time"]
    if step["action"] == Action.ask and step["rung"] > 1:
        return texts("plan.step_second", time=time)
    return texts(f"plan.step_{step['action']}", time=time)


def bad_step(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Say which step stands in the wrong place."""
    action = texts.plain(f"plan.action_{params['action']}")
    return Rendered(texts(key, **{**params, "action": action}))


def goes_on(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Say which day's check-in would lose its place, and until when it goes on."""
    day = day_words(texts, date.fromisoformat(params["day"]))
    return Rendered(texts(key, day=day, time=params["time"]))
