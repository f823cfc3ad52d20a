"""What the answers mean for today: come to school, see the nurse, or stay at home."""

from collections.abc import Iterable
from datetime import date, timedelta

from checkin.answers import answers_that_count, prune
from checkin.facts import fact
from checkin.questions import Answers, Disposition, Questionnaire, TriageRule, holds

__all__ = ["Disposition", "Exposure", "Triage", "severity_of", "triage", "worst_so_far"]

LONG_STAY = 7
LONGEST_HOLD = (
    31  # days that a rule may keep somebody at home, and how far back a hold is looked for
)
_RANK = {Disposition.cleared: 0, Disposition.see_nurse: 1, Disposition.stay_home: 2}


@fact
class Exposure:
    """A place outside the usual one, and the days it may have mattered (both included)."""

    place_name: str
    code: str | None
    from_: date
    until: date


@fact
class Triage:
    """What follows from a complete set of answers.

    `severity` orders outcomes: 0 cleared, 1 see the nurse, 2 stay at home, 3 stay at home for a
    week or more. `valid_until` is the last day it holds. `absent` means the person said they are
    not coming, which by itself is nothing to worry about.
    """

    disposition: Disposition
    severity: int
    reasons: tuple[str, ...]
    valid_until: date
    absent: bool = False
    advice: str | None = None
    exposures: tuple[Exposure, ...] = ()


def triage(questionnaire: Questionnaire, answers: Answers, on: date) -> Triage:
    """Weigh a complete set of answers for one school day.

    The worst disposition wins and lasts as long as the longest rule that asks for it; the reasons
    of all rules that apply are kept, in the order of the rules. Answers to questions that were not
    shown weigh nothing.

    Raises:
        ValueError: the answers are not complete. Silence is never health, so nothing can be
            concluded from half of them; `worst_so_far` looks at what is there.
    """
    counting = answers_that_count(questionnaire, answers)
    if counting is None:
        raise ValueError("only a complete set of answers can be triaged")
    return _weigh(questionnaire, counting, on)


def worst_so_far(questionnaire: Questionnaire, answers: Answers, on: date) -> Triage | None:
    """What answers given so far already mean; None while nothing in them is amiss.

    A fever told in the first of five questions need not wait for the other four, but half a set
    of good answers clears nobody.
    """
    so_far = _weigh(questionnaire, prune(questionnaire, answers), on)
    return so_far if so_far.severity else None


def severity_of(disposition: Disposition, days: int = 0) -> int:
    """How bad an outcome is. A long stay is worse than a short one.

    Otherwise two weeks at home after a contact could be swapped for a day with a fever by the
    next tap, without anybody at school having agreed.
    """
    return _RANK[disposition] + (disposition is Disposition.stay_home and days >= LONG_STAY)


def _weigh(questionnaire: Questionnaire, answers: Answers, on: date) -> Triage:
    applying = [
        rule for rule in questionnaire.rules if holds(rule.when, questionnaire.by_key, answers)
    ]
    severity = max((_severity(rule) for rule in applying), default=0)
    disposition = max(
        (rule.disposition for rule in applying), key=_RANK.__getitem__, default=Disposition.cleared
    )
    deciding = [rule for rule in applying if rule.disposition is disposition]
    return Triage(
        disposition=disposition,
        severity=severity,
        reasons=tuple(dict.fromkeys(rule.reason for rule in applying)),
        valid_until=on + timedelta(days=max((rule.days for rule in deciding), default=0)),
        absent=any(rule.absent for rule in applying),
        advice=_advice(applying, severity),
        exposures=tuple(_exposures(questionnaire, answers, on)),
    )


def _severity(rule: TriageRule) -> int:
    return severity_of(rule.disposition, rule.days)


def _advice(applying: list[TriageRule], severity: int) -> str | None:
    worst = (rule.advice for rule in applying if rule.advice and _severity(rule) == severity)
    return next(worst, None)


def _exposures(questionnaire: Questionnaire, answers: Answers, on: date) -> Iterable[Exposure]:
    for question in questionnaire.questions:
        place = answers.get(question.key)
        if question.kind == "place" and isinstance(place, dict):
            yield Exposure(
                place_name=place["name"],
                code=place.get("code") or None,
                from_=on - timedelta(days=question.days_back),
                until=on,
            )
