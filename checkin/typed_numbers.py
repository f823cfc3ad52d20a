"""Numbers as people type them: 36.5, 36,5, 36度5, 三十六度五, 37.3 ℃, 98.6 F."""

import re
from decimal import ROUND_HALF_UP, Decimal

from checkin.questions import Question
from checkin.understanding import (
    NOT,
    Doubt,
    Unclear,
    Understood,
    choice_named,
    nearest,
    plain,
    understands_all_clear,
)

LONGEST_NUMBER = 12
_DIGITS = dict(zip("零〇一二三四五六七八九两", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2), strict=True))
HAN_NUMBER = re.compile(r"[零〇一二三四五六七八九十两]+(?:[点度][零〇一二三四五六七八九半]+)?")
_HAN_POINT = re.compile(r"(?<=\d)[。·](?=\d)")
_NUMBER = re.compile(r"(?<![\d-])(?<!\d[.,])-?\d+(?:[.,]\d+)?(?![\d]|[.,]\d)")
_DEGREES = re.compile(
    r"(?<![\d.,])(\d+)\s*(?:度|°c?|c(?=\d))\s*([\d半零一二三四五六七八九])(?!\d)"
)
_BOUND = re.compile(
    r"[<>≤≥+]|\b(?:below|under|less|lower|above|over|more|higher|than|or)\b|以[上下内]|[高低大小]于|超过|不到"
)
_FAHRENHEIT = re.compile(r"(?<=[\d\s°])f(?:ahrenheit)?\b|华氏度?|華氏度?|°f")
_AROUND = re.compile(
    r"\b(?:temp|temperature|is|was|it'?s|it|he|she|his|her|my|has|at|about|around|today|this|morning"
    r"|now|the|degrees?|celsius|centigrade|c|f|fahrenheit)\b"
    r"|体温|體溫|温度|摄氏度?|攝氏度?|华氏度?|華氏度?|度|今早|今天|早上|早晨|现在|刚量的?|大概|大约|左右|是|的"
    r"|[\s:=°'!~,。.、]"
)


def take_number(question: Question, said: str) -> Understood | Unclear:
    """Understand a number, given in plain spelling.

    It is rounded half up to the decimals asked for: a fever is never rounded away. Degrees
    Fahrenheit are converted when they are called so, and otherwise only offered.
    """
    if understands_all_clear(said) and question.all_clear is not None:
        return Understood(question.all_clear)
    text = _DEGREES.sub(_with_point, _HAN_POINT.sub(".", said))
    text = HAN_NUMBER.sub(lambda match: arabic(match) if len(match[0]) > 1 else match[0], text)
    found = _NUMBER.findall(text)
    if len(found) != 1:
        if len(found) == 2 and (guess := _joined(question, text)) is not None:
            return Unclear(Doubt.several_numbers, guess)
        if found:
            return Unclear(Doubt.several_numbers)
        return Unclear(Doubt.not_a_number, nearest(question, said), _range(question))
    if len(found[0]) > LONGEST_NUMBER:
        return Unclear(Doubt.out_of_range, None, _range(question))
    number = Decimal(found[0].replace(",", "."))
    celsius = question.unit == "°C"
    fahrenheit = bool(celsius and _FAHRENHEIT.search(text))
    value = _rounded(question, _to_celsius(number) if fahrenheit else number)
    rest = _AROUND.sub("", _NUMBER.sub(" ", text).replace(plain(question.unit), " "))
    if NOT.search(said) or _BOUND.search(said):
        return Unclear(Doubt.not_a_number, None, _range(question))
    if not _within(question, value):
        return Unclear(Doubt.out_of_range, _likelier(question, number), _range(question))
    if "?" in said or (rest and not _agrees(question, rest, value)):
        return Unclear(Doubt.not_a_number, value, _range(question))
    return Understood(value)


def _agrees(question: Question, rest: str, value: float) -> bool:
    """Whether the words beside a number ("fever 38.2") name the quick answer nearest to it."""
    named = choice_named(question, rest)
    if named is None and understands_all_clear(rest):
        named = question.choice(question.all_clear)
    weighed = [choice for choice in question.choices if choice.stands_for is not None]
    return named is not None and named == min(
        weighed, key=lambda choice: abs(value - (choice.stands_for or 0)), default=None
    )


def _with_point(match: re.Match[str]) -> str:
    part = match[2]
    return f"{match[1]}.{'5' if part == '半' else _DIGITS.get(part, part)}度"


def arabic(match: re.Match[str]) -> str:
    """Write a Chinese number, matched by HAN_NUMBER, in digits; an unlikely one stays as it is."""
    whole, mark, part = match[0].replace("度", "点").partition("点")
    tens, ten, ones = whole.partition("十")
    if ten and (len(tens) > 1 or len(ones) > 1):
        return match[0]
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
