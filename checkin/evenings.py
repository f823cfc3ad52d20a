"""The evening before: what can be said then, and what only the morning knows."""

from datetime import date

from checkin.answers import Answers, is_complete
from checkin.questions import Questionnaire
from checkin.triage import triage


def kept_for_the_morning(
    questionnaire: Questionnaire, answers: Answers, on: date
) -> Answers | None:
    """Return what of a complete set of answers stands until the morning; None when all of it does.

    A child who is well and coming is asked once more in the morning, for what an evening cannot
    know. Who is unwell or not coming is reported at once: that need not wait, and nobody is
    woken to measure the temperature of a child in bed.
    """
    weighed = triage(questionnaire, answers, on)
    asked_again = _mornings(questionnaire)
    if weighed.severity or weighed.absent or not asked_again.keys() & answers.keys():
        return None
    return {key: value for key, value in answers.items() if key not in asked_again}


def only_the_morning_is_left(questionnaire: Questionnaire, answers: Answers) -> bool:
    """Say whether everything has been answered but what is asked in the morning."""
    if not answers or is_complete(questionnaire, answers):
        return False
    return is_complete(questionnaire, {**answers, **_mornings(questionnaire)})


def _mornings(questionnaire: Questionnaire) -> Answers:
    well = questionnaire.all_clear()
    return {
        question.key: well[question.key]
        for question in questionnaire.questions
        if question.in_the_morning and question.key in well
    }
