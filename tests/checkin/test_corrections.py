"""What a change after the signature comes to."""

import pytest

from checkin.corrections import AT_ONCE, Change, Seen, change, tally

SILENT = Seen("no_response")
WELL = Seen("complete")
ILL = Seen("complete", 2)
AWAY = Seen("complete", 0, absent=True)
MISSING = Seen("complete", 0, presence="missing")
HERE = Seen("complete", 0, presence="here")


@pytest.mark.parametrize(
    ("before", "after", "comes_to"),
    [
        (SILENT, WELL, Change.late),
        (SILENT, ILL, Change.new_case),
        (WELL, ILL, Change.new_case),
        (Seen("complete", 1), ILL, Change.raised),
        (ILL, WELL, Change.released),
        (WELL, MISSING, Change.missing),
        (MISSING, HERE, Change.found),
        (SILENT, Seen("no_response", presence="here"), Change.sighted),
        (WELL, Seen("excused"), Change.excused),
        (WELL, AWAY, Change.absent),
        (AWAY, WELL, Change.other),
        (WELL, HERE, None),  # that somebody came as expected is no news
        (WELL, WELL, None),
    ],
)
def test_a_change_is_told_for_what_it_is(before: Seen, after: Seen, comes_to: Change) -> None:
    assert change(before, after) is comes_to


def test_only_what_is_graver_is_told_at_once() -> None:
    assert {Change.missing, Change.new_case, Change.raised} == AT_ONCE


def test_who_changes_twice_is_told_once() -> None:
    changes = [(1, SILENT, ILL), (2, SILENT, WELL), (1, ILL, WELL)]
    assert tally(changes) == {Change.late: (1, 2)}


def test_what_is_taken_back_is_no_change() -> None:
    assert tally([(1, WELL, ILL), (1, ILL, WELL)]) == {}


def test_the_gravest_is_said_first() -> None:
    changes = [(1, SILENT, WELL), (2, WELL, ILL), (3, WELL, MISSING)]
    assert list(tally(changes)) == [Change.missing, Change.new_case, Change.late]
