"""The morning's bulk in words: what `bot.render_household` says, put together from ready pieces.

A million families read the same sentences on a morning; only names and rows differ. Whatever is
not plain about a card is left to the renderer that knows everything.
"""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from html import escape

from bot import render_household
from bot.phrases import LONGEST, day_words, list_words, unit_words
from bot.texts import Texts, texts
from checkin.facts import fact
from checkin.statuses import SETTLED
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb, with_detail
from handlers.views import HouseholdView, Line


@fact
class _Said:
    """What all cards of a morning say that are about as many."""

    greeting: str
    question: str
    all_clear: str
    named: Callable[..., str]
    subject: Callable[..., str]


@lru_cache(maxsize=64)
def _said(language: str, day: date, count: int) -> _Said:
    words = texts(language)
    return _Said(
        words("card.greeting", day=day_words(words, day)),
        words("card.ask", n=count),
        words.plain("button.all_clear_both" if count == 2 else "button.all_clear", n=count),
        words.form("word.with_class").format,
        words.form("button.subject").format,
    )


def first_ask(view: HouseholdView, words: Texts) -> Rendered:
    """Render a card that nobody has seen yet, exactly as `bot.render_household` would."""
    lines = view.lines
    if not (lines and _is_plain(view) and all(map(_is_plainly_asked, lines))):
        return render_household.household(view, words)
    said = _said(words.language, view.day, len(lines))
    named = [said.named(name=line.name, unit=unit_words(line, words)) for line in lines]
    text = f"{said.greeting}\n{escape(list_words(words, named), quote=False)}\n{said.question}"
    if len(text) >= LONGEST:
        return render_household.household(view, words)
    everybody = Press(Verb.all_clear, view.card_id, view.revision).pack()
    about = Press(Verb.open_subject, view.card_id, view.revision).pack()
    buttons = [
        Button(said.subject(name=line.name), with_detail(about, line.check_in_id))
        for line in lines
    ]
    rows = render_household.side_by_side(buttons)
    return Rendered(text, ((Button(said.all_clear, everybody, Style.good),), *rows))


def _is_plain(view: HouseholdView) -> bool:
    return not (view.changing or view.whom or view.no_school or view.asking or view.guess)


def _is_plainly_asked(line: Line) -> bool:
    special = line.oneself or line.held or line.evening or line.said or line.unfinished
    shut = line.read_only or line.closed or line.over
    return line.clearable and line.status not in SETTLED and not special and not shut
