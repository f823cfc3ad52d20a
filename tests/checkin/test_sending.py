"""When the last message will be out: an honest guess."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.sending import Pace, ahead_of, finish, last_of

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


def test_two_thousand_eight_hundred_at_28_a_second_take_a_hundred_seconds() -> None:
    assert finish(NOW, 2800, Pace(28.0)) == NOW + timedelta(seconds=100)


def test_what_was_measured_counts_but_never_more_than_is_allowed() -> None:
    assert finish(NOW, 100, Pace(28.0, 10.0)) == NOW + timedelta(seconds=10)
    assert finish(NOW, 280, Pace(28.0, 500.0)) == NOW + timedelta(seconds=10)


def test_a_pause_of_telegram_s_comes_before_everything_and_a_past_one_does_not() -> None:
    rest = NOW + timedelta(hours=2)
    assert finish(NOW, 280, Pace(28.0, None, rest)) == rest + timedelta(seconds=10)
    past = NOW - timedelta(hours=2)
    assert finish(NOW, 280, Pace(28.0, None, past)) == NOW + timedelta(seconds=10)


def test_nothing_waiting_has_no_finish_and_a_standstill_is_no_division_by_zero() -> None:
    assert finish(NOW, 0, Pace(28.0)) is None
    assert finish(NOW, 1, Pace(0.0)) is not None
    assert finish(NOW, 1, Pace(28.0, 0.0)) is not None
    assert last_of([None, None]) is None
    assert last_of([NOW, None]) == NOW


def test_a_small_school_waits_for_its_turns_and_not_for_the_large_ones() -> None:
    waiting = {1: 3000, 2: 60, 3: 60}
    assert ahead_of(waiting, 2) == 180
    assert ahead_of(waiting, 1) == 3120
    assert ahead_of(waiting, 4) == 0


@settings(max_examples=50)
@given(st.dictionaries(st.integers(1, 6), st.integers(1, 40), min_size=1))
def test_the_guess_is_what_taking_turns_comes_to(waiting: dict[int, int]) -> None:
    left, gone, out = dict(waiting), 0, {}
    while left:
        for school in sorted(left):
            gone += 1
            left[school] -= 1
            if not left[school]:
                out[school] = gone
                del left[school]
    for school in waiting:  # within one round of turns
        assert abs(ahead_of(waiting, school) - out[school]) < len(waiting)
