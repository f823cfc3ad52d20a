"""Tables in months, on PostgreSQL: parts are made ahead, and go whole when they are outlived.

What a day brings lies in the part of its month. Rows of a month that has no part yet, and of days
far ahead, lie in `other`, so that a forgotten part stops no morning; when the part is made, they
move. A ledger row whose cause names no day lies in `undated`.
"""

from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, text

from checkin.facts import fact
from storage.database import Database

MONTHS_AHEAD = 2


@fact
class Parted:
    """A table in months: by which column, and how a bound is written."""

    name: str
    by: str
    bound: str

    def part(self, month: date) -> str:
        """Return the name of a month's part."""
        return f"{self.name}_{month:%Y_%m}"

    def within(self, month: date) -> str:
        """Return the bounds of a month as literals."""
        first, after = (self.bound.format(day) for day in (month, month_after(month)))
        return f"FROM ('{first}') TO ('{after}')"


LEDGER = Parted("ledger", "day", "{}")
HISTORY = Parted("history_entry", "at", "{} 00:00+00")
PARTED = (LEDGER, HISTORY)


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def month_after(day: date) -> date:
    """Return the first day of the next month."""
    return month_of(month_of(day) + timedelta(days=31))


async def make_ahead(database: Database, today: date) -> int:
    """Make the parts of this month and the next ones that are not there; return how many."""
    if database.is_sqlite:
        return 0
    months = [month_of(today)]
    for _ in range(MONTHS_AHEAD):
        months.append(month_after(months[-1]))

    def make(connection: Connection) -> int:
        made = 0
        for parted in PARTED:
            there = parts_of(connection, parted)
            for month in months:
                if month not in there:
                    _make(connection, parted, month)
                    made += 1
        return made

    return await database.rearrange(make) or 0


async def drop_before(database: Database, parted: Parted, before: date) -> int | None:
    """Drop the parts of months that ended before a day; return how many (SQLite has none).

    None: the table is in use, and it is for another time.
    """
    if database.is_sqlite:
        return 0

    def drop(connection: Connection) -> int:
        outlived = [
            name
            for month, name in parts_of(connection, parted).items()
            if month_after(month) <= before
        ]
        for name in outlived:
            connection.execute(text(f"DROP TABLE {name}"))
        return len(outlived)

    return await database.rearrange(drop)


def parts_of(connection: Connection, parted: Parted) -> dict[date, str]:
    """Return the parts of a table that are a month's."""
    rows = connection.execute(
        text(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = CAST(:name AS regclass)"
        ),
        {"name": parted.name},
    )
    found: dict[date, str] = {}
    for (name,) in rows:
        year, _, month = name.removeprefix(f"{parted.name}_").partition("_")
        if year.isdigit() and month.isdigit():
            found[date(int(year), int(month), 1)] = name
    return found


def _make(connection: Connection, parted: Parted, month: date) -> None:
    """Make a month's part beside the table, move into it what lies in `other`, and attach it."""
    name, part, other = parted.name, parted.part(month), f"{parted.name}_other"
    low, high = (parted.bound.format(day) for day in (month, month_after(month)))
    inside: dict[str, Any] = {"low": low, "high": high}
    kind = "date" if parted.by == "day" else "timestamptz"
    where = f"{parted.by} >= CAST(:low AS {kind}) AND {parted.by} < CAST(:high AS {kind})"
    connection.execute(text(f"CREATE TABLE {part} (LIKE {name} INCLUDING DEFAULTS)"))
    waiting = f"SELECT 1 FROM {other} WHERE {where} LIMIT 1"  # noqa: S608 - names of ours
    if connection.execute(text(waiting), inside).first():
        connection.execute(text(f"LOCK TABLE {other} IN ACCESS EXCLUSIVE MODE"))
        moved = f"WITH moved AS (DELETE FROM {other} WHERE {where} RETURNING *)"  # noqa: S608
        move = f"{moved} INSERT INTO {part} SELECT * FROM moved"  # noqa: S608
        connection.execute(text(move), inside)
    attach = f"ALTER TABLE {name} ATTACH PARTITION {part} FOR VALUES {parted.within(month)}"
    connection.exec_driver_sql(attach)
