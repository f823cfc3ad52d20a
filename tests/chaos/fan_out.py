"""A fan-out with kills: the morning's ask, the reminder, and the taps that end it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import monotonic

from tests.chaos.account import Account, drawn_up
from tests.chaos.lives import Lives, fates
from tests.chaos.points import EVERY
from tests.chaos.school import School

Tell = Callable[[str], None]
TAPS = ("inbound", "card shown", "edited", "updates", "tap answered", "withdrawal", "withdrawn")
SENDING = tuple(name for name in EVERY if not name.startswith(TAPS))
TAPPING = tuple(name for name in EVERY if name.startswith(TAPS))


@dataclass(slots=True)
class Outcome:
    """A run's account and its times."""

    account: Account
    kills: int
    points: dict[str, int] = field(default_factory=dict)
    cold_starts: list[float] = field(default_factory=list)
    warm_starts: list[float] = field(default_factory=list)
    takeovers: list[float] = field(default_factory=list)
    seconds: float = 0.0


def windows_of(school: School, kills: int, messages: int) -> tuple[int, float]:
    """Return how many windows of eight, and how many seconds, a life has on average."""
    each = messages / max(kills, 1)
    return max(ceil(each / 8 / 2), 1), each / school.form.rate


def quiet(_line: str) -> None:
    """Say nothing."""


def concluded(school: School, lives: Lives, account: Account, began: float) -> Outcome:
    """Return what came out, with the lives' own times."""
    return Outcome(
        account,
        lives.kills,
        dict(sorted(Counter(blow.how for blow in lives.blows).items())),
        lives.cold_starts,
        lives.warm_starts,
        lives.takeovers,
        monotonic() - began,
    )


async def fan_out(
    school: School,
    tell: Tell = quiet,
    environment: Sequence[Mapping[str, str]] = (),
    named: Sequence[str] = SENDING,
) -> Outcome:
    """Ask everybody, remind everybody, let some answer; kill all the time; draw up the account."""
    form, began = school.form, monotonic()
    phases: list[tuple[float, Sequence[str], int]] = [(1.0, named, form.families)]
    if form.reminded:
        phases = [
            (0.4, named, form.families),
            (0.35, named, form.families),
            (0.25, TAPPING, form.families // 10),
        ]
    await school.asks()
    span, seconds = windows_of(school, round(form.kills * phases[0][0]), form.families)
    own = dict(zip(school.houses, environment, strict=False))
    lives = Lives(school, [], lambda: seconds, own)
    try:
        for number, (share, where, messages) in enumerate(phases):
            kills = round(form.kills * share)
            span, seconds = windows_of(school, kills, messages)
            here = [name for name in where if not (number and name.startswith("ask decided"))]
            if number == 1:
                await school.reminds()
            if number == 2:
                some_answer(school, messages)
            lives.deal(fates(school.chance, kills, span, here))
            if number == 0:
                lives.begin()
            await lives.fulfilled()
            tell(f"{school.wire.delivered} sent, {lives.kills} kills")
            # Who has not been asked yet is not reminded, and who has answered need not be.
            owed = min(number + 1, 2) * form.families
            await school.has_owed(owed, taps=messages if number == 2 else 0)
            await school.comes_to_rest()
        await lives.end()
    finally:
        lives.give_up()
    return concluded(school, lives, await drawn_up(school, lives.blows), began)


def some_answer(school: School, families: int) -> None:
    """Let every so manieth family tap its card within the time of the phase."""
    first: dict[int, int] = {}
    for entry in school.wire.since(method="sendMessage"):
        if entry.ok and "reply_parameters" not in entry.params:
            first.setdefault(int(entry.params["chat_id"]), int(entry.result["message_id"]))
    school.crowd.tap_over(
        {chat: first[chat] for chat in sorted(first)[:families]}, families / school.form.rate
    )
