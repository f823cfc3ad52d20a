"""A bot works in one process at a time: the lease is taken, kept up beside the work, given back.

The database's clock says when a lease runs out. This process counts with its own monotonic time
from the moment before it asked, so it stops no later than another one may start. A process that
slept through its lease sees so before it sends anything.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

import structlog

from bot.parts import Part
from storage import leases
from storage.database import Database, Session

log = structlog.get_logger()

LEASE_SECONDS = 10.0
RENEW_SECONDS = 3.0
TRY_SECONDS = 0.5  # between two looks at a lease that somebody else holds
MARGIN_SECONDS = 1.0  # a holder stops this much before others may start


def _machine() -> str:
    """Return what the processes share that can see each other; else nobody shares it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return secrets.token_hex(16)


MACHINE = _machine()


def new_owner() -> str:
    """Return a name for this process that no other has ever had."""
    return f"{MACHINE} {os.getpid()} {secrets.token_hex(4)}"


def is_dead(owner: str) -> bool:
    """Say whether a holder is a process of this machine that is there no more.

    A lease of another machine, or one whose process only sleeps, has to run out.
    """
    machine, pid, _ = owner.rsplit(" ", 2)
    if machine != MACHINE:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


class Lease:
    """One part of one bot: held by this process, or waited for."""

    def __init__(
        self,
        database: Database,
        bot_id: int,
        part: Part,
        owner: str,
        *,
        seconds: float = LEASE_SECONDS,
        renew: float = RENEW_SECONDS,
        retry: float = TRY_SECONDS,
        margin: float = MARGIN_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._database = database
        self._bot_id = bot_id
        self._part = part
        self._owner = owner
        self._seconds = seconds
        self._renew = renew
        self._retry = retry
        self._margin = margin
        self._clock = clock
        self._until = float("-inf")

    @property
    def held(self) -> bool:
        """Say whether this process may work for the bot at this moment."""
        return self._clock() < self._until

    async def while_held(
        self, stopping: asyncio.Event, work: Callable[[asyncio.Event], Awaitable[object]]
    ) -> None:
        """Wait for the lease and work while it is held, again and again until stopped.

        The work is told to end by the event that it is given, and has ended when this returns.
        """
        while not stopping.is_set():
            if not await self._take():
                await _set_within(stopping, self._retry)
                continue
            log.info("lease taken", bot=self._bot_id, part=self._part.value)
            over, ended = asyncio.Event(), asyncio.Event()
            stop = asyncio.create_task(_pass_on(stopping, over))
            keeping = asyncio.create_task(self._keep_up(over, ended))
            try:
                await work(over)
            finally:
                ended.set()
                stop.cancel()
                await keeping  # not cancelled: a statement that has begun is finished
                await self._release()

    async def _keep_up(self, over: asyncio.Event, ended: asyncio.Event) -> None:
        """Renew until the work has ended, also while it ends; say when the lease is lost."""
        while True:
            left = max(self._until - self._clock(), self._retry)
            if await _set_within(ended, min(self._renew, left)):
                return
            await self._take()
            if not self.held and not over.is_set():
                log.warning("lease lost", bot=self._bot_id, part=self._part.value)
                over.set()

    async def _take(self) -> bool:
        """Take or renew; a database in trouble is a lease that nobody gets."""
        asked = self._clock()
        try:
            async with asyncio.timeout(self._seconds):
                taken = await self._database.write(self._taken)
        except Exception as error:
            log.warning("no lease", bot=self._bot_id, reason=type(error).__name__)
            return False
        self._until = asked + self._seconds - self._margin if taken else float("-inf")
        return taken and self.held

    async def _taken(self, session: Session) -> bool:
        bot, part, owner = self._bot_id, self._part.value, self._owner
        if await leases.take(session, bot, part, owner, self._seconds):
            return True
        holder = await leases.holder(session, bot, part)
        return (
            holder is not None
            and is_dead(holder)
            and await leases.take(session, bot, part, owner, self._seconds, dead=holder)
        )

    async def _release(self) -> None:
        self._until = float("-inf")
        try:
            async with asyncio.timeout(self._seconds):
                await self._database.write(
                    lambda session: leases.release(
                        session, self._bot_id, self._part.value, self._owner
                    )
                )
        except Exception as error:
            log.warning("lease runs out", bot=self._bot_id, reason=type(error).__name__)


async def _pass_on(stopping: asyncio.Event, over: asyncio.Event) -> None:
    await stopping.wait()
    over.set()


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), max(seconds, 0))
    except TimeoutError:
        return False
    return True
