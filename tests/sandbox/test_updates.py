"""Updates wait until they are confirmed, one poller at a time."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.updates import OTHER_POLLER, WEBHOOK_ACTIVE
from tests.sandbox.conftest import OTHER_TOKEN, TOKEN, Client, Ticks, until


def texts(updates: list[dict[str, Any]]) -> list[str]:
    return [update["message"]["text"] for update in updates]


@pytest.fixture
def three(sandbox: Sandbox, maria: int) -> list[int]:
    return [sandbox.world.write(maria, text)[1] for text in ("one", "two", "three")]


async def test_updates_come_again_until_an_offset_confirms_them(
    client: Client, three: list[int]
) -> None:
    assert texts(await client.result("getUpdates")) == ["one", "two", "three"]
    assert texts(await client.result("getUpdates")) == ["one", "two", "three"]
    assert texts(await client.result("getUpdates", offset=three[1])) == ["two", "three"]
    assert texts(await client.result("getUpdates")) == ["two", "three"]
    assert three == list(range(three[0], three[0] + 3))


async def test_a_negative_offset_keeps_the_last_ones(client: Client, three: list[int]) -> None:
    assert texts(await client.result("getUpdates", offset=-1)) == ["three"]
    assert texts(await client.result("getUpdates")) == ["three"]


async def test_a_foreign_offset_far_ahead_confirms_nothing(
    client: Client, three: list[int]
) -> None:
    assert len(await client.result("getUpdates", offset=three[2] + 1000)) == 3


async def test_a_limit_cuts_the_batch(client: Client, three: list[int]) -> None:
    assert texts(await client.result("getUpdates", limit=2)) == ["one", "two"]


async def test_a_poll_ends_when_something_comes(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    poll = asyncio.create_task(client.result("getUpdates", timeout=20))
    await until(lambda: sandbox.world.bot().queue.is_polled)
    sandbox.world.write(maria, "hello")
    assert texts(await poll) == ["hello"]


async def test_a_poll_ends_with_nothing_after_its_time(client: Client, maria: int) -> None:
    assert await client.result("getUpdates", timeout=1) == []


async def test_the_later_poller_ends_the_earlier_one(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    queue = sandbox.world.bot().queue
    earlier = asyncio.create_task(client.bot("getUpdates", timeout=20))
    await until(lambda: queue.is_polled)
    later = asyncio.create_task(client.result("getUpdates", timeout=20))
    body = await earlier
    assert (body["error_code"], body["description"]) == (409, OTHER_POLLER)
    await until(lambda: queue.is_polled)
    sandbox.world.write(maria, "hello")
    assert texts(await later) == ["hello"]


async def test_a_poller_that_hung_up_is_in_nobodys_way(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    queue = sandbox.world.bot().queue
    gone = asyncio.create_task(client.bot("getUpdates", timeout=20))
    await until(lambda: queue.is_polled)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    sandbox.world.write(maria, "hello")
    assert texts(await client.result("getUpdates", timeout=20)) == ["hello"]


async def test_a_webhook_forbids_polling(client: Client, maria: int) -> None:
    await client.result("setWebhook", url="http://127.0.0.1:9/hook")
    assert await client.refusal("getUpdates") == WEBHOOK_ACTIVE
    await client.result("deleteWebhook")
    assert await client.result("getUpdates") == []


async def test_only_the_kinds_asked_for_come_and_the_wish_stays(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    await client.result("getUpdates", allowed_updates=["my_chat_member"])
    sandbox.world.write(maria, "not wanted")
    sandbox.world.block(maria, True)
    await client.result("getUpdates")
    sandbox.world.block(maria, False)
    updates = await client.result("getUpdates")
    assert [list(update)[1] for update in updates] == ["my_chat_member"] * 2
    await client.result("getUpdates", allowed_updates=[])
    sandbox.world.write(maria, "wanted")
    assert len(await client.result("getUpdates")) == 3


async def test_taps_are_dropped_after_150_seconds_and_messages_are_not(
    client: Client, sandbox: Sandbox, maria: int, ticks: Ticks
) -> None:
    sandbox.world.tap(maria, 1, data="x", raw=True)
    sandbox.world.write(maria, "typed")
    ticks.now += 149
    assert len(await client.result("getUpdates")) == 2
    ticks.now += 1
    assert texts(await client.result("getUpdates")) == ["typed"]


async def test_messages_are_dropped_after_a_day(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    sandbox.world.write(maria, "yesterday")
    sandbox.clock.shift(24 * 3600)
    sandbox.world.write(maria, "today")
    assert texts(await client.result("getUpdates")) == ["today"]


async def test_update_ids_begin_anew_after_a_week_without_any(
    sandbox: Sandbox, client: Client, three: list[int]
) -> None:
    await client.result("getUpdates", offset=three[2] + 1)
    sandbox.clock.shift(timedelta(days=8).total_seconds())
    user = next(iter(sandbox.world.users))
    _, update_id = sandbox.world.write(user, "after the holidays")
    assert abs(update_id - three[2]) > 10


async def test_bots_do_not_see_each_others_updates(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    other = sandbox.world.add_bot(OTHER_TOKEN)
    sandbox.world.write(maria, "for the other", other.id)
    assert await client.result("getUpdates") == []
    assert texts(await client.result("getUpdates", OTHER_TOKEN)) == ["for the other"]


async def test_an_earlier_update_is_handed_over_once_more(
    client: Client, sandbox: Sandbox, three: list[int]
) -> None:
    await client.result("getUpdates", offset=three[2] + 1)
    bot_id = TOKEN.partition(":")[0]
    await client.post(f"/sandbox/bots/{bot_id}/updates", redeliver=three[0])
    again = await client.result("getUpdates", offset=three[2] + 1)
    assert [update["update_id"] for update in again] == [three[0]]
    assert await client.result("getUpdates", offset=three[0] + 1) == []
    missing = await client.post(f"/sandbox/bots/{bot_id}/updates", 404, redeliver=5)
    assert "no update 5" in missing["error"]


async def test_any_update_can_be_injected(client: Client, maria: int) -> None:
    path = f"/sandbox/bots/{TOKEN.partition(':')[0]}/updates"
    filled = await client.post(path, update={"from_next_year": {"a": 1}})
    [update] = await client.result("getUpdates")
    assert update == {"update_id": filled["update_id"], "from_next_year": {"a": 1}}
    given = filled["update_id"] + 50
    await client.post(path, update={"update_id": given, "message": {"broken": True}})
    assert (await client.result("getUpdates", offset=given))[0]["message"] == {"broken": True}
    await client.post(path, raw='{"message": null}')
    assert (await client.result("getUpdates", offset=given + 1))[0]["message"] is None


async def test_raw_text_breaks_the_response_once(client: Client, maria: int) -> None:
    await client.post(f"/sandbox/bots/{TOKEN.partition(':')[0]}/updates", raw="{oops")
    async with client.session.get(f"{client.url}/bot{TOKEN}/getUpdates") as response:
        body = await response.text()
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(body)
    assert await client.result("getUpdates") == []
