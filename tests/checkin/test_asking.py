from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from checkin.checkins import Eligible, NotNow, Reason, Status, may_ask, may_remind

READY: dict[str, Any] = {"reachable": True, "paused": False, "consented": True, "on_roll": True}


@pytest.mark.parametrize("status", [Status.due, Status.unreachable])
def test_somebody_who_is_due_and_can_be_reached_is_asked(status: Status) -> None:
    assert may_ask(status, **READY) == Eligible()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (Status.asked, Reason.already_asked),
        (Status.partial, Reason.already_asked),
        (Status.complete, Reason.answered),
        (Status.excused, Reason.excused),
        (Status.no_response, Reason.closed),
    ],
)
def test_nobody_is_asked_twice(status: Status, reason: Reason) -> None:
    assert may_ask(status, **READY) == NotNow(reason)


@pytest.mark.parametrize("status", [Status.asked, Status.partial])
def test_after_an_outage_the_unanswered_are_asked_again(status: Status) -> None:
    assert may_ask(status, **READY, again=True) == Eligible()
    assert may_ask(Status.complete, **READY, again=True) == NotNow(Reason.answered)


BARS = [
    ({"on_roll": False}, Reason.off_roll),
    ({"consented": False}, Reason.no_consent),
    ({"opted_out": True}, Reason.opted_out),
    ({"closed": True}, Reason.closed),
    ({"paused": True}, Reason.paused),
    ({"in_window": False}, Reason.not_yet),
    ({"reachable": False}, Reason.unreachable),
]


@pytest.mark.parametrize(("bar", "reason"), BARS)
def test_what_bars_an_ask_bars_a_reminder_too(bar: dict[str, Any], reason: Reason) -> None:
    assert may_ask(Status.due, **(READY | bar)) == NotNow(reason)
    assert may_remind(Status.asked, **(READY | bar)) == NotNow(reason)


def test_the_reason_that_lasts_longest_is_given() -> None:
    for (longer, reason), (shorter, _) in (
        pair for place, bar in enumerate(BARS) for pair in product([bar], BARS[place + 1 :])
    ):
        assert may_ask(Status.due, **(READY | longer | shorter)) == NotNow(reason)


@pytest.mark.parametrize("status", list(Status))
def test_only_somebody_who_was_asked_and_has_not_finished_is_reminded(status: Status) -> None:
    reminded = may_remind(status, **READY) == Eligible()
    assert reminded == (status in {Status.asked, Status.partial})


def test_nobody_is_reminded_after_having_answered() -> None:
    assert may_remind(Status.complete, **READY) == NotNow(Reason.answered)


def test_reminders_keep_their_distance() -> None:
    nine, ten = timedelta(minutes=9), timedelta(minutes=10)
    assert may_remind(Status.asked, **READY, since_last=nine) == NotNow(Reason.reminded_lately)
    assert may_remind(Status.asked, **READY, since_last=ten) == Eligible()


def test_reminders_come_to_an_end() -> None:
    assert may_remind(Status.asked, **READY, reminders=2, most=3) == Eligible()
    assert may_remind(Status.asked, **READY, reminders=3, most=3) == (
        NotNow(Reason.reminded_enough)
    )
