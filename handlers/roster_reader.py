"""The process that opens a spreadsheet: workbook on stdin, rows as JSON on stdout, little memory.

    python roster_reader.py MEMORY_BYTES MOST_ROWS < book.xlsx

It only turns bytes into rows. Whatever happens to it (killed, out of memory, out of time), the bot
sees a file that cannot be read.
"""

import io
import json
import sys
from datetime import date, datetime, time, timedelta
from typing import Any


def main(memory: int, most_rows: int) -> None:
    """Read stdin, write stdout."""
    _limit(memory)
    # Imported under the limit, and only in this process.
    from python_calamine import (  # noqa: PLC0415
        CalamineError,
        CalamineWorkbook,
        PasswordError,
    )

    answer: dict[str, Any]
    try:
        answer = {"sheets": _sheets(CalamineWorkbook, sys.stdin.buffer.read(), most_rows)}
    except PasswordError:
        answer = {"refused": "password"}
    except CalamineError:
        answer = {"refused": "corrupt"}
    sys.stdout.write(json.dumps(answer))


def _limit(memory: int) -> None:
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))


def _sheets(workbook_type: Any, content: bytes, most_rows: int) -> list[dict[str, Any]]:
    workbook = workbook_type.from_filelike(io.BytesIO(content))
    found = []
    for name in workbook.sheet_names:
        sheet = workbook.get_sheet_by_name(name)
        # One row more than allowed, so that the excess is seen.
        rows = [
            [_plain(cell) for cell in row]
            for row in sheet.to_python(skip_empty_area=False, nrows=most_rows + 1)
        ]
        _fill_merged(rows, sheet.merged_cell_ranges or ())
        found.append({"name": name, "rows": [_trimmed(row) for row in rows]})
    return found


def _fill_merged(rows: list[list[Any]], ranges: Any) -> None:
    """Say in every cell of a merged range what its first cell says."""
    for (top, left), (bottom, right) in ranges:
        if top >= len(rows) or left >= len(rows[top]):
            continue
        for row in rows[top : bottom + 1]:
            width = min(right + 1, len(row))
            row[left:width] = [rows[top][left]] * (width - left)


def _trimmed(row: list[Any]) -> list[Any]:
    while row and row[-1] == "":
        row.pop()
    return row


def _plain(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return {"moment": cell.isoformat()}
    if isinstance(cell, date):
        return {"day": cell.isoformat()}
    if isinstance(cell, time | timedelta):
        return str(cell)
    return cell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
