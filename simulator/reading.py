"""What the bot's messages say, read back from the words that people see."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from html import unescape
from itertools import pairwise
from typing import Any

from simulator.forms import FORMS, says

RESULTS = {  # a line on a family's card -> what the school makes of the answer
    "card.cleared": "well",
    "card.done_absent": "absent",
    "card.see_nurse": "nurse",
    "card.stay_home": "home",
}
_GROUPS = (
    "stay_home",
    "see_nurse",
    "correction",
    "absent",
    "silent",
    "nobody_asked",
    "unreachable",
)
_TAG = re.compile(r"<[^>]+>")
_BRACKETS = re.compile(r"^(.+?)(?: \(|（)([^（()）]+)[)）]$")


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
def is_of(text: str, day: date) -> bool:
    """Say whether a message names this day."""
    return f"{day.month}月{day.day}日" in text or f"{day:%a} {day.day} {day:%b}" in text


def kind_of(text: str) -> str:
    """Say what a message is: a card, a reminder, a class, a summary, a flag, a correction."""
    first, _, rest = text.partition("\n")
    for kind, keys in _KINDS.items():
        if any(says(key, first) is not None for key in keys):
            if kind == "summary" and not _is_summary(rest):
                return "class" if _class_counts(rest.partition("\n")[0]) else "words"
            return kind_of(rest) if kind == "above" else kind
    return "words"


_KINDS = {
    "corrected": ("corrected.title",),
    "card": ("card.greeting", "card.day", "question.progress", "card.nothing"),
    "reminder": ("remind", "remind.oneself"),
    "again": ("remind.after_outage",),
    "gap": ("alarm.gap",),
    "forgetting": ("alarm.purge_messages",),
    "class": ("class.title",),
    "picture": ("picture.caption",),
    "flag": tuple(key for key in FORMS if key.startswith(("flag.stay", "flag.see_", "flag.mis"))),
    "correction": ("flag.correction", "flag.correction_was"),
    "above": ("flag.as_unseen", "flag.as_instead", "flag.as_last_resort"),
    "left": ("flag.left_for_family", "flag.left_for_family_until"),
    "unsigned": ("summary.unsigned",),
    "yours now": ("sign.yours_now",),
    "fell": ("sign.fell",),
    "summary": ("summary.title",),  # or a dormitory's card
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

    # Sorted: (name or "oneself", time, what, who else answered).
    results: tuple[tuple[str, str, str, str], ...] = ()
    waiting: tuple[str, ...] = ()
    held: tuple[str, ...] = ()  # of whom an earlier day's advice still holds
    correction: bool = False
    closed: bool = False
    question: str = ""


_BY = re.compile(r"(?P<said>.+)(?: \((?P<en>[^()]+)\)|（(?P<zh>[^（）]+)已填）)\Z")
YOU = frozenset({"you", "您"})


def card(text: str) -> Card:
    """Read a household's card."""
    lines = text.split("\n")
    if found := says("question.progress", lines[0]):
        return Card(question=found["who"])
    results: list[tuple[str, str, str, str]] = []
    waiting: tuple[str, ...] = ()
    notices = set()
    held: list[str] = []
    for before, line in pairwise(lines):
        results += _results(line)
        if found := says("card.held_stay_home", line) or says("card.held_see_nurse", line):
            held.append("oneself" if found["names"] in YOU else found["names"])
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
        tuple(sorted(held)),
        "card.correction_waits" in notices,
        bool(notices & {"card.closed_late", "card.closed"}),
    )


def _results(line: str) -> Iterator[tuple[str, str, str, str]]:
    by = _BY.match(line)
    said, who = (by["said"], by["en"] or by["zh"]) if by else (line, "")
    for key, what in RESULTS.items():
        if found := says(key, said):
            for name in names_of(found["names"]):
                yield "oneself" if name in YOU else name, found["time"], what, who


def _bare_name(name: str) -> str:
    if name in YOU:
        return "oneself"
    found = _BRACKETS.match(name)
    return found[1] if found else name


def reminded(text: str) -> tuple[str, ...]:
    """Return whom a reminder is about, with or without a word of a silence above it."""
    for line in text.split("\n"):
        if found := says("remind", line):
            return tuple(sorted(_bare_name(name) for name in names_of(found["names"])))
    return ("oneself",)


# ---- flags ---------------------------------------------------------------------------------

_FLAGS = {
    "flag.stay_home_until": "home",
    "flag.stay_home": "home",
    "flag.see_nurse": "nurse",
    "flag.missing": "missing",
    "flag.correction": "correction",
    "flag.correction_was": "correction",
}
_ABOVE = ("flag.as_unseen", "flag.as_instead", "flag.as_last_resort")
_BELOW = ("flag.seen", "flag.passed_on", *(key for key in FORMS if key.startswith("flag.done_")))


@dataclass(frozen=True, slots=True)
class Flag:
    """What those at school see of a case: whom it is about, and what has become of it."""

    name: str = ""
    what: str = ""
    told_as: str = ""  # unseen, instead, last_resort, or nothing
    became: tuple[tuple[str, str, str], ...] = ()  # (what, time, who)


def flag(text: str) -> Flag:
    """Read the message about a flag or a correction."""
    lines = text.split("\n")
    above = next((key for key in _ABOVE if says(key, lines[0]) is not None), "")
    name = what = ""
    for key, meant in _FLAGS.items():
        if found := says(key, lines[bool(above)]):
            name, what = found["name"], meant
            break
    became = []
    for line in lines[1:]:
        for key in _BELOW:
            if found := says(key, line):
                who = found.get("name") or found.get("by") or ""
                became.append((key.rpartition(".")[2], found["time"], who))
                break
    return Flag(name, what, above.removeprefix("flag.as_"), tuple(became))


def about_left(text: str) -> str:
    """Return whom a correction was about that the school leaves as it is."""
    first = text.split("\n", 1)[0]
    found = says("flag.left_for_family_until", first) or says("flag.left_for_family", first)
    return found["name"] if found else ""


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
    title = says("class.title", lines[0]) or says("class.title_dormitory", lines[0])
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
                groups[group] = tuple(sorted(map(_bare_name, names_of(found["names"]))))
    return Class(title["unit"] if title else "", counts, groups, closed)


_COUNTS = {
    "unwell": "class.unwell",
    "silent": "class.silent_count",
    "nobody_asked": "class.nobody_asked_count",
    "unreachable": "class.unreachable_count",
    "absent": "class.absent_count",
}


def _class_counts(line: str) -> dict[str, int]:
    parts = re.split(r"(, |，)", line)
    for size in (1, 3):  # in Chinese the first part has a comma of its own
        if found := says("class.in", "".join(parts[:size])):
            break
    else:
        return {}
    counts = {"in": int(found["n"]), "of": int(found["of"])}
    for part in parts[size + 1 :: 2]:
        for name, key in _COUNTS.items():
            if said := says(key, part):
                counts[name] = int(said["n"])
    return counts


# ---- the summary ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """What the school lead sees before signing, and the signature."""

    counts: Mapping[str, int] = field(default_factory=dict)
    cases: tuple[tuple[str, str, str], ...] = ()  # (masked name, unit, what)
    silent_classes: Mapping[str, int] = field(default_factory=dict)
    unheard: Mapping[str, int] = field(default_factory=dict)  # by unit, of the other classes
    named: tuple[tuple[str, str], ...] = ()  # (unit, masked name) of those not heard from
    signed: tuple[str, str, int, int] | None = None  # (time, name, cases, unaccounted)
    since: Mapping[str, int] = field(default_factory=dict)  # changes after the signature
    offered: int | None = None  # the cases on the button that signs
    unasked: str = ""  # the days just before on which nobody was asked


def summary(text: str, buttons: Sequence[Button]) -> Summary:
    """Read a summary."""
    counts: dict[str, int] = {}
    cases: list[tuple[str, str, str]] = []
    silent: dict[str, int] = {}
    unheard: dict[str, int] = {}
    named: list[tuple[str, str]] = []
    unasked, signed = "", None
    since: Mapping[str, int] = {}
    for line in text.split("\n")[1:]:
        if signed is not None:  # what follows is about later
            if found := says("summary.since", line):
                since = changes(found["changes"])
            continue
        counts.update(_summary_numbers(line))
        for key, what in (("stay_home", "home"), ("see_nurse", "nurse")):
            if found := says(f"summary.line_{key}", line):
                cases.append((found["name"], _unit(found["unit"]), what))
        if found := says("summary.silent_class", line):
            silent[_unit(found["unit"])] = int(found["n"])
        elif (found := says("summary.class_line", line)) and "unaccounted" in counts:
            unheard[_unit(found["unit"])] = int(found["n"])
            named += [(_unit(found["unit"]), name) for name in _whom(found["names"])]
        if found := says("summary.unasked_days", line):
            unasked = found["days"]
        if found := says("summary.signed", line):
            unaccounted = int(found["unaccounted"])
            signed = (found["time"], found["name"], int(found["cases"]), unaccounted)
    offered = _offered(buttons)
    return Summary(
        counts, tuple(cases), silent, unheard, tuple(named), signed, since, offered, unasked
    )


def _unit(shown: str) -> str:
    return "" if shown in {"Staff", "教职工"} else shown


def _whom(listed: str) -> Iterator[str]:
    """Return the masked names of a list, without why they are on it."""
    for name in names_of(listed):
        if says("summary.and_more", name) is None:
            why = says("summary.out_of_reach", name) or says("summary.not_there", name)
            yield why["name"] if why else name


def _summary_numbers(line: str) -> Iterator[tuple[str, int]]:
    for who in ("students", "staff"):
        if found := says(f"summary.{who}", line):
            yield f"{who} in", int(found["n"])
            yield f"{who} of", int(found["of"])
            yield f"{who} percent", _percent(found["percent"])
            yield f"{who} timely", _percent(found["timely"])
    if found := says("summary.no_cases", line) or says("summary.coverage", line):
        yield "accounted", int(found["accounted"])
        yield "coverage", _percent(found["percent"])
    if found := says("summary.cases", line):
        yield "cases", int(found["n"])
        for part in re.split(r", |，", found["kinds"]):
            for key, name in (("stay_home", "home"), ("see_nurse", "nurse"), ("held", "held")):
                if said := says(f"summary.cases_{key}", part):
                    yield name, int(said["n"])
    for name in ("absent", "unaccounted", "nobody_asked"):
        if found := says(f"summary.{name}", line):
            yield name, int(found["n"])


def _percent(shown: str) -> int:
    return int(shown.rstrip("%")) if shown.endswith("%") else -1


def _offered(buttons: Sequence[Button]) -> int | None:
    for button in buttons:
        if says("button.sign_zero", button.text) is not None:
            return 0
        if found := says("button.sign", button.text):
            return int(found["n"])
    return None


_CHANGES = tuple(key for key in FORMS if key.startswith("since."))


def changes(listed: str) -> dict[str, int]:
    """Return what changed after a signature, by kind."""
    found = {}
    for part in re.split(r", |，", listed):
        for key in _CHANGES:
            if said := says(key, part):
                found[key.removeprefix("since.")] = int(said["n"])
    return found


def corrected(text: str) -> dict[str, int]:
    """Return what a message to the signer says has changed."""
    return changes(text.split("\n")[1])
