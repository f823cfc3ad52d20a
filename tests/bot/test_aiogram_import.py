"""aiogram is imported quickly, and its types are none the worse for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent.parent
SOAK = bool(os.environ.get("ALLCLEAR_SOAK"))

_MADE = """
import bot.aiogram_import
from aiogram import types
update = {"update_id": 1, "message": {"message_id": 1, "date": 0, "text": "Well",
          "chat": {"id": 1, "type": "private"}}}
entities = [getattr(types, name) for name in types.__all__]
forms = [each for each in entities if hasattr(each, "model_rebuild")]
made = lambda: sum(each.__pydantic_complete__ for each in forms)
before = made()
said = types.Update.model_validate(update).message.text
print(before, made(), len(forms) > 300, said)
"""

_READ = """
import random, sys
if sys.argv[1] == "put off":
    import bot.aiogram_import
from aiogram import methods, types
from pydantic import ValidationError
from tests.bot import updates
dice = random.Random(7)
for number in range(2000):
    raw = dice.choice((
        {"message": updates.message(5, number, **dice.choice(updates.MEDIA))},
        updates.tapped(5, 10, updates.any_press(dice, 9), number),
        updates.membership(5, blocked=dice.random() < 0.5),
    ))
    if dice.random() < 0.5:
        raw = updates.mutated(dice, raw, 9)
    try:
        print(repr(types.Update.model_validate({"update_id": number, **raw})))
    except ValidationError as error:
        print(error)
rows = [[types.InlineKeyboardButton(text="Well", callback_data="1")]]
print(methods.SendMessage(chat_id=5, text="", reply_markup={"inline_keyboard": rows}))
for each in (types.User, types.WebhookInfo, types.Message, bool, list[dict]):
    try:
        answer = {"ok": True, "result": {"id": "x", "url": ""}}
        print(methods.Response[each].model_validate(answer))
    except ValidationError as error:
        print(error)
"""


def say(program: str, *arguments: str) -> str:
    asked = [sys.executable, "-c", program, *arguments]
    return subprocess.run(asked, cwd=HOUSE, capture_output=True, text=True, check=True).stdout


def test_only_those_types_have_their_forms_made_that_are_used() -> None:
    before, after, many, words = say(_MADE).split()
    assert (many, words) == ("True", "Well")
    assert int(before) < 10
    assert int(before) < int(after)


@pytest.mark.skipif(not SOAK, reason="make soak compares them")
def test_what_is_read_with_a_form_that_was_put_off_is_what_the_library_reads() -> None:
    put_off = say(_READ, "put off")
    assert put_off.count("Update(") > 900
    assert put_off == say(_READ, "at once")
