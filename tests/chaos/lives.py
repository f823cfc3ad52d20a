"""Processes that live a short while: started, killed somewhere, and started again.

Each life has a fate: a named point at which it kills itself, a call on the wire after which it is
killed before it hears the answer, or any moment at all.
"""

import asyncio
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from time import time
from typing import Any

from sandbox.journal import Entry
from tests.chaos.account import Blow
from tests.chaos.mortal import POINT, TIMES
from tests.chaos.points import EVERY, ON_THE_WIRE, POINTS
from tests.chaos.school import School
from tests.process.running import Installation

ANY = "any moment"
WAKING = "while starting"
NOT_REACHED = "not reached: "  # a named point that a life has not come to in its time


@dataclass(frozen=True, slots=True)
class Fate:
    """Where a life ends, and the how manieth time it comes there."""

    where: str
    times: int = 1

    @property
    def is_kept(self) -> bool:
        return self.where in POINTS

    @property
    def environment(self) -> dict[str, str]:
        return {POINT: self.where, TIMES: str(self.times)} if self.is_kept else {}


def fates(chance: random.Random, kills: int, span: int, named: Sequence[str]) -> list[Fate]:
    """Deal out fates: every one of the named points again and again, and as often any moment.

    `span` is how many windows a life sends on average, if it may. What can happen only once, the
    first time that anybody looks, comes first.
    """
    dealt, once = [], set[str]()
    for number in range(kills):
        where = ANY
        if number % 2 == 0:
            where = named[number // 2 % len(named)]
        elif chance.random() < 0.1:
            where = WAKING
        if where.startswith("ask decided"):
            if where not in once:
                once.add(where)
                continue
            where = ANY
        often = where.startswith(("claim", "mark", "between"))
        dealt.append(Fate(where, chance.randint(1, 2 * span if often else 2)))
    chance.shuffle(dealt)
    return dealt + [Fate(where) for where in sorted(once)]


@dataclass(slots=True)
class Life:
    """One process from its start to its end."""

    house: Installation
    fate: Fate | None
    cold: bool
    started_at: float
    read_to: int  # in its log
    at_work_at: float | None = None
    holds: bool = False  # the sender's lease
    ready_after: float | None = None  # seconds

    def look(self) -> None:
        """Read what it has said since, and what of it is about the sender's lease."""
        said, self.read_to = self.house.said_since(self.read_to)
        for line in said:
            if line.get("event") == "ready":
                self.ready_after = _moment(line) - self.started_at
            if line.get("part") == "send" and line.get("event") in {"lease taken", "lease lost"}:
                self.holds = line["event"] == "lease taken"
                if self.at_work_at is None:
                    self.at_work_at = _moment(line)


def _moment(line: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


@dataclass
class Lives:
    """Keeps the processes of a school coming and going until the fates are used up."""

    school: School
    to_come: list[Fate]
    pause: Callable[[], float]  # seconds that a life may last before any moment is as good
    environment: Mapping[Installation, Mapping[str, str]] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    blows: list[Blow] = field(default_factory=list)
    cold_starts: list[float] = field(default_factory=list)
    warm_starts: list[float] = field(default_factory=list)
    takeovers: list[float] = field(default_factory=list)
    _lives: dict[Installation, Life] = field(default_factory=dict)
    _last_blow: float | None = None
    _count: int = 0
    _starts: list[float] = field(default_factory=list)  # seconds until each was ready, if forked
    _ending: bool = False
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return len(self.blows)

    def _pause(self) -> float:
        """Return how long a life may last: longer on a machine where it is long in coming."""
        return max(self.pause(), 2 * median(self._starts[-9:] or [0]))

    def begin(self) -> None:
        self.school.check = self._raise
        self._tasks = [
            asyncio.create_task(self._keep_coming(house)) for house in self.school.houses
        ]

    def deal(self, fates: list[Fate]) -> None:
        """Hand out new fates; whoever was there to stay ends soon, in place of the first."""
        self.to_come[:] = fates
        for life in self._lives.values():
            if life.fate is None and self.to_come:
                self.to_come.pop(0)
                life.fate = Fate(ANY)
                wait = self.school.chance.uniform(0, self._pause())
                asyncio.get_running_loop().call_later(wait, self._strike, life, ANY)

    async def fulfilled(self) -> None:
        """Wait until every fate has come, then until all processes are there to stay."""
        while self.to_come or any(life.fate for life in self._lives.values()):
            self._raise()
            if not self.to_come:  # somebody without a fate may be at work, and the others wait
                for life in list(self._lives.values()):
                    if life.fate and time() - life.started_at > 3 * self._pause() + 3:
                        self._strike_late(life, life.fate)
            await asyncio.sleep(0.05)

    async def end(self) -> None:
        """Ask all of them to end, and wait for it."""
        self._ending = True
        for house in self.school.houses:
            house.send(signal.SIGTERM)
        await asyncio.gather(*self._tasks)

    def give_up(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _raise(self) -> None:
        for task in self._tasks:
            if task.done() and task.exception() is not None:
                task.result()

    async def _keep_coming(self, house: Installation) -> None:
        while not self._ending:
            fate = self.to_come.pop() if self.to_come else None
            self._count += 1
            cold = not (fate and fate.is_kept) and self._count % self.school.form.cold_every == 0
            life = Life(house, fate, cold, time(), house.log_ends_at)
            self._lives[house] = life
            told = (
                None
                if cold
                else {
                    **self.environment.get(house, {}),
                    **(fate.environment if fate else {}),
                }
            )
            await house.start(*self.arguments, fate=told)
            if self._ending:  # asked to while it was not there yet
                house.send(signal.SIGTERM)
            watch = asyncio.create_task(self._watch(life))
            try:
                returncode = await house.gone()
            finally:
                watch.cancel()
            if returncode == -signal.SIGKILL:
                self._killed(life)
            elif not self._ending:
                raise AssertionError(f"ended by itself: {returncode}\n{house.tail()}")

    def _killed(self, life: Life) -> None:
        self._looked(life)
        if life.ready_after is not None and not life.cold:
            self._starts.append(life.ready_after)
        where = life.fate.where if life.fate else ANY
        self.blows.append(Blow(time(), where, hits=life.holds))
        if life.holds:
            self._last_blow = time()

    async def _watch(self, life: Life) -> None:
        """Notice when a life is at work, and let its fate come."""
        if life.fate is not None and life.fate.where == WAKING:
            await asyncio.sleep(self.school.chance.uniform(0, 0.6))
            self._strike(life, WAKING)
            return
        await self._is_at_work(life)
        if life.fate is None:
            return
        if life.fate.where in ON_THE_WIRE:
            self._strike_on_the_wire(life)
        await asyncio.sleep(
            self.school.chance.uniform(0, 2 * self._pause())
            if life.fate.where == ANY
            else 2 * self._pause()
        )
        self._strike_late(life, life.fate)

    def _strike_late(self, life: Life, fate: Fate) -> None:
        """Kill who has had its time; that it never came to its point is written down as that."""
        self._strike(life, f"{NOT_REACHED}{fate.where}" if fate.where in EVERY else ANY)

    def _strike(self, life: Life, where: str) -> None:
        if life.house.lives and self._lives.get(life.house) is life:
            life.fate = Fate(where)
            life.house.send(signal.SIGKILL)

    def _strike_on_the_wire(self, life: Life) -> None:
        assert life.fate is not None
        where, left = life.fate.where, life.fate.times
        method, heard = ON_THE_WIRE[where], self.school.wire.heard

        def hear(entry: Entry) -> None:
            nonlocal left
            if self._lives.get(life.house) is not life or not life.house.lives:
                heard.remove(hear)
            elif entry.method == method:
                left -= 1
                if left <= 0:
                    heard.remove(hear)
                    self._strike(life, where)

        heard.append(hear)

    async def _is_at_work(self, life: Life) -> None:
        """Wait until the process says that it has the sender's lease."""
        while not self._looked(life):  # noqa: ASYNC110 - another process does not tell us
            await asyncio.sleep(0.03)

    def _looked(self, life: Life) -> bool:
        """Look at a life; note when it is at work, and that the one before it is over."""
        before = life.at_work_at
        life.look()
        if life.at_work_at is None or before is not None:
            return life.at_work_at is not None
        for blow in self.blows:
            if blow.hits and blow.until is None:
                blow.until = life.at_work_at
        if self.school.form.processes == 1:
            took = life.at_work_at - life.started_at
            (self.cold_starts if life.cold else self.warm_starts).append(took)
        elif self._last_blow is not None:
            self.takeovers.append(max(life.at_work_at - self._last_blow, 0))
            self._last_blow = None
        return True
