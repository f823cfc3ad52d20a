"""Pauses: days on which nobody is asked about a child, why, and with a date of return."""

import re
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum

from checkin.typed_dates import take_date
from checkin.understanding import Understood

LONGEST = 60  # days; after two months somebody should say again how it is
FAMILY = "family"  # the reason of a pause that the family itself asked for


class Excuse(StrEnum):
    """Why the school excuses somebody. The order is the order of the buttons."""

    ill = "ill"
    matter = "matter"
    trip = "trip"
    other = "other"


class Until(StrEnum):
    """For how long, as the teacher's buttons say it."""

    today = "today"
    this_week = "this_week"
    one_week = "one_week"


EXCUSES = tuple(Excuse)
UNTILS = tuple(Until)


def back_on(until: Until, day: date) -> date:
    """Return the day of return: the first on which the person is asked again."""
    match until:
        case Until.today:
            return day + timedelta(days=1)
        case Until.this_week:
            return day + timedelta(days=7 - day.weekday())
        case Until.one_week:
            return day + timedelta(days=7)


def typed_back_on(text: str, day: date) -> date | None:
    """Return the day of return that somebody typed; None when it is none, past, or too far off."""
    name, back = read_pause(text, day)
    return back if back is not None and not name and may_return(back, day) else None


def returns(today: date) -> Sequence[date]:
    """Return the days of return that are offered: tomorrow, next Monday, in one and two weeks."""
    monday = today + timedelta(days=7 - today.weekday())
    offered = {today + timedelta(days=days) for days in (1, 7, 14)} | {monday}
    return sorted(offered)


def may_return(day: date, today: date) -> bool:
    """Say whether a pause may last until this day of return."""
    return today < day <= today + timedelta(days=LONGEST)


def read_pause(text: str, today: date) -> tuple[str, date | None]:
    """Read "Ana 2026-03-09" or "until 9 March": a name, maybe empty, and the day of return."""
    words = re.sub(r"\b(until|till)\b|到|至", " ", text, flags=re.IGNORECASE).split()
    for split in range(len(words)):
        taken = take_date(" ".join(words[split:]).lower(), today)
        if isinstance(taken, Understood):
            return " ".join(words[:split]), date.fromisoformat(str(taken.value))
    return " ".join(words), None
