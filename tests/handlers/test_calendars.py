from datetime import date

import pytest

from checkin.calendars import Calendar, DayKind
from handlers.calendars import (
    UnknownCountry,
    is_unpublished,
    public_holidays,
    school_weekdays,
)


def test_chinas_make_up_days_of_2026_are_school_days() -> None:
    holidays, make_up_days = public_holidays("CN", [2026], "zh")
    assert make_up_days == {
        date(2026, 1, 4): "元旦",
        date(2026, 2, 14): "春节",
        date(2026, 2, 28): "春节",
        date(2026, 5, 9): "劳动节",
        date(2026, 9, 20): "国庆节",
        date(2026, 10, 10): "国庆节",
    }
    calendar = Calendar(holidays=holidays, make_up_days=make_up_days)
    assert calendar.kind_of(date(2026, 10, 10)) == (DayKind.make_up, "国庆节")
    assert calendar.kind_of(date(2026, 10, 7))[0] is DayKind.holiday
    assert calendar.kind_of(date(2026, 10, 1)) == (DayKind.holiday, "国庆节")


def test_the_names_come_in_the_readers_language_where_there_is_one() -> None:
    assert public_holidays("CN", [2026], "en")[0][date(2026, 10, 1)] == "National Day"
    assert public_holidays("CN", [2026], "zh-Hans")[0][date(2026, 10, 1)] == "国庆节"
    assert public_holidays("CN", [2026], "fr")[0][date(2026, 10, 1)] == "国庆节"
    assert public_holidays("CN", [2026], "en")[1][date(2026, 10, 10)] == "National Day"


def test_a_country_without_make_up_days_has_none() -> None:
    holidays, make_up_days = public_holidays("DE-BY", [2026], "de")
    assert holidays[date(2026, 1, 6)] == "Heilige Drei Könige"
    assert make_up_days == {}


def test_only_the_years_asked_for_are_given() -> None:
    holidays, make_up_days = public_holidays("CN", [2025], "zh")
    assert {day.year for day in holidays} == {day.year for day in make_up_days} == {2025}
    assert public_holidays("CN", [], "zh") == ({}, {})


@pytest.mark.parametrize("country", ["XX", "US-ZZ", ""])
def test_an_unknown_country_is_refused_by_name(country: str) -> None:
    with pytest.raises(UnknownCountry, match="No public holidays are known"):
        public_holidays(country, [2026])


def test_the_school_week_leaves_out_the_countrys_weekend() -> None:
    assert school_weekdays("CN") == frozenset(range(5))
    assert school_weekdays("SA") == frozenset({6, 0, 1, 2, 3})


@pytest.mark.parametrize(
    ("country", "year", "unpublished"),
    [
        ("CN", 2026, False),  # its make-up days are known
        ("CN", 2045, False),  # nor are those of the years before: nothing is to be compared
        ("DE-BY", 2027, False),  # a country that never has any
        ("XX", 2027, False),
    ],
)
def test_a_calendar_that_is_out_or_never_comes_is_not_waited_for(
    country: str, year: int, unpublished: bool
) -> None:
    assert is_unpublished(country, year) is unpublished


def test_the_year_after_the_last_notice_is_not_out_yet() -> None:
    known = [year for year in range(2020, 2060) if public_holidays("CN", [year])[1]]
    assert is_unpublished("CN", max(known) + 1)
    assert not is_unpublished("CN", max(known))
