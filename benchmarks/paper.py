"""The page about speed: its table and picture are made of the results and of nothing else."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.measure import Result

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def number(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def keep(found: Sequence[Result], where: str) -> None:
    documents = [asdict(each) | {"value": round(each.value, 3)} for each in found]
    RESULTS.write_text(json.dumps(documents, indent=1) + "\n")
