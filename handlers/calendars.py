"""Public holidays, from the library that keeps them; what it lacks, the school overrides."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta
from functools import cache

from holidays import HolidayBase, country_holidays, list_supported_countries

from checkin.calendar_changes import Known, Period, PeriodKind
from checkin.calendars import MONDAY_TO_FRIDAY, Calendar, DayKind, Override
from storage import calendars
from storage.database import Session
from storage.units import School

_ADDED = re.compile(r"\d\d|\((?:observed|estimated)|（(?:补假|補假|推定)")


class UnknownCountry(ValueError):
    """No holidays are known for this country or this part of it."""

    def __init__(self, country: str) -> None:
        super().__init__(f"No public holidays are known for {country!r}.")
        self.country = country


def public_holidays(
    country: str, years: Iterable[int], language: str = "en"
) -> tuple[dict[date, str], dict[date, str]]:
    """Return (holidays, make-up working days) with their names in the language nearest to it.

    A make-up day carries the name of the holiday it pays for. The library declares them as work
    days at a weekend, and China's only once the year's notice is out (late in the year before):
    an empty second value means "none known". Terms and vacations are in no library.

    Args:
        country: ISO code, with a subdivision where holidays differ: CN, DE-BY.
        years: Gregorian years.
        language: the reader's, such as zh or en_US.

    Raises:
        UnknownCountry: The library has never heard of it.
    """
    wanted = sorted(set(years))
    if not wanted:
        return {}, {}
    # A make-up day of late December pays for a New Year that the year after declares.
    found = _ask_library(country, [*wanted, wanted[-1] + 1], language)
    named = {day: found[day] for day in sorted(found) if day.year in wanted}
    make_up = sorted(day for day in found.weekend_workdays if day.year in wanted)
    return named, {day: _pays_for(day, found) for day in make_up}


def school_weekdays(country: str) -> frozenset[int]:
    """Return the days of the week with school: the country's weekend left out (Monday is 0)."""
    return frozenset(range(7)) - frozenset(_ask_library(country, [], "en").weekend)


def _ask_library(country: str, years: list[int], language: str) -> HolidayBase:
    code, _, part = country.strip().upper().partition("-")
    if code not in list_supported_countries():
        raise UnknownCountry(country)
    country_itself = country_holidays(code)
    spoken = _nearest(language, country_itself.supported_languages)
    try:
        return country_holidays(
            code,
            subdiv=part or None,
            years=years,
            expand=False,
            language=spoken or country_itself.default_language,
        )
    except NotImplementedError:
        raise UnknownCountry(country) from None


def _nearest(language: str, supported: tuple[str, ...]) -> str | None:
    """Return the library's spelling of the language; None when it has none of it."""
    wanted = language.replace("-", "_")
    short = wanted.partition("_")[0]
    exact = [code for code in supported if code == wanted]
    close = [code for code in supported if code.partition("_")[0] == short]
    return next(iter(exact + sorted(close)), None)


def _pays_for(day: date, found: Mapping[date, str]) -> str:
    """Name the holiday whose bridge day is worked off on `day`.

    The library names the bridge "day off (instead of 2026-01-04)": the holiday is the one nearest
    to it. Where it names none, the bridge is not known and the name stays empty.
    """
    marks = {day.isoformat(), day.strftime("%d.%m.%Y"), day.strftime("%m/%d/%Y")}
    bridges = {off for off, name in found.items() if any(mark in name for mark in marks)}
    if not bridges:
        return ""
    bridge = min(bridges)
    # Neither a bridge day itself nor "(observed)": the holiday by its own name.
    proper = {off: name for off, name in found.items() if not _ADDED.search(name)}
    nearest = min(proper, key=lambda off: (abs(off - bridge), off), default=None)
    return proper[nearest] if nearest else ""


def own_name(holiday: str) -> str:
    """Return a holiday's own name; nothing for a day off instead of another day."""
    return re.split(r"\s*[(（]", holiday)[0] if not re.search(r"\d\d", holiday) else ""


async def calendar_of(session: Session, school: School, day: date) -> Calendar:
    """Return a school's calendar around a day: the library's holidays, its own terms and days."""
    return calendar_with(school, await known_calendar(session, school.id, day), day)


async def calendars_of(
    session: Session, schools: Collection[School], day: date
) -> dict[int, Calendar]:
    """Return the calendars of these schools around a day, by school."""
    known = await known_calendars(session, [school.id for school in schools], day)
    return {school.id: calendar_with(school, known[school.id], day) for school in schools}


async def known_calendar(session: Session, school_id: int, day: date) -> Known:
    """Return what a school has entered itself, its single days a month back and a year ahead."""
    return (await known_calendars(session, [school_id], day))[school_id]


async def known_calendars(
    session: Session, school_ids: Collection[int], day: date
) -> dict[int, Known]:
    """Return what each of these schools has entered itself: see `known_calendar`."""
    first, last = day - timedelta(days=30), day + timedelta(days=366)
    periods: dict[int, list[Period]] = defaultdict(list)
    for term in await calendars.periods_among(session, school_ids):
        period = Period(PeriodKind(term.kind), term.name, term.first, term.last)
        periods[term.school_id].append(period)
    days: dict[int, dict[date, Override]] = defaultdict(dict)
    for each in await calendars.days_among(session, school_ids, first, last):
        days[each.school_id][each.day] = Override(DayKind(each.kind), each.reason)
    return {id_: Known(tuple(periods[id_]), days[id_]) for id_ in school_ids}


def calendar_with(school: School, known: Known, day: date) -> Calendar:
    """Return the calendar of a school that has entered this, around a day."""
    holidays, make_up = _holidays_around(school.country, day.year, school.language)
    return Calendar(
        terms=tuple(each.term() for each in known.periods if each.kind is PeriodKind.term),
        holidays=holidays,
        make_up_days=make_up,
        overrides=known.days,
        weekdays=_weekdays(school.country),
        vacations=tuple(each.term() for each in known.periods if each.kind is PeriodKind.vacation),
    )


@cache
def is_unpublished(country: str, year: int) -> bool:
    """Say whether a country's make-up days of a year are not out yet, though it always has some.

    China's notice for a year comes late in the year before; until then the library guesses the
    holidays and knows no make-up day.
    """
    try:
        before = (public_holidays(country, [year - back])[1] for back in (1, 2))
        return not public_holidays(country, [year])[1] and any(before)
    except UnknownCountry:
        return False


@cache
def _holidays_around(
    country: str, year: int, language: str
) -> tuple[dict[date, str], dict[date, str]]:
    """Return a country's days around a year; none where the library has never heard of it."""
    try:
        return public_holidays(country, (year - 1, year, year + 1), language)
    except UnknownCountry:
        return {}, {}


@cache
def _weekdays(country: str) -> frozenset[int]:
    try:
        return school_weekdays(country)
    except UnknownCountry:
        return MONDAY_TO_FRIDAY
