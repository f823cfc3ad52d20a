"""When: the duties of a process, a table to be read aloud. APScheduler lives here.

What is due for a school is computed from its calendar and kept as an occurrence; a duty here only
looks, again and again. So a restart or a twin does nothing twice, and no job is ever stored.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import structlog
from apscheduler.events import EVENT_JOB_MISSED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from handlers import corrections, sending, upkeep
from handlers.clock import Clock
from handlers.flags import escalate
from handlers.rounds import heartbeat
from handlers.upkeep import Keep
from storage.database import Database

log = structlog.get_logger()

Counts = Mapping[str, int]
FOR_EVER = Keep()


@dataclass(slots=True)
class Duty:
    """Something done again and again: its name, how often, and how the last time went."""

    name: str
    every_seconds: float
    does: Callable[[], Awaitable[Counts]]
    last_at: datetime | None = None
    last_counts: Counts = field(default_factory=dict)
    last_error: str | None = None
    runs: int = 0
    running: bool = False
    ended: float = 0.0


class Scheduler:
    """One process's duties on one APScheduler with nothing stored."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        after: Callable[[], None] = lambda: None,
        keep: Keep = FOR_EVER,
    ) -> None:
        self._clock = clock
        self._after = after
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self._scheduler.add_listener(_missed, EVENT_JOB_MISSED)
        self.duties = [
            Duty("heartbeat", 1, lambda: heartbeat(database, clock)),
            Duty("tell of corrections", 30, lambda: corrections.tell_gathered(database, clock)),
            Duty("pass on unseen flags", 30, lambda: escalate(database, clock)),
            Duty("say how sending goes", 10, lambda: sending.follow(database, clock)),
            Duty("seal the audit", 60, lambda: upkeep.seal_audit(database)),
            Duty("forget old updates", 3600, lambda: upkeep.forget(database, clock)),
            Duty(
                "make room for the months ahead", 3600, lambda: upkeep.make_room(database, clock)
            ),
            Duty(
                "say what will be deleted",
                3600,
                lambda: upkeep.announce_purge(database, clock, keep),
            ),
            Duty("delete what is outlived", 3600, lambda: upkeep.purge(database, clock)),
        ]

    def start(self) -> None:
        """Begin; each duty runs at once and then at its pace, never twice at a time."""
        for duty in self.duties:
            self._scheduler.add_job(
                self._do,
                IntervalTrigger(seconds=duty.every_seconds, timezone="UTC"),
                args=[duty],
                id=duty.name,
                name=duty.name,
                misfire_grace_time=None,  # the default of one second drops jobs under load
                coalesce=True,
                max_instances=1,
                next_run_time=datetime.now(self._scheduler.timezone),
            )
        self._scheduler.start()

    async def stop(self) -> None:
        """End after the duties that are running."""
        self._scheduler.remove_all_jobs()
        for _ in range(100):
            if not any(duty.running for duty in self.duties):
                break
            await asyncio.sleep(0.05)
        self._scheduler.shutdown(wait=False)

    def beats_within(self, seconds: float) -> bool:
        """Say whether the heartbeat ended well within the last so many seconds."""
        beat = self.duties[0]
        return beat.last_error is None and monotonic() - beat.ended < seconds

    async def _do(self, duty: Duty) -> None:
        duty.running = True
        try:
            duty.last_counts = await duty.does()
            duty.last_error = None
        except Exception as error:
            duty.last_error = type(error).__name__
            log.exception("duty failed", duty=duty.name)
        duty.last_at = self._clock()
        duty.runs += 1
        duty.running = False
        duty.ended = monotonic()
        if duty.last_counts:
            log.debug("duty done", duty=duty.name, **duty.last_counts)
            self._after()


def _missed(event: JobExecutionEvent) -> None:
    log.warning("duty late", duty=event.job_id)
