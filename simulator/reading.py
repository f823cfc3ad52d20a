"""What the bot's messages say, read back: the one place that knows the words, in both languages.

The words are written down here a second time on purpose: the oracle sees what a family sees. The
names of the forms are those of the catalogues, so that a test can say which of them has changed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from itertools import pairwise
from typing import Any

_FIELDS = {
    "time": r"\d\d:\d\d",
    "n": r"\d+",
    "of": r"\d+",
    "place": r"\d+",
    "accounted": r"\d+",
    "unaccounted": r"\d+",
    "cases": r"\d+",
    "percent": r"\d+%|–",
    "day": r"[A-Z][a-z]{2} \d+ [A-Z][a-z]{2}|\d+月\d+日 周.",
    "unit": r"[^（()）]+",
}

# By the key of the catalogue: in English (forms for one and for many) and in Chinese; of several
# lines the first.
FORMS: dict[str, tuple[str, ...]] = {
    # the household's card
    "card.greeting": ("Good morning. {day}", "早上好！{day}"),
    "card.day": ("{day}", "{day}"),
    "card.ask": (
        "All well this morning? One tap is enough.",
        "How is everyone this morning? One tap if all is well.",
        "今早身体都好吗？没有不舒服，点一下就行。",
    ),
    "card.ask_oneself": (
        "How are you this morning? One tap if all is well.",
        "您今早身体怎么样？没有不舒服，点一下就行。",
    ),
    "card.cleared": ("✓ {time} {names}: all clear", "✓ {time} {names}：都好"),
    "card.done_absent": (
        "✓ {time} {names}: not coming today, noted",
        "✓ {time} {names}：今天不到校，已记下",
    ),
    "card.see_nurse": (
        "{time} {names}: please see the nurse on arrival.",
        "{time} {names}：到校请先找校医看一下。",
    ),
    "card.stay_home": (
        "{time} {names}: please stay home today.",
        "{time} {names}：今天请在家休息，先不要到校。",
    ),
    "card.correction_waits": ("Your correction is with the school.", "修改已转给学校。"),
    "card.closed_late": (
        "The check-in closed at {time}. You can still answer; it counts as late.",
        "晨检已于{time}截止，现在还可以补填，会记为迟报。",
    ),
    "card.closed": (
        "This check-in is over. If someone is unwell, you can still say so.",
        "这次晨检已经结束。如果有人不舒服，仍然可以报告。",
    ),
    "card.nothing": ("Nothing to answer here today.", "今天这里没有要填的。"),
    "question.progress": ("{place} of {of} · {who}", "{place}/{of} · {who}"),
    # reminders
    "remind": (
        "Still waiting for {names}. Please answer by {time}.",
        "{names}今天的晨检还没填，请在{time}前填好。",
    ),
    "remind.oneself": (
        "Still waiting for your answer. Please send it by {time}.",
        "您今天的晨检还没填，请在{time}前填好。",
    ),
    # the class card
    "class.title": ("Class {unit} · {day}", "{unit} 晨检 · {day}"),
    "class.in": ("{n} of {of} in", "应填{of}人，已填{n}人"),
    "class.unwell": ("{n} unwell", "不适{n}人"),
    "class.silent_count": ("{n} silent", "未填{n}人"),
    "class.stay_home": ("Stay home: {names}", "在家休息：{names}"),
    "class.see_nurse": ("Nurse first: {names}", "到校先看校医：{names}"),
    "class.correction": ("Correction asked: {names}", "申请修改：{names}"),
    "class.absent": ("Not coming: {names}", "今天不来：{names}"),
    "class.silent": ("Silent: {names}", "未填：{names}"),
    "class.unreachable": (
        "Not joined or out of reach: {names}",
        "家长未加入或收不到消息：{names}",
    ),
    "class.all_well": (
        "Everyone expected has answered, and all are well.",
        "应填的都填了，都好。",
    ),
    "class.closed": (
        "The check-in is closed. Late answers still show here.",
        "已截止，之后补填的也会显示在这里。",
    ),
    # word of a flag
    "flag.stay_home": (
        "⚠️ {time} {name} ({unit}): stays home today",
        "⚠️ {time} {name}（{unit}）：今天在家休息",
    ),
    "flag.see_nurse": (
        "⚠️ {time} {name} ({unit}): comes in, nurse first",
        "⚠️ {time} {name}（{unit}）：到校先看校医",
    ),
    "flag.cleared": (
        "✓ {time} {name} ({unit}): all clear after all",
        "✓ {time} {name}（{unit}）：已改为正常",
    ),
    "flag.correction": (
        "{name} ({unit}): a correction is asked for.",
        "{name}（{unit}）申请修改填报。",
    ),
    "flag.decided": (
        "{name} ({unit}): {now}. Decided, the family sees it.",
        "{name}（{unit}）：{now}。已处理，家长能看到。",
    ),
    # the summary
    "summary.title": ("{unit} · {day}", "{unit} · {day}"),
    "summary.students": (
        "Students: {n} of {of} answered ({percent})",
        "学生：应填{of}人，已填{n}人（{percent}）",
    ),
    "summary.staff": (
        "Staff: {n} of {of} answered ({percent})",
        "教职工：应填{of}人，已填{n}人（{percent}）",
    ),
    "summary.no_cases": (
        "No case among the {accounted} accounted for.",
        "已掌握情况的{accounted}人中，异常0例。",
    ),
    "summary.cases": ("{n} case: {kinds}", "{n} cases: {kinds}", "异常{n}例：{kinds}"),
    "summary.cases_stay_home": ("{n} stay home", "在家休息{n}人"),
    "summary.cases_see_nurse": ("{n} to the nurse", "先看校医{n}人"),
    "summary.line_stay_home": ("· {name} ({unit}): stay home", "· {name}（{unit}）：在家休息"),
    "summary.line_see_nurse": ("· {name} ({unit}): to the nurse", "· {name}（{unit}）：先看校医"),
    "summary.absent": ("Not coming, nothing amiss reported: {n}", "不到校，未报不适：{n}人"),
    "summary.unaccounted": ("Not heard from: {n}", "情况不明：{n}人"),
    "summary.class_line": ("· {unit} ({n}): {names}", "· {unit}（{n}人）：{names}"),
    "summary.line": ("· {name} ({unit})", "· {name}（{unit}）"),
    "summary.more": ("… and {n} more", "……还有{n}人"),
    "summary.everyone": ("Nobody is unaccounted for.", "情况不明：0人，全员已落实。"),
    "summary.signed": (
        "✍️ Signed at {time} by {name}. Cases: {cases}, not heard from: {unaccounted}",
        "✍️ {time} {name} 已签名：异常{cases}例，情况不明{unaccounted}人",
    ),
    # short answers to a tap
    "toast.thanks": ("Thank you. Have a good day!", "收到，谢谢您！"),
    "toast.already_answered": ("Already answered, thank you.", "已经填过了，谢谢您。"),
    "toast.card_was_old": (
        "Something has changed since. Please look again.",
        "情况有更新，请看最新的卡片。",
    ),
    "toast.correction_asked": (
        "Noted. The school will look at it first; until then the earlier answer stands.",
        "已记下。要等学校确认后才修改，在此之前以原来的为准。",
    ),
    "toast.too_late": (
        "This check-in is over, so nothing was changed. If someone is unwell, you can still say"
        " so.",
        "这次晨检已经结束，没有改动。如果有人不舒服，仍然可以报告。",
    ),
    "toast.not_yours": (
        "This button does not work for you any more. Nothing was changed.",
        "这个按钮您现在用不了，没有任何改动。",
    ),
    "toast.refreshed": ("This is how it stands now.", "已是最新情况。"),
    "toast.reasons": ("Reported: {reasons}", "填报的情况：{reasons}"),
    "toast.released": ("Correction accepted.", "已同意修改。"),
    "toast.flag_kept": ("It stays as it was.", "维持原来的，没有修改。"),
    "toast.nothing_to_release": ("This has been decided already.", "这件事已经处理过了。"),
    "toast.signed": ("Signed. Thank you.", "已签名，辛苦了！"),
    "toast.already_signed": ("This day has been signed already.", "这一天已经签过名了。"),
    "toast.not_closed_yet": (
        "Answers are still coming in. You can sign after the deadline.",
        "还在填报，截止后才能签名。",
    ),
    # buttons
    "button.all_clear": ("All clear", "All clear for all {n}", "都好"),
    "button.all_clear_both": ("All clear for both", "两个都好"),
    "button.all_clear_named": ("All clear: {names}", "{names}：都好"),
    "button.subject": ("{name}…", "{name}…"),
    "button.oneself": ("About me…", "说说我的情况"),
    "button.change": ("Change", "修改"),
    "button.done": ("Done ({n} chosen)", "选好了（{n}项）"),
    "button.none": ("None of these", "都没有"),
    "button.refresh": ("Refresh", "刷新"),
    "button.details": ("Why?", "看原因"),
    "button.release": ("Accept", "同意修改"),
    "button.keep_flag": ("Leave as it is", "维持原来的"),
    "button.sign_zero": ("Sign: zero cases", "签名：零报告"),
    "button.sign": ("Sign: {n} case", "Sign: {n} cases", "签名：异常{n}例"),
}

# The choices of the questionnaire, as they stand on buttons.
CHOICES: dict[str, tuple[str, ...]] = {
    "normal": ("Normal", "正常"),
    "fever": ("37.3 °C or above", "37.3℃及以上"),
    "cough": ("☐ Cough", "☐ 咳嗽"),
    "town": ("Here in town", "在本地"),
    "neither": ("Neither", "都没有"),
    "coming": ("Yes", "来"),
    "not_coming": ("Not today", "今天不来"),
}

RESULTS = {  # a line on a family's card -> what the school makes of the answer
    "card.cleared": "well",
    "card.done_absent": "absent",
    "card.see_nurse": "nurse",
    "card.stay_home": "home",
}
_GROUPS = ("stay_home", "see_nurse", "correction", "absent", "silent", "unreachable")
_TAG = re.compile(r"<[^>]+>")
_BRACKETS = re.compile(r"^(.+?)(?: \(|（)([^（()）]+)[)）]$")


def _pattern(form: str) -> str:
    parts = re.split(r"\{(\w+)\}", form)
    made, seen = "", set()
    for place, part in enumerate(parts):
        if place % 2 == 0:
            made += re.escape(part)
        elif part in seen:
            made += f"(?P={part})"
        else:
            seen.add(part)
            made += f"(?P<{part}>{_FIELDS.get(part, '.+?')})"
    return made


_COMPILED = {
    key: tuple(re.compile(_pattern(form) + r"\Z") for form in forms)
    for key, forms in (FORMS | CHOICES).items()
}


def says(key: str, line: str) -> dict[str, str] | None:
    """Return what a line says in this form; None when it is of another."""
    for pattern in _COMPILED[key]:
        if found := pattern.match(line):
            return found.groupdict()
    return None


def plain(text: str) -> str:
    """Return a message's text as it is read: without markup."""
    return unescape(_TAG.sub("", text))


def names_of(listed: str) -> tuple[str, ...]:
    """Return the names of a list, in order."""
    return tuple(name for name in re.split(r"、|, ", listed) if name and name != "…")


@dataclass(frozen=True, slots=True)
class Button:
    """A button as it stands under a message."""

    text: str
    data: str


def buttons_of(params: Mapping[str, Any]) -> tuple[Button, ...]:
    """Return the buttons of a call, in order."""
    markup = params.get("reply_markup")
    if not markup:
        return ()
    if isinstance(markup, str):
        markup = json.loads(markup)
    return tuple(
        Button(button["text"], button.get("callback_data", ""))
        for row in markup.get("inline_keyboard", ())
        for button in row
    )


# ---- what kind of message ------------------------------------------------------------------


@lru_cache(maxsize=4096)
def kind_of(text: str) -> str:
    """Say what a message is: a card, a reminder, a class, a summary, a flag, a correction."""
    first, _, rest = text.partition("\n")
    for kind, keys in _KINDS.items():
        if any(says(key, first) is not None for key in keys):
            if kind == "summary" and not _is_summary(rest):
                continue
            return kind
    return "words"


_KINDS = {
    "card": ("card.greeting", "card.day", "question.progress", "card.nothing"),
    "reminder": ("remind", "remind.oneself"),
    "class": ("class.title",),
    "flag": ("flag.stay_home", "flag.see_nurse", "flag.cleared", "flag.decided"),
    "correction": ("flag.correction",),
    "summary": ("summary.title",),
}


def _is_summary(rest: str) -> bool:
    return any(says("summary.students", line) is not None for line in rest.split("\n"))


def toast_of(text: str) -> str:
    """Return which short answer to a tap this is; empty for the silent one."""
    if not text:
        return ""
    for key in FORMS:
        if key.startswith("toast.") and says(key, text) is not None:
            return key.removeprefix("toast.")
    return "unknown"


# ---- a household's card --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Card:
    """What a family sees: who is answered for and how, and who is still waited for."""

    results: tuple[tuple[str, str, str], ...] = ()  # (name or "oneself", time, what), sorted
    waiting: tuple[str, ...] = ()
    correction: bool = False
    closed: bool = False
    question: str = ""


YOU = frozenset({"you", "您"})


def card(text: str) -> Card:
    """Read a household's card."""
    lines = text.split("\n")
    if found := says("question.progress", lines[0]):
        return Card(question=found["who"])
    results: list[tuple[str, str, str]] = []
    waiting: tuple[str, ...] = ()
    notices = set()
    for before, line in pairwise(lines):
        for key, what in RESULTS.items():
            if found := says(key, line):
                results += [
                    ("oneself" if name in YOU else name, found["time"], what)
                    for name in names_of(found["names"])
                ]
        if says("card.ask", line) is not None:
            waiting = tuple(sorted(_bare_name(name) for name in names_of(before)))
        elif says("card.ask_oneself", line) is not None:
            waiting = ("oneself",)
        notices |= {
            key
            for key in ("card.correction_waits", "card.closed_late", "card.closed")
            if says(key, line) is not None
        }
    return Card(
        tuple(sorted(results)),
        waiting,
        "card.correction_waits" in notices,
        bool(notices & {"card.closed_late", "card.closed"}),
    )


def _bare_name(name: str) -> str:
    if name in YOU:
        return "oneself"
    found = _BRACKETS.match(name)
    return found[1] if found else name


def reminded(text: str) -> tuple[str, ...]:
    """Return whom a reminder is about."""
    if found := says("remind", text):
        return tuple(sorted(_bare_name(name) for name in names_of(found["names"])))
    return ("oneself",)


# ---- flags ---------------------------------------------------------------------------------

_FLAGS = {"flag.stay_home": "home", "flag.see_nurse": "nurse", "flag.cleared": "well"}


def flag(text: str) -> tuple[str, str]:
    """Return whom a word of a flag, or a correction asked for, is about, and what it says."""
    first = text.split("\n", 1)[0]
    for key, what in _FLAGS.items():
        if found := says(key, first):
            return found["name"], what
    if found := says("flag.correction", first):
        return found["name"], "correction"
    if found := says("flag.decided", first):
        return found["name"], "decided"
    return "", ""


# ---- the class card ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Class:
    """What a class teacher sees: counts, and names by what is the matter, each list sorted."""

    unit: str
    counts: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: bool = False


def class_card(text: str) -> Class:
    """Read a class card."""
    lines = text.split("\n")
    title = says("class.title", lines[0]) or {"unit": ""}
    counts: dict[str, int] = {}
    groups: dict[str, tuple[str, ...]] = {}
    closed = False
    for line in lines[1:]:
        if not counts:
            counts = _class_counts(line)
            if counts:
                continue
        closed = closed or says("class.closed", line) is not None
        for group in _GROUPS:
            if found := says(f"class.{group}", line):
                groups[group] = tuple(sorted(names_of(found["names"])))
    return Class(title["unit"], counts, groups, closed)


def _class_counts(line: str) -> dict[str, int]:
    parts = re.split(r"(, |，)", line)
    for size in (1, 3):  # in Chinese the first part has a comma of its own
        if found := says("class.in", "".join(parts[:size])):
            break
    else:
        return {}
    counts = {"in": int(found["n"]), "of": int(found["of"])}
    for part in parts[size + 1 :: 2]:
        for name, key in (("unwell", "class.unwell"), ("silent", "class.silent_count")):
            if said := says(key, part):
                counts[name] = int(said["n"])
    return counts


# ---- the summary ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """What the school lead sees before signing, and the signature."""

    counts: Mapping[str, int] = field(default_factory=dict)
    cases: tuple[tuple[str, str, str], ...] = ()  # (masked name, unit, what), sorted
    unheard: Mapping[str, int] = field(default_factory=dict)  # by unit
    named: tuple[tuple[str, str], ...] = ()  # (unit, masked name) of those not heard from
    signed: tuple[str, str, int, int] | None = None  # (time, name, cases, unaccounted)
    offered: int | None = None  # the cases on the button that signs


def summary(text: str, buttons: Sequence[Button]) -> Summary:
    """Read a summary."""
    counts: dict[str, int] = {}
    cases: list[tuple[str, str, str]] = []
    unheard: dict[str, int] = {}
    named: list[tuple[str, str]] = []
    signed = None
    for line in text.split("\n")[1:]:
        for who in ("students", "staff"):
            if found := says(f"summary.{who}", line):
                counts[f"{who} in"], counts[f"{who} of"] = int(found["n"]), int(found["of"])
        counts.update(_summary_numbers(line))
        for key, what in (("stay_home", "home"), ("see_nurse", "nurse")):
            if found := says(f"summary.line_{key}", line):
                cases.append((found["name"], _unit(found["unit"]), what))
        if (found := says("summary.class_line", line)) and "unaccounted" in counts:
            unheard[_unit(found["unit"])] = int(found["n"])
            named += [(_unit(found["unit"]), name) for name in names_of(found["names"])]
        if found := says("summary.signed", line):
            unaccounted = int(found["unaccounted"])
            signed = (found["time"], found["name"], int(found["cases"]), unaccounted)
    return Summary(
        counts, tuple(sorted(cases)), unheard, tuple(sorted(named)), signed, _offered(buttons)
    )


def _unit(shown: str) -> str:
    return "" if shown in {"Staff", "教职工"} else shown


def _summary_numbers(line: str) -> Iterator[tuple[str, int]]:
    if found := says("summary.no_cases", line):
        yield "cases", 0
        yield "accounted", int(found["accounted"])
    if found := says("summary.cases", line):
        yield "cases", int(found["n"])
        for part in re.split(r", |，", found["kinds"]):
            for key, name in (("stay_home", "home"), ("see_nurse", "nurse")):
                if said := says(f"summary.cases_{key}", part):
                    yield name, int(said["n"])
    if found := says("summary.absent", line):
        yield "absent", int(found["n"])
    if found := says("summary.unaccounted", line):
        yield "unaccounted", int(found["n"])
    if says("summary.everyone", line) is not None:
        yield "unaccounted", 0


def _offered(buttons: Sequence[Button]) -> int | None:
    for button in buttons:
        if says("button.sign_zero", button.text) is not None:
            return 0
        if found := says("button.sign", button.text):
            return int(found["n"])
    return None
