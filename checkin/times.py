"""What a school's clock says: one definition of "today", and of half past six."""

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DIGITS_OF = {
    "一": 1,
    "二": 2,
    "两": 2,
    "三": 3,
    "四": 4,
    "五": 5,
    "六": 6,
    "七": 7,
    "八": 8,
    "九": 9,
}
_COLON = re.compile(r"(\d{1,2})[:.](\d{2})")
_BARE = re.compile(r"(\d{1,2})(\d{2})")
_SPOKEN = re.compile(r"(\d{1,2})[点时](?:(半)|(一刻|三刻)|(\d{1,2})分?|整)?")
_TWELVE_HOURS = re.compile(r"(1[0-2]|0?[1-9])[:.]?(\d\d)?([ap])\.?m\.?")
_PART_OF_DAY = re.compile(r"(凌晨|早上|早晨|上午|中午|下午|傍晚|晚上|晚)(.*)")
_AFTER_NOON = {"下午", "傍晚", "晚上", "晚"}


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """Return the school's "today": the date on the wall of the school, and nothing else.

    Raises:
        ValueError: The moment does not say which zone it is in.
    """
    if moment.tzinfo is None:
        raise ValueError("A moment without a zone has no local date.")
    return moment.astimezone(zone).date()


@lru_cache(maxsize=8192)
def moment_at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the UTC moment at which the school's wall clock says `at` on `day`.

    An hour missing in spring shifts forward by the gap (02:30 is 03:30 that day); an hour
    repeated in autumn means the first of the two, so that nothing happens twice.
    """
    wall = datetime.combine(day, at.replace(fold=0, tzinfo=None), tzinfo=zone)
    return wall.astimezone(UTC)


@lru_cache(maxsize=8192)
def day_exists(day: date, zone: ZoneInfo) -> bool:
    """Say whether the zone has this date at all: Samoa never had 30 December 2011."""
    return local_date(moment_at(day, time(12), zone), zone) == day


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC moment at which this local date is over."""
    return moment_at(day + timedelta(days=1), time.min, zone)


def parse_time(text: str) -> time:
    """Read a time of day as people type it: 06:30, 6:30, ６：３０, 0630, 6点半, 6:30 pm, 晚上7点.

    Raises:
        ValueError: It is not a time; the message is a whole sentence.
    """
    plain = unicodedata.normalize("NFKC", text).lower().replace(" ", "")
    if found := _TWELVE_HOURS.fullmatch(plain):
        hour, minute = int(found[1]) % 12 + 12 * (found[3] == "p"), int(found[2] or 0)
    else:
        found = _PART_OF_DAY.fullmatch(plain)
        part, plain = found.groups() if found else ("", plain)
        hour, minute = _hour_and_minute(_with_digits(plain))
        hour += 12 if part in _AFTER_NOON and 1 <= hour < 12 else 0
    if hour > 23 or minute > 59:
        raise ValueError(f"{text.strip()!r} is not a time of day: write it like 06:30.")
    return time(hour, minute)


def _with_digits(text: str) -> str:
    """Write the hours of 六点半 and 十二点 with digits."""
    hour, mark, rest = text.partition("点")
    if not mark or hour.isascii():
        return text
    tens, ten, ones = hour.partition("十")
    if ten:
        value = 10 * _DIGITS_OF.get(tens, 1 if not tens else 99) + _DIGITS_OF.get(ones, 0)
    else:
        value = _DIGITS_OF.get(hour, 99)
    return f"{value}点{rest}"


def _hour_and_minute(plain: str) -> tuple[int, int]:
    if found := _COLON.fullmatch(plain) or _BARE.fullmatch(plain):
        return int(found[1]), int(found[2])
    if found := _SPOKEN.fullmatch(plain):
        quarters = {None: 0, "一刻": 15, "三刻": 45}[found[3]]
        return int(found[1]), 30 if found[2] else int(found[4] or quarters)
    return 99, 99
