"""The small pieces that every message is made of: dates, times, lists, names with their class."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from babel.dates import format_date

from bot.texts import Texts
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.summary_views import Exceptional
from handlers.views import Line

MOST_PROBLEMS = 40
LONGEST = 3900  # of Telegram's 4096, so that the last line is always whole


def day_words(texts: Texts, day: date) -> str:
    """Return a date as people say it: Mon 2 Mar, 3月2日 周一."""
    return _day_words(texts.language, day)


@lru_cache(maxsize=512)  # a morning says the same day a million times
def _day_words(language: str, day: date) -> str:
    pattern = "M月d日 EEE" if language == "zh" else "EEE d MMM"
    return format_date(day, pattern, locale=language)


def short_day_words(texts: Texts, day: date) -> str:
    """Return a date where there is little room: 2 Mar, 3/2."""
    pattern = "M/d" if texts.language == "zh" else "d MMM"
    return format_date(day, pattern, locale=texts.language)


def clock_words(moment: datetime | None, zone: ZoneInfo) -> str:
    """Return the school's wall-clock time of a moment: 07:01."""
    return moment.astimezone(zone).strftime("%H:%M") if moment else ""


def list_words(texts: Texts, names: Iterable[str]) -> str:
    """Return names as a list: Ana, Ben; 小雨、小明."""
    return ("、" if texts.language == "zh" else ", ").join(names)


def label_words(texts: Texts, labels: Mapping[str, str]) -> str:
    """Return the words of a label in the reader's language."""
    return labels.get(texts.language) or next(iter(labels.values()), "")


def joined(parts: Iterable[str]) -> str:
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


def with_class(line: Line, texts: Texts) -> str:
    """Return a name with its class, or "you"."""
    if line.oneself:
        return texts.plain("word.you")
    return texts.plain("word.with_class", name=line.name, unit=unit_words(line, texts))


def unit_words(line: Line | Exceptional, texts: Texts) -> str:
    """Return the class that somebody is named beside; staff are staff."""
    return texts.plain("word.staff") if line.is_staff else line.unit_name


class OnCard(Protocol):
    """What a card shows, as far as its buttons need it."""

    @property
    def card_id(self) -> int:
        """The card's row."""

    @property
    def revision(self) -> int:
        """The revision that is shown."""


def card_button(
    texts: Texts,
    key: str,
    verb: Verb,
    view: OnCard,
    *details: int,
    style: Style = Style.plain,
    **params: Any,
) -> Button:
    """Return a button about the card itself, at its revision."""
    press = Press(verb, view.card_id, view.revision, details)
    return Button(texts.plain(key, **params), press.pack(), style)


def in_rows(buttons: Sequence[Button], wide: int) -> list[tuple[Button, ...]]:
    """Return buttons in rows of so many."""
    return [tuple(buttons[start : start + wide]) for start in range(0, len(buttons), wide)]


def place_words(said: Mapping[str, Any], texts: Texts) -> str:
    """Say where in a file a problem is: the cell, or as much of it as is known."""
    place = {"sheet": said["sheet"], "row": said["row"], "column": said["column"]}
    where = "where" if said["column"] else "where_row" if said["row"] else "where_sheet"
    return texts(f"roster.{where}", **place)


def problems_listed(
    key: str,
    said: Mapping[str, Any],
    sentence: Callable[[Mapping[str, Any], Texts], str],
    ending: str,
    texts: Texts,
) -> Rendered:
    """Name what is to be mended in a file, as many as fit, between a heading and an ending."""
    shown = said["problems"][:MOST_PROBLEMS]
    parts = [texts(key, n=said["count"]), *(sentence(each, texts) for each in shown)]
    if said["count"] > len(shown):
        parts.append(texts("roster.more_problems", n=said["count"] - len(shown)))
    return Rendered(joined([*parts, texts(ending)]))
