"""One measured thing, and how results are kept."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """A number with its unit; a ratio says against whom."""

    name: str
    value: float
    unit: str
    compared_with: str | None = None


@dataclass(slots=True)
class Spent:
    """How long something took, and how much of our own processor it used, in seconds."""

    wall: float = 0.0
    processor: float = 0.0


@contextmanager
def spent() -> Iterator[Spent]:
    """Measure a stretch of work."""
    measured = Spent()
    wall, processor = time.perf_counter(), time.process_time()
    yield measured
    measured.wall = time.perf_counter() - wall
    measured.processor = time.process_time() - processor


def middle(values: list[float]) -> float:
    """Return the middle of what was measured: one bad run does not count."""
    return sorted(values)[len(values) // 2]
