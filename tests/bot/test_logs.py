"""What a whole morning leaves in the log and on the disk: ids and counts, nobody's health."""

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from sqlalchemy import text, update

from bot.logs import set_up_logs
from checkin.rosters import Sheet
from handlers.clock import real_clock
from scheduler import Duty, Scheduler
from storage.database import Database
from storage.sql import affected, table
from storage.tables import Ledger
from tests.play import BOT_ID, ROSTER, TOKEN, Stage

# Whatever a person is or said; what the school is called and what its classes are is no secret.
PRIVATE = [
    "Ana",
    "Ben",
    "Tom",
    "Tina",
    "Maria",
    "Carlos",
    "Mr Wang",
    "Ms Sun",
    "周子昂",
    "周敏",
    "林岚",
    "38.4",
    "37.93",
    "cough",
    "fever",
    "咳嗽",
    "Springfield",
    "secret words",
    TOKEN.partition(":")[2],
]
CLOCK = re.compile(r"\d\d:\d\d:\d\d[.,]\d+")  # 07:10:38.412 is no temperature
PHONE = re.compile(r"1390000\d{4}")
NUMBER = re.compile(r"2025\d{4}\b")


async def a_morning(stage: Stage) -> None:
    """A morning with illness, typed words, mistakes, a file, failures and a poisoned update."""
    await stage.a_school()
    maria = await stage.joined("Maria")
    wang = await stage.joined("Mr Wang")
    lead = await stage.joined("林岚")
    gu = await stage.joined("Gu")
    eve = await stage.phone("Eve")
    await stage.at("06:30")
    await stage.says(maria, "Ana")
    await stage.says(maria, "somewhere between 37.93 and Springfield")
    await stage.says(maria, "38.4")
    await stage.says(maria, "cough")
    await stage.taps_first(maria, -2)
    await stage.says(wang, "/class")
    await stage.says(wang, "/why Ana")
    await stage.says(eve, "secret words")
    await stage.opens(eve, await stage.class_link("3-2"))
    await stage.says(eve, "Tom 0431")
    await stage.sends_file(gu, "Ana.csv", ROSTER.encode() + "student,,咳嗽,3-2,,,\n".encode())
    for update_of in (
        {"message": {"message_id": 5, "date": "secret words", "text": "Ana 38.4"}},
        {"callback_query": {"id": "1", "data": "Ana 38.4"}},
    ):
        await stage.post(f"/sandbox/bots/{BOT_ID}/updates", {"update": update_of})
    await stage.settle()
    await stage.post(
        "/sandbox/faults", {"rate_5xx_before": 0.5, "methods": ["editMessageText"], "seed": 3}
    )
    await stage.at("07:10")
    await stage.post("/sandbox/faults", {})
    await stage.post(f"/sandbox/chats/{wang.user_id}/block", {"blocked": True})
    await stage.at("08:00")
    await stage.says(lead, "/summary")


async def failures(stage: Stage) -> None:
    """What is wrong with our own house: a broken row, a broken table."""
    async with stage.database.writing() as session:
        await affected(
            session, update(table(Ledger)).values(state="pending", payload=None, not_after=None)
        )
    await stage.sender.once()
    maria = next(who for who in stage.people.values() if who.name == "Maria")
    async with stage.database.writing() as session:
        await affected(session, text("ALTER TABLE check_in RENAME TO away"))
    await stage.post(
        f"/sandbox/chats/{maria.user_id}/messages", {"text": "Ana has a cough and 38.4"}
    )
    await stage.poller.once(0)
    async with stage.database.writing() as session:
        await affected(session, text("ALTER TABLE away RENAME TO check_in"))


@pytest.mark.parametrize(("as_json", "library"), [(True, "aiogram"), (False, "ptb")])
async def test_a_morning_with_every_mishap_logs_no_name_answer_text_or_token(
    stage: Stage, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
    as_json: bool,
) -> None:  # fmt: skip
    set_up_logs(as_json=as_json, level=logging.DEBUG)
    structlog.configure(cache_logger_on_first_use=False)
    await a_morning(stage)
    await failures(stage)
    said = CLOCK.sub("", capsys.readouterr().err + caplog.text)
    assert "step done" in said
    assert "update set aside" in said
    assert [word for word in PRIVATE if word in said] == []
    assert PHONE.findall(said) == []
    assert NUMBER.findall(said) == []


def test_an_error_is_logged_by_its_name_and_place_without_its_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for as_json in (True, False):
        set_up_logs(as_json=as_json)
        try:
            try:
                int("secret words")
            except ValueError as error:
                raise KeyError("Ana has 38.4") from error
        except KeyError:
            structlog.get_logger().exception("duty failed", duty="heartbeat")
        said = CLOCK.sub("", capsys.readouterr().err)
        assert "KeyError" in said
        assert "ValueError" in said
        assert "test_logs.py" in said
        assert "duty failed" in said
        assert "38.4" not in said
        assert "secret" not in said


def test_trouble_of_the_machine_is_logged_in_its_own_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs(as_json=True)
    try:
        raise OSError(28, "No space left on device")
    except OSError:
        structlog.get_logger().exception("sending paused")
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.sqlite_only
async def test_nobody_can_be_read_in_the_database_file(
    stage: Stage, database: Database, tmp_path: Path
) -> None:
    await a_morning(stage)
    async with database.engine.connect() as connection:
        await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    raw = _bytes_in(tmp_path)
    # The questionnaires are no secret and speak of coughs and fevers by themselves.
    everyone = [word for word in PRIVATE if word not in {"cough", "fever", "咳嗽"}]
    found = [word for word in everyone if _stands_in(word, raw)]
    assert found == []
    assert re.findall(rb"1390000\d{4}", raw) == []


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def _stands_in(word: str, raw: bytes) -> bool:
    """Say whether a word stands there by itself: three letters may turn up in sealed bytes."""
    for encoded in (word.encode(), word.encode("unicode-escape")):
        if re.search(rb"(?<![A-Za-z])" + re.escape(encoded) + rb"(?![A-Za-z])", raw):
            around = [
                raw[m.start() - 4 : m.end() + 4] for m in re.finditer(re.escape(encoded), raw)
            ]
            if any(all(32 <= byte < 127 for byte in some) for some in around) or len(encoded) > 4:
                return True
    return False


def test_the_search_would_find_a_name() -> None:
    rows: list[list[Any]] = [["Ana"]]
    assert _stands_in("Ana", b'{"name": "%s"}' % str(Sheet("x", rows).rows[0][0]).encode())


async def test_a_heartbeat_that_is_still_at_work_is_not_told_each_second(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    set_up_logs(as_json=True)
    scheduler = Scheduler(database, real_clock)
    over, passed_over = asyncio.Event(), asyncio.Event()

    async def long_work() -> dict[str, int]:
        await over.wait()
        return {}

    scheduler.duties = [Duty("heartbeat", 0.01, long_work)]
    scheduler._scheduler.add_listener(lambda _: passed_over.set(), EVENT_JOB_MAX_INSTANCES)
    scheduler.start()
    try:
        await asyncio.wait_for(passed_over.wait(), 20)
    finally:
        over.set()
        await scheduler.stop()
    assert caplog.records == []
