"""Answers on their way: what is shown, what comes next, and what a tap or some words mean."""

from collections.abc import Iterator
from datetime import date

from checkin.facts import fact
from checkin.questions import (
    LONGEST_PLACE,
    LONGEST_TEXT,
    Answers,
    Choice,
    Question,
    Questionnaire,
    Value,
    holds,
)
from checkin.typed import take_words, takes_suggestion
from checkin.understanding import Doubt, Unclear, Understood, agrees, understands_all_clear

__all__ = [
    "NONE",
    "SKIP",
    "Answers",
    "Choice",
    "Doubt",
    "Question",
    "Refused",
    "Unclear",
    "Understood",
    "Value",
    "agrees",
    "answers_that_count",
    "fits",
    "is_complete",
    "next_question",
    "previous_question",
    "progress",
    "prune",
    "take_choice",
    "take_value",
    "take_words",
    "takes_suggestion",
    "understands_all_clear",
    "visible_questions",
]

NONE = "none"  # the button under a question with several answers that says: none of these
SKIP = "skip"  # the button under an optional question


@fact
class Refused:
    """An answer that the question does not take, and why."""

    reason: Doubt


def visible_questions(questionnaire: Questionnaire, answers: Answers) -> tuple[Question, ...]:
    """The questions this person is shown, in order.

    A question with a condition is shown once the answers before it meet the condition; answers
    to questions that are not shown themselves count for nothing.
    """
    return tuple(question for question, _ in _walk(questionnaire, answers))


def next_question(questionnaire: Questionnaire, answers: Answers) -> Question | None:
    """The first question shown that has no answer it can take; None when all have."""
    walk = _walk(questionnaire, answers)
    return next((question for question, answered in walk if not answered), None)


def previous_question(
    questionnaire: Questionnaire, answers: Answers, current_key: str | None
) -> Question | None:
    """The question shown before this one; None at the first. None as the key means the end."""
    shown = visible_questions(questionnaire, answers)
    keys = [question.key for question in shown]
    place = keys.index(current_key) if current_key in keys else len(keys)
    return shown[place - 1] if place else None


def progress(
    questionnaire: Questionnaire, answers: Answers, question: Question
) -> tuple[int, int]:
    """Where a question stands: (2, 5) is the second of five shown. One not shown is at the end."""
    keys = [shown.key for shown in visible_questions(questionnaire, answers)]
    return (keys.index(question.key) + 1 if question.key in keys else len(keys), len(keys))


def is_complete(questionnaire: Questionnaire, answers: Answers) -> bool:
    """Whether every question shown has an answer that it can take."""
    return next_question(questionnaire, answers) is None


def prune(questionnaire: Questionnaire, answers: Answers) -> Answers:
    """The answers that count: to questions shown, in order, each one that its question takes."""
    walk = _walk(questionnaire, answers)
    return {question.key: answers[question.key] for question, answered in walk if answered}


def answers_that_count(questionnaire: Questionnaire, answers: Answers) -> Answers | None:
    """The answers that count when the set is complete; None when it is not."""
    counting: Answers = {}
    for question, answered in _walk(questionnaire, answers):
        if not answered:
            return None
        counting[question.key] = answers[question.key]
    return counting


def take_choice(question: Question, current: Value | None, choice_key: str) -> Value | Refused:
    """What the answer is after a tap.

    Where several may be chosen a tap turns its choice on or off and `none` turns all off; the
    choices are kept in the order of the questionnaire, so that the same answers are equal.
    """
    if choice_key == SKIP and question.optional and not question.choice(SKIP):
        return ""
    if question.kind != "several":
        return choice_key if question.choice(choice_key) else Refused(Doubt.no_such_choice)
    if choice_key == NONE:
        return []
    if not question.choice(choice_key):
        return Refused(Doubt.no_such_choice)
    chosen = set(current) if isinstance(current, list) else set()
    chosen ^= {choice_key}
    return [choice.key for choice in question.choices if choice.key in chosen]


def take_value(question: Question, value: object) -> Value | Refused:
    """An answer that comes ready-made, from a form or a file; refused unless it fits."""
    if question.kind == "several" and isinstance(value, list | tuple):
        known = {choice.key for choice in question.choices}
        if not all(isinstance(key, str) and key in known for key in value):
            return Refused(Doubt.no_such_choice)
        return [choice.key for choice in question.choices if choice.key in value]
    if fits(question, value):
        return value  # type: ignore[return-value]  # fits() has just said so
    numeric = question.kind == "number" and isinstance(value, int | float)
    return Refused(Doubt.out_of_range if numeric else Doubt.no_such_choice)


def fits(question: Question, value: object) -> bool:
    """Whether this is an answer in the form the question keeps."""
    if question.optional and value == "":
        return True
    if isinstance(value, str) and question.choice(value):
        return question.kind != "several"
    match question.kind:
        case "several":
            return _is_chosen(question, value)
        case "number":
            return _is_number(question, value)
        case "text":
            return isinstance(value, str) and len(value) <= (question.maximum or LONGEST_TEXT)
        case "date":
            return isinstance(value, str) and _is_date(value)
        case "place":
            return _is_place(value)
        case "one":
            return False


def _walk(questionnaire: Questionnaire, answers: Answers) -> Iterator[tuple[Question, bool]]:
    """Each question shown, and whether it is answered."""
    so_far: Answers = {}
    for question in questionnaire.questions:
        if question.when and not holds(question.when, questionnaire.by_key, so_far):
            continue
        answered = question.key in answers and fits(question, answers[question.key])
        if answered:
            so_far[question.key] = answers[question.key]
        yield question, answered


def _is_chosen(question: Question, value: object) -> bool:
    return isinstance(value, list) and value == [c.key for c in question.choices if c.key in value]


def _is_number(question: Question, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    low = float("-inf") if question.minimum is None else question.minimum
    high = float("inf") if question.maximum is None else question.maximum
    return low <= value <= high and value not in {float("-inf"), float("inf")}


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _is_place(value: object) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {"name", "code"}:
        return False
    name, code = value.get("name"), value.get("code", "")
    return (
        isinstance(name, str)
        and name.strip() != ""
        and len(name) <= LONGEST_PLACE
        and isinstance(code, str)
        and len(code) <= 20
    )
