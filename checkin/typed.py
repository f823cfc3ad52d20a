"""Typed answers in both languages: understood, or unclear with a reason and perhaps a guess."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from difflib import get_close_matches
from enum import StrEnum, auto

from checkin.questions import LONGEST_PLACE, LONGEST_TEXT, Choice, Question, Value


class Doubt(StrEnum):
    """Why an answer is not taken as it is. The sentence to say is chosen where words live."""

    empty = auto()
    no_such_choice = auto()
    not_all_known = auto()
    not_a_number = auto()
    several_numbers = auto()
    out_of_range = auto()
    not_a_date = auto()
    no_such_date = auto()
    which_date = auto()
    which_year = auto()
    not_a_place = auto()
    too_long = auto()


@dataclass(frozen=True, slots=True)
class Understood:
    """Words that are an answer."""

    value: Value


@dataclass(frozen=True, slots=True)
class Unclear:
    """Words that are not an answer yet: why, with numbers for the sentence, and a guess to offer.

    A suggestion is offered as a button and never taken by itself.
    """

    reason: Doubt
    suggestion: Value | None = None
    args: Mapping[str, str | float] = field(default_factory=dict)


def take_words(question: Question, words: str, *, on: date | None = None) -> Understood | Unclear:
    """Understand a typed answer.

    What is certain is taken; what is likely is offered to be confirmed; a negation ("no cough")
    is never mistaken for what it denies. `on` is the school's today, which "yesterday" and a date
    without a year need.
    """
    said = _plain(words)
    if not said:
        return Unclear(Doubt.empty)
    if question.optional and _squeezed(said) in _SKIP_WORDS:
        return Understood("")
    if choice := _choice_named(question, said):
        return Understood([choice.key] if question.kind == "several" else choice.key)
    match question.kind:
        case "number":
            return _take_number(question, said)
        case "several":
            return _take_several(question, said)
        case "one":
            return _take_one(question, said)
        case "text":
            return _take_text(question, words.strip())
        case "date":
            return _take_date(said, on)
        case "place":
            return _take_place(question, words, said)


def understands_all_clear(words: str) -> bool:
    """Whether words say by themselves that all is well.

    Only whole phrases count, after width, case, spaces, punctuation and friendly signs are put
    aside. A question ("all good?"), a negation ("not ok") and a mere "will do" (好的) do not.
    """
    if "?" in unicodedata.normalize("NFKC", words):
        return False
    return _squeezed(_plain(words)) in _ALL_CLEAR


# --- words in general -----------------------------------------------------------------------

_SAYS_ALL_CLEAR = """
    ok okay okok allok allokay allclear allgood allfine allwell alliswell fine good great healthy
    wearefine wereallfine allarefine everyoneisfine everyonesfine everyoneiswell everythingisfine
    everythingok allhealthy nosymptoms noproblems normal allnormal
    好 很好 挺好 都好 都很好 都挺好 全好 一切好 一切都好 一切安好 大家都好 孩子都好 全家都好
    没事 都没事 全都没事 没问题 都没问题 沒事 都沒事 沒問題 都沒問題
    健康 都健康 很健康 全部健康 全都健康 全家健康 身体健康 一切健康 平安 都平安
    正常 都正常 全部正常 全都正常 一切正常 一切都正常 体温正常 身体正常 均正常
    无异常 没有异常 均无异常 無異常 沒有異常 无不适 没有不适 没有不舒服 无症状
"""
_SAYS_NONE = """
    no none nothing nope nil na noneofthese noneofthem neither
    没 没有 没有的 都没有 全没有 无 都无 全无 均无 以上都没有 以上均无 沒 沒有 都沒有 無
"""
_SAYS_SKIP = "skip pass nothing none no 跳过 略 略过 无 没有 沒有 無"
_ALL_CLEAR = frozenset(_SAYS_ALL_CLEAR.split())
_NONE_WORDS = frozenset(_SAYS_NONE.split())
_SKIP_WORDS = frozenset(_SAYS_SKIP.split())
_BENIGN = frozenset("👍👌🙏🙂😊😀😃😄☺❤💪✅✔☑👏🌞☀🌹🌸🎉💯🆗")
_NOT = re.compile(
    r"不|没|沒|无|無|未|别|否|\b(?:no|not|non|without|never|neither|nor|hardly|isnt|doesnt|dont|wont)\b"
    r"|n't\b|n’t\b"
)


def _plain(words: str) -> str:
    """One width, one case, single spaces."""
    folded = unicodedata.normalize("NFKC", words).casefold()
    return " ".join(folded.replace("\u2019", "'").replace("\u2212", "-").split())


def _squeezed(said: str) -> str:
    """Without spaces, punctuation and friendly signs: how whole phrases are compared."""
    return "".join(
        character
        for character in said
        if unicodedata.category(character)[0] not in "PZC"
        and unicodedata.category(character) not in {"Sk", "Mn"}
        and character not in _BENIGN
    )


# --- choices --------------------------------------------------------------------------------


def _phrases(choice: Choice) -> Iterator[str]:
    for phrase in (choice.key.replace("_", " "), *choice.label.values(), *choice.words):
        yield _squeezed(_plain(phrase))


def phrasebook(question: Question) -> dict[str, list[Choice]]:
    """Every phrase the choices of a question answer to."""
    book: dict[str, list[Choice]] = {}
    for choice in question.choices:
        for phrase in dict.fromkeys(_phrases(choice)):
            book.setdefault(phrase, []).append(choice)
    return book


def _choice_named(question: Question, said: str) -> Choice | None:
    if "?" in said:
        return None
    named = phrasebook(question).get(_squeezed(said), [])
    return named[0] if len(named) == 1 else None


def _nearest(question: Question, said: str) -> str | None:
    """The choice a slip of the finger most likely meant; nothing where something is denied."""
    if _NOT.search(said):
        return None
    book = phrasebook(question)
    near = get_close_matches(_squeezed(said), book, n=1, cutoff=0.75)
    return book[near[0]][0].key if near and len(book[near[0]]) == 1 else None


def _take_one(question: Question, said: str) -> Understood | Unclear:
    if understands_all_clear(said) and isinstance(question.all_clear, str):
        return Unclear(Doubt.no_such_choice, suggestion=question.all_clear)
    return Unclear(Doubt.no_such_choice, suggestion=_nearest(question, said))


_BETWEEN = re.compile(
    r"[,、;/+&\n。.，；]|\band\b|\bplus\b|\bwith\b|\balso\b|还有|以及|和|跟|加上|并且|又"
)
_FILLER = re.compile(
    r"(?:\b(?:a|an|the|bit|little|of|some|mild|slight|slightly|has|have|had|he|she|they|i|we|it|is|'s"
    r"|im|my|his|her|got|today|this|morning|only|just|very)\b"
    r"|有一点儿?|有点儿?|一点儿?|有些|轻微|稍微|今早|今天|早上|孩子|他|她|我|只是|只有|有|了|啦|的|呢|症状|\s|['!~-])+"
)


def _take_several(question: Question, said: str) -> Understood | Unclear:
    if "?" not in said and (_squeezed(said) in _NONE_WORDS or understands_all_clear(said)):
        return Understood([])
    known: set[str] = set()
    unknown: list[str] = []
    for piece in filter(None, (part.strip() for part in _BETWEEN.split(said))):
        keys, rest = _spell_out(question, piece)
        if rest or "?" in piece:
            unknown.append(piece)
            if _NOT.search(piece):
                continue
        known |= keys
    chosen: Value = [choice.key for choice in question.choices if choice.key in known]
    if not unknown and chosen:
        return Understood(chosen)
    if chosen:
        return Unclear(Doubt.not_all_known, chosen, {"words": ", ".join(unknown)[:60]})
    near = _nearest(question, said)
    return Unclear(Doubt.no_such_choice, [near] if near else None)


def _spell_out(question: Question, piece: str) -> tuple[set[str], str]:
    """The choices a piece names, and what is left of it: Chinese is written without gaps."""
    keys: set[str] = set()
    book = phrasebook(question)
    rest = _squeezed(piece)
    if rest in book:
        return {book[rest][0].key}, ""
    for phrase in sorted(book, key=len, reverse=True):
        pattern = rf"\b{re.escape(phrase)}\b" if phrase.isascii() else re.escape(phrase)
        spaced = re.sub(r"(?<=\w) (?=\w)", " ", piece)
        if phrase and re.search(pattern, spaced):
            keys.add(book[phrase][0].key)
            piece = re.sub(pattern, " ", piece)
    return keys, _squeezed(_FILLER.sub(" ", piece))


# --- numbers --------------------------------------------------------------------------------

_DIGITS = dict(zip("零〇一二三四五六七八九两", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2), strict=True))
_HAN_NUMBER = re.compile(r"[零〇一二三四五六七八九十两]+(?:[点度][零〇一二三四五六七八九半]+)?")
_NUMBER = re.compile(r"(?<![\d.,-])-?\d+(?:[.,]\d+)?(?![\d]|[.,]\d)")
_DEGREES = re.compile(r"(\d+)\s*(?:度|°c?|c(?=\d))\s*(\d|半)(?!\d)")
_FAHRENHEIT = re.compile(r"(?<=[\d\s°])f(?:ahrenheit)?\b|华氏度?|華氏度?|°f")
_AROUND = re.compile(
    r"\b(?:temp|temperature|is|was|it|it's|its|he|she|his|her|my|has|at|about|around|today|this|morning"
    r"|now|the|degrees?|celsius|centigrade|c|f|fahrenheit)\b"
    r"|体温|體溫|温度|摄氏度?|攝氏度?|华氏度?|華氏度?|度|今早|今天|早上|早晨|现在|刚量的?|大概|大约|左右|是|的"
    r"|[\s:=°'!~,。.、]"
)


def _take_number(question: Question, said: str) -> Understood | Unclear:
    if understands_all_clear(said) and question.all_clear is not None:
        return Understood(question.all_clear)
    text = _DEGREES.sub(lambda match: f"{match[1]}.{match[2].replace('半', '5')}度", said)
    text = _HAN_NUMBER.sub(_arabic, text)
    found = _NUMBER.findall(text)
    if len(found) != 1:
        if len(found) == 2 and (guess := _joined(question, text)) is not None:
            return Unclear(Doubt.several_numbers, guess)
        if found:
            return Unclear(Doubt.several_numbers)
        return Unclear(Doubt.not_a_number, _nearest(question, said), _range(question))
    number = Decimal(found[0].replace(",", "."))
    celsius = question.unit == "°C"
    fahrenheit = bool(celsius and _FAHRENHEIT.search(text))
    value = _rounded(question, _to_celsius(number) if fahrenheit else number)
    rest = _AROUND.sub("", _NUMBER.sub(" ", text).replace(_plain(question.unit), " "))
    if _NOT.search(said) or "?" in said:
        return Unclear(Doubt.not_a_number, None, _range(question))
    if not _within(question, value):
        return Unclear(Doubt.out_of_range, _likelier(question, number), _range(question))
    if rest:
        return Unclear(Doubt.not_a_number, value, _range(question))
    return Understood(value)


def _arabic(match: re.Match[str]) -> str:
    whole, mark, part = re.match(r"([^点度]+)([点度]?)(.*)", match[0]).groups()  # type: ignore[union-attr]
    tens, ten, ones = whole.partition("十")
    if ten:
        number = str((_DIGITS.get(tens, 1) if tens else 1) * 10 + _DIGITS.get(ones, 0))
    else:
        number = "".join(str(_DIGITS[digit]) for digit in whole)
    if not mark:
        return number
    return f"{number}.{''.join('5' if digit == '半' else str(_DIGITS[digit]) for digit in part)}"


def _joined(question: Question, text: str) -> float | None:
    """Two groups of digits that are one number with its point left out: "36 5"."""
    if match := re.fullmatch(r"(\d+) (\d)", text):
        value = _rounded(question, Decimal(f"{match[1]}.{match[2]}"))
        return value if _within(question, value) else None
    return None


def _likelier(question: Question, number: Decimal) -> float | None:
    """What an impossible number may have been: 365 for 36.5, or 98.6 in Fahrenheit."""
    guesses = [number.scaleb(-1)] if number == number.to_integral_value() else []
    if question.unit == "°C":
        guesses.append(_to_celsius(number))
    values = [
        value for value in (_rounded(question, g) for g in guesses) if _within(question, value)
    ]
    return values[0] if values else None


def _to_celsius(fahrenheit: Decimal) -> Decimal:
    return (fahrenheit - 32) * 5 / 9


def _rounded(question: Question, number: Decimal) -> float:
    return float(number.quantize(Decimal(1).scaleb(-question.decimals), ROUND_HALF_UP))


def _within(question: Question, value: float) -> bool:
    return (question.minimum is None or value >= question.minimum) and (
        question.maximum is None or value <= question.maximum
    )


def _range(question: Question) -> dict[str, str | float]:
    ends = {"minimum": question.minimum, "maximum": question.maximum}
    args: dict[str, str | float] = {name: end for name, end in ends.items() if end is not None}
    return args | ({"unit": question.unit} if question.unit else {})


# --- text and places ------------------------------------------------------------------------


def _take_text(question: Question, words: str) -> Understood | Unclear:
    longest = int(question.maximum or LONGEST_TEXT)
    if question.all_clear == "" and _squeezed(_plain(words)) in _NONE_WORDS:
        return Understood("")
    if len(words) > longest:
        return Unclear(Doubt.too_long, args={"longest": longest})
    return Understood(words)


def _take_place(question: Question, words: str, said: str) -> Understood | Unclear:
    if "?" not in said and understands_all_clear(said) and isinstance(question.all_clear, str):
        return Unclear(Doubt.not_a_place, question.all_clear)
    name = " ".join(unicodedata.normalize("NFKC", words).split())
    if _squeezed(said) in _NONE_WORDS or not any(character.isalpha() for character in name):
        return Unclear(Doubt.not_a_place)
    if len(name) > LONGEST_PLACE:
        return Unclear(Doubt.too_long, args={"longest": LONGEST_PLACE})
    if near := _nearest(question, said):
        return Unclear(Doubt.not_a_place, near)
    return Understood({"name": name})


# --- dates ----------------------------------------------------------------------------------

_DAYS_AGO = {
    "today": 0, "今天": 0, "今日": 0, "yesterday": 1, "昨天": 1, "昨日": 1, "前天": 2,
    "thedaybeforeyesterday": 2, "daybeforeyesterday": 2, "tomorrow": -1, "明天": -1,
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*\.?"
_YEAR_FIRST = re.compile(
    r"(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})\s*[日号]?"
)
_MONTH_DAY = re.compile(r"(?P<m>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*[日号]?")
_SLASHED = re.compile(r"(?P<one>\d{1,2})\s*[-/.]\s*(?P<two>\d{1,2})(?:\s*[-/.]\s*(?P<y>\d{4}))?")
_DAY_NAMED = re.compile(
    rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<y>\d{{4}}))?"
)
_NAMED_DAY = re.compile(rf"{_MONTH}\s*(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:,?\s+(?P<y>\d{{4}}))?")


def _take_date(said: str, on: date | None) -> Understood | Unclear:
    if (days := _DAYS_AGO.get(_squeezed(said))) is not None:
        return Understood(_iso(on - timedelta(days=days))) if on else Unclear(Doubt.which_date)
    said = _HAN_NUMBER.sub(_arabic, said) if "月" in said else said
    if match := _YEAR_FIRST.fullmatch(said):
        return _on_day(int(match["y"]), int(match["m"]), int(match["d"]), on)
    if match := _MONTH_DAY.fullmatch(said):
        return _on_day(None, int(match["m"]), int(match["d"]), on)
    for pattern in (_DAY_NAMED, _NAMED_DAY):
        if match := pattern.fullmatch(said):
            year = int(match["y"]) if match["y"] else None
            return _on_day(year, _MONTHS.index(match["month"][:3]) + 1, int(match["d"]), on)
    if match := _SLASHED.fullmatch(said):
        return _either_way(match, on)
    return Unclear(Doubt.not_a_date)


def _either_way(match: re.Match[str], on: date | None) -> Understood | Unclear:
    """3/4 is the third of April to some and the fourth of March to others: only ask."""
    one, two = int(match["one"]), int(match["two"])
    year = int(match["y"]) if match["y"] else None
    month_first, day_first = _on_day(year, one, two, on), _on_day(year, two, one, on)
    if month_first == day_first or not isinstance(day_first, Understood):
        return month_first
    if not isinstance(month_first, Understood):
        return day_first
    return Unclear(Doubt.which_date, month_first.value)


def _on_day(year: int | None, month: int, day: int, on: date | None) -> Understood | Unclear:
    if year is None and on is None:
        return Unclear(Doubt.which_year)
    years = [year] if year else [on.year - 1, on.year, on.year + 1] if on else []
    real = [made for made in (_made(y, month, day) for y in years) if made]
    if not real:
        return Unclear(Doubt.no_such_date)
    return Understood(_iso(min(real, key=lambda made: abs(made - on) if on else timedelta())))


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _iso(day: date) -> str:
    return day.isoformat()
