"""The household's card and its reminder in words and buttons. Pure: everything shown comes in."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any
from unicodedata import east_asian_width

from bot.phrases import (
    OnCard,
    card_button,
    clock_words,
    day_words,
    joined,
    label_words,
    list_words,
    with_class,
)
from bot.render_calendar import no_school_lines
from bot.texts import Texts
from checkin.checkins import Status
from checkin.questions import Disposition, Question, Value
from handlers.household import NONE, SUGGESTED
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.views import Asking, Guess, HouseholdView, Line

WIDEST_OF_TWO = 16  # of two buttons side by side on a phone, in Latin letters
WIDEST_BUTTON = 32

Rows = tuple[tuple[Button, ...], ...]


def household(view: HouseholdView, texts: Texts) -> Rendered:
    """Render a household's card: the morning at a glance, one question, or the answers given."""
    if not view.lines and view.no_school:
        return Rendered(joined(no_school_lines(view, texts)))
    if not view.lines:
        return Rendered(texts("card.nothing"))
    if view.asking is not None:
        news = _closed_meanwhile(view, [view.asking.line], texts)
        return question(view, view.asking, texts, view.kept, news)
    if view.guess is not None:
        return _guess(view, view.guess, texts)
    if view.whom:
        return _whom(view, texts)
    if not view.waiting and not view.changing:
        return _answered(view, texts)
    return _open_card(view, view.waiting, texts)


def _open_card(view: HouseholdView, waiting: Sequence[Line], texts: Texts) -> Rendered:
    alone = len(view.lines) == 1 and view.lines[0].oneself
    parts = [texts(_greeting(view), day=day_words(texts, view.day))]
    parts += no_school_lines(view, texts)
    if view.changing or 0 < len(waiting) < len(view.lines):
        parts += [*_result_lines(view.lines, texts), *_silent_lines(view, texts)]
    if view.changing:
        parts.append(texts("card.change_whom"))
    elif alone:
        parts += [*_held_lines(waiting, texts), texts("card.ask_oneself" + _left(view, waiting))]
    else:
        parts += _held_lines(waiting, texts)
        whom = list_words(texts, (with_class(line, texts) for line in waiting))
        ask = texts("card.ask" + _left(view, waiting), n=len(waiting))
        parts += [escape(whom, quote=False), ask]
    parts += _closed_lines(view.lines if view.changing else waiting, texts)
    rows: list[tuple[Button, ...]] = []
    clearable = [line for line in waiting if line.clearable and not line.over]
    if clearable and not view.changing:
        rows.append((_all_clear(view, clearable, waiting, texts),))
    subjects = [line for line in view.lines if not line.read_only] if view.changing else waiting
    rows += _subject_rows(view, subjects, texts)
    if view.changing:
        rows.append((card_button(texts, "button.back", Verb.home, view),))
    return Rendered(joined(parts), tuple(rows))


def _held_lines(waiting: Sequence[Line], texts: Texts) -> list[str]:
    """Say kindly for whom an earlier day's advice still holds: the question is how it goes."""
    parts = []
    for line in waiting:
        if line.held and line.valid_until is not None:
            said = {"names": _names([line], texts), "until": day_words(texts, line.valid_until)}
            parts.append(texts(f"card.held_{line.disposition}", **said))
    return parts


def _left(view: HouseholdView, waiting: Sequence[Line]) -> str:
    """Say which form of the question fits: before the morning asks, after it, or the plain one."""
    if any(line.evening for line in waiting):
        return "_night" if view.is_today else "_evening"
    return "_morning" if all(line.said for line in waiting) else ""


def _greeting(view: HouseholdView) -> str:
    if view.changing or (view.evening and view.is_today):
        return "card.day"
    return "card.greeting_evening" if view.evening else "card.greeting"


def _closed_lines(about: Sequence[Line], texts: Texts) -> list[str]:
    """Say which check-ins have closed; with schools of different hours, whose."""
    closed = [line for line in about if line.closed and not line.read_only]
    if not closed:
        return []
    if len(closed) < len(about):
        return [
            texts("card.closed_late_named", names=_names(lines, texts), time=time)
            for time, lines in _by_closing(line for line in closed if not line.over)
        ]
    if all(line.over for line in closed):
        return [texts("card.closed")]
    times = _by_closing(line for line in closed if not line.over)
    if len(times) == 1:
        return [texts("card.closed_late", time=times[0][0])]
    return [
        texts("card.closed_late_named", names=_names(lines, texts), time=time)
        for time, lines in times
    ]


def _closed_meanwhile(view: HouseholdView, about: Sequence[Line], texts: Texts) -> list[str]:
    """Say on a page that was open at the close that it has closed; later ones were told before."""
    return [] if view.late else _closed_lines(about, texts)


def _by_closing(lines: Iterable[Line]) -> list[tuple[str, list[Line]]]:
    """Put lines together that close at the same time by their own school's clock."""

    def closing(line: Line) -> str:
        return clock_words(line.closes_at, line.zone)

    return [
        (time, list(group)) for time, group in groupby(sorted(lines, key=closing), key=closing)
    ]


def _names(lines: Iterable[Line], texts: Texts) -> str:
    return list_words(
        texts, (texts.plain("word.you") if line.oneself else line.name for line in lines)
    )


def _all_clear(
    view: HouseholdView, clearable: Sequence[Line], waiting: Sequence[Line], texts: Texts
) -> Button:
    press = Press(Verb.all_clear, view.card_id, view.revision).pack()
    if all(line.said for line in clearable):
        text = texts.plain("button.temperature_normal", n=len(clearable))
    elif len(clearable) == len(waiting):
        both = len(clearable) == 2
        key = "button.all_clear_both" if both else "button.all_clear"
        text = texts.plain(key, n=len(clearable))
    else:
        text = texts.plain("button.all_clear_named", names=_names(clearable, texts))
        if width_of(text) > WIDEST_BUTTON:  # the line above names them
            text = texts.plain("button.all_clear_rest", n=len(clearable))
    return Button(text, press, Style.good)


def _subject_rows(
    view: HouseholdView,
    lines: Sequence[Line],
    texts: Texts,
    verb: Verb = Verb.open_subject,
) -> list[tuple[Button, ...]]:
    buttons = [
        Button(
            texts.plain("button.oneself")
            if line.oneself
            else texts.plain("button.subject", name=line.name),
            Press(verb, view.card_id, view.revision, (line.check_in_id,)).pack(),
        )
        for line in lines
    ]
    return side_by_side(buttons)


def side_by_side(buttons: Iterable[Button]) -> list[tuple[Button, ...]]:
    """Return buttons two in a row, one with a long name by itself."""
    rows: list[tuple[Button, ...]] = []
    for button in buttons:
        beside = rows and len(rows[-1]) == 1 and width_of(rows[-1][0].text) <= WIDEST_OF_TWO
        if beside and width_of(button.text) <= WIDEST_OF_TWO:
            rows[-1] = (*rows[-1], button)
        else:
            rows.append((button,))
    return rows


def width_of(text: str) -> int:
    """Return how wide a text is on a screen, in Latin letters; a Chinese character is two."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _answered(view: HouseholdView, texts: Texts) -> Rendered:
    parts = [texts("card.day", day=day_words(texts, view.day)), *no_school_lines(view, texts)]
    parts += [*_result_lines(view.lines, texts), *_silent_lines(view, texts)]
    if any(line.correction_asked for line in view.lines):
        parts.append(texts("card.correction_waits"))
    if all(line.read_only for line in view.lines):
        parts.append(texts("card.read_only"))
    rows: Rows = ()
    if any(not line.over and not line.read_only for line in view.lines):
        rows = ((card_button(texts, "button.change", Verb.change, view),),)
    return Rendered(joined(parts), rows)


def _silent_lines(view: HouseholdView, texts: Texts) -> list[str]:
    """Name those without an answer who are not asked about: excused, or only to be seen."""
    excused = [line for line in view.lines if line.status is Status.excused]
    silent = [
        line
        for line in view.lines
        if line.read_only and line.status not in {Status.complete, Status.excused}
    ]
    parts = [texts("card.not_yet", names=_names(silent, texts))] if silent else []
    said = [line for line in view.lines if line.evening and line.said]
    until = "card.until_later" if view.is_today else "card.until_morning"
    parts += [texts(until, names=_names(said, texts))] if said else []
    return parts + ([texts("card.excused", names=_names(excused, texts))] if excused else [])


def _result_lines(lines: Iterable[Line], texts: Texts) -> list[str]:
    """Say the answers given, those that are alike in one line."""
    done = [line for line in lines if line.status is Status.complete and not line.unfinished]
    parts: list[str] = []

    def alike(line: Line) -> tuple[str, str, bool, str]:
        return (
            clock_words(line.answered_at, line.zone),
            line.disposition or Disposition.cleared,
            line.absent,
            line.answered_by or "",
        )

    for (time, disposition, absent, who), group in groupby(sorted(done, key=alike), key=alike):
        alike_lines = list(group)
        key = "card.done_absent" if absent and disposition == "cleared" else f"card.{disposition}"
        said = texts(key, time=time, names=_names(alike_lines, texts))
        parts.append(said + (texts("card.answered_by", name=who) if who else ""))
        for line in alike_lines:
            if line.advice:
                parts.append(texts("card.advice", advice=label_words(texts, line.advice)))
                break
    return parts


def question(
    view: OnCard,
    asking: Asking,
    texts: Texts,
    kept: Sequence[Line] = (),
    news: Sequence[str] = (),
) -> Rendered:
    """Render one question with its answers, below what was just kept and above what is new."""
    asked = asking.question
    oneself = asked.text_oneself if asking.line.oneself else {}
    ask = label_words(texts, oneself or asked.text).format(name=asking.line.name)
    who = with_class(asking.line, texts)
    parts = [
        *_result_lines(kept, texts),
        texts("question.progress", who=who, place=asking.place, of=asking.of),
        texts("question.text", text=ask),
    ]
    rows: list[tuple[Button, ...]] = []
    if asking.doubt:
        parts.append(texts(f"doubt.{asking.doubt}", **_numbers(asking.doubt_args)))
    parts += news
    if asking.suggested is not None:
        said = value_words(asked, asking.suggested, texts)
        press = Press(Verb.pick, view.card_id, view.revision, (SUGGESTED,))
        rows.append((Button(texts.plain("button.suggested", value=said), press.pack()),))
    rows += _choice_rows(view, asking, texts)
    rows.append((card_button(texts, "button.back", Verb.back, view),))
    return Rendered(joined(parts), tuple(rows))


def _guess(view: HouseholdView, guess: Guess, texts: Texts) -> Rendered:
    """Ask whether words were meant as they were understood."""
    name = texts.plain("word.you") if guess.line.oneself else guess.line.name
    said = list_words(
        texts, (value_words(question, value, texts) for question, value in guess.said)
    )
    ask = texts("guess.said", name=name, said=said) if said else texts("guess.well", name=name)
    rows = tuple(
        (
            Button(
                texts.plain(key), Press(Verb.confirm, view.card_id, view.revision, (yes,)).pack()
            ),
        )
        for key, yes in (("button.guess_yes", 1), ("button.guess_no", 0))
    )
    closed = _closed_meanwhile(view, [guess.line], texts)
    return Rendered(joined([*_result_lines(view.kept, texts), ask, *closed]), rows)


def _whom(view: HouseholdView, texts: Texts) -> Rendered:
    """Ask whom words were about, or a picture."""
    lines = view.waiting or [line for line in view.lines if not line.read_only]
    rows = _subject_rows(view, lines, texts, Verb.confirm)
    back = card_button(texts, "button.back", Verb.home, view)
    parts = [texts("guess.whom"), *_closed_meanwhile(view, lines, texts)]
    return Rendered(joined(parts), (*rows, (back,)))


def _numbers(args: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: f"{value:g}" for key, value in (args or {}).items()}


def _choice_rows(view: OnCard, asking: Asking, texts: Texts) -> list[tuple[Button, ...]]:
    question = asking.question
    several = question.kind == "several"
    chosen = asking.value if isinstance(asking.value, list) else []
    buttons = [
        Button(
            ("☑ " if choice.key in chosen else "☐ ") * several + label_words(texts, choice.label),
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
        return list_words(texts, (label_words(texts, choice.label) for choice in chosen))
    choice = question.choice(value)
    if choice is not None:
        return label_words(texts, choice.label)
    if isinstance(value, dict):
        return value.get("name", "")
    if isinstance(value, int | float):
        return f"{value:.{question.decimals}f} {question.unit}".strip()
    return str(value)


def reminder(view: HouseholdView, texts: Texts, *, after_outage: bool = False) -> Rendered | None:
    """Render the reminder for those still silent; None when nobody is waited for in time.

    Where another school has closed already, it says so: its children are on the same buttons.
    """
    waiting = view.waiting
    in_time = [line for line in waiting if not line.closed]
    if not in_time:
        return None
    parts = [texts("remind.after_outage")] if after_outage else []
    for time, lines in _by_closing(in_time):
        names = list_words(texts, (with_class(line, texts) for line in lines))
        alone = all(line.oneself for line in lines)
        said = texts("remind.oneself", time=time) if alone else None
        parts.append(said or texts("remind", names=names, time=time))
    parts += _closed_lines(waiting, texts)
    clearable = [line for line in waiting if line.clearable and not line.over]
    rows: list[tuple[Button, ...]] = []
    if clearable:
        rows.append((_all_clear(view, clearable, waiting, texts),))
    return Rendered(joined(parts), (*rows, *_subject_rows(view, waiting, texts)))
