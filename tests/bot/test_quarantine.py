"""What was set aside can be looked at without reading anybody's words, and let in again."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlmodel import select

from bot.aiogram_transport import AiogramTransport
from bot.listener import FloodGuard, arrivals_of
from handlers.clock import real_clock
from handlers.desk import Desk
from handlers.inbox import Inbox
from handlers.messages import Event
from storage import contacts
from storage.database import Database
from storage.ledger import payload_of
from storage.sealing import Keyring, use_keyring
from storage.tables import AuditEntry, Ledger, Quarantined
from tests.bot.test_command_line import Shell
from tests.play import BOT_ID, TOKEN

Found = TypeVar("Found")
USER = {"id": 501, "is_bot": False, "first_name": "Maria", "language_code": "en"}
CHAT = {"id": 501, "type": "private", "first_name": "Maria"}
SAID = {"message_id": 5, "date": 1772400000, "chat": CHAT, "from": USER, "text": "Ana has 38.5"}
BROKEN = {"update_id": 8, "message": {"message_id": 5, "text": "Ben coughs"}}


class Poisoned(Exception):
    pass


async def fails(_desk: Desk, _event: Event) -> None:
    raise Poisoned("Ana has 38.5")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'x.sqlite3'}",
        "KEY_FILE": str(tmp_path / "keys"),
        "TOKENS": TOKEN,
        "API_URL": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(f"ALLCLEAR_{name}", value)
    monkeypatch.setenv("COLUMNS", "400")
    return Shell(tmp_path)


def beside(shell: Shell, work: Callable[[Database], Awaitable[Found]]) -> Found:
    """Do something with the installation's database, as the running bot would."""

    async def do() -> Found:
        use_keyring(Keyring.from_file(shell.folder / "keys"))
        database = Database(f"sqlite:///{shell.folder / 'x.sqlite3'}", safe=False)
        await database.migrate()
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(do())


def set_aside(shell: Shell) -> None:
    """Let one update fail because of a fault of ours, and one be unreadable."""

    async def come(database: Database) -> None:
        transport = AiogramTransport(TOKEN, "http://127.0.0.1:9")
        async with database.writing() as session:
            await contacts.know_bot(session, BOT_ID, "bot", real_clock())
        raws: list[dict[str, Any]] = [{"update_id": 7, "message": SAID}, BROKEN]
        batch = arrivals_of(transport, raws, FloodGuard())
        assert (await Inbox(database, real_clock, fails).handle(batch)).set_aside == 2
        await transport.close()

    beside(shell, come)


def listed(shell: Shell) -> list[dict[str, Any]]:
    result = shell("quarantine", "list", "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


async def acts(database: Database) -> list[str]:
    async with database.reading() as session:
        return [row.act for row in await session.exec(select(AuditEntry))]


def test_the_list_names_bot_time_and_reason_and_nobodys_words(shell: Shell) -> None:
    assert "empty" in shell("quarantine", "list").stdout
    set_aside(shell)
    rows = listed(shell)
    assert sorted((row["bot"], row["update"], row["kind"]) for row in rows) == [
        (BOT_ID, 7, "message"),
        (BOT_ID, 8, "message"),
    ]
    reasons = {row["update"]: row["reason"] for row in rows}
    assert reasons[7] == "Poisoned while handling"
    assert reasons[8].startswith("malformed: ")
    for said in (
        shell("quarantine", "list").stdout,
        *(shell("quarantine", "show", str(row["number"])).stdout for row in rows),
    ):
        assert "while handling" in said or "malformed" in said
        assert "38.5" not in said
        assert "Ben" not in said
        assert "Maria" not in said


def test_the_words_are_shown_only_when_asked_for_and_that_is_on_record(shell: Shell) -> None:
    set_aside(shell)
    number = next(str(row["number"]) for row in listed(shell) if row["update"] == 7)
    shown = shell("quarantine", "show", number, "--text")
    assert "Ana has 38.5" in shown.stdout
    assert beside(shell, acts) == ["update opened"]


def test_what_can_be_handled_by_now_leaves_and_the_rest_stays_with_its_reason(
    shell: Shell,
) -> None:
    set_aside(shell)
    done = shell("quarantine", "replay", "all")
    assert done.exit_code == 1  # not all of it
    assert "handled" in done.stdout
    assert "stays: malformed: " in done.stdout
    assert [row["update"] for row in listed(shell)] == [8]

    async def owed(database: Database) -> list[str]:
        async with database.reading() as session:
            return [payload_of(row)["key"] for row in await session.exec(select(Ledger))]

    replies = beside(shell, owed)
    assert len(replies) == 1
    assert replies[0].startswith("help.")  # a stranger who writes is told what this is
    again = shell("quarantine", "replay", "7")
    assert again.exit_code == 2
    assert "not in quarantine" in again.stderr
    assert beside(shell, owed) == replies


def test_what_fails_again_stays_and_owes_nothing(shell: Shell) -> None:
    set_aside(shell)

    async def again(database: Database) -> tuple[str | None, int, int]:
        transport = AiogramTransport(TOKEN, "http://127.0.0.1:9")
        async with database.reading() as session:
            rows = await session.exec(select(Quarantined).where(Quarantined.update_id == 7))
            row = rows.one()
        raw = {"update_id": 7, "message": SAID}
        [arrival] = arrivals_of(transport, [raw], FloodGuard())
        reason = await Inbox(database, real_clock, fails).replay(row.id, arrival)
        await transport.close()
        async with database.reading() as session:
            waiting = list(await session.exec(select(Quarantined)))
            return reason, len(waiting), len(list(await session.exec(select(Ledger))))

    assert beside(shell, again) == ("Poisoned while handling", 2, 0)


def test_a_bot_whose_token_is_not_known_is_named(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_aside(shell)
    monkeypatch.setenv("ALLCLEAR_TOKENS", TOKEN.replace(str(BOT_ID), "7000002"))
    refused = shell("quarantine", "replay", "all")
    assert refused.exit_code == 2
    assert str(BOT_ID) in refused.stderr
    assert len(listed(shell)) == 2


def test_what_is_dropped_is_gone_and_on_record(shell: Shell) -> None:
    set_aside(shell)
    number = str(listed(shell)[0]["number"])
    assert shell("quarantine", "drop", number).exit_code == 0
    assert number not in {str(row["number"]) for row in listed(shell)}
    assert beside(shell, acts) == ["update dropped"]
    assert shell("quarantine", "drop", "all").stdout.strip() == "Dropped: 1"
    assert shell("quarantine", "drop", number).exit_code == 2
