"""Who works for a bot: one process at a time for each part, by the database's clock."""

from sqlalchemy import delete, or_
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sql import affected, database_now, insert_into, is_sqlite, table
from storage.tables import BotLease


async def take(
    session: AsyncSession,
    bot_id: int,
    part: str,
    owner: str,
    seconds: float,
    *,
    dead: str | None = None,
) -> bool:
    """Take or renew a lease; return whether it is ours for so many seconds from now.

    It can be had when nobody holds it, when it ran out, or when its holder is known to be `dead`.
    """
    lease = table(BotLease).c
    sqlite = is_sqlite(session)
    now, until = database_now(sqlite), database_now(sqlite, seconds)
    taken = await affected(
        session,
        insert_into(session, BotLease)
        .values(bot_id=bot_id, part=part, owner=owner, lease_until=until)
        .on_conflict_do_update(
            index_elements=[lease.bot_id, lease.part],
            set_={"owner": owner, "lease_until": until},
            where=or_(lease.owner == owner, lease.owner == dead, lease.lease_until < now),
        ),
    )
    return taken == 1


async def holder(session: AsyncSession, bot_id: int, part: str) -> str | None:
    """Return who took a lease last."""
    lease = await session.get(BotLease, (bot_id, part))
    return lease.owner if lease else None


async def release(session: AsyncSession, bot_id: int, part: str, owner: str) -> None:
    """Give a lease back, if it is still ours: whoever waits need not wait until it runs out."""
    lease = table(BotLease)
    await affected(
        session,
        delete(lease).where(
            lease.c.bot_id == bot_id, lease.c.part == part, lease.c.owner == owner
        ),
    )
