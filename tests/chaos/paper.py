"""The page about reliability: its tables are made of the results and of nothing else."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.chaos.runs import NAMED

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
    "left unclear",
    "lost",
    "unexplained",
    "at most by one",
    "allowed",
    "taps",
    "taps lost",
    "stale cards",
    "back after (s)",
)


PROMISED = 5.0  # seconds from the start to being at work, as the page says
SLOWER = 1.2  # times what Python alone needs to read the program in, where that is longer


def may_take(bare_start: float) -> float:
    """Return within how many seconds it is to be at work on a machine of such a bare start."""
    return max(PROMISED, SLOWER * bare_start)


def results() -> dict[str, Any]:
    """Return what the command found last."""
    read: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return read


def table(kept: dict[str, Any]) -> str:
    """Return the results as the page shows them."""
    bare = max((run["bare_start"] for run in kept["runs"] if run["timed"]), default=0.0)
    days = sorted({run["day"] for run in kept["runs"]})
    seeds = ", ".join(map(str, sorted({run["seed"] for run in kept["runs"]})))
    lines = [
        f"Measured on {days[0]}{f' to {days[-1]}' if len(days) > 1 else ''}, seed {seeds}. "
        f"Python alone took up to {bare:.1f} s there to read the program in, so what is timed "
        f"may take {may_take(bare):.1f} s.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    for run in kept["runs"]:
        back = run["back_after"] if run["timed"] else None
        cells = (
            run["said"],
            f"{run['messages']:,}",
            run["blows"],
            f"{run['ok']:,}",
            run["recovered"],
            run["duplicated"],
            run["left"],
            run["lost"],
            run["unexplained"],
            run["worst"],
            run["window"],
            f"{run['taps']:,}",
            run["taps_lost"] + run["taps_twice"],
            run["stale"],
            f"{back['median']:.1f}, at most {back['longest']:.1f}" if back else "",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def keep(line: dict[str, Any]) -> None:
    """Put a run in place of what it found before, and the table where the page has its place."""
    runs = {run["name"]: run for run in results()["runs"]} if RESULTS.exists() else {}
    runs[line["name"]] = {"day": datetime.now(UTC).date().isoformat(), **line}
    kept = {"runs": [runs[name] for name in NAMED if name in runs]}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(kept)}\n{END}{after}", "utf-8")
