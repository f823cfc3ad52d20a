"""The page about reliability: its tables are made of the results and of nothing else."""

import json
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).parent.parent.parent
RESULTS = Path(__file__).parent / "results.json"
PAGE = HOUSE / "docs" / "reliability.md"
BEGIN, END = "<!-- made by python -m tests.chaos -->", "<!-- until here -->"

COLUMNS = (
    "what is done to it",
    "messages",
    "times",
    "came once",
    "recovered",
    "twice",
    "lost",
    "unexplained",
    "at most by one",
    "allowed",
    "taps",
    "taps lost",
    "back after (s)",
)


def results() -> dict[str, Any]:
    """Return what the command found last."""
    read: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return read


def table(kept: dict[str, Any]) -> str:
    """Return the results as the page shows them."""
    lines = [
        f"Measured on {kept['day']} with Python {kept['python']}, seed {kept['seed']}.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    for run in kept["runs"]:
        back = run["back_after"]
        cells = (
            run["said"],
            f"{run['messages']:,}",
            run["blows"],
            f"{run['ok']:,}",
            run["recovered"],
            run["duplicated"],
            run["lost"],
            run["unexplained"],
            run["worst"],
            run["window"],
            f"{run['taps']:,}",
            run["taps_lost"] + run["taps_twice"],
            f"{back['median']:.1f}, at most {back['longest']:.1f}" if back else "",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def write_page(kept: dict[str, Any]) -> None:
    """Put the table where the page has its place for it."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(kept)}\n{END}{after}", "utf-8")
