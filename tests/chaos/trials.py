"""What else goes wrong: taps under kills, the database killed, the disk full, a process asleep."""

import asyncio
import os
import resource
import signal
import sqlite3
from contextlib import suppress
from pathlib import Path
from time import monotonic, time

import aiohttp

from bot.sender import window_at
from tests.chaos.account import Blow, drawn_up
from tests.chaos.fan_out import Outcome, Tell, concluded, fan_out, quiet
from tests.chaos.lives import Lives, fates
from tests.chaos.school import School
from tests.chaos.server import Mortal
from tests.process.running import PATIENCE, Installation, until

INBOUND = (
    "inbound batch, before the commit",
    "inbound batch, after the commit",
    "updates on their way",
    "tap answered, not told",
    "lease, after the commit",
)


async def _asked(school: School, lives: Lives, *, all_of_them: bool = True) -> None:
    """Start what there is, and let the morning's ask go out, or begin to."""
    await school.asks()
    lives.begin()
    await school.everybody_is_asked(school.form.families if all_of_them else 10)


async def _concluded(school: School, lives: Lives, began: float) -> Outcome:
    await school.comes_to_rest()
    await lives.end()
    return concluded(school, lives, await drawn_up(school, lives.blows), began)


async def inbound(school: School, tell: Tell = quiet) -> Outcome:
    """Kill again and again while every family taps; the asks have gone out in peace."""
    form, began = school.form, monotonic()
    each = 1.2  # seconds that a life lasts on average once it is at work
    lives = Lives(school, [], lambda: each)
    try:
        await _asked(school, lives)
        await school.comes_to_rest()
        tell(f"{school.wire.delivered} asked")
        tapping = {
            int(entry.params["chat_id"]): int(entry.result["message_id"])
            for entry in school.wire.since(method="sendMessage")
            if entry.ok
        }
        school.crowd.tap_over(tapping, form.kills * (each + 0.8))
        named = [name for name in INBOUND if not (form.webhook and name.startswith("updates"))]
        lives.deal(fates(school.chance, form.kills, 1, named))
        await lives.fulfilled()
        tell(f"{len(school.crowd.offered)} tapped, {lives.kills} kills")
        await school.everybody_has_tapped(len(tapping))
        return await _concluded(school, lives, began)
    finally:
        lives.give_up()


async def database_killed(school: School, server: Mortal, tell: Tell = quiet) -> Outcome:
    """Kill PostgreSQL under a working process, again and again."""
    began = monotonic()
    lives = Lives(school, [], lambda: 1.0)
    back: list[float] = []
    try:
        await _asked(school, lives, all_of_them=False)
        for _ in range(school.form.kills):
            await asyncio.sleep(school.chance.uniform(1, 4))
            server.kill()
            lives.blows.append(Blow(time(), "PostgreSQL killed"))
            await asyncio.sleep(school.chance.uniform(0, 1))
            await asyncio.to_thread(server.start)
            lives.blows[-1].until = time()
            sent, started = school.wire.delivered, monotonic()
            if sent < school.form.families:
                await until(lambda n=sent: school.wire.delivered > n, "sending again")
                back.append(monotonic() - started)
            tell(f"{school.wire.delivered} sent, {lives.kills} kills of PostgreSQL")
        await school.everybody_is_asked()
        outcome = await _concluded(school, lives, began)
        outcome.takeovers = back
        return outcome
    finally:
        lives.give_up()


class FullForOne:
    """A disk that is full for one process: none of its files takes more than a page."""

    def __init__(self, house: Installation) -> None:
        self._house = house

    def fill(self) -> None:
        resource.prlimit(self._house.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))

    def free(self) -> None:
        endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self._house.pid, resource.RLIMIT_FSIZE, endless)


class Full:
    """A small disk of its own that is filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as filler, suppress(OSError):
            for size in (2**20, 2**12, 1):
                with suppress(OSError):
                    while filler.write(b"\0" * size):
                        pass

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


async def disk_full(
    school: School, disk: FullForOne | Full, tell: Tell = quiet, longest: float = 14
) -> Outcome:
    """Let the disk be full for a while, again and again, in the middle of asks and taps."""
    began, window = monotonic(), window_at(school.form.rate)
    lives = Lives(school, [], lambda: 1.0)
    back: list[float] = []
    try:
        await _asked(school, lives, all_of_them=False)
        port = await _web_port(school.houses[0])
        for _ in range(school.form.kills):
            await asyncio.sleep(school.chance.uniform(1, 3))
            before = school.wire.delivered
            disk.fill()
            lives.blows.append(Blow(time(), "disk full"))
            try:
                await _is_said(port)
                await asyncio.sleep(school.chance.uniform(longest / 4, longest))
                sent = school.wire.delivered
                assert sent - before <= window, "sent without being able to mark"
                assert school.houses[0].lives, school.tail()
            finally:
                disk.free()
                lives.blows[-1].until = time()
            started = monotonic()
            await until(lambda n=sent: school.wire.delivered > n, "sending again")
            back.append(monotonic() - started)
            tell(f"{school.wire.delivered} sent, the disk full {lives.kills} times")
        await school.everybody_is_asked()
        outcome = await _concluded(school, lives, began)
        outcome.takeovers = back
        file = sqlite3.connect(school.folder / "school.sqlite3")
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert file.execute("PRAGMA foreign_key_check").fetchall() == []
        file.close()
        return outcome
    finally:
        lives.give_up()


async def _web_port(house: Installation) -> int:
    said, _ = house.said_since(0)
    return next(int(line["web_port"]) for line in said if line.get("event") == "ready")


async def _is_said(port: int) -> None:
    """Wait until the process says by itself that it is not ready, and why."""
    async with aiohttp.ClientSession() as http, asyncio.timeout(PATIENCE):
        while True:
            async with http.get(f"http://127.0.0.1:{port}/readyz") as response:
                said = await response.json()
                if response.status == 503:
                    assert "the database takes no writes" in said["reasons"], said
                    break
            await asyncio.sleep(0.1)
        async with http.get(f"http://127.0.0.1:{port}/metrics") as response:
            assert "allclear_database_up 0.0" in await response.text()


async def asleep(school: School, seconds: float, tell: Tell = quiet) -> Outcome:
    """Stop the process at work for a while; another goes on, and who wakes sends nothing."""
    began = monotonic()
    lives = Lives(school, [], lambda: 1.0)
    took: list[float] = []
    try:
        await _asked(school, lives, all_of_them=False)
        for _ in range(school.form.kills):
            await asyncio.sleep(school.chance.uniform(1, 3))
            sleeper = holder(school)
            place = sleeper.log_ends_at
            os.kill(sleeper.pid, signal.SIGSTOP)
            lives.blows.append(Blow(time(), "stopped"))
            stopped = monotonic()
            await until(lambda s=sleeper: holder(school) is not s, "taken over")
            took.append(monotonic() - stopped)
            await asyncio.sleep(max(seconds - took[-1], 0))
            os.kill(sleeper.pid, signal.SIGCONT)
            await until(
                lambda s=sleeper, p=place: {"listen", "send"} == lost(s, p),
                "who woke knows that it has lost its leases",
            )
            lives.blows[-1].until = time()
            tell(f"{school.wire.delivered} sent, {lives.kills} times asleep")
        await school.everybody_is_asked()
        outcome = await _concluded(school, lives, began)
        outcome.takeovers = took
        return outcome
    finally:
        lives.give_up()


def holder(school: School) -> Installation:
    """Return the process that took the sender's lease last."""
    taken = [
        (str(line["timestamp"]), number)
        for number, house in enumerate(school.houses)
        for line in house.said_since(0)[0]
        if line.get("event") == "lease taken" and line.get("part") == "send"
    ]
    return school.houses[max(taken)[1]]


def lost(house: Installation, place: int) -> set[str]:
    """Return which leases a process has lost by what it says itself."""
    said, _ = house.said_since(place)
    return {str(line["part"]) for line in said if line.get("event") == "lease lost"}


async def faulty(school: School, tell: Tell = quiet) -> Outcome:
    """Let the service fail in every way that it has, in every call, with some kills in between."""
    named = ("mark, before the commit", "between sends", "claim, after the commit")
    return await fan_out(school, tell, named=named)
