"""Pauses: days on which nobody is asked about a child, with a date of return."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from checkin.typed_dates import take_date
from checkin.understanding import Understood

LONGEST = 60  # days; after two months somebody should say again how it is
FAMILY = "family"  # the reason of a pause that the family itself asked for


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
