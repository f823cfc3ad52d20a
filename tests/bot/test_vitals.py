"""What machines ask a process: is it alive, does it work, and in numbers. Nobody is named."""

import asyncio
import json
import logging
import re
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import structlog
from sqlalchemy import event, text

from bot.app import App
from bot.logs import set_up_logs
from sandbox.faults import Faults
from sandbox.server import Sandbox
from storage.database import Database
from storage.ledger import UNDATED, Lane
from storage.sql import affected, insert_into
from storage.tables import Contact, Ledger
from storage.vitals import not_sent, oldest_bulk, takes_writes, unfinished
from tests.bot.test_inbound import house, running, sandbox, until  # noqa: F401 - fixtures
from tests.builders import SUNDAY_NIGHT, Outage
from tests.play import BOT_ID, TOKEN


async def asks(app: App, path: str) -> tuple[int, Any]:
    assert app.web is not None
    url = f"http://127.0.0.1:{app.web.port}{path}"
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        body = await response.text()
        return response.status, body if path == "/metrics" else json.loads(body)


async def test_a_process_that_works_says_so_and_counts(
    sandbox: Sandbox,  # noqa: F811
    house: Callable[..., App],  # noqa: F811
) -> None:
    app = house()
    async with running(app):
        maria = sandbox.world.add_user("Maria")
        sandbox.world.start(maria.id, "")
        await until(
            lambda: bool(sandbox.world.journal.since(method="sendMessage")), "she has her answer"
        )
        await until(lambda: app.scheduler.duties[0].runs > 0, "the clock ticks")
        await until(lambda: app.senders[BOT_ID].results["Delivered"] == 1, "counted")
        assert await asks(app, "/readyz") == (200, {"ready": True, "reasons": []})
        status, state = await asks(app, "/healthz")
        assert (status, state["ok"], state["bots"]) == (200, True, [BOT_ID])
        status, numbers = await asks(app, "/metrics")
    assert status == 200
    for line in (
        f'allclear_updates_handled_total{{bot="{BOT_ID}"}} 1.0',
        f'allclear_updates_quarantined_total{{bot="{BOT_ID}"}} 0.0',
        f'allclear_answers_total{{bot="{BOT_ID}"}} 0.0',
        f'allclear_sends_total{{bot="{BOT_ID}",result="delivered"}} 1.0',
        f'allclear_too_many_requests_total{{bot="{BOT_ID}"}} 0.0',
        f'allclear_bulk_rests_seconds{{bot="{BOT_ID}"}} 0.0',
        f'allclear_bulk_lag_seconds{{bot="{BOT_ID}"}} 0.0',
        f'allclear_bot_connected{{bot="{BOT_ID}"}} 1.0',
        f'allclear_token_refused{{bot="{BOT_ID}"}} 0.0',
        f'allclear_rate_per_second{{bot="{BOT_ID}"}} 28.0',
        f'allclear_in_line{{bot="{BOT_ID}",traffic="bulk"}} 0.0',
        "allclear_database_up 1.0",
        "allclear_quarantine_rows 0.0",
    ):
        assert line in numbers.splitlines()
    assert re.search(rf'allclear_poll_age_seconds\{{bot="{BOT_ID}"\}} \d', numbers)
    assert re.search(r"allclear_heartbeat_age_seconds \d", numbers)
    # Bots by their number and words of ours are all that labels may hold.
    labels = set(re.findall(r'(\w+)="([^"]*)"', numbers))
    assert {name for name, _ in labels} <= {"bot", "state", "result", "traffic"}
    assert {value for name, value in labels if name == "bot"} == {str(BOT_ID)}
    assert str(maria.id) not in numbers
    assert TOKEN.partition(":")[2] not in numbers


async def test_what_keeps_a_process_from_its_work_is_said_in_words(
    sandbox: Sandbox,  # noqa: F811
    house: Callable[..., App],  # noqa: F811
) -> None:
    app = house()
    outage = Outage(app.database)
    async with running(app):
        await until(lambda: app.scheduler.duties[0].runs > 0, "the clock ticks")
        outage.on = True
        status, state = await asks(app, "/readyz")
        assert status == 503
        assert "the database takes no writes" in state["reasons"]
        assert (await asks(app, "/healthz"))[0] == 200  # starting anew would mend nothing
        assert (await asks(app, "/metrics"))[0] == 200
        outage.on = False
        app.senders[BOT_ID].unauthorized = True
        app.scheduler.duties[0].ended -= 1000
        app.vitals._since -= 1000
        status, state = await asks(app, "/readyz")
        assert status == 503
        assert f"bot {BOT_ID}: Telegram does not take its token" in state["reasons"]
        _, numbers = await asks(app, "/metrics")
        assert f'allclear_token_refused{{bot="{BOT_ID}"}} 1.0' in numbers


async def test_a_bot_that_has_sent_nothing_yet_has_a_rate_of_nothing(
    house: Callable[..., App],  # noqa: F811
) -> None:
    """A number that is not there yet would keep the alarm of a late morning quiet."""
    app = house()
    await app.database.migrate()
    numbers = (await app.vitals.metrics()).decode()
    assert f'allclear_sends_total{{bot="{BOT_ID}",result="delivered"}} 0.0' in numbers
    for transport in app.transports:
        await transport.close()
    await app.database.close()


async def test_a_token_that_is_refused_at_the_start_is_counted_too(
    sandbox: Sandbox,  # noqa: F811
    house: Callable[..., App],  # noqa: F811
) -> None:
    sandbox.world.add_bot(f"{BOT_ID}:{'B' * 35}")  # @BotFather has made a new one
    app = house()
    working = asyncio.create_task(app.run())
    await until(lambda: bool(app.vitals.refused), "refused")
    _, numbers = await asks(app, "/metrics")
    assert f'allclear_token_refused{{bot="{BOT_ID}"}} 1.0' in numbers
    app.stop()
    await working


async def test_a_clock_that_stands_still_is_not_ready_and_in_the_end_not_alive(
    house: Callable[..., App],  # noqa: F811
) -> None:
    app = house()  # its clock was never started
    await app.database.migrate()
    assert (await app.vitals.alive())[0]
    app.vitals._since -= 60
    assert (await app.vitals.alive())[0]
    assert "the clock has not ticked for 60 s" in await app.vitals.ready()
    app.vitals._since -= 300
    assert not (await app.vitals.alive())[0]
    for transport in app.transports:
        await transport.close()
    await app.database.close()


async def test_a_bot_that_could_not_say_hello_yet_is_named(
    sandbox: Sandbox,  # noqa: F811
    house: Callable[..., App],  # noqa: F811
) -> None:
    sandbox.world.faults = Faults(rate_5xx_before=1, methods=frozenset({"getme"}))
    app = house()
    working = asyncio.create_task(app.run())
    await until(lambda: app.web is not None and app.web.port > 0, "it listens")
    await until(lambda: app.scheduler.duties[0].runs > 0, "the clock ticks")
    status, state = await asks(app, "/readyz")
    assert (status, state["reasons"]) == (503, [f"bot {BOT_ID}: not connected to Telegram"])
    sandbox.world.faults = None
    await asyncio.wait_for(app.ready.wait(), 20)
    assert (await asks(app, "/readyz"))[0] == 200
    app.stop()
    await working


@contextmanager
def nothing_may_grow() -> Iterator[None]:
    """Let no file of this process be written beyond its first page: a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


# ---- what the database is asked ------------------------------------------------------------


async def owe(database: Database, *rows: dict[str, Any]) -> None:
    async with database.writing() as session:
        await affected(
            session, text("INSERT INTO bot (id, username, seen_at) VALUES (1, 'b', '2026-03-01')")
        )
        contact = Contact(bot_id=1, chat_id=5, created_at=SUNDAY_NIGHT, changed_at=SUNDAY_NIGHT)
        session.add(contact)
        await session.flush()
        same = {"bot_id": 1, "contact_id": contact.id, "kind": "text", "created_at": SUNDAY_NIGHT}
        same["day"] = UNDATED
        every = [
            {"lane": 1, "state": "pending", "attempts": 0, "not_before": None, **same, **row}
            | {"cause": f"c{n}", "rung": 0, "edition": 0}
            for n, row in enumerate(rows)
        ]
        await affected(session, insert_into(session, Ledger), every)


async def test_only_what_is_not_finished_is_counted_and_only_waiting_bulk_lags(
    database: Database,
) -> None:
    earlier = SUNDAY_NIGHT - timedelta(hours=1)
    planned = SUNDAY_NIGHT + timedelta(hours=9)
    await owe(
        database,
        {"state": "sent", "created_at": earlier},
        {"lane": int(Lane.reply), "created_at": earlier},
        {"not_before": planned, "created_at": earlier},
        {"created_at": SUNDAY_NIGHT},
        {"not_before": planned, "attempts": 1, "created_at": SUNDAY_NIGHT - timedelta(minutes=5)},
        {"state": "unknown"},
    )
    async with database.reading() as session:
        assert await unfinished(session) == {(1, "pending"): 4, (1, "unknown"): 1}
        assert await oldest_bulk(session) == {1: SUNDAY_NIGHT - timedelta(minutes=5)}


@pytest.mark.both_databases
async def test_what_was_not_sent_is_counted_for_two_days(database: Database) -> None:
    earlier = SUNDAY_NIGHT - timedelta(days=2)
    await owe(
        database,
        *({"state": state} for state in ("stopped", "unclear", "failed", "failed", "expired")),
        *({"state": state, "created_at": earlier} for state in ("stopped", "expired")),
        {"state": "sent"},
        {"state": "moot"},
    )
    async with database.reading() as session:
        assert await not_sent(session, SUNDAY_NIGHT) == {
            (1, "stopped"): 1,
            (1, "unclear"): 1,
            (1, "failed"): 2,
            (1, "expired"): 1,
        }


@pytest.mark.both_databases
async def test_counting_reads_the_small_indexes_and_not_the_days_behind(
    database: Database,
) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(
        database.engine.sync_engine,
        "before_cursor_execute",
        lambda *about: asked.append(about[2:4]) if "ledger" in about[2] else None,
    )
    async with database.reading() as session:
        await unfinished(session)
        await not_sent(session, SUNDAY_NIGHT)
        await oldest_bulk(session)
        statements = [each for each in asked if each[0].startswith("SELECT")]
        assert len(statements) == 4
        connection = await session.connection()
        if not database.is_sqlite:  # which reads a table of no rows through, whatever there is
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if database.is_sqlite else "EXPLAIN "
        plans = []
        for statement, given in statements:
            rows = await connection.exec_driver_sql(explain + statement, given)
            plans.append(" ".join(str(value) for row in rows for value in row))
        for plan in plans:
            # PostgreSQL names the index of a part by its columns.
            assert re.search("ix_ledger_|bot_id_[a-z_]+idx", plan), plan
        assert re.search("ix_ledger_not_sent|created_at_bot_id_state_idx", plans[2]), plans[2]


async def test_a_database_that_takes_no_writes_is_found_out(database: Database) -> None:
    assert await takes_writes(database, BOT_ID)
    outage = Outage(database)
    outage.on = True
    assert not await takes_writes(database, BOT_ID)
    outage.on = False
    assert await takes_writes(database, BOT_ID)


@pytest.mark.sqlite_only
async def test_a_full_disk_is_found_out(database: Database) -> None:
    assert await takes_writes(database, BOT_ID)
    with nothing_may_grow():
        assert not await takes_writes(database, BOT_ID)
    assert await takes_writes(database, BOT_ID)


# ---- the log -------------------------------------------------------------------------------


def test_a_library_that_complains_does_so_as_a_line_of_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        set_up_logs(as_json=True)
        try:
            raise ValueError("Ana has 38.5")
        except ValueError:
            logging.getLogger("asyncio").exception("a task failed")
        said = json.loads(capsys.readouterr().err)
    finally:
        root.handlers = before
    assert (said["event"], said["logger"], said["level"]) == ("a task failed", "asyncio", "error")
    assert "ValueError" in said["exception"]
    assert "38.5" not in json.dumps(said)


def test_a_log_that_cannot_be_written_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        with (tmp_path / "log").open("w") as file:
            file.write("x" * 5000)
            file.flush()
            monkeypatch.setattr("sys.stderr", file)
            set_up_logs(as_json=True)
            with nothing_may_grow():
                structlog.get_logger().error("sending paused")
            structlog.get_logger().error("sending paused again")
    finally:
        root.handlers = before
    assert "sending paused again" in (tmp_path / "log").read_text()
