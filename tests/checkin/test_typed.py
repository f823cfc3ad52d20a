from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.answers import (
    Doubt,
    Question,
    Unclear,
    Understood,
    agrees,
    fits,
    take_words,
    takes_suggestion,
    understands_all_clear,
)
from checkin.questionnaires import parse_questionnaire
from handlers.questionnaires import shipped
from tests.checkin.questionnaire_documents import a_document, words

STUDENT, STAFF = shipped()
MONDAY = date(2026, 3, 2)


def the(key: str) -> Question:
    question = STUDENT.question(key)
    assert question is not None
    return question


def another(**question: Any) -> Question:
    """A question of a kind that the shipped questionnaires do not have."""
    document = a_document()
    document["questions"].append({"key": "another", "text": words("More?"), **question})
    return parse_questionnaire(document).questions[-1]


NOTE = another(kind="text", maximum=20)
SINCE = another(kind="date", optional=True)
HEIGHT = another(
    kind="number", unit="cm", decimals=0, minimum=50, maximum=220, all_clear=100, optional=True
)


def reads(question: Question, said: str, *, on: date | None = MONDAY) -> Any:
    """What was understood; None if nothing was for certain."""
    taken = take_words(question, said, on=on)
    return taken.value if isinstance(taken, Understood) else None


def doubts(question: Question, said: str, *, on: date | None = MONDAY) -> tuple[Doubt, Any]:
    taken = take_words(question, said, on=on)
    assert isinstance(taken, Unclear), taken
    return taken.reason, taken.suggestion


# ---- all clear -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "all clear", "All good!", "OK 👍", "ok.", "fine", "Everyone's fine", "no symptoms", "ＯＫ",
        "都好", "都好！！", "没事。", "没 事", "全部健康", "一切正常",
        "无异常", "都没事👌", "大家都好～",
    ],
)  # fmt: skip
def test_all_clear_is_understood(said: str) -> None:
    assert understands_all_clear(said)


@pytest.mark.parametrize(
    "said",
    [
        "not ok", "not all clear", "isn't fine", "all good?", "ok?", "都好吗？", "不好", "不太好",
        "没有都好", "不正常", "不健康", "ok😷", "都好🤒", "ok but cough", "好的",
        "收到", "good morning",
        "", " ", "👍", "?", "all clear except Ben", "除了小明都好",
    ],
)  # fmt: skip
def test_what_only_looks_like_all_clear_is_not(said: str) -> None:
    assert not understands_all_clear(said)


@given(
    st.sampled_from(["not ", "not all ", "isn't ", "不", "没有", "不太", "un", "never "]),
    st.sampled_from(["ok", "all clear", "fine", "healthy", "well", "正常", "健康", "好"]),
)
def test_a_denied_all_clear_is_none(denial: str, phrase: str) -> None:
    assert not understands_all_clear(denial + phrase)


# ---- temperature ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("36.5", 36.5), ("36,5", 36.5), ("３６．５", 36.5), ("36。5", 36.5), ("36度5", 36.5),
        ("36度五", 36.5), ("36度半", 36.5), ("36.5度", 36.5), ("36度", 36.0), ("三十六度五", 36.5),
        ("三十六点八", 36.8), ("三十八", 38.0), ("37.3℃", 37.3),
        ("37.3 °C", 37.3), ("36.5c", 36.5),
        ("98.6F", 37.0), ("98.6 °F", 37.0), ("100 fahrenheit", 37.8), ("华氏98.6", 37.0),
        ("体温36.5", 36.5), ("temp 36.5 this morning", 36.5), ("it's 36.5 today", 36.5),
        ("刚量的36度7左右", 36.7), ("36.5.", 36.5), ("fever 38.2", 38.2), ("发烧38度", 38.0),
        ("36.5 ok", 36.5), ("正常，36.4", 36.4), ("37.25", 37.3), ("37.249", 37.2),
        ("normal", "normal"), ("正常", "normal"), ("ok", "normal"), ("no fever", "normal"),
        ("没有发烧", "normal"), ("fever", "fever"), ("发烧", "fever"), ("有点发烧", "fever"),
        ("37.3 °C or above", "fever"), ("37.3以上", "fever"), ("37.3℃及以上", "fever"),
    ],
)  # fmt: skip
def test_a_temperature_is_understood(said: str, value: float | str) -> None:
    assert reads(the("temperature"), said) == value


@pytest.mark.parametrize(
    ("said", "reason", "suggestion"),
    [
        ("", Doubt.empty, None),
        ("  ", Doubt.empty, None),
        ("365", Doubt.out_of_range, 36.5),
        ("98.6", Doubt.out_of_range, 37.0),
        ("12", Doubt.out_of_range, None),
        ("-36.5", Doubt.out_of_range, None),
        ("9" * 200, Doubt.out_of_range, None),
        ("36 5", Doubt.several_numbers, 36.5),
        ("36.5 37.1", Doubt.several_numbers, None),
        ("Ana 36.5", Doubt.not_a_number, 36.5),
        ("36.5?", Doubt.not_a_number, 36.5),
        ("not 36.5", Doubt.not_a_number, None),
        ("不到37", Doubt.not_a_number, None),
        ("below 38", Doubt.not_a_number, None),
        ("正常 38.5", Doubt.not_a_number, 38.5),
        ("不正常", Doubt.not_a_number, None),
        ("nrmal", Doubt.not_a_number, "normal"),
        ("没有", Doubt.not_a_number, None),
        ("later", Doubt.not_a_number, None),
    ],
)
def test_an_unclear_temperature_is_offered_and_never_taken(
    said: str, reason: Doubt, suggestion: float | str | None
) -> None:
    assert doubts(the("temperature"), said) == (reason, suggestion)


def test_a_range_is_told_with_the_doubt() -> None:
    taken = take_words(the("temperature"), "12")
    assert isinstance(taken, Unclear)
    assert taken.args == {"minimum": 34, "maximum": 43, "unit": "°C"}


@given(
    st.integers(340, 430), st.sampled_from(["{}", "{}℃", "{} °C", "{}度", "体温{}", " {} ", "{}."])
)
def test_every_temperature_survives_being_typed(tenths: int, around: str) -> None:
    typed = around.format(f"{tenths / 10:.1f}")
    assert reads(the("temperature"), typed) == tenths / 10
    assert reads(the("temperature"), typed.replace(".", ",", 1)) == tenths / 10
    wide = typed.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789."})
    assert reads(the("temperature"), wide) == tenths / 10


@given(st.integers(340, 430))
def test_fahrenheit_is_never_off_by_more_than_a_rounding(tenths: int) -> None:
    fahrenheit = tenths / 10 * 9 / 5 + 32
    value = reads(the("temperature"), f"{fahrenheit:.2f} F")
    assert value is not None
    assert abs(value - tenths / 10) < 0.051


def test_other_numbers_have_their_own_units() -> None:
    assert reads(HEIGHT, "140 cm") == 140
    assert reads(HEIGHT, "1405") is None
    assert doubts(HEIGHT, "1405") == (Doubt.out_of_range, 141)
    assert reads(HEIGHT, "skip") == ""


# ---- symptoms ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("咳嗽", ["cough"]), ("有点咳嗽", ["cough"]), ("咳嗽了", ["cough"]), ("cough", ["cough"]),
        ("cough and runny nose", ["cough", "runny_nose"]), ("咳嗽流鼻涕", ["cough", "runny_nose"]),
        ("咳嗽、流鼻涕", ["cough", "runny_nose"]), ("流鼻涕，还有咳嗽", ["cough", "runny_nose"]),
        ("he has a mild cough", ["cough"]), ("she's coughing and vomiting", ["cough", "vomiting"]),
        ("sore throat headache", ["sore_throat", "headache"]), ("吐了", ["vomiting"]),
        ("没精神", ["headache"]), ("不舒服", ["other"]), ("not well", ["other"]),
        ("没有", []), ("no", []), ("None!", []), ("都没有", []), ("ok", []), ("没有不舒服", []),
    ],
)  # fmt: skip
def test_symptoms_are_understood(said: str, value: list[str]) -> None:
    assert reads(the("symptoms"), said) == value


@pytest.mark.parametrize(
    ("said", "suggestion"),
    [
        ("no cough", None), ("没有咳嗽", None), ("不咳嗽", None), ("咳嗽没有", None),
        ("cough but not vomiting", None), ("i feel great", None), ("none?", None),
        ("咳嗽好了", ["cough"]), ("想吐", ["vomiting"]), ("咳嗽和发烧", ["cough"]),
        ("coughh", ["cough"]),
        ("cough?", ["cough"]), ("no cough, but vomiting", ["vomiting"]),
    ],
)  # fmt: skip
def test_unclear_symptoms_are_offered_and_never_taken(
    said: str, suggestion: list[str] | None
) -> None:
    assert doubts(the("symptoms"), said)[1] == suggestion


def test_what_was_not_understood_is_told_back() -> None:
    taken = take_words(the("symptoms"), "cough, purple ears")
    assert isinstance(taken, Unclear)
    assert (taken.reason, taken.args) == (Doubt.not_all_known, {"words": "purple ears"})


@given(st.data())
def test_any_symptoms_survive_being_typed_as_their_buttons_read(data: st.DataObject) -> None:
    symptoms = the("symptoms")
    language = data.draw(st.sampled_from(["en", "zh"]))
    places = st.sampled_from(range(len(symptoms.choices)))
    order = data.draw(st.lists(places, min_size=1, unique=True))
    chosen = [symptoms.choices[place] for place in order]
    joined = data.draw(st.sampled_from([", ", "，", "、", " + ", "\n"])).join(
        choice.label[language] for choice in chosen
    )
    expected = [choice.key for choice in symptoms.choices if choice in chosen]
    assert reads(symptoms, joined) == expected


@given(st.data())
def test_a_denied_symptom_is_never_taken(data: st.DataObject) -> None:
    symptoms = the("symptoms")
    denial = data.draw(st.sampled_from(["no {}", "not {}", "没有{}", "没{}", "不{}", "{}没有"]))
    choice = data.draw(st.sampled_from(symptoms.choices))
    phrase = data.draw(st.sampled_from([*choice.label.values(), *choice.words]))
    value = reads(symptoms, denial.format(phrase))
    own_phrase = {"不舒服", "没精神", "没力气", "嗓子不舒服", "其他不舒服", "not well"}
    assert not value or denial.format(phrase) in own_phrase


# ---- one of several ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("yes", "yes"), ("Yes!", "yes"), ("来", "yes"), ("he is coming", "yes"),
        ("今天来的", "yes"),
        ("no", "no"), ("不来", "no"), ("今天不来了", "no"), ("请假", "no"), ("not coming", "no"),
        ("ok", None), ("没有", None), ("来吗？", None), ("maybe", None), ("not sure", None),
    ],
)  # fmt: skip
def test_coming_or_not(said: str, value: str | None) -> None:
    assert reads(the("attending"), said) == value


@pytest.mark.parametrize("questionnaire", [STUDENT, STAFF], ids=["student", "staff"])
def test_every_button_can_be_typed_instead(questionnaire: Any) -> None:
    for question in questionnaire.questions:
        for choice in question.choices:
            expected = [choice.key] if question.kind == "several" else choice.key
            for said in (*choice.label.values(), *choice.words, choice.key.replace("_", " ")):
                assert reads(question, said) == expected, said
                assert reads(question, f" {said.upper()}。") == expected, said


# ---- places, text, dates -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("in town", "town"), ("在家", "town"), ("Puning", {"name": "Puning"}),
        ("无锡", {"name": "无锡"}),
        ("Rome", {"name": "Rome"}), ("武汉市  江汉区", {"name": "武汉市 江汉区"}),
        ("ok", None), ("no", None), ("yes", None), ("去过", None), ("没去外地", None),
        ("好的", None),
        ("12", None), ("?", None), ("Wuhan?", None), ("a" * 61, None),
    ],
)  # fmt: skip
def test_a_place_is_understood(said: str, value: object) -> None:
    assert reads(the("place"), said) == value


def test_no_travel_can_be_said_in_many_ways() -> None:
    for said in ("no", "没有", "都没有", "无", "没去过", "Neither"):
        assert reads(the("contact"), said) == "neither"
    assert reads(the("contact"), "接触过") == "contact"


def test_a_note_is_kept_as_it_was_written() -> None:
    assert reads(NOTE, " Ana's knee hurts ") == "Ana's knee hurts"
    assert reads(NOTE, "没有") == ""
    assert doubts(NOTE, "x" * 21) == (Doubt.too_long, None)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("2026-03-02", "2026-03-02"), ("2026/3/2", "2026-03-02"), ("2026.3.2", "2026-03-02"),
        ("2026年3月2日", "2026-03-02"), ("3月2日", "2026-03-02"), ("３月２号", "2026-03-02"),
        ("二月二十八日", "2026-02-28"), ("2 March", "2026-03-02"), ("Mar 2", "2026-03-02"),
        ("March 2nd, 2026", "2026-03-02"), ("1st of March", "2026-03-01"), ("28/2", "2026-02-28"),
        ("2/28", "2026-02-28"), ("3/3", "2026-03-03"), ("12月30日", "2025-12-30"),
        ("today", "2026-03-02"), ("昨天", "2026-03-01"), ("yesterday", "2026-03-01"),
        ("前天", "2026-02-28"), ("skip", ""),
    ],
)  # fmt: skip
def test_a_date_is_understood(said: str, day: str) -> None:
    assert reads(SINCE, said) == day


@pytest.mark.parametrize(
    ("said", "reason", "suggestion"),
    [
        ("3/2", Doubt.which_date, "2026-03-02"),
        ("2月30日", Doubt.no_such_date, None),
        ("13/13", Doubt.no_such_date, None),
        ("0000-01-01", Doubt.no_such_date, None),
        ("Monday week", Doubt.not_a_date, None),
    ],
)
def test_an_unclear_date_is_offered_and_never_taken(
    said: str, reason: Doubt, suggestion: str | None
) -> None:
    assert doubts(SINCE, said) == (reason, suggestion)


def test_without_today_a_date_needs_its_year() -> None:
    assert doubts(SINCE, "3月2日", on=None) == (Doubt.which_year, None)
    assert reads(SINCE, "2026年3月2日", on=None) == "2026-03-02"


@given(st.dates(MONDAY - timedelta(days=180), MONDAY + timedelta(days=180)))
def test_every_date_nearby_survives_being_typed(day: date) -> None:
    assert reads(SINCE, day.isoformat()) == day.isoformat()
    assert reads(SINCE, f"{day.month}月{day.day}日") == day.isoformat()
    assert reads(SINCE, f"{day:%d %B}") == day.isoformat()


# ---- yes and no ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "Yes",
        "yes.",
        "That's right!",
        "OK",
        "是",
        "是的。",
        "对",
        "对对",
        "嗯",
        "好的",
        "👍",
        "好的👌",
    ],
)
def test_a_yes_by_itself_agrees(said: str) -> None:
    assert agrees(said) is True


@pytest.mark.parametrize(
    "said", ["no", "No!", "not that", "不是", "不对", "不", "错了", "👎", "❌"]
)
def test_a_no_by_itself_does_not_agree(said: str) -> None:
    assert agrees(said) is False


@pytest.mark.parametrize(
    "said",
    [
        "no cough",
        "yes?",
        "是吗？",
        "是不是",
        "fine",
        "都好",
        "没有",
        "yes and no",
        "",
        "👍👎",
        "🌹",
    ],
)
def test_anything_more_or_less_is_neither_yes_nor_no(said: str) -> None:
    assert agrees(said) is None


def test_a_choice_that_is_itself_called_no_is_that_choice() -> None:
    assert takes_suggestion(the("attending"), "no") is None
    assert takes_suggestion(the("symptoms"), "no") is False


# ---- anything at all -----------------------------------------------------------------------

_odd = st.text(max_size=30) | st.text("36.5,度℃F？? 不没有咳嗽fevrno-十点月日/", max_size=12)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*STUDENT.questions, NOTE, SINCE, HEIGHT]), _odd)
def test_whatever_is_typed_the_answer_fits_or_is_unclear(question: Question, said: str) -> None:
    taken = take_words(question, said, on=MONDAY)
    if isinstance(taken, Understood):
        assert fits(question, taken.value)
    elif taken.suggestion is not None:
        assert fits(question, taken.suggestion)
