"""How fast one bot may speak, by a clock that the test moves."""

import asyncio
import random
from bisect import bisect_left
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.pacer import FREE_RATE, KEPT_FOR_BULK, PATIENCE, Chats, Pacer, Traffic

bulk, reply, edit = Traffic.bulk, Traffic.reply, Traffic.edit


class Time:
    """Goes on when somebody sleeps, and not otherwise."""

    now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 1e-6)
        await asyncio.sleep(0)


def within(times: list[float], seconds: float) -> int:
    """Return the most that there were in any stretch of so many seconds."""
    return max(n + 1 - bisect_left(times, at - seconds) for n, at in enumerate(times))


async def test_bulk_is_held_just_under_the_rate_after_a_short_burst() -> None:
    pacer = Pacer(20, burst=8, clock=Time())
    for _ in range(8):
        assert pacer.wait(bulk) == 0
        pacer.spend(bulk)
    assert 0 < pacer.wait(bulk) <= 1 / 20


async def test_a_reply_goes_in_the_middle_of_the_bulk() -> None:
    pacer = Pacer(20, burst=8, clock=Time())
    for _ in range(8):
        pacer.spend(bulk)
    assert pacer.wait(bulk) > 0
    assert pacer.wait(reply) == 0


async def test_after_a_429_bulk_rests_exactly_as_long_as_said_and_replies_trickle() -> None:
    time = Time()
    pacer = Pacer(20, burst=8, clock=time)
    pacer.rest(30)
    assert pacer.wait(bulk) == 30
    assert pacer.wait(reply) == 0
    pacer.spend(reply)
    assert pacer.wait(reply) == 1
    assert pacer.wait(edit) == 1
    time.now += 1
    assert pacer.wait(reply) == 0
    pacer.rest(5)  # a shorter one does not end a longer one
    assert pacer.resting == 29
    time.now += 29
    assert pacer.resting == 0
    assert pacer.wait(bulk) == 0


async def test_bulk_does_not_wait_out_a_rest_in_line_but_says_so() -> None:
    pacer = Pacer(20)
    pacer.rest(3600)
    assert await pacer.turn(bulk) > 3590
    assert await pacer.turn(reply) == 0


async def test_nobody_waits_in_line_until_the_lease_is_over() -> None:
    time = Time()
    pacer = Pacer(0.1, burst=1, clock=time, sleep=time.sleep)
    assert await pacer.turn(bulk) == 0
    begun = time.now
    assert 9 < await pacer.turn(bulk) <= 10
    assert time.now - begun <= PATIENCE


@settings(max_examples=30)
@given(
    rate=st.sampled_from([5.0, 28.0, 200.0]),
    seed=st.integers(0, 1000),
    storms=st.sets(st.sampled_from([reply, edit]), min_size=1),
)
async def test_a_storm_of_replies_and_edits_leaves_bulk_its_share_and_all_stay_under_the_rate(
    rate: float, seed: int, storms: set[Traffic]
) -> None:
    chance = random.Random(seed)
    time = Time()
    pacer = Pacer(rate, burst=8, clock=time)
    gone: dict[Traffic, list[float]] = {bulk: [], reply: [], edit: []}
    for _ in range(600):
        ready = [kind for kind in (bulk, *sorted(storms, key=str)) if pacer.wait(kind) == 0]
        if ready:
            kind = chance.choice(ready)
            pacer.spend(kind)
            gone[kind].append(time.now)
        else:
            time.now += min(pacer.wait(kind) for kind in (bulk, *storms)) + 1e-9
    took = time.now - 100.0
    assert len(gone[bulk]) >= int(took * rate * KEPT_FOR_BULK)
    every = sorted(at for times in gone.values() for at in times)
    for seconds in (1, 5, 20):  # a burst and a second borrowed are all that goes beyond
        assert within(every, seconds) <= rate * (seconds + 1) + 8 + 2


async def test_bulk_alone_has_the_whole_rate() -> None:
    time = Time()
    pacer = Pacer(28, clock=time, sleep=time.sleep)
    for _ in range(280):
        assert await pacer.turn(bulk) == 0
    assert 8.5 < time.now - 100 < 10


async def test_of_many_in_line_one_watches_the_clock() -> None:
    time, woken = Time(), 0

    async def sleep(seconds: float) -> None:
        nonlocal woken
        woken += 1
        await time.sleep(seconds)

    pacer = Pacer(1000, clock=time, sleep=sleep)
    gone: list[int] = []

    async def work(messages: Iterator[int]) -> None:
        for number in messages:
            assert await pacer.turn(bulk) == 0
            gone.append(number)

    waiting = iter(range(640))
    await asyncio.gather(*(work(waiting) for _ in range(64)))
    assert gone == list(range(640))
    assert woken <= (640 - 50) / 20 + 1  # twenty in each fiftieth of a second, after the burst


async def test_whoever_is_called_off_in_line_takes_nobodys_turn() -> None:
    time, hold = Time(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        await hold.wait()
        await time.sleep(seconds)

    pacer = Pacer(10, burst=1, clock=time, sleep=sleep)
    assert await pacer.turn(bulk) == 0
    line = [asyncio.create_task(pacer.turn(bulk)) for _ in range(6)]
    await asyncio.sleep(0)
    for off in (0, 2, 5):  # the one who watches the clock, one in the middle, the last
        line[off].cancel()
    hold.set()
    assert await asyncio.gather(*(line[on] for on in (1, 3, 4))) == [0, 0, 0]
    assert time.now - 100 == pytest.approx(0.3)
    assert await pacer.turn(bulk) == 0


async def test_on_the_paid_lane_replies_keep_to_what_is_free_and_bulk_does_not() -> None:
    time = Time()
    pacer = Pacer(1000, paid=True, clock=time)
    gone: dict[Traffic, list[float]] = {bulk: [], reply: []}
    while time.now < 105:
        for kind in (reply, bulk):
            while pacer.wait(kind) == 0:
                pacer.spend(kind)
                gone[kind].append(time.now)
        time.now += 0.001
    assert within(gone[reply], 4) <= FREE_RATE * 5 + 9
    assert len(gone[bulk]) > 4000


# ---- chats and groups ----------------------------------------------------------------------


@settings(max_examples=30)
@given(seed=st.integers(0, 1000))
def test_a_chat_hears_one_a_second_after_a_burst_and_a_group_twenty_a_minute(seed: int) -> None:
    chance = random.Random(seed)
    chats, now = Chats(), 100.0
    heard: dict[int, list[float]] = {501: [], -100: []}
    for _ in range(400):
        chat = chance.choice([501, -100])
        if chats.wait(chat, now) == 0:
            chats.spend(chat, now)
            heard[chat].append(now)
        now += chance.choice([0.0, 0.0, 0.01, 0.5, 3.0])
    assert within(heard[501], 1) <= 6
    assert within(heard[501], 60) <= 65
    assert within(heard[-100], 60) <= 20


async def test_who_has_had_enough_is_told_when_to_come_again_and_holds_up_nobody() -> None:
    time = Time()
    pacer = Pacer(1e6, chats=Chats(), clock=time, sleep=time.sleep)
    assert [await pacer.turn(reply, -100) for _ in range(5)] == [0] * 5
    assert await pacer.turn(reply, -100) == pytest.approx(4)
    assert await pacer.turn(reply, 501) == 0
    assert time.now == 100.0


def test_what_was_put_off_is_not_overtaken() -> None:
    chats = Chats()
    for _ in range(5):
        chats.spend(501, 100.0)
    assert chats.wait(501, 100.5) == pytest.approx(0.5)
    assert chats.wait(501, 100.9) == pytest.approx(0.1)
    assert chats.wait(501, 101.0) == 0


def test_a_million_chats_are_not_kept_in_mind() -> None:
    chats = Chats()
    for chat in range(50_000):
        chats.spend(chat, chat / 28)
        assert len(chats) <= Chats.FEW
