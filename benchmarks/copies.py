"""Rows copied within their tables, each with ids and dates of its own, set by set.

With the seals as they are: a name that was sealed to one row cannot be opened in its copy.
"""

import sqlite3
from collections.abc import Callable, Mapping

import psycopg
from sqlalchemy import make_url

OWN = 1 << 44  # between two copies of an id that we make: further than the ids of one filling

_NUMBERS = "SELECT n FROM generate_series(1, {}) AS n"

# Says in SQL, for SQLite or not, what stands in a column of the copy with the number n.
Change = Callable[[str, bool], str]
Tables = Mapping[str, Mapping[str, Change]]


def further(step: int) -> Change:
    """Return the change of an id, or of a link to one."""
    return lambda column, _: f'"{column}" + n * {step}'


def later(column: str, sqlite: bool) -> str:
    """Move a day, n days on."""
    return f"date(\"{column}\", '+' || n || ' days')" if sqlite else f'"{column}" + n'


def later_then(column: str, sqlite: bool) -> str:
    """Move a moment, n days on."""
    if not sqlite:
        return f"\"{column}\" + n * interval '1 day'"
    return f"date(\"{column}\", '+' || n || ' days') || substr(\"{column}\", 11)"


def about(day: str) -> Change:
    """Return the change of a text that names a day."""

    def change(column: str, sqlite: bool) -> str:
        named = f"date('{day}', '+' || n || ' days')" if sqlite else f"(date '{day}' + n)::text"
        return f"replace(\"{column}\", '{day}', {named})"

    return change


def copy_rows(address: str, copies: int, tables: Tables) -> None:
    """Copy every row of these tables so many times."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        _in_sqlite(url.database or "", copies, tables)
    else:
        _in_postgresql(address, copies, tables)


def _in_sqlite(path: str, copies: int, tables: Tables) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute("CREATE TEMP TABLE copy (n INTEGER)")
    connection.executemany("INSERT INTO copy VALUES (?)", ((n + 1,) for n in range(copies)))
    connection.execute("BEGIN")
    for table, changes in tables.items():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        connection.execute(_copied(table, columns, changes, sqlite=True))
    connection.execute("COMMIT")
    connection.close()


def _in_postgresql(address: str, copies: int, tables: Tables) -> None:
    with psycopg.connect(address) as connection:
        # No reference needs to be looked at: whatever is copied has its own.
        connection.execute("SET LOCAL session_replication_role = replica")
        numbers = f"CREATE TEMP TABLE copy ON COMMIT DROP AS {_NUMBERS.format(copies)}"
        connection.execute(numbers.encode())
        for table, changes in tables.items():
            found = connection.execute(f"TABLE {table} LIMIT 0".encode())
            columns = [column.name for column in found.description or ()]
            connection.execute(_copied(table, columns, changes, sqlite=False).encode())
            counted = f"pg_get_serial_sequence('{table}', 'id')"  # none for ids that we make
            count_on = f"SELECT setval({counted}, max(id)) FROM {table}"  # noqa: S608 - ours
            connection.execute(count_on.encode())


def _copied(table: str, columns: list[str], changes: Mapping[str, Change], *, sqlite: bool) -> str:
    values = [changes[name](name, sqlite) if name in changes else f'"{name}"' for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} "  # noqa: S608 - ours
        f"FROM copy CROSS JOIN {table} WHERE true ORDER BY n, id ON CONFLICT DO NOTHING"
    )
