"""A questionnaire as a document: read with every problem named, written back unchanged."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import cast

from checkin.answers import NONE, SKIP, fits, is_complete, visible_questions
from checkin.documents import Problem, Reader
from checkin.questions import (
    KINDS,
    LONGEST_TEXT,
    MOST_QUESTIONS,
    Answers,
    Choice,
    Clause,
    Condition,
    Disposition,
    Kind,
    Question,
    Questionnaire,
    TriageRule,
    Value,
    Words,
    holds,
)
from checkin.triage import triage
from checkin.understanding import phrasebook

__all__ = [
    "Answers",
    "Choice",
    "Clause",
    "Condition",
    "Disposition",
    "Kind",
    "Problem",
    "Question",
    "Questionnaire",
    "QuestionnaireErrors",
    "TriageRule",
    "Value",
    "Words",
    "parse_questionnaire",
    "to_document",
]

LABEL = {"en": 24, "zh": 12}
TITLE = {"en": 40, "zh": 20}
TEXT = {"en": 200, "zh": 100}
ADVICE = {"en": 400, "zh": 200}
MOST_CHOICES = 12
MOST_RULES = 40
LONGEST_STAY = 60
_ALWAYS_SAID = frozenset({"all_clear", "questions", "minimum", "maximum", "stands_for"})

_QUESTIONNAIRE = ("key", "version", "title", "questions", "triage", "reasons", "advice")
_QUESTION = (
    "key", "kind", "text", "text_oneself", "short", "choices", "all_clear", "when", "minimum",
    "maximum", "unit", "decimals", "optional", "days_back", "in_the_morning",
)  # fmt: skip
_CHOICE = ("key", "label", "stands_for", "words")
_CLAUSE = ("any_of", "none_of", "at_least", "below", "chosen_at_least", "typed")
_SHAPES = re.compile(r"$|(?:questions|triage)(?!\S*\.(?:text|text_oneself|short|label)\b)")
_RULE = ("when", "disposition", "reason", "days", "advice", "absent")


class QuestionnaireErrors(Exception):
    """A questionnaire that cannot be used, with everything there is to mend."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def parse_questionnaire(document: object) -> Questionnaire:
    """Read a questionnaire.

    It has one to five questions in every language. Its all-clear answers must be possible and
    must triage to cleared: the one button that healthy families tap may not mean anything else.

    Raises:
        QuestionnaireErrors: with all problems found, each with its path and a remedy.
    """
    reader = Reader()
    questionnaire = _questionnaire(reader, document)
    if not any(_SHAPES.match(problem.path) for problem in reader.problems):
        _check_all_clear(reader, questionnaire)
    if reader.problems:
        raise QuestionnaireErrors(tuple(reader.problems))
    return questionnaire


def to_document(questionnaire: Questionnaire) -> dict[str, object]:
    """Write a questionnaire as plain JSON values, which `parse_questionnaire` reads back equal."""
    document: dict[str, object] = {
        "key": questionnaire.key,
        "version": questionnaire.version,
        "title": dict(questionnaire.title),
        "questions": [_write_question(question) for question in questionnaire.questions],
        "triage": [_write_rule(rule) for rule in questionnaire.rules],
        "reasons": {key: dict(words) for key, words in questionnaire.reasons.items()},
        "advice": {key: dict(words) for key, words in questionnaire.advice.items()},
    }
    return _given(document)


# --- reading --------------------------------------------------------------------------------


def _questionnaire(reader: Reader, document: object) -> Questionnaire:
    said = reader.mapping(document, "", _QUESTIONNAIRE, needed=_QUESTIONNAIRE[:4])
    questions: list[Question] = []
    listed = reader.items(
        said.get("questions", []), "questions", least=1, most=MOST_QUESTIONS, what="questions"
    )
    for path, item in listed if "questions" in said else ():
        question = _question(reader, item, path, tuple(questions))
        if question.key and any(question.key == other.key for other in questions):
            reader.note(
                f"{path}.key", f"{question.key} is used twice; give this question its own key."
            )
        questions.append(question)
    reasons = _named_words(reader, said.get("reasons", {}), "reasons", LABEL)
    advice = _named_words(reader, said.get("advice", {}), "advice", ADVICE)
    rules = [
        _rule(reader, item, path, tuple(questions), (reasons, advice))
        for path, item in reader.items(
            said.get("triage", []), "triage", least=0, most=MOST_RULES, what="rules"
        )
    ]
    return Questionnaire(
        key=reader.key(said["key"], "key") if "key" in said else "",
        version=reader.whole(said["version"], "version", 1, 9999) if "version" in said else 1,
        title=reader.words(said["title"], "title", TITLE) if "title" in said else {},
        questions=tuple(questions),
        rules=tuple(rules),
        reasons=reasons,
        advice=advice,
    )


def _named_words(
    reader: Reader, value: object, path: str, longest: Mapping[str, int]
) -> dict[str, Words]:
    if not isinstance(value, Mapping):
        reader.note(path, "Write each key with its words in every language.")
        return {}
    return {
        reader.key(key, f"{path}.{key}"): reader.words(words, f"{path}.{key}", longest)
        for key, words in value.items()
    }


def _question(reader: Reader, value: object, path: str, earlier: tuple[Question, ...]) -> Question:
    said = reader.mapping(value, path, _QUESTION, needed=("key", "kind", "text"))
    kind = reader.choice(said["kind"], f"{path}.kind", KINDS) if "kind" in said else ""
    text = reader.words(said["text"], f"{path}.text", TEXT, ("name",)) if "text" in said else {}
    short = reader.words(said["short"], f"{path}.short", LABEL) if "short" in said else {}
    oneself: Words = {}
    if "text_oneself" in said:
        oneself = reader.words(said["text_oneself"], f"{path}.text_oneself", TEXT)
    question = Question(
        key=reader.key(said["key"], f"{path}.key") if "key" in said else "",
        kind=cast("Kind", kind),
        text=text,
        text_oneself=oneself,
        short=short,
        choices=_choices(reader, said, path, kind),
        all_clear=_all_clear(said, kind),
        when=_when(reader, said["when"], f"{path}.when", earlier) if "when" in said else None,
        minimum=_number(reader, said, path, "minimum"),
        maximum=_number(reader, said, path, "maximum"),
        unit=_unit(reader, said, path),
        decimals=reader.whole(said.get("decimals", 1), f"{path}.decimals", 0, 3),
        optional=reader.yes(said.get("optional", False), f"{path}.optional"),
        days_back=reader.whole(said.get("days_back", 0), f"{path}.days_back", 0, 60),
        in_the_morning=reader.yes(said.get("in_the_morning", False), f"{path}.in_the_morning"),
    )
    if kind:
        _check_question(reader, question, said, path)
    return question


def _all_clear(said: Mapping[str, object], kind: str) -> Value | None:
    healthy: dict[str, Value] = {"several": [], "text": ""}
    return cast("Value | None", said.get("all_clear", healthy.get(kind)))


def _unit(reader: Reader, said: Mapping[str, object], path: str) -> str:
    unit = said.get("unit", "")
    if isinstance(unit, str) and len(unit) <= 8:
        return unit
    reader.note(f"{path}.unit", "Write the unit as a short word, like °C.")
    return ""


def _number(reader: Reader, said: Mapping[str, object], path: str, name: str) -> float | None:
    return reader.number(said[name], f"{path}.{name}") if name in said else None


def _choices(
    reader: Reader, said: Mapping[str, object], path: str, kind: str
) -> tuple[Choice, ...]:
    here = f"{path}.choices"
    if kind in {"text", "date"} and said.get("choices"):
        reader.note(here, f"A {kind} is typed; leave the choices out, or ask for one of several.")
        return ()
    least = {"one": 2, "several": 1}.get(kind, 0)
    choices: list[Choice] = []
    for place, item in reader.items(
        said.get("choices", []), here, least=least, most=MOST_CHOICES, what="choices"
    ):
        choice = _choice(reader, item, place, kind)
        if choice.key and any(choice.key == other.key for other in choices):
            reader.note(
                f"{place}.key", f"{choice.key} is used twice; give this choice its own key."
            )
        choices.append(choice)
    return tuple(choices)


def _choice(reader: Reader, value: object, path: str, kind: str) -> Choice:
    said = reader.mapping(value, path, _CHOICE, needed=("key", "label"))
    key = reader.key(said["key"], f"{path}.key") if "key" in said else ""
    if kind == "several" and key == NONE:
        reader.note(f"{path}.key", "Leave none out: no choice at all already says it.")
    if key == SKIP:
        reader.note(
            f"{path}.key", "skip is the button of an optional question; choose another key."
        )
    if kind == "number" and "stands_for" not in said:
        reader.note(
            f"{path}.stands_for",
            "Add the number this quick answer stands for, so that the rules can weigh it.",
        )
    if kind not in {"number", ""} and "stands_for" in said:
        reader.note(f"{path}.stands_for", "Only the choices of a number stand for a number.")
    return Choice(
        key=key,
        label=reader.words(said["label"], f"{path}.label", LABEL) if "label" in said else {},
        stands_for=_number(reader, said, path, "stands_for"),
        words=reader.texts(said.get("words", []), f"{path}.words", what="words"),
    )


def _check_question(
    reader: Reader, question: Question, said: Mapping[str, object], path: str
) -> None:
    for name, kinds in (
        ("minimum", {"number"}),
        ("maximum", {"number", "text"}),
        ("unit", {"number"}),
        ("decimals", {"number"}),
        ("days_back", {"place"}),
    ):
        if name in said and question.kind not in kinds:
            reader.note(
                f"{path}.{name}", f"Leave {name} out: it is for {' and '.join(sorted(kinds))}."
            )
    low, high = question.minimum, question.maximum
    if low is not None and high is not None and low >= high:
        reader.note(f"{path}.minimum", "The minimum must be smaller than the maximum.")
    if question.kind == "text" and high is not None and not 1 <= high <= LONGEST_TEXT:
        reader.note(f"{path}.maximum", f"A text may have from 1 to {LONGEST_TEXT} characters.")
    for index, choice in enumerate(question.choices):
        number = choice.stands_for
        if question.kind == "number" and number is not None and not fits(question, number):
            reader.note(
                f"{path}.choices[{index}].stands_for", "This lies outside the minimum and maximum."
            )
    for phrase, choices in phrasebook(question).items():
        if len(choices) > 1:
            names = " and ".join(choice.key for choice in choices)
            reader.note(
                f"{path}.choices", f"{names} both answer to “{phrase}”; change one of them."
            )
    _check_all_clear_answer(reader, question, path)


def _check_all_clear_answer(reader: Reader, question: Question, path: str) -> None:
    answer = question.all_clear
    if answer is None or fits(question, answer):
        return
    if isinstance(answer, bool):
        remedy = "This was read as true or false. Put quotes around it, like 'no'."
    elif question.choices:
        keys = ", ".join(choice.key for choice in question.choices)
        many = (
            "a list of choices (an empty one, [], for none)" if question.kind == "several" else ""
        )
        remedy = f"The all-clear answer must be {many or 'one of the choices'}: {keys}."
    else:
        remedy = f"The all-clear answer must be a {question.kind} that the question takes."
    reader.note(f"{path}.all_clear", remedy)


def _when(
    reader: Reader, value: object, path: str, earlier: tuple[Question, ...]
) -> Condition | None:
    return _condition(reader, value, path, earlier, "A question can depend on an earlier one only")


def _condition(
    reader: Reader, value: object, path: str, questions: tuple[Question, ...], limit: str
) -> Condition | None:
    if not isinstance(value, Mapping) or not value:
        reader.note(path, "Name a question and what its answer must be, like symptoms: [rash].")
        return None
    by_key = {question.key: question for question in questions}
    clauses = []
    for key, test in value.items():
        here = f"{path}.{key}"
        if key in by_key:
            clauses.append(_clause(reader, test, here, by_key[key]))
        else:
            known = ", ".join(by_key) or "none"
            reader.note(here, f"{limit}; {key} is not among them ({known}).")
    return Condition(tuple(clauses))


def _clause(reader: Reader, value: object, path: str, question: Question) -> Clause:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        return Clause(question.key, any_of=_choice_keys(reader, value, path, question))
    said = reader.mapping(value, path, _CLAUSE)
    if isinstance(value, Mapping) and not said:
        reader.note(path, "Say what the answer must be, like any_of: [rash] or at_least: 37.3.")
    for name, kinds in (
        ("any_of", {"one", "several", "number", "place"}),
        ("none_of", {"one", "several", "number", "place"}),
        ("at_least", {"number"}),
        ("below", {"number"}),
        ("chosen_at_least", {"several"}),
        ("typed", {"number", "place", "text", "date"}),
    ):
        if name in said and question.kind and question.kind not in kinds:
            reader.note(
                f"{path}.{name}", f"{name} cannot test {question.key}, which is {question.kind}."
            )
    most = max(1, len(question.choices))
    return Clause(
        question=question.key,
        any_of=_keys_at(reader, said, path, "any_of", question),
        none_of=_keys_at(reader, said, path, "none_of", question),
        at_least=_number(reader, said, path, "at_least"),
        below=_number(reader, said, path, "below"),
        chosen_at_least=reader.whole(said["chosen_at_least"], f"{path}.chosen_at_least", 1, most)
        if "chosen_at_least" in said
        else None,
        typed=reader.yes(said["typed"], f"{path}.typed") if "typed" in said else None,
    )


def _keys_at(
    reader: Reader, said: Mapping[str, object], path: str, name: str, question: Question
) -> tuple[str, ...]:
    return _choice_keys(reader, said[name], f"{path}.{name}", question) if name in said else ()


def _choice_keys(reader: Reader, value: object, path: str, question: Question) -> tuple[str, ...]:
    known = [choice.key for choice in question.choices]
    if value in ([], ()):
        reader.note(path, "Name at least one choice.")
    return tuple(
        reader.choice(item, place, known)
        for place, item in reader.items(value, path, least=0, most=MOST_CHOICES, what="choices")
    )


def _rule(
    reader: Reader,
    value: object,
    path: str,
    questions: tuple[Question, ...],
    named: tuple[Mapping[str, Words], Mapping[str, Words]],
) -> TriageRule:
    reasons, advice = named
    said = reader.mapping(value, path, _RULE, needed=("when", "disposition", "reason"))
    limit = "A rule can weigh the questions of this questionnaire only"
    when = (
        _condition(reader, said["when"], f"{path}.when", questions, limit)
        if "when" in said
        else None
    )
    disposition = (
        reader.choice(said["disposition"], f"{path}.disposition", [str(d) for d in Disposition])
        if "disposition" in said
        else ""
    )
    reason = reader.key(said["reason"], f"{path}.reason") if "reason" in said else ""
    if reason and reason not in reasons:
        reader.note(f"reasons.{reason}", f"Add {reason} with its words in every language.")
    return TriageRule(
        when=when or Condition(()),
        disposition=Disposition(disposition or "cleared"),
        reason=reason,
        days=reader.whole(said.get("days", 0), f"{path}.days", 0, LONGEST_STAY),
        advice=reader.choice(said["advice"], f"{path}.advice", advice)
        if "advice" in said
        else None,
        absent=reader.yes(said.get("absent", False), f"{path}.absent"),
    )


def _check_all_clear(reader: Reader, questionnaire: Questionnaire) -> None:
    answers = questionnaire.all_clear()
    shown = visible_questions(questionnaire, answers)
    for index, question in enumerate(questionnaire.questions):
        if question in shown and question.key not in answers:
            reader.note(
                f"questions[{index}].all_clear",
                f"Add the answer that a healthy person gives to {question.key}.",
            )
    if not is_complete(questionnaire, answers):
        return
    weighed = triage(questionnaire, answers, date(2026, 3, 2))  # any day: rules know no dates
    if weighed.severity or weighed.absent:
        for path, disposition in _objections(questionnaire, answers):
            reader.note(
                path,
                "The all-clear answers meet this rule, so that healthy families would be told "
                f"{disposition}. Change the rule, or the all-clear answer of its question.",
            )


def _objections(questionnaire: Questionnaire, answers: Answers) -> Iterator[tuple[str, str]]:
    for index, rule in enumerate(questionnaire.rules):
        bad = rule.disposition is not Disposition.cleared or rule.absent
        if bad and holds(rule.when, questionnaire.by_key, answers):
            yield f"triage[{index}].when", "absent" if rule.absent else str(rule.disposition)


# --- writing --------------------------------------------------------------------------------


def _given(document: dict[str, object]) -> dict[str, object]:
    """Leave out what only says the default; an all-clear answer is always said."""
    return {
        name: value
        for name, value in document.items()
        if value is not None and (value not in ("", [], {}, False) or name in _ALWAYS_SAID)
    }


def _write_question(question: Question) -> dict[str, object]:
    document = _given(
        {
            "key": question.key,
            "kind": question.kind,
            "text": dict(question.text),
            "text_oneself": dict(question.text_oneself),
            "short": dict(question.short),
            "choices": [_write_choice(choice) for choice in question.choices],
            "all_clear": question.all_clear,
            "when": _write_condition(question.when) if question.when else None,
            "minimum": question.minimum,
            "maximum": question.maximum,
            "unit": question.unit,
            "optional": question.optional,
        }
    )
    if question.kind == "number":
        document["decimals"] = question.decimals
    if question.days_back:
        document["days_back"] = question.days_back
    if question.in_the_morning:
        document["in_the_morning"] = True
    return document


def _write_choice(choice: Choice) -> dict[str, object]:
    return _given(
        {
            "key": choice.key,
            "label": dict(choice.label),
            "stands_for": choice.stands_for,
            "words": list(choice.words),
        }
    )


def _write_condition(condition: Condition) -> dict[str, object]:
    return {clause.question: _write_clause(clause) for clause in condition.clauses}


def _write_clause(clause: Clause) -> dict[str, object]:
    tests: dict[str, object] = {
        "any_of": list(clause.any_of) or None,
        "none_of": list(clause.none_of) or None,
        "at_least": clause.at_least,
        "below": clause.below,
        "chosen_at_least": clause.chosen_at_least,
        "typed": clause.typed,
    }
    return {name: test for name, test in tests.items() if test is not None}


def _write_rule(rule: TriageRule) -> dict[str, object]:
    return _given(
        {
            "when": _write_condition(rule.when),
            "disposition": str(rule.disposition),
            "reason": rule.reason,
            "days": rule.days or None,
            "advice": rule.advice,
            "absent": rule.absent,
        }
    )
