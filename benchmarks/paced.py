"""Telegram's paid 1000 messages a second: how much of a core they take."""

from benchmarks.ground import PAID_RATE, Ground, paid_sender
from benchmarks.measure import Result, spent
from benchmarks.town import TOKEN, asked
from bot.aiogram_transport import AiogramTransport
from bot.garbage import few_collections
from bot.pacer import Chats, Pacer

WHOLE = "one whole core"


async def measure(ground: Ground) -> list[Result]:
    """Send at that rate, held back by the pacer alone."""
    count, found = ground.sizes.paced, []
    for engine in ground.engines:
        ground.tell(f"{engine.name}, {count} messages at {PAID_RATE} a second")
        database = await engine.fresh(f"asked-{count}", asked(count))
        transport = AiogramTransport(TOKEN, ground.server)
        try:
            await transport.open()
            sender = paid_sender(database, transport, Pacer(PAID_RATE, paid=True, chats=Chats()))
            with few_collections(), spent() as measured:
                sent = 0
                while done := await sender.once():
                    sent += done
        finally:
            await transport.close()
        assert sent == count, f"{sent} of {count} sent"
        share = measured.processor / count * PAID_RATE  # as if none of the seconds were lost
        found += [
            Result(f"cpu_share_at_{PAID_RATE}_per_s.{engine.name}", share, "of a core", WHOLE),
            Result(f"paced.{engine.name}", count / measured.wall, "messages/s"),
        ]
    return found
