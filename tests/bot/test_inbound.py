"""Whole processes' worth of parts on the sandbox: several bots, dead connections, storms, ends."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete
from sqlmodel import select
from structlog.testing import capture_logs

from bot.app import App
from bot.listener import Poller
from bot.sender import Sender
from bot.settings import read_settings
from bot.transports import BotTransport
from handlers.clock import real_clock
from handlers.desk import Desk
from handlers.inbox import Handled, Inbox
from handlers.messages import Delivered, Event, FetchFailedError, Rendered, Words
from handlers.outages import rival
from sandbox.clock import ShiftedClock
from sandbox.faults import Faults
from sandbox.limits import Limits
from sandbox.server import Sandbox
from storage import contacts
from storage.database import Database
from storage.sql import affected, table
from storage.tables import AuditEntry, Bot, CheckIn, Contact, HistoryEntry, Ledger, Received
from tests.builders import SUNDAY_NIGHT, Outage
from tests.libraries import LIBRARIES, a_transport
from tests.play import BOT_ID, MONDAY, ROSTER, TOKEN, Stage

OTHER = TOKEN.replace(str(BOT_ID), "7000002")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def until(true: Callable[[], bool], what: str) -> None:
    try:
        async with asyncio.timeout(20):
            while not true():  # noqa: ASYNC110 - what happens happens in other parts
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"still not: {what}") from None


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    limits = Limits.none()
    limits.webhook_first_retry, limits.conflict_pause = 0.01, 0.0
    async with Sandbox(clock=ShiftedClock(), limits=limits) as sandbox:
        yield sandbox


@pytest.fixture
def house(sandbox: Sandbox, database: Database, tmp_path: Path) -> Callable[..., App]:
    """Make the parts of a process around the sandbox and an empty school's database."""

    def make(**given: Any) -> App:
        told = {"tokens": TOKEN, "web_port": 0, "public_url": ""} | given
        return App(
            read_settings(
                api_url=sandbox.url,
                database_url=database.url.replace("+aiosqlite", "").replace("+psycopg", ""),
                key_file=tmp_path / "keys",
                **told,
            ),
            safe=False,
        )

    return make


@asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    task = asyncio.create_task(app.run())
    ready = asyncio.create_task(app.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        if task.done():
            await task
        yield app
    finally:
        ready.cancel()
        app.stop()
        await asyncio.wait_for(task, 20)


# ---- several processes ---------------------------------------------------------------------


@pytest.mark.both_databases
async def test_where_the_clocks_of_two_processes_differ_nobody_takes_it_for_a_silence(
    house: Callable[..., App], database: Database
) -> None:
    late, early = house(), house()
    late.clock = lambda: real_clock() - timedelta(minutes=5)
    early.clock = lambda: real_clock() + timedelta(minutes=5)
    try:
        with capture_logs() as logs:
            for process in (late, early, late):
                await process._know(process.transports[0])
                await process._heard(BOT_ID)()
    finally:
        for process in (late, early):
            await process.database.close()
            await process.transports[0].close()
    assert logs == []
    async with database.reading() as session:
        bot = await session.get_one(Bot, BOT_ID)
    assert abs(bot.seen_at - real_clock()) < timedelta(minutes=1)


# ---- several bots --------------------------------------------------------------------------


async def test_several_bots_of_one_process_each_answer_their_own_chats(
    sandbox: Sandbox, house: Callable[..., App], database: Database
) -> None:
    async with running(house(tokens=f"{TOKEN},{OTHER}")):
        await until(lambda: len(sandbox.world.bots) == 2, "both said hello")
        people = {}
        for bot_id in (BOT_ID, BOT_ID + 1):
            user = sandbox.world.add_user(f"Maria {bot_id}")
            sandbox.world.start(user.id, "", bot_id)
            people[bot_id] = user.id

        def answered() -> bool:
            sent = sandbox.world.journal.since(method="sendMessage")
            return {(c.bot_id, int(c.params["chat_id"])) for c in sent} == set(people.items())

        await until(answered, "each answered by the bot they wrote to")
    async with database.reading() as session:
        known = await session.exec(select(Contact.bot_id, Contact.chat_id))
        assert set(known.all()) == set(people.items())


async def test_a_bot_that_starts_while_the_database_takes_no_writes_is_not_given_up(
    sandbox: Sandbox, house: Callable[..., App]
) -> None:
    sandbox.world.faults = Faults(rate_5xx_before=1, methods=frozenset({"getme"}))
    app = house()
    hello = asyncio.create_task(app.run())
    await until(lambda: app.scheduler.duties[0].runs > 0, "the tables are there")
    outage = Outage(app.database)
    outage.on = True
    sandbox.world.faults = None
    greeted = "deleteWebhook"  # what comes after a hello that was heard
    await until(lambda: bool(sandbox.world.journal.since(method=greeted)), "said hello")
    assert not app.ready.is_set()
    outage.on = False
    await asyncio.wait_for(app.ready.wait(), 20)
    app.stop()
    await hello


# ---- dead connections ----------------------------------------------------------------------


async def note(desk: Desk, event: Event) -> None:
    desk.record("came", None, None, update=event.update_id)


async def came(database: Database) -> list[int]:
    async with database.reading() as session:
        acts = await session.exec(select(AuditEntry).where(AuditEntry.act == "came"))
        return [act.about["update"] for act in acts]


@pytest.fixture(params=LIBRARIES)
async def transport(
    sandbox: Sandbox, database: Database, request: pytest.FixtureRequest
) -> AsyncIterator[BotTransport]:
    transport = a_transport(request.param, sandbox.url)
    await transport.open()
    async with database.writing() as session:
        await contacts.know_bot(session, BOT_ID, transport.username, SUNDAY_NIGHT)
    yield transport
    await transport.close()


def connections(transport: BotTransport) -> object:
    bot = transport._bot  # type: ignore[attr-defined]
    return getattr(bot, "session", bot)  # one library changes its session, for the other a bot


async def test_who_begins_to_listen_while_telegram_is_away_is_seen_to_hear_nothing(
    sandbox: Sandbox, database: Database, transport: BotTransport
) -> None:
    seconds = 100.0
    inbox = Inbox(database, lambda: SUNDAY_NIGHT, note)
    poller = Poller(transport, inbox, lambda _: None, pause=0.001, clock=lambda: seconds)
    sandbox.world.faults = Faults(rate_5xx_before=1, methods=frozenset({"getupdates"}))
    stopping = asyncio.Event()
    listening = asyncio.create_task(poller.run(stopping))
    await until(lambda: poller.age == 0.0, "it listens")
    seconds += 200
    assert poller.age == 200.0, "another process may have been answered before; here nothing was"
    stopping.set()
    await listening
    assert poller.age is None


async def test_a_poll_that_neither_answers_nor_fails_ends_with_its_connection(
    sandbox: Sandbox, database: Database, transport: BotTransport
) -> None:
    inbox = Inbox(database, lambda: SUNDAY_NIGHT, note)
    poller = Poller(transport, inbox, lambda _handled: None, patience=1.0)
    assert poller.age is None
    maria = sandbox.world.add_user("Maria")
    sandbox.world.faults = Faults(
        rate_hang=1, hang_seconds=60, methods=frozenset({"getupdates", "sendmessage"})
    )
    sandbox.world.start(maria.id, "")
    with pytest.raises(FetchFailedError, match="no answer in time"):
        await poller.once(0)
    assert poller.age is None
    sandbox.world.faults = None
    assert await poller.once(0) == 1
    assert poller.age is not None
    assert poller.age < 20
    assert len(await came(database)) == 1


async def test_what_is_being_sent_is_not_cut_off_when_connections_are_made_anew(
    sandbox: Sandbox, transport: BotTransport
) -> None:
    maria = sandbox.world.add_user("Maria")
    sandbox.world.start(maria.id, "")
    sandbox.world.faults = Faults(slow_ms=300, methods=frozenset({"sendmessage"}))
    sending = asyncio.create_task(transport.send(maria.id, Rendered("Good morning")))
    await asyncio.sleep(0.1)
    await transport.renew()
    assert await transport.fetch(None, 0)
    assert isinstance(await sending, Delivered)
    sandbox.world.faults = None
    assert isinstance(await transport.send(maria.id, Rendered("again")), Delivered)


async def test_after_failures_in_a_row_the_connections_are_made_anew(
    sandbox: Sandbox, database: Database, transport: BotTransport
) -> None:
    heard = asyncio.Event()
    inbox = Inbox(database, lambda: SUNDAY_NIGHT, note)
    poller = Poller(transport, inbox, lambda _handled: heard.set(), wait=1, pause=0.01)
    first = connections(transport)
    sandbox.world.faults = Faults(rate_5xx_before=1, methods=frozenset({"getupdates"}))
    stopping = asyncio.Event()
    task = asyncio.create_task(poller.run(stopping))
    await until(lambda: connections(transport) is not first, "connections made anew")
    sandbox.world.faults = None
    sandbox.world.start(sandbox.world.add_user("Maria").id, "")
    await asyncio.wait_for(heard.wait(), 10)
    stopping.set()
    await task


# ---- somebody else polls -------------------------------------------------------------------


async def test_the_admin_hears_when_somebody_else_takes_the_messages(stage: Stage) -> None:
    await stage.opens_school("en")
    gu = await stage.joined("Gu")
    maria = await stage.joined("Maria")
    alarmed = asyncio.Event()
    stage.sandbox.world.limits.conflict_pause = 0.0

    async def alarm() -> None:
        await rival(stage.database, stage.clock, BOT_ID)
        alarmed.set()

    webhook = f"http://127.0.0.1:{free_port()}/"
    poller = Poller(stage.transport, stage.inbox, stage._after, wait=1, pause=0.01, rival=alarm)
    await stage.transport.use_webhook(webhook, "s" * 32)  # polling is refused the same way
    stopping = asyncio.Event()
    task = asyncio.create_task(poller.run(stopping))
    await asyncio.wait_for(alarmed.wait(), 20)
    stopping.set()
    await task
    await rival(stage.database, stage.clock, BOT_ID)  # the same day: once is enough
    await stage.transport.use_polling()
    await stage.settle()
    said = [m["text"] for m in await stage.chat(gu) if m["from"] == "bot"]
    assert len(said) == 1
    assert "Somebody else takes the messages" in said[0]
    assert not [m for m in await stage.chat(maria) if m["from"] == "bot"]


# ---- storms --------------------------------------------------------------------------------


async def test_a_storm_of_taps_on_one_button_is_one_answer_and_every_tap_is_answered(
    stage: Stage,
) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    stage.poller = Poller(stage.transport, stage.inbox, stage._after)  # taps are as fast as here
    message = next(m for m in reversed(await stage.chat(tina)) if m["buttons"])
    first = message["buttons"][0][0]["data"]
    before = stage.sandbox.world.journal.last
    for _ in range(30):
        await stage.post(
            f"/sandbox/chats/{tina.user_id}/taps", {"message_id": message["id"], "data": first}
        )
    await stage.settle()
    calls = stage.sandbox.world.journal.since(before)
    answers = [c for c in calls if c.method == "answerCallbackQuery"]
    assert len(answers) == 30
    assert all(call.ok for call in answers)
    assert len({call.params["callback_query_id"] for call in answers}) == 30
    edits = [c for c in calls if c.method in {"editMessageText", "sendMessage"}]
    assert len(edits) <= 2
    async with stage.database.reading() as session:
        said = list(await session.exec(select(HistoryEntry)))
        [checkin] = [c for c in await session.exec(select(CheckIn)) if c.status == "complete"]
    assert [row.subject_id for row in said] == [checkin.subject_id]


async def test_a_storm_of_taps_on_a_reminder_is_one_answer_and_no_new_card(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:10")
    stage.poller = Poller(stage.transport, stage.inbox, stage._after)
    reminder = next(m for m in reversed(await stage.chat(tina)) if m["buttons"])
    before = stage.sandbox.world.journal.last
    for _ in range(10):
        await stage.post(
            f"/sandbox/chats/{tina.user_id}/taps",
            {"message_id": reminder["id"], "data": reminder["buttons"][0][0]["data"]},
        )
    await stage.settle()
    calls = stage.sandbox.world.journal.since(before)
    told = Counter(call.method for call in calls if call.method != "getUpdates")
    assert told["answerCallbackQuery"] == 10
    assert told["sendMessage"] == 0, "the card stands above already, and says it"
    assert told["editMessageText"] <= 2
    assert told["deleteMessage"] == 1, "the reminder has done its work"


async def test_a_storm_of_taps_on_an_outdated_reminder_brings_the_card_once(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    await stage.at("07:10")
    await stage.taps_first(tina, 1, newest=False)  # Something is wrong: the question stands open
    reminder = next(m for m in reversed(await stage.chat(tina)) if m["buttons"])
    stage.poller = Poller(stage.transport, stage.inbox, stage._after)
    before = stage.sandbox.world.journal.last
    for n in range(10):
        await stage.post(
            f"/sandbox/chats/{tina.user_id}/taps",
            {"message_id": reminder["id"], "data": reminder["buttons"][0][0]["data"]},
        )
        if n % 3 == 0:
            await stage.settle()  # some come after the card has come
    await stage.settle()
    calls = stage.sandbox.world.journal.since(before)
    told = Counter(call.method for call in calls if call.method != "getUpdates")
    assert told["answerCallbackQuery"] == 10
    assert told["sendMessage"] == 1
    assert "?" in (await stage.chat(tina))[-1]["text"], "the open question is at the end"


STORMS = [
    ("Maria", "/pause", "pa"),
    ("Maria", "/language", "g"),
    ("Maria", "/when", "z"),
    ("Maria", "/stop", "t"),
    ("Mr Wang", "/class", "gl"),
    ("Mr Wang", "/substitute", "su"),
    ("Mr Wang", "/invite", "i"),
    ("林岚", "/class", "oc"),
    ("林岚", "/summary", "pi"),
]
MORE_CLASSES = """student,20250501,Nils,2-1,,,
student,20250502,Olga,2-2,,,
"""


@pytest.mark.parametrize(("name", "command", "verb"), STORMS)
async def test_a_storm_of_taps_on_any_button_brings_each_chat_one_message(
    stage: Stage, name: str, command: str, verb: str
) -> None:
    await stage.a_school(ROSTER + MORE_CLASSES)
    people = {who: await stage.joined(who) for who in ("Maria", "Mr Wang", "Ms Sun", "林岚")}
    await stage.at("06:30")
    await stage.at("07:30")
    stage.poller = Poller(stage.transport, stage.inbox, stage._after)

    async def storm() -> Counter[int]:
        await stage.says(people[name], command)
        message = next(m for m in reversed(await stage.chat(people[name])) if m["buttons"])
        buttons = [b["data"] for row in message["buttons"] for b in row if "data" in b]
        data = next(data for data in buttons if data.startswith(f"{verb}:"))
        before = stage.sandbox.world.journal.last
        for n in range(10):
            await stage.post(
                f"/sandbox/chats/{people[name].user_id}/taps",
                {"message_id": message["id"], "data": data},
            )
            if n % 4 == 0:
                await stage.settle()  # some come after the message has come
        await stage.settle()
        calls = stage.sandbox.world.journal.since(before)
        told = Counter(call.method for call in calls)
        assert told["answerCallbackQuery"] == 10
        return Counter(c.params["chat_id"] for c in calls if c.method.startswith("send"))

    assert set((await storm()).values()) == {1}
    stage.poller = Poller(stage.transport, stage.inbox, stage._after)
    assert set((await storm()).values()) == {1}, "asked for once more, it comes once more"


# ---- a silent week -------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True])
async def test_after_a_silent_week_update_ids_start_anew_and_none_is_lost(
    sandbox: Sandbox, database: Database, transport: BotTransport, restarted: bool
) -> None:
    inbox = Inbox(database, lambda: SUNDAY_NIGHT, note)

    def poller() -> Poller:
        return Poller(transport, inbox, lambda _handled: None)

    listening = poller()
    maria = sandbox.world.add_user("Maria")
    queue = sandbox.world.bots[BOT_ID].queue
    sandbox.world.start(maria.id, "")
    await listening.once(0)
    await listening.once(0)  # confirms, and hears that nothing more waits
    [before] = await came(database)
    sandbox.clock.shift(8 * 24 * 3600)
    # The worst new beginning: just below the old offset, where Telegram takes that one for good.
    queue.next_id = before - 4
    queue.last_at = sandbox.clock.timestamp()
    if restarted:
        listening = poller()
    for text in ("one", "two", "three"):
        sandbox.world.write(maria.id, text)
    assert await listening.once(0) == 3
    assert await listening.once(0) == 0
    assert await came(database) == [before, before - 4, before - 3, before - 2]


async def test_what_comes_under_an_id_of_last_month_has_its_reply(stage: Stage) -> None:
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    queue = stage.sandbox.world.bots[BOT_ID].queue
    first = queue.next_id
    await stage.says(tina, "/when")
    await stage.at("12:00", MONDAY + timedelta(days=19))  # a vacation, and nobody writes
    async with stage.database.writing() as session:
        await affected(session, delete(table(Received)))  # forgotten after two days
    queue.next_id = first
    await stage.says(tina, "/help")
    assert [m["from"] for m in await stage.chat(tina)][-2:] == ["user", "bot"]


# ---- the webhook ---------------------------------------------------------------------------


async def test_while_the_database_takes_no_writes_telegram_keeps_the_updates_in_order(
    sandbox: Sandbox, house: Callable[..., App]
) -> None:
    port = free_port()
    app = house(web_port=port, public_url=f"http://127.0.0.1:{port}")
    outage = Outage(app.database)
    async with running(app):
        maria, ben = (sandbox.world.add_user(name) for name in ("Maria", "Ben"))
        await until(lambda: BOT_ID in sandbox._bot_api.webhooks.by_bot, "the webhook is set")
        hook = sandbox._bot_api.webhooks.by_bot[BOT_ID]
        outage.on = True
        wanted: dict[int, list[int]] = {}
        for n in range(5):
            for user in (maria, ben):
                _, update_id = sandbox.world.write(user.id, f"{n}")
                wanted.setdefault(user.id, []).append(update_id)
        await until(lambda: hook.last_error is not None, "refused")
        assert hook.last_error is not None
        assert "503" in hook.last_error[1]
        outage.on = False
        queue = sandbox.world.bots[BOT_ID].queue
        await until(lambda: not queue.pending, "all of it taken")
        async with app.database.reading() as session:
            replies = await session.exec(select(Ledger, Contact.chat_id).join(Contact))
            got: dict[int, list[int]] = {}
            for entry, chat_id in sorted(replies.all(), key=lambda pair: pair[0].id):
                got.setdefault(chat_id, []).append(int(entry.cause.split(":")[1]))
            assert got == wanted
            received = set(await session.exec(select(Received.update_id)))
    assert received == {each for ids in wanted.values() for each in ids}


async def test_ending_in_the_middle_of_a_webhook_loses_nothing(
    sandbox: Sandbox, house: Callable[..., App], database: Database
) -> None:
    port = free_port()
    where = {"web_port": port, "public_url": f"http://127.0.0.1:{port}"}
    people = [sandbox.world.add_user(f"Guardian {n}") for n in range(40)]
    written: list[int] = []

    async def write() -> None:
        for _round in range(6):
            written.extend(sandbox.world.write(user.id, "hello")[1] for user in people)
            await asyncio.sleep(0.02)

    queue = None
    async with running(house(**where)):
        await until(lambda: BOT_ID in sandbox._bot_api.webhooks.by_bot, "the webhook is set")
        queue = sandbox.world.bots[BOT_ID].queue
        writing = asyncio.create_task(write())
        await until(lambda: len(queue.pending) < len(written), "some are taken")
    # Stopped while others were on their way: what was not answered with 200 still waits.
    async with database.reading() as session:
        kept = set(await session.exec(select(Received.update_id)))
    assert set(written) - set(queue.pending) <= kept
    await writing
    async with running(house(**where)):
        await until(lambda: not queue.pending, "the rest is taken")
    async with database.reading() as session:
        assert set(await session.exec(select(Received.update_id))) == set(written)
        causes = list(await session.exec(select(Ledger.cause)))
    assert len(causes) == len(set(causes)) == len(written)


async def test_updates_that_overtook_each_other_are_handled_in_their_order(
    sandbox: Sandbox, house: Callable[..., App], database: Database
) -> None:
    heard: list[int] = []

    async def listen(_desk: Desk, event: Event) -> None:
        assert isinstance(event, Words)
        heard.append(event.update_id)

    app = house(public_url="http://127.0.0.1:1")
    app.inbox._route = listen
    async with database.writing() as session:
        await contacts.know_bot(session, BOT_ID, "bot", SUNDAY_NIGHT)
    user = {"id": 501, "is_bot": False, "first_name": "Maria"}
    chat = {"id": 501, "type": "private"}
    said = {"message_id": 5, "date": 1772400000, "chat": chat, "from": user, "text": "x"}
    receive = app._hooks()[BOT_ID].receive
    await asyncio.gather(*(receive({"update_id": n, "message": said}) for n in (12, 10, 11)))
    assert heard == [10, 11, 12]
    for each in app.transports:
        await each.close()
    await app.database.close()


async def test_how_many_answers_were_kept_is_told_after_the_commit(stage: Stage) -> None:
    told: list[Handled] = []
    await stage.opens_school("en")
    tina = await stage.joined("Tina")
    await stage.at("06:30")
    stage.poller = Poller(stage.transport, stage.inbox, told.append)
    message = next(m for m in reversed(await stage.chat(tina)) if m["buttons"])
    data = message["buttons"][0][0]["data"]
    await stage.post(
        f"/sandbox/chats/{tina.user_id}/taps", {"message_id": message["id"], "data": data}
    )
    await stage.poller.once(0)
    assert [(each.events, each.answers) for each in told] == [(1, 1)]


# ---- what nobody expected ------------------------------------------------------------------


async def test_a_process_whose_work_breaks_off_ends_instead_of_living_half(
    sandbox: Sandbox, house: Callable[..., App]
) -> None:
    class Broken(Sender):
        async def run(self, stopping: asyncio.Event) -> None:
            raise RuntimeError("nobody thought of this")

    app = house()
    whole = app.senders[BOT_ID]
    app.senders[BOT_ID] = Broken(
        app.database, app.transports[0], app.clock, whole.pacer, may_send=lambda: True
    )
    with pytest.raises(RuntimeError, match="nobody thought of this"):
        await asyncio.wait_for(app.run(), 20)
