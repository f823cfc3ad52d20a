"""The moment comes through here: the real clock, a test's, the demo's."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    """Return the moment, in UTC."""
    return datetime.now(UTC)
