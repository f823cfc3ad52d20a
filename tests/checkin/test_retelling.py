"""Split custody, held as a property: a parent's card is a function of their own acts alone."""

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.checkins import Said, Standing, Verdict, settle
from checkin.questions import Disposition
from checkin.retelling import Told, Word, retell
from checkin.statuses import Status
from tests.builders import at
from tests.examples import examples

MOTHER, FATHER, GRANDMOTHER = 1, 2, 3
CLOSES, LATE_UNTIL = at("08:00"), at("23:59", date(2026, 3, 2))
DISPOSITION = (Disposition.cleared, Disposition.see_nurse, Disposition.stay_home)

ACTS = st.lists(
    st.tuples(
        st.sampled_from([MOTHER, FATHER, GRANDMOTHER]),
        st.integers(0, 2),  # how bad it is
        st.integers(0, 40),  # minutes after the act before
    ),
    max_size=9,
)


def kept(acts: list[tuple[int, int, int]]) -> list[Word]:
    """Settle what is said as the school does; return the history that is kept of it."""
    standing, answers, moment = Standing(Status.asked), {}, at("06:30")
    words: list[Word] = []
    for by, severity, minutes in acts:
        moment += timedelta(minutes=minutes)
        given_answers = {"how": str(severity)}
        same = given_answers == answers
        said = Said(by, severity, DISPOSITION[severity], moment, same_answers=same)
        closed = moment >= CLOSES
        settled = settle(replace(standing, closed=closed), said, late_until=LATE_UNTIL)
        words.append(
            Word(settled.verdict, by, moment, severity, DISPOSITION[severity], given_answers)
        )
        standing = settled.standing
        if settled.verdict not in {
            Verdict.unchanged,
            Verdict.too_late,
            Verdict.correction_asked,
        }:
            answers = given_answers
    return words


def told(words: list[Word], who: int) -> Told:
    return retell(words, frozenset({who}), closed_at=CLOSES, late_until=LATE_UNTIL)


def alone(acts: list[tuple[int, int, int]], who: int) -> list[tuple[int, int, int]]:
    """Leave out what others did, at the same moments."""
    mine, passed = [], 0
    for by, severity, minutes in acts:
        passed += minutes
        if by == who:
            mine.append((by, severity, passed))
            passed = 0
    return mine


def shown(story: Told) -> tuple[object, ...]:
    """Return what a card shows of it."""
    standing = story.standing
    moment: datetime | None = standing.answered_at
    return (
        standing.status, standing.severity, standing.disposition, moment, story.answers,
        story.asked_for,
    )  # fmt: skip


@given(ACTS)
@settings(max_examples=examples(200, 3000))
def test_a_separate_parents_card_is_the_same_function_of_their_own_acts(
    acts: list[tuple[int, int, int]],
) -> None:
    for who in (MOTHER, FATHER):
        assert shown(told(kept(acts), who)) == shown(told(kept(alone(acts, who)), who))


@given(ACTS)
def test_others_are_shown_nothing_of_a_separate_parent(acts: list[tuple[int, int, int]]) -> None:
    words = kept(acts)
    without = retell(
        words, None, without=frozenset({FATHER}), closed_at=CLOSES, late_until=LATE_UNTIL
    )
    assert without.standing.respondent_id != FATHER


@given(ACTS)
def test_without_custody_split_the_story_is_what_the_school_holds(
    acts: list[tuple[int, int, int]],
) -> None:
    words = kept(acts)
    whole = retell(words, None, closed_at=CLOSES, late_until=LATE_UNTIL)
    worst = max((word.severity for word in words), default=0)
    undone = any(word.act == Verdict.undone for word in words)
    assert whole.standing.severity == worst or undone


def test_a_flag_that_the_school_lets_fall_by_itself_falls_on_each_card() -> None:
    words = kept([(MOTHER, 2, 0)])
    note = Word("released_doctor", 9, at("07:30"), 0, Disposition.cleared, {})
    assert told(words, MOTHER).standing.severity == 2
    assert told([*words, note], MOTHER).standing.severity == 0
    assert told([*words, note], FATHER) == told([], FATHER)
