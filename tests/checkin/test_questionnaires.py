import copy
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.questionnaires import (
    Disposition,
    Questionnaire,
    QuestionnaireErrors,
    parse_questionnaire,
    to_document,
)
from checkin.triage import triage
from tests.checkin.questionnaire_documents import (
    Document,
    a_document,
    accepted,
    documents,
    problems_of,
    words,
)

MONDAY = date(2026, 3, 2)


def changed(*path: str | int, to: Any) -> Document:
    """The small questionnaire with one thing in it changed; `...` takes it out."""
    document = copy.deepcopy(a_document())
    here: Any = document
    for step in path[:-1]:
        here = here[step]
    if to is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = to
    return document


def test_a_small_questionnaire_is_read() -> None:
    questionnaire = parse_questionnaire(a_document())
    assert [question.key for question in questionnaire.questions] == [
        "temperature",
        "symptoms",
        "attending",
    ]
    assert questionnaire.all_clear() == {
        "temperature": "normal",
        "symptoms": [],
        "attending": "yes",
    }
    assert questionnaire.rules[0].disposition is Disposition.stay_home


def test_a_question_is_found_by_its_key_and_an_unknown_one_is_not() -> None:
    questionnaire = parse_questionnaire(a_document())
    question = questionnaire.question("symptoms")
    assert question is not None
    assert question.kind == "several"
    assert questionnaire.question("gone") is None


def test_every_tap_on_all_clear_says_it_anew() -> None:
    questionnaire = parse_questionnaire(a_document())
    said = questionnaire.all_clear()["symptoms"]
    assert isinstance(said, list)
    said.append("cough")
    assert questionnaire.all_clear()["symptoms"] == []


@pytest.mark.parametrize(
    ("document", "path", "sentence"),
    [
        (changed("titel", to=words("x")), "titel", "Did you mean title?"),
        (changed("questions", 0, "kind", to="nummer"), "questions[0].kind", "Did you mean number"),
        (changed("questions", 0, "maximun", to=4), "questions[0].maximun", "Did you mean maximum"),
        (
            changed("questions", 2, "choices", 0, "label", "zh", to=...),
            "questions[2].choices[0].label.zh",
            "Say it in Chinese too.",
        ),
        (changed("title", "en", to=" "), "title.en", "This is empty"),
        (changed("title", to="Small"), "title", "Say it in each language: en and zh"),
        (changed("title", "zh", to=2026), "title.zh", "quotes around 2026"),
        (changed("questions", 1, "key", to="temperature"), "questions[1].key", "used twice"),
        (
            changed("questions", 1, "choices", 1, "key", to="cough"),
            "questions[1].choices[1].key",
            "used twice",
        ),
        (changed("questions", 0, "key", to="Body Temp"), "questions[0].key", "small letters"),
        (changed("questions", 2, "choices", 1, "key", to=False), "questions[2].choices[1].key",
         "Put quotes around it, like 'no'"),
        (changed("questions", 0, "all_clear", to="nromal"), "questions[0].all_clear",
         "one of the choices: normal, fever"),
        (changed("questions", 0, "all_clear", to=50), "questions[0].all_clear", "of the choices"),
        (changed("questions", 0, "all_clear", to=...), "questions[0].all_clear",
         "Add the answer that a healthy person gives to temperature."),
        (changed("questions", 1, "all_clear", to="cough"), "questions[1].all_clear",
         "a list of choices"),
        (changed("questions", 2, "when", to={"later": "yes"}), "questions[2].when.later",
         "an earlier one only; later is not among them (temperature, symptoms)"),
        (changed("questions", 1, "when", to={"attending": "no"}), "questions[1].when.attending",
         "an earlier one only"),
        (changed("questions", 1, "when", to="always"), "questions[1].when", "Name a question"),
        (changed("questions", 2, "when", to={"temperature": {}}),
         "questions[2].when.temperature", "Say what the answer must be"),
        (changed("questions", to=a_document()["questions"] * 2), "questions",
         "Keep to five questions at most; there are 6."),
        (changed("questions", to=[]), "questions", "Write at least one question."),
        (changed("questions", 2, "choices", to=[]), "questions[2].choices", "least two choices"),
        (changed("questions", 0, "choices", 0, "stands_for", to=...),
         "questions[0].choices[0].stands_for", "Add the number"),
        (changed("questions", 0, "choices", 0, "stands_for", to=3.7),
         "questions[0].choices[0].stands_for", "outside the minimum and maximum"),
        (changed("questions", 1, "choices", 0, "stands_for", to=1),
         "questions[1].choices[0].stands_for", "Only the choices of a number"),
        (changed("questions", 0, "minimum", to=50), "questions[0].minimum", "smaller than"),
        (changed("questions", 0, "minimum", to="34"), "questions[0].minimum", "Write a number"),
        (changed("questions", 1, "unit", to="°C"), "questions[1].unit", "Leave unit out"),
        (changed("questions", 0, "text", "en", to="{nmae}?"), "questions[0].text.en",
         "{nmae} is not known: only {name} can stand here."),
        (changed("questions", 0, "text", "en", to="Warm?"), "questions[0].text",
         "same placeholders"),
        (changed("questions", 0, "text", "zh", to="{name体温"), "questions[0].text.zh",
         "A brace"),
        (changed("questions", 2, "choices", 0, "label", "en", to="Yes, and so are all of us"),
         "questions[2].choices[0].label.en", "Shorten this to 24 characters"),
        (changed("questions", 2, "choices", 0, "label", "zh", to="来的来的来的来的来的来的来"),
         "questions[2].choices[0].label.zh", "Shorten this to 12 characters"),
        (changed("questions", 1, "choices", 0, "words", to=["spots"]), "questions[1].choices",
         "cough and rash both answer to “spots”"),
        (changed("questions", 1, "choices", 2, "key", to="none"), "questions[1].choices[2].key",
         "Leave none out"),
        (changed("triage", 1, "when", to={"symptoms": ["couhg"]}), "triage[1].when.symptoms[0]",
         "Did you mean cough?"),
        (changed("triage", 1, "when", to={"symptom": ["cough"]}), "triage[1].when.symptom",
         "symptom is not among them"),
        (changed("triage", 1, "when", to={"symptoms": {"at_least": 2}}),
         "triage[1].when.symptoms.at_least", "cannot test symptoms, which is several"),
        (changed("triage", 0, "disposition", to="stayhome"), "triage[0].disposition",
         "Did you mean stay_home?"),
        (changed("triage", 0, "reason", to="fewer"), "reasons.fewer", "Add fewer"),
        (changed("triage", 0, "days", to=-1), "triage[0].days", "whole number from 0 to 60"),
        (changed("triage", 0, "advice", to="rest"), "triage[0].advice", "rest is not known"),
        (changed("triage", 2, "absent", to="yes"), "triage[2].absent", "true or false"),
        (changed("version", to="1"), "version", "whole number"),
        (changed("version", to=...), "version", "Add version"),
    ],
)  # fmt: skip
def test_a_problem_is_named_with_its_place_and_a_remedy(
    document: Document, path: str, sentence: str
) -> None:
    problems = problems_of(document)
    assert path in problems
    assert sentence in problems[path]


def test_all_problems_are_named_at_once() -> None:
    document = changed("titel", to=1)
    document["questions"][0]["kind"] = "nummer"
    document["questions"][1]["choices"][0]["label"].pop("zh")
    document["triage"][0]["disposition"] = "home"
    assert problems_of(document).keys() == {
        "titel",
        "questions[0].kind",
        "questions[1].choices[0].label.zh",
        "triage[0].disposition",
    }


@pytest.mark.parametrize("document", [None, 3, "text", [], [1], {"questions": {"a": 1}}])
def test_anything_else_is_refused_with_a_sentence(document: object) -> None:
    with pytest.raises(QuestionnaireErrors) as refused:
        parse_questionnaire(document)
    assert str(refused.value)


def test_all_clear_answers_that_are_not_cleared_are_refused() -> None:
    document = changed("triage", 0, "when", to={"temperature": {"at_least": 36}})
    assert "would be told stay_home" in problems_of(document)["triage[0].when"]


def test_all_clear_answers_that_mean_absent_are_refused() -> None:
    document = changed("triage", 2, "when", to={"attending": "yes"})
    assert "would be told absent" in problems_of(document)["triage[2].when"]


def test_a_question_the_healthy_are_never_shown_needs_no_all_clear_answer() -> None:
    document = a_document()
    document["questions"].append(
        {
            "key": "since",
            "kind": "date",
            "text": words("Since when?", "从哪天开始？"),
            "when": {"symptoms": {"chosen_at_least": 1}},
        }
    )
    assert "since" not in parse_questionnaire(document).all_clear()


def test_an_optional_question_is_skipped_by_all_clear() -> None:
    document = a_document()
    document["questions"].append(
        {"key": "since", "kind": "date", "text": words("Since?"), "optional": True}
    )
    assert parse_questionnaire(document).all_clear()["since"] == ""


@settings(max_examples=60, deadline=None)
@given(documents())
def test_whatever_is_accepted_has_an_all_clear_that_is_cleared(document: Document) -> None:
    problems = problems_of(document)
    if problems:
        assert all(path.startswith("triage[") for path in problems)
        return
    questionnaire = parse_questionnaire(document)
    weighed = triage(questionnaire, questionnaire.all_clear(), MONDAY)
    assert (weighed.disposition, weighed.severity, weighed.absent) == ("cleared", 0, False)


@settings(max_examples=60, deadline=None)
@given(accepted())
def test_a_questionnaire_survives_being_kept_as_json(
    drawn: tuple[Document, Questionnaire],
) -> None:
    _, questionnaire = drawn
    kept = json.dumps(to_document(questionnaire))
    assert parse_questionnaire(json.loads(kept)) == questionnaire
    assert json.dumps(to_document(parse_questionnaire(json.loads(kept)))) == kept


_junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_mistake_in_a_document_is_more_than_a_problem(data: st.DataObject) -> None:
    document = copy.deepcopy(a_document())
    here: Any = document
    while True:
        key = data.draw(
            st.sampled_from(list(here) if isinstance(here, dict) else range(len(here)))
        )
        deeper = isinstance(here[key], dict | list) and here[key] and data.draw(st.booleans())
        if not deeper:
            here[key] = data.draw(_junk)
            break
        here = here[key]
    assert all(problems_of(document).values())
