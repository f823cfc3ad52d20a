"""What is asked: questions, their choices, and the rules that weigh the answers."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum, auto
from typing import Literal, TypeAlias, get_args

from checkin.facts import fact

Value: TypeAlias = str | float | list[str] | dict[str, str]
Answers: TypeAlias = dict[str, Value]
Words: TypeAlias = Mapping[str, str]
Kind: TypeAlias = Literal["one", "several", "number", "text", "place", "date"]

LANGUAGES = ("en", "zh")
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST_QUESTIONS = 5
LONGEST_PLACE = 60
LONGEST_TEXT = 500


class Disposition(StrEnum):
    """What today's answers ask of the person: come, be looked at, or stay at home."""

    cleared = auto()
    see_nurse = auto()
    stay_home = auto()


@fact
class Choice:
    """One button of a question.

    `stands_for` is the number a quick answer is weighed as ("37.3 or above" stands for 37.3), so
    that a rule about the number can never forget the button. `words` are what else people type.
    """

    key: str
    label: Words
    stands_for: float | None = None
    words: tuple[str, ...] = ()


@fact
class Clause:
    """A test of one answer; every part that is given must hold, and no answer never holds."""

    question: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    at_least: float | None = None
    below: float | None = None
    chosen_at_least: int | None = None
    typed: bool | None = None


@fact
class Condition:
    """Clauses that must all hold."""

    clauses: tuple[Clause, ...]


@fact
class Question:
    """One thing asked of a person.

    `text` is what is asked, `text_oneself` the same to somebody about themself (without it, `text`
    serves both), `short` names it in a list, `all_clear` is what a healthy person would answer
    (None only for a question the healthy are never shown). `days_back` says how far back a typed
    place reaches. `maximum` is the length of a text. What the evening before cannot know is asked
    `in_the_morning`, also of those who like to answer in the evening.
    """

    key: str
    kind: Kind
    text: Words
    choices: tuple[Choice, ...] = ()
    all_clear: Value | None = None
    when: Condition | None = None
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    decimals: int = 1
    optional: bool = False
    short: Words = field(default_factory=dict)
    text_oneself: Words = field(default_factory=dict)
    days_back: int = 0
    in_the_morning: bool = False

    _choices: dict[object, Choice] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Have the choices at hand by their keys: they are looked at with every answer."""
        by_key: dict[object, Choice] = {each.key: each for each in reversed(self.choices)}
        object.__setattr__(self, "_choices", by_key)

    def choice(self, key: object) -> Choice | None:
        """The choice with this key, if there is one."""
        return self._choices.get(key) if isinstance(key, str) else None


@fact
class TriageRule:
    """When these answers are given, this follows, for so many days after today."""

    when: Condition
    disposition: Disposition
    reason: str
    days: int = 0
    advice: str | None = None
    absent: bool = False


@fact
class Questionnaire:
    """A published version: what is asked and how it is weighed. It is never changed in place."""

    key: str
    version: int
    title: Words
    questions: tuple[Question, ...]
    rules: tuple[TriageRule, ...] = ()
    reasons: Mapping[str, Words] = field(default_factory=dict)
    advice: Mapping[str, Words] = field(default_factory=dict)

    by_key: Mapping[str, Question] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Have the questions at hand by their keys."""
        object.__setattr__(self, "by_key", {each.key: each for each in reversed(self.questions)})

    def question(self, key: str) -> Question | None:
        """The question with this key, if this version has one."""
        return self.by_key.get(key)

    def all_clear(self) -> Answers:
        """What one tap on the all-clear button says: every question a healthy person is shown."""
        said: Answers = {}
        for question in self.questions:
            shown = question.when is None or holds(question.when, self.by_key, said)
            if shown and question.all_clear is not None:
                said[question.key] = _copy(question.all_clear)
            elif shown and question.optional:
                said[question.key] = ""
        return said


def holds(condition: Condition, questions: Mapping[str, Question], answers: Answers) -> bool:
    """Whether these answers meet the condition. What was not answered meets nothing.

    `questions` are by their keys.
    """
    for clause in condition.clauses:
        question = questions.get(clause.question)
        if question is None or clause.question not in answers:
            return False
        if not _meets(clause, question, answers[clause.question]):
            return False
    return True


def number_of(question: Question, value: Value) -> float | None:
    """The number an answer is weighed as: the one typed, or what the quick answer stands for."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    choice = question.choice(value)
    return choice.stands_for if choice else None


def _meets(clause: Clause, question: Question, value: Value) -> bool:
    chosen = (
        set(value) if isinstance(value, list) else {value} if isinstance(value, str) else set()
    )
    number = number_of(question, value)
    typed = not isinstance(value, list) and value != "" and question.choice(value) is None
    return (
        (not clause.any_of or not chosen.isdisjoint(clause.any_of))
        and chosen.isdisjoint(clause.none_of)
        and (clause.at_least is None or (number is not None and number >= clause.at_least))
        and (clause.below is None or (number is not None and number < clause.below))
        and (clause.chosen_at_least is None or len(chosen) >= clause.chosen_at_least)
        and (clause.typed is None or clause.typed == typed)
    )


def _copy(value: Value) -> Value:
    if isinstance(value, list):
        return list(value)
    return dict(value) if isinstance(value, dict) else value
