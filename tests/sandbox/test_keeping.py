"""A world that is saved and loaded goes on where it stood."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox import Limits, Sandbox, ShiftedClock, Step, keeping
from tests.sandbox.conftest import OTHER_TOKEN, TOKEN, Client, Ticks, a_picture

A_MONDAY = datetime(2026, 3, 2, 6, 28, tzinfo=UTC)
BOT = 7100000001
KEYBOARD = {"inline_keyboard": [[{"text": "All clear", "callback_data": "ok"}]]}


def a_sandbox() -> Sandbox:
    return Sandbox(limits=Limits.none(), monotonic=Ticks())


@asynccontextmanager
async def running(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with sandbox, aiohttp.ClientSession() as session:
        yield Client(sandbox.url, session)


@asynccontextmanager
async def again(file: Path, monotonic: float = 50.0) -> AsyncIterator[Client]:
    """Another process on another day: the sandbox anew, and its clients."""
    sandbox = a_sandbox()
    assert isinstance(sandbox.world.monotonic, Ticks)
    sandbox.world.monotonic.now = monotonic
    sandbox.load(file)
    async with running(sandbox) as client:
        yield client


async def a_morning(client: Client) -> int:
    """Maria and the bot have talked; gives her id."""
    post = client.post
    await post("/sandbox/bots", token=TOKEN, username="morning_bot", name="Morning check")
    maria = await post(
        "/sandbox/users",
        name="Maria",
        language="zh",
        username="maria",
        emoji="👩",
        role={"en": "Guardian", "zh": "家长"},
    )
    await post("/sandbox/users", id=77, name="One of many", crowd=True)
    user = int(maria["id"])
    await post(f"/sandbox/chats/{user}/messages", start="CODE")
    say: dict[str, Any] = {"chat_id": user, "parse_mode": "HTML"}
    await client.result(
        "sendMessage",
        text="<b>Good</b> morning 🌤",
        reply_markup=KEYBOARD,
        reply_parameters={"message_id": 1},
        **say,
    )
    await client.result("sendMessage", text="Gone", **say)
    await client.result("deleteMessage", chat_id=user, message_id=3)
    await client.result("sendMessage", text="Before", **say)
    await client.result("editMessageText", text="After", message_id=4, **say)
    for method, field, content in (
        ("sendPhoto", "photo", a_picture(9, 7)),
        ("sendDocument", "document", b"\x00\xff list"),
    ):
        form = aiohttp.FormData({"chat_id": str(user), "caption": "the list"})
        form.add_field(field, content, filename="list.png")
        async with client.session.post(f"{client.url}/bot{TOKEN}/{method}", data=form) as sent:
            assert sent.status == 200
    keys = {"keyboard": [[{"text": "At home"}]]}
    await client.result("sendMessage", text="Where?", reply_markup=keys, **say)
    commands = [{"command": "today", "description": "Today"}]
    await client.result("setMyCommands", commands=commands, language_code="zh")
    form_page = {"type": "web_app", "text": "Form", "web_app": {"url": "https://example.org"}}
    await client.result("setChatMenuButton", chat_id=user, menu_button=form_page)
    await client.result("setMyDescription", description="Asks every morning")
    return user


async def what_is_shown(client: Client, user: int) -> list[Any]:
    paths = (f"/sandbox/chats/{user}?bot={BOT}", "/sandbox/users", "/sandbox/bots")
    shown = [await client.get(path) for path in paths]
    shown += [await client.result(name) for name in ("getMyDescription", "getWebhookInfo")]
    for message in shown[0]["messages"]:
        for file in (message["photo"], message["document"]):
            if file:
                async with client.session.get(client.url + file["url"]) as response:
                    shown.append(await response.read())
    return shown


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chats.json"


async def test_everything_a_chat_shows_is_the_same_after(file: Path) -> None:
    sandbox = a_sandbox()
    async with running(sandbox) as client:
        user = await a_morning(client)
        before = await what_is_shown(client, user)
    sandbox.save(file)
    async with again(file) as client:
        assert await what_is_shown(client, user) == before
        assert [one["crowd"] for one in before[1]] == [False, True]
        assert len(before) == 7
    assert [one.name for one in file.parent.iterdir()] == [file.name]


async def test_message_ids_go_on_and_old_messages_can_be_changed(file: Path) -> None:
    sandbox = a_sandbox()
    async with running(sandbox) as client:
        user = await a_morning(client)
        last = (await client.get(f"/sandbox/chats/{user}"))["messages"][-1]["id"]
    sandbox.save(file)
    async with again(file) as client:
        sent = await client.result("sendMessage", chat_id=user, text="Good day")
        assert sent["message_id"] == last + 1
        edited = await client.result("editMessageText", chat_id=user, message_id=2, text="✓ in")
        assert (edited["message_id"], edited["from"]["id"]) == (2, BOT)
        assert edited["reply_to_message"]["from"]["first_name"] == "Maria"
        photo = (await client.get(f"/sandbox/chats/{user}"))["messages"][3]
        file_id = f"AgAC-{BOT}-{photo['photo']['url'].rpartition('/')[2]}"
        await client.result("sendPhoto", chat_id=user, photo=file_id)
        deleted = await client.refusal("deleteMessage", chat_id=user, message_id=3)
        assert "not found" in deleted


async def test_after_a_sudden_end_no_number_is_given_twice(file: Path) -> None:
    sandbox = a_sandbox()
    async with running(sandbox) as client:
        user = await a_morning(client)
        sandbox.save(file)
        sent = await client.result("sendMessage", chat_id=user, text="The file knows nothing")
        lost = await client.post(f"/sandbox/chats/{user}/taps", message_id=2, text="All clear")
    async with again(file) as client:
        another = await client.result("sendMessage", chat_id=user, text="of the other")
        assert another["message_id"] > sent["message_id"]
        tap = await client.post(f"/sandbox/chats/{user}/taps", message_id=2, text="All clear")
        assert tap["update_id"] > lost["update_id"]
        assert tap["callback_id"] != lost["callback_id"]


async def test_what_a_bot_had_not_fetched_comes_after(file: Path) -> None:
    sandbox = a_sandbox()
    async with running(sandbox) as client:
        user = await a_morning(client)
        [start] = await client.result("getUpdates")
        said = await client.post(f"/sandbox/chats/{user}/messages", text="Hello?")
        await client.post(f"/sandbox/bots/{BOT}/updates", raw="{ broken")
        tap = await client.post(f"/sandbox/chats/{user}/taps", message_id=2, text="All clear")
    sandbox.save(file)
    async with again(file) as client:
        async with client.session.get(f"{client.url}/bot{TOKEN}/getUpdates") as response:
            assert "{ broken" in await response.text()
        updates = await client.result("getUpdates", offset=start["update_id"] + 1)
        ids = [update["update_id"] for update in updates]
        assert ids == [said["update_id"], tap["update_id"]]
        query = updates[1]["callback_query"]
        await client.result("answerCallbackQuery", callback_query_id=query["id"], text="Thanks")
        card = (await client.get(f"/sandbox/chats/{user}"))["messages"][1]
        assert card["notices"] == [{"text": "Thanks", "alert": False}]
        newer = await client.post(f"/sandbox/chats/{user}/messages", text="Still there?")
        assert newer["update_id"] > tap["update_id"]


async def test_a_tap_waits_no_longer_for_having_been_saved(file: Path) -> None:
    sandbox = a_sandbox()
    async with running(sandbox) as client:
        user = await a_morning(client)
        await client.result("getUpdates", offset=-1)
        await client.post(f"/sandbox/chats/{user}/taps", message_id=2, text="All clear")
        assert isinstance(sandbox.world.monotonic, Ticks)
        sandbox.world.monotonic.now += 149
    sandbox.save(file)
    loaded = a_sandbox()
    loaded.load(file)
    queue = loaded.world.bot().queue
    assert (queue.count(), len(loaded.world.taps)) == (2, 1)
    assert isinstance(loaded.world.monotonic, Ticks)
    loaded.world.monotonic.now += 2
    assert queue.count() == 1


async def test_blocks_groups_and_strangers_stay(file: Path) -> None:
    sandbox = a_sandbox()
    async with running(sandbox) as client:
        user = await a_morning(client)
        await client.post("/sandbox/bots", token=OTHER_TOKEN, username="other_bot")
        group = await client.post("/sandbox/groups", title="3-2", bot=BOT)
        old = group["id"]
        new = (await client.post(f"/sandbox/groups/{old}/migrate"))["id"]
        await client.result("sendMessage", chat_id=new, text="Good morning, all")
        await client.post(f"/sandbox/chats/{user}/block?bot={BOT}", blocked=True)
    sandbox.save(file)
    async with again(file) as client:
        assert "blocked" in await client.refusal("sendMessage", chat_id=user, text="x")
        assert "initiate" in await client.refusal("sendMessage", chat_id=77, text="x")
        assert "supergroup" in await client.refusal("sendMessage", chat_id=old, text="x")
        sent = await client.result("sendMessage", chat_id=new, text="x")
        assert (sent["message_id"], sent["chat"]["title"]) == (2, "3-2")
        assert (await client.result("getMe", token=OTHER_TOKEN))["username"] == "other_bot"
        ben = await client.post("/sandbox/users", name="Ben")
        assert ben["id"] not in {user, 77}


def test_the_clock_goes_on_where_it_stood(file: Path) -> None:
    clock = ShiftedClock(A_MONDAY, "Asia/Shanghai")
    clock.plan([Step(A_MONDAY + timedelta(hours=1), {"en": "Remind", "zh": "提醒"})])
    Sandbox(clock=clock).save(file)
    later = ShiftedClock(A_MONDAY + timedelta(days=30))
    Sandbox(clock=later).load(file)
    assert timedelta(0) <= later.now() - A_MONDAY < timedelta(minutes=1)
    assert (later.zone, later.steps, later.running) == ("Asia/Shanghai", clock.steps, True)
    clock.stop()
    Sandbox(clock=clock).save(file)
    Sandbox(clock=later).load(file)
    assert (later.running, later.now()) == (False, clock.now())


async def test_files_are_kept_up_to_a_cap_the_newest_first(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_FILES", 100)
    sandbox = a_sandbox()
    sandbox.world.add_bot(TOKEN)
    maria = sandbox.world.add_user("Maria").id
    for name in ("first.txt", "second.txt"):
        sandbox.world.upload(maria, name.encode() * 8, name)
    sandbox.save(file)
    loaded = a_sandbox()
    loaded.load(file)
    found = [message.file for message in loaded.world.chat(maria).messages.values()]
    assert [(one.name, len(one.content)) for one in found if one] == [
        ("first.txt", 0),
        ("second.txt", 80),
    ]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "damaged"),
        ("[]", "damaged"),
        ('{"version": "x"}', "damaged"),
        ('{"version": 1, "clock": {}}', "damaged"),
        ('{"version": 2}', "version 2, and this sandbox reads 1"),
        (b"\xff\xfe\x00", "damaged"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    file: Path, content: str | bytes, sentence: str
) -> None:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    sandbox = a_sandbox()
    with pytest.raises(ValueError, match=rf"chats\.json cannot be loaded: .*{sentence}.*\."):
        sandbox.load(file)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: whole["chats"][0].update(bot=5),
        lambda whole: whole["chats"][0]["messages"][0].pop("id"),
        lambda whole: whole["clock"].update(moment="soon"),
        lambda whole: whole["users"][0].update(shoe=44),
        lambda whole: whole.pop("taps"),
    ],
)
def test_a_damaged_file_changes_nothing(file: Path, spoil: Callable[[Any], None]) -> None:
    sandbox = a_sandbox()
    sandbox.world.add_bot(TOKEN)
    sandbox.world.start(sandbox.world.add_user("Maria").id, "")
    sandbox.save(file)
    whole = json.loads(file.read_text(encoding="utf-8"))
    spoil(whole)
    file.write_text(json.dumps(whole), encoding="utf-8")
    empty = a_sandbox()
    with pytest.raises(ValueError, match="damaged"):
        empty.load(file)
    assert (empty.world.users, empty.world.bots, empty.world.chats) == ({}, {}, {})


async def test_a_running_sandbox_loads_nothing(file: Path) -> None:
    a_sandbox().save(file)
    async with a_sandbox() as sandbox:
        with pytest.raises(RuntimeError, match="before the sandbox starts"):
            sandbox.load(file)
