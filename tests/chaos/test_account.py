"""The account's own sums: which kill a copy is laid to."""

from tests.chaos.account import Blow, attributed

FIRST, SECOND = Blow(100.0, "any moment"), Blow(100.2, "any moment")


def test_a_copy_is_laid_to_the_first_kill_that_explains_it() -> None:
    copies = [(99.9, [0, 1])] * 9
    assert attributed(copies, [FIRST, SECOND], 8) == {0: 9}  # one too many, and it shows


def test_what_the_next_process_sent_at_once_is_laid_to_its_own_kill() -> None:
    copies = [(100.1, [0, 1])] * 7 + [(99.9, [0, 1])] * 8
    assert attributed(copies, [FIRST, SECOND], 8) == {0: 8, 1: 7}


def test_more_than_two_windows_are_too_many_for_two_kills() -> None:
    copies = [(100.1, [0, 1])] * 9 + [(99.9, [0, 1])] * 8
    assert max(attributed(copies, [FIRST, SECOND], 8).values()) == 9
