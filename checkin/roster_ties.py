"""What a roster says of a tie between guardian and student: rights, days, split custody."""

import re
from datetime import date, datetime
from enum import StrEnum

from checkin.roster_cells import BadCell, Cell, ProblemCode, text_of, truth_of


class Rights(StrEnum):
    """What a guardian may do about a student."""

    answer = "answer"
    see = "see"
    phone = "phone"

    @property
    def may_see(self) -> bool:
        """Say whether the guardian is shown what is said about the student."""
        return self is not Rights.phone

    @property
    def may_answer(self) -> bool:
        """Say whether the guardian may answer for the student, and so is asked."""
        return self is Rights.answer


RIGHTS_WORDS = {
    Rights.answer: "see and answer",
    Rights.see: "see only",
    Rights.phone: "phone only",
}
_SPELLINGS = {
    Rights.answer: "可查看可填报 可看可填 可查可填 可查看并填报 可查看和填报 查看和填报 "
    "查看填报 查看并填报 可填报可查看 可填报 可填 填报 全部 全部权限 完全 所有 seeandanswer "
    "seeanswer viewandanswer viewanswer answerandsee mayseeandanswer mayanswer answer full "
    "fullaccess all both everything",
    Rights.see: "仅查看 只查看 仅看 只看 只读 仅可查看 只可查看 只能查看 可查看 查看 "
    "可查看不可填报 不可填报 seeonly onlysee see maysee view viewonly onlyview readonly read "
    "maynotanswer",
    Rights.phone: "仅联系电话 仅电话 只留电话 仅留电话 仅联系 只联系 仅电话联系 只电话联系 "
    "电话联系 电话 联系电话 仅紧急联系 紧急联系 紧急联系人 仅紧急联系人 phoneonly onlyphone "
    "phone telephoneonly callonly call contactonly contact phonenumberonly emergency "
    "emergencyonly emergencycontact emergencycontactonly",
}
_RIGHTS_OF = {word: rights for rights, words in _SPELLINGS.items() for word in words.split()}
_BLANK = {"", "-", "--", "/", "n/a", "na"}


def rights_of(cell: Cell) -> Rights | BadCell:
    """Return a guardian's rights; an empty cell is the usual, to see and to answer.

    "None" is not guessed at: it may mean no rights, or nothing special.
    """
    text = text_of(cell)
    if isinstance(text, BadCell):
        return text
    if text.casefold() in _BLANK:
        return Rights.answer
    plain = re.sub(r"[\W_]+", "", text.casefold())
    if plain in _RIGHTS_OF:
        return _RIGHTS_OF[plain]
    return BadCell(ProblemCode.rights_unknown, {"value": text})


_APART = {
    "分开监护",
    "分开",
    "分居",
    "离异",
    "离婚",
    "单独监护",
    "分别监护",
    "separate",
    "separated",
}
_APART |= {"split", "splitcustody", "divorced", "apart", "separatecustody"}
_TOGETHER = {"共同监护", "共同", "joint", "jointcustody", "together", "shared", "married"}


def separate_of(cell: Cell) -> bool | BadCell:
    """Return whether what the other guardians say is not shown to this one; empty is no."""
    text = text_of(cell)
    if isinstance(text, BadCell):
        return text
    plain = re.sub(r"[\W_]+", "", text.casefold())
    if plain in _APART or plain in _TOGETHER:
        return plain in _APART
    return truth_of(cell)


_OPEN = {"长期", "长期有效", "永久", "无期限", "不限", "无", "至今", "none", "open", "always"}
_YEAR_FIRST = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00(?::00)?)?")
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})")
_ENGLISH = re.compile(r"(?:(\d{1,2}) ([a-z]{3})[a-z]*\.?|([a-z]{3})[a-z]*\.? (\d{1,2}),?) (\d{4})")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def day_of(cell: Cell) -> date | BadCell | None:
    """Return a day; an empty cell leaves it open.

    2026-03-01, 2026年3月1日, 20260301, 1 March 2026. Where day and month could be taken for each
    other (3/4/2026) nothing is guessed.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = text_of(cell)
    if isinstance(text, BadCell):
        return text
    plain = text.casefold()
    if plain in _BLANK or plain in _OPEN:
        return None
    try:
        day = _written_day(plain)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 2100:
        return BadCell(ProblemCode.date_wrong, {"value": text})
    return day


def _written_day(plain: str) -> date | None:
    if found := _YEAR_FIRST.fullmatch(plain) or _PACKED.fullmatch(plain):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if (found := _ENGLISH.fullmatch(plain)) and (month := found[2] or found[3]) in _MONTHS:
        return date(int(found[5]), _MONTHS.index(month) + 1, int(found[1] or found[4]))
    return None
