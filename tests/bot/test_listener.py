"""Updates in: confirmed after the commit, and never lost to one that cannot be read."""

import asyncio
import json
from dataclasses import fields
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from bot.listener import FloodGuard, Gatherer, Poller, arrivals_of
from bot.transports import BotTransport
from handlers.desk import Desk
from handlers.inbox import Handled, Inbox
from handlers.messages import (
    Event,
    FetchFailedError,
    PollConflictError,
    Tap,
    UnreadableUpdateError,
    Words,
)
from storage import contacts
from storage.database import Database
from storage.tables import AuditEntry, Quarantined
from tests.bot.fakes import Messenger, raw
from tests.builders import BOT, SUNDAY_NIGHT, Outage, a_school
from tests.libraries import LIBRARIES, a_transport


async def note(desk: Desk, event: Event) -> None:
    desk.record("came", None, None, update=event.update_id)


def words(update_id: int, chat: int = 501, text: str = "36.5") -> dict[str, Any]:
    return raw(Words(bot_id=BOT, update_id=update_id, chat_id=chat, text=text), update_id)


class House:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.messenger = Messenger()
        self.inbox = Inbox(database, lambda: SUNDAY_NIGHT, note)
        self.told: list[Handled] = []
        self.outage = Outage(database)

    def poller(self, wait: float = 0.0) -> Poller:
        return Poller(self.messenger, self.inbox, self.told.append, wait=wait)

    def gatherer(self) -> Gatherer:
        return Gatherer(self.messenger, self.inbox, self.told.append)

    async def came(self) -> list[int]:
        async with self.database.reading() as session:
            acts = await session.exec(select(AuditEntry).where(AuditEntry.act == "came"))
            return sorted(act.about["update"] for act in acts)

    async def set_aside(self) -> list[str]:
        async with self.database.reading() as session:
            return [row.reason for row in await session.exec(select(Quarantined))]


@pytest.fixture
async def house(database: Database) -> House:
    async with database.writing() as session:
        await a_school(session)
    return House(database)


# ---- polling -------------------------------------------------------------------------------


async def test_a_batch_is_confirmed_by_the_request_after_its_commit(house: House) -> None:
    poller = house.poller()
    house.messenger.updates = [words(10), words(11)]
    assert await poller.once(0) == 2
    assert await house.came() == [10, 11]
    assert await poller.once(0) == 0
    assert house.messenger.offsets == [None, 12]


async def test_what_could_not_be_committed_is_fetched_again(house: House) -> None:
    poller = house.poller()
    house.messenger.updates = [words(10), words(11)]
    house.outage.on = True
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await poller.once(0)
    house.outage.on = False
    assert await poller.once(0) == 2
    assert house.messenger.offsets == [None, None]
    assert await house.came() == [10, 11]


async def test_an_answer_is_not_taken_for_a_flood_because_the_disk_was_full(
    house: House,
) -> None:
    poller = house.poller()
    house.messenger.updates = [words(n) for n in range(10, 15)]
    house.outage.on = True
    for _ in range(6):
        with pytest.raises(Exception, match=r"(?i)read-?only"):
            await poller.once(0)
    house.outage.on = False
    await poller.once(0)
    assert await house.came() == [10, 11, 12, 13, 14]


async def test_a_restart_starts_without_an_offset_and_takes_nothing_twice(house: House) -> None:
    house.messenger.updates = [words(10)]
    await house.poller().once(0)
    await house.poller().once(0)
    assert house.messenger.offsets == [None, None]
    assert await house.came() == [10]


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"update_id": "7"},
        {"update_id": None},
        {"update_id": True},
        {"update_id": 2**63},
        {"update_id": -(2**63) - 1},
        {"update_id": 1.5},
    ],
)
async def test_an_update_without_a_usable_id_holds_up_none(
    house: House, bad: dict[str, Any]
) -> None:
    house.messenger.updates = [bad, words(10)]
    poller = house.poller()
    await poller.once(0)
    assert await house.came() == [10]
    house.messenger.updates = []
    await poller.once(0)
    assert house.messenger.offsets == [None, 11]


@pytest.mark.parametrize("error", [UnreadableUpdateError("malformed: x"), RecursionError("deep")])
async def test_an_unreadable_update_is_set_aside_and_the_others_are_handled(
    house: House, error: Exception
) -> None:
    house.messenger.updates = [words(9), raw(error, 10), words(11)]
    await house.poller().once(0)
    assert await house.came() == [9, 11]
    assert await house.set_aside() == [
        "malformed: x" if isinstance(error, UnreadableUpdateError) else "RecursionError"
    ]


async def test_a_batch_that_has_begun_is_finished_before_the_end(database: Database) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(desk: Desk, event: Event) -> None:
        begun.set()
        await go_on.wait()
        await note(desk, event)

    async with database.writing() as session:
        await a_school(session)
    house = House(database)
    house.inbox = Inbox(database, lambda: SUNDAY_NIGHT, slowly)
    house.messenger.updates = [words(10)]
    stopping = asyncio.Event()
    running = asyncio.create_task(house.poller(wait=30).run(stopping))
    await begun.wait()
    stopping.set()
    await asyncio.sleep(0)
    go_on.set()
    async with asyncio.timeout(5):
        await running
    assert await house.came() == [10]
    assert len(house.messenger.offsets) == 1  # not confirmed: it may come again, and does nothing


async def test_an_idle_poll_ends_at_once(house: House) -> None:
    stopping = asyncio.Event()
    running = asyncio.create_task(house.poller(wait=30).run(stopping))
    async with asyncio.timeout(5):
        while not house.messenger.offsets:  # noqa: ASYNC110 - the first request is under way
            await asyncio.sleep(0)
        stopping.set()
        await running


@pytest.mark.parametrize("error", [PollConflictError(), FetchFailedError("TelegramServerError")])
async def test_a_failed_fetch_is_tried_again_and_loses_nothing(
    house: House, error: Exception
) -> None:
    house.messenger.updates = [words(10)]
    house.messenger.faults.append(error)
    stopping = asyncio.Event()
    came = asyncio.Event()
    poller = Poller(house.messenger, house.inbox, lambda _handled: came.set(), wait=5)
    running = asyncio.create_task(poller.run(stopping))
    async with asyncio.timeout(5):
        await came.wait()
        stopping.set()
        await running
    assert await house.came() == [10]


async def test_however_short_a_process_lives_it_knows_that_nothing_waits(house: House) -> None:
    """Else one that is killed every few seconds would be taken for one that is away."""
    heard = asyncio.Event()

    async def note() -> None:
        heard.set()

    for _ in range(2):
        poller = Poller(house.messenger, house.inbox, house.told.append, wait=600, heard=note)
        stopping = asyncio.Event()
        running = asyncio.create_task(poller.run(stopping))
        await asyncio.wait_for(heard.wait(), 60)
        stopping.set()
        await running
        heard.clear()


async def test_an_alarm_that_could_not_be_kept_is_tried_again_at_the_next_refusal(
    house: House,
) -> None:
    house.messenger.faults.extend(PollConflictError() for _ in range(5))
    told: list[int] = []

    async def rival() -> None:
        told.append(len(house.messenger.faults))
        house.outage.on = len(told) == 1  # the database is away just then
        async with house.database.writing() as session:
            await contacts.know_bot(session, BOT, "told", SUNDAY_NIGHT)
        stopping.set()

    stopping = asyncio.Event()
    poller = Poller(house.messenger, house.inbox, house.told.append, pause=0.001, rival=rival)
    async with asyncio.timeout(20):
        await poller.run(stopping)
    assert told == [2, 1]


# ---- the flood guard -----------------------------------------------------------------------


def test_twenty_events_in_ten_seconds_pass_and_no_more() -> None:
    now = 0.0
    guard = FloodGuard(lambda: now)
    passed = [guard.lets_through(501, n) for n in range(30)]
    assert passed == [True] * 20 + [False] * 10
    assert guard.lets_through(502, 31)
    now = 10.0
    assert guard.lets_through(501, 32)


async def test_what_a_flood_drops_is_confirmed_all_the_same(house: House) -> None:
    house.messenger.updates = [words(n) for n in range(30)]
    poller = house.poller()
    await poller.once(0)
    assert len(await house.came()) == 20
    await poller.once(0)
    assert house.messenger.offsets == [None, 30]


# ---- the webhook ---------------------------------------------------------------------------


async def test_updates_that_come_together_are_one_commit_and_answered_after_it(
    house: House,
) -> None:
    gatherer = house.gatherer()
    await asyncio.gather(*(gatherer.receive(words(n)) for n in range(10)))
    assert await house.came() == list(range(10))
    assert len(house.told) == 1


async def test_when_the_commit_fails_everyone_is_told_to_come_again(house: House) -> None:
    gatherer = house.gatherer()
    house.outage.on = True
    results = await asyncio.gather(
        *(gatherer.receive(words(n)) for n in range(3)), return_exceptions=True
    )
    assert all(isinstance(result, Exception) for result in results)
    house.outage.on = False
    await asyncio.gather(*(gatherer.receive(words(n)) for n in range(3)))
    assert await house.came() == [0, 1, 2]


async def test_a_caller_that_hangs_up_does_not_keep_the_others_waiting(house: House) -> None:
    gatherer = house.gatherer()
    gone = asyncio.create_task(gatherer.receive(words(1)))
    stays = asyncio.create_task(gatherer.receive(words(2)))
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(5):
        await stays
        await gatherer.receive(words(3))
    assert await house.came() == [1, 2, 3]


# ---- reading -------------------------------------------------------------------------------

USER = {"id": 501, "is_bot": False, "first_name": "Maria", "language_code": "en"}
CHAT = {"id": 501, "type": "private", "first_name": "Maria"}
MESSAGE = {"message_id": 5, "date": 1772400000, "chat": CHAT, "from": USER, "text": "36.5"}
KINDS = [
    {"update_id": 7, "message": MESSAGE},
    {"update_id": 7, "message": {**MESSAGE, "text": None, "document": {
        "file_id": "x", "file_unique_id": "y", "file_name": "a.csv", "file_size": 3}}},
    {"update_id": 7, "callback_query": {
        "id": "9", "from": USER, "chat_instance": "1", "data": "a:1:1", "message": MESSAGE}},
    {"update_id": 7, "callback_query": {
        "id": "9", "from": USER, "chat_instance": "1", "data": "a:1:1",
        "message": {"message_id": 5, "date": 0, "chat": CHAT}}},
    {"update_id": 7, "my_chat_member": {
        "chat": CHAT, "from": USER, "date": 1772400000,
        "old_chat_member": {"status": "member", "user": USER},
        "new_chat_member": {"status": "kicked", "user": USER, "until_date": 0}}},
]  # fmt: skip

UPDATES = count(1000)

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["private", "channel", "/start x", "\ud800", "\0", "a" * 5000]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=3,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if not isinstance(value, dict):
        return [path]
    return [path, *(p for key, inner in value.items() for p in places(inner, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if len(path) == 1 and new is ...:
        return {key: inner for key, inner in value.items() if key != path[0]}
    return {**value, path[0]: put(value[path[0]], path[1:], new)}


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    update: dict[str, Any] = draw(st.sampled_from(KINDS))
    for _ in range(draw(st.integers(1, 3))):
        paths = [path for path in places(update) if path and path != ("update_id",)]
        if not paths:
            break
        path = draw(st.sampled_from(paths))
        update = put(update, path, draw(junk | st.just(...)))
    return update


@pytest.fixture(scope="module")
def readers() -> dict[str, BotTransport]:
    return {library: a_transport(library, "http://127.0.0.1:9") for library in LIBRARIES}


@pytest.fixture(scope="module", params=LIBRARIES)
def transport(request: pytest.FixtureRequest, readers: dict[str, BotTransport]) -> BotTransport:
    return readers[request.param]


@pytest.mark.parametrize("update", KINDS)
def test_updates_of_every_kind_that_we_ask_for_are_read(
    transport: BotTransport, update: dict[str, Any]
) -> None:
    event = transport.read(update)
    assert event is not None
    assert (event.chat_id, event.private, event.update_id) == (501, True, 7)
    if isinstance(event, Tap):
        assert (event.message_id, event.data) == (5, "a:1:1")


OTHERS = [
    {"text": "/Class@allclear_bot  3-2 "},
    {"text": "hello", "from": {**USER, "last_name": "Lopez", "language_code": "zh-hans"}},
    {"text": "hello", "from": {k: v for k, v in USER.items() if k != "language_code"}},
    {"text": "hello", "chat": {"id": -100501, "type": "supergroup", "title": "3-2"}},
    {"text": "hello", "from": None, "sender_chat": {"id": -5, "type": "channel", "title": "x"}},
    {"photo": [{"file_id": "p", "file_unique_id": "q", "width": 1, "height": 1}]},
    {"photo": [{"file_id": "p", "file_unique_id": "q", "width": 1, "height": 1}],
     "caption": "37.5"},
    {"voice": {"file_id": "v", "file_unique_id": "w", "duration": 1}},
    {"sticker": {"file_id": "s", "file_unique_id": "t", "type": "regular", "width": 1,
                 "height": 1, "is_animated": False, "is_video": False}},
    {"location": {"latitude": 1.5, "longitude": 2.5}},
    {"contact": {"phone_number": "13900000001", "first_name": "Maria"}},
    {"document": {"file_id": "x", "file_unique_id": "y"}, "caption": "the roster"},
    {"something_quite_new": {"a": 1}},
    {"text": "a\udfffb \0", "from": {**USER, "first_name": "\ud83d"}},
]  # fmt: skip


@pytest.mark.parametrize(
    "update",
    [
        *KINDS,
        *({"update_id": 7, "message": {**MESSAGE, "text": None, **other}} for other in OTHERS),
        {"update_id": 7, "edited_message": MESSAGE},
        {"update_id": 7, "something_quite_new": {"a": 1}},
        {"update_id": 7},
    ],
)
def test_the_libraries_read_every_update_alike_and_leave_it_as_it_was(
    readers: dict[str, BotTransport], update: dict[str, Any]
) -> None:
    before = json.dumps(update)
    events = [reader.read(update) for reader in readers.values()]
    assert events == [events[0]] * len(LIBRARIES)
    assert json.dumps(update) == before


@given(mutated())
@settings(max_examples=150, deadline=None)
def test_whatever_an_update_looks_like_it_is_read_or_set_aside(
    transport: BotTransport, update: dict[str, Any]
) -> None:
    """And what is read can be kept: in UTF-8, and where no text may hold a NUL."""
    [arrival] = arrivals_of(transport, [update], FloodGuard())
    assert arrival.update_id == 7
    try:
        event = transport.read(update)
    except UnreadableUpdateError:
        assert arrival.unreadable
        return
    for each in fields(event) if event else ():
        if isinstance(said := getattr(event, each.name), str):
            assert b"\0" not in said.encode()


def test_half_a_letter_is_read_as_one_that_cannot_be_shown(transport: BotTransport) -> None:
    """A place of that name could be typed, and not kept: the answers stood still for good."""
    event = transport.read({"update_id": 7, "message": {**MESSAGE, "text": "Wu\udfffhan\0"}})
    assert isinstance(event, Words)
    assert event.text == "Wu\ufffdhan\ufffd"


@given(st.lists(mutated(), min_size=1, max_size=4))
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_mutated_updates_never_block_the_one_behind_them(
    database: Database, transport: BotTransport, updates: list[dict[str, Any]]
) -> None:
    async def remember(desk: Desk, event: Event) -> None:
        await desk.contact(event)
        await note(desk, event)

    async with database.writing() as session:
        await contacts.know_bot(session, transport.bot_id, "bot", SUNDAY_NIGHT)
    inbox = Inbox(database, lambda: SUNDAY_NIGHT, remember)
    batch = [{**update, "update_id": next(UPDATES)} for update in updates]
    last = next(UPDATES)
    batch.append({**KINDS[0], "update_id": last})
    await inbox.handle(arrivals_of(transport, batch, FloodGuard()))
    async with database.reading() as session:
        acts = await session.exec(select(AuditEntry).where(AuditEntry.act == "came"))
        assert last in {act.about["update"] for act in acts}
