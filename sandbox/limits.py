"""How fast and how much: Telegram's limits, each of which can be changed or switched off."""

import math
from dataclasses import dataclass
from typing import Self


@dataclass(slots=True)
class Limits:
    """Rates and patiences. None switches a rate off.

    The rates are those of Telegram's FAQ for bots; the lengths of the bursts are not published.
    """

    bot_per_second: float | None = 30.0
    bot_burst: int = 30
    paid_per_second: float = 1000.0
    chat_per_second: float | None = 1.0
    chat_burst: int = 5
    group_per_minute: float | None = 20.0
    group_burst: int = 20
    count_edits: bool = True
    answer_within: float = 15.0  # seconds from the tap to answerCallbackQuery
    keep_taps: float = 150.0  # seconds an undelivered tap waits (telegram-bot-api, Client.cpp)
    keep_updates: float = 24 * 3600.0
    delete_within: float = 48 * 3600.0
    conflict_pause: float = 3.0  # every 409 but the first in this time is held back as long
    webhook_timeout: float = 60.0
    webhook_first_retry: float = 1.0
    webhook_last_retry: float = 60.0

    @classmethod
    def none(cls) -> Self:
        """No rates at all, for simulations that measure something else."""
        return cls(bot_per_second=None, chat_per_second=None, group_per_minute=None)


class Pace:
    """One line of traffic, by the generic cell rate algorithm: two numbers, no list of times."""

    __slots__ = ("_due", "_refused_until")

    def __init__(self) -> None:
        self._due = -math.inf
        self._refused_until = -math.inf

    def wait(self, now: float, per_second: float, burst: int) -> int:
        """Say how many whole seconds to wait; 0 means that the message may pass.

        Whoever comes again before the wait is over is refused again, as on the real service.
        """
        if now < self._refused_until:
            return math.ceil(self._refused_until - now)
        early = self._due - now - (burst - 1) / per_second
        if early <= 1e-9:
            return 0
        seconds = math.ceil(early)
        self._refused_until = now + seconds
        return seconds

    def take(self, now: float, per_second: float) -> None:
        """Count one message that passed."""
        self._due = max(self._due, now) + 1 / per_second
