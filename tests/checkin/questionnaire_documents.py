"""Questionnaires as schools might write them, drawn at random, and plain oracles for them."""

from typing import Any

from hypothesis import strategies as st

from checkin.questionnaires import Questionnaire, QuestionnaireErrors, parse_questionnaire

Document = dict[str, Any]

TWO = {"en": "Something", "zh": "某事"}


def words(en: str, zh: str = "某事") -> dict[str, str]:
    return {"en": en, "zh": zh}


def a_document(**changes: Any) -> Document:
    """A small valid questionnaire: temperature, cough or rash, coming or not."""
    document: Document = {
        "key": "small",
        "version": 1,
        "title": words("Small", "小问卷"),
        "questions": [
            {
                "key": "temperature",
                "kind": "number",
                "text": words("{name}: temperature?", "{name}体温？"),
                "unit": "°C",
                "minimum": 34,
                "maximum": 43,
                "choices": [
                    {"key": "normal", "label": words("Normal", "正常"), "stands_for": 36.5},
                    {"key": "fever", "label": words("37.3 or above", "发烧"), "stands_for": 37.3},
                ],
                "all_clear": "normal",
            },
            {
                "key": "symptoms",
                "kind": "several",
                "text": words("Any of these?", "有没有这些？"),
                "choices": [
                    {"key": "cough", "label": words("Cough", "咳嗽")},
                    {"key": "rash", "label": words("Rash", "皮疹"), "words": ["spots"]},
                    {"key": "other", "label": words("Other", "其他")},
                ],
            },
            {
                "key": "attending",
                "kind": "one",
                "text": words("Coming today?", "今天来吗？"),
                "choices": [
                    {"key": "yes", "label": words("Yes", "来")},
                    {"key": "no", "label": words("Not today", "不来")},
                ],
                "all_clear": "yes",
                "when": {"temperature": {"below": 37.3}},
            },
        ],
        "triage": [
            {
                "when": {"temperature": {"at_least": 37.3}},
                "disposition": "stay_home",
                "reason": "fever",
                "days": 1,
            },
            {"when": {"symptoms": ["cough"]}, "disposition": "see_nurse", "reason": "symptoms"},
            {
                "when": {"attending": "no"},
                "disposition": "cleared",
                "reason": "absent",
                "absent": True,
            },
        ],
        "reasons": dict.fromkeys(("fever", "symptoms", "absent"), TWO),
    }
    return document | changes


def problems_of(document: object) -> dict[str, str]:
    """The problems of a document, by path; none when it is taken."""
    try:
        parse_questionnaire(document)
    except QuestionnaireErrors as errors:
        return {problem.path: problem.sentence for problem in errors.problems}
    return {}


# ---- drawn at random -----------------------------------------------------------------------


@st.composite
def _questions(draw: st.DrawFn) -> list[Document]:
    kinds = draw(
        st.lists(
            st.sampled_from(["one", "several", "number", "text", "place"]), min_size=1, max_size=5
        )
    )
    questions: list[Document] = []
    for index, kind in enumerate(kinds):
        question: Document = {
            "key": f"q{index}",
            "kind": kind,
            "text": words(f"Question {index}?"),
        }
        keys = [f"c{number}" for number in range(draw(st.integers(2, 4)))]
        if kind != "text":
            question["choices"] = [{"key": key, "label": words(key, key)} for key in keys]
        if kind == "number":
            question |= {"minimum": 0, "maximum": 100, "decimals": draw(st.integers(0, 3))}
            for choice in question["choices"]:
                choice["stands_for"] = draw(st.integers(0, 100))
        question["all_clear"] = {
            "one": keys[0],
            "several": draw(st.sampled_from([[], keys[:1]])),
            "number": draw(st.sampled_from([keys[0], 50])),
            "text": "",
            "place": keys[0],
        }[kind]
        earlier = [other for other in questions if other["kind"] != "text"]
        if earlier and draw(st.booleans()):
            question["when"] = draw(_conditions(earlier))
        questions.append(question)
    return questions


@st.composite
def _conditions(draw: st.DrawFn, questions: list[Document]) -> Document:
    chosen = draw(st.lists(st.sampled_from(questions), min_size=1, max_size=2))
    return {question["key"]: draw(_clauses(question)) for question in chosen}


@st.composite
def _clauses(draw: st.DrawFn, question: Document) -> Document:
    keys = [choice["key"] for choice in question["choices"]]
    some = st.lists(st.sampled_from(keys), min_size=1, unique=True)
    tests: dict[str, Any] = {"any_of": some, "none_of": some}
    if question["kind"] == "number":
        tests |= {"at_least": st.integers(0, 100), "below": st.integers(0, 100)}
        tests["typed"] = st.booleans()
    if question["kind"] == "several":
        tests["chosen_at_least"] = st.integers(1, len(keys))
    if question["kind"] == "place":
        tests["typed"] = st.booleans()
    names = draw(st.lists(st.sampled_from(sorted(tests)), min_size=1, max_size=2, unique=True))
    return {name: draw(tests[name]) for name in names}


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Documents that are right but for rules that the all-clear answers may meet."""
    questions = draw(_questions())
    weighable = [question for question in questions if question["kind"] != "text"]
    rules = [
        {
            "when": draw(_conditions(weighable)),
            "disposition": draw(st.sampled_from(["cleared", "see_nurse", "stay_home"])),
            "reason": draw(st.sampled_from(["fever", "symptoms", "travel"])),
            "days": draw(st.integers(0, 20)),
            "absent": draw(st.booleans()),
        }
        for _ in range(draw(st.integers(0, 4)) if weighable else 0)
    ]
    return {
        "key": "drawn",
        "version": draw(st.integers(1, 99)),
        "title": words("Drawn"),
        "questions": questions,
        "triage": rules,
        "reasons": dict.fromkeys(("fever", "symptoms", "travel"), TWO),
    }


@st.composite
def accepted(draw: st.DrawFn) -> tuple[Document, Questionnaire]:
    """A document together with what was read: rules that were refused are left out."""
    document = draw(documents())
    refused = problems_of(document)
    document["triage"] = [
        rule
        for index, rule in enumerate(document["triage"])
        if f"triage[{index}].when" not in refused
    ]
    return document, parse_questionnaire(document)


def values(question: Document) -> st.SearchStrategy[Any]:
    """Answers that a question of a document takes."""
    keys = [choice["key"] for choice in question.get("choices", [])]
    places = st.builds(
        lambda name: {"name": name}, st.text("abc 武汉", min_size=1).filter(str.strip)
    )
    return {
        "one": st.sampled_from(keys),
        "several": st.lists(st.sampled_from(keys or [""]), unique=True).map(sorted),
        "number": st.sampled_from(keys or [""]) | st.integers(0, 100) | st.floats(0, 100),
        "text": st.text(max_size=20),
        "place": st.sampled_from(keys or [""]) | places.filter(lambda p: len(p["name"]) <= 60),
    }[question["kind"]]  # fmt: skip


@st.composite
def some_answers(draw: st.DrawFn, document: Document, *, all_of_them: bool = False) -> Document:
    """Answers to some questions or to all, shown or not."""
    return {
        question["key"]: draw(values(question))
        for question in document["questions"]
        if all_of_them or draw(st.booleans())
    }


# ---- plain oracles -------------------------------------------------------------------------


def meets(when: Document, document: Document, answers: Document) -> bool:
    """Whether answers meet a written condition, spelled out clause by clause."""
    for key, clause in when.items():
        if key not in answers:
            return False
        value = answers[key]
        [question] = [q for q in document["questions"] if q["key"] == key]
        numbers = {c["key"]: c.get("stands_for") for c in question["choices"]}
        picked = value if isinstance(value, list) else [value]
        for test, wanted in clause.items():
            number = numbers[value] if isinstance(value, str) else value
            if test == "any_of" and not any(choice in picked for choice in wanted):
                return False
            if test == "none_of" and any(choice in picked for choice in wanted):
                return False
            if test == "at_least" and number < wanted:
                return False
            if test == "below" and number >= wanted:
                return False
            if test == "chosen_at_least" and len(value) < wanted:
                return False
            if test == "typed" and wanted == (isinstance(value, str) and value in numbers):
                return False
    return True


def shown(document: Document, answers: Document) -> list[str]:
    """Which questions are shown, by asking for each whether all it depends on is shown too."""

    def is_shown(key: str) -> bool:
        [question] = [q for q in document["questions"] if q["key"] == key]
        when = question.get("when", {})
        return all(is_shown(other) for other in when) and meets(when, document, answers)

    return [question["key"] for question in document["questions"] if is_shown(question["key"])]
