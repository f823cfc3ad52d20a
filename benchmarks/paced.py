"""Telegram's paid 1000 messages a second: how much of a core they take."""

from benchmarks.databases import Engine
from benchmarks.ground import PAID_RATE, Ground, paid_sender
from benchmarks.measure import Contest, Result, Spent, Way, spent
from benchmarks.town import TOKEN, asked
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from bot.pacer import Chats, Pacer

WHOLE = "one whole core"


def _paced(engine: Engine, server: str) -> Way:
    async def send(count: int) -> Spent:
        database = await engine.fresh(f"asked-{count}", asked(count))
        transport = AiogramTransport(TOKEN, server)
        sender = paid_sender(database, transport, Pacer(PAID_RATE, paid=True, chats=Chats()))
        try:
            await transport.open()
            with few_collections(), spent() as measured:
                sent = 0
                while done := await sender.once():
                    sent += done
        finally:
            await transport.close()
        assert sent == count, f"{sent} of {count} sent"
        return measured

    return send


async def measure(ground: Ground) -> list[Result]:
    """Send at that rate, held back by the pacer alone."""
    sizes = ground.sizes
    contest = Contest(sizes.paced)
    ways = {engine.name: _paced(engine, ground.server) for engine in ground.engines}
    await contest.run(ways, times=sizes.times_long, small=sizes.small, tell=ground.tell)
    found = []
    for name in ways:
        # Of the processor alone: as if none of the seconds were lost.
        share = contest.processor(name) * PAID_RATE / 1000
        found += [
            Result(f"cpu_share_at_{PAID_RATE}_per_s.{name}", share, "of a core", WHOLE),
            Result(f"paced.{name}", contest.per_second(name), "messages/s"),
        ]
    return found
