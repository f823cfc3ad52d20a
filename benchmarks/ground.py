"""What every measurement stands on: the server that answers, the databases, the sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.databases import Engine
from benchmarks.measure import Tell
from benchmarks.town import ASK_TIME
from bot.pacer import Chats, Pacer
from bot.sender import Sender, window_at
from handlers.clock import Clock
from handlers.messages import Transport
from storage.database import Database

PAID_RATE = 1000  # messages a second, Telegram's paid lane: how many are in flight depends on it


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything; `SMALL` only shows that it runs."""

    fan_out: int = 3000
    ptb: int = 1000
    broadcaster: int = 600
    taps: int = 1000
    paced: int = 3000
    few: int = 1000
    real: int = 10_000  # of the many; the others are copies of these
    copies: int = 99  # of each: a million with themselves
    memory: bool = True  # in processes of their own, which take seconds to begin
    school: int = 1250
    town: int = 50_000
    day: int = 500  # families in the school that has a history
    days: int = 90
    times: int = 5
    times_long: int = 3
    looks: int = 15
    small: int = 60


FULL = Sizes()
SMALL = Sizes(
    fan_out=12, ptb=12, broadcaster=6, taps=12, paced=12, few=12, real=300, copies=1, memory=False,
    school=30, town=60, day=20, days=7, times=1, times_long=1, looks=1, small=2,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ground:
    """Where it happens."""

    folder: Path
    server: str
    engines: Sequence[Engine]
    sizes: Sizes
    tell: Tell


def paid_sender(
    database: Database,
    transport: Transport,
    pacer: Pacer | None = None,
    *,
    clock: Clock = lambda: ASK_TIME,
    may_send: Callable[[], bool] = lambda: True,
) -> Sender:
    """Return a sender as the product makes it on the paid lane; usually nothing holds it back."""
    pacer = pacer or Pacer(1e9, burst=1e9, paid=True, chats=Chats())
    return Sender(
        database,
        transport,
        clock,
        pacer,
        coalesce=False,
        width=window_at(PAID_RATE),
        may_send=may_send,
    )
