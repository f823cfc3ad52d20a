"""The duties that keep the house: sealing the audit, forgetting what can no longer matter."""

from handlers.clock import Clock
from storage import audit, inbox, partitions
from storage.database import Database


async def seal_audit(database: Database) -> dict[str, int]:
    """Chain the acts of the last minute, a chain a school."""
    sealed = await database.write(audit.seal)
    return {"sealed": sealed} if sealed else {}


async def forget(database: Database, clock: Clock) -> dict[str, int]:
    """Forget updates and wrong attempts that are too old to matter."""
    forgotten = await database.write(lambda session: inbox.forget_old(session, clock()))
    return {name: count for name, count in forgotten.items() if count}


async def make_room(database: Database, clock: Clock) -> dict[str, int]:
    """Make the parts of the tables in which the next months' rows will lie (PostgreSQL)."""
    made = await partitions.make_ahead(database, clock().date())
    return {"parts": made} if made else {}
