"""The plans of a school as a file that people edit: who is asked, how often, at what times.

The file is YAML, in either language. How it is read into `Said` is known above; here stands what
its words mean, and what is wrong with them, each problem with its line.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Union

from checkin.calendars import Recurrence
from checkin.days import weekday_of
from checkin.facts import fact
from checkin.plans import Audience, Plan
from checkin.recurrences import parse_recurrence
from checkin.steps import Action, Step, StepsReason, read_ladder

MOST_PLANS = 20
STEPS = "steps_"  # before the code of a problem that is a ladder's


@fact
class Said:
    """A value of the file and its line, from 1: words, a list, or names with values."""

    line: int
    value: Union[str, tuple["Said", ...], Mapping[str, "Said"]]  # noqa: UP007 - refers to itself


class PlanFileCode(StrEnum):
    """What can be wrong with a plan file; the words live above.

    not_yaml: the layout cannot be read there.
    twice: {word} is written twice.
    no_plans: there is no list of plans.
    unknown_word: {word} is none of {known}.
    missing: {word} is not said.
    audience: {text} is nobody we ask.
    audience_twice: {text} has a plan above already.
    runs: {text} is no rhythm.
    weekdays: {text} is no day of the week.
    weekdays_unused: days of the week beside "every day".
    questionnaire: {text} is none of {known}.
    step: {text} is not a step with a time.
    too_large: the file is too large for plans.
    """

    not_yaml = "not_yaml"
    twice = "twice"
    no_plans = "no_plans"
    unknown_word = "unknown_word"
    missing = "missing"
    audience = "audience"
    audience_twice = "audience_twice"
    runs = "runs"
    weekdays = "weekdays"
    weekdays_unused = "weekdays_unused"
    questionnaire = "questionnaire"
    step = "step"
    too_large = "too_large"


@fact
class PlanProblem:
    """Something to mend: its line, and why: a code of the file, or of a ladder (`steps_...`)."""

    line: int
    code: str
    args: Mapping[str, str] = field(default_factory=dict)


class PlanFileErrors(Exception):
    """Everything that is wrong with a plan file."""

    def __init__(self, problems: Sequence[PlanProblem]) -> None:
        super().__init__(f"{len(problems)} problem(s) in a plan file.")
        self.problems = tuple(problems)


class Word(StrEnum):
    """The words of the file that name something."""

    plans = "plans"
    audience = "audience"
    runs = "runs"
    weekdays = "weekdays"
    questionnaire = "questionnaire"
    steps = "steps"


_WORDS = {
    "en": {word: word.value for word in Word},
    "zh": {
        Word.plans: "安排",
        Word.audience: "对象",
        Word.runs: "频率",
        Word.weekdays: "星期",
        Word.questionnaire: "问卷",
        Word.steps: "步骤",
    },
}
_WORD_OF = {said: word for words in _WORDS.values() for word, said in words.items()}
_AUDIENCES = {
    "en": {audience: audience.value for audience in Audience},
    "zh": {Audience.students: "学生", Audience.staff: "教职工"},
}
_AUDIENCE_OF = {said: each for words in _AUDIENCES.values() for each, said in words.items()}
_RUNS = {
    "en": {
        Recurrence.school_days: "school days",
        Recurrence.weekdays: "weekdays",
        Recurrence.every_day: "every day",
    },
    "zh": {
        Recurrence.school_days: "上学日",
        Recurrence.weekdays: "工作日",
        Recurrence.every_day: "每天",
    },
}
_DAYS = {
    "en": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
}
_STEPS = {
    "en": {action: action.value for action in Action},
    "zh": {
        Action.evening: "前一晚",
        Action.ask: "询问",
        Action.remind: "提醒",
        Action.card: "班级卡片",
        Action.close: "截止",
        Action.summary: "汇总",
        Action.chase: "催签",
        Action.deputy: "代签",
    },
}
_SECOND = {"en": "second", "zh": "第二监护人"}
_EVENING = {"en": "evening ", "zh": "前一晚"}


# ---- writing -------------------------------------------------------------------------------


def write_plans(plans: Sequence[Plan], language: str, comments: Mapping[str, str]) -> str:
    """Return plans as a file to edit.

    `comments` says in the reader's language what the whole is ("head") and what each word means;
    what has none stands without.
    """
    language = language if language in _WORDS else "en"
    lines = [f"# {line}" for line in comments.get("head", "").splitlines()]
    lines.append(f"{_WORDS[language][Word.plans]}:")
    for plan in plans:
        lines += _written(plan, language, comments)
    return "\n".join(lines) + "\n"


def _written(plan: Plan, language: str, comments: Mapping[str, str]) -> Iterator[str]:
    words = _WORDS[language]

    def line(word: Word, value: str, indent: str = "    ") -> str:
        said = f"{indent}{words[word]}:{' ' * bool(value)}{value}"
        return said + (f"  # {comments[word]}" if word in comments else "")

    yield line(Word.audience, _AUDIENCES[language][plan.audience], "  - ")
    yield line(Word.runs, _RUNS[language][plan.recurrence])
    if plan.weekdays and plan.recurrence is not Recurrence.every_day:
        days = ", ".join(_DAYS[language][day] for day in plan.weekdays)
        yield line(Word.weekdays, f"[{days}]")
    yield line(Word.questionnaire, plan.questionnaire)
    yield line(Word.steps, "")
    for step in plan.steps:
        name = step_name(step, language)
        said = f"      - {name}: {step.at:%H:%M}"
        key = "second" if step.action is Action.ask and step.rung > 1 else step.action.value
        yield said + (f"  # {comments[key]}" if key in comments else "")


def step_name(step: Step, language: str) -> str:
    """Return what a step is called in a file."""
    if step.action is Action.ask and step.rung > 1:
        return _SECOND[language]
    evening = _EVENING[language] if step.day_offset and step.action is not Action.evening else ""
    return evening + _STEPS[language][step.action]


# ---- reading -------------------------------------------------------------------------------


def read_plans(said: Said, known: Sequence[Plan], questionnaires: Collection[str]) -> list[Plan]:
    """Return the school's plans as a file wants them; those it does not name stay as they are.

    Raises:
        PlanFileErrors: with every problem found.
    """
    reader = _Reader(known, questionnaires)
    found = reader.plans(said)
    if reader.problems:
        raise PlanFileErrors(sorted(reader.problems, key=lambda problem: problem.line))
    changed = {plan.id: plan for plan in found}
    return [changed.get(plan.id, plan) for plan in known]


class _Reader:
    def __init__(self, known: Sequence[Plan], questionnaires: Collection[str]) -> None:
        self.known = {plan.audience: plan for plan in known}
        self.questionnaires = questionnaires
        self.problems: list[PlanProblem] = []

    def note(self, line: int, code: str, **args: str) -> None:
        self.problems.append(PlanProblem(line, code, args))

    def plans(self, said: Said) -> list[Plan]:
        named = self._named(said, {Word.plans})
        listed = named.get(Word.plans)
        if listed is None or not isinstance(listed.value, tuple) or not listed.value:
            if not self.problems:
                self.note(said.line, PlanFileCode.no_plans)
            return []
        found = [self._plan(each) for each in listed.value[:MOST_PLANS]]
        return [each for each in found if each is not None]

    def _named(self, said: Said, known: Collection[Word]) -> dict[Word, Said]:
        if not isinstance(said.value, Mapping):
            self.note(said.line, PlanFileCode.no_plans)
            return {}
        named: dict[Word, Said] = {}
        for text, value in said.value.items():
            word = _WORD_OF.get(text.strip().lower())
            if word is None or word not in known:
                words = "、".join if not text.isascii() else ", ".join
                language = "en" if text.isascii() else "zh"
                listed = words(_WORDS[language][each] for each in Word if each in known)
                self.note(value.line, PlanFileCode.unknown_word, word=text[:40], known=listed)
            elif word in named:
                self.note(value.line, PlanFileCode.twice, word=text)
            else:
                named[word] = value
        return named

    def _plan(self, said: Said) -> Plan | None:
        before = len(self.problems)
        named = self._named(said, set(Word) - {Word.plans})
        if len(self.problems) == before and isinstance(said.value, Mapping):
            language = "en" if all(text.isascii() for text in said.value) else "zh"
            for word in (Word.audience, Word.runs, Word.steps):
                if word not in named:
                    missing = _WORDS[language][word]
                    self.note(said.line, PlanFileCode.missing, word=missing)
        plan = self._audience(named.get(Word.audience))
        recurrence, weekdays = self._runs(named.get(Word.runs), named.get(Word.weekdays))
        asked = self._questionnaire(named.get(Word.questionnaire))
        steps = self._steps(named.get(Word.steps))
        if len(self.problems) > before or plan is None or recurrence is None:
            return None
        return replace(
            plan,
            recurrence=recurrence,
            weekdays=weekdays,
            questionnaire=asked or plan.questionnaire,
            steps=steps,
        )

    def _audience(self, said: Said | None) -> Plan | None:
        if said is None:
            return None
        text = self._text(said)
        audience = _AUDIENCE_OF.get(text.strip().lower())
        if audience is None:
            self.note(said.line, PlanFileCode.audience, text=text[:40])
            return None
        plan = self.known.pop(audience, None)
        if plan is None:
            self.note(said.line, PlanFileCode.audience_twice, text=text)
        return plan

    def _runs(
        self, runs: Said | None, weekdays: Said | None
    ) -> tuple[Recurrence | None, tuple[int, ...]]:
        repeats = parse_recurrence(self._text(runs)) if runs else None
        if runs is not None and repeats is None:
            self.note(runs.line, PlanFileCode.runs, text=self._text(runs)[:40])
        if weekdays is None or repeats is None:
            return (repeats.recurrence, repeats.weekdays) if repeats else (None, ())
        if repeats.recurrence is Recurrence.every_day:
            self.note(weekdays.line, PlanFileCode.weekdays_unused)
        return repeats.recurrence, self._days(weekdays) or repeats.weekdays

    def _days(self, said: Said) -> tuple[int, ...]:
        listed = said.value if isinstance(said.value, tuple) else (said,)
        days: set[int] = set()
        for each in listed:
            text = self._text(each)
            for word in text.replace(",", " ").replace("、", " ").replace("，", " ").split():
                day = weekday_of(word.lower())
                if day is None:
                    self.note(each.line, PlanFileCode.weekdays, text=word[:40])
                else:
                    days.add(day)
        return tuple(sorted(days))

    def _questionnaire(self, said: Said | None) -> str | None:
        if said is None:
            return None
        text = self._text(said).strip()
        if text not in self.questionnaires:
            known = ", ".join(sorted(self.questionnaires))
            self.note(said.line, PlanFileCode.questionnaire, text=text[:40], known=known)
        return text

    def _steps(self, said: Said | None) -> tuple[Step, ...]:
        if said is None:
            return ()
        lines: list[tuple[int, str]] = []
        for each in said.value if isinstance(said.value, tuple) else ():
            if isinstance(each.value, Mapping) and len(each.value) == 1:
                [(name, at)] = each.value.items()
                lines.append((each.line, f"{name} {self._text(at)}"))
            else:
                lines.append((each.line, self._text(each)))
        found = read_ladder([text for _, text in lines])
        if isinstance(found, tuple):
            return found
        line, text = (said.line, "") if found.place is None else lines[found.place]
        if found.why.reason is StepsReason.not_understood:
            self.note(line, PlanFileCode.step, text=text[:40])
        else:
            self.note(line, f"{STEPS}{found.why.reason.value}", **found.why.args)
        return ()

    def _text(self, said: Said) -> str:
        return said.value if isinstance(said.value, str) else ""
