"""A bad month: what goes wrong on the wire, and when nobody hears anybody."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from simulator import families

TAPS_KEPT = timedelta(seconds=150)  # by the messenger, while nobody fetches them
MESSAGES_KEPT = timedelta(hours=24)

RATES: Mapping[str, float] = {
    "rate_429": 0.03,
    "rate_5xx_before": 0.01,
    "rate_5xx_after": 0.01,
    "rate_hang": 0.005,
    "rate_reset_before": 0.0025,
    "rate_reset_after": 0.0025,
}
HANGS = 10.0  # seconds that the bot waits for an answer
WITHIN = timedelta(minutes=20)  # while an answer in time is still possible: all are asked again
LENGTHS = (
    timedelta(minutes=2),
    WITHIN,
    timedelta(hours=3),
    timedelta(hours=26),
    timedelta(days=8),
)
TRIES = 5000  # to find room for a silence; the longest looks first
FEW_DAYS = 12  # too few for the long silences

# Both clock changes of Berlin in 2026: 29 March and 25 October lie within.
ZONE = ZoneInfo("Europe/Berlin")
FIRST_DAYS = (date(2026, 3, 19), date(2026, 10, 15))
MOST_DAYS = 30
MORNING = (time(5, 0), time(10, 0))  # when a silence disturbs a day


@dataclass(frozen=True, slots=True)
class Silence:
    """A time in which nothing gets through.

    With `ours` the bot does not run; otherwise it runs, and the messenger cannot be reached. With
    `cut` it ends in the middle of its work, between what is decided and what is sent.
    """

    since: datetime
    until: datetime
    ours: bool
    cut: bool = False

    @property
    def name(self) -> str:
        """How the report calls it."""
        return "the bot is down" if self.ours else "the messenger is away"

    def covers(self, at: datetime) -> bool:
        """Say whether a moment lies in it."""
        return self.since.timestamp() <= at.timestamp() < self.until.timestamp()

    def disturbs(self, day: date) -> bool:
        """Say whether it touches the morning of a day."""
        first, last = (datetime.combine(day, at, ZONE) for at in MORNING)
        return (
            self.since.timestamp() < last.timestamp()
            and first.timestamp() < self.until.timestamp()
        )


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong in a run; the default is nothing."""

    rates: Mapping[str, float] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    bot_first: bool = False  # after a silence the bot hears first, and looks at its clock then

    def disturbs(self, day: date) -> bool:
        """Say whether the morning of a day is not as usual."""
        return any(silence.disturbs(day) for silence in self.silences)


def calendar(days: int) -> list[date]:
    """Return the dates of the two stretches that hold so many school days."""
    first = -(-days // 2) if days >= FEW_DAYS else days
    found = families.calendar(first, FIRST_DAYS[0])
    return found + (families.calendar(days - first, FIRST_DAYS[1]) if days > first else [])


def bad_month(days: Sequence[date], seed: int) -> Trouble:
    """Draw a month's trouble from the seed; the time between two stretches is silent too."""
    chance = random.Random(f"{seed} trouble")  # noqa: S311 - trouble, not secrets
    silences = list(_holidays(days))
    for length in LENGTHS[::-1] if len(days) >= FEW_DAYS else (WITHIN,):
        drawn = (_silence(chance, days, length) for _ in range(TRIES))
        silences += islice((each for each in drawn if _fits(each, days, silences)), 1)
    silences.sort(key=lambda silence: silence.since)
    return Trouble(RATES, tuple(silences), chance.random() < 0.5)


def _holidays(days: Sequence[date]) -> list[Silence]:
    """Between two stretches the bot is switched off."""
    return [
        Silence(
            datetime.combine(last, time(15), ZONE), datetime.combine(first, time(4), ZONE), True
        )
        for last, first in pairwise(days)
        if first - last > timedelta(days=30)
    ]


def _silence(chance: random.Random, days: Sequence[date], length: timedelta) -> Silence:
    minute = chance.choice([chance.randrange(5 * 60, 10 * 60), chance.randrange(24 * 60)])
    if length < timedelta(days=1):
        minute = chance.randrange(5 * 60 + 30, 9 * 60)
    if length == WITHIN:
        minute = chance.randrange(6 * 60 + 35, 7 * 60 + 35)
    cut = length != WITHIN and chance.random() < 0.5
    if cut:  # just as a step of the morning is done
        minute = chance.choice([6 * 60 + 30, 7 * 60 + 10, 7 * 60 + 20, 8 * 60, 8 * 60 + 5])
    on = datetime.combine(chance.choice(days), time(minute // 60, minute % 60), ZONE)
    since = on.astimezone(ZoneInfo("UTC"))
    ours = cut or length > timedelta(days=2) or chance.random() < 0.5
    return Silence(on, (since + length).astimezone(ZONE), ours, cut)


def _fits(silence: Silence, days: Sequence[date], others: Sequence[Silence]) -> bool:
    """Leave a whole school day before, after and between two silences."""
    since, until = silence.since.date(), silence.until.date()
    before = [day for day in days if day < since]
    after = [day for day in days if day > until]
    if not before or not after:
        return len(days) < 3  # there is no room for it
    first, last = before[-1], after[0]
    return all(other.until.date() < first or last < other.since.date() for other in others)
