"""Invitations by the hash of their code, and wrong attempts by chat."""

from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.tables import Invitation, JoinAttempt


async def invitation_by_hash(session: AsyncSession, code_hash: str) -> Invitation | None:
    """Return the invitation that a code belongs to, whatever its state."""
    found = await session.exec(select(Invitation).where(Invitation.code_hash == code_hash))
    return found.first()


async def wrong_attempts(
    session: AsyncSession, bot_id: int, chat_id: int, now: datetime
) -> list[datetime]:
    """Return the moments of a chat's wrong attempts in the last day."""
    found = await session.exec(
        select(JoinAttempt.at)
        .where(
            JoinAttempt.bot_id == bot_id,
            JoinAttempt.chat_id == chat_id,
            col(JoinAttempt.at) > now - timedelta(days=1),
        )
        .order_by(col(JoinAttempt.at))
    )
    return list(found)


async def keep_attempt(session: AsyncSession, bot_id: int, chat_id: int, now: datetime) -> None:
    """Keep that a chat tried a wrong code or proof."""
    session.add(JoinAttempt(bot_id=bot_id, chat_id=chat_id, at=now))
    await session.flush()
