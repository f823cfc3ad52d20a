"""`/metrics`: a process in numbers, in the text that Prometheus reads.

Bots stand in it by their number, and nobody else: no name, no chat, no token.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class BotNumbers:
    """One bot of this process. Seconds are None where there is nothing to measure."""

    bot_id: int
    updates: int = 0
    answers: int = 0
    set_aside: int = 0
    sends: Mapping[str, int] = field(default_factory=dict)
    too_many: int = 0
    rests: float = 0.0
    rate: float = 0.0
    in_line: Mapping[str, int] = field(default_factory=dict)
    refused: bool = False
    poll_age: float | None = None
    webhook_age: float | None = None
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Numbers:
    """One process, and what its database holds of it; None where the database does not answer."""

    bots: tuple[BotNumbers, ...]
    heartbeat_age: float | None
    owed: Mapping[tuple[int, str], int] | None = None
    bulk_lag: Mapping[int, float] | None = None
    in_quarantine: int | None = None


def exposition(numbers: Numbers) -> bytes:
    """Render the numbers, with the process's own memory and time."""
    registry = CollectorRegistry()
    registry.register(_Given(numbers))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Given(Collector):
    """Hands the numbers over as they are."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def collect(self) -> Iterable[Metric]:
        """Yield each family."""
        now = self._numbers
        if now.heartbeat_age is not None:
            name = "allclear_heartbeat_age_seconds"
            yield GaugeMetricFamily(
                name, "Seconds since the clock last did its duty", value=now.heartbeat_age
            )
        yield GaugeMetricFamily(
            "allclear_database_up",
            "1 while the database answers",
            value=float(now.owed is not None),
        )
        yield from _of_bots(now.bots)
        if now.owed is not None:
            owed = GaugeMetricFamily(
                "allclear_ledger_rows",
                "Messages that are not finished or, of the last two days, were not sent, by state",
                labels=["bot", "state"],
            )
            for (bot, state), count in sorted(now.owed.items()):
                owed.add_metric([str(bot), state], count)
            yield owed
        if now.bulk_lag is not None:
            lag = GaugeMetricFamily(
                "allclear_bulk_lag_seconds",
                "How long the oldest bulk message has been waiting to be sent",
                labels=["bot"],
            )
            for bot, seconds in sorted(now.bulk_lag.items()):
                lag.add_metric([str(bot)], seconds)
            yield lag
        if now.in_quarantine is not None:
            yield GaugeMetricFamily(
                "allclear_quarantine_rows", "Updates in quarantine", value=now.in_quarantine
            )


def _of_bots(bots: Iterable[BotNumbers]) -> Iterator[Metric]:
    each = list(bots)
    counted = (
        ("allclear_updates_handled", "Updates handled", [b.updates for b in each]),
        ("allclear_updates_quarantined", "Updates set aside", [b.set_aside for b in each]),
        ("allclear_answers", "Answers kept", [b.answers for b in each]),
        ("allclear_too_many_requests", "Refusals for being too fast", [b.too_many for b in each]),
    )
    for name, said, values in counted:
        counter = CounterMetricFamily(name, said, labels=["bot"])
        for bot, value in zip(each, values, strict=True):
            counter.add_metric([str(bot.bot_id)], value)
        yield counter
    sends = CounterMetricFamily(
        "allclear_sends", "Messages and edits sent, by result", labels=["bot", "result"]
    )
    for bot in each:
        for result, count in sorted(bot.sends.items()):
            sends.add_metric([str(bot.bot_id), result], count)
    yield sends
    line = GaugeMetricFamily(
        "allclear_in_line", "Messages that wait for their turn", labels=["bot", "traffic"]
    )
    for bot in each:
        for traffic, count in sorted(bot.in_line.items()):
            line.add_metric([str(bot.bot_id), traffic], count)
    yield line
    gauges = (
        (
            "allclear_bot_connected",
            "1 once the bot said hello",
            [float(b.connected) for b in each],
        ),
        (
            "allclear_token_refused",
            "1 while Telegram does not take the bot's token",
            [float(b.refused) for b in each],
        ),
        ("allclear_rate_per_second", "Messages a second that may go", [b.rate for b in each]),
        ("allclear_bulk_rests_seconds", "How long bulk still rests", [b.rests for b in each]),
        ("allclear_poll_age_seconds", "Since the last answered poll", [b.poll_age for b in each]),
        (
            "allclear_webhook_age_seconds",
            "Since the webhook was last known to deliver",
            [b.webhook_age for b in each],
        ),
    )
    for name, said, found in gauges:
        gauge = GaugeMetricFamily(name, said, labels=["bot"])
        for bot, known in zip(each, found, strict=True):
            if known is not None:
                gauge.add_metric([str(bot.bot_id)], known)
        yield gauge
