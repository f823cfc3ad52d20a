"""What whoever runs the machine is told is true: commands, settings, numbers, alarms, the log."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
import yaml

from bot.command_line import app
from bot.settings import Settings
from bot.vitals import _spoken
from handlers.messages import SendResult
from web.metrics import BotNumbers, Numbers, exposition

HOUSE = Path(__file__).parent.parent.parent
PAGES = HOUSE / "docs" / "operations"
FLOORS = ("bot", "web", "handlers", "storage")
LINE = re.compile(r'\b(?:log\.(?:info|warning|error|exception)|say)\(\s*"([^"]+)"')
FILES = pytest.mark.parametrize("page", sorted(PAGES.iterdir()), ids=lambda path: path.name)


def page(name: str) -> str:
    return (PAGES / name).read_text("utf-8")


def told(name: str) -> Any:
    return yaml.safe_load(page(name))


def test_every_line_of_the_log_is_explained() -> None:
    paths = [
        HOUSE / "scheduler.py",
        *(p for floor in FLOORS for p in (HOUSE / floor).rglob("*.py")),
    ]
    said = {line for path in paths for line in LINE.findall(path.read_text("utf-8"))}
    explained = page("alarms.md")
    assert len(said) > 15
    assert sorted(line for line in said if f"`{line}`" not in explained) == []


def quoted(text: str) -> Iterator[str]:
    """Yield what is meant to be typed: lines of fenced blocks, and what stands in backticks."""
    fences = re.findall(r"```\w*\n(.*?)```", text, re.S)
    yield from (line for block in fences for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S))


@FILES
def test_every_command_that_is_quoted_can_be_typed(page: Path) -> None:
    root: Any = typer.main.get_command(app)
    for line in quoted(page.read_text("utf-8")):
        for words in re.findall(r"(?:^|[\s/])allclear ((?:[a-z-]+ ?)+[^;|]*)", line):
            command = root
            given = words.split()
            if given[0] not in root.commands:
                continue  # the service, the user or the database of that name
            while hasattr(command, "commands") and given:
                command = command.commands[given.pop(0)]
            options = {name for param in command.params for name in param.opts}
            unknown = {word for word in given if word.startswith("--")} - options
            assert not unknown, line


@FILES
def test_every_setting_that_is_named_can_be_set(page: Path) -> None:
    known = {f"ALLCLEAR_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"ALLCLEAR_[A-Z_]*[A-Z]", page.read_text("utf-8"))) <= known


def numbers() -> set[str]:
    """Return the names of all numbers that a process gives."""
    bot = BotNumbers(1, sends={"delivered": 1}, in_line={"bulk": 1}, poll_age=1.0, webhook_age=1.0)
    text = exposition(Numbers((bot,), 1.0, {(1, "pending"): 1}, {1: 1.0}, 1)).decode()
    return set(re.findall(r"^(allclear_\w+?)(?:\{| )", text, re.M))


def test_every_number_is_explained_and_no_other() -> None:
    assert set(re.findall(r"`(allclear_\w+)`", page("alarms.md"))) == numbers()


def test_every_result_of_a_send_is_named() -> None:
    results = {_spoken(kind.__name__) for kind in get_args(SendResult)}
    line = next(x for x in page("alarms.md").splitlines() if "`allclear_sends_total` |" in x)
    assert results <= set(re.findall(r"\w+", line))


def test_every_alarm_has_its_line_and_watches_a_number_that_there_is() -> None:
    rules = [rule for group in told("alarms.yaml")["groups"] for rule in group["rules"]]
    assert {rule["alert"] for rule in rules} == set(
        re.findall(r"`(Allclear\w+)`", page("alarms.md"))
    )
    for rule in rules:
        assert set(re.findall(r"allclear_\w+", rule["expr"])) <= numbers(), rule["alert"]


def test_each_alarm_rings_when_it_should_and_at_no_other_time() -> None:
    """By Prometheus' own reckoning, where it is installed."""
    promtool = shutil.which("promtool")
    if promtool is None:
        why = "no promtool found; it comes with Prometheus"
        if os.environ.get("ALLCLEAR_TESTS_NEED_PROMETHEUS") == "1":
            pytest.fail(why)
        pytest.skip(why)
    cases = HOUSE / "tests" / "docs" / "alarms.yaml"
    tried = subprocess.run(
        [promtool, "test", "rules", str(cases)], capture_output=True, text=True, check=False
    )
    assert tried.returncode == 0, tried.stdout + tried.stderr
    named = set(re.findall(r"alertname: (\w+)", cases.read_text("utf-8")))
    assert named == {rule["alert"] for g in told("alarms.yaml")["groups"] for rule in g["rules"]}


def test_every_setting_of_the_district_may_stand_in_its_file() -> None:
    """What compose.yaml gives itself is stronger, and is nothing that a district would change."""
    allclear = told("compose.yaml")["services"]["allclear"]
    assert allclear["env_file"] == ".env"
    fixed = {name for name, value in allclear["environment"].items() if "${" not in str(value)}
    assert fixed == {"ALLCLEAR_KEY_FILE", "ALLCLEAR_WEB_HOST", "ALLCLEAR_WEB_PORT"}


def test_the_district_shows_nobody_but_telegram_anything() -> None:
    services = told("compose.yaml")["services"]
    assert [name for name, about in services.items() if "ports" in about] == ["proxy"]
    caddy = told("compose.yaml")["configs"]["caddyfile"]["content"]
    assert re.findall(r"handle (\S+)", caddy) == ["/telegram/*"]
    ignored = (HOUSE / ".dockerignore").read_text().split()
    assert {"var", ".env", "*.keys", ".venv"} <= set(ignored)
