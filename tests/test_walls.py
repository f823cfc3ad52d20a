"""The floors of the house: imports go downward only, and each library lives on one floor."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent
MAY_IMPORT = {
    "checkin": set(),
    "storage": {"checkin"},
    "handlers": {"checkin", "storage"},
    "scheduler": {"checkin", "storage", "handlers"},
    "web": {"checkin", "storage", "handlers", "scheduler"},
    "bot": {"checkin", "storage", "handlers", "scheduler", "web"},
    "sandbox": set(),
    "simulator": set(),
}
LIVES_ONLY_ON = {
    "aiogram": {"bot"},
    "telegram": {"bot"},
    "sqlmodel": {"storage"},
    "sqlalchemy": {"storage"},
    "alembic": {"storage"},
    "apscheduler": {"scheduler"},
}
REACHES_THE_SANDBOX = {HOUSE / "bot" / name for name in ("demo.py", "driven.py", "simulate.py")}


def sources(floor: str) -> list[Path]:
    single = HOUSE / f"{floor}.py"
    return [single] if single.exists() else sorted((HOUSE / floor).rglob("*.py"))


@cache
def imported(path: Path) -> frozenset[str]:
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("floor", MAY_IMPORT)
def test_imports_go_downward_only(floor: str) -> None:
    for path in sources(floor):
        allowed = MAY_IMPORT[floor] | {floor}
        if path in REACHES_THE_SANDBOX:
            allowed |= {"sandbox", "simulator"}
        if path.name == "command_line.py":
            allowed |= {"simulator"}
        upward = {name for name in imported(path) if name in MAY_IMPORT} - allowed
        assert not upward, f"{path.relative_to(HOUSE)} reaches up to {sorted(upward)}"


@pytest.mark.parametrize("library", LIVES_ONLY_ON)
def test_each_library_lives_on_one_floor(library: str) -> None:
    for floor in MAY_IMPORT:
        if floor in LIVES_ONLY_ON[library]:
            continue
        for path in sources(floor):
            assert library not in imported(path), path.relative_to(HOUSE)


@pytest.mark.parametrize(
    ("library", "files"),
    [
        ("aiogram", {"aiogram_import.py", "aiogram_transport.py", "telegram_events.py"}),
        ("telegram", {"ptb_transport.py", "telegram_events.py"}),
        ("httpx", {"ptb_transport.py"}),
    ],
)
def test_a_library_of_telegrams_stays_in_its_transport(library: str, files: set[str]) -> None:
    found = {path.name for path in sources("bot") if library in imported(path)}
    assert found == files


_ASKED = """
import sys
import bot.app
before = {"aiogram", "telegram", "httpx"} & set(sys.modules)
from bot.settings import Settings
from bot.transports import make_transport
make_transport(Settings(_env_file=None, transport=sys.argv[1]), "7000001:" + "A" * 35)
print(sorted(before), sorted({"aiogram", "telegram"} & set(sys.modules)))
"""


def test_only_the_chosen_library_is_imported() -> None:
    said = subprocess.run(
        [sys.executable, "-c", _ASKED, "ptb"],
        cwd=HOUSE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "[] ['telegram']"


@pytest.mark.parametrize("floor", ["checkin", "simulator"])
def test_rules_and_the_oracle_use_the_standard_library_only(floor: str) -> None:
    for path in sources(floor):
        foreign = imported(path) - sys.stdlib_module_names - {floor}
        assert not foreign, f"{path.relative_to(HOUSE)} imports {sorted(foreign)}"
