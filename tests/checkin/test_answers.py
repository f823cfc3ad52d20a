from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.answers import (
    Doubt,
    Question,
    Questionnaire,
    Refused,
    fits,
    is_complete,
    next_question,
    previous_question,
    progress,
    prune,
    take_choice,
    take_value,
    visible_questions,
)
from checkin.questionnaires import parse_questionnaire
from tests.checkin.questionnaire_documents import (
    Document,
    a_document,
    accepted,
    meets,
    shown,
    some_answers,
    words,
)

SMALL = parse_questionnaire(a_document())


def the(key: str) -> Question:
    question = SMALL.question(key)
    assert question is not None
    return question


def keys(questions: tuple[Question, ...]) -> list[str]:
    return [question.key for question in questions]


def test_with_a_fever_nobody_asks_whether_the_child_is_coming() -> None:
    assert keys(visible_questions(SMALL, {"temperature": 36.8})) == [
        "temperature",
        "symptoms",
        "attending",
    ]
    assert keys(visible_questions(SMALL, {"temperature": 37.3})) == ["temperature", "symptoms"]
    assert keys(visible_questions(SMALL, {"temperature": "fever"})) == ["temperature", "symptoms"]


def test_a_question_that_depends_on_another_waits_for_it() -> None:
    assert keys(visible_questions(SMALL, {})) == ["temperature", "symptoms"]


def test_a_corrected_fever_brings_the_question_back() -> None:
    answers: dict[str, Any] = {"temperature": "fever", "symptoms": []}
    assert is_complete(SMALL, answers)
    answers["temperature"] = "normal"
    question = next_question(SMALL, answers)
    assert question is not None
    assert question.key == "attending"


def test_an_answer_no_longer_asked_for_is_dropped() -> None:
    answers: dict[str, Any] = {"attending": "no", "symptoms": [], "temperature": "fever"}
    assert prune(SMALL, answers) == {"temperature": "fever", "symptoms": []}


def test_an_answer_that_is_hidden_shows_nothing_else() -> None:
    document = a_document()
    document["questions"].append(
        {
            "key": "why",
            "kind": "text",
            "text": words("Why not?", "为什么？"),
            "when": {"attending": "no"},
        }
    )
    chain = parse_questionnaire(document)
    answers: dict[str, Any] = {"temperature": "normal", "symptoms": [], "attending": "no"}
    assert keys(visible_questions(chain, answers))[-1] == "why"
    answers["temperature"] = "fever"
    assert keys(visible_questions(chain, answers)) == ["temperature", "symptoms"]


def test_an_answer_that_does_not_fit_is_asked_again() -> None:
    question = next_question(SMALL, {"temperature": 365, "symptoms": [], "attending": "yes"})
    assert question is not None
    assert question.key == "temperature"


def test_going_back_passes_over_what_is_not_shown() -> None:
    answers: dict[str, Any] = {"temperature": "fever", "symptoms": ["cough"]}
    last = previous_question(SMALL, answers, None)
    assert last is not None
    assert last.key == "symptoms"
    before = previous_question(SMALL, answers, "symptoms")
    assert before is not None
    assert before.key == "temperature"
    assert previous_question(SMALL, answers, "temperature") is None


def test_progress_counts_what_is_shown() -> None:
    assert progress(SMALL, {"temperature": "normal"}, the("symptoms")) == (2, 3)
    assert progress(SMALL, {"temperature": "fever"}, the("symptoms")) == (2, 2)


def test_a_tap_picks_one() -> None:
    assert take_choice(the("attending"), None, "no") == "no"
    assert take_choice(the("attending"), "no", "yes") == "yes"


def test_a_tap_on_a_button_that_does_not_exist_is_refused() -> None:
    assert take_choice(the("attending"), "no", "maybe") == Refused(Doubt.no_such_choice)
    assert take_choice(the("symptoms"), ["cough"], "hunger") == Refused(Doubt.no_such_choice)


def test_taps_on_several_turn_them_on_and_off_in_the_order_asked() -> None:
    symptoms = the("symptoms")
    value = take_choice(symptoms, None, "other")
    assert value == ["other"]
    assert not isinstance(value, Refused)
    value = take_choice(symptoms, value, "cough")
    assert value == ["cough", "other"]
    assert not isinstance(value, Refused)
    assert take_choice(symptoms, value, "other") == ["cough"]
    assert take_choice(symptoms, value, "none") == []


def test_an_optional_question_can_be_skipped_and_another_cannot() -> None:
    assert take_choice(the("attending"), None, "skip") == Refused(Doubt.no_such_choice)
    document = a_document()
    document["questions"][1]["optional"] = True
    optional = parse_questionnaire(document).questions[1]
    assert take_choice(optional, ["cough"], "skip") == ""
    assert fits(optional, "")


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [
        ("temperature", 36.6, 36.6),
        ("temperature", 37, 37),
        ("temperature", "fever", "fever"),
        ("temperature", 50, Refused(Doubt.out_of_range)),
        ("temperature", float("nan"), Refused(Doubt.out_of_range)),
        ("temperature", "36.6", Refused(Doubt.no_such_choice)),
        ("temperature", True, Refused(Doubt.out_of_range)),
        ("symptoms", ["rash", "cough", "rash"], ["cough", "rash"]),
        ("symptoms", ["rash", "hunger"], Refused(Doubt.no_such_choice)),
        ("symptoms", [["rash"]], Refused(Doubt.no_such_choice)),
        ("symptoms", "rash", Refused(Doubt.no_such_choice)),
        ("attending", None, Refused(Doubt.no_such_choice)),
        ("attending", {"name": "x"}, Refused(Doubt.no_such_choice)),
    ],
)
def test_a_form_cannot_send_what_no_button_could(key: str, value: object, taken: object) -> None:
    assert take_value(the(key), value) == taken


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_shown_is_what_everything_it_depends_on_allows(data: st.DataObject) -> None:
    document, questionnaire = data.draw(accepted())
    answers = data.draw(some_answers(document))
    assert keys(visible_questions(questionnaire, answers)) == shown(document, answers)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_answering_what_comes_next_ends_and_keeps_only_what_was_shown(
    data: st.DataObject,
) -> None:
    document, questionnaire = data.draw(accepted())
    pool = data.draw(some_answers(document, all_of_them=True))
    answers = data.draw(some_answers(document))
    stale = set(answers) - set(shown(document, answers))
    steps = 0
    while question := next_question(questionnaire, answers):
        assert question.key not in answers or question.key in stale
        answers[question.key] = pool[question.key]
        steps += 1
        assert steps <= len(document["questions"])
    assert is_complete(questionnaire, answers)
    kept = prune(questionnaire, answers)
    assert list(kept) == shown(document, answers)
    assert prune(questionnaire, kept) == kept
    _and_back_again(questionnaire, answers, shown(document, answers))


def _and_back_again(questionnaire: Questionnaire, answers: Document, all_shown: list[str]) -> None:
    walked: list[str] = []
    question = previous_question(questionnaire, answers, None)
    while question:
        walked.append(question.key)
        place = len(all_shown) - len(walked) + 1
        assert progress(questionnaire, answers, question) == (place, len(all_shown))
        question = previous_question(questionnaire, answers, question.key)
    assert walked[::-1] == all_shown


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["cough", "rash", "other", "none", "nonsense"]), max_size=8))
def test_taps_leave_what_was_tapped_an_odd_number_of_times(taps: list[str]) -> None:
    value: Any = None
    odd: set[str] = set()
    for tap in taps:
        taken = take_choice(the("symptoms"), value, tap)
        if tap == "nonsense":
            assert isinstance(taken, Refused)
            continue
        odd = set() if tap == "none" else odd ^ {tap}
        value = taken
        assert value == [key for key in ("cough", "rash", "other") if key in odd]
        assert fits(the("symptoms"), value)


def test_the_oracle_agrees_on_a_condition_spelled_out() -> None:
    when = {"temperature": {"below": 37.3}, "symptoms": {"chosen_at_least": 1}}
    document = a_document()
    assert meets(when, document, {"temperature": "normal", "symptoms": ["cough"]})
    assert not meets(when, document, {"temperature": "fever", "symptoms": ["cough"]})
    assert not meets(when, document, {"temperature": "normal", "symptoms": []})
