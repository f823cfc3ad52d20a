"""The page about speed: its tables and picture are made of the results and of nothing else."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any

from benchmarks.measure import Result

HOUSE = Path(__file__).parent.parent
RESULTS = HOUSE / "benchmarks" / "results.json"
PAGE = HOUSE / "docs" / "performance.md"
PICTURE = HOUSE / "docs" / "pictures" / "performance.svg"
BEGIN, END = "<!-- made by python -m benchmarks -->", "<!-- until here -->"

ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

# What is aimed at: in words, the bound, and whether more is better.
AIMS: dict[str, tuple[str, float, bool]] = {
    "fanout_vs_aiogram": ("the morning's messages, against bare aiogram", 2.0, True),
    "fanout_vs_limit": ("… against aiohttp with a prepared body", 0.5, True),
    "fanout_ptb_vs_ptb": ("… through python-telegram-bot, against it bare", 1.0, True),
    "fanout_vs_broadcaster": ("… against aiogram-broadcaster", 1.0, True),
    "taps_vs_aiogram_webhook": ("taps by webhook, against a bare aiogram bot", 3.0, True),
    "taps_vs_limit": ("… against a bare aiohttp handler", 0.4, True),
    "cpu_share_at_1000_per_s": ("of a core for the paid 1000 messages a second", 0.25, False),
    "fanout_cost_growth_1m": ("the time for a message out of a million", 1.1, False),
    "memory_growth_1m": ("megabytes more at a million recipients", 10.0, False),
    "history_90_days": ("the time for a day with 90 days behind it", 1.1, False),
}

# The bars of the picture: the part of the results, in words, and what each bar is.
_MESSAGES = {
    "fanout.limit": "aiohttp, prepared body: the limit",
    "fanout.sqlite": "Allclear, SQLite",
    "fanout.postgresql": "Allclear, PostgreSQL",
    "fanout.aiogram": "aiogram, no books",
    "fanout_ptb.sqlite": "Allclear through python-telegram-bot, SQLite",
    "fanout_ptb.ptb": "python-telegram-bot, no books",
    "fanout.broadcaster": "aiogram-broadcaster, SQLite",
}
_TAPS = {
    "taps.limit.sqlite": "aiohttp, one commit for many: the limit, SQLite",
    "taps.limit.postgresql": "… PostgreSQL",
    "taps.sqlite": "Allclear, SQLite",
    "taps.postgresql": "Allclear, PostgreSQL",
    "taps.aiogram.sqlite": "aiogram, a commit for each, SQLite",
    "taps.aiogram.postgresql": "… PostgreSQL",
}
_PANELS = {"messages sent in a second": _MESSAGES, "taps kept and answered in a second": _TAPS}


def number(value: float) -> str:
    """Return a number as people read it."""
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def results() -> list[dict[str, Any]]:
    """Return what the command found last."""
    read: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8"))
    return read


def holds(name: str, value: float) -> bool:
    """Say whether an aim is reached."""
    _, bound, more = AIMS[name]
    return value >= bound if more else value <= bound


def tables(found: Sequence[dict[str, Any]]) -> str:
    """Return the results as the page shows them: what is aimed at, then everything."""
    values = {each["name"]: each["value"] for each in found}
    lines = ["| what | the aim | " + " | ".join(ENGINES.values()) + " |"]
    lines.append("|---" * (2 + len(ENGINES)) + "|")
    for name, (said, bound, more) in AIMS.items():
        cells = [_verdict(name, values[f"{name}.{engine}"]) for engine in ENGINES]
        aim = f"at {'least' if more else 'most'} {number(bound)}"
        lines.append(f"| {said} (`{name}`) | {aim} | {' | '.join(cells)} |")
    lines += ["", "| name | value | unit | compared with |", "|---|---:|---|---|"]
    lines += [
        f"| `{each['name']}` | {number(each['value'])} | {each['unit']} "
        f"| {each['compared_with'] or ''} |"
        for each in found
    ]
    return "\n".join(lines)


def _verdict(name: str, value: float) -> str:
    return number(value) if holds(name, value) else f"{number(value)}, **not reached**"


def picture(found: Sequence[dict[str, Any]]) -> str:
    """Return the rates as bars."""
    values = {each["name"]: each["value"] for each in found}
    left, row, wide = 330, 24, 430
    drawn, y = [], 10
    for title, bars in _PANELS.items():
        drawn.append(f'<text x="12" y="{y + 20}" font-weight="bold">{escape(title)}</text>')
        y += 34
        most = max(values[name] for name in bars)
        for name, said in bars.items():
            length = max(values[name] / most * wide, 1)
            ours = "#2f7d4f" if said.startswith("Allclear") else "#9aa5b1"
            drawn += [
                f'<text x="{left - 8}" y="{y + 15}" text-anchor="end">{escape(said)}</text>',
                f'<rect x="{left}" y="{y + 2}" width="{length:.0f}" height="{row - 6}"'
                f' fill="{ours}"/>',
                f'<text x="{left + length + 6:.0f}" y="{y + 15}">{values[name]:,.0f}</text>',
            ]
            y += row
        y += 10
    size = f'width="{left + wide + 70}" height="{y}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif"'
            ' font-size="13" fill="#1f2933">',
            f'<rect {size} fill="#ffffff"/>',
            *drawn,
            "</svg>\n",
        ]
    )


def keep(measured: Sequence[Result]) -> None:
    """Write the results down, and put table and picture where the page has their place."""
    found = [asdict(each) | {"value": round(each.value, 3)} for each in measured]
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PICTURE.write_text(picture(found), "utf-8")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables(found)}\n{END}{after}", "utf-8")
