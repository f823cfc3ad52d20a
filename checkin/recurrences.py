"""How often a plan runs, as people type it behind /plan: every day, mon wed fri, 上学日."""

import re
import unicodedata

from checkin.calendars import Recurrence
from checkin.days import weekday_of
from checkin.facts import fact

_EVERY_DAY = {"every day", "everyday", "daily", "every calendar day", "每天", "每日", "天天"}
_SCHOOL_DAYS = {"school days", "school day", "every school day", "上学日", "上课日", "教学日"}
_IGNORED = {"weekdays", "weekday", "on", "and", "every", "each", "每周", "每", "和"}
_HAN_RUN = re.compile(r"(?:每)?(?:周|星期|礼拜)([一二三四五六日天]+)")


@fact
class Repeats:
    """How often a plan runs, and on which days of the week where they were chosen."""

    recurrence: Recurrence
    weekdays: tuple[int, ...] = ()


def parse_recurrence(text: str) -> Repeats | None:
    """Read a recurrence; None when the words are about something else, such as times.

    "every day" and 每天 are every calendar day, "school days" and 上学日 follow the calendar,
    "weekdays mon wed fri", 周一 周三 and 周一三五 are chosen days of the week, "weekdays" alone
    those with school.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).lower().split())
    if plain in _EVERY_DAY:
        return Repeats(Recurrence.every_day)
    if plain in _SCHOOL_DAYS:
        return Repeats(Recurrence.school_days)
    if plain in {"weekdays", "工作日"}:
        return Repeats(Recurrence.weekdays)
    spread = _HAN_RUN.sub(lambda run: " ".join(f" 周{day}" for day in run[1]) + " ", plain)
    words = [word for word in re.split(r"[\s,、;和]+", spread) if word and word not in _IGNORED]
    days = [weekday_of(word) for word in words]
    named = {day for day in days if day is not None}
    if not named or None in days:
        return None
    return Repeats(Recurrence.weekdays, tuple(sorted(named)))
