"""Where a check-in stands on its way."""

from enum import StrEnum, auto


class Status(StrEnum):
    """From due to complete, or why it never will be."""

    due = auto()
    asked = auto()
    partial = auto()
    complete = auto()
    excused = auto()
    unreachable = auto()
    no_response = auto()


SETTLED = frozenset({Status.complete, Status.excused})  # nothing is asked of anybody any more
