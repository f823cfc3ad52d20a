"""Work that is too slow for a batch: rosters that were sent in chat."""

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.tables import Contact, RosterJob

WAITING = "waiting"
WAITING_AS = "waiting as "  # and what the sender says that the file is
UNCLEAR = "unclear"


async def waiting(session: AsyncSession) -> list[tuple[RosterJob, int]]:
    """Return the rosters that wait to be read, each with the bot that can fetch it."""
    found = await session.exec(
        select(RosterJob, Contact.bot_id)
        .join(Contact, col(Contact.id) == RosterJob.contact_id)
        .where(col(RosterJob.state).startswith(WAITING))
        .order_by(col(RosterJob.id))
    )
    return list(found.all())


async def finish(session: AsyncSession, job_id: int, state: str) -> None:
    """Keep how a job ended."""
    job = await session.get_one(RosterJob, job_id)
    job.state = state
