"""A webhook that does not deliver is noticed, told, and made good, as with polling."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from sqlmodel import select

from bot.listener import Gatherer
from bot.transports import BotTransport
from bot.webhook_watch import WebhookWatch
from handlers import outages
from handlers.inbox import Handled
from handlers.messages import FetchFailedError
from sandbox.faults import Faults
from sandbox.updates import UpdateQueue
from sandbox.webhooks import Webhook
from storage.tables import CheckIn, Ledger
from tests.bot.test_inbound import free_port, house, running, sandbox, until  # noqa: F401
from tests.bot.test_vitals import asks
from tests.builders import Outage
from tests.libraries import LIBRARIES, a_transport
from tests.play import BOT_ID, TUESDAY, Someone, Stage
from web.server import Hook, WebServer

SECRET = "s" * 32


class Door:
    """Our side of a webhook over real HTTP; while it is shut the proxy is away."""

    def __init__(self, stage: Stage, transport: BotTransport) -> None:
        self.stage = stage
        self.transport = transport
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/telegram/{BOT_ID}"
        self.server: WebServer | None = None
        self.told = 0
        self.came = 0
        self.seconds = 0.0
        self.watch = WebhookWatch(
            transport,
            self.url,
            SECRET,
            came=lambda since: outages.came_since(stage.database, BOT_ID, since),
            heard=self.heard,
            moved=lambda: outages.moved(stage.database, stage.clock, BOT_ID),
            every=0.01,
            seconds=lambda: self.seconds,
        )

    async def heard(self) -> None:
        await outages.heard(self.stage.database, BOT_ID, self.stage.clock)

    def after(self, handled: Handled) -> None:
        self.came += handled.events
        self.stage._after(handled)

    async def opens(self) -> None:
        gatherer = Gatherer(self.stage.transport, self.stage.inbox, self.after)
        hooks = {BOT_ID: Hook(SECRET, gatherer.receive)}
        self.server = WebServer("127.0.0.1", self.port, hooks=hooks)
        await self.server.start()

    async def shuts(self) -> None:
        if self.server is not None:
            await self.server.stop()
            self.server = None

    @property
    def queue(self) -> UpdateQueue:
        return self.stage.sandbox.world.bots[BOT_ID].queue

    @property
    def hook(self) -> Webhook:
        return self.stage.sandbox._bot_api.webhooks.by_bot[BOT_ID]

    async def once(self, _wait: float) -> int:
        """Stand where the stage has its poller: what was made has come in."""
        if self.server is not None:
            await until(lambda: not self.queue.pending, "delivered")
        came, self.came = self.came, 0
        return came

    async def looks(self) -> bool:
        fine = await self.watch.look()
        await self.stage.settle()
        return fine

    async def misses_a_tap_of(self, who: Someone) -> None:
        """Let somebody tap in vain."""
        message = next(m for m in reversed(await self.stage.chat(who)) if m["buttons"])
        data = message["buttons"][0][0]["data"]
        path = f"/sandbox/chats/{who.user_id}/taps"
        before = self.hook.last_error
        await self.stage.post(path, {"message_id": message["id"], "data": data})
        await until(lambda: self.hook.last_error != before, "refused")

    def forgets_taps(self) -> None:
        """Let 150 seconds be over: the service forgets what was tapped."""
        for update in self.queue.pending.values():
            update.dies = 0.0


@pytest.fixture(params=LIBRARIES)
async def door(stage: Stage, request: pytest.FixtureRequest) -> AsyncIterator[Door]:
    stage.sandbox.world.limits.webhook_first_retry = 0.01
    stage.sandbox.world.limits.webhook_last_retry = 0.02
    transport = a_transport(request.param, stage.sandbox.url)
    door = Door(stage, transport)
    yield door
    await door.shuts()
    await transport.close()


async def a_morning(door: Door, *names: str) -> list[Someone]:
    """Let people join, be asked at half past six, and their bot be heard over its webhook."""
    stage = door.stage
    await stage.opens_school("en")
    people = [await stage.joined(name) for name in names]
    await door.opens()
    await door.transport.use_webhook(door.url, SECRET)
    stage.poller = door  # type: ignore[assignment]
    await stage.at("06:30")
    assert await door.looks()
    return people


async def words_to(stage: Stage, who: Someone) -> list[str]:
    return [m["text"] for m in await stage.chat(who) if m["from"] == "bot"]


async def asked_again(stage: Stage) -> list[str | None]:
    async with stage.database.reading() as session:
        found = await session.exec(select(Ledger.edition_reason).where(Ledger.edition > 0))
        return list(found)


async def test_while_the_webhook_delivers_nobody_is_asked_again(door: Door) -> None:
    tina, _maria = await a_morning(door, "Tina", "Maria")
    for minute in range(31, 40):
        await door.stage.at(f"06:{minute}")
        assert await door.looks()
        if minute == 35:
            await door.stage.taps(tina, "All clear")
    assert await asked_again(door.stage) == []


async def test_after_the_proxy_was_away_for_more_than_150_seconds_the_unanswered_are_asked_again(
    door: Door,
) -> None:
    stage = door.stage
    tina, _maria, gu = await a_morning(door, "Tina", "Maria", "Gu")
    await door.shuts()
    await door.misses_a_tap_of(tina)
    for minute in range(31, 50):
        await stage.at(f"06:{minute}")
        assert not await door.looks()
        if minute == 33:  # from now on nothing waits, and nothing fails any more
            door.forgets_taps()
    assert door.queue.count() == 0
    assert await asked_again(stage) == []
    await door.opens()
    assert not await door.looks()  # nobody knows yet
    await stage.says(gu, "good morning")
    assert await door.looks()
    assert await asked_again(stage) == ["outage"] * 3  # who has only said hello as well
    assert "once more" in (await words_to(stage, tina))[-1]


async def test_a_proxy_that_stumbles_and_delivers_after_all_is_no_outage(door: Door) -> None:
    stage = door.stage
    tina, _maria = await a_morning(door, "Tina", "Maria")
    await stage.at("06:31")
    await door.shuts()
    await door.misses_a_tap_of(tina)
    await door.opens()
    await stage.settle()
    assert await door.looks()
    await stage.at("06:32")
    assert await door.looks()
    assert await asked_again(stage) == []


async def test_after_more_than_a_day_without_the_proxy_the_admin_hears_of_the_gap(
    door: Door,
) -> None:
    stage = door.stage
    gu, maria = await a_morning(door, "Gu", "Maria")
    await door.shuts()
    await door.misses_a_tap_of(maria)
    await stage.at("06:40")
    assert not await door.looks()
    door.forgets_taps()
    await stage.at("09:00", TUESDAY)
    assert not await door.looks()
    await door.opens()
    await stage.says(maria, "hello?")
    assert await door.looks()
    said = [text for text in await words_to(stage, gu) if "heard nobody" in text]
    assert len(said) == 1
    assert "2026-03-02 06:30" in said[0]
    async with stage.database.reading() as session:
        assert "complete" not in {row.status for row in await session.exec(select(CheckIn))}


@pytest.mark.parametrize("theirs", ["http://127.0.0.1:9/other", ""])
async def test_an_address_that_is_not_ours_is_set_right_and_the_admin_hears_once(
    door: Door, theirs: str
) -> None:
    stage = door.stage
    gu, maria = await a_morning(door, "Gu", "Maria")
    for _ in range(2):
        if theirs:
            await door.transport.use_webhook(theirs, SECRET)
        else:
            await door.transport.use_polling()
        assert not await door.looks()
        assert door.hook.url == door.url
        assert await door.looks()
    await stage.says(maria, "good morning")  # it comes in
    said = [text for text in await words_to(stage, gu) if "changed where" in text]
    assert len(said) == 1
    assert not [text for text in await words_to(stage, maria) if "changed where" in text]


async def test_an_admin_who_could_not_be_told_is_told_at_the_next_look(door: Door) -> None:
    stage = door.stage
    [gu] = await a_morning(door, "Gu")
    await door.transport.use_polling()
    outage = Outage(stage.database)
    outage.on = True
    assert not await door.watch.look()
    outage.on = False
    assert await door.looks()
    assert [text for text in await words_to(stage, gu) if "changed where" in text]


async def test_while_telegram_does_not_answer_nothing_is_noted(door: Door) -> None:
    stage = door.stage
    await a_morning(door, "Maria")
    stage.sandbox.world.faults = Faults(rate_5xx_before=1, methods=frozenset({"getwebhookinfo"}))
    await stage.at("06:40")
    with pytest.raises(FetchFailedError):
        await door.watch.look()
    stage.sandbox.world.faults = None
    assert await door.looks()
    assert await asked_again(stage) == ["outage"]


async def test_updates_on_their_way_in_a_full_morning_are_no_outage(door: Door) -> None:
    stage = door.stage
    tina, maria = await a_morning(door, "Tina", "Maria")
    for n in range(10):
        stage.now += timedelta(seconds=1)
        await stage.says(maria, f"good morning {n}")
    await door.shuts()
    await door.misses_a_tap_of(tina)
    assert door.queue.count() == 1
    assert await door.watch.look()  # it has only just been made
    await stage.at("06:33")
    assert not await door.watch.look()


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_what_came_counts_though_the_clock_of_who_took_it_is_wrong(
    door: Door, minutes: int
) -> None:
    stage = door.stage
    tina, maria = await a_morning(door, "Tina", "Maria")
    await door.shuts()
    await door.misses_a_tap_of(tina)
    await door.opens()
    stage.now += timedelta(minutes=minutes)  # another process took it
    await stage.says(maria, "good morning")
    stage.now -= timedelta(minutes=minutes)
    assert await door.watch.look()  # it failed, but by now it delivers
    await door.shuts()
    await door.misses_a_tap_of(tina)
    assert not await door.watch.look()  # what came before the last look counts no more


async def test_how_long_it_has_not_delivered_is_known_while_somebody_looks(door: Door) -> None:
    [tina] = await a_morning(door, "Tina")
    stopping = asyncio.Event()
    running = asyncio.create_task(door.watch.run(stopping))
    await until(lambda: door.watch.age == 0.0, "it looks")
    await door.shuts()
    await door.misses_a_tap_of(tina)
    await door.stage.at("06:31")
    door.seconds = 200.0
    await until(lambda: door.watch.age == 200.0, "it looks in vain")
    stopping.set()
    await running
    assert door.watch.age is None


async def test_a_webhook_that_does_not_deliver_is_seen_from_outside(
    house: Callable[..., object],  # noqa: F811
) -> None:
    port = free_port()
    app = house(web_port=port, public_url=f"http://127.0.0.1:{port}")
    async with running(app):
        watch = app.watches[BOT_ID]
        await until(lambda: watch.age is not None, "it looks")
        assert "allclear_webhook_age_seconds" in (await asks(app, "/metrics"))[1]
        assert await asks(app, "/readyz") == (200, {"ready": True, "reasons": []})
        watch._fine_at -= 200
        status, state = await asks(app, "/readyz")
        assert status == 503
        [reason] = state["reasons"]
        assert reason.startswith(f"bot {BOT_ID}: the webhook has not delivered for 20")
