from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkin.answers import is_complete, prune
from checkin.questionnaires import Questionnaire, parse_questionnaire
from checkin.triage import Disposition, Exposure, Triage, severity_of, triage, worst_so_far
from handlers.questionnaires import shipped
from tests.checkin.questionnaire_documents import a_document, accepted, meets, some_answers

MONDAY = date(2026, 3, 2)
STUDENT, STAFF = shipped()
both = pytest.mark.parametrize("questionnaire", [STUDENT, STAFF], ids=["student", "staff"])


def weigh(questionnaire: Questionnaire, **changes: Any) -> Triage:
    """The all-clear answers with these changes, on a Monday."""
    answers = questionnaire.all_clear() | changes
    return triage(questionnaire, prune(questionnaire, answers), MONDAY)


@both
def test_all_clear_is_cleared_for_today(questionnaire: Questionnaire) -> None:
    assert weigh(questionnaire) == Triage(Disposition.cleared, 0, (), MONDAY)


@both
@pytest.mark.parametrize("temperature", [37.3, 38, 42.9, "fever"])
def test_from_37_3_on_one_stays_at_home_tomorrow_too(
    questionnaire: Questionnaire, temperature: float | str
) -> None:
    weighed = weigh(questionnaire, temperature=temperature)
    assert weighed.disposition is Disposition.stay_home
    assert weighed.reasons == ("fever",)
    assert weighed.valid_until == MONDAY + timedelta(days=1)
    assert weighed.advice == "fever"


@both
@pytest.mark.parametrize("temperature", [34, 36.5, 37.2, "normal"])
def test_below_37_3_is_no_fever(questionnaire: Questionnaire, temperature: float | str) -> None:
    assert weigh(questionnaire, temperature=temperature).severity == 0


@both
@pytest.mark.parametrize("symptom", ["cough", "runny_nose", "sore_throat", "headache", "other"])
def test_one_mild_symptom_is_for_the_nurse(questionnaire: Questionnaire, symptom: str) -> None:
    weighed = weigh(questionnaire, symptoms=[symptom])
    assert (weighed.disposition, weighed.severity) == (Disposition.see_nurse, 1)
    assert weighed.reasons == ("symptoms",)


@both
@pytest.mark.parametrize("symptom", ["vomiting", "diarrhoea", "rash", "breathing"])
def test_one_serious_symptom_is_enough_to_stay_at_home(
    questionnaire: Questionnaire, symptom: str
) -> None:
    assert weigh(questionnaire, symptoms=[symptom]).disposition is Disposition.stay_home


@both
def test_two_mild_symptoms_are_enough_to_stay_at_home(questionnaire: Questionnaire) -> None:
    weighed = weigh(questionnaire, symptoms=["cough", "headache"])
    assert weighed.disposition is Disposition.stay_home
    assert weighed.reasons == ("symptoms",)


@both
def test_every_reason_is_kept_and_the_longest_stay_counts(questionnaire: Questionnaire) -> None:
    weighed = weigh(questionnaire, temperature=38.2, symptoms=["cough", "vomiting"])
    assert weighed.reasons == ("fever", "stomach", "symptoms")
    assert weighed.valid_until == MONDAY + timedelta(days=2)


@both
def test_a_contact_stays_at_home_for_fourteen_days(questionnaire: Questionnaire) -> None:
    weighed = weigh(questionnaire, contact="contact")
    assert weighed.disposition is Disposition.stay_home
    assert weighed.valid_until == MONDAY + timedelta(days=14)


def test_a_long_stay_is_worse_than_a_short_one() -> None:
    assert weigh(STUDENT, contact="contact").severity > weigh(STUDENT, temperature=39).severity


def test_a_lesser_rule_does_not_lengthen_the_worst() -> None:
    document = a_document()
    document["triage"][1]["days"] = 5
    weighed = weigh(parse_questionnaire(document), temperature=38, symptoms=["cough"])
    assert weighed.reasons == ("fever", "symptoms")
    assert weighed.valid_until == MONDAY + timedelta(days=1)


def test_a_stay_is_long_from_a_week_on() -> None:
    assert severity_of(Disposition.stay_home, 6) == 2
    assert severity_of(Disposition.stay_home, 7) == 3
    assert severity_of(Disposition.see_nurse, 7) == 1


@both
def test_travel_is_kept_with_the_days_it_may_have_mattered(questionnaire: Questionnaire) -> None:
    weighed = weigh(questionnaire, contact={"name": "武汉", "code": "420100"})
    assert weighed.reasons == ("travel",)
    assert weighed.disposition is Disposition.see_nurse
    assert weighed.exposures == (Exposure("武汉", "420100", date(2026, 2, 16), MONDAY),)


@both
def test_being_elsewhere_is_no_illness_but_is_kept(questionnaire: Questionnaire) -> None:
    weighed = weigh(questionnaire, place={"name": "Puning"})
    assert (weighed.severity, weighed.reasons) == (0, ("elsewhere",))
    assert weighed.exposures == (Exposure("Puning", None, MONDAY, MONDAY),)


@both
def test_not_coming_without_symptoms_is_absent_and_nothing_more(
    questionnaire: Questionnaire,
) -> None:
    weighed = weigh(questionnaire, attending="no")
    assert (weighed.disposition, weighed.severity) == (Disposition.cleared, 0)
    assert weighed.absent
    assert weighed.reasons == ("absent",)


def test_staying_away_with_a_cough_is_both() -> None:
    weighed = weigh(STUDENT, attending="no", symptoms=["cough"])
    assert weighed.absent
    assert weighed.disposition is Disposition.see_nurse
    assert weighed.reasons == ("symptoms", "absent")


def test_half_a_set_of_good_answers_clears_nobody() -> None:
    answers: dict[str, Any] = {"temperature": "normal", "symptoms": []}
    assert worst_so_far(STUDENT, answers, MONDAY) is None
    with pytest.raises(ValueError, match="complete"):
        triage(STUDENT, answers, MONDAY)


def test_a_fever_need_not_wait_for_the_other_questions() -> None:
    weighed = worst_so_far(STUDENT, {"temperature": 38.4}, MONDAY)
    assert weighed is not None
    assert weighed.disposition is Disposition.stay_home


@both
def test_every_reason_and_advice_can_be_said(questionnaire: Questionnaire) -> None:
    reasons = {rule.reason for rule in questionnaire.rules}
    advice = {rule.advice for rule in questionnaire.rules} - {None}
    assert reasons == questionnaire.reasons.keys()
    assert advice == questionnaire.advice.keys()
    flagged = [rule for rule in questionnaire.rules if rule.disposition != Disposition.cleared]
    assert all(rule.advice for rule in flagged)


@both
def test_every_answer_but_the_all_clear_one_leaves_a_reason(questionnaire: Questionnaire) -> None:
    healthy = questionnaire.all_clear()
    for question in questionnaire.questions:
        for choice in question.choices:
            value = [choice.key] if question.kind == "several" else choice.key
            reasons = weigh(questionnaire, **{question.key: value}).reasons
            assert bool(reasons) == (value != healthy[question.key]), (question.key, value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_worst_rule_decides_and_every_reason_stays_in_order(data: st.DataObject) -> None:
    document, questionnaire = data.draw(accepted())
    answers = prune(questionnaire, data.draw(some_answers(document, all_of_them=True)))
    if not is_complete(questionnaire, answers):
        return
    weighed = triage(questionnaire, answers, MONDAY)
    met = [rule for rule in document["triage"] if meets(rule["when"], document, answers)]
    order = ["cleared", "see_nurse", "stay_home"]
    worst = max([order.index(rule["disposition"]) for rule in met], default=0)
    days = max([rule["days"] for rule in met if rule["disposition"] == order[worst]], default=0)
    reasons: list[str] = []
    for rule in met:
        if rule["reason"] not in reasons:
            reasons.append(rule["reason"])
    assert weighed.disposition == order[worst]
    assert weighed.valid_until == MONDAY + timedelta(days=days)
    assert list(weighed.reasons) == reasons
    assert weighed.absent == any(rule["absent"] for rule in met)
    assert weighed.severity == worst + (worst == 2 and days >= 7)
