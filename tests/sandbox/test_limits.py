"""Rates: what passes, what is refused, and for how long."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import Limits, Sandbox
from sandbox.limits import Pace
from tests.sandbox.conftest import Client, Ticks


def set_limits(sandbox: Sandbox, **wish: float) -> None:
    for name, value in wish.items():
        setattr(sandbox.world.limits, name, value)


async def test_a_chat_takes_a_short_burst_and_then_one_message_a_second(
    client: Client, sandbox: Sandbox, maria: int, ticks: Ticks
) -> None:
    set_limits(sandbox, chat_per_second=1.0, chat_burst=3)
    for _ in range(3):
        await client.result("sendMessage", chat_id=maria, text="x")
    assert await client.bot("sendMessage", chat_id=maria, text="x") == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }
    assert client.headers["Retry-After"] == "1"
    ticks.now += 0.9
    refusal = await client.refusal("sendMessage", chat_id=maria, text="x")
    assert refusal == "Too Many Requests: retry after 1"
    ticks.now += 0.1
    await client.result("sendMessage", chat_id=maria, text="x")


async def test_one_full_chat_does_not_stop_the_others(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    set_limits(sandbox, chat_per_second=1.0, chat_burst=1)
    ben = sandbox.world.add_user("Ben")
    sandbox.world.start(ben.id, "")
    await client.result("sendMessage", chat_id=maria, text="x")
    await client.refusal("sendMessage", chat_id=maria, text="x")
    await client.result("sendMessage", chat_id=ben.id, text="x")


async def test_a_bot_sends_thirty_a_second_to_all_its_chats(
    client: Client, sandbox: Sandbox, ticks: Ticks
) -> None:
    set_limits(sandbox, bot_per_second=30.0, bot_burst=30)
    people = [sandbox.world.add_user(f"User {n}").id for n in range(31)]
    for person in people:
        sandbox.world.start(person, "")
    for person in people[:30]:
        await client.result("sendMessage", chat_id=person, text="x")
    refusal = await client.refusal("sendMessage", chat_id=people[30], text="x")
    assert refusal == "Too Many Requests: retry after 1"
    ticks.now += 1
    await client.result("sendMessage", chat_id=people[30], text="x")


async def test_a_group_takes_twenty_a_minute(
    client: Client, sandbox: Sandbox, ticks: Ticks
) -> None:
    set_limits(sandbox, group_per_minute=20.0)
    group = sandbox.world.add_group("Class 3-2", sandbox.world.bot().id)
    for _ in range(20):
        await client.result("sendMessage", chat_id=group.id, text="x")
    refused = await client.bot("sendMessage", chat_id=group.id, text="x")
    assert refused["parameters"] == {"retry_after": 3}


async def test_edits_count_and_answers_to_taps_do_not(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    set_limits(sandbox, chat_per_second=1.0, chat_burst=2)
    await client.result("sendMessage", chat_id=maria, text="x")
    await client.result("editMessageText", chat_id=maria, message_id=2, text="y")
    for _ in range(3):
        tap = sandbox.world.tap(maria, 2, data="a", raw=True)
        await client.result("answerCallbackQuery", callback_query_id=tap.id)
    refusal = await client.refusal("editMessageText", chat_id=maria, message_id=2, text="z")
    assert "retry after" in refusal


async def test_a_refused_message_is_not_sent(client: Client, sandbox: Sandbox, maria: int) -> None:
    set_limits(sandbox, chat_per_second=1.0, chat_burst=1)
    await client.result("sendMessage", chat_id=maria, text="first")
    await client.refusal("sendMessage", chat_id=maria, text="second")
    assert [one.text for one in sandbox.world.chat(maria).messages.values()] == ["/start", "first"]


def test_the_usual_limits_are_telegrams_and_none_are_off() -> None:
    usual, off = Limits(), Limits.none()
    assert (usual.bot_per_second, usual.chat_per_second, usual.group_per_minute) == (30, 1, 20)
    assert off.bot_per_second is off.chat_per_second is off.group_per_minute is None


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 3), max_size=60),
    st.sampled_from([1.0, 30.0, 1 / 3]),
    st.integers(1, 30),
)
def test_no_pattern_beats_the_rate(gaps: list[float], per_second: float, burst: int) -> None:
    pace, now, passed = Pace(), 0.0, []
    for gap in gaps:
        now += gap
        if not pace.wait(now, per_second, burst):
            pace.take(now, per_second)
            passed.append(now)
    for first, begin in enumerate(passed):
        for last in range(first, len(passed)):
            allowed = burst + (passed[last] - begin) * per_second
            assert last - first + 1 <= math.floor(allowed + 1e-6)
