"""The named points at which a process dies: between what it keeps and what it tells the service.

Each is a statement of the product and a side of its commit. Whatever may be done twice, or not at
all, after a kill lies between two of them. The wire has its own: the service has carried a call
out, and whoever asked is killed before the answer leaves.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """A statement in a transaction, and whether the process dies before or after its commit."""

    name: str
    statement: re.Pattern[str]
    committed: bool
    concerns: Callable[[str], bool] = lambda _parameters: True

    def is_reached(self, statement: str, parameters: Any, rows: int) -> bool:
        """Say whether this is the statement, and it found something to change."""
        plain = " ".join(statement.split())
        return bool(rows and self.statement.search(plain)) and self.concerns(repr(parameters))


def touched(cursor: Any) -> int:
    """Return how many rows a statement has changed, or returned; -1 when nobody knows.

    What returns rows does not say how many it changed, so those that wait to be read are counted.
    """
    return len(cursor._rows) if cursor.description else int(cursor.rowcount)


def _both(
    name: str, statement: str, concerns: Callable[[str], bool] = lambda _parameters: True
) -> tuple[Point, Point]:
    pattern = re.compile(statement, re.I)
    return (
        Point(f"{name}, before the commit", pattern, committed=False, concerns=concerns),
        Point(f"{name}, after the commit", pattern, committed=True, concerns=concerns),
    )


KEPT = (
    *_both("ask decided", "^INSERT INTO occurrence"),
    *_both("claim", "^(WITH .*)?UPDATE ledger SET .*attempts"),
    *_both("mark", r"^UPDATE ledger SET .*sent_at.* WHERE .*owner"),
    *_both("recovery", "^UPDATE ledger SET .* WHERE .*lease_until <"),
    *_both("card shown", "^UPDATE card SET shown"),
    *_both("withdrawal", "^UPDATE ledger SET state", lambda given: "withdrawn" in given),
    *_both("inbound batch", "^INSERT INTO received"),
    *_both("lease", "^INSERT INTO bot_lease"),
)
POINTS = {point.name: point for point in KEPT}

ON_THE_WIRE = {
    "between sends": "sendMessage",
    "edited, not told": "editMessageText",
    "withdrawn, not told": "deleteMessage",
    "tap answered, not told": "answerCallbackQuery",
    "updates on their way": "getUpdates",
}
EVERY = (*POINTS, *ON_THE_WIRE)
