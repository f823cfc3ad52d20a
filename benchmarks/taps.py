"""Taps by polling: our inbox with its group commit against a bare aiogram handler.

Both fetch the same updates, a hundred at a time, and keep them as safely. Ours finds the card and
the check-in, weighs the answers, seals them, keeps the standing answer and its history. The other
upserts one plain row with a commit an update, and handles the updates of a batch at the same time.
Nobody answers a tap here: `benchmarks.webhook` measures the whole way.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from sqlmodel import col, select

from benchmarks.cores import as_installed
from benchmarks.databases import Engine
from benchmarks.fanout import FASTER, all_sent
from benchmarks.ground import Ground
from benchmarks.measure import Contest, Result, Spent, Way, spent
from benchmarks.peers import bare_polling
from benchmarks.static_server import put_updates
from benchmarks.town import ASK_TIME, BOT_ID, MONDAY, TOKEN, asked
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from bot.listener import Poller
from handlers.inbox import Handled, Inbox
from handlers.presses import Press, Verb
from handlers.router import Router
from storage.database import Database
from storage.tables import Card, CheckIn, Contact

PEER = "aiogram handler behind polling, one upsert and commit per update"
FIRST_UPDATE = 500_000_000


def shown(server: str, households: int) -> Callable[[Database], Awaitable[None]]:
    """Return what fills a database in which every household has its card, not yet answered."""

    async def make(database: Database) -> None:
        await asked(households)(database)
        transport = AiogramTransport(TOKEN, server)
        try:
            await all_sent(database, transport, households)
        finally:
            await transport.close()

    return make


async def taps_of(database: Database, day: date = MONDAY) -> list[dict[str, Any]]:
    """Return one tap on `All clear` for each household's card, as Telegram would hand it over."""
    async with database.reading() as session:
        rows = await session.exec(
            select(Card, Contact.chat_id)
            .join(Contact, col(Contact.id) == Card.contact_id)
            .where(Card.day == day, Card.kind == "household")
            .order_by(col(Card.id))
        )
        first = FIRST_UPDATE + 1_000_000 * (day - MONDAY).days
        return [_tap(first + n, card, chat_id) for n, (card, chat_id) in enumerate(rows)]


def _tap(number: int, card: Card, chat_id: int) -> dict[str, Any]:
    who = {"id": chat_id, "is_bot": False, "first_name": "A", "language_code": "en"}
    bot = {"id": BOT_ID, "is_bot": True, "first_name": "A", "username": "a_bot"}
    data = Press(Verb.all_clear, card.id, card.revision).pack()
    button = {"text": "All clear", "callback_data": data}
    message = {
        "message_id": card.message_id,
        "from": bot,
        "chat": {"id": chat_id, "first_name": "A", "type": "private"},
        "date": 1772400000,
        "text": "Good morning",
        "reply_markup": {"inline_keyboard": [[button]]},
    }
    query = {
        "id": str(10**17 + number),
        "from": who,
        "message": message,
        "chat_instance": "1",
        "data": data,
    }
    return {"update_id": number, "callback_query": query}


def _ours(engine: Engine, ground: Ground) -> Way:
    async def keep(count: int) -> Spent:
        database = await engine.fresh(f"shown-{count}", shown(ground.server, count))
        await put_updates(ground.server, await taps_of(database))
        transport = AiogramTransport(TOKEN, ground.server)

        def then(_: Handled) -> None:
            """Leave out the toasts, which the other does not send either."""

        try:
            poller = Poller(transport, Inbox(database, lambda: ASK_TIME, Router()), then)
            await transport.open()
            with few_collections(), spent() as measured:
                while await poller.once(0):
                    pass
        finally:
            await transport.close()
        async with database.reading() as session:
            kept = list(await session.exec(select(CheckIn).where(CheckIn.status == "complete")))
        assert len(kept) == count, f"{len(kept)} of {count} kept"
        return measured

    return keep


def _bare(engine: Engine, ground: Ground) -> Way:
    async def keep(count: int) -> Spent:
        database = await engine.fresh(f"shown-{count}", shown(ground.server, count))
        await put_updates(ground.server, await taps_of(database))
        return await as_installed(lambda: bare_polling.keep_all(engine, ground.server, count))

    return keep


async def measure(ground: Ground) -> list[Result]:
    """Measure taps by polling on each database."""
    contest = Contest(ground.sizes.taps)
    ways: dict[str, Way] = {}
    for engine in ground.engines:
        ways[engine.name] = _ours(engine, ground)
        ways[f"aiogram.{engine.name}"] = _bare(engine, ground)
    times, small = ground.sizes.times_long, ground.sizes.small
    await contest.run(ways, times=times, small=small, tell=ground.tell)
    ratios = [
        Result(
            f"taps_polled_vs_aiogram.{engine.name}",
            contest.as_fast(engine.name, f"aiogram.{engine.name}"),
            FASTER,
            PEER,
        )
        for engine in ground.engines
    ]
    return ratios + contest.plain("taps_polled", "update")
