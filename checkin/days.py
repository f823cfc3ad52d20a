"""Days and orders about them as an admin types them: today, 周五, "closed today snow"."""

import re
import unicodedata
from datetime import date, timedelta

from checkin.calendars import DayKind
from checkin.facts import fact

_AHEAD = {
    "today": 0, "今天": 0, "今日": 0, "tomorrow": 1, "明天": 1, "明日": 1, "后天": 2,
}  # fmt: skip
_HAN_WEEK = "一二三四五六日"
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {"tues": 1, "weds": 2, "thur": 3, "thurs": 3}
_WEEKDAY_OF = (
    {name: place for place, name in enumerate(_WEEK)}
    | {name[:3]: place for place, name in enumerate(_WEEK)}
    | _SHORT
    | {
        f"{week}{name}": place
        for week in ("周", "星期", "礼拜")
        for place, name in enumerate(_HAN_WEEK)
    }
    | {"周天": 6, "星期天": 6, "礼拜天": 6}
)
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})[日号]?")
_MONTH_DAY = re.compile(r"(\d{1,2})月(\d{1,2})[日号]?")

_CLOSED = ("closed", "close", "停课", "放假")
_OPEN = ("open", "照常上课", "恢复上课", "上课", "补课", "复课")
_CLEAR = ("clear", "取消")
_KIND_OF: dict[str, DayKind | None] = (
    dict.fromkeys(_CLOSED, DayKind.closed)
    | dict.fromkeys(_OPEN, DayKind.make_up)
    | dict.fromkeys(_CLEAR, None)
)


def _any(words: set[str]) -> str:
    """A pattern of any of these words; an English one does not end within a word."""
    longest_first = sorted(words, key=len, reverse=True)
    return "|".join(f"{word}(?![a-z])" if word.isascii() else word for word in longest_first)


_DAY = rf"(?:{_DATE.pattern}|{_MONTH_DAY.pattern}|{_any({*_AHEAD, *_WEEKDAY_OF})})(?!\d)"
_DAY = re.sub(r"\((?!\?)", "(?:", _DAY)
_KIND = _any(set(_KIND_OF))
_GAP = r"[\s,、:]*"
_ORDERS = (
    re.compile(rf"(?P<kind>{_KIND}){_GAP}(?P<day>{_DAY}){_GAP}(?P<reason>.*)", re.I),
    re.compile(rf"(?P<day>{_DAY}){_GAP}(?P<kind>{_KIND}){_GAP}(?P<reason>.*)", re.I),
)


@fact
class DayOrder:
    """What an admin says about one day: its kind (None: as the calendar has it), and why."""

    day: date
    kind: DayKind | None
    reason: str = ""


def read_day(text: str, today: date) -> date | None:
    """Read a day: 2026-03-05, 3月5日, today, 明天, Friday, 周五; None when it is none.

    Without a year, or by its name, it is the next one: today or later.
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if plain in _AHEAD:
        return today + timedelta(days=_AHEAD[plain])
    if plain in _WEEKDAY_OF:
        return today + timedelta(days=(_WEEKDAY_OF[plain] - today.weekday()) % 7)
    if found := _DATE.fullmatch(plain):
        return _made(*map(int, found.groups()))
    if found := _MONTH_DAY.fullmatch(plain):
        month, day = map(int, found.groups())
        coming = (_made(year, month, day) for year in range(today.year, today.year + 9))
        return next((each for each in coming if each and each >= today), None)
    return None


def read_order(text: str, today: date) -> DayOrder | None:
    """Read "closed today snow", "今天停课 大雪", "open 2026-03-07"; None when it is nothing such.

    The kind and the day come first, in either order; the reason is kept as it was typed.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    for pattern in _ORDERS:
        if found := pattern.fullmatch(plain):
            day = read_day(found["day"], today)
            if day is None:
                return None
            return DayOrder(day, _KIND_OF[found["kind"].lower()], found["reason"].strip())
    return None


def weekday_of(word: str) -> int | None:
    """Return the weekday that a word names, Monday is 0: mon, Fridays, 周三."""
    plain = unicodedata.normalize("NFKC", word).strip().lower()
    return _WEEKDAY_OF.get(plain, _WEEKDAY_OF.get(plain.removesuffix("s")))


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
