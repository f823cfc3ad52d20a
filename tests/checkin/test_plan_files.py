"""A plan file says what the plan is, whichever language it is in, and back again."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkin.calendars import Recurrence
from checkin.plan_files import PlanFileCode, PlanFileErrors, read_plans, write_plans
from checkin.plans import Audience, Plan
from checkin.steps import (
    Action,
    default_steps,
    parse_steps,
    staff_steps,
    steps_from_times,
)
from handlers.yaml_files import read_lines

STUDENTS = Plan(1, 7, "student", Audience.students)
STAFF = Plan(2, 7, "staff", Audience.staff, steps=staff_steps())
KNOWN = (STUDENTS, STAFF)
KEYS = {"student", "staff"}


def read(text: str, known: Sequence[Plan] = KNOWN) -> list[Plan]:
    return read_plans(read_lines(text), known, KEYS)


@st.composite
def plans(draw: st.DrawFn, plan: Plan) -> Plan:
    times = draw(st.lists(st.times(), min_size=2, max_size=5))
    minutes = sorted({each.replace(second=0, microsecond=0) for each in times})
    shape = draw(st.sampled_from([(), default_steps(), staff_steps()]))
    steps = steps_from_times(minutes, shape)
    recurrence = draw(st.sampled_from(Recurrence))
    days = st.sets(st.integers(0, 6)).map(lambda chosen: tuple(sorted(chosen)))
    return replace(
        plan,
        recurrence=recurrence,
        weekdays=() if recurrence is Recurrence.every_day else draw(days),
        questionnaire=draw(st.sampled_from(sorted(KEYS))),
        steps=steps if isinstance(steps, tuple) else plan.steps,
    )


@given(plans(STUDENTS), plans(STAFF), st.sampled_from(["en", "zh"]))
def test_any_plan_comes_back_from_its_file_as_it_was(
    students: Plan, staff: Plan, language: str
) -> None:
    comments = {"head": "one\ntwo: {}", "runs": "a # b", "ask": "x: y"}
    text = write_plans([students, staff], language, comments)
    assert read(text) == [students, staff]


def test_a_reminder_of_the_evening_before_comes_back_too() -> None:
    steps = parse_steps("evening 19:00, remind eve 20:30, ask 06:30, remind 07:10, close 08:00")
    assert isinstance(steps, tuple)
    wanted = replace(STUDENTS, steps=steps)
    for language in ("en", "zh"):
        assert read(write_plans([wanted], language, {})) == [wanted, STAFF]


def test_what_a_file_does_not_name_stays() -> None:
    text = (
        "plans:\n- audience: staff\n  runs: every day\n  steps:\n  - ask: 7:00\n  - close: 8:00\n"
    )
    students, staff = read(text)
    assert students == STUDENTS
    assert staff.recurrence is Recurrence.every_day
    assert [step.action for step in staff.steps] == [Action.ask, Action.close]
    assert staff.questionnaire == "staff"


WRONG = """# head
plans:
  - audience: pupils
    runs: sometimes
    steps:
      - ask: 06:30
      - close: 25:00
  - audience: staff
    runs: every day
    weekdays: [mon, blursday]
    questionnaire: poetry
    colour: red
    steps:
      - ask: 08:30
      - close: 08:00
  - audience: staff
    runs: weekdays
    steps:
      - 07:00
"""


def test_every_problem_is_named_with_its_line() -> None:
    with pytest.raises(PlanFileErrors) as caught:
        read(WRONG)
    assert [(each.line, each.code) for each in caught.value.problems] == [
        (3, PlanFileCode.audience),
        (4, PlanFileCode.runs),
        (7, "steps_not_a_time"),
        (10, PlanFileCode.weekdays_unused),
        (10, PlanFileCode.weekdays),
        (11, PlanFileCode.questionnaire),
        (12, PlanFileCode.unknown_word),
        (15, "steps_not_rising"),
        (16, PlanFileCode.audience_twice),
        (19, PlanFileCode.step),
    ]


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, PlanFileCode.no_plans),
        ("plans: []", 1, PlanFileCode.no_plans),
        ("- a", 1, PlanFileCode.no_plans),
        ("plans:\n\t- audience: staff", 2, PlanFileCode.not_yaml),
        ("plans: &a\n- *a", 2, PlanFileCode.not_yaml),
        ("plans:\n- runs: daily\n  runs: daily", 3, PlanFileCode.twice),
        ("x" * 70_000, 0, PlanFileCode.too_large),
    ],
)
def test_a_file_that_is_none_is_refused(text: str, line: int, code: PlanFileCode) -> None:
    with pytest.raises(PlanFileErrors) as caught:
        read(text)
    assert [(each.line, each.code) for each in caught.value.problems] == [(line, code)]


def test_a_plan_that_says_too_little_names_what_is_missing() -> None:
    with pytest.raises(PlanFileErrors) as caught:
        read("plans:\n- audience: staff\n")
    assert [each.args["word"] for each in caught.value.problems] == ["runs", "steps"]
