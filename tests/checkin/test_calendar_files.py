from datetime import UTC, date, datetime

import pytest

from checkin.calendar_changes import (
    CalendarCode,
    CalendarErrors,
    Entry,
    EntryKind,
    Known,
    Period,
    PeriodKind,
    after,
    change_calendar,
    to_entries,
)
from checkin.calendar_events import is_calendar_of_events, read_events
from checkin.calendar_files import looks_like_calendar, read_calendar, to_rows
from checkin.calendars import DayKind, Override, Recurrence
from checkin.days import DayOrder, read_day, read_order
from checkin.recurrences import Repeats, parse_recurrence
from checkin.rosters import Sheet

MONDAY = date(2026, 3, 2)
HEADERS = ["kind", "first", "last", "name"]


def sheet(*rows: list[object]) -> list[Sheet]:
    return [Sheet("calendar", [HEADERS, *rows])]  # type: ignore[list-item]


def codes(*rows: list[object]) -> list[CalendarCode]:
    with pytest.raises(CalendarErrors) as caught:
        change_calendar(Known(), read_calendar(sheet(*rows), MONDAY), MONDAY)
    return [problem.code for problem in caught.value.problems]


# ---- days and orders -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("today", MONDAY),
        ("今天", MONDAY),
        ("Tomorrow", date(2026, 3, 3)),
        ("明天", date(2026, 3, 3)),
        ("Monday", MONDAY),
        ("周一", MONDAY),
        ("fri", date(2026, 3, 6)),
        ("星期天", date(2026, 3, 8)),
        ("2026-03-05", date(2026, 3, 5)),
        ("２０２６年３月５日", date(2026, 3, 5)),
        ("3月5日", date(2026, 3, 5)),
        ("3月1日", date(2027, 3, 1)),
        ("2月29日", date(2028, 2, 29)),
        ("2026-02-30", None),
        ("snow", None),
        ("", None),
    ],
)
def test_a_day_is_read_as_people_say_it(said: str, day: date | None) -> None:
    assert read_day(said, MONDAY) == day


@pytest.mark.parametrize(
    ("said", "order"),
    [
        ("closed today snow", DayOrder(MONDAY, DayKind.closed, "snow")),
        ("today closed: snow", DayOrder(MONDAY, DayKind.closed, "snow")),
        ("今天停课 大雪", DayOrder(MONDAY, DayKind.closed, "大雪")),
        ("停课 今天 大雪", DayOrder(MONDAY, DayKind.closed, "大雪")),
        ("今天停课大雪", DayOrder(MONDAY, DayKind.closed, "大雪")),
        ("周六补课", DayOrder(date(2026, 3, 7), DayKind.make_up)),
        ("open 2026-03-07 Make-up", DayOrder(date(2026, 3, 7), DayKind.make_up, "Make-up")),
        ("今天恢复上课", DayOrder(MONDAY, DayKind.make_up)),
        ("clear friday", DayOrder(date(2026, 3, 6), None)),
        ("closedtoday", None),
        ("closed", None),
        ("is the school closed today?", None),
        ("今天发烧", None),
    ],
)
def test_an_order_names_a_day_and_its_kind(said: str, order: DayOrder | None) -> None:
    assert read_order(said, MONDAY) == order


@pytest.mark.parametrize(
    ("said", "repeats"),
    [
        ("every day", Repeats(Recurrence.every_day)),
        ("每天", Repeats(Recurrence.every_day)),
        ("school days", Repeats(Recurrence.school_days)),
        ("上学日", Repeats(Recurrence.school_days)),
        ("weekdays mon wed fri", Repeats(Recurrence.weekdays, (0, 2, 4))),
        ("周一 周三", Repeats(Recurrence.weekdays, (0, 2))),
        ("每周一三五", Repeats(Recurrence.weekdays, (0, 2, 4))),
        ("Fridays and Mondays", Repeats(Recurrence.weekdays, (0, 4))),
        ("工作日", Repeats(Recurrence.weekdays)),
        ("06:30 08:00", None),
        ("mon 06:30", None),
        ("询问 06:30", None),
        ("", None),
    ],
)
def test_a_recurrence_is_read_as_people_say_it(said: str, repeats: Repeats | None) -> None:
    assert parse_recurrence(said) == repeats


# ---- a file --------------------------------------------------------------------------------


def test_dates_may_be_cells_of_dates_or_text_in_either_language() -> None:
    rows = [
        ["学期", datetime(2026, 2, 23, tzinfo=UTC), date(2026, 7, 3), "春季"],
        ["补课", 20260314.0, None, ""],
        ["停课", "2026/3/9", "", "暴雨"],
    ]
    entries = read_calendar(
        [Sheet("校历", [["学校校历"], ["类型", "开始日期", "结束日期", "事由"], *rows])], MONDAY
    )
    assert [(e.kind.value, e.first.isoformat(), e.last.isoformat()) for e in entries] == [
        ("term", "2026-02-23", "2026-07-03"),
        ("open", "2026-03-14", "2026-03-14"),
        ("closed", "2026-03-09", "2026-03-09"),
    ]
    assert [e.row for e in entries] == [3, 4, 5]


def test_a_roster_does_not_look_like_a_calendar() -> None:
    assert looks_like_calendar(sheet())
    assert not looks_like_calendar([Sheet("r", [["kind", "number", "name", "class"]])])


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (["term", "2026-07-03", "2026-02-23", ""], CalendarCode.reversed),
        (["term", "2026-02-23", "", ""], CalendarCode.last_missing),
        (["term", "2026-02-23", "2027-02-23", ""], CalendarCode.too_long),
        (["closed", "2026-03-09", "2027-03-09", ""], CalendarCode.too_long),
        (["closed", "", "", ""], CalendarCode.first_missing),
        (["", "2026-03-09", "", ""], CalendarCode.kind_missing),
        (["party", "2026-03-09", "", ""], CalendarCode.kind_unknown),
        (["closed", "3/4/2026", "", ""], CalendarCode.not_a_day),
        (["closed", "2062-03-09", "", ""], CalendarCode.far_away),
        (["closed", "#REF!", "", ""], CalendarCode.bad_cell),
    ],
)
def test_what_is_wrong_with_a_row_is_named(row: list[object], code: CalendarCode) -> None:
    assert code in codes(row)


def test_a_file_with_nothing_in_it_says_so() -> None:
    assert codes() == [CalendarCode.no_rows]
    with pytest.raises(CalendarErrors) as caught:
        read_calendar([Sheet("calendar", [["kind", "name"], ["term", "x"]])], MONDAY)
    assert [p.code for p in caught.value.problems] == [CalendarCode.header_missing]


def test_terms_that_share_a_day_are_refused_vacations_within_them_are_not() -> None:
    spring, summer = (
        ["term", "2026-02-23", "2026-07-03", "Spring"],
        ["term", "2026-07-03", "2026-09-01", "Summer"],
    )
    assert codes(spring, summer) == [CalendarCode.terms_overlap]
    vacation: list[object] = ["vacation", "2026-04-04", "2026-04-06", "Qingming"]
    assert read_calendar(sheet(spring, vacation), MONDAY)


def test_a_day_is_one_thing() -> None:
    assert codes(["closed", "2026-03-09", "2026-03-11", ""], ["open", "2026-03-10", "", ""]) == [
        CalendarCode.day_twice
    ]


def test_a_calendar_written_out_and_read_again_changes_nothing() -> None:
    known = Known(
        (
            Period(PeriodKind.term, "Spring", date(2026, 2, 23), date(2026, 7, 3)),
            Period(PeriodKind.vacation, "Qingming", date(2026, 4, 4), date(2026, 4, 6)),
        ),
        {
            date(2026, 3, 9): Override(DayKind.closed, "flood"),
            date(2026, 3, 10): Override(DayKind.closed, "flood"),
            date(2026, 3, 14): Override(DayKind.make_up, "for the flood"),
        },
    )
    for language in ("en", "zh"):
        rows = to_rows(to_entries(known, MONDAY), language)
        assert len(rows) == 5
        entries = read_calendar([Sheet("calendar", rows)], MONDAY)  # type: ignore[list-item]
        assert change_calendar(known, entries, MONDAY).nothing


def test_days_that_are_over_stay_as_they_were() -> None:
    entry = Entry(EntryKind.closed, date(2026, 2, 27), date(2026, 3, 3), "late")
    assert list(change_calendar(Known(), (entry,), MONDAY).days) == [MONDAY, date(2026, 3, 3)]


def test_clear_takes_a_day_or_a_whole_term_away() -> None:
    term = Period(PeriodKind.term, "Spring", date(2026, 3, 9), date(2026, 7, 3))
    known = Known((term,), {date(2026, 3, 9): Override(DayKind.closed)})
    day = Entry(EntryKind.clear, date(2026, 3, 9), date(2026, 3, 9))
    assert after(known, change_calendar(known, (day,), MONDAY)) == Known((term,))
    whole = Entry(EntryKind.clear, term.first, term.last)
    assert after(known, change_calendar(known, (whole,), MONDAY)) == Known()


# ---- events --------------------------------------------------------------------------------


def events(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR"])


def test_the_end_of_a_whole_day_event_is_the_day_after_it() -> None:
    text = events(
        "DTSTART;VALUE=DATE:20261001",
        "DTEND;VALUE=DATE:20261009",
        "SUMMARY:国庆",
        "  节放假",
        "BEGIN:VALARM",
        "SUMMARY:an alarm\\, not the event",
        "END:VALARM",
    )
    assert is_calendar_of_events(text)
    assert read_events("x", text, MONDAY) == (
        Entry(EntryKind.closed, date(2026, 10, 1), date(2026, 10, 8), "国庆 节放假", "x", 2),
    )


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("DTSTART:20261001T080000Z", "SUMMARY:放假"), CalendarCode.not_whole_day),
        (("DTSTART:20261001", "RRULE:FREQ=YEARLY", "SUMMARY:放假"), CalendarCode.repeats),
        (("DTSTART:20261001", "SUMMARY:Concert"), CalendarCode.kind_unknown),
        (("DTSTART:20261001", "SUMMARY:Term or vacation"), CalendarCode.kind_unknown),
        (("DTSTART:20261009", "DTEND:20261001", "SUMMARY:放假"), CalendarCode.reversed),
        (("DTSTART:20261001", "DTEND:20271001", "SUMMARY:放假"), CalendarCode.too_long),
    ],
)
def test_what_is_wrong_with_an_event_is_named(lines: tuple[str, ...], code: CalendarCode) -> None:
    with pytest.raises(CalendarErrors) as caught:
        read_events("x", events(*lines), MONDAY)
    assert [(p.code, p.row) for p in caught.value.problems] == [(code, 2)]
