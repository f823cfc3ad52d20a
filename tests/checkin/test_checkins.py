from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from checkin.checkins import Said, Standing, Status, Verdict, release, settle
from checkin.questions import Disposition

SEVEN = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
LATE_UNTIL = SEVEN + timedelta(hours=5)
MARIA, PEDRO, NURSE = 1, 2, 9
DISPOSITIONS = (
    Disposition.cleared,
    Disposition.see_nurse,
    Disposition.stay_home,
    Disposition.stay_home,
)
ASKED = Standing(Status.asked)
CLOSED = Standing(Status.no_response, closed=True)


def minutes(number: float) -> datetime:
    return SEVEN + timedelta(minutes=number)


def says(who: int, severity: int, at: float = 0, *, same: bool = False) -> Said:
    return Said(who, severity, DISPOSITIONS[severity], minutes(at), same_answers=same)


def after(*said: Said, standing: Standing = ASKED) -> tuple[Verdict, Standing]:
    """The last verdict after these were said one after another."""
    verdict = Verdict.unchanged
    for one in said:
        settled = settle(standing, one, late_until=LATE_UNTIL)
        verdict, standing = settled.verdict, settled.standing
    return verdict, standing


def test_the_first_answer_is_accepted() -> None:
    verdict, standing = after(says(MARIA, 0))
    assert verdict is Verdict.accepted
    assert standing == Standing(Status.complete, 0, Disposition.cleared, MARIA, SEVEN)


def test_the_same_answers_again_change_nothing() -> None:
    once = after(says(MARIA, 0))[1]
    assert after(says(PEDRO, 0, 3, same=True), standing=once) == (Verdict.unchanged, once)


def test_a_first_answer_that_flags_is_a_raise() -> None:
    verdict, standing = after(says(MARIA, 2))
    assert verdict is Verdict.raised
    assert (standing.severity, standing.disposition) == (2, Disposition.stay_home)


def test_raising_wins_whoever_says_it() -> None:
    verdict, standing = after(says(MARIA, 0), says(PEDRO, 2, 30))
    assert verdict is Verdict.raised
    assert (standing.severity, standing.respondent_id) == (2, PEDRO)


def test_raising_wins_however_late() -> None:
    closed = replace(after(says(MARIA, 0))[1], closed=True)
    verdict, standing = after(says(MARIA, 2, 60 * 24), standing=closed)
    assert verdict is Verdict.raised
    assert standing.severity == 2


def test_lowering_a_flag_is_a_correction_that_somebody_else_releases() -> None:
    verdict, standing = after(says(MARIA, 2), says(MARIA, 0, 11))
    assert verdict is Verdict.correction_asked
    assert (standing.severity, standing.disposition) == (2, Disposition.stay_home)


def test_a_slip_of_the_finger_is_undone_within_ten_minutes() -> None:
    verdict, standing = after(says(MARIA, 0), says(MARIA, 2, 1), says(MARIA, 0, 11))
    assert verdict is Verdict.undone
    assert (standing.severity, standing.disposition) == (0, Disposition.cleared)


def test_nobody_undoes_what_another_has_said() -> None:
    assert after(says(MARIA, 2), says(PEDRO, 0, 1))[0] is Verdict.correction_asked


def test_agreeing_with_a_flag_does_not_make_it_ones_own() -> None:
    said = says(MARIA, 2), says(PEDRO, 2, 30), says(PEDRO, 0, 31)
    verdict, standing = after(*said)
    assert verdict is Verdict.correction_asked
    assert (standing.respondent_id, standing.answered_at) == (MARIA, SEVEN)


@pytest.mark.parametrize("same", [True, False])
def test_a_flag_that_another_confirmed_is_not_undone(same: bool) -> None:
    said = says(MARIA, 2), says(PEDRO, 2, 1, same=same), says(MARIA, 0, 2)
    assert after(*said)[0] is Verdict.correction_asked


def test_an_undo_does_not_reach_beneath_what_another_had_said() -> None:
    assert after(says(MARIA, 1), says(PEDRO, 2, 30), says(PEDRO, 0, 31))[0] is (
        Verdict.correction_asked
    )
    verdict, standing = after(says(MARIA, 1), says(PEDRO, 2, 30), says(PEDRO, 1, 31))
    assert verdict is Verdict.undone
    assert standing.severity == 1


def test_after_such_an_undo_the_first_flag_still_is_not_theirs() -> None:
    said = says(MARIA, 1), says(PEDRO, 2, 30), says(PEDRO, 1, 31), says(PEDRO, 0, 32)
    assert after(*said)[0] is Verdict.correction_asked


def test_an_undo_in_steps_has_ten_minutes_in_all() -> None:
    said = says(MARIA, 2), says(MARIA, 1, 9), says(MARIA, 0, 15)
    assert after(*said)[0] is Verdict.correction_asked


def test_tapping_ones_way_up_can_be_undone_as_a_whole() -> None:
    assert after(says(MARIA, 1), says(MARIA, 2, 1), says(MARIA, 0, 2))[0] is Verdict.undone


def test_at_equal_severity_the_latest_answers_win() -> None:
    verdict, standing = after(says(MARIA, 0), says(PEDRO, 0, 5))
    assert verdict is Verdict.accepted
    assert standing.respondent_id == PEDRO


def test_who_says_that_a_case_of_yesterday_goes_on_is_who_answered_today() -> None:
    held = Standing(Status.asked, 2, Disposition.stay_home, floor=2)
    verdict, standing = after(says(MARIA, 2, 5), standing=held)
    assert verdict is Verdict.accepted
    assert (standing.respondent_id, standing.answered_at) == (MARIA, minutes(5))
    assert after(says(MARIA, 0, 6), standing=standing)[0] is Verdict.correction_asked


def test_after_the_round_an_answer_is_late_and_counts() -> None:
    verdict, standing = after(says(MARIA, 0, 120), standing=CLOSED)
    assert verdict is Verdict.late
    assert standing.status is Status.complete


def test_much_later_it_counts_no_more() -> None:
    assert after(says(MARIA, 0, 301), standing=CLOSED) == (Verdict.too_late, CLOSED)


def test_a_raise_after_all_was_over_can_still_be_undone() -> None:
    verdict, standing = after(says(MARIA, 2, 400), says(MARIA, 0, 401), standing=CLOSED)
    assert verdict is Verdict.undone
    assert standing.severity == 0


def test_a_released_flag_falls_to_what_was_asked_for() -> None:
    flagged = after(says(MARIA, 2))[1]
    released = release(flagged, minutes(60), NURSE, to=says(MARIA, 1, 30))
    assert (released.severity, released.disposition) == (1, Disposition.see_nurse)
    assert (released.respondent_id, released.answered_at) == (NURSE, minutes(60))
    assert release(flagged, minutes(60), NURSE).severity == 0


def test_what_was_left_standing_is_not_the_releasers_to_undo() -> None:
    flagged = after(says(MARIA, 2))[1]
    released = release(flagged, minutes(5), NURSE, to=says(MARIA, 1, 4))
    assert after(says(NURSE, 0, 6), standing=released)[0] is Verdict.correction_asked


def test_a_release_never_raises() -> None:
    flagged = after(says(MARIA, 1))[1]
    assert release(flagged, minutes(60), NURSE, to=says(MARIA, 2, 30)) is flagged


def test_a_family_cannot_undo_what_the_nurse_left_standing() -> None:
    flagged = after(says(MARIA, 2))[1]
    released = release(flagged, minutes(5), NURSE, to=says(MARIA, 1, 4))
    assert after(says(MARIA, 0, 6), standing=released)[0] is Verdict.correction_asked


@pytest.mark.parametrize("status", list(Status))
def test_whoever_answers_in_time_is_in(status: Status) -> None:
    verdict, standing = after(says(MARIA, 0), standing=Standing(status))
    assert verdict is Verdict.accepted
    assert standing.status is Status.complete


@dataclass
class Word:
    """Something said while a flag stood, and whether it raised it."""

    moment: float
    who: int
    severity: int
    raised: bool


class Family(RuleBasedStateMachine):
    """Two guardians, a nurse and a clock. The oracle keeps every word said since all was well."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.standing = ASKED
        self.words: list[Word] = []
        self.before = 0
        self.may_fall = False

    @rule(by=st.sampled_from([0.5, 3, 9.9, 10, 10.1, 200]))
    def time_passes(self, by: float) -> None:
        self.now += by

    @rule()
    def the_round_closes(self) -> None:
        self.standing = replace(self.standing, closed=True)

    @precondition(lambda self: self.standing.severity > 0)
    @rule(to=st.integers(0, 3))
    def the_nurse_releases(self, to: int) -> None:
        before = self.standing
        asked = says(MARIA, to, self.now)
        self.standing = release(before, minutes(self.now), NURSE, to=asked)
        self.before, self.may_fall = before.severity, True
        assert self.standing.severity == min(before.severity, to)
        if self.standing is not before:
            self.words = [Word(self.now, NURSE, to, raised=True)] if to else []

    @rule(who=st.sampled_from([MARIA, PEDRO]), severity=st.integers(0, 3), same=st.booleans())
    def somebody_speaks(self, who: int, severity: int, same: bool) -> None:
        before = self.standing
        same = same and severity == before.severity and before.status is Status.complete
        said = says(who, severity, self.now, same=same)
        settled = settle(before, said, late_until=LATE_UNTIL)
        verdict, self.standing = settled.verdict, settled.standing
        self.before, self.may_fall = before.severity, verdict is Verdict.undone
        assert verdict is self._expected(before, who, severity, same)
        if verdict in {Verdict.unchanged, Verdict.too_late}:
            assert self.standing == before
            return
        assert self.standing.status is Status.complete
        kept = verdict is Verdict.correction_asked
        assert self.standing.severity == (before.severity if kept else severity)
        self._remember(verdict, who, severity)

    def _remember(self, verdict: Verdict, who: int, severity: int) -> None:
        if verdict is Verdict.undone:
            for word in self.words:
                word.severity = min(word.severity, severity)
        else:
            self.words.append(Word(self.now, who, severity, verdict is Verdict.raised))
        if not self.standing.severity:
            self.words = []

    def _expected(self, before: Standing, who: int, severity: int, same: bool) -> Verdict:
        over = before.closed and minutes(self.now) > LATE_UNTIL
        if severity > before.severity:
            return Verdict.raised
        if same and (not severity or who == before.respondent_id):
            return Verdict.unchanged
        if severity == before.severity:
            in_time = Verdict.late if before.closed else Verdict.accepted
            return Verdict.too_late if over else in_time
        if self._one_slip_of(who, severity):
            return Verdict.undone
        return Verdict.too_late if over else Verdict.correction_asked

    def _one_slip_of(self, who: int, severity: int) -> bool:
        """Whether nobody else has said worse than this, and one's own raises are all fresh."""
        worse = [word for word in self.words if word.severity > severity]
        if any(word.who != who for word in worse):
            return False
        moments = [word.moment for word in worse if word.raised] + [self.now]
        return all(
            minutes(later) - minutes(sooner) <= timedelta(minutes=10)  # floats would not be exact
            for sooner, later in pairwise(moments)
        )

    @invariant()
    def severity_never_falls_by_itself(self) -> None:
        assert self.may_fall or self.standing.severity >= self.before

    @invariant()
    def a_disposition_goes_with_its_severity(self) -> None:
        severity, disposition = self.standing.severity, self.standing.disposition
        assert disposition is None or disposition is DISPOSITIONS[severity]


TestFamily = Family.TestCase
TestFamily.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


@given(st.lists(st.tuples(st.sampled_from([MARIA, PEDRO]), st.integers(0, 3)), min_size=1))
def test_without_undo_or_release_the_worst_word_stands(words: list[tuple[int, int]]) -> None:
    said = [says(who, severity, 20 * place) for place, (who, severity) in enumerate(words)]
    assert after(*said)[1].severity == max(severity for _, severity in words)
