"""Views into words and buttons, in the reader's language. Pure: everything shown comes in."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from html import escape
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date

from bot.texts import Texts
from checkin.calendars import Recurrence
from checkin.checkins import Counts, Status
from checkin.names import mask
from checkin.questions import Disposition, Question, Value
from handlers.desk import Toast
from handlers.household import NONE, SUGGESTED
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.views import Asking, ClassView, FlagView, HouseholdView, Line, SummaryView

LONGEST = 3900  # of Telegram's 4096, so that the last line is always whole
MOST_LINES = 40
MOST_NAMES = 8  # of one class in the summary; /class names the rest

Rows = tuple[tuple[Button, ...], ...]


# ---- small words ---------------------------------------------------------------------------


def day_words(texts: Texts, day: date) -> str:
    """Return a date as people say it: Mon 2 Mar, 3月2日 周一."""
    pattern = "M月d日 EEE" if texts.language == "zh" else "EEE d MMM"
    return format_date(day, pattern, locale=texts.language)


def clock_words(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return the school's wall-clock time of a moment: 07:01."""
    return moment.astimezone(zone).strftime("%H:%M") if moment else ""


def list_words(texts: Texts, names: Iterable[str]) -> str:
    """Return names as a list: Ana, Ben; 小雨、小明."""
    return ("、" if texts.language == "zh" else ", ").join(names)


def _words(texts: Texts, labels: Mapping[str, str]) -> str:
    return labels.get(texts.language) or next(iter(labels.values()), "")


def _lines(parts: Iterable[str]) -> str:
    """Join lines into a message that Telegram takes, cut at a whole line."""
    kept: list[str] = []
    length = 0
    for part in parts:
        length += len(part) + 1
        if length > LONGEST:
            kept.append("…")
            break
        kept.append(part)
    return "\n".join(kept)


# ---- the household card --------------------------------------------------------------------


def household(view: HouseholdView, texts: Texts) -> Rendered:
    """Render a household's card: the morning at a glance, one question, or the answers given."""
    if not view.lines:
        return Rendered(texts("card.nothing"))
    if view.asking is not None:
        return _question(view, view.asking, texts)
    waiting = [line for line in view.lines if line.status is not Status.complete]
    if not waiting and not view.changing:
        return _answered(view, texts)
    return _open_card(view, waiting, texts)


def _open_card(view: HouseholdView, waiting: Sequence[Line], texts: Texts) -> Rendered:
    alone = len(view.lines) == 1 and view.lines[0].oneself
    greeting = "card.day" if view.changing else "card.greeting"
    parts = [texts(greeting, day=day_words(texts, view.day))]
    if waiting and len(waiting) < len(view.lines):
        parts += _result_lines(view, texts)
    if view.changing:
        parts += [*_result_lines(view, texts), texts("card.change_whom")]
    elif alone:
        parts.append(texts("card.ask_oneself"))
    else:
        whom = list_words(texts, (_with_class(line, texts) for line in waiting))
        parts += [escape(whom, quote=False), texts("card.ask", n=len(waiting))]
    if view.closed:
        parts.append(
            texts("card.closed_late", time=clock_words(view.closes_at, view.zone))
            if view.open_until
            else texts("card.closed")
        )
    rows: list[tuple[Button, ...]] = []
    clearable = [line for line in waiting if line.clearable]
    if clearable and not view.changing:
        rows.append((_all_clear(view, clearable, waiting, texts),))
    subjects = view.lines if view.changing else waiting
    rows += _subject_rows(view, subjects, texts)
    if view.changing:
        rows.append((_button(texts, "button.back", Verb.home, view),))
    return Rendered(_lines(parts), tuple(rows))


def _all_clear(
    view: HouseholdView, clearable: Sequence[Line], waiting: Sequence[Line], texts: Texts
) -> Button:
    press = Press(Verb.all_clear, view.card_id, view.revision).pack()
    if len(clearable) == len(waiting):
        text = texts.plain("button.all_clear", n=len(clearable))
        if len(clearable) == 2:
            text = texts.plain("button.all_clear_both")
    else:
        names = list_words(texts, (line.name for line in clearable))
        text = texts.plain("button.all_clear_named", names=names)
    return Button(text, press, Style.good)


def _subject_rows(
    view: HouseholdView, lines: Sequence[Line], texts: Texts
) -> list[tuple[Button, ...]]:
    buttons = [
        Button(
            texts.plain("button.oneself")
            if line.oneself
            else texts.plain("button.subject", name=line.name),
            Press(Verb.open_subject, view.card_id, view.revision, (line.check_in_id,)).pack(),
        )
        for line in lines
    ]
    return [tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2)]


def _answered(view: HouseholdView, texts: Texts) -> Rendered:
    parts = [texts("card.day", day=day_words(texts, view.day)), *_result_lines(view, texts)]
    if any(line.correction_asked for line in view.lines):
        parts.append(texts("card.correction_waits"))
    rows: Rows = ()
    if view.open_until is not None:
        rows = ((_button(texts, "button.change", Verb.change, view),),)
    return Rendered(_lines(parts), rows)


def _result_lines(view: HouseholdView, texts: Texts) -> list[str]:
    """Say the answers given, those that are alike in one line."""
    done = [line for line in view.lines if line.status is Status.complete]
    parts: list[str] = []

    def alike(line: Line) -> tuple[str, str, bool]:
        return (
            clock_words(line.answered_at, view.zone),
            line.disposition or Disposition.cleared,
            line.absent,
        )

    for (time, disposition, absent), group in groupby(sorted(done, key=alike), key=alike):
        lines = list(group)
        names = [texts.plain("word.you") if line.oneself else line.name for line in lines]
        key = "card.done_absent" if absent and disposition == "cleared" else f"card.{disposition}"
        parts.append(texts(key, time=time, names=list_words(texts, names)))
        for line in lines:
            if line.advice:
                parts.append(texts("card.advice", advice=_words(texts, line.advice)))
                break
    return parts


def _with_class(line: Line, texts: Texts) -> str:
    if line.oneself:
        return texts.plain("word.you")
    return texts.plain("word.with_class", name=line.name, unit=_unit(line, texts))


def _unit(line: Line, texts: Texts) -> str:
    """Return the class that somebody is named beside; staff are staff."""
    return texts.plain("word.staff") if line.is_staff else line.unit_name


def _question(view: HouseholdView, asking: Asking, texts: Texts) -> Rendered:
    question = asking.question
    who = _with_class(asking.line, texts)
    parts = [
        texts("question.progress", who=who, place=asking.place, of=asking.of),
        texts("question.text", text=_words(texts, question.text).format(name=asking.line.name)),
    ]
    rows: list[tuple[Button, ...]] = []
    if asking.doubt:
        parts.append(texts(f"doubt.{asking.doubt}", **_numbers(asking.doubt_args)))
    if asking.suggested is not None:
        said = value_words(question, asking.suggested, texts)
        press = Press(Verb.pick, view.card_id, view.revision, (SUGGESTED,))
        rows.append((Button(texts.plain("button.suggested", value=said), press.pack()),))
    rows += _choice_rows(view, asking, texts)
    rows.append((_button(texts, "button.back", Verb.back, view),))
    return Rendered(_lines(parts), tuple(rows))


def _numbers(args: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: f"{value:g}" for key, value in (args or {}).items()}


def _choice_rows(view: HouseholdView, asking: Asking, texts: Texts) -> list[tuple[Button, ...]]:
    question = asking.question
    several = question.kind == "several"
    chosen = asking.value if isinstance(asking.value, list) else []
    buttons = [
        Button(
            ("☑ " if choice.key in chosen else "☐ ") * several + _words(texts, choice.label),
            Press(Verb.pick, view.card_id, view.revision, (place,)).pack(),
        )
        for place, choice in enumerate(question.choices)
    ]
    wide = 1 if len(buttons) <= 2 else 2
    rows = [tuple(buttons[start : start + wide]) for start in range(0, len(buttons), wide)]
    if not several:
        return rows
    if chosen:
        done = Press(Verb.done, view.card_id, view.revision).pack()
        last = Button(texts.plain("button.done", n=len(chosen)), done, Style.good)
        return [*rows, (last,)]
    none = Press(Verb.pick, view.card_id, view.revision, (NONE,)).pack()
    return [(Button(texts.plain("button.none"), none, Style.good),), *rows]


def value_words(question: Question, value: Value, texts: Texts) -> str:
    """Return an answer as people would say it."""
    if isinstance(value, list):
        chosen = [choice for choice in question.choices if choice.key in value]
        return list_words(texts, (_words(texts, choice.label) for choice in chosen))
    choice = question.choice(value)
    if choice is not None:
        return _words(texts, choice.label)
    if isinstance(value, dict):
        return value.get("name", "")
    if isinstance(value, int | float):
        return f"{value:.{question.decimals}f} {question.unit}".strip()
    return str(value)


def _button(
    texts: Texts, key: str, verb: Verb, view: HouseholdView | ClassView | SummaryView
) -> Button:
    return Button(texts.plain(key), Press(verb, view.card_id, view.revision).pack())


def reminder(view: HouseholdView, texts: Texts) -> Rendered | None:
    """Render the reminder for those still silent; None when everybody has answered."""
    waiting = [line for line in view.lines if line.status is not Status.complete]
    if not waiting:
        return None
    names = list_words(texts, (_with_class(line, texts) for line in waiting))
    time = clock_words(view.closes_at, view.zone)
    alone = all(line.oneself for line in waiting)
    text = texts("remind.oneself", time=time) if alone else texts("remind", names=names, time=time)
    clearable = [line for line in waiting if line.clearable]
    rows: list[tuple[Button, ...]] = []
    if clearable:
        rows.append((_all_clear(view, clearable, waiting, texts),))
    return Rendered(text, (*rows, *_subject_rows(view, waiting, texts)))


# ---- the class card ------------------------------------------------------------------------


def class_card(view: ClassView, texts: Texts) -> Rendered:
    """Render a class for those who know it by name: full names, and no symptom beside any."""
    counts = view.counts
    parts = [
        texts("class.title", unit=view.unit_name, day=day_words(texts, view.day)),
    ]
    if not view.opened:
        parts.append(texts("class.not_opened"))
        return Rendered(_lines(parts))
    parts.append(_class_counts(counts, texts))
    for key, lines in _groups(view.lines):
        if lines:
            names = list_words(texts, (line.name for line in lines))
            parts.append(texts(f"class.{key}", names=names, n=len(lines)))
    if not any(lines for _, lines in _groups(view.lines)):
        parts.append(texts("class.all_well"))
    if view.closed:
        parts.append(texts("class.closed"))
    return Rendered(_lines(parts), ((_button(texts, "button.refresh", Verb.refresh, view),),))


def _class_counts(counts: Counts, texts: Texts) -> str:
    unwell = counts.stay_home + counts.see_nurse
    silent = counts.silent + counts.no_response
    words = [texts("class.in", n=counts.in_, of=counts.expected)]
    words += [texts("class.unwell", n=unwell)] if unwell else []
    words += [texts("class.silent_count", n=silent)] if silent else []
    return texts.plain("word.then").join(words)


def _groups(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    def of(disposition: Disposition) -> list[Line]:
        return [line for line in lines if line.disposition is disposition]

    silent = {Status.due, Status.asked, Status.partial, Status.no_response}
    return [
        ("stay_home", of(Disposition.stay_home)),
        ("see_nurse", of(Disposition.see_nurse)),
        ("correction", [line for line in lines if line.correction_asked]),
        ("absent", [ln for ln in of(Disposition.cleared) if ln.absent]),
        ("silent", [line for line in lines if line.status in silent]),
        ("unreachable", [line for line in lines if line.status is Status.unreachable]),
    ]


# ---- the summary ---------------------------------------------------------------------------


def summary(view: SummaryView, texts: Texts) -> Rendered:
    """Render a school's day by exception: names masked, the unaccounted named, and `Sign`."""
    parts = [texts("summary.title", unit=view.unit_name, day=day_words(texts, view.day))]
    if not view.opened:
        parts.append(texts("summary.not_opened"))
        return Rendered(_lines(parts))
    parts += [_rate("summary.students", view.students, texts)]
    if view.staff.expected:
        parts += [_rate("summary.staff", view.staff, texts)]
    parts.append(_cases(view, texts))
    parts += _named(view.flagged, texts, with_disposition=True)
    if view.absent:
        parts.append(texts("summary.absent", n=len(view.absent)))
        parts += _named(view.absent, texts)
    if view.unaccounted:
        parts.append(texts("summary.unaccounted", n=len(view.unaccounted)))
        parts += _by_class(view, texts)
    else:
        parts.append(texts("summary.everyone"))
    rows: list[tuple[Button, ...]] = []
    if view.signature is not None:
        parts.append(
            texts(
                "summary.signed",
                name=view.signature.name,
                time=clock_words(view.signature.at, view.zone),
                cases=view.signature.cases,
                unaccounted=view.signature.unaccounted,
            )
        )
    elif view.closed:
        parts.append(texts("summary.please_sign"))
        key = "button.sign_zero" if view.zero.is_zero else "button.sign"
        shown = (view.zero.cases, view.zero.unaccounted)
        press = Press(Verb.sign, view.card_id, view.revision, shown).pack()
        label = texts.plain(key, n=view.zero.cases)
        rows.append((Button(label, press, Style.good),))
    else:
        parts.append(texts("summary.still_open"))
    rows.append((_button(texts, "button.refresh", Verb.refresh, view),))
    return Rendered(_lines(parts), tuple(rows))


def _rate(key: str, counts: Counts, texts: Texts) -> str:
    rate = counts.response_rate
    percent = "–" if rate is None else f"{int(rate * 100)}%"
    return texts(key, n=counts.in_, of=counts.expected, percent=percent)


def _cases(view: SummaryView, texts: Texts) -> str:
    every = view.students + view.staff
    if view.zero.is_zero:
        return texts("summary.no_cases", accounted=view.zero.accounted)
    kinds = {"stay_home": every.stay_home, "see_nurse": every.see_nurse}
    told = [texts.plain(f"summary.cases_{kind}", n=n) for kind, n in kinds.items() if n]
    return texts("summary.cases", n=view.zero.cases, kinds=texts.plain("word.then").join(told))


def _named(lines: Sequence[Line], texts: Texts, *, with_disposition: bool = False) -> list[str]:
    parts = []
    for line in lines[:MOST_LINES]:
        key = f"summary.line_{line.disposition}" if with_disposition else "summary.line"
        parts.append(texts(key, name=mask(line.name), unit=_unit(line, texts)))
    if len(lines) > MOST_LINES:
        parts.append(texts("summary.more", n=len(lines) - MOST_LINES))
    return parts


def _by_class(view: SummaryView, texts: Texts) -> list[str]:
    parts = []
    for unit, group in groupby(view.unaccounted, key=lambda line: _unit(line, texts)):
        names = [mask(line.name) for line in group]
        shown = names[:MOST_NAMES] + ["…"] * (len(names) > MOST_NAMES)
        parts.append(
            texts("summary.class_line", unit=unit, n=len(names), names=list_words(texts, shown))
        )
    return parts


# ---- flags ---------------------------------------------------------------------------------


def flag(view: FlagView, texts: Texts) -> Rendered:
    """Tell a teacher at once of a flagged child: the disposition, never the symptom."""
    line = view.line
    text = texts(
        f"flag.{line.disposition or Disposition.cleared}",
        name=line.name,
        unit=_unit(line, texts),
        time=clock_words(view.at, view.zone),
    )
    if line.disposition in {None, Disposition.cleared}:
        return Rendered(text)
    details = Press(Verb.details, line.check_in_id).pack()
    return Rendered(text, ((Button(texts.plain("button.details"), details),),))


def correction(view: FlagView, texts: Texts) -> Rendered | None:
    """Ask a teacher whether a flag may fall; None when it was decided meanwhile."""
    if view.asked_for is None:
        return None
    line = view.line
    text = texts(
        "flag.correction",
        name=line.name,
        unit=_unit(line, texts),
        now=texts.plain(f"disposition.{line.disposition}"),
        wanted=texts.plain(f"disposition.{view.asked_for}"),
    )
    rows = (
        (
            Button(
                texts.plain("button.release"),
                Press(Verb.release, line.check_in_id).pack(),
                Style.good,
            ),
            Button(
                texts.plain("button.keep_flag"), Press(Verb.keep_flag, line.check_in_id).pack()
            ),
        ),
        (Button(texts.plain("button.details"), Press(Verb.details, line.check_in_id).pack()),),
    )
    return Rendered(text, rows)


def decided(view: FlagView, texts: Texts) -> Rendered:
    """Say under an answered correction what stands now, without its buttons."""
    line = view.line
    return Rendered(
        texts(
            "flag.decided",
            name=line.name,
            unit=_unit(line, texts),
            now=texts.plain(f"disposition.{line.disposition or Disposition.cleared}"),
        )
    )


# ---- plain messages ------------------------------------------------------------------------


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
    return Rendered(_lines(parts))


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


def _languages(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    rows = (
        (
            Button("中文", Press(Verb.language, 1).pack()),
            Button("English", Press(Verb.language, 2).pack()),
        ),
    )
    return Rendered(texts(key), rows)


def _problems(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    parts = [texts(key, n=params["count"])]
    parts += [problem(each, texts) for each in params["problems"][:MOST_LINES]]
    if params["count"] > len(params["problems"][:MOST_LINES]):
        rest = params["count"] - len(params["problems"][:MOST_LINES])
        parts.append(texts("roster.more_problems", n=rest))
    parts.append(texts("roster.nothing_changed"))
    return Rendered(_lines(parts))


def problem(said: Mapping[str, Any], texts: Texts) -> str:
    """Return one problem of a roster file, with its place, as a sentence."""
    place = {"sheet": said["sheet"], "row": said["row"], "column": said["column"]}
    where = "where" if said["column"] else "where_row" if said["row"] else "where_sheet"
    args = dict(said["args"])
    if "field" in args:
        args["field"] = texts.plain(f"field.{args['field']}")
    return texts(f"roster.{where}", **place) + texts(f"roster.{said['code']}", **args)


def _template(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    return Rendered(texts(key), document=("roster.csv", params["content"].encode("utf-8-sig")))


def _plan(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    parts = [texts(key)]
    for each in params["plans"]:
        steps = list_words(
            texts,
            (
                texts.plain(f"plan.step_{step['action']}", time=_step_time(step, texts))
                for step in each["steps"]
            ),
        )
        recurrence = texts.plain(f"plan.{Recurrence(each['recurrence']).value}")
        audience = texts.plain(f"plan.{each['audience']}")
        parts.append(texts("plan.line", audience=audience, recurrence=recurrence, steps=steps))
    parts.append(texts("plan.how"))
    return Rendered(_lines(parts))


def _step_time(step: Mapping[str, Any], texts: Texts) -> str:
    time: str = step["time"]
    return texts.plain("plan.evening_before", time=time) if step["evening_before"] else time


def _sections(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Render lines that are themselves (key, params); a {"key": ...} among them is words too."""
    parts = [texts(key, **params.get("head", {}))]
    for line_key, line_params in params["lines"]:
        shown = {
            name: texts.plain(value["key"]) if isinstance(value, dict) else value
            for name, value in line_params.items()
        }
        parts.append(texts(line_key, **shown))
    return Rendered(_lines(parts))


_WITH_MORE = {
    "join.consent": _consent,
    "join.consent_oneself": _consent,
    "join.which_guardian": _which_guardian,
    "invite.links": _class_links,
    "invite.which_class": _choose_class,
    "stop.sure": _stop,
    "language.choose": _languages,
    "roster.problems": _problems,
    "roster.how": _template,
    "plan.shown": _plan,
    "health.title": _sections,
    "calendar.title": _sections,
    "why.title": _sections,
    "setup.title": _sections,
    "help.title": _sections,
}


def toast(said: Toast, texts: Texts) -> str:
    """Render the short answer to a tap, within Telegram's 200 characters."""
    if said.key == "toast.silent":
        return ""
    if said.key == "toast.reasons":
        reasons = [_words(texts, words) for words in said.params["reasons"]]
        return texts.plain(said.key, reasons=list_words(texts, reasons))[:200]
    return texts.plain(said.key, **said.params)[:200]
