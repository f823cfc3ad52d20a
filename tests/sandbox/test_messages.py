"""Sending, editing and deleting: the rules of the real service, in its words."""

import re
from typing import Any

import pytest

from sandbox import Sandbox
from tests.sandbox.conftest import OTHER_TOKEN, TOKEN, Client, Ticks, a_picture


def a_button(text: str = "A", **kind: Any) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": text, **(kind or {"callback_data": "a"})}]]}


async def test_message_ids_rise_by_one_counter_for_each_bot(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    ben = sandbox.world.add_user("Ben")
    sandbox.world.start(ben.id, "")
    ids = [
        (await client.result("sendMessage", chat_id=chat, text="x"))["message_id"]
        for chat in (maria, ben.id, maria)
    ]
    assert ids == [3, 4, 5]
    other = sandbox.world.add_bot(OTHER_TOKEN)
    assert sandbox.world.write(maria, "hello", other.id)[0].id == 1


async def test_a_sent_message_has_these_fields_and_no_others(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    sent = await client.result(
        "sendMessage", chat_id=maria, text="<b>a</b>", parse_mode="HTML", reply_markup=a_button()
    )
    date = sent.pop("date")
    assert abs(date - sandbox.clock.timestamp()) < 5
    assert sent == {
        "message_id": 2,
        "from": {
            "id": 7100000001,
            "is_bot": True,
            "first_name": "Allclear",
            "username": "allclear_test_bot",
        },
        "chat": {"id": maria, "first_name": "Maria", "username": "maria", "type": "private"},
        "text": "a",
        "entities": [{"offset": 0, "length": 1, "type": "bold"}],
        "reply_markup": a_button(),
    }


async def test_all_four_ways_of_sending_parameters_are_the_same(
    client: Client, maria: int
) -> None:
    url = f"{client.url}/bot{TOKEN}/SENDMESSAGE"
    fields = {"chat_id": str(maria), "text": "a+b &王", "reply_markup": '{"inline_keyboard":[]}'}
    import aiohttp

    form = aiohttp.FormData(fields)
    parts = aiohttp.FormData(fields, default_to_multipart=True)
    for wish in (
        client.session.get(url, params=fields),
        client.session.post(url, params=fields),
        client.session.post(url, data=form),
        client.session.post(url, data=parts),
        client.session.post(url, json=fields),
    ):
        async with wish as response:
            sent = (await response.json())["result"]
            assert (sent["chat"]["id"], sent["text"]) == (maria, "a+b &王")
            assert "reply_markup" not in sent


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"text": ""}, "message text is empty"),
        ({}, "message text is empty"),
        ({"text": " \n "}, "message text is empty"),
        ({"text": "<b></b>", "parse_mode": "HTML"}, "message text is empty"),
        ({"text": "x" * 4097}, "message is too long"),
        ({"text": "👍" * 2049}, "message is too long"),
        ({"text": "<b>x", "parse_mode": "html"}, "can't parse entities: Can't find end tag"),
        ({"text": "*x*", "parse_mode": "MarkdownV2"}, "unsupported parse_mode"),
        ({"text": "x", "chat_id": 5}, "chat not found"),
        ({"text": "x", "chat_id": "@maria"}, "chat not found"),
        ({"text": "x", "chat_id": ""}, "chat_id is empty"),
        ({"text": "x", "reply_markup": a_button(callback_data="")}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "reply_markup": a_button(callback_data="王" * 22)}, "BUTTON_DATA_INVALID"),
        ({"text": "x", "reply_markup": a_button(url="ftp://x")}, "inline keyboard button URL"),
        ({"text": "x", "reply_markup": a_button(url="http://[")}, "inline keyboard button URL"),
        ({"text": "x", "reply_markup": a_button(web_app={"url": "http://a.org"})}, "Only HTTPS"),
        (
            {"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "A"}]]}},
            "Text buttons are",
        ),
        ({"text": "x", "reply_markup": {"inline_keyboard": [{}]}}, "must be an Array of Arrays"),
        ({"text": "x", "reply_markup": "{"}, "can't parse reply keyboard markup JSON object"),
        (
            {
                "text": "x",
                "reply_markup": {"inline_keyboard": a_button()["inline_keyboard"] * 101},
            },
            "reply markup is too long",
        ),
        ({"text": "x", "reply_parameters": {"message_id": 77}}, "message to be replied not found"),
    ],
)
async def test_wrong_messages_are_refused(
    client: Client, maria: int, wish: dict[str, Any], error: str
) -> None:
    refusal = await client.refusal("sendMessage", **{"chat_id": maria, **wish})
    assert re.match("Bad Request: .*", refusal)
    assert error in refusal


async def test_the_greatest_message_passes(client: Client, maria: int) -> None:
    button = {"text": "A", "callback_data": "王" * 21 + "x"}
    sent = await client.result(
        "sendMessage",
        chat_id=maria,
        text=f"<b>{'x' * 4096}</b>",
        parse_mode="HTML",
        reply_markup={"inline_keyboard": [[button] * 8] * 12 + [[button] * 4]},
    )
    assert len(sent["text"]) == 4096


async def test_a_reply_may_do_without_its_message(client: Client, maria: int) -> None:
    wish = {"message_id": 77, "allow_sending_without_reply": True}
    sent = await client.result("sendMessage", chat_id=maria, text="x", reply_parameters=wish)
    assert "reply_to_message" not in sent
    wish["message_id"] = 1
    sent = await client.result("sendMessage", chat_id=maria, text="x", reply_parameters=wish)
    assert sent["reply_to_message"]["text"] == "/start"


async def test_people_who_do_not_want_the_bot_cannot_be_reached(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    ben = sandbox.world.add_user("Ben")
    assert (
        await client.refusal("sendMessage", chat_id=ben.id, text="x")
        == "Forbidden: bot can't initiate conversation with a user"
    )
    sandbox.world.block(maria, True)
    blocked = "Forbidden: bot was blocked by the user"
    assert await client.refusal("sendMessage", chat_id=maria, text="x") == blocked
    assert await client.refusal("sendChatAction", chat_id=maria, action="typing") == blocked
    sandbox.world.block(maria, False)
    await client.result("sendMessage", chat_id=maria, text="x")
    sandbox.world.add_user("Maria", id=maria, deactivated=True)
    deactivated = "Forbidden: user is deactivated"
    assert await client.refusal("sendMessage", chat_id=maria, text="x") == deactivated


async def test_an_edit_says_what_changed_and_refuses_no_change(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    wish = {"chat_id": maria, "message_id": 2, "text": "<b>a</b>", "parse_mode": "HTML"}
    await client.result("sendMessage", chat_id=maria, text="a", reply_markup=a_button())
    sandbox.clock.shift(60)
    edited = await client.result("editMessageText", **wish, reply_markup=a_button())
    assert edited["edit_date"] >= edited["date"] + 60
    assert (
        await client.refusal("editMessageText", **wish, reply_markup=a_button())
        == "Bad Request: message is not modified: specified new message content and reply markup "
        "are exactly the same as a current content and reply markup of the message"
    )
    assert "reply_markup" not in await client.result("editMessageText", **wish)
    assert "not modified" in await client.refusal("editMessageReplyMarkup", **wish)


async def test_only_the_bots_own_messages_can_be_edited(client: Client, maria: int) -> None:
    wish = {"chat_id": maria, "text": "x"}
    refusal = await client.refusal("editMessageText", **wish, message_id=99)
    assert refusal == "Bad Request: message to edit not found"
    refusal = await client.refusal("editMessageText", **wish, message_id=1)
    assert refusal == "Bad Request: message can't be edited"
    refusal = await client.refusal("editMessageText", **wish)
    assert refusal == "Bad Request: message identifier is not specified"
    await client.result("sendMessage", chat_id=maria, text="a")
    refusal = await client.refusal("editMessageCaption", chat_id=maria, message_id=2, caption="x")
    assert refusal == "Bad Request: there is no caption in the message to edit"


async def test_messages_can_be_deleted_for_48_hours(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    sent = [
        (await client.result("sendMessage", chat_id=maria, text="x"))["message_id"]
        for _ in range(3)
    ]
    sandbox.clock.shift(47 * 3600)
    assert await client.result("deleteMessage", chat_id=maria, message_id=sent[0])
    refusal = await client.refusal("deleteMessage", chat_id=maria, message_id=sent[0])
    assert refusal == "Bad Request: message to delete not found"
    assert await client.result("deleteMessages", chat_id=maria, message_ids=[sent[1], 999])
    sandbox.clock.shift(2 * 3600)
    refusal = await client.refusal("deleteMessage", chat_id=maria, message_id=sent[2])
    assert refusal == "Bad Request: message can't be deleted for everyone"


QUERY_IS_GONE = "Bad Request: query is too old and response timeout expired or query ID is invalid"


async def test_a_tap_is_answered_once_and_soon(
    client: Client, sandbox: Sandbox, maria: int, ticks: Ticks
) -> None:
    tap = sandbox.world.tap(maria, 1, data="x", raw=True)
    long = await client.refusal("answerCallbackQuery", callback_query_id=tap.id, text="x" * 201)
    assert long == "Bad Request: MESSAGE_TOO_LONG"
    other = sandbox.world.add_bot(OTHER_TOKEN)
    assert other
    refusal = await client.refusal("answerCallbackQuery", OTHER_TOKEN, callback_query_id=tap.id)
    assert refusal == QUERY_IS_GONE
    assert await client.result("answerCallbackQuery", callback_query_id=tap.id) is True
    refusal = await client.refusal("answerCallbackQuery", callback_query_id=tap.id)
    assert refusal == QUERY_IS_GONE
    late = sandbox.world.tap(maria, 1, data="x", raw=True, bot_id=7100000001)
    ticks.now += 16
    refusal = await client.refusal("answerCallbackQuery", callback_query_id=late.id)
    assert refusal == QUERY_IS_GONE


async def test_pictures_and_files_are_checked(client: Client, maria: int) -> None:
    import aiohttp

    async def send(method: str, kind: str, content: bytes, **fields: str) -> dict[str, Any]:
        form = aiohttp.FormData({"chat_id": str(maria), **fields})
        form.add_field(kind, content, filename="a.png")
        url = f"{client.url}/bot{TOKEN}/{method}"
        async with client.session.post(url, data=form) as response:
            return await response.json()

    sent = await send("sendPhoto", "photo", a_picture(30, 20), caption="x")
    assert sent["result"]["photo"][0]["width"] == 30
    for content, caption, error in (
        (b"no picture", "", "IMAGE_PROCESS_FAILED"),
        (a_picture(210, 10), "", "PHOTO_INVALID_DIMENSIONS"),
        (a_picture(), "x" * 1025, "message caption is too long"),
        (b"", "", "file must be non-empty"),
    ):
        refused = await send("sendPhoto", "photo", content, caption=caption)
        assert refused["description"] == f"Bad Request: {error}"
    foreign = sent["result"]["photo"][0]["file_id"].replace("7100000001", "7100000002")
    refusal = await client.refusal("sendPhoto", chat_id=maria, photo=foreign)
    assert refusal == "Bad Request: wrong file identifier/HTTP URL specified"
    assert await client.refusal("getFile", file_id="x") == "Bad Request: invalid file_id"
    refusal = await client.refusal("sendDocument", chat_id=maria)
    assert refusal == "Bad Request: there is no document in the request"


async def test_strings_that_are_no_text_are_refused(client: Client, maria: int) -> None:
    url = f"{client.url}/bot{TOKEN}/sendMessage"
    body = b'{"chat_id": %d, "text": "a \\ud83d"}' % maria
    kind = {"Content-Type": "application/json"}
    async with client.session.post(url, data=body, headers=kind) as response:
        assert response.status == 400
        refused = await response.json()
    assert refused["description"] == "Bad Request: strings must be encoded in UTF-8"


async def test_unknown_methods_and_tokens_are_refused_in_telegrams_shape(
    client: Client, sandbox: Sandbox
) -> None:
    assert await client.bot("sendPigeon") == {
        "ok": False,
        "error_code": 404,
        "description": "Not Found",
    }
    assert await client.bot("getMe", "1:short") == {
        "ok": False,
        "error_code": 401,
        "description": "Unauthorized",
    }
    assert (await client.result("getMe", OTHER_TOKEN))["username"] == "allclear_7100000002_bot"
    assert (await client.bot("getMe", "7100000001:" + "C" * 35))["error_code"] == 401
    sandbox.world.open_registration = False
    assert (await client.bot("getMe", "7100000003:" + "C" * 35))["error_code"] == 401


async def test_commands_are_shown_by_the_narrowest_scope_and_the_persons_language(
    client: Client, sandbox: Sandbox, maria: int
) -> None:
    async def shown() -> list[str]:
        chat = await client.get(f"/sandbox/chats/{maria}")
        return [command["command"] for command in chat["commands"]]

    async def set_to(command: str, **where: Any) -> None:
        commands = [{"command": command, "description": "x"}]
        await client.result("setMyCommands", commands=commands, **where)

    private, chat = {"type": "all_private_chats"}, {"type": "chat", "chat_id": maria}
    await set_to("everyone")
    assert await shown() == ["everyone"]
    await set_to("private", scope=private)
    await set_to("chinese", scope=private, language_code="zh")
    assert await shown() == ["private"]
    sandbox.world.add_user("Maria", "zh-hans", id=maria)
    assert await shown() == ["chinese"]
    await set_to("hers", scope=chat)
    assert await shown() == ["hers"]
    await client.result("deleteMyCommands", scope=chat)
    assert await shown() == ["chinese"]
    wrong = [{"command": "Wrong!", "description": "x"}]
    assert await client.refusal("setMyCommands", commands=wrong) == (
        "Bad Request: BOT_COMMAND_INVALID"
    )
