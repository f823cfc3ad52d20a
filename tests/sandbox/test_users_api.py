"""The users' API: what the chat page and the tests do as people."""

import asyncio
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import aiohttp
import pytest

from sandbox import Sandbox
from tests.sandbox.conftest import OTHER_TOKEN, TOKEN, Client, a_picture

KEYBOARD = {
    "inline_keyboard": [
        [{"text": "All clear", "callback_data": "ok", "style": "success"}],
        [
            {"text": "Page", "url": "https://example.org"},
            {"text": "Copy", "copy_text": {"text": "A-17"}},
            {"text": "Form", "web_app": {"url": "http://127.0.0.1:9/form"}},
        ],
    ]
}


async def test_people_join_with_labels_and_can_be_changed(client: Client) -> None:
    ana = await client.post("/sandbox/users", name="Ana", language="zh", role={"en": "teacher"})
    assert ana["id"] > 2**31
    assert (ana["role"], ana["emoji"], ana["unread"], ana["last"]) == (
        {"en": "teacher"},
        "🙂",
        {},
        {},
    )
    await client.post("/sandbox/users", id=ana["id"], name="Ana B", note={"en": "class 3-2"})
    [shown] = await client.get("/sandbox/users")
    assert (shown["name"], shown["language"], shown["role"]) == ("Ana B", "zh", {"en": "teacher"})
    assert shown["crowd"] is False
    one = await client.post("/sandbox/users", name="One of many", crowd=True)
    assert await client.get(f"/sandbox/users?ids={one['id']},5") == [{**one, "crowd": True}]
    assert "each of ids" in (await client.get("/sandbox/users?ids=x", 400))["error"]
    assert "needs a name" in (await client.post("/sandbox/users", 400))["error"]
    assert "no shoe" in (await client.post("/sandbox/users", 400, name="x", shoe=1))["error"]


async def test_a_chat_shows_both_sides(client: Client, sandbox: Sandbox, maria: int) -> None:
    await client.result(
        "sendMessage",
        chat_id=maria,
        text="<b>Good</b> <day>".replace("<day>", "&lt;day&gt;"),
        parse_mode="HTML",
        reply_markup=KEYBOARD,
        reply_parameters={"message_id": 1},
    )
    chat = await client.get(f"/sandbox/chats/{maria}")
    assert chat["bot"]["username"] == "allclear_test_bot"
    hers, ours = chat["messages"]
    assert (hers["from"], hers["text"]) == ("user", "/start")
    assert hers["entities"] == [{"offset": 0, "length": 6, "type": "bot_command"}]
    assert (ours["from"], ours["text"], ours["html"], ours["reply_to"], ours["edited"]) == (
        "bot",
        "Good <day>",
        "<b>Good</b> &lt;day&gt;",
        1,
        None,
    )
    assert ours["buttons"] == [
        [{"text": "All clear", "data": "ok", "style": "success"}],
        [
            {"text": "Page", "url": "https://example.org"},
            {"text": "Copy", "copy": "A-17"},
            {
                "text": "Form",
                "url": f"/sandbox/web_app?user={maria}&bot=7100000001"
                "&url=http%3A%2F%2F127.0.0.1%3A9%2Fform",
                "web_app": True,
            },
        ],
    ]
    [user] = await client.get("/sandbox/users")
    bot_id = str(chat["bot"]["id"])
    assert user["unread"] == {bot_id: 1}
    assert user["last"][bot_id]["text"] == "Good <day>"
    await client.post(f"/sandbox/chats/{maria}/read")
    assert (await client.get("/sandbox/users"))[0]["unread"] == {}


async def test_a_tap_finds_its_button_and_brings_the_answer(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    await client.result("sendMessage", chat_id=maria, text="x", reply_markup=KEYBOARD)
    path = f"/sandbox/chats/{maria}/taps"
    tapping = asyncio.create_task(client.post(path, message_id=2, text="All clear", wait=10))
    [update] = await client.result("getUpdates", timeout=10)
    query = update["callback_query"]
    assert (query["data"], query["from"]["id"], query["message"]["message_id"]) == ("ok", maria, 2)
    await client.result("answerCallbackQuery", callback_query_id=query["id"], text="✓")
    tapped = await tapping
    assert tapped["answer"] == {"text": "✓", "alert": False}
    assert (tapped["update_id"], tapped["callback_id"]) == (update["update_id"], query["id"])
    chat = await client.get(f"/sandbox/chats/{maria}")
    assert chat["messages"][-1]["notices"] == [{"text": "✓", "alert": False}]
    silent = await client.post(path, message_id=2, data="ok", wait=0.01)
    assert silent["answer"] is None


async def test_wrong_taps_are_explained(client: Client, maria: int) -> None:
    await client.result("sendMessage", chat_id=maria, text="x", reply_markup=KEYBOARD)
    path = f"/sandbox/chats/{maria}/taps"
    for wish, status, sentence in (
        ({"message_id": 2, "text": "Nothing"}, 404, "its buttons are: 'All clear'"),
        ({"message_id": 2, "text": "Page"}, 400, "opens or copies"),
        ({"message_id": 77, "text": "All clear"}, 404, "no message 77"),
        ({"message_id": 2}, 400, "which button"),
        ({"message_id": 2, "raw": True}, 400, "needs data"),
        ({"text": "All clear"}, 400, "message_id must be a whole number"),
    ):
        assert sentence in (await client.post(path, status, **wish))["error"]
    forged = await client.post(path, message_id=77, data="forged", raw=True)
    [update] = await client.result("getUpdates", offset=-1)
    assert update["update_id"] == forged["update_id"]
    assert update["callback_query"]["message"] == {
        "chat": {"id": maria, "first_name": "Maria", "username": "maria", "type": "private"},
        "message_id": 77,
        "date": 0,
    }


async def test_start_links_carry_their_payload(client: Client, maria: int) -> None:
    path = f"/sandbox/chats/{maria}/messages"
    sent = await client.post(path, start="Code-17_a")
    [update] = await client.result("getUpdates")
    assert update["update_id"] == sent["update_id"]
    assert update["message"]["text"] == "/start Code-17_a"
    assert "payload" in (await client.post(path, 400, start="a b"))["error"]
    assert "payload" in (await client.post(path, 400, start="a" * 65))["error"]
    link = f"{client.url}/t.me/Allclear_Test_Bot?start=Code-17_a"
    async with client.session.get(link, allow_redirects=False) as response:
        assert response.status == 302
        assert response.headers["Location"] == "/?bot=7100000001&start=Code-17_a"
    assert "no bot" in (await client.get("/t.me/nobody", 404))["error"]


async def test_a_blocking_person_is_told_to_unblock_first(client: Client, maria: int) -> None:
    blocked = await client.post(f"/sandbox/chats/{maria}/block", blocked=True)
    [update] = await client.result("getUpdates")
    assert update["update_id"] == blocked["update_id"]
    assert update["my_chat_member"]["new_chat_member"]["status"] == "kicked"
    assert (await client.get("/sandbox/users"))[0]["blocked"] == [7100000001]
    refused = await client.post(f"/sandbox/chats/{maria}/messages", 409, text="x")
    assert "unblock it first" in refused["error"]
    await client.post(f"/sandbox/chats/{maria}/block", blocked=False)
    await client.post(f"/sandbox/chats/{maria}/messages", text="x")


async def test_files_go_both_ways(client: Client, sandbox: Sandbox, maria: int) -> None:
    form = aiohttp.FormData({"kind": "photo", "caption": "look"})
    form.add_field("file", a_picture(7, 5), filename="day.png")
    url = f"{client.url}/sandbox/chats/{maria}/files"
    async with client.session.post(url, data=form) as response:
        assert response.status == 200, await response.text()
    [update] = await client.result("getUpdates")
    photo = update["message"]["photo"][-1]
    file = await client.result("getFile", file_id=photo["file_id"])
    download = f"{client.url}/file/bot7100000001:{'A' * 35}/{file['file_path']}"
    async with client.session.get(download) as response:
        assert await response.read() == a_picture(7, 5)
    await client.result("sendPhoto", chat_id=maria, photo=photo["file_id"], caption="yours")
    shown = (await client.get(f"/sandbox/chats/{maria}"))["messages"][-1]
    assert (shown["photo"]["width"], shown["caption"], shown["html"]) == (7, "yours", "yours")
    async with client.session.get(client.url + shown["photo"]["url"]) as response:
        assert response.content_type == "image/png"
        assert await response.read() == a_picture(7, 5)
    page = sandbox.world.upload(maria, b"<script>", "x.html")[0]
    assert page.file
    async with client.session.get(f"{client.url}/sandbox/files/{page.file.unique_id}") as response:
        assert response.headers["Content-Disposition"] == "attachment"


async def test_several_bots_need_to_be_told_apart(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    other = await client.post(
        "/sandbox/bots", token=OTHER_TOKEN, username="other_bot", name="Other"
    )
    assert [bot["username"] for bot in await client.get("/sandbox/bots")] == [
        "allclear_test_bot",
        "other_bot",
    ]
    assert "several bots" in (await client.get(f"/sandbox/chats/{maria}", 400))["error"]
    chat = await client.get(f"/sandbox/chats/{maria}?bot={other['id']}")
    assert chat["messages"] == []
    assert "no bot 5" in (await client.get(f"/sandbox/chats/{maria}?bot=5", 404))["error"]
    assert "no user 5" in (await client.get("/sandbox/chats/5?bot=7100000001", 404))["error"]
    assert "35" in (await client.post("/sandbox/bots", 400, token="short"))["error"]


async def test_a_chat_is_waited_for(client: Client, sandbox: Sandbox, maria: int) -> None:
    path = f"/sandbox/chats/{maria}"
    version = (await client.get(path))["version"]
    waiting = asyncio.create_task(client.get(f"{path}?after={version}&wait=10"))
    await client.result("sendMessage", chat_id=maria, text="new")
    chat = await waiting
    assert chat["version"] > version
    assert chat["messages"][-1]["text"] == "new"
    same = await client.get(f"{path}?after={chat['version']}&wait=0.01")
    assert same["version"] == chat["version"]


async def test_events_tell_what_changes(client: Client, sandbox: Sandbox, maria: int) -> None:
    async def next_event(stream: aiohttp.StreamReader) -> dict[str, Any]:
        async for line in stream:
            if line.startswith(b"data: "):
                return dict(json.loads(line[6:]))
        raise AssertionError("the stream ended")

    async with client.session.get(f"{client.url}/sandbox/events") as response:
        assert response.content_type == "text/event-stream"
        assert await response.content.readline() == b": here\n"
        await client.result("sendMessage", chat_id=maria, text="x")
        version = sandbox.world.chat(maria).version
        assert await next_event(response.content) == {
            "kind": "chat",
            "user_id": maria,
            "bot_id": 7100000001,
            "version": version,
        }
        ben = sandbox.world.add_user("Ben").id
        assert await next_event(response.content) == {"kind": "users", "user_id": ben}
        await client.post("/sandbox/clock", shift=60)
        assert await next_event(response.content) == {"kind": "clock"}


async def test_the_log_holds_every_call_and_no_token(client: Client, maria: int) -> None:
    await client.result("getMe")
    await client.result("getUpdates")
    await client.refusal("sendMessage", chat_id=5, text="x")
    await client.result("sendMessage", chat_id=str(maria), text="hello")
    entries = await client.get("/sandbox/log")
    assert [(entry["n"], entry["method"]) for entry in entries] == [
        (1, "getMe"),
        (2, "sendMessage"),
        (3, "sendMessage"),
    ]
    assert (entries[1]["ok"], entries[1]["error_code"]) == (False, 400)
    assert entries[1]["description"] == "Bad Request: chat not found"
    assert entries[2]["params"] == {"chat_id": maria, "text": "hello"}
    assert entries[2]["result"]["text"] == "hello"
    assert set(entries[2]) == {
        "n",
        "at",
        "bot_id",
        "method",
        "params",
        "ok",
        "error_code",
        "description",
        "result",
    }
    assert [e["n"] for e in await client.get("/sandbox/log?method=sendmessage&after=2")] == [3]
    assert await client.get("/sandbox/log?bot=5") == []
    assert "A" * 35 not in json.dumps(entries)


async def test_the_clock_walks_through_the_steps_of_a_day(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    now = datetime.now(UTC)
    steps = [
        {"at": (now + timedelta(hours=hour)).isoformat(), "label": {"en": f"+{hour}"}}
        for hour in (2, 1)
    ]
    clock = await client.post("/sandbox/clock", steps=steps, zone="Asia/Shanghai")
    assert [step["label"]["en"] for step in clock["steps"]] == ["+1", "+2"]
    assert (clock["zone"], clock["running"]) == ("Asia/Shanghai", True)
    clock = await client.post("/sandbox/clock", jump="next")
    assert [step["done"] for step in clock["steps"]] == [True, False]
    assert sandbox.clock.now() >= now + timedelta(hours=1)
    sent = await client.result("sendMessage", chat_id=maria, text="x")
    assert sent["date"] >= (now + timedelta(hours=1)).timestamp() - 1
    await client.post("/sandbox/clock", jump="next")
    assert "no step ahead" in (await client.post("/sandbox/clock", 409, jump="next"))["error"]
    back = await client.post("/sandbox/clock", 409, shift=-60)
    assert "forward only" in back["error"]
    clock = await client.post("/sandbox/clock", now=now.isoformat(), force=True)
    assert datetime.fromisoformat(clock["now"]) - now < timedelta(minutes=1)
    assert "no zone" in (await client.post("/sandbox/clock", 400, now="2026-03-02T07:00"))["error"]
    stopped = await client.post("/sandbox/clock", running=False)
    assert stopped["running"] is False
    assert sandbox.clock.now() == sandbox.clock.now()


async def test_the_page_is_served_and_nothing_beside_it(client: Client) -> None:
    async with client.session.get(client.url + "/") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
    for path in ("/__init__.py", "/..%2fserver.py", "/nothing.js"):
        async with client.session.get(client.url + path) as response:
            assert response.status == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b"1"])
async def test_a_broken_body_is_explained(client: Client, body: bytes) -> None:
    async with client.session.post(f"{client.url}/sandbox/users", data=body) as response:
        assert response.status == 400
        assert "JSON object" in (await response.json())["error"]


async def test_a_mini_app_opens_with_signed_start_data(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    await client.result("sendMessage", chat_id=maria, text="x", reply_markup=KEYBOARD)
    chat = await client.get(f"/sandbox/chats/{maria}")
    link = chat["messages"][-1]["buttons"][1][2]["url"]
    async with client.session.get(client.url + link, allow_redirects=False) as response:
        page, _, fragment = response.headers["Location"].partition("#")
    assert page == "http://127.0.0.1:9/form"
    data = dict(parse_qsl(parse_qs(fragment)["tgWebAppData"][0]))
    signature = data.pop("hash")
    key = hmac.digest(b"WebAppData", TOKEN.encode(), "sha256")
    checked = "\n".join(f"{name}={data[name]}" for name in sorted(data))
    assert hmac.digest(key, checked.encode(), "sha256").hex() == signature
    assert json.loads(data["user"])["id"] == maria
    assert abs(int(data["auth_date"]) - sandbox.clock.timestamp()) < 5


async def test_the_tally_counts_what_followed_each_step(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    now = sandbox.clock.now()
    steps = [
        {"at": (now + timedelta(hours=hour)).isoformat(), "label": f"Step {hour}"}
        for hour in (1, 2, 3)
    ]
    await client.post("/sandbox/clock", steps=steps)
    await client.result("sendMessage", chat_id=maria, text="before the day", reply_markup=KEYBOARD)
    assert await client.get("/sandbox/tally") == []
    await client.post("/sandbox/clock", jump="next")
    await client.post(f"/sandbox/chats/{maria}/taps", message_id=2, text="All clear")
    [update] = await client.result("getUpdates")
    query = update["callback_query"]["id"]
    await client.result("answerCallbackQuery", callback_query_id=query)
    await client.post("/sandbox/clock", jump="next")
    for text in ("one", "two"):
        await client.result("sendMessage", chat_id=maria, text=text)
    await client.post(f"/sandbox/chats/{maria}/block", blocked=True)
    await client.refusal("sendMessage", chat_id=maria, text="three")
    first, second = await client.get("/sandbox/tally")
    assert first["label"] == {"en": "Step 1"}
    counts = ("people", "messages", "taps", "refused")
    assert [first[name] for name in counts] == [0, 0, 1, 0]
    assert [second[name] for name in counts] == [1, 2, 0, 1]


async def test_a_walk_that_the_page_could_not_follow_is_refused(client: Client) -> None:
    walk = [
        {
            "text": "Look",
            "user": 7,
            "at": "2026-03-02T06:30:00+08:00",
            "acts": [
                {"tap": "All"},
                {"tap": [0, 1], "of": "Ana"},
                {"say": "38"},
                {"look": "photo"},
                {"wait": 2},
            ],
        }
    ]
    made = await client.post("/sandbox/guide", steps=walk, language="zh")
    assert made["language"] == "zh"
    assert made["steps"] == [
        {**walk[0], "text": {"en": "Look"}, "at": "2026-03-01T22:30:00+00:00"}
    ]
    for wrong in (7, [{}], [{"text": "x", "acts": [{"jump": 1}]}]):
        assert "A step is" in (await client.post("/sandbox/guide", 400, steps=wrong))["error"]
    assert (await client.get("/sandbox/guide"))["steps"] == made["steps"]
