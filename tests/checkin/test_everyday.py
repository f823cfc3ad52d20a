"""Everyday words about children, in both languages: a table a parent could have written."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkin.everyday import Heard, Someone, Statement, added, understand
from checkin.triage import worst_so_far
from handlers.questionnaires import shipped

STUDENT = shipped()[0]
ANA, BEN, ZHOU, YU = 1, 2, 3, 4
NAMES = {ANA: "Ana Lima", BEN: "Ben Lima", ZHOU: "周子昂", YU: "周小雨"}
FEVER = {"temperature": "fever"}
COUGH = {"symptoms": ["cough"]}
FINE, GO_THROUGH = "fine", "questions"


def some(*keys: int) -> list[Someone]:
    return [Someone(key, NAMES[key], STUDENT) for key in keys]


def short(heard: Heard) -> dict[int, Any]:
    """Write what was heard as {who: what}; what is to be confirmed stands in a tuple."""

    def what(statement: Statement) -> Any:
        said = FINE if statement.all_clear else statement.answers or GO_THROUGH
        return said if statement.sure else (said,)

    return {statement.about: what(statement) for statement in heard.statements}


@pytest.mark.parametrize(
    ("words", "understood"),
    [
        ("Ana has a cough", {ANA: COUGH}),
        ("ana coughs", {ANA: COUGH}),
        ("Ben 38.2", {BEN: {"temperature": 38.2}}),
        ("Ben: 38,2", {BEN: {"temperature": 38.2}}),
        ("ben has a fever", {BEN: FEVER}),
        ("Ben 38.2 and cough", {BEN: {"temperature": 38.2, **COUGH}}),
        ("Ana fine, Ben coughs a bit", {ANA: FINE, BEN: COUGH}),
        ("Good morning, Ana is fine", {ANA: FINE}),
        ("Ana and Ben are fine", {ANA: FINE, BEN: FINE}),
        ("Ana and Ben both cough", {ANA: COUGH, BEN: COUGH}),
        ("both fine", {ANA: FINE, BEN: FINE}),
        ("all good", {ANA: FINE, BEN: FINE}),
        ("都好", {ANA: FINE, BEN: FINE}),
        ("两个都好", {ANA: FINE, BEN: FINE}),
        ("孩子们都好", {ANA: FINE, BEN: FINE}),
        ("no fever for Ben", {BEN: {"temperature": "normal"}}),
        ("Ben no cough", {BEN: GO_THROUGH}),
        ("Ben 不咳了", {BEN: GO_THROUGH}),
        ("Ana is not fine", {ANA: GO_THROUGH}),
        ("Ana broke her arm", {ANA: GO_THROUGH}),
        ("Ana", {ANA: GO_THROUGH}),
        ("Ana fine but grandma coughs", {ANA: (COUGH,)}),
        ("Ana coughs, others fine", {ANA: (COUGH,)}),
        ("Ana cuogh", {ANA: (COUGH,)}),
        ("Ana 365", {ANA: ({"temperature": 36.5},)}),
        ("fine Ana, cough Ben", {ANA: GO_THROUGH, BEN: GO_THROUGH}),
        ("Ana no fever, 38.5", {ANA: GO_THROUGH}),
        ("all three fine", {}),
        ("Lima coughs", {}),
        ("Banana", {}),
    ],
)
def test_what_a_parent_of_two_types(words: str, understood: dict[int, Any]) -> None:
    assert short(understand(words, some(ANA, BEN))) == understood


@pytest.mark.parametrize(
    ("words", "understood"),
    [
        ("周子昂发烧了", {ZHOU: FEVER}),
        ("子昂发烧，小雨没事", {ZHOU: FEVER, YU: FINE}),
        ("子昂咳嗽 小雨没事", {ZHOU: COUGH, YU: FINE}),
        ("子昂咳嗽没发烧", {ZHOU: {"temperature": "normal", **COUGH}}),
        ("子昂38度2", {ZHOU: {"temperature": 38.2}}),
        ("子昂三十八度五", {ZHOU: {"temperature": 38.5}}),
        ("老师好，小雨有点咳嗽", {YU: COUGH}),
        ("小雨没精神", {YU: {"symptoms": ["headache"]}}),
        ("小雨没有咳嗽", {YU: GO_THROUGH}),
        ("小雨今天请假", {YU: {"attending": "no"}}),
        ("子昂和小雨都好", {ZHOU: FINE, YU: FINE}),
        ("子昂、小雨都没事", {ZHOU: FINE, YU: FINE}),
        ("子昂不太好", {ZHOU: GO_THROUGH}),
        ("小雨又吐又拉肚子", {YU: {"symptoms": ["vomiting", "diarrhoea"]}}),
    ],
)
def test_what_a_chinese_parent_of_two_types(words: str, understood: dict[int, Any]) -> None:
    assert short(understand(words, some(ZHOU, YU))) == understood


@pytest.mark.parametrize(
    "words", ["38.2", "cough", "发烧了", "有点咳嗽", "no cough", "she has a cough"]
)
def test_what_is_said_of_nobody_in_particular_has_to_be_asked(words: str) -> None:
    heard = understand(words, some(ANA, BEN))
    assert heard.statements == ()
    assert heard.of_whom is not None


@pytest.mark.parametrize(
    ("words", "understood"),
    [
        ("36.5", {"temperature": 36.5}),
        ("has a cough", COUGH),
        ("发烧了", FEVER),
        ("没事", FINE),
        ("she is fine", FINE),
        ("没发烧", {"temperature": "normal"}),
        ("not well", {"symptoms": ["other"]}),
        ("不咳嗽了", GO_THROUGH),
    ],
)
def test_without_a_name_it_is_about_the_only_child(words: str, understood: Any) -> None:
    assert short(understand(words, some(ANA))) == {ANA: understood}


@pytest.mark.parametrize(
    "words",
    ["is school open?", "学校今天上课吗", "几点截止", "Can Ana come with a cough",
     "咳嗽要不要请假", "does Ben need a test", "Ana咳嗽能不能来"],
)  # fmt: skip
def test_a_question_is_not_an_answer(words: str) -> None:
    assert understand(words, some(ANA, BEN)) == Heard(question=True)


WORDS = st.lists(
    st.sampled_from(
        ["Ana", "Ben", "fine", "ok", "都好", "没事", "cough", "coughs", "发烧", "38.2", "36.5",
         "no", "not", "不", "and", "but", ",", "both", "others", "a bit",
         "有点", "和", "fever", "rash"]
    ),
    min_size=1,
    max_size=7,
).map(" ".join)  # fmt: skip


@given(WORDS)
def test_words_with_names_never_clear_somebody_not_named(words: str) -> None:
    heard = understand(words, some(ANA, BEN))
    if "Ana" in words or "Ben" in words:
        for statement in heard.statements:
            assert NAMES[statement.about].split()[0] in words


@given(WORDS)
def test_words_that_sound_amiss_never_clear_anybody_they_are_about(words: str) -> None:
    amiss = ("cough", "发烧", "38.2", "fever", "rash")
    heard = understand(words, some(ANA))
    if any(word in words for word in amiss) and not any(n in words for n in ("no", "不")):
        assert not any(statement.all_clear for statement in heard.statements)


@given(
    st.dictionaries(st.sampled_from(["temperature"]), st.sampled_from([36.5, 38.5, "fever"])),
    st.sampled_from([{"temperature": 36.5}, {"temperature": 39.0}, COUGH]),
)
def test_what_was_said_to_be_amiss_is_not_taken_back_by_words(before: Any, said: Any) -> None:
    on = date(2026, 3, 2)
    was = worst_so_far(STUDENT, before, on)
    after = added(STUDENT, before, said, on)
    if after is not None and was is not None:
        now = worst_so_far(STUDENT, after, on)
        assert now
        assert now.severity >= was.severity
