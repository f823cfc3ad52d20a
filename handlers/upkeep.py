"""The duties that keep the house: sealing the audit, forgetting what can no longer matter."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial

import structlog

from checkin.facts import fact
from handlers.clock import Clock
from handlers.outages import tell_admins
from storage import audit, inbox, partitions, retention
from storage.database import Database, Session
from storage.partitions import HISTORY, LEDGER
from storage.retention import NOTICE, Outlived
from storage.tables import Purge

log = structlog.get_logger()

_SAID = {
    Outlived.messages: "alarm.purge_messages",
    Outlived.history: "alarm.purge_history",
}
_PARTED = {Outlived.messages: LEDGER, Outlived.history: HISTORY}


@fact
class Keep:
    """For how many days rows are kept; 0 is for ever."""

    messages: int = 0
    history: int = 0

    def until(self, today: date) -> Mapping[Outlived, date]:
        """Return from before which day rows are outlived: whole months, on every database."""
        days = {Outlived.messages: self.messages, Outlived.history: self.history}
        return {
            what: partitions.month_of(today - timedelta(days=kept))
            for what, kept in days.items()
            if kept
        }


async def seal_audit(database: Database) -> dict[str, int]:
    """Chain the acts of the last minute, a chain a school."""
    sealed = await database.write(audit.seal)
    return {"sealed": sealed} if sealed else {}


async def forget(database: Database, clock: Clock) -> dict[str, int]:
    """Forget updates and wrong attempts that are too old to matter."""
    total: dict[str, int] = {}
    while True:  # in batches: nobody waits long for the writer's turn
        forgotten = await database.write(lambda session: inbox.forget_old(session, clock()))
        for name, count in forgotten.items():
            total[name] = total.get(name, 0) + count
        if max(forgotten.values()) < inbox.BATCH:
            return {name: count for name, count in total.items() if count}


async def make_room(database: Database, clock: Clock) -> dict[str, int]:
    """Make the parts of the tables in which the next months' rows will lie (PostgreSQL)."""
    made = await partitions.make_ahead(database, clock().date())
    return {"parts": made} if made else {}


async def announce_purge(database: Database, clock: Clock, keep: Keep) -> dict[str, int]:
    """Tell the admins a week ahead what will be deleted because its days are over."""
    now = clock()
    told = 0
    for what, before in keep.until(now.date()).items():
        async with database.reading() as session:
            if not await retention.anything_before(session, what, before):
                continue

        async def announce(session: Session, what: Outlived = what, before: date = before) -> int:
            if not await retention.announce(session, what, before, now):
                return 0
            about = {"what": what.value, "before": str(before)}
            audit.record(session, "purge announced", now, actor_id=None, school_id=None, **about)
            said: dict[str, str | datetime] = {"on": now + NOTICE, "before": str(before)}
            cause = f"alarm:purge:{what}:{before:%Y%m%d}"
            await tell_admins(session, now, cause, _SAID[what], said)
            return 1

        told += await database.write(announce)
    return {"announced": told} if told else {}


async def purge(database: Database, clock: Clock) -> dict[str, int]:
    """Delete what was announced a week ago: whole months at once, the rest in batches."""
    async with database.reading() as session:
        announced = await retention.due(session, clock())
    counts: dict[str, int] = {}
    for each in announced:
        done = await _purge(database, clock, each)
        if done is None:
            continue  # the table was in use, and in an hour it is tried again; or it is done
        counts = {name: counts.get(name, 0) + count for name, count in done.items()}
    return counts


async def _purge(database: Database, clock: Clock, announced: Purge) -> dict[str, int] | None:
    what, before = Outlived(announced.what), announced.before
    months = await partitions.drop_before(database, _PARTED[what], before)
    if months is None:
        return None
    rows = 0
    beyond: int | None = 0
    while beyond is not None:
        some, beyond = await database.write(
            partial(retention.delete_some, what=what, before=before, beyond=beyond)
        )
        rows += some
    counts = {"months": months, "rows": rows}

    async def finish(session: Session) -> bool:
        now = clock()
        if not await retention.finish(session, announced.id, now):
            return False  # another process did it at the same time
        about = {"what": what.value, "before": str(before), **counts}
        audit.record(session, "purged", now, actor_id=None, school_id=None, **about)
        return True

    if not await database.write(finish):
        return None
    log.info("purged", what=what.value, before=str(before), **counts)
    return counts
