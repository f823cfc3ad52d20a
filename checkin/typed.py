"""Typed answers in both languages: understood, or unclear with a reason and perhaps a guess."""

import re
import unicodedata
from datetime import date

from checkin.questions import LONGEST_PLACE, LONGEST_TEXT, Question, Value
from checkin.typed_dates import take_date
from checkin.typed_numbers import take_number
from checkin.understanding import (
    FILLER,
    NO_PLACE,
    NONE_WORDS,
    NOT,
    SKIP_WORDS,
    Doubt,
    Unclear,
    Understood,
    agrees,
    choice_named,
    nearest,
    phrases_of,
    plain,
    squeezed,
    understands_all_clear,
)


def take_words(question: Question, words: str, *, on: date | None = None) -> Understood | Unclear:
    """Understand a typed answer.

    What is certain is taken; what is likely is offered to be confirmed; a negation ("no cough")
    is never mistaken for what it denies. `on` is the school's today, which "yesterday" and a date
    without a year need.
    """
    said = plain(words)
    if not said:
        return Unclear(Doubt.empty)
    if question.optional and squeezed(said) in SKIP_WORDS:
        return Understood("")
    if choice := choice_named(question, said):
        return Understood([choice.key] if question.kind == "several" else choice.key)
    match question.kind:
        case "number":
            return take_number(question, said)
        case "several":
            return _take_several(question, said)
        case "one":
            return _take_one(question, said)
        case "text":
            return _take_text(question, words.strip())
        case "date":
            return take_date(said, on)
        case "place":
            return _take_place(question, words, said)


def takes_suggestion(question: Question, words: str) -> bool | None:
    """Say whether words take or refuse the guess that is on offer; None when they do neither.

    A choice that is itself called "yes" or "no" is that choice.
    """
    return None if choice_named(question, plain(words)) else agrees(words)


def _take_one(question: Question, said: str) -> Understood | Unclear:
    if understands_all_clear(said) and isinstance(question.all_clear, str):
        return Unclear(Doubt.no_such_choice, suggestion=question.all_clear)
    return Unclear(Doubt.no_such_choice, suggestion=nearest(question, said))


_BETWEEN = re.compile(
    r"[,、;/+&\n。.，；]|\band\b|\bplus\b|\bwith\b|\balso\b|还有|以及|和|跟|加上|并且|又"
)


def _take_several(question: Question, said: str) -> Understood | Unclear:
    if "?" not in said and (squeezed(said) in NONE_WORDS or understands_all_clear(said)):
        return Understood([])
    known: set[str] = set()
    unknown: list[str] = []
    for piece in filter(None, (part.strip() for part in _BETWEEN.split(said))):
        keys, rest = _spell_out(question, piece)
        if rest or "?" in piece:
            unknown.append(piece)
            if NOT.search(piece):
                continue
        known |= keys
    chosen: Value = [choice.key for choice in question.choices if choice.key in known]
    if not unknown and chosen:
        return Understood(chosen)
    if chosen:
        return Unclear(Doubt.not_all_known, chosen, {"words": ", ".join(unknown)[:60]})
    near = nearest(question, said)
    return Unclear(Doubt.no_such_choice, [near] if near else None)


def _spell_out(question: Question, piece: str) -> tuple[set[str], str]:
    """The choices a piece names, and what is left of it: Chinese is written without gaps."""
    keys: set[str] = set()
    phrases = {phrase: choice.key for choice in question.choices for phrase in phrases_of(choice)}
    for phrase in sorted(filter(squeezed, phrases), key=len, reverse=True):
        bare = r"\W*".join(map(re.escape, phrase.split()))
        piece, found = re.subn(rf"\b{bare}\b" if phrase.isascii() else bare, " ", piece)
        if found:
            keys.add(phrases[phrase])
    return keys, squeezed(FILLER.sub(" ", piece))


def _take_text(question: Question, words: str) -> Understood | Unclear:
    longest = int(question.maximum or LONGEST_TEXT)
    if question.all_clear == "" and squeezed(plain(words)) in NONE_WORDS:
        return Understood("")
    if len(words) > longest:
        return Unclear(Doubt.too_long, args={"longest": longest})
    return Understood(words)


_DENIED = re.compile(
    r"没|沒|未曾|未去|不曾|\b(?:not|never|nowhere|neither|nor)\b|n't\b"
)  # but 无锡


def _take_place(question: Question, words: str, said: str) -> Understood | Unclear:
    if understands_all_clear(said) and isinstance(question.all_clear, str):
        return Unclear(Doubt.not_a_place, question.all_clear)
    name = " ".join(unicodedata.normalize("NFKC", words).split())
    if squeezed(said) in NO_PLACE or _DENIED.search(said) or "?" in said:
        return Unclear(Doubt.not_a_place)
    if not any(character.isalpha() for character in name):
        return Unclear(Doubt.not_a_place)
    if len(name) > LONGEST_PLACE:
        return Unclear(Doubt.too_long, args={"longest": LONGEST_PLACE})
    return Understood({"name": name})
