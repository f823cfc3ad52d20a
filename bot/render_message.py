"""Plain messages and toasts by their key; the few that carry buttons are known here."""

from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any

from bot import render_calendar, render_class, render_flags, render_plans
from bot.phrases import (
    day_words,
    joined,
    label_words,
    list_words,
    place_words,
    problems_listed,
)
from bot.texts import Texts
from handlers.desk import Toast
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.windows import WINDOWS

MOST_MISSING = 60


def message(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render words by key; the few that carry buttons are known here."""
    return _WITH_MORE.get(key, _plain)(key, params, texts)


def _plain(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    shown = {
        name: list_words(texts, value) if isinstance(value, list) else value
        for name, value in params.items()
    }
    return Rendered(texts(key, **shown))


def _consent(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    agree = Button(texts.plain("button.agree"), Press(Verb.agree).pack(), Style.good)
    decline = Button(texts.plain("button.decline"), Press(Verb.decline).pack())
    return Rendered(texts(key, **params), ((agree,), (decline,)))


def _which_guardian(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    rows = [
        (Button(option["name"], Press(Verb.join_as, option["place"] + 1).pack()),)
        for option in params["options"]
    ]
    other = Button(texts.plain("button.someone_else"), Press(Verb.join_as, 0).pack())
    return Rendered(texts(key, name=params["name"]), (*rows, (other,)))


def _class_links(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    parts = [texts(key, days=params["days"])]
    parts += [texts("invite.class_line", **link) for link in params["links"]]
    return Rendered(joined(parts))


def _choose_class(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    buttons = [
        Button(option["name"], Press(Verb.invite, option["id"]).pack())
        for option in params["classes"]
    ]
    rows = [tuple(buttons[start : start + 3]) for start in range(0, len(buttons), 3)]
    every = Button(texts.plain("button.every_class"), Press(Verb.invite, 0).pack())
    return Rendered(texts(key), (*rows, (every,)))


def _stop(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    stop = Button(texts.plain("button.stop"), Press(Verb.stop).pack(), Style.danger)
    go_on = Button(texts.plain("button.go_on"), Press(Verb.go_on).pack(), Style.good)
    return Rendered(texts(key, names=list_words(texts, params["names"])), ((go_on,), (stop,)))


def _windows(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    buttons = [
        Button(
            "✓ " * (params["window"] == name) + texts.plain(f"button.{name}"),
            Press(Verb.window, row).pack(),
        )
        for row, name in WINDOWS.items()
    ]
    return Rendered(texts(key), tuple((button,) for button in buttons))


def _pause(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    days = [date.fromisoformat(day) for day in params["days"]]
    subject = params["subject"]
    buttons = [
        Button(day_words(texts, day), Press(Verb.pause, subject, 0, (day.toordinal(),)).pack())
        for day in days
    ]
    rows = [tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2)]
    for child, name in params["children"]:
        only = texts.plain("button.only", name=name)
        rows.append((Button(only, Press(Verb.pause, child).pack()),))
    if params["paused"]:
        again = Button(texts.plain("button.end_pause"), Press(Verb.end_pause, subject).pack())
        rows.append((again,))
    return Rendered(texts(key, names=list_words(texts, params["names"])), tuple(rows))


def _with_day(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    day = day_words(texts, date.fromisoformat(params["day"]))
    return _plain(key, {**params, "day": day}, texts)


def _languages(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    rows = (
        (
            Button("中文", Press(Verb.language, 1).pack()),
            Button("English", Press(Verb.language, 2).pack()),
        ),
    )
    return Rendered(texts(key), rows)


def _problems(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Name what is to be mended in a roster file, each with its place."""
    return problems_listed(key, params, problem, "roster.nothing_changed", texts)


def problem(said: Mapping[str, Any], texts: Texts) -> str:
    """Return one problem of a roster file, with its place, as a sentence."""
    args = dict(said["args"])
    if "field" in args:
        args["field"] = texts.plain(f"field.{args['field']}")
    return place_words(said, texts) + texts(f"roster.{said['code']}", **args)


def _roster(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Say how the roster stands; whoever was not in the last file may have left."""
    parts, rows = [texts(key, **params)], []
    if params["not_in_file"]:
        parts.append(texts("roster.not_in_file", n=params["not_in_file"]))
        rows.append(
            (
                Button(texts.plain("button.show_missing"), Press(Verb.show_missing).pack()),
                Button(texts.plain("button.leave"), Press(Verb.leave).pack()),
            )
        )
    if key == "roster.state":
        parts.append(texts("leave.how"))
    elif key == "roster.done":
        parts.append(texts("roster.next"))
    return Rendered(joined(parts), tuple(rows))


def _missing(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Name those who were not in the last file, class by class."""
    students = params["students"]
    parts = [texts(key, n=len(students))]
    for unit, group in groupby(students[:MOST_MISSING], key=lambda student: student[0]):
        names = list_words(texts, (f"{name} {number}" for _, name, number in group))
        parts.append(texts("leave.class_line", unit=unit, names=names))
    if len(students) > MOST_MISSING:
        parts.append(texts("roster.more_problems", n=len(students) - MOST_MISSING))
    leave = Button(texts.plain("button.leave"), Press(Verb.leave).pack())
    return Rendered(joined(parts), ((leave,),))


def _leave_sure(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    names = params["names"] + ["…"] * (params["n"] > len(params["names"]))
    yes = Button(
        texts.plain("button.confirm_leave"),
        Press(Verb.confirm_leave, params["n"]).pack(),
        Style.danger,
    )
    no = Button(texts.plain("button.keep_students"), Press(Verb.keep_students).pack())
    shown = texts(key, n=params["n"], names=list_words(texts, names))
    return Rendered(shown, ((yes,), (no,)))


def _template(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    return Rendered(texts(key), document=("roster.csv", params["content"].encode("utf-8-sig")))


def _sections(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render lines that are themselves (key, params); a {"key": ...} among them is words too."""
    parts = [texts(key, **params.get("head", {}))]
    for line_key, line_params in params["lines"]:
        shown = {
            name: texts.plain(value["key"]) if isinstance(value, dict) else value
            for name, value in line_params.items()
        }
        parts.append(texts(line_key, **shown))
    return Rendered(joined(parts))


def _group_line(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    return render_class.group_line(key, params["n"], params["time"], texts)


_WITH_MORE = {
    "substitute.whom": render_class.substitute_whom,
    "substitute.until": render_class.substitute_until,
    "substitute.you": render_class.substitute_day,
    "substitute.given": render_class.substitute_day,
    "substitute.given_not_in_chat": render_class.substitute_day,
    "group.line": _group_line,
    "join.consent": _consent,
    "join.consent_boarder": _consent,
    "join.consent_oneself": _consent,
    "join.consent_to_see": _consent,
    "join.which_guardian": _which_guardian,
    "invite.links": _class_links,
    "invite.which_class": _choose_class,
    "stop.sure": _stop,
    "language.choose": _languages,
    "roster.problems": _problems,
    "roster.how": _template,
    "roster.done": _roster,
    "roster.unchanged": _roster,
    "roster.state": _roster,
    "leave.names": _missing,
    "leave.sure": _leave_sure,
    "plan.shown": render_plans.shown,
    "plan.goes_on": render_plans.goes_on,
    "plan.file": render_plans.file,
    "plan.changed": render_plans.changes,
    "plan.problems": render_plans.problems,
    "window.choose": _windows,
    "pause.until": _pause,
    "pause.done": _with_day,
    "pause.over": _with_day,
    "pause.told_class": _with_day,
    "pause.told_back": _with_day,
    "flag.left_for_family": render_flags.left_for_family,
    "plan.bad_ask_first": render_plans.bad_step,
    "plan.bad_after_the_close": render_plans.bad_step,
    "plan.bad_before_the_close": render_plans.bad_step,
    "health.title": _sections,
    "calendar.title": render_calendar.glance,
    "calendar.sure_closed": render_calendar.sure,
    "calendar.sure_open": render_calendar.sure,
    "calendar.done_closed": render_calendar.about_day,
    "calendar.done_open": render_calendar.about_day,
    "calendar.done_quiet_closed": render_calendar.about_day,
    "calendar.done_quiet_open": render_calendar.about_day,
    "calendar.staff_closed": render_calendar.about_day,
    "calendar.staff_open": render_calendar.about_day,
    "calendar.file": render_calendar.file,
    "calendar.done": render_calendar.changes,
    "calendar.problems": render_calendar.problems,
    "file.which": render_calendar.which_file,
    "why.title": _sections,
    "setup.title": _sections,
    "help.title": _sections,
}


def toast(said: Toast, texts: Texts) -> str:
    """Render the short answer to a tap, within Telegram's 200 characters."""
    if said.key == "toast.silent":
        return ""
    if said.key == "toast.reminded":
        return render_class.reminded(said.params["n"], said.params["refused"], texts)[:200]
    if said.key == "toast.reasons":
        reasons = [label_words(texts, words) for words in said.params["reasons"]]
        return texts.plain(said.key, reasons=list_words(texts, reasons))[:200]
    return texts.plain(said.key, **said.params)[:200]
