"""How this process is: alive, ready, and in numbers. No name and no answer is in any of it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from bot.leases import Lease
from bot.listener import POLL_SECONDS, Poller
from bot.parts import Part
from bot.sender import Sender
from bot.webhook_watch import WebhookWatch
from handlers.clock import Clock
from handlers.inbox import Handled
from handlers.messages import Delivered
from scheduler import Scheduler
from storage import vitals
from storage.database import Database
from web.metrics import BotNumbers, Numbers, exposition

TICKS_WITHIN = 30.0  # seconds: a clock that is later is not ready
STUCK_AFTER = 300.0  # seconds: a clock that is later never comes back; better to start anew
HEARD_WITHIN = POLL_SECONDS + 60.0
DELIVERED_WITHIN = 150.0  # seconds: whatever was tapped longer ago is lost


@dataclass(slots=True)
class Vitals:
    """Looks at the parts of a process from outside; those it does not have are left out.

    `connected` are the bots that have said hello, `refused` those whose token was not taken then;
    `bots` are all that this process is there for.
    """

    database: Database
    clock: Clock
    bots: tuple[int, ...]
    senders: Mapping[int, Sender]
    pollers: Mapping[int, Poller]
    scheduler: Scheduler | None
    leases: Mapping[tuple[int, Part], Lease] = field(default_factory=dict)
    watches: Mapping[int, WebhookWatch] = field(default_factory=dict)
    connected: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    _taken: dict[int, Handled] = field(default_factory=lambda: defaultdict(Handled))
    _since: float = field(default_factory=monotonic)

    def took(self, bot_id: int, handled: Handled) -> None:
        """Count what a batch led to."""
        taken = self._taken[bot_id]
        taken.events += handled.events
        taken.answers += handled.answers
        taken.set_aside += handled.set_aside

    async def alive(self) -> tuple[bool, dict[str, Any]]:
        """Say whether the process still does its duties, whatever becomes of them."""
        age = self._beat_age()
        duties = self.scheduler.duties if self.scheduler else []
        return age is None or age < STUCK_AFTER, {
            "heartbeat_age": None if age is None else round(age, 1),
            "bots": list(self.bots),
            "holds": {part.value: self._held(part) for part in (Part.listen, Part.send)},
            "duties": [
                {
                    "name": duty.name,
                    "every_seconds": duty.every_seconds,
                    "runs": duty.runs,
                    "last_at": duty.last_at.isoformat() if duty.last_at else None,
                    "last_counts": dict(duty.last_counts),
                    "error": duty.last_error,
                }
                for duty in duties
            ],
        }

    async def ready(self) -> list[str]:
        """Return what keeps this process from doing its work, in words; empty when all is well."""
        reasons = []
        if not await vitals.takes_writes(self.database, self.bots[0]):
            reasons.append("the database takes no writes")
        age = self._beat_age()
        if age is not None and age >= TICKS_WITHIN:
            reasons.append(f"the clock has not ticked for {age:.0f} s")
        elif self.scheduler is not None and self.scheduler.duties[0].last_error:
            reasons.append(f"the clock's last tick failed: {self.scheduler.duties[0].last_error}")
        reasons += [reason for bot in self.bots if (reason := self._not_heard(bot))]
        return reasons

    async def metrics(self) -> bytes:
        """Return the numbers for Prometheus."""
        now = self.clock()
        numbers = tuple(self._numbers(bot) for bot in self.bots)
        writable = await vitals.takes_writes(self.database, self.bots[0])
        waiting = await vitals.waiting(self.database, now) if writable else None
        if waiting is None:
            return exposition(Numbers(numbers, self._beat_age()))
        since = {bot: waiting.oldest_bulk.get(bot, now) for bot in self.bots}
        lag = {bot: max((now - at).total_seconds(), 0.0) for bot, at in since.items()}
        return exposition(
            Numbers(numbers, self._beat_age(), waiting.owed, lag, waiting.in_quarantine)
        )

    def _held(self, part: Part) -> list[int]:
        """Return the bots that this process works for at this moment."""
        return sorted(bot for (bot, of), lease in self.leases.items() if of is part and lease.held)

    def _beat_age(self) -> float | None:
        """Return the seconds since the clock last did its duty; None where there is no clock."""
        if self.scheduler is None:
            return None
        return monotonic() - max(self.scheduler.duties[0].ended, self._since)

    def _not_heard(self, bot: int) -> str | None:
        poller = self.pollers.get(bot)
        if self._is_refused(bot):
            return f"bot {bot}: Telegram does not take its token"
        if bot not in self.connected:
            return f"bot {bot}: not connected to Telegram"
        age = poller.age if poller is not None else None
        if age is not None and age >= HEARD_WITHIN:
            return f"bot {bot}: Telegram has not answered for {age:.0f} s"
        age = self._webhook_age(bot)
        if age is not None and age >= DELIVERED_WITHIN:
            return f"bot {bot}: the webhook has not delivered for {age:.0f} s"
        return None

    def _is_refused(self, bot: int) -> bool:
        sender = self.senders.get(bot)
        return bot in self.refused or (sender is not None and sender.unauthorized)

    def _webhook_age(self, bot: int) -> float | None:
        return self.watches[bot].age if bot in self.watches else None

    def _numbers(self, bot: int) -> BotNumbers:
        taken, sender, poller = self._taken[bot], self.senders.get(bot), self.pollers.get(bot)
        results = sender.results if sender is not None else {}
        delivered = {_spoken(Delivered.__name__): 0}  # there from the start, so that it has a rate
        return BotNumbers(
            bot,
            updates=taken.events,
            answers=taken.answers,
            set_aside=taken.set_aside,
            sends=delivered | {_spoken(name): count for name, count in results.items()},
            too_many=results.get("Wait", 0),
            rests=sender.pacer.resting if sender is not None else 0.0,
            rate=sender.pacer.rate if sender is not None else 0.0,
            in_line=sender.pacer.in_line if sender is not None else {},
            refused=self._is_refused(bot),
            poll_age=poller.age if poller is not None else None,
            webhook_age=self._webhook_age(bot),
            connected=bot in self.connected,
        )


def _spoken(name: str) -> str:
    """Return a kind of result as a label: `TargetGone` is `target_gone`."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
