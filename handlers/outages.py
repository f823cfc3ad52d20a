"""After a silence of our own: those who may have tapped in vain are asked again, admins are told.

Telegram keeps taps for 150 seconds and messages for 24 hours while nobody fetches them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import structlog

from checkin.access import Act
from handlers.clock import Clock
from storage import contacts, ledger, outages, people, units
from storage.database import Database, Session

log = structlog.get_logger()

TAPS_KEPT = timedelta(seconds=150)
MESSAGES_KEPT = timedelta(hours=24)


async def heard(database: Database, clock: Clock, bot_id: int) -> dict[str, int]:
    """Keep that a bot is heard and nothing waits; make good what an outage before it cost.

    Both are one transaction: whatever is killed in between sees the same outage again.
    """
    now = clock()

    async def make_good(session: Session) -> tuple[timedelta, dict[str, int]]:
        since = await outages.heard(session, bot_id, now)
        if now - since <= TAPS_KEPT:
            return now - since, {}
        asked = 0
        for held in await outages.open_rounds(session, now):
            lost_until = now - TAPS_KEPT
            asked += await outages.ask_again(session, bot_id, held, since, lost_until, now)
        told = 0
        if now - since > MESSAGES_KEPT:
            cause = f"alarm:gap:{bot_id}:{since:%Y%m%d%H%M}"
            lost = {"from": since, "until": now, "lost": now - MESSAGES_KEPT}
            told = await tell_admins(session, now, cause, "alarm.gap", lost)
        return now - since, {"asked_again": asked, "admins_told": told}

    silence, counts = await database.write(make_good)
    if counts:
        seconds = int(silence.total_seconds())
        log.warning("was not heard for a while", bot=bot_id, seconds=seconds, **counts)
    return counts


async def rival(database: Database, clock: Clock, bot_id: int) -> None:
    """Tell the admins, once a day, that somebody else takes this bot's messages."""
    now = clock()

    async def tell(session: Session) -> None:
        name = await contacts.bot_name(session, bot_id)
        cause = f"alarm:rival:{bot_id}:{now.date()}"
        await tell_admins(session, now, cause, "alarm.rival", {"bot": name})

    await database.write(tell)


async def tell_admins(
    session: Session, now: datetime, cause: str, key: str, params: Mapping[str, str | datetime]
) -> int:
    """Owe each admin who can be reached these words once; times as their own school has them."""
    told = 0
    for contact in await contacts.contacts_of(session, await outages.ever_admins(session)):
        access = await people.access_of(session, contact.person_id, now)
        schools = await units.units_within(session, access.reach(Act.see_health), "school")
        if not schools:
            continue
        zone = units.school_of(schools[0]).zone
        shown = {
            name: f"{value.astimezone(zone):%Y-%m-%d %H:%M}"
            if isinstance(value, datetime)
            else value
            for name, value in params.items()
        }
        payload = {"key": key, "params": shown}
        await ledger.owe(session, contact, "text", cause, now, payload=payload)
        told += 1
    return told
