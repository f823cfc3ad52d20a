"""The school's year in chat: terms by file, holidays, make-up days, a snow day taken back.

Buttons are tapped by their place where the words differ by language: the transcript shows them.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from handlers.calendars import public_holidays
from tests.play import MONDAY, Stage

Golden = Callable[[str, str], None]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])
SATURDAY = MONDAY + timedelta(days=5)

YEAR = {
    "en": """kind,first,last,name
term,2026-02-23,2026-07-03,Spring
vacation,2026-03-05,2026-03-06,Sports days
closed,2026-03-09,,Flood
open,2026-03-14,,for 9 March
""",
    "zh": """类型,开始,结束,名称
学期,2026-02-23,2026-07-03,春季
假期,2026年3月5日,2026年3月6日,运动会
停课,2026-03-09,,暴雨
补课,2026-03-14,,补3月9日
""",
}
WRONG = """kind,first,last,name
term,2026-02-23,2026-07-03,Spring
term,2026-06-29,2026-09-01,Summer
term,2026-12-01,2026-11-01,Backwards
closed,2026-03-09,2027-03-09,Flood
party,3/4/2026,,
"""
EVENTS = """BEGIN:VCALENDAR
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260223
DTEND;VALUE=DATE:20260704
SUMMARY:Spring term
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260309
SUMMARY:停课：
 暴雨
END:VEVENT
END:VCALENDAR
"""


@BOTH
async def test_terms_come_by_file(stage: Stage, golden: Golden, language: str) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.at("06:00")
    await stage.sends_file(admin, "wrong.csv", WRONG.encode())
    await stage.sends_file(admin, "year.csv", YEAR[language].encode())
    await stage.sends_file(admin, "year.csv", YEAR[language].encode())
    await stage.says(admin, "/calendar")
    await stage.says(admin, {"en": "/calendar file", "zh": "/calendar 文件"}[language])
    await stage.sends_file(admin, "events.ics", EVENTS.encode())
    golden(f"calendar_file.{language}", stage.transcript())


@BOTH
async def test_whole_day_events_come_by_file_too(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.at("06:00")
    await stage.sends_file(admin, "events.ics", EVENTS.encode())
    timed = EVENTS.replace("DTSTART;VALUE=DATE:20260309", "DTSTART:20260309T080000Z")
    await stage.sends_file(admin, "events.ics", timed.encode())
    golden(f"calendar_events.{language}", stage.transcript())


@BOTH
async def test_a_file_that_could_be_either_is_asked_about(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.at("06:00")
    either = b"kind,number,first,last,class\nterm,,2026-02-23,2026-07-03,\n"
    await stage.sends_file(admin, "list.csv", either)
    await stage.taps_first(admin, 1)  # a calendar
    await stage.taps_first(admin, 0)  # too late to change one's mind
    golden(f"calendar_which_file.{language}", stage.transcript())


@BOTH
async def test_a_holiday_is_silent_and_its_make_up_saturday_asks(
    stage: Stage, golden: Golden, language: str
) -> None:
    stage.now = datetime(2026, 4, 30, 4, tzinfo=UTC)  # noon: no morning has gone by
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.joined("Tina")
    labour_day, saturday = date(2026, 5, 1), date(2026, 5, 9)
    await stage.at("12:00", day=date(2026, 4, 30))
    await stage.says(admin, "/calendar")
    await stage.at("06:30", day=labour_day)
    await stage.at("06:30", day=date(2026, 5, 2))
    await stage.at("06:00", day=saturday - timedelta(days=1))
    await stage.at("06:30", day=saturday)
    golden(f"make_up_saturday.{language}", stage.transcript())


@BOTH
async def test_a_snow_day_declared_before_the_ask_sends_nothing(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.joined("Maria")
    wang = await stage.joined("Mr Wang")
    await stage.at("06:20")
    await stage.says(
        admin, {"en": "/calendar closed today snow", "zh": "/calendar 今天停课 大雪"}[language]
    )
    await stage.taps_first(admin, 1)  # no
    await stage.says(admin, {"en": "closed today snow", "zh": "今天停课 大雪"}[language])
    await stage.taps_first(admin, 0)  # yes
    await stage.taps_first(admin, 0)  # again
    await stage.at("06:30")
    await stage.says(wang, "/class")
    await stage.at("07:10")
    await stage.at("08:30")
    golden(f"snow_before.{language}", stage.transcript())


@BOTH
async def test_a_snow_day_after_the_ask_tells_those_asked_and_can_be_taken_back(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    tina = await stage.joined("Tina")
    zhou = await stage.joined("周敏")
    wang = await stage.joined("Mr Wang")
    lead = await stage.joined("林岚")
    await stage.at("06:30")
    await stage.reports_fever(tina)
    await stage.at("06:40")
    await stage.says(
        admin, {"en": "/calendar closed today 3-2 flu", "zh": "/calendar 今天停课 3-2"}[language]
    )
    await stage.says(
        admin, {"en": "/calendar closed today snow", "zh": "/calendar 今天停课 大雪"}[language]
    )
    await stage.taps_first(admin, 0)
    await stage.says(zhou, "/today")
    await stage.says(zhou, "36.5")
    await stage.sends_picture(zhou)
    await stage.says(wang, "/class")
    await stage.says(lead, "/summary")
    await stage.at("07:10")
    await stage.says(
        admin, {"en": "/calendar open today", "zh": "/calendar 今天恢复上课"}[language]
    )
    await stage.taps_first(admin, 0, by_clock=True)  # reminders are due by now
    await stage.at("07:15")
    await stage.taps_first(zhou, 0)
    await stage.at("08:00")
    golden(f"snow_after.{language}", stage.transcript())


async def test_the_ask_of_a_day_closed_too_early_goes_out_when_it_is_opened_again(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    admin = await stage.joined("Gu")
    tina = await stage.joined("Tina")
    await stage.at("06:20")
    await stage.says(admin, "/calendar closed today snow")
    await stage.taps_first(admin, 0)
    await stage.at("06:35")
    assert not any(message["buttons"] for message in await stage.chat(tina))
    await stage.says(admin, "/calendar open today")
    await stage.at("06:36")
    assert "Tom (3-2)" in (await stage.chat(tina))[-1]["text"]


async def test_nobody_but_the_admin_closes_the_school(stage: Stage) -> None:
    await stage.opens_school("en")
    wang = await stage.joined("Mr Wang")
    tina = await stage.joined("Tina")
    await stage.at("06:20")
    await stage.says(wang, "/calendar closed today snow")
    await stage.says(tina, "closed today snow")
    assert all(message["buttons"] == [] for message in await stage.chat(wang))
    await stage.at("06:30")
    assert "Tom (3-2)" in (await stage.chat(tina))[-1]["text"]


async def test_the_check_in_that_is_over_stays_over(stage: Stage) -> None:
    await stage.opens_school("en")
    admin = await stage.joined("Gu")
    await stage.at("06:30")
    await stage.at("08:00")
    await stage.says(admin, "/calendar closed today snow")
    assert "is over" in (await stage.chat(admin))[-1]["text"]


async def test_a_term_that_would_leave_todays_check_in_behind_waits(stage: Stage) -> None:
    await stage.opens_school("en")
    admin = await stage.joined("Gu")
    await stage.at("06:30")
    await stage.says(admin, "/calendar term 2026-03-09 2026-07-03 Spring")
    assert "has begun" in (await stage.chat(admin))[-1]["text"]


@pytest.mark.parametrize(("clock", "asks"), [("07:20", True), ("09:00", False)])
async def test_a_saturday_that_is_made_a_school_day_after_the_close_says_that_nobody_is_asked(
    stage: Stage, clock: str, asks: bool
) -> None:
    await stage.opens_school("en")
    gu, maria = await stage.joined("Gu"), await stage.joined("Maria")
    await stage.at(clock, SATURDAY)
    await stage.says(gu, "/calendar open today make-up day")
    over = "Today: Students, closed at 08:00; nobody is asked any more"
    assert any(over in m["text"] for m in await stage.chat(gu)) is not asks
    await stage.at("09:01", SATURDAY)
    assert any("How is everyone" in m["text"] for m in await stage.chat(maria)) is asks


@BOTH
async def test_next_years_public_calendar_that_is_not_out_yet_is_said(
    stage: Stage, language: str
) -> None:
    out = max(year for year in range(2024, 2060) if public_holidays("CN", [year])[1])
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    await stage.at("12:00", day=date(out, 10, 20))
    await stage.says(admin, "/calendar")
    said = {"en": f"calendar for {out + 1} is not known yet", "zh": f"⚠ {out + 1}年的放假安排"}
    assert said[language] not in (await stage.chat(admin))[-1]["text"]
    await stage.at("12:00", day=date(out, 12, 1))
    await stage.says(admin, "/calendar")
    assert said[language] in (await stage.chat(admin))[-1]["text"]


@BOTH
async def test_every_calendar_day_runs_through_a_vacation_and_a_holiday(
    stage: Stage, golden: Golden, language: str
) -> None:
    stage.now += timedelta(hours=6)  # noon: no morning has gone by
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    tina = await stage.joined("Tina")
    zh = language == "zh"
    await stage.at("12:00")
    vacation = "2026-03-03 2026-03-04"
    await stage.says(admin, f"/calendar 假期 {vacation} 雪假" if zh else
                     f"/calendar vacation {vacation} Snow break")  # fmt: skip
    await stage.says(admin, "/plan 学生 每天" if zh else "/plan students every day")
    tuesday, qingming = date(2026, 3, 3), date(2026, 4, 6)
    await stage.at("06:30", day=tuesday)
    await stage.taps_first(tina, 0)
    await stage.says(admin, "/plan 上学日" if zh else "/plan school days")  # not while it goes on
    await stage.at("06:30", day=qingming)
    await stage.taps_first(tina, 0)
    await stage.at("09:00", day=qingming)
    await stage.says(admin, "/plan 周二 周四" if zh else "/plan weekdays tue thu")
    wednesday = date(2026, 4, 8)
    await stage.at("12:00", day=wednesday)
    await stage.says(admin, "/plan 上学日" if zh else "/plan school days")
    await stage.at("06:30", day=wednesday + timedelta(days=1))
    golden(f"every_day.{language}", stage.transcript())


@BOTH
async def test_every_day_from_now_on_says_what_becomes_of_today(
    stage: Stage, golden: Golden, language: str
) -> None:
    await stage.opens_school(language)
    admin = await stage.joined("Gu")
    tina = await stage.joined("Tina")
    zh = language == "zh"
    every_day = "/plan 学生 每天" if zh else "/plan students every day"
    school_days = "/plan 学生 上学日" if zh else "/plan students school days"
    await stage.at("06:30")
    await stage.says(admin, "/calendar 今天停课 大雪" if zh else "/calendar closed today snow")
    await stage.taps_first(admin, 0)
    stage.lines.clear()
    await stage.says(admin, every_day)
    await stage.at("06:50")  # nobody is asked again
    await stage.says(admin, "/calendar 上课 2026-03-02" if zh else "/calendar open 2026-03-02")
    await stage.taps_first(admin, 0)
    await stage.taps_first(tina, 0)  # and so it goes on
    await stage.at("12:00")
    await stage.says(admin, school_days)
    saturday = date(2026, 3, 7)
    await stage.at("06:00", day=saturday)
    await stage.says(admin, every_day)
    await stage.says(admin, school_days)
    saturday += timedelta(days=7)
    await stage.at("06:40", day=saturday)
    await stage.says(admin, every_day)
    await stage.at("06:30", day=saturday + timedelta(days=1))
    golden(f"every_day_today.{language}", stage.transcript())
