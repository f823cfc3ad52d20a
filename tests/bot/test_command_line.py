"""The command line of the school office: sentences for people, JSON and exit codes for scripts."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from bot.command_line import app
from handlers.upkeep import seal_audit
from storage.database import Database
from storage.tables import AuditEntry
from tests.play import ROSTER


class Shell:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *args: str) -> Result:
        return CliRunner().invoke(app, list(args))

    def file(self, content: str | bytes, name: str = "school.csv") -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALLCLEAR_DATABASE_URL", f"sqlite:///{tmp_path / 'x.sqlite3'}")
    monkeypatch.setenv("ALLCLEAR_KEY_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("COLUMNS", "400")
    return Shell(tmp_path)


def said(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_roster_is_imported_once_and_again_changes_nothing(shell: Shell) -> None:
    assert shell("new-school", "Green Shoots").exit_code == 0
    file = shell.file(ROSTER)
    first = shell("import-roster", file, "--json")
    assert first.exit_code == 0
    assert said(first)["students"] == 4
    again = shell("import-roster", file, "--json")
    assert again.exit_code == 0
    assert said(again)["students"] == said(again)["changed"] == 0
    plain = shell("import-roster", file)
    assert plain.exit_code == 0
    assert "already" in plain.stdout


@pytest.mark.parametrize("as_json", [True, False])
def test_a_roster_with_problems_is_refused_with_every_place(shell: Shell, as_json: bool) -> None:
    shell("new-school", "Green Shoots")
    file = shell.file(ROSTER + "student,,Nemo,3-2,,,\nstudent,20250499,,3-2,,,\n")
    refused = shell("import-roster", file, *(["--json"] if as_json else []))
    assert refused.exit_code == 2
    if as_json:
        assert [(p["row"], p["code"]) for p in said(refused)["problems"]] == [
            (14, "number_missing"),
            (15, "name_missing"),
        ]
    else:
        assert "row 14" in refused.stderr
        assert "row 15" in refused.stderr
    assert said(shell("import-roster", shell.file(ROSTER), "--json"))["students"] == 4


@pytest.mark.parametrize("as_json", [True, False])
def test_a_corrupt_file_is_refused_with_the_reason(shell: Shell, as_json: bool) -> None:
    shell("new-school", "Green Shoots")
    file = shell.file(b"PK\x03\x04 no zip", "school.xlsx")
    refused = shell("import-roster", file, *(["--json"] if as_json else []))
    assert refused.exit_code == 2
    if as_json:
        assert said(refused) == {"refused": "corrupt"}
    else:
        assert refused.stderr.strip()
        assert "Traceback" not in refused.stderr


def test_which_school_is_asked_where_it_is_not_clear(shell: Shell) -> None:
    file = shell.file(ROSTER)
    nobody = shell("import-roster", file)
    assert nobody.exit_code == 2
    assert "Known: none yet" in nobody.stderr
    shell("new-school", "One")
    shell("new-school", "Two")
    either = shell("import-roster", file)
    assert either.exit_code == 2
    assert "Known: One, Two" in either.stderr
    assert shell("import-roster", file, "--school", "Two").exit_code == 0


def test_a_school_is_made_once(shell: Shell) -> None:
    assert shell("new-school", "One").exit_code == 0
    again = shell("new-school", "One")
    assert again.exit_code == 2
    assert "already" in again.stderr
    nowhere = shell("new-school", "Two", "--zone", "Mars/Base")
    assert nowhere.exit_code == 2
    assert "Mars/Base" in nowhere.stderr


def test_an_empty_roster_to_fill_in_is_written_once_and_can_be_read(shell: Shell) -> None:
    path = str(shell.folder / "roster.csv")
    assert shell("roster-template", path).exit_code == 0
    assert shell("roster-template", path).exit_code == 2


@pytest.mark.parametrize(
    "command", [["new-school", "One"], ["import-roster", "school.csv"], ["verify-audit"]]
)
@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("DATABASE_URL", "postgres//u:sesame@h", "sqlite:///"),
        ("DATABASE_URL", "mysql://u:sesame@h/db", "sqlite:///"),
        ("TOKENS", "sesame", "ALLCLEAR_TOKENS"),
        ("KEY_FILE", ".", "key file"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    shell: Shell, monkeypatch: pytest.MonkeyPatch,
    command: list[str], name: str, value: str, sentence: str,
) -> None:  # fmt: skip
    shell.file(ROSTER)
    monkeypatch.setenv(f"ALLCLEAR_{name}", value)
    failed = shell(*command)
    assert failed.exit_code == 2
    assert isinstance(failed.exception, SystemExit)
    assert sentence in failed.stderr
    assert "sesame" not in failed.output
    assert "Traceback" not in failed.output


def test_a_wrong_role_is_one_sentence(shell: Shell) -> None:
    failed = shell("run", "--roles", "listen,sned")
    assert failed.exit_code == 2
    assert "no role 'sned'" in failed.stderr
    assert "listen, send, clock, web" in failed.stderr


def test_the_audit_of_a_school_is_verified(shell: Shell) -> None:
    shell("new-school", "One")
    url = f"sqlite:///{shell.folder / 'x.sqlite3'}"

    async def touch(*, alter: bool) -> None:
        database = Database(url)
        await seal_audit(database)
        if alter:
            async with database.writing() as session:
                for entry in await session.exec(select(AuditEntry)):
                    entry.act = "nothing"
        await database.close()

    asyncio.run(touch(alter=False))
    whole = shell("verify-audit", "--json")
    assert (whole.exit_code, said(whole)["One"]) == (0, None)
    asyncio.run(touch(alter=True))
    altered = shell("verify-audit", "--json")
    assert (altered.exit_code, said(altered)["One"]) == (1, 1)


def test_the_plans_are_written_edited_and_taken_over(shell: Shell) -> None:
    shell("new-school", "Green Shoots")
    file = shell.folder / "plan.yaml"
    assert shell("export-plan", str(file)).exit_code == 0
    assert shell("export-plan", str(file)).exit_code == 2  # it is not written over
    assert said(shell("import-plan", str(file), "--json")) == {"plans": [], "about_today": []}
    text = file.read_text()
    edited = shell.file(text.replace("runs: school days", "runs: every day", 1), "new.yaml")
    changed = shell("import-plan", edited)
    assert changed.exit_code == 0
    assert "Students, every day" in changed.stdout
    assert "already" in shell("import-plan", edited).stdout
    wrong = shell.file(text.replace("close: 08:00", "close: 05:00", 1), "wrong.yaml")
    refused = shell("import-plan", wrong)
    assert refused.exit_code == 2
    assert "Line 13: 05:00 does not come after 07:30" in refused.stderr
    assert said(shell("import-plan", wrong, "--json"))["problems"][0]["line"] == 13
