"""Every line that the log can say is explained to whoever runs a school."""

import re
from pathlib import Path

HOUSE = Path(__file__).parent.parent.parent
FLOORS = ("bot", "web", "handlers", "storage")
LINE = re.compile(r'\b(?:log\.(?:info|warning|error|exception)|say)\(\s*"([^"]+)"')


def test_every_line_of_the_log_is_explained() -> None:
    paths = [
        HOUSE / "scheduler.py",
        *(p for floor in FLOORS for p in (HOUSE / floor).rglob("*.py")),
    ]
    said = {line for path in paths for line in LINE.findall(path.read_text("utf-8"))}
    explained = (HOUSE / "docs" / "operations.md").read_text("utf-8")
    assert len(said) > 15
    assert sorted(line for line in said if f"`{line}`" not in explained) == []
