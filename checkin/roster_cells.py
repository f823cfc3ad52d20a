"""What a cell of a roster says, however a spreadsheet has mangled it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from enum import StrEnum

from checkin.facts import fact

Cell = str | float | int | bool | date | datetime | None
"""What readers of spreadsheets give: numbers often as float, empty cells as None or ""."""

LONGEST = 80
EXACT = 10**15  # a spreadsheet keeps 15 digits; beyond, the last are guesses


class ProblemCode(StrEnum):
    """Everything that can be wrong with a roster file; the arguments are in braces.

    Of a sheet or the file:
        no_people: there are headers but nobody below them, or nothing at all.
        not_understood: no row of {rows} looks like headers.
        header_missing: no column for {field} (a `Field`).
        column_twice: this column and {other} both say {field}.
    Of one cell:
        formula_error: the spreadsheet shows {value} (#REF! and its kind) or a formula as text.
        control_character: {value} holds characters that cannot be seen ({character}: U+0000).
        too_long: {length} characters, where {most} are enough.
        number_missing, name_missing, class_missing, role_missing: the cell is empty.
        grade_missing: a grade leader of no grade.
        dormitory_missing: a warden of no dormitory, where there are several.
        number_wrong: {value} is no student or staff number.
        number_rounded: {value}: the spreadsheet has rounded a long number; keep it as text.
        name_wrong: {value} has no letter in it.
        class_is_date: the spreadsheet made a date of the class; {value}, probably {guess}.
        phone_wrong: {value} is not one telephone number.
        not_yes_or_no: {value} is neither.
        order_wrong: {value} is not 1, 2, 3 ...
        language_unknown: {value} names no language.
        kind_unknown: {value} is neither student, guardian nor staff.
        role_unknown: {value} is no role.
        rights_unknown: {value} does not say what a guardian may do.
        date_wrong: {value} is no day that can only be read in one way.
    Between rows:
        number_twice: student {number} stands in {sheet} row {row} already.
        staff_number_twice: {number} belongs to somebody else in {sheet} row {row}.
        student_unknown: a guardian of {number}, who is in no row.
        class_unknown: {value} has no students.
        class_in_two_grades: {class_name} is in {grade} here and in {other} in {sheet} row {row}.
        two_first_guardians: {number} has another first guardian in {sheet} row {row}.
        grade_unknown: there is no grade {value}.
        dormitory_unknown: nobody lives in {value}.
        day_pupil_in_dormitory: {value} is where the student lives, who is no boarder.
        dates_crossed: the tie ends on {last}, before {first}.
    """

    no_people = "no_people"
    not_understood = "not_understood"
    header_missing = "header_missing"
    column_twice = "column_twice"
    formula_error = "formula_error"
    control_character = "control_character"
    too_long = "too_long"
    number_missing = "number_missing"
    name_missing = "name_missing"
    class_missing = "class_missing"
    role_missing = "role_missing"
    number_wrong = "number_wrong"
    number_rounded = "number_rounded"
    name_wrong = "name_wrong"
    class_is_date = "class_is_date"
    phone_wrong = "phone_wrong"
    not_yes_or_no = "not_yes_or_no"
    order_wrong = "order_wrong"
    language_unknown = "language_unknown"
    kind_unknown = "kind_unknown"
    role_unknown = "role_unknown"
    number_twice = "number_twice"
    staff_number_twice = "staff_number_twice"
    student_unknown = "student_unknown"
    class_unknown = "class_unknown"
    class_in_two_grades = "class_in_two_grades"
    two_first_guardians = "two_first_guardians"
    grade_missing = "grade_missing"
    grade_unknown = "grade_unknown"
    dormitory_missing = "dormitory_missing"
    dormitory_unknown = "dormitory_unknown"
    day_pupil_in_dormitory = "day_pupil_in_dormitory"
    rights_unknown = "rights_unknown"
    date_wrong = "date_wrong"
    dates_crossed = "dates_crossed"


@fact
class BadCell:
    """A cell that cannot be used, and why."""

    code: ProblemCode
    args: Mapping[str, str] = field(default_factory=dict)


_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")
_SPACE_IN_HAN = re.compile(r"(?<=[\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_ERRORS = re.compile(r"#(REF!|N/A|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|#+)")
_ROUNDED = re.compile(r"\d(\.\d+)?E\+\d+", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9A-Z][0-9A-Z._/-]{0,31}")
_NOTHING = {"", "-", "--", "/", "无", "没有", "none", "n/a", "na", "null", "nil"}
_YES = {"是", "有", "y", "yes", "true", "1", "√", "✓", "✔", "对", "住宿", "住校", "寄宿"}
_YES |= {"住宿生", "寄宿生", "boarder", "boarding", "本人"}
_NO = {"否", "不", "不是", "n", "no", "false", "0", "×", "✗", "走读", "走读生", "通校", "day"}
_NO |= {"dayboy", "daypupil", "daystudent", "外宿"}
_ORDERS = {"一": 1, "二": 2, "三": 3, "四": 4, "first": 1, "second": 2, "third": 3, "主": 1}
_ORDERS |= {"主要": 1, "primary": 1, "main": 1, "secondary": 2, "次": 2, "次要": 2, "备用": 2}
_LANGUAGES = {"中文": "zh", "汉语": "zh", "普通话": "zh", "华语": "zh", "chinese": "zh"}
_LANGUAGES |= {"英文": "en", "英语": "en", "english": "en"}
_DIGIT_OF = {digit: str(value) for value, digit in enumerate("零一二三四五六七八九")}


def text_of(cell: Cell) -> str | BadCell:
    """Return what the cell says, in one line of plain characters; empty is "".

    20260101.0 is "20260101"; full-width digits are digits; 王　伟 spread to the width of three
    characters is 王伟.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e18 else repr(cell)
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, date):
        return cell.isoformat()
    return _plain(cell)


def _plain(written: str) -> str | BadCell:
    text = written
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    text = " ".join(text.split())
    if found := _CONTROLS.search(text):
        shown = _CONTROLS.sub("\ufffd", text)[:LONGEST]
        args = {"value": shown, "character": f"U+{ord(found[0]):04X}"}
        return BadCell(ProblemCode.control_character, args)
    if _ERRORS.fullmatch(text) or (text.startswith("=") and len(text) > 1):
        return BadCell(ProblemCode.formula_error, {"value": text[:LONGEST]})
    if len(text) > LONGEST:
        args = {"length": str(len(text)), "most": str(LONGEST)}
        return BadCell(ProblemCode.too_long, args)
    return _SPACE_IN_HAN.sub("", text.removeprefix("'"))


def number_of(cell: Cell) -> str | BadCell:
    """Return a student or staff number; empty is ""."""
    text = text_of(cell)
    if isinstance(text, BadCell) or text.lower() in _NOTHING:
        return text if isinstance(text, BadCell) else ""
    lost = isinstance(cell, float) and abs(cell) >= EXACT
    if lost or _ROUNDED.fullmatch(text):
        return BadCell(ProblemCode.number_rounded, {"value": text})
    number = text.replace(" ", "").upper()
    wrong = isinstance(cell, date | bool) or not _NUMBER.fullmatch(number)
    return BadCell(ProblemCode.number_wrong, {"value": text}) if wrong else number


def name_of(cell: Cell) -> str | BadCell:
    """Return a person's name; empty is ""."""
    text = text_of(cell)
    if isinstance(text, BadCell) or not text:
        return text
    if any(character.isalpha() for character in text):
        return text
    return BadCell(ProblemCode.name_wrong, {"value": text})


def class_of(cell: Cell) -> str | BadCell:
    """Return a class's name as it is written, with plain dashes and no spaces round them."""
    if isinstance(cell, date):
        guess = f"{cell.month}-{cell.day}"
        return BadCell(ProblemCode.class_is_date, {"value": cell.isoformat()[:10], "guess": guess})
    text = text_of(cell)
    if isinstance(text, BadCell):
        return text
    if written := re.fullmatch(r"(?:(\d{1,2})月(\d{1,2})日|(\d{1,2})-([A-Z][a-z]{2}))", text):
        months = "JanFebMarAprMayJunJulAugSepOctNovDec"
        if written[1]:
            guess = f"{written[1]}-{written[2]}"
        else:
            guess = f"{months.find(written[4]) // 3 + 1}-{written[3]}"
        return BadCell(ProblemCode.class_is_date, {"value": text, "guess": guess})
    return re.sub(r"\s*[-‐‑‒–—―−]\s*", "-", text)


def class_key(name: str) -> str:
    """Return what makes two spellings the same class: 三(2)班, 三年级2班, 3-2 and Class 3-2.

    >>> class_key("三年级（2）班"), class_key("高一3班"), class_key("Class 3B")
    ('3-2', '高1-3', '3b')
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"[\s第]|班级?$", "", text)
    text = re.sub(r"class|grade|年级|级|年", "-", text)
    text = re.sub(r"[零一二三四五六七八九十]+", _arabic, text)
    return re.sub(r"[^\w]+", "-", text).strip("-")


def grade_key(name: str) -> str:
    """Return what makes two spellings the same grade: 三年级, Grade 3, Year 3 and 3.

    >>> grade_key("三年级"), grade_key("Year 3"), grade_key("高一年级")
    ('3', '3', '高1')
    """
    text = unicodedata.normalize("NFKC", name).casefold().strip()
    return class_key(re.sub(r"^(?:year|[gy](?=\s*\d))|级部$", "", text))


def dormitory_of(cell: Cell) -> str | BadCell:
    """Return a dormitory's name as it is written; empty, or the word for a day pupil, is ""."""
    text = text_of(cell)
    if isinstance(text, BadCell):
        return text
    plain = text.casefold()
    return "" if plain in _NOTHING or plain in _NO else text


def dormitory_key(name: str) -> str:
    """Return what makes two spellings the same dormitory: 1号楼, 一号宿舍楼; Maple, Maple House.

    >>> dormitory_key("一号宿舍楼"), dormitory_key("Maple House"), dormitory_key("Dorm 2")
    ('1', 'maple', '2')
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = re.sub(r"[\s第]", "", text)
    text = re.sub(r"[零一二三四五六七八九十]+(?=[号栋幢])", _arabic, text)
    bare = re.sub(r"^(?:dormitory|dorm|house)|(?:dormitory|dorm|house|hall)$", "", text)
    bare = re.sub(r"(?:学生)?(?:宿舍)?[楼栋幢]?$", "", bare).removesuffix("号")
    return re.sub(r"[^\w]+", "", bare) or text


def class_order(name: str) -> tuple[tuple[int, str], ...]:
    """Return a sorting key that puts 3-2 before 3-10 and 二(1)班 before 三(1)班."""
    parts = re.findall(r"\d+|[^\d-]+", class_key(name))
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in parts)


def _arabic(found: re.Match[str]) -> str:
    numeral = found[0]
    tens, ten, ones = numeral.partition("十")
    digits = [_DIGIT_OF.get(digit, "") for digit in (tens or "一", ones or "零")]
    value = "".join(digits) if ten else "".join(_DIGIT_OF[digit] for digit in numeral)
    before = found.string[: found.start()][-1:]
    behind = found.string[found.end() :][:1]
    return ("-" if before.isdecimal() else "") + value + ("-" if behind.isdecimal() else "")


def phone_of(cell: Cell) -> str | BadCell:
    """Return one telephone number as digits, with + before a foreign one; empty is "".

    +86 before a Chinese mobile number is dropped, so that both spellings are one person.
    """
    text = text_of(cell)
    if isinstance(text, BadCell) or text.lower() in _NOTHING:
        return text if isinstance(text, BadCell) else ""
    bare = re.sub(r"[\s().·-]", "", text)
    bare = "+" + bare[2:] if bare.startswith("00") else bare
    if found := re.fullmatch(r"\+?86(1\d{10})", bare):
        bare = found[1]
    if isinstance(cell, date | bool) or not re.fullmatch(r"\+?\d{6,15}", bare):
        return BadCell(ProblemCode.phone_wrong, {"value": text})
    return bare


def truth_of(cell: Cell) -> bool | BadCell:
    """Return yes or no; an empty cell is no."""
    text = text_of(cell)
    if isinstance(text, BadCell):
        return text
    plain = text.casefold().replace(" ", "")
    if plain in _YES or plain in _NO or plain in _NOTHING:
        return plain in _YES
    return BadCell(ProblemCode.not_yes_or_no, {"value": text})


def order_of(cell: Cell) -> int | BadCell | None:
    """Return which guardian this is, from 1; an empty cell leaves it open."""
    text = text_of(cell)
    if isinstance(text, BadCell) or not text:
        return text if isinstance(text, BadCell) else None
    plain = re.sub(r"^第|[位个.、]$|联系人$|监护人$", "", text.casefold())
    order = int(plain) if plain.isdecimal() else _ORDERS.get(plain, 0)
    return order if 1 <= order <= 9 else BadCell(ProblemCode.order_wrong, {"value": text})


def language_of(cell: Cell) -> str | BadCell | None:
    """Return a language code such as zh or en; an empty cell leaves it open."""
    text = text_of(cell)
    if isinstance(text, BadCell) or not text:
        return text if isinstance(text, BadCell) else None
    plain = text.casefold()
    if plain in _LANGUAGES:
        return _LANGUAGES[plain]
    if re.fullmatch(r"[a-z]{2,3}([-_][a-z0-9]{2,8})*", plain):
        return plain.replace("_", "-").partition("-")[0]
    return BadCell(ProblemCode.language_unknown, {"value": text})


def relation_of(cell: Cell) -> str | BadCell:
    """Return what the guardian is to the student, in the school's own word; empty is ""."""
    text = text_of(cell)
    return "" if isinstance(text, str) and text.casefold() in _NOTHING else text


def several(cell: Cell, marks: str = ";；,，、\n") -> list[Cell]:
    """Take a cell apart that holds several values: "20240101; 20240205"."""
    if not isinstance(cell, str):
        return [cell]
    parts = [part for part in re.split(f"[{marks}]+", cell) if part.strip()]
    return list(parts) or [cell]


def column_letter(place: int) -> str:
    """Return A for the first column (place 0), AA for the twenty-seventh."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
