"""The README is held to what it speaks of: settings, commands, the menu, the transcripts."""

import re
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from bot.command_line import app
from bot.settings import Settings
from checkin.access import Role
from handlers.router import menu_of

HOUSE = Path(__file__).parent.parent.parent
README = {"en": "README.md", "zh": "README.zh.md"}
BOTH = pytest.mark.parametrize("language", README)
PAPERS = sorted({*HOUSE.glob("*.md"), *(HOUSE / "docs").rglob("*.md")})


def page(language: str) -> str:
    return (HOUSE / README[language]).read_text("utf-8")


def rows(text: str, first: str) -> list[list[str]]:
    """Return the cells of the table rows whose first cell looks like `first`."""
    found = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    return [cells for cells in found if re.fullmatch(first, cells[0])]


def shown(default: Any) -> str:
    if default in {(), ""}:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default.value if isinstance(default, Enum) else default}`"


@BOTH
def test_every_setting_stands_in_the_readme_with_its_default(language: str) -> None:
    listed = [cells[:2] for cells in rows(page(language), r"`ALLCLEAR_\w+`")]
    assert listed == [
        [f"`ALLCLEAR_{name.upper()}`", shown(setting.default)]
        for name, setting in Settings.model_fields.items()
    ]


def test_the_settings_are_described_in_one_way() -> None:
    said = {cells[0]: cells[2] for cells in rows(page("en"), r"`ALLCLEAR_\w+`")}
    for name, setting in Settings.model_fields.items():
        assert said[f"`ALLCLEAR_{name.upper()}`"] == setting.description


@BOTH
def test_every_command_stands_in_the_readme(language: str) -> None:
    listed = {cells[0].strip("`") for cells in rows(page(language), r"`[a-z-]+`")}
    known = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
        if command.callback and not command.hidden
    } | {group.name for group in app.registered_groups}
    assert listed == known


@BOTH
def test_the_chats_menu_stands_in_the_readme(language: str) -> None:
    listed = set(re.findall(r"`/([a-z]+)`", page(language)))
    assert set(menu_of(frozenset(Role), known=True)) <= listed


@BOTH
def test_the_transcripts_in_the_readme_are_the_golden_ones(language: str) -> None:
    golden = {
        line
        for path in (HOUSE / "tests" / "golden").glob(f"*.{language}.txt")
        for line in path.read_text("utf-8").splitlines()
    }
    quoted = [
        line
        for block in re.findall(r"```text\n(.*?)```", page(language), re.S)
        for line in block.splitlines()
        if line.strip() != "…"
    ]
    assert quoted
    assert [line for line in quoted if line not in golden] == []


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_link_within_the_house_leads_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    inside = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [link for link in inside if link and not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_every_file_that_a_paper_names_exists(path: Path) -> None:
    named = re.findall(
        r"`((?:bot|checkin|docs|handlers|sandbox|storage|tests|web)/[\w./-]+|scheduler\.py)`",
        path.read_text("utf-8"),
    )
    assert [name for name in named if not (HOUSE / name).exists()] == []
