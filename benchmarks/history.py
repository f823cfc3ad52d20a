"""A day's work with the history of a season behind it, against the same day without any.

A day is the whole of it: asking, sending, every tap with its edited card, the summary and the
close. The days before are copies of one real day, each row with its own ids and its own date.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import select

from benchmarks.copies import about, copy_rows, further, later, later_then
from benchmarks.databases import Engine
from benchmarks.ground import Ground, paid_sender
from benchmarks.measure import Contest, Result, Spent, Way, spent
from benchmarks.taps import taps_of
from benchmarks.town import ASK_TIME, BOT_ID, MONDAY, SUNDAY, TOKEN, fill
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from handlers.inbox import Arrival, Inbox
from handlers.rounds import heartbeat
from handlers.router import Router
from handlers.summary_views import school_day
from storage.database import Database
from storage.partitions import make_ahead
from storage.tables import Card, Unit

TAPS_AT_ONCE = 100
UNTIL_EVENING = timedelta(hours=14)  # after the question

_ID = further(100_000)  # more than the rows of a day
_TABLES = {
    "round": {
        "id": _ID,
        "day": later,
        "opened_at": later_then,
        "closes_at": later_then,
        "late_until": later_then,
        "closed_at": later_then,
    },
    "occurrence": {
        "id": _ID,
        "round_date": later,
        "due_at": later_then,
        "decided_at": later_then,
    },
    "check_in": {"id": _ID, "round_id": _ID, "answered_at": later_then},
    "card": {"id": _ID, "day": later, "shown_at": later_then},
    "ledger": {
        "id": _ID,
        "card_id": _ID,
        "day": later,
        "cause": about(MONDAY.isoformat()),
        "not_after": later_then,
        "created_at": later_then,
        "sent_at": later_then,
    },
    "history_entry": {"id": _ID, "check_in_id": _ID, "at": later_then},
}


async def measure(ground: Ground) -> list[Result]:
    """Let the same day pass with and without, in turn."""
    sizes, found = ground.sizes, []
    days = -(-sizes.days // 7) * 7  # whole weeks: it is a Monday again
    for engine in ground.engines:
        # Made on the eve: a school that had slept for a season would have much to catch up with.
        new = partial(fill, students=sizes.day, made=SUNDAY + timedelta(days=days))
        lived = partial(_lived, address=engine.address("lived"), ground=ground, days=days)
        contest = Contest(sizes.day)
        ways = {
            "with": _day(engine, ground, "lived", lived, days),
            "without": _day(engine, ground, "new", new, days),
        }
        await contest.run(ways, times=sizes.times_long, small=sizes.day, tell=ground.tell)
        found.append(
            Result(
                f"history_90_days.{engine.name}",
                1 / contest.as_fast("with", "without"),
                "x the time",
                f"the same day of {sizes.day} families with none before it; here {days}",
            )
        )
    return found


def _day(
    engine: Engine,
    ground: Ground,
    name: str,
    make: Callable[[Database], Awaitable[None]],
    days: int,
) -> Way:
    async def live(count: int) -> Spent:
        database = await engine.fresh(name, make)
        with few_collections(), spent() as measured:
            await _live(database, ground.server, count, ASK_TIME + timedelta(days=days))
        return measured

    return live


async def _lived(database: Database, *, address: str, ground: Ground, days: int) -> None:
    """Fill a school and let it live so many days: one of them, and copies of it."""
    await fill(database, ground.sizes.day)
    await _live(database, ground.server, ground.sizes.day, ASK_TIME)
    for month in range(0, days + 31, 28):
        await make_ahead(database, MONDAY + timedelta(days=month))
    await database.close()
    copy_rows(address, days - 1, _TABLES)


async def _live(database: Database, server: str, count: int, morning: datetime) -> None:
    """Ask everybody in the morning, have all of them answer, sum it up, and close."""
    day = (morning + timedelta(hours=8)).date()
    now = morning

    def clock() -> datetime:
        return now

    transport = AiogramTransport(TOKEN, server)
    sender = paid_sender(database, transport, clock=clock)
    inbox = Inbox(database, clock, Router())
    try:
        await transport.open()
        assert (await heartbeat(database, clock))["messages"] == count
        while await sender.once():
            pass
        now += timedelta(minutes=5)
        taps = await taps_of(database, day)
        for first in range(0, count, TAPS_AT_ONCE):
            some = taps[first : first + TAPS_AT_ONCE]
            read = [Arrival(BOT_ID, tap["update_id"], tap, transport.read(tap)) for tap in some]
            sender.show((await inbox.handle(read)).fresh)
            await sender.once()
        now += UNTIL_EVENING
        await heartbeat(database, clock)
        while await sender.once():
            pass
    finally:
        await transport.close()
    async with database.reading() as session:
        for school in await session.exec(select(Unit).where(Unit.kind == "school")):
            card = Card(
                id=1, bot_id=BOT_ID, contact_id=0, day=day, kind="summary", slot="morning",
                about_id=school.id,
            )  # fmt: skip
            view = await school_day(session, card)
            assert view is not None
    assert sender.results["Delivered"] >= 2 * count, sender.results
