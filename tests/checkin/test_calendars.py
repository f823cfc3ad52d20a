from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkin.calendars import Calendar, DayKind, Override, Recurrence, Term, runs_on
from checkin.plans import Audience, Plan, occurrences

MONDAY = date(2026, 3, 2)
SATURDAY = date(2026, 3, 7)
SPRING = Term("Spring term", date(2026, 3, 1), date(2026, 7, 10))
YEAR = Calendar(
    terms=(SPRING, Term("Autumn term", date(2026, 9, 1), date(2027, 1, 22))),
    holidays={date(2026, 5, 4): "劳动节", date(2026, 2, 17): "春节"},
    make_up_days={date(2026, 5, 9): "劳动节", date(2026, 2, 28): "春节"},
    overrides={
        date(2026, 3, 4): Override(DayKind.closed, "snow"),
        date(2026, 3, 14): Override(DayKind.make_up, "for the snow day"),
        date(2026, 5, 4): Override(DayKind.school, "exams"),
    },
)


@pytest.mark.parametrize(
    ("day", "kind", "reason"),
    [
        (MONDAY, DayKind.school, "Spring term"),
        (SATURDAY, DayKind.weekend, ""),
        (date(2026, 5, 9), DayKind.make_up, "劳动节"),
        (date(2026, 8, 3), DayKind.vacation, ""),
        (date(2026, 2, 17), DayKind.vacation, "春节"),
        (date(2026, 2, 28), DayKind.vacation, ""),
        (date(2026, 3, 4), DayKind.closed, "snow"),
        (date(2026, 3, 14), DayKind.make_up, "for the snow day"),
        (date(2026, 5, 4), DayKind.school, "exams"),
        (date(2026, 7, 10), DayKind.school, "Spring term"),
        (date(2026, 7, 11), DayKind.vacation, ""),
    ],
)
def test_the_day_has_a_kind_and_a_reason(day: date, kind: DayKind, reason: str) -> None:
    assert YEAR.kind_of(day) == (kind, reason)


def test_without_terms_every_weekday_that_is_no_holiday_is_a_school_day() -> None:
    calendar = Calendar(holidays={MONDAY: "Founders' Day"})
    assert calendar.kind_of(MONDAY) == (DayKind.holiday, "Founders' Day")
    assert calendar.is_school_day(MONDAY + timedelta(days=1))
    assert not calendar.is_school_day(SATURDAY)
    assert calendar.known_until() is None


def test_a_school_with_a_friday_weekend_has_school_on_sunday() -> None:
    calendar = Calendar(weekdays=frozenset({6, 0, 1, 2, 3}))
    assert calendar.is_school_day(date(2026, 3, 8))
    assert not calendar.is_school_day(date(2026, 3, 6))


def test_a_snow_day_closes_and_a_make_up_saturday_opens() -> None:
    assert not YEAR.is_school_day(date(2026, 3, 4))
    assert YEAR.is_school_day(date(2026, 3, 14))


def test_the_calendar_knows_when_its_last_term_ends() -> None:
    assert YEAR.known_until() == date(2027, 1, 22)


def test_a_vacation_within_a_term_has_no_school_and_a_decision_wins_over_it() -> None:
    friday = date(2026, 3, 6)
    calendar = Calendar(
        terms=(SPRING,),
        make_up_days={SATURDAY: "bridge"},
        overrides={MONDAY: Override(DayKind.make_up, "exams")},
        vacations=(Term("Sports", MONDAY, SATURDAY),),
    )
    assert calendar.kind_of(friday) == (DayKind.vacation, "Sports")
    assert calendar.kind_of(SATURDAY) == (DayKind.vacation, "Sports")
    assert calendar.kind_of(MONDAY) == (DayKind.make_up, "exams")
    assert calendar.is_school_day(date(2026, 3, 9))


def test_a_term_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        Term("Odd", MONDAY, MONDAY - timedelta(days=1))


def test_every_day_runs_through_the_holidays() -> None:
    vacation = date(2026, 8, 2)
    assert runs_on(Recurrence.every_day, (), YEAR, vacation)
    assert not runs_on(Recurrence.school_days, (), YEAR, vacation)


def test_chosen_weekdays_run_through_vacations_and_ignore_make_up_days() -> None:
    sunday = date(2026, 8, 2)
    assert runs_on(Recurrence.weekdays, (6,), YEAR, sunday)
    assert not runs_on(Recurrence.weekdays, (6,), YEAR, date(2026, 3, 14))
    assert runs_on(Recurrence.weekdays, (), YEAR, MONDAY)
    assert not runs_on(Recurrence.weekdays, (), YEAR, SATURDAY)


def test_school_days_can_be_narrowed_to_some_weekdays() -> None:
    assert runs_on(Recurrence.school_days, (0, 3), YEAR, MONDAY)
    assert not runs_on(Recurrence.school_days, (0, 3), YEAR, MONDAY + timedelta(days=1))
    assert not runs_on(Recurrence.school_days, (0, 5), YEAR, SATURDAY)


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.sampled_from(DayKind))
def test_what_the_school_decided_wins_over_everything(day: date, kind: DayKind) -> None:
    calendar = Calendar(YEAR.terms, YEAR.holidays, YEAR.make_up_days, {day: Override(kind, "so")})
    assert calendar.kind_of(day) == (kind, "so")


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_plan_for_school_days_runs_on_exactly_the_school_days(day: date) -> None:
    assert runs_on(Recurrence.school_days, (), YEAR, day) == YEAR.is_school_day(day)


# ---- against an oracle that knows nothing but the words of the policy ----------------------

FIRST = date(2026, 1, 5)
SPAN = 60
spans = st.tuples(st.integers(0, SPAN - 1), st.integers(0, 25)).map(
    lambda span: Term(
        "t", FIRST + timedelta(days=span[0]), FIRST + timedelta(days=span[0] + span[1])
    )
)
days = st.integers(0, SPAN - 1).map(lambda ahead: FIRST + timedelta(days=ahead))


def oracle(
    calendar: Calendar, recurrence: Recurrence, weekdays: tuple[int, ...], day: date
) -> bool:
    within = [
        any(t.first <= day <= t.last for t in ts) for ts in (calendar.terms, calendar.vacations)
    ]
    weekday = day.isoweekday() - 1
    if day in calendar.overrides:
        school = calendar.overrides[day].kind.value in ("school", "make_up")
    elif within[1] or (len(calendar.terms) > 0 and not within[0]):
        school = False
    else:
        usual = weekday < 5 and day not in calendar.holidays
        school = usual or day in calendar.make_up_days
    return {
        "every_day": True,
        "weekdays": weekday in weekdays if weekdays else weekday < 5,
        "school_days": school and (not weekdays or weekday in weekdays),
    }[recurrence.value]


@given(
    terms=st.lists(spans, max_size=3),
    vacations=st.lists(spans, max_size=2),
    holidays=st.sets(days, max_size=6),
    make_up=st.sets(days, max_size=4),
    overrides=st.dictionaries(days, st.sampled_from(DayKind), max_size=6),
    recurrence=st.sampled_from(Recurrence),
    weekdays=st.sets(st.integers(0, 6), max_size=4),
)
def test_the_days_with_a_round_are_those_of_the_policy(
    terms: list[Term],
    vacations: list[Term],
    holidays: set[date],
    make_up: set[date],
    overrides: dict[date, DayKind],
    recurrence: Recurrence,
    weekdays: set[int],
) -> None:
    calendar = Calendar(
        terms=tuple(terms),
        holidays=dict.fromkeys(holidays, "holiday"),
        make_up_days=dict.fromkeys(make_up, "make-up"),
        overrides={day: Override(kind) for day, kind in overrides.items()},
        vacations=tuple(vacations),
    )
    chosen = tuple(sorted(weekdays))
    plan = Plan(1, 1, "student", Audience.students, recurrence, chosen)
    for ahead in range(SPAN):
        day = FIRST + timedelta(days=ahead)
        has_round = bool(occurrences(plan, ZoneInfo("Asia/Shanghai"), calendar, day))
        assert has_round == oracle(calendar, recurrence, chosen, day), day
