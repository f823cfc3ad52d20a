"""What a button's data says: one small type owns the packing and Telegram's limit of 64 bytes.

Nothing is decided from it alone: it names a row and a revision, and the row decides.
"""

from enum import StrEnum
from functools import lru_cache

from checkin.facts import fact

LIMIT = 64
BEYOND = 2**63  # the first number that a database row cannot hold
_SEPARATOR = ":"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]


class Verb(StrEnum):
    """What a button does. The values are on buttons in people's chats: they are never reused."""

    all_clear = "a"
    open_subject = "o"
    pick = "p"
    done = "d"
    back = "b"
    home = "h"
    change = "c"
    refresh = "r"
    sign = "s"
    release = "l"
    keep_flag = "k"
    join_as = "j"
    agree = "y"
    decline = "n"
    details = "w"
    language = "g"
    invite = "i"
    stop = "t"
    go_on = "u"
    acknowledge = "e"
    remind = "m"
    page = "v"
    toggle = "x"
    confirm = "f"
    excuse = "q"
    window = "z"
    pause = "pa"
    end_pause = "pe"
    group_line = "gl"
    picture = "pi"
    release_because = "rb"
    show_missing = "rs"
    leave = "rl"
    confirm_leave = "rc"
    keep_students = "rk"
    set_day = "sd"
    leave_day = "ld"
    read_as = "ra"
    open_class = "oc"
    arrived = "ar"
    not_excused = "ne"
    substitute = "su"
    sending = "se"


class PressError(Exception):
    """The data is not ours, or not any more."""


@fact
class Press:
    """A tap on a button: the verb, the row it is about, the revision it was shown at, details."""

    verb: Verb
    row: int = 0
    revision: int = 0
    details: tuple[int, ...] = ()

    def pack(self) -> str:
        """Return the data for the button.

        Raises:
            ValueError: it would be longer than Telegram's 64 bytes.
        """
        numbers = f"{_to_36(self.row)}{_SEPARATOR}{_to_36(self.revision)}"
        data = f"{self.verb}{_SEPARATOR}{numbers}"
        for number in self.details:
            data = with_detail(data, number)
        return data

    @classmethod
    def unpack(cls, data: str) -> "Press":
        """Read a button's data.

        Raises:
            PressError: forged, damaged, or of an older version.
        """
        verb, *numbers = data.split(_SEPARATOR)
        try:
            row, revision, *details = (int(number, 36) for number in numbers)
            if len(data) > LIMIT or not all(
                0 <= number < BEYOND for number in (row, revision, *details)
            ):
                raise PressError(data)
            return cls(Verb(verb), row, revision, tuple(details))
        except ValueError as error:
            raise PressError(data) from error


def with_detail(data: str, number: int) -> str:
    """Return a button's data with one more number.

    Raises:
        ValueError: it would be longer than Telegram's 64 bytes.
    """
    longer = f"{data}{_SEPARATOR}{_to_36(number)}"
    if len(longer) > LIMIT:
        raise ValueError(f"button data of {len(longer)} bytes: {longer}")
    return longer


@lru_cache(maxsize=512)  # the buttons of a card all name it, and its revision
def _to_36(number: int) -> str:
    text = ""
    while number >= 36:  # two digits at a time: buttons are made by the thousand
        number, pair = divmod(number, 1296)
        text = _PAIRS[pair] + text
    return _DIGITS[number] + text if number or not text else text
