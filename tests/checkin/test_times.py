from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkin.times import day_exists, end_of, local_date, moment_at, parse_time

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # a half-hour clock change
APIA = ZoneInfo("Pacific/Apia")
ZONES = [SHANGHAI, NEW_YORK, BERLIN, LORD_HOWE, ZoneInfo("Africa/Cairo"), ZoneInfo("UTC")]


def test_today_is_the_date_on_the_schools_own_wall() -> None:
    moment = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    assert local_date(moment, SHANGHAI) == date(2026, 3, 2)
    assert local_date(moment, NEW_YORK) == date(2026, 3, 1)


def test_a_moment_without_a_zone_has_no_today() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        local_date(datetime(2026, 3, 1, 22, 30), SHANGHAI)  # noqa: DTZ001


def test_half_past_six_in_shanghai_is_the_evening_before_in_utc() -> None:
    at = moment_at(date(2026, 3, 2), time(6, 30), SHANGHAI)
    assert at == datetime(2026, 3, 1, 22, 30, tzinfo=UTC)


def test_an_hour_missing_in_spring_shifts_forward_by_the_gap() -> None:
    at = moment_at(date(2026, 3, 29), time(2, 30), BERLIN)
    assert at.astimezone(BERLIN).time() == time(3, 30)
    at = moment_at(date(2026, 10, 4), time(2, 10), LORD_HOWE)
    assert at.astimezone(LORD_HOWE).time() == time(2, 40)


def test_an_hour_repeated_in_autumn_means_the_first() -> None:
    at = moment_at(date(2026, 10, 25), time(2, 30), BERLIN)
    assert at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = moment_at(date(2026, 10, 25), time(2, 30, fold=1), BERLIN)
    assert second == at


def test_a_date_that_a_zone_never_had_is_no_day() -> None:
    assert not day_exists(date(2011, 12, 30), APIA)
    assert day_exists(date(2011, 12, 31), APIA)


@given(
    st.sampled_from(ZONES),
    st.dates(date(2024, 1, 1), date(2030, 1, 1)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_every_wall_time_has_one_moment_on_its_own_date(
    zone: ZoneInfo, day: date, at: time
) -> None:
    moment = moment_at(day, at, zone)
    assert moment.tzinfo is UTC
    assert local_date(moment, zone) == day
    assert moment < end_of(day, zone)
    wall = moment.astimezone(zone)
    shifted = datetime.combine(day, wall.time()) - datetime.combine(day, at)
    assert shifted in {timedelta(0), timedelta(minutes=30), timedelta(hours=1)}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("06:30", time(6, 30)),
        ("6:30", time(6, 30)),
        (" 6：30 ", time(6, 30)),
        ("６：３０", time(6, 30)),
        ("0630", time(6, 30)),
        ("630", time(6, 30)),
        ("6.30", time(6, 30)),
        ("6点半", time(6, 30)),
        ("六点半", time(6, 30)),
        ("6点", time(6)),
        ("6时30分", time(6, 30)),
        ("7点05", time(7, 5)),
        ("七点一刻", time(7, 15)),
        ("十点", time(10)),
        ("十二点三刻", time(12, 45)),
        ("二十一点", time(21)),
        ("早上七点", time(7)),
        ("晚上7点", time(19)),
        ("下午3点20", time(15, 20)),
        ("6:30 pm", time(18, 30)),
        ("7pm", time(19)),
        ("12 a.m.", time(0)),
        ("12 p.m.", time(12)),
        ("00:00", time(0)),
        ("23:59", time(23, 59)),
    ],
)
def test_a_time_is_read_as_people_type_it(written: str, meant: time) -> None:
    assert parse_time(written) == meant


@pytest.mark.parametrize(
    "written",
    ["", "six", "24:00", "6:60", "6", "06:30:00:00", "25点", "13pm", "晚上", "6:3", "-6:30"],
)
def test_what_is_no_time_is_refused_in_a_sentence(written: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time of day: write it like 06:30\.$"):
        parse_time(written)


@given(st.text(max_size=8))
def test_any_text_is_a_time_or_a_sentence(written: str) -> None:
    try:
        at = parse_time(written)
    except ValueError as error:
        said = str(error)
    else:
        said = f"{at:%H:%M}: 06:30."
    assert said.endswith("06:30.")


@given(st.times())
def test_a_time_written_out_is_read_back(at: time) -> None:
    at = at.replace(second=0, microsecond=0)
    for form in ("%H:%M", "%H%M", "%H点%M分", "%H.%M"):
        assert parse_time(at.strftime(form)) == at
