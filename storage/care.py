"""What each kind of message may cost: one too many, or one too few, when nobody knows.

A message whose sending ended unclear (a timeout, a 5xx) may stand in the chat or not. What
somebody acts on must arrive, if need be twice. A reminder that came unnoticed could never be taken
out of the chat again, and would go on asking whoever has answered; a picture beside its summary is
the same twice; and both are followed by others. They are left as they are, and counted.

After a kill it is different: most of a window was not sent yet, and all of it is sent again.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Care(StrEnum):
    """What a message must and must not do."""

    must_arrive = "must arrive"
    must_not_double = "must not double"
    mirrors_state = "mirrors state"  # made again from the rows at any time: it has no row


CARE: Mapping[str, Care] = MappingProxyType(
    {
        "card": Care.must_arrive,  # asks, class cards, summaries, flags
        "text": Care.must_arrive,  # replies, alarms
        "corrected": Care.must_arrive,
        "no_school": Care.must_arrive,
        "school_again": Care.must_arrive,
        "reminder": Care.must_not_double,
        "unsigned": Care.must_not_double,
        "picture": Care.must_not_double,
        "edit": Care.mirrors_state,
        "toast": Care.mirrors_state,
        "withdrawal": Care.mirrors_state,
    }
)

SENT_AGAIN = tuple(kind for kind, care in CARE.items() if care is Care.must_arrive)


class UnknownKindError(ValueError):
    """A kind of message that nobody said the care of, or that needs no row."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"a message of kind {kind!r} cannot be owed: see storage/care.py")


def owable(kind: str) -> str:
    """Return the kind of a message to be owed.

    Raises:
        UnknownKindError: nobody said what it may cost, or it only mirrors what is kept.
    """
    if CARE.get(kind) not in {Care.must_arrive, Care.must_not_double}:
        raise UnknownKindError(kind)
    return kind
