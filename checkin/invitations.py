"""How somebody comes to be known: a code that was handed to them, and a second proof.

The code alone proves little (a class link is posted in a parents' group), so a guardian also names
the child and the end of its student number. What was wrong is never told, and a chat has five
wrong tries an hour.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Literal, Protocol, TypeVar

from checkin.facts import fact
from checkin.names import same_digits, same_name

CODE_BYTES = 16  # 128 bits; 22 characters of the 64 a deep link carries
MOST_WRONG = 5
WRONG_WITHIN = timedelta(hours=1)
NEED_DIGITS = 4


class InvitationKind(StrEnum):
    """What a code is for."""

    class_link = "class_link"
    student = "student"
    staff = "staff"


class RefusedReason(StrEnum):
    """Why a code is not taken; for the record, never for the stranger who sent it."""

    unknown = "unknown"
    expired = "expired"
    used_up = "used_up"
    revoked = "revoked"


@fact
class InvitationTerms:
    """How long a code lives and how often it opens."""

    lives: timedelta
    uses: int


@fact
class Usable:
    """The code opens; a second proof may still be due."""

    needs_claim: bool


@fact
class Refused:
    """The code does not open."""

    reason: RefusedReason


@fact
class NotNow:
    """Too many wrong tries; `until` is when the next is heard."""

    until: datetime

    def __bool__(self) -> bool:
        return False


def terms_of(kind: InvitationKind, students: int = 0) -> InvitationTerms:
    """Return the terms of a new code.

    A class link lives a fortnight and opens three times for each student of the class: two
    guardians and one who changes telephones. A code for one person lives a week and opens once.
    """
    if kind is InvitationKind.class_link:
        return InvitationTerms(timedelta(days=14), max(3, 3 * students))
    return InvitationTerms(timedelta(days=7), 1)


def new_code(random: bytes) -> str:
    """Return the code for these random bytes: URL-safe, without padding.

    Raises:
        ValueError: There are fewer than 128 bits, or more than a deep link carries.
    """
    if not CODE_BYTES <= len(random) <= 48:
        raise ValueError(f"A code is made of 16 to 48 random bytes, not of {len(random)}.")
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def code_hash(code: str) -> str:
    """Return what is kept of a code: with 128 random bits no salt is needed."""
    return hashlib.sha256(code.encode()).hexdigest()


def check_invitation(
    kind: InvitationKind,
    now: datetime,
    *,
    expires_at: datetime,
    uses_left: int,
    revoked: bool = False,
) -> Usable | Refused:
    """Say whether a code that was found still opens.

    A class link and a student's own code need the second proof; a code for one member of staff was
    handed over in person.
    """
    if revoked:
        return Refused(RefusedReason.revoked)
    if now >= expires_at:
        return Refused(RefusedReason.expired)
    if uses_left <= 0:
        return Refused(RefusedReason.used_up)
    return Usable(needs_claim=kind is not InvitationKind.staff)


def may_try(wrong_moments: Collection[datetime], now: datetime) -> Literal[True] | NotNow:
    """Say whether this chat may try again: five wrong tries an hour, codes and claims together.

    A wrong try from the future (the clock was set back) counts as one of now.
    """
    counted = sorted(min(moment, now) for moment in wrong_moments if moment > now - WRONG_WITHIN)
    if len(counted) < MOST_WRONG:
        return True
    return NotNow(counted[-MOST_WRONG] + WRONG_WITHIN)


# The second proof.


class Claimable(Protocol):
    """A student who can be claimed."""

    @property
    def name(self) -> str:
        """The name as the school spells it."""

    @property
    def number(self) -> str:
        """The student number."""


S = TypeVar("S", bound=Claimable)


@fact
class Match(Generic[S]):
    """The one student who is meant."""

    student: S


@fact
class NoMatch:
    """Nobody, or not one alone. It says no more, so that nothing can be learnt by trying."""


def check_claim(students: Iterable[S], name: str, digits: str) -> Match[S] | NoMatch:
    """Find the student by the name and the end of the number, four characters at least.

    Two of the same name are told apart by their digits; two alike in both need more digits. Every
    student is compared in full, so that the time taken tells nothing.
    """
    found = [
        student
        for student in students
        if same_name(student.name, name) & same_digits(student.number, digits, need=NEED_DIGITS)
    ]
    return Match(found[0]) if len(found) == 1 else NoMatch()


_LATIN = (
    r"(?<![a-z])(?:student (?:number|no|id)|number|no\.|(?:the )?last (?:four|4)(?: digits)?"
    r"|digits|is)(?![a-z])"
)
_HAN = r"(?:的?(?:学号|学籍号|编号|号码)?(?:尾号|(?:最后|[后末])(?:四|4)位)|的?(?:学号|编号|号码))"
_BETWEEN = rf"(?:[\s,;:.、。/#()-]|{_LATIN}|{_HAN}(?:数字|数)?(?:是|为)?)*"
_DIGITS = r"[0-9a-z]*[0-9][0-9a-z]*"
_NAME_FIRST = re.compile(
    rf"(?P<name>.+?){_BETWEEN}(?<![0-9a-z])(?P<digits>{_DIGITS})[\s.。)]*", re.I
)
_HAN_TOUCHING = re.compile(
    rf"(?P<name>.+?[^\x00-\x7f]){_BETWEEN}(?P<digits>{_DIGITS})[\s.。)]*", re.I
)
_DIGITS_FIRST = re.compile(rf"{_BETWEEN}(?P<digits>{_DIGITS})[\s,;:.、。/-]+(?P<name>.+?)", re.I)
_BEFORE = re.compile(
    r"(?:我的?孩子|我家|孩子|学生|姓名|名字|我|name|my (?:child|son|daughter)|i am|i'm|this is)"
    r"\s*(?:叫|是|的?名字是?|的?姓名是?|is)?[\s:,]+|(?:我的?孩子|孩子|我)(?:叫|是)|姓名是?",
    re.I,
)
_BEHIND = re.compile(r"的?(?:家长|妈妈|爸爸|母亲|父亲|奶奶|爷爷|外公|外婆)")


def parse_claim(text: str) -> tuple[str, str] | None:
    """Read the name and the last digits as people write them, or None.

    "Ana Lima 0412", "王小明0412", "王小明，学号后四位0412", "0412 王小明", "Ana Lima, last four
    digits 0412".
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).split())
    if len(plain) > 120:
        return None
    for pattern in (_NAME_FIRST, _HAN_TOUCHING, _DIGITS_FIRST):
        if found := pattern.fullmatch(plain):
            name = _bare_name(found["name"])
            if any(letter.isalpha() for letter in name):
                return name, found["digits"].upper()
    return None


def _bare_name(name: str) -> str:
    """Leave out what was said around the name (我是…的家长, my child is …)."""
    if found := _BEFORE.match(name):
        name = name[found.end() :]
    if found := _BEHIND.search(name):
        name = name[: found.start()]
    return name.strip(" ,;:.、。/#()-")
