"""One measured thing, how results are kept, and a contest of several ways of doing the same."""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field


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


Way = Callable[[int], Awaitable[Spent]]
Tell = Callable[[str], None]


@dataclass(slots=True)
class Contest:
    """Several ways of doing the same so many times, in turn within one run.

    Each goes once on a small scale first, so that nobody pays in the contest for imports, TLS
    contexts, or statements that are compiled once.
    """

    count: int
    runs: dict[str, list[Spent]] = field(default_factory=dict)

    async def run(self, ways: Mapping[str, Way], *, times: int, small: int, tell: Tell) -> None:
        """Let them go in turn, each time another first."""
        for name, way in ways.items():
            tell(f"{name}, small")
            await way(min(small, self.count))
            self.runs[name] = []
        names = list(ways)
        for turn in range(times):
            first = turn % len(names)
            for name in names[first:] + names[:first]:
                tell(f"{name}, {turn + 1} of {times}")
                self.runs[name].append(await ways[name](self.count))

    def as_fast(self, ours: str, theirs: str) -> float:
        """Return how many times as fast one way was as another: the middle of the pairs."""
        pairs = zip(self.runs[ours], self.runs[theirs], strict=True)
        return middle([their.wall / our.wall for our, their in pairs])

    def per_second(self, name: str) -> float:
        """Return how many were done in a second."""
        return self.count / middle([run.wall for run in self.runs[name]])

    def processor(self, name: str) -> float:
        """Return the milliseconds of our own processor that one took."""
        return 1000 * middle([run.processor for run in self.runs[name]]) / self.count

    def plain(self, what: str, unit: str) -> list[Result]:
        """Return the plain figures of everybody."""
        return [
            result
            for name in self.runs
            for result in (
                Result(f"{what}.{name}", self.per_second(name), f"{unit}s/s"),
                Result(f"{what}_processor.{name}", self.processor(name), f"ms/{unit}"),
            )
        ]
