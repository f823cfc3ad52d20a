import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.calendars import Calendar, DayKind, Override, Recurrence
from checkin.plans import (
    Audience,
    Decision,
    Do,
    Plan,
    Skip,
    SkipReason,
    change_plan,
    days_steps,
    due_now,
    first_day_from,
    from_document,
    looks_at,
    next_due,
    occurrences,
    presses_from,
    to_document,
)
from checkin.steps import (
    AFTER_THE_CLOSE,
    ASKS,
    Action,
    BadSteps,
    Step,
    StepsReason,
    check_steps,
    default_steps,
    parse_steps,
    staff_steps,
    steps_from_times,
)
from checkin.times import local_date

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = date(2026, 3, 2)
TUESDAY = date(2026, 3, 3)
FRIDAY = date(2026, 3, 6)
ORDINARY = Calendar()


def ladder(text: str) -> tuple[Step, ...]:
    steps = parse_steps(text)
    assert isinstance(steps, tuple)
    return steps


SHORT = ladder("ask 06:30, remind 07:10, close 08:00")
LONG = ladder("evening 19:00, remind eve 20:30, ask 06:30, remind 07:10, close 08:00")
MORNING = Plan(1, 7, "daily", Audience.students, steps=SHORT, first_day=MONDAY)
EVENING = Plan(2, 7, "daily", Audience.students, steps=LONG, first_day=TUESDAY)
WHOLE = Plan(3, 7, "daily", Audience.students, first_day=MONDAY)


def at(day: date, clock: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=zone).astimezone(UTC)


def told(decisions: Iterable[Decision]) -> list[str]:
    """Read decisions aloud: "do ask of 2", "skip remind of 2: missed"."""
    return [
        f"do {found.due.step.name} of {found.due.round_date.day}"
        if isinstance(found, Do)
        else f"skip {found.due.step.name} of {found.due.round_date.day}: {found.reason}"
        for found in decisions
    ]


def kept(
    decisions: Iterable[Decision], now: datetime | None = None
) -> dict[tuple[date, str], datetime | None]:
    """Return what is recorded of decisions: when each was done, None where it was not."""
    return {each.due.key: now if isinstance(each, Do) else None for each in decisions}


# An ordinary morning.


def test_before_half_past_six_nobody_is_asked() -> None:
    assert due_now(MORNING, SHANGHAI, ORDINARY, at(MONDAY, "06:29"), {}) == ()


def test_at_half_past_six_everybody_is_asked_once() -> None:
    now = at(MONDAY, "06:30")
    decisions = due_now(MORNING, SHANGHAI, ORDINARY, now, {})
    assert told(decisions) == ["do ask of 2"]
    assert due_now(MORNING, SHANGHAI, ORDINARY, now, kept(decisions)) == ()


def test_a_morning_goes_ask_remind_close() -> None:
    done: dict[tuple[date, str], datetime | None] = {}
    said = []
    for clock in ("06:30", "06:50", "07:10", "07:59", "08:00", "12:00", "23:59"):
        decisions = due_now(MORNING, SHANGHAI, ORDINARY, at(MONDAY, clock), done)
        done |= kept(decisions)
        said.append(told(decisions))
    assert said == [["do ask of 2"], [], ["do remind of 2"], [], ["do close of 2"], [], []]


def test_each_step_has_the_point_after_which_doing_it_is_wrong() -> None:
    rounds = occurrences(EVENING, SHANGHAI, ORDINARY, TUESDAY)
    assert [(due.step.name, due.due_at, due.cutoff) for due in rounds] == [
        ("evening", at(MONDAY, "19:00"), at(TUESDAY, "00:00")),
        ("remind", at(MONDAY, "20:30"), at(TUESDAY, "00:00")),
        ("ask", at(TUESDAY, "06:30"), at(TUESDAY, "08:00")),
        ("remind-2", at(TUESDAY, "07:10"), at(TUESDAY, "08:00")),
        ("close", at(TUESDAY, "08:00"), at(TUESDAY + timedelta(days=1), "00:00")),
    ]
    assert {(due.plan_id, due.school_id, due.round_date) for due in rounds} == {(2, 7, TUESDAY)}


def test_no_round_on_a_day_without_school() -> None:
    saturday = date(2026, 3, 7)
    assert occurrences(MORNING, SHANGHAI, ORDINARY, saturday) == ()
    snow = Calendar(overrides={MONDAY: Override(DayKind.closed, "snow")})
    assert due_now(MORNING, SHANGHAI, snow, at(MONDAY, "09:00"), {}) == ()


def test_a_plan_that_rests_has_nothing_due() -> None:
    resting = replace(MORNING, active=False)
    assert due_now(resting, SHANGHAI, ORDINARY, at(MONDAY, "06:30"), {}) == ()
    assert next_due(resting, SHANGHAI, ORDINARY, at(MONDAY, "06:30")) is None


def test_a_new_plan_has_missed_nothing() -> None:
    now = at(FRIDAY, "07:30")
    first = first_day_from(MORNING, SHANGHAI, now)
    assert first == date(2026, 3, 7)
    new = replace(MORNING, first_day=first)
    assert due_now(new, SHANGHAI, ORDINARY, now, {}) == ()
    assert first_day_from(MORNING, SHANGHAI, at(FRIDAY, "06:00")) == FRIDAY
    assert first_day_from(EVENING, SHANGHAI, at(FRIDAY, "06:00")) == FRIDAY
    assert first_day_from(EVENING, SHANGHAI, at(FRIDAY, "19:30")) == date(2026, 3, 7)


def test_a_round_that_has_begun_goes_on_under_the_new_ladder() -> None:
    steps = parse_steps("06:30 07:20 08:30")
    assert isinstance(steps, tuple)
    now = at(MONDAY, "07:00")
    new, begun = replace(MORNING, steps=steps), {FRIDAY - timedelta(days=7), MONDAY}
    changed = change_plan(MORNING, new, SHANGHAI, ORDINARY, now, begun)
    assert (changed.steps, changed.first_day) == (steps, MONDAY)
    done = {(MONDAY, "ask"): None}
    assert due_now(changed, SHANGHAI, ORDINARY, at(MONDAY, "07:10"), done) == ()
    assert told(due_now(changed, SHANGHAI, ORDINARY, at(MONDAY, "07:20"), done)) == [
        "do remind of 2"
    ]


def test_a_round_whose_time_to_ask_is_moved_to_before_now_is_asked_at_once() -> None:
    steps = parse_steps("06:00 08:30")
    assert isinstance(steps, tuple)
    new, now = replace(MORNING, steps=steps), at(MONDAY, "06:10")
    changed = change_plan(MORNING, new, SHANGHAI, ORDINARY, now, {})
    assert changed.first_day == MONDAY
    assert told(due_now(changed, SHANGHAI, ORDINARY, now, {})) == ["do ask of 2"]


@pytest.mark.parametrize(
    "old", [replace(MORNING, first_day=TUESDAY), replace(MORNING, weekdays=(1, 2))]
)
def test_a_changed_plan_begins_no_round_midway(old: Plan) -> None:
    steps = parse_steps("06:00 08:30")
    assert isinstance(steps, tuple)
    new = replace(MORNING, steps=steps)
    changed = change_plan(old, new, SHANGHAI, ORDINARY, at(MONDAY, "06:10"), {})
    assert changed.first_day == TUESDAY


def test_nothing_comes_after_the_close_of_a_round() -> None:
    steps = parse_steps("ask 06:30, remind 07:10, remind 09:00, close 10:00")
    assert isinstance(steps, tuple)
    now = at(MONDAY, "08:30")
    done = dict.fromkeys([(MONDAY, "ask"), (MONDAY, "remind"), (MONDAY, "close")])
    new = replace(MORNING, steps=steps)
    changed = change_plan(MORNING, new, SHANGHAI, ORDINARY, now, {MONDAY})
    decisions = due_now(changed, SHANGHAI, ORDINARY, at(MONDAY, "09:00"), done)
    assert told(decisions) == ["skip remind-2 of 2: round_closed"]


# After an outage.


def test_a_late_ask_is_caught_up_and_families_are_not_chased_at_once() -> None:
    now = at(MONDAY, "07:15")
    decisions = due_now(MORNING, SHANGHAI, ORDINARY, now, {})
    assert told(decisions) == ["do ask of 2", "skip remind of 2: just_asked"]


def test_the_reminder_waits_for_the_moment_the_ask_was_really_done() -> None:
    now = at(MONDAY, "07:10")
    late = {(MONDAY, "ask"): at(MONDAY, "07:05")}
    assert told(due_now(MORNING, SHANGHAI, ORDINARY, now, late)) == [
        "skip remind of 2: just_asked"
    ]
    soon = {(MONDAY, "ask"): at(MONDAY, "06:31")}
    assert told(due_now(MORNING, SHANGHAI, ORDINARY, now, soon)) == ["do remind of 2"]


def test_the_second_guardian_is_not_asked_at_once_when_the_first_was_asked_late() -> None:
    now = at(MONDAY, "07:25")
    decisions = due_now(WHOLE, SHANGHAI, ORDINARY, now, {})
    assert told(decisions) == [
        "skip evening of 2: missed",
        "do ask of 2",
        "skip remind of 2: just_asked",
        "skip ask-2 of 2: just_asked",
    ]


def test_a_whole_day_of_a_school() -> None:
    done: dict[tuple[date, str], datetime | None] = {}
    said = []
    tuesday = replace(WHOLE, first_day=TUESDAY)
    clocks = ("06:30", "07:10", "07:20", "07:30", "08:00", "08:05", "08:30", "09:00")
    for day, clock in [(MONDAY, "19:00"), *((TUESDAY, clock) for clock in clocks)]:
        decisions = due_now(tuesday, SHANGHAI, ORDINARY, at(day, clock), done)
        done |= kept(decisions, at(day, clock))
        said += told(decisions)
    names = ("evening", "ask", "remind", "ask-2", "card", "close", "summary", "chase", "deputy")
    assert said == [f"do {name} of 3" for name in names]


def test_a_summary_that_was_missed_in_the_morning_comes_as_soon_as_we_are_back() -> None:
    names = ("evening", "ask", "remind", "ask-2", "card", "close")
    done = dict.fromkeys((MONDAY, name) for name in names)
    decisions = due_now(WHOLE, SHANGHAI, ORDINARY, at(MONDAY, "11:00"), done)
    assert told(decisions) == ["do summary of 2", "do chase of 2", "do deputy of 2"]


@pytest.mark.parametrize(
    ("handed", "chased", "deputy"),
    [
        ("08:05", "08:30", "09:00"),
        ("08:15", "08:30", "09:00"),  # some minutes late
        ("08:16", "08:41", "09:11"),
        ("11:00", "11:25", "11:55"),
    ],
)
def test_who_had_the_summary_late_has_as_long_to_sign_it_as_on_any_day(
    handed: str, chased: str, deputy: str
) -> None:
    pressing = occurrences(WHOLE, SHANGHAI, ORDINARY, MONDAY)[-2:]
    moments = [presses_from(WHOLE, due, at(MONDAY, handed)) for due in pressing]
    assert moments == [at(MONDAY, chased), at(MONDAY, deputy)]


def test_a_plan_in_a_hurry_presses_half_as_late_at_most_before_it_waits() -> None:
    steps = ladder("ask 06:30, close 08:00, summary 08:05, chase 08:09, deputy 09:00")
    plan = replace(MORNING, steps=steps)
    chase = occurrences(plan, SHANGHAI, ORDINARY, MONDAY)[-2]
    assert presses_from(plan, chase, at(MONDAY, "08:07")) == at(MONDAY, "08:09")
    assert presses_from(plan, chase, at(MONDAY, "08:08")) == at(MONDAY, "08:12")


def test_a_chase_that_stands_before_the_summary_keeps_its_time() -> None:
    steps = ladder("ask 06:30, close 08:00, chase 08:02, summary 08:05, deputy 09:00")
    plan = replace(MORNING, steps=steps)
    chase = occurrences(plan, SHANGHAI, ORDINARY, MONDAY)[2]
    assert presses_from(plan, chase, at(MONDAY, "11:00")) == at(MONDAY, "08:02")


def test_a_plan_in_a_hurry_still_reminds() -> None:
    steps = steps_from_times([time(6, 30), time(6, 34), time(6, 40)])
    assert isinstance(steps, tuple)
    plan = replace(MORNING, steps=steps)
    asked = {(MONDAY, "ask"): at(MONDAY, "06:30") + timedelta(seconds=50)}
    decisions = due_now(plan, SHANGHAI, ORDINARY, at(MONDAY, "06:34"), asked)
    assert told(decisions) == ["do remind of 2"]


def test_after_the_deadline_only_the_close_is_done() -> None:
    decisions = due_now(MORNING, SHANGHAI, ORDINARY, at(MONDAY, "13:00"), {})
    assert told(decisions) == [
        "skip ask of 2: missed",
        "skip remind of 2: missed",
        "do close of 2",
    ]


def test_yesterdays_ask_is_never_sent_and_its_gap_is_recorded() -> None:
    decisions = due_now(MORNING, SHANGHAI, ORDINARY, at(TUESDAY, "06:45"), {})
    assert told(decisions) == [
        "skip ask of 2: missed",
        "skip remind of 2: missed",
        "skip close of 2: missed",
        "do ask of 3",
    ]


def test_an_outage_of_a_week_leaves_a_gap_for_each_day() -> None:
    decisions = due_now(MORNING, SHANGHAI, ORDINARY, at(date(2026, 3, 10), "09:00"), {})
    days = [decision.due.round_date.day for decision in decisions if isinstance(decision, Skip)]
    assert days == [2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 9, 9, 9, 10, 10]
    assert told(decisions)[-1] == "do close of 10"


def test_the_evening_before_belongs_to_tomorrows_round() -> None:
    decisions = due_now(EVENING, SHANGHAI, ORDINARY, at(MONDAY, "19:00"), {})
    assert told(decisions) == ["do evening of 3"]


def test_sunday_evening_asks_for_monday() -> None:
    sunday = date(2026, 3, 8)
    plan = replace(EVENING, first_day=date(2026, 3, 9))
    sundays = due_now(plan, SHANGHAI, ORDINARY, at(sunday, "19:05"), {})
    assert told(sundays) == ["do evening of 9"]
    friday = due_now(plan, SHANGHAI, ORDINARY, at(date(2026, 3, 13), "19:05"), {})
    assert [said for said in told(friday) if said.startswith("do")] == ["do close of 13"]


def test_nobody_is_woken_by_an_evening_that_was_missed() -> None:
    decisions = due_now(EVENING, SHANGHAI, ORDINARY, at(TUESDAY, "02:00"), {})
    assert told(decisions) == ["skip evening of 3: missed", "skip remind of 3: missed"]


def test_a_missed_evening_is_made_good_by_the_morning() -> None:
    decisions = due_now(EVENING, SHANGHAI, ORDINARY, at(TUESDAY, "06:40"), {})
    assert told(decisions) == [
        "skip evening of 3: missed",
        "skip remind of 3: missed",
        "do ask of 3",
    ]


def test_a_clock_set_back_repeats_nothing() -> None:
    done = {(MONDAY, "ask"): None}
    first = due_now(MORNING, SHANGHAI, ORDINARY, at(MONDAY, "08:00"), done)
    again = due_now(MORNING, SHANGHAI, ORDINARY, at(MONDAY, "07:00"), done | kept(first))
    assert again == ()


# Clock changes.


def test_a_step_in_the_missing_hour_happens_an_hour_later_and_nothing_overtakes_it() -> None:
    steps = steps_from_times([time(1, 30), time(2, 30), time(3, 10)])
    assert isinstance(steps, tuple)
    plan = replace(MORNING, steps=steps, recurrence=Recurrence.every_day)
    spring = date(2026, 3, 29)
    ask, remind, close, *_ = occurrences(plan, BERLIN, ORDINARY, spring)
    assert ask.due_at == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert remind.due_at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert close.due_at == remind.due_at == ask.cutoff == remind.cutoff


def test_a_step_in_the_repeated_hour_happens_once() -> None:
    steps = steps_from_times([time(2, 30), time(4, 0)])
    assert isinstance(steps, tuple)
    plan = replace(MORNING, steps=steps, recurrence=Recurrence.every_day)
    autumn = date(2026, 10, 25)
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))
    assert first.astimezone(BERLIN).time() == second.astimezone(BERLIN).time()
    plan = replace(plan, first_day=autumn)
    decisions = due_now(plan, BERLIN, ORDINARY, first, {})
    assert told(decisions) == ["do ask of 25"]
    assert due_now(plan, BERLIN, ORDINARY, second, kept(decisions)) == ()


def test_a_date_the_zone_never_had_has_no_round() -> None:
    plan = replace(MORNING, first_day=None, recurrence=Recurrence.every_day)
    apia = ZoneInfo("Pacific/Apia")
    assert occurrences(plan, apia, ORDINARY, date(2011, 12, 30)) == ()
    assert len(occurrences(plan, apia, ORDINARY, date(2011, 12, 31))) == 3


# What comes next.


def test_the_next_step_after_friday_is_mondays_ask() -> None:
    found = next_due(MORNING, SHANGHAI, ORDINARY, at(FRIDAY, "08:00"))
    assert found is not None
    assert (found.round_date, found.step.name) == (date(2026, 3, 9), "ask")
    assert found.due_at == at(date(2026, 3, 9), "06:30")


def test_the_next_step_may_be_tonight_for_tomorrow() -> None:
    found = next_due(EVENING, SHANGHAI, ORDINARY, at(TUESDAY, "08:00"))
    assert found is not None
    assert (found.round_date, found.due_at) == (date(2026, 3, 4), at(TUESDAY, "19:00"))


def test_a_day_shows_its_own_steps_and_the_evening_for_tomorrow() -> None:
    steps = days_steps(EVENING, SHANGHAI, ORDINARY, TUESDAY)
    assert [(due.step.name, due.round_date.day) for due in steps] == [
        ("ask", 3),
        ("remind-2", 3),
        ("close", 3),
        ("evening", 4),
        ("remind", 4),
    ]
    friday = days_steps(EVENING, SHANGHAI, ORDINARY, FRIDAY)
    assert [due.step.name for due in friday] == ["ask", "remind-2", "close"]


# Writing a ladder.


def test_bare_times_are_ask_reminders_close_and_the_summary_follows() -> None:
    assert parse_steps("06:30 07:10 08:00") == staff_steps()
    assert parse_steps("6点半、7点10分、8点") == staff_steps()
    assert parse_steps("6:30 am 7:10am, 8 am") == staff_steps()


def test_bare_times_keep_the_shape_of_the_day() -> None:
    assert parse_steps("06:30 07:10 08:00", default_steps()) == default_steps()
    assert parse_steps("06:40 07:20 08:10", default_steps()) == ladder(
        "evening 19:00, ask 06:40, remind 07:20, second 07:30, card 07:40, close 08:10, "
        "summary 08:15, chase 08:40, deputy 09:10"
    )
    assert parse_steps("06:30 08:00", default_steps()) == ladder(
        "evening 19:00, ask 06:30, second 07:20, card 07:30, close 08:00, "
        "summary 08:05, chase 08:30, deputy 09:00"
    )


def test_bare_times_add_nothing_that_the_day_did_not_have() -> None:
    assert parse_steps("06:40 07:20 08:10", SHORT) == ladder("ask 6:40 remind 7:20 close 8:10")


def test_what_lies_on_a_reminder_comes_a_minute_later() -> None:
    steps = parse_steps("06:30 07:20 07:30 08:00", default_steps())
    assert isinstance(steps, tuple)
    assert [f"{step.name} {step.at:%H:%M}" for step in steps[2:6]] == [
        "remind 07:20",
        "ask-2 07:21",
        "remind-2 07:30",
        "card 07:31",
    ]


def test_what_would_come_before_the_ask_is_left_out() -> None:
    steps = parse_steps("07:25 08:00", default_steps())
    assert isinstance(steps, tuple)
    assert [step.name for step in steps] == [
        *("evening", "ask", "card", "close", "summary", "chase", "deputy")
    ]


def test_bare_times_out_of_order_are_still_refused() -> None:
    bad = parse_steps("08:00 07:00", default_steps())
    assert bad == BadSteps(StepsReason.not_rising, {"first": "08:00", "second": "07:00"})


def test_what_follows_a_close_shortly_before_midnight_is_left_out() -> None:
    assert [step.name for step in ladder("20:00 23:40")] == ["ask", "close", "summary"]


def test_the_whole_default_day_can_be_written() -> None:
    assert default_steps() == ladder(
        "evening 19:00, ask 06:30, remind 07:10, second guardian 07:20, card 07:30, "
        "close 08:00, summary 08:05, chase 08:30, deputy 09:00"
    )
    assert default_steps() == ladder(
        "前一晚19:00，询问6:30，提醒7:10，第二监护人7:20，班级卡片7:30，截止8点，汇总8:05，"
        "催签8:30，代签9:00"
    )


@pytest.mark.parametrize(
    "written",
    [
        "ask 06:30, remind 07:10, close 08:00",
        "Ask: 6:30\nRemind: 7:10\nClose: 8:00",
        "询问06:30，提醒7:10，截止：08:00",
        "ask at 0630 then remind at 0710 and close at 0800",
    ],
)
def test_words_say_what_each_time_is(written: str) -> None:
    assert parse_steps(written) == SHORT


def test_a_second_reminder_is_the_second_rung() -> None:
    steps = parse_steps("ask 06:30, remind 07:10, remind 07:30, close 08:00")
    assert isinstance(steps, tuple)
    assert [(step.name, step.rung) for step in steps] == [
        ("ask", 1),
        ("remind", 1),
        ("remind-2", 2),
        ("close", 1),
    ]


def test_the_evening_before_can_be_written_in_both_languages() -> None:
    english = parse_steps("ask eve 19:00, ask 06:30, close 08:00")
    chinese = parse_steps("前一晚询问晚上7点，询问六点半，截止8点")
    assert english == chinese
    assert isinstance(english, tuple)
    assert [step.day_offset for step in english] == [-1, 0, 0]
    assert english == parse_steps("evening 19:00, ask 06:30, close 08:00")


@pytest.mark.parametrize(
    ("written", "reason", "args"),
    [
        ("", StepsReason.empty, {}),
        (" , ", StepsReason.empty, {}),
        ("06:30", StepsReason.no_close, {}),
        ("ask 06:30, remind 07:00", StepsReason.no_close, {}),
        ("remind 06:30, close 07:00", StepsReason.no_ask, {}),
        ("hello", StepsReason.not_understood, {"text": "hello"}),
        ("ask 25:00, close 26:00", StepsReason.not_a_time, {"text": "25:00"}),
        ("ask 6:30, 7:00, close 8:00", StepsReason.not_understood, {"text": "07:00"}),
        ("07:00 06:30 08:00", StepsReason.not_rising, {"first": "07:00", "second": "06:30"}),
        ("06:30 06:30", StepsReason.not_rising, {"first": "06:30", "second": "06:30"}),
        (
            "ask 6:30 close 8:00 remind 9:00",
            StepsReason.after_the_close,
            {"action": "remind", "time": "09:00"},
        ),
        (
            "ask 6:30 summary 7:00 close 8:00",
            StepsReason.before_the_close,
            {"action": "summary", "time": "07:00"},
        ),
        ("evening 19:00 close 8:00", StepsReason.no_ask, {}),
        (
            "ask 6:30 close 8:00 close 9:00",
            StepsReason.two_closes,
            {"first": "08:00", "second": "09:00"},
        ),
        (
            "remind 6:30 ask 7:00 close 9:00",
            StepsReason.ask_first,
            {"action": "remind", "time": "06:30"},
        ),
        (
            "evening 19:00 close eve 20:00 ask 06:30",
            StepsReason.close_the_evening_before,
            {"time": "20:00"},
        ),
        (
            " ".join(f"{hour:02}:00" for hour in range(6, 19)),
            StepsReason.too_many,
            {"count": "13", "most": "12"},
        ),
    ],
)
def test_a_ladder_that_cannot_run_is_refused_with_a_reason(
    written: str, reason: StepsReason, args: dict[str, str]
) -> None:
    assert parse_steps(written) == BadSteps(reason, args)


def test_the_default_ladder_can_run() -> None:
    assert check_steps(default_steps()) is None
    assert check_steps(staff_steps()) is None


# Keeping a plan.


@pytest.mark.parametrize(
    "plan", [MORNING, EVENING, WHOLE, replace(MORNING, first_day=None, active=False)]
)
def test_a_plan_kept_as_a_document_comes_back_the_same(plan: Plan) -> None:
    assert from_document(json.loads(json.dumps(to_document(plan)))) == plan


def test_a_kept_ladder_that_cannot_run_is_an_error() -> None:
    document = to_document(MORNING)
    document["steps"] = document["steps"][1:]
    with pytest.raises(ValueError, match="Plan 1 has a ladder that cannot run: no_ask"):
        from_document(document)


# Any ladder, any zone, any clock: an oracle that walks the wall clock minute by minute.

ZONES = [
    SHANGHAI,
    BERLIN,
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),
    ZoneInfo("Africa/Cairo"),
    ZoneInfo("America/Santiago"),
]
# Days around which some of these zones change their clocks, and an ordinary week.
ANCHORS = [
    date(2026, 3, 2),
    date(2026, 3, 8),
    date(2026, 3, 29),
    date(2026, 4, 5),
    date(2026, 4, 24),
    date(2026, 9, 6),
    date(2026, 10, 4),
    date(2026, 10, 25),
    date(2026, 11, 1),
]


@st.composite
def ladders(draw: st.DrawFn) -> tuple[Step, ...]:
    minutes = draw(st.lists(st.integers(0, 1439), min_size=2, max_size=8, unique=True))
    minutes.sort()
    close = draw(st.integers(1, len(minutes) - 1))
    chasing = [Action.ask, Action.remind, Action.card]
    actions = [Action.ask]
    actions += [draw(st.sampled_from(chasing)) for _ in minutes[1:close]]
    actions.append(Action.close)
    actions += [draw(st.sampled_from(sorted(AFTER_THE_CLOSE))) for _ in minutes[close + 1 :]]
    if draw(st.booleans()):
        minutes.insert(0, draw(st.integers(-360, -1)))
        actions.insert(0, Action.evening)
    rungs = [actions[: place + 1].count(action) for place, action in enumerate(actions)]
    steps = tuple(
        Step(
            f"{action}-{rung}",
            time(minute % 1440 // 60, minute % 60),
            action,
            -1 if minute < 0 else 0,
            rung,
        )
        for minute, action, rung in zip(minutes, actions, rungs, strict=True)
    )
    assert check_steps(steps) is None
    return steps


@cache
def wall_clock(day: date, zone: ZoneInfo) -> tuple[datetime, list[datetime]]:
    """Read the wall clock at each UTC minute of the day and some hours around it."""
    start = datetime.combine(day, time(), tzinfo=UTC) - timedelta(hours=15)
    minutes = (start + timedelta(minutes=minute) for minute in range(48 * 60))
    return start, [moment.astimezone(zone).replace(tzinfo=None) for moment in minutes]


def wall_moment(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Find the first minute that shows this time; a gap is crossed as wide as it is."""
    wanted = datetime.combine(day, wall)
    start, shown = wall_clock(day, zone)
    place = next(minute for minute, clock in enumerate(shown) if clock >= wanted)
    if shown[place] > wanted:  # the minute wanted was jumped over
        place += (wanted - shown[place - 1]) // timedelta(minutes=1) - 1
    return start + timedelta(minutes=place)


def oracle(plan: Plan, zone: ZoneInfo, day: date) -> list[tuple[Step, datetime, datetime]]:
    """Work out (step, from, until) of a round the slow way."""
    begins = []
    latest = datetime.min.replace(tzinfo=UTC)
    for step in plan.steps:
        wall = wall_moment(day + timedelta(days=step.day_offset), step.at, zone)
        latest = max(latest, wall)
        begins.append(latest)
    found = []
    for place, step in enumerate(plan.steps):
        until = wall_moment(day + timedelta(days=1 + step.day_offset), time(), zone)
        for later in range(len(plan.steps) - 1, place, -1):
            ends = {
                "ask": ("close",),
                "card": ("close",),
                "remind": ("remind", "close"),
            }.get(step.action.value, ())
            if plan.steps[later].action in ends:
                until = min(until, begins[later])
        found.append((step, begins[place], until))
    return found


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(ANCHORS), ladders())
def test_the_steps_fall_where_the_wall_clock_says(
    zone: ZoneInfo, day: date, steps: tuple[Step, ...]
) -> None:
    plan = replace(MORNING, steps=steps, recurrence=Recurrence.every_day, first_day=None)
    found = occurrences(plan, zone, ORDINARY, day)
    assert [(due.step, due.due_at, due.cutoff) for due in found] == oracle(plan, zone, day)
    begins = [due.due_at for due in found]
    assert begins == sorted(begins)


@settings(max_examples=60, deadline=None)
@given(
    place=st.tuples(st.sampled_from(ZONES), st.sampled_from(ANCHORS)),
    steps=ladders(),
    ticks=st.lists(st.integers(-30 * 60, 4 * 24 * 60), min_size=1, max_size=12),
    closed=st.sets(st.integers(-1, 4), max_size=2),
    forgets=st.booleans(),
)
def test_restarts_twins_and_clock_jumps_do_each_step_once_or_skip_it_with_a_reason(
    place: tuple[ZoneInfo, date],
    steps: tuple[Step, ...],
    ticks: list[int],
    closed: set[int],
    forgets: bool,
) -> None:
    zone, anchor = place
    first = anchor - timedelta(days=1)
    calendar = Calendar(
        overrides={anchor + timedelta(days=ahead): Override(DayKind.closed) for ahead in closed},
        weekdays=frozenset(range(7)),
    )
    plan = replace(MORNING, steps=steps, first_day=first)
    start = datetime.combine(anchor, time(6), tzinfo=zone).astimezone(UTC)
    recorded: dict[tuple[date, str], tuple[datetime, Decision]] = {}
    asked: dict[date, datetime] = {}
    done: dict[tuple[date, str], datetime | None] = {}
    # The ticks jump forward and back; the last heartbeat is the latest of all.
    for minute in [*ticks, max(ticks)]:
        now = start + timedelta(minutes=minute)
        memory = dict.fromkeys(done) if forgets else done  # when it was may have been lost
        decisions = due_now(plan, zone, calendar, now, memory)
        twin = due_now(plan, zone, calendar, now, memory)
        assert twin == decisions
        moments = [decision.due.due_at for decision in decisions]
        assert moments == sorted(moments)
        for decision in decisions:
            assert decision.due.key not in recorded
            recorded[decision.due.key] = now, decision
            done |= kept([decision], now)
            if isinstance(decision, Do) and decision.due.step.action in ASKS:
                asked[decision.due.round_date] = now
        assert due_now(plan, zone, calendar, now, done) == ()

    end = start + timedelta(minutes=max(ticks))
    expected = {}
    for ahead in range(-1, 6):
        day = anchor + timedelta(days=ahead)
        if ahead not in closed:
            for step, begins, until in oracle(plan, zone, day):
                if begins <= end:
                    expected[day, step.name] = begins, until
    assert recorded.keys() == expected.keys()
    for key, (now, decision) in recorded.items():
        begins, until = expected[key]
        assert begins <= now
        if isinstance(decision, Do):
            assert now < until
            assert local_date(now, zone) <= decision.due.round_date
        elif decision.reason is SkipReason.missed:
            assert now >= until
        else:
            step = decision.due.step
            assert step.action is Action.remind or (step.action is Action.ask and step.rung > 1)
            assert now < until
            assert asked[key[0]] + timedelta(minutes=10) > begins


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from(ANCHORS),
    ladders(),
    st.integers(0, 2880),
    st.integers(1, 2**62),
)
def test_the_next_step_is_the_first_that_a_heartbeat_would_meet_and_it_looks_again_by_then(
    zone: ZoneInfo, anchor: date, steps: tuple[Step, ...], minute: int, plan_id: int
) -> None:
    plan = replace(MORNING, id=plan_id, steps=steps, first_day=None)
    now = datetime.combine(anchor, time(), tzinfo=UTC) + timedelta(minutes=minute)
    found = next_due(plan, zone, ORDINARY, now)
    coming = [
        begins
        for ahead in range(-2, 9)
        for day in [anchor + timedelta(days=ahead)]
        if day.weekday() < 5
        for _, begins, _ in oracle(plan, zone, day)
        if begins > now
    ]
    assert found is not None
    assert found.due_at == min(coming)
    looks = looks_at(plan, zone, ORDINARY, now)
    assert now < looks <= min(coming)
    assert looks == min(coming) or timedelta(minutes=10) < looks - now <= timedelta(minutes=15)


@given(ladders(), st.lists(st.times(), min_size=2, max_size=4, unique=True))
def test_bare_times_make_a_day_that_can_run_out_of_any(
    shape: tuple[Step, ...], times: list[time]
) -> None:
    times = sorted(each.replace(second=0, microsecond=0) for each in times)
    steps = steps_from_times(times, shape)
    if isinstance(steps, BadSteps):
        assert steps.reason in {StepsReason.not_rising, StepsReason.too_many}
        return
    assert check_steps(steps) is None
    said = [step.at for step in steps if step.name in {"ask", "close"}]
    assert said == [times[0], times[-1]]
    evenings = [step.at for step in shape if step.action is Action.evening]
    assert [step.at for step in steps if step.action is Action.evening] == evenings
