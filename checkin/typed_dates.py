"""Dates as people type them: 2026-03-02, 3月2日, 2 March, yesterday."""

import re
from datetime import date, timedelta

from checkin.typed_numbers import HAN_NUMBER, arabic
from checkin.understanding import Doubt, Unclear, Understood, squeezed

_DAYS_AGO = {
    "today": 0, "今天": 0, "今日": 0, "yesterday": 1, "昨天": 1, "昨日": 1, "前天": 2,
    "thedaybeforeyesterday": 2, "daybeforeyesterday": 2, "tomorrow": -1, "明天": -1,
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?"
_YEAR_FIRST = re.compile(
    r"(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*[日号]?"
)
_MONTH_DAY = re.compile(r"(?P<m>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*[日号]?")
_SLASHED = re.compile(r"(?P<one>\d{1,2})\s*[-/.]\s*(?P<two>\d{1,2})(?:\s*[-/.]\s*(?P<y>\d{4}))?")
_DAY_NAMED = re.compile(
    rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<y>\d{{4}}))?"
)
_NAMED_DAY = re.compile(rf"{_MONTH}\s*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<y>\d{{4}}))?")


def take_date(said: str, on: date | None) -> Understood | Unclear:
    """Understand a date, given in plain spelling.

    Without a year it is the one nearest to `on`. What two readers would read as two different
    days (3/4) is never taken, only offered month first.
    """
    if (days := _DAYS_AGO.get(squeezed(said))) is not None:
        return Understood(_iso(on - timedelta(days=days))) if on else Unclear(Doubt.which_date)
    said = HAN_NUMBER.sub(arabic, said) if "月" in said else said
    if match := _YEAR_FIRST.fullmatch(said):
        return _on_day(int(match["y"]), int(match["m"]), int(match["d"]), on)
    if match := _MONTH_DAY.fullmatch(said):
        return _on_day(None, int(match["m"]), int(match["d"]), on)
    for pattern in (_DAY_NAMED, _NAMED_DAY):
        if match := pattern.fullmatch(said):
            year = int(match["y"]) if match["y"] else None
            return _on_day(year, _MONTHS.index(match["month"][:3]) + 1, int(match["d"]), on)
    if match := _SLASHED.fullmatch(said):
        return _either_way(match, on)
    return Unclear(Doubt.not_a_date)


def _either_way(match: re.Match[str], on: date | None) -> Understood | Unclear:
    """3/4 is the third of April to some and the fourth of March to others: only ask."""
    one, two = int(match["one"]), int(match["two"])
    year = int(match["y"]) if match["y"] else None
    month_first, day_first = _on_day(year, one, two, on), _on_day(year, two, one, on)
    if month_first == day_first or not isinstance(day_first, Understood):
        return month_first
    if not isinstance(month_first, Understood):
        return day_first
    return Unclear(Doubt.which_date, month_first.value)


def _on_day(year: int | None, month: int, day: int, on: date | None) -> Understood | Unclear:
    if year is None and on is None:
        return Unclear(Doubt.which_year)
    years = [year] if year is not None else [on.year - 1, on.year, on.year + 1] if on else []
    real = [made for made in (_made(y, month, day) for y in years) if made]
    if not real:
        return Unclear(Doubt.no_such_date)
    return Understood(_iso(min(real, key=lambda made: abs(made - on) if on else timedelta())))


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _iso(day: date) -> str:
    return day.isoformat()
