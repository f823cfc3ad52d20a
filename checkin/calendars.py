"""Which days are school days, and on which days a plan runs."""

from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import date
from enum import StrEnum

from checkin.facts import fact


class Recurrence(StrEnum):
    """How often a plan runs."""

    school_days = "school_days"
    weekdays = "weekdays"
    every_day = "every_day"


class DayKind(StrEnum):
    """What a date is to the school."""

    school = "school"
    weekend = "weekend"
    holiday = "holiday"
    vacation = "vacation"
    make_up = "make_up"
    closed = "closed"


SCHOOL_KINDS = frozenset({DayKind.school, DayKind.make_up})
MONDAY_TO_FRIDAY = frozenset(range(5))


@fact
class Term:
    """A stretch of school, or of vacation, both days included."""

    name: str
    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"The term {self.name!r} ends before it begins.")

    def covers(self, day: date) -> bool:
        """Say whether the day lies within the term."""
        return self.first <= day <= self.last


@fact
class Override:
    """What the school itself has decided about one date: a snow day, a make-up Saturday."""

    kind: DayKind
    reason: str = ""


@fact
class Calendar:
    """A school's year.

    The policy, strongest first: what the school decided for that date; in a vacation, or outside
    every known term, it is vacation (a public make-up day in the winter vacation brings nobody
    in); a make-up day; a public holiday; a day of the week without school; a school day. A school
    that has entered no terms has school on every weekday that is not a holiday.
    """

    terms: tuple[Term, ...] = ()
    holidays: Mapping[date, str] = field(default_factory=dict)
    make_up_days: Mapping[date, str] = field(default_factory=dict)
    overrides: Mapping[date, Override] = field(default_factory=dict)
    weekdays: frozenset[int] = MONDAY_TO_FRIDAY
    vacations: tuple[Term, ...] = ()

    def kind_of(self, day: date) -> tuple[DayKind, str]:
        """Say what the day is and why: the holiday's, the term's or the override's own words."""
        if decided := self.overrides.get(day):
            return decided.kind, decided.reason
        if vacation := next((each for each in self.vacations if each.covers(day)), None):
            return DayKind.vacation, vacation.name
        term = next((term for term in self.terms if term.covers(day)), None)
        if self.terms and term is None:
            return DayKind.vacation, self.holidays.get(day, "")
        if day in self.make_up_days:
            return DayKind.make_up, self.make_up_days[day]
        if day in self.holidays:
            return DayKind.holiday, self.holidays[day]
        if day.weekday() not in self.weekdays:
            return DayKind.weekend, ""
        return DayKind.school, term.name if term else ""

    def is_school_day(self, day: date) -> bool:
        """Say whether children are expected."""
        return self.kind_of(day)[0] in SCHOOL_KINDS

    def known_until(self) -> date | None:
        """Return the last day of the last term, after which all is vacation; None without terms.

        A school that forgets to enter its next term would fall silent without a word, so the
        admin is warned before this day.
        """
        return max((term.last for term in self.terms), default=None)


def runs_on(
    recurrence: Recurrence, weekdays: Collection[int], calendar: Calendar, day: date
) -> bool:
    """Say whether a plan has a round for this day (Monday is 0).

    School days follow the calendar, narrowed to `weekdays` when any are given. Chosen weekdays
    run through holidays and vacations alike, and are the calendar's own when none is given. Every
    day is every day: the city's daily report ran through the holidays.
    """
    match recurrence:
        case Recurrence.every_day:
            return True
        case Recurrence.weekdays:
            return day.weekday() in (weekdays or calendar.weekdays)
        case Recurrence.school_days:
            return calendar.is_school_day(day) and (not weekdays or day.weekday() in weekdays)
