"""After a silence of our own: those who may have tapped in vain are asked again, admins are told.

Telegram keeps taps for 150 seconds and messages for 24 hours while nobody fetches them.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial

import structlog

from checkin.access import Act
from handlers.clock import Clock
from storage import contacts, inbox, ledger, outages, people, units
from storage.database import Database, Session
from storage.sql import moment

log = structlog.get_logger()

TAPS_KEPT = timedelta(seconds=150)
MESSAGES_KEPT = timedelta(hours=24)


async def heard(database: Database, bot_id: int, clock: Clock | None = None) -> dict[str, int]:
    """Keep that a bot is heard and nothing waits; make good what an outage before it cost.

    By the database's clock, if no other is given: another process may have heard the bot before,
    and where their own clocks differ they would see a silence that was none.

    Each school is a transaction of its own, so that nobody's answer waits for all of them, and
    that the bot was heard is kept last: whatever is killed in between sees the same outage again,
    and asks nobody twice.
    """
    async with database.reading() as session:
        now = clock() if clock else await moment(session)
        since = await outages.last_heard(session, bot_id)
    counts = {}
    if now - since > TAPS_KEPT:
        asked = await _ask_again(database, bot_id, since, now)
        told = await _tell_of_gap(database, bot_id, since, now)
        counts = {"asked_again": asked, "admins_told": told}
        seconds = int((now - since).total_seconds())
        log.warning("was not heard for a while", bot=bot_id, seconds=seconds, **counts)
    await database.write(lambda session: outages.heard(session, bot_id, now))
    return counts


async def _ask_again(database: Database, bot_id: int, since: datetime, now: datetime) -> int:
    async with database.reading() as session:
        open_rounds = await outages.open_rounds(session, bot_id, now)
    asked = 0
    for held in open_rounds:
        ask = partial(
            outages.ask_again,
            bot_id=bot_id,
            held=held,
            since=since,
            until=now - TAPS_KEPT,
            now=now,
        )
        asked += await database.write(ask)
    return asked


async def _tell_of_gap(database: Database, bot_id: int, since: datetime, now: datetime) -> int:
    if now - since <= MESSAGES_KEPT:
        return 0
    cause = f"alarm:gap:{bot_id}:{since:%Y%m%d%H%M}"
    lost = {"from": since, "until": now, "lost": now - MESSAGES_KEPT}
    return await database.write(
        lambda session: tell_admins(session, now, cause, "alarm.gap", lost)
    )


async def came_since(
    database: Database, bot_id: int, since: datetime | None
) -> tuple[int, datetime]:
    """Return how many of a bot's updates any process has taken since a moment, and the next one.

    Both by the database's clock, which is the same for all of them.
    """
    async with database.reading() as session:
        now = await moment(session)
        came = await inbox.received_since(session, bot_id, since) if since else 0
        return came, now


async def rival(database: Database, clock: Clock, bot_id: int) -> None:
    """Tell the admins, once a day, that somebody else takes this bot's messages."""
    await _tell_once_a_day(database, clock, bot_id, "alarm:rival", "alarm.rival")


async def moved(database: Database, clock: Clock, bot_id: int) -> None:
    """Tell the admins, once a day, that this bot's webhook led elsewhere, or was gone."""
    await _tell_once_a_day(database, clock, bot_id, "alarm:webhook", "alarm.webhook")


async def _tell_once_a_day(
    database: Database, clock: Clock, bot_id: int, about: str, key: str
) -> None:
    now = clock()

    async def tell(session: Session) -> None:
        name = await contacts.bot_name(session, bot_id)
        await tell_admins(session, now, f"{about}:{bot_id}:{now.date()}", key, {"bot": name})

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
