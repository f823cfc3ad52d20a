"""The calendar's messages: days as people say them, and the question before a day is closed."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from babel.dates import format_date

from bot.phrases import day_words, joined, list_words, place_words, problems_listed
from bot.texts import Texts
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.views import HouseholdView

FILE_NAME = {"zh": "校历.csv"}
MOST_LINES = 40


def glance(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render the calendar at a glance: lines that are themselves (key, params)."""
    parts = [texts(key, **params["head"])]
    for line_key, line_params in params["lines"]:
        shown = {name: _shown(value, texts) for name, value in line_params.items()}
        parts.append(texts(line_key, **shown).rstrip())
    return Rendered(joined(parts))


def _shown(value: Any, texts: Texts) -> Any:
    if not isinstance(value, dict):
        return value
    if "day" in value:
        return day_words(texts, date.fromisoformat(value["day"]))
    if "date" in value:
        return date_words(texts, value["date"])
    return texts.plain(value["key"])


def date_words(texts: Texts, iso: str) -> str:
    """Return a date with its year: 2 Mar 2026, 2026年3月2日."""
    pattern = "y年M月d日" if texts.language == "zh" else "d MMM y"
    return format_date(date.fromisoformat(iso), pattern, locale=texts.language)


def when_words(texts: Texts, day: date, *, is_today: bool) -> str:
    """Return "today", or the date."""
    return texts.plain("word.today") if is_today else day_words(texts, day)


def _why(texts: Texts, reason: str) -> str:
    return texts.plain("word.because", reason=reason) if reason else ""


def about_day(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render what was done about a day, with how many were told where anybody was."""
    day, n = date.fromisoformat(params["day"]), params.get("n")
    when = when_words(texts, day, is_today=params["is_today"])
    why = _why(texts, params["reason"])
    parts = [texts(key, when=when, why=why, date=params["day"])]
    if n is not None:
        parts.append(texts("calendar.told", n=n) if n else texts("calendar.told_nobody"))
    return Rendered(joined(parts))


def sure(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Ask before people are told, naming how many."""
    day, n = date.fromisoformat(params["day"]), params["n"]
    when = when_words(texts, day, is_today=params["is_today"])
    parts = [
        texts(key, when=when, why=_why(texts, params["reason"])),
        texts("calendar.will_tell", n=n) if n else texts("calendar.will_tell_nobody"),
    ]
    closing = key == "calendar.sure_closed"
    yes = Button(
        texts.plain("button.close_day") if closing else texts.plain("button.open_day"),
        Press(Verb.set_day, params["ordinal"]).pack(),
        Style.danger if closing else Style.good,
    )
    no = Button(texts.plain("button.leave_day"), Press(Verb.leave_day, params["ordinal"]).pack())
    return Rendered(joined(parts), ((yes,), (no,)))


def file(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render the calendar as a file to edit."""
    name = FILE_NAME.get(texts.language, "calendar.csv")
    return Rendered(texts(key), document=(name, params["content"].encode("utf-8-sig")))


def changes(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Say what a calendar file changed, line by line."""
    parts = [texts(key)]
    for each in params["kept"]:
        line = "calendar.term" if each["kind"] == "term" else "calendar.vacation"
        first, last = date_words(texts, each["first"]), date_words(texts, each["last"])
        parts.append(texts(line, name=each["name"], first=first, last=last))
    parts += [texts("calendar.gone", name=each["name"]) for each in params["removed"]]
    for each in params["days"]:
        kind = texts.plain(f"day_kind.{each['kind']}")
        day = day_words(texts, date.fromisoformat(each["day"]))
        parts.append(texts("calendar.day", day=day, kind=kind, reason=each["reason"]).rstrip())
    shown, more = parts[:MOST_LINES], len(parts) - MOST_LINES
    if more > 0:
        shown.append(texts("roster.more_problems", n=more))
    return Rendered(joined(shown))


def problems(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Name what is to be mended in a calendar file, each with its place."""
    return problems_listed(key, params, problem, "calendar.nothing_changed", texts)


def problem(said: Mapping[str, Any], texts: Texts) -> str:
    """Return one problem of a calendar file, with its place, as a sentence."""
    args = dict(said["args"])
    if "field" in args:
        args["field"] = texts.plain(f"calendar.field_{args['field']}")
    return place_words(said, texts) + texts(f"calendar.bad_{said['code']}", **args)


def which_file(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Ask what a file is that could be a roster or a calendar."""
    roster = Button(
        texts.plain("button.as_roster"), Press(Verb.read_as, params["job"], 0, (1,)).pack()
    )
    calendar = Button(
        texts.plain("button.as_calendar"), Press(Verb.read_as, params["job"], 0, (2,)).pack()
    )
    return Rendered(texts(key), ((roster,), (calendar,)))


def closed_line(reason: str, texts: Texts) -> str:
    """Say on a class card or a summary that the day has no school, and why."""
    return texts("calendar.no_check_in", why=_why(texts, reason))


def no_school_lines(view: HouseholdView, texts: Texts) -> list[str]:
    """Say on a card that the day has no school after all, and for whom where others have."""
    when = when_words(texts, view.day, is_today=view.is_today)
    said = []
    for each in view.no_school:
        why = _why(texts, each.reason)
        if view.lines or len(view.no_school) > 1:
            names = list_words(texts, each.names)
            said.append(texts("card.no_school_for", when=when, why=why, names=names))
        else:
            said.append(texts("card.no_school", when=when, why=why))
    return said


def no_school(view: HouseholdView, texts: Texts) -> Rendered | None:
    """Tell a family that was asked already; None when there is school again."""
    lines = no_school_lines(view, texts)
    return Rendered(joined(lines)) if lines else None


def school_again(view: HouseholdView, texts: Texts) -> Rendered | None:
    """Tell a family that there is school after all; None when that has changed once more."""
    if not view.lines:
        return None
    when = when_words(texts, view.day, is_today=view.is_today)
    key = "card.school_again" if view.waiting else "card.school_again_answered"
    return Rendered(texts(key, when=when))
