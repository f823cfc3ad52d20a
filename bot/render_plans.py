"""The plans' messages: when and how often a school's day is asked."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from babel.dates import get_day_names

from bot.phrases import day_words, joined, list_words, problems_listed
from bot.texts import Texts
from checkin.calendars import Recurrence
from checkin.plan_files import STEPS, Word, write_plans
from checkin.plans import Plan, from_document
from checkin.steps import Action
from handlers.messages import Rendered
from handlers.plan_files import GOES_ON

FILE_NAME = {"zh": "安排.yaml"}


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
    parts += _about_today(params, texts)
    parts.append(texts("plan.how"))
    return Rendered(joined(parts))


def _about_today(params: Mapping[str, Any], texts: Texts) -> list[str]:
    """Say of each audience what becomes of today."""
    said: list[str] = []
    for today in params.get("about_today", ()):
        audience = texts.plain(f"plan.{today['audience']}")
        told = {name: today.get(name) for name in ("day", "time", "close")}
        said.append(texts(f"plan.today_{today['what']}", audience=audience, **told))
    return said


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
    return Rendered(texts(key, **_with_action(params, texts)))


def _with_action(params: Mapping[str, Any], texts: Texts) -> dict[str, Any]:
    if "action" not in params:
        return dict(params)
    return {**params, "action": texts.plain(f"plan.action_{params['action']}")}


def goes_on(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Say which day's check-in would lose its place, and until when it goes on."""
    day = day_words(texts, date.fromisoformat(params["day"]))
    return Rendered(texts(key, day=day, time=params["time"]))


# ---- as a file -----------------------------------------------------------------------------


def file(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render the plans as a file to edit."""
    plans = [from_document(each) for each in params["plans"]]
    name = FILE_NAME.get(texts.language, "plan.yaml")
    content = file_text(plans, params["school"], texts)
    return Rendered(texts(key), document=(name, content.encode()))


def file_text(plans: Sequence[Plan], school: str, texts: Texts) -> str:
    """Return the plans as the text of a file, each word explained where it stands first."""
    words: list[str] = [*(set(Word) - {Word.plans}), *Action, "second"]
    comments = {word: texts.plain(f"plan.file_{word}") for word in words}
    comments["head"] = "\n".join(
        (
            texts.plain("plan.file_head", school=" ".join(school.split())),
            texts.plain("plan.file_how"),
        )
    )
    return write_plans(plans, texts.language, comments)


def changes(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Say what a plan file changed, step by step."""
    parts = [texts(key)]
    for each in params["plans"]:
        before, after = each["before"], each["after"]
        audience = texts.plain(f"plan.{after['audience']}")
        runs = runs_words(after["recurrence"], after["weekdays"], texts)
        parts.append(texts("plan.line", audience=audience, recurrence=runs))
        if before["questionnaire"] != after["questionnaire"]:
            parts.append(texts("plan.asks", questionnaire=after["questionnaire"]))
        old = [step_words(step, texts) for step in before["steps"]]
        new = [step_words(step, texts) for step in after["steps"]]
        parts += [texts("plan.gone", step=step) for step in old if step not in new]
        parts += [texts("plan.new", step=step) for step in new if step not in old]
    parts += _about_today(params, texts)
    return Rendered(joined(parts))


def problems(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Name what is to be mended in a plan file, each with its line."""
    return problems_listed(key, params, problem, "plan.nothing_changed", texts)


def problem(said: Mapping[str, Any], texts: Texts) -> str:
    """Return one problem of a plan file, with its line, as a sentence."""
    code, args = said["code"], _with_action(said["args"], texts)
    if code == GOES_ON:
        return goes_on("plan.goes_on", args, texts).text
    where = texts("plan.where_line", line=said["line"]) if said["line"] else ""
    if code.startswith(STEPS):
        return where + texts(f"plan.bad_{code.removeprefix(STEPS)}", **args)
    return where + texts(f"plan.file_bad_{code}", **args)
