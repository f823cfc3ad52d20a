"""A million recipients from ten thousand: every row copied, with ids of its own, set by set.

The copies' sealed names cannot be opened, for a seal is bound to its row. They stand behind the
real ones in the queue, and nothing is sent to them.
"""

import sqlite3

import psycopg
from sqlalchemy import make_url

OWN = 1 << 44  # between two copies of an id that we make: further than the ids of one filling
COUNTED = 10_000_000  # between two copies of an id that the database counts
_STEPS = {
    "person": {"id": OWN},
    "contact": {"id": OWN, "person_id": OWN, "chat_id": COUNTED},
    "enrolment": {"id": OWN, "person_id": OWN},
    "guardianship": {"id": OWN, "student_id": OWN, "guardian_id": OWN},
    "check_in": {"id": COUNTED, "subject_id": OWN},
    "card": {"id": COUNTED, "contact_id": OWN},
    "ledger": {"id": COUNTED, "contact_id": OWN, "card_id": COUNTED},
}


def multiply(address: str, copies: int) -> None:
    """Copy every recipient so many times."""
    url = make_url(address)
    if url.get_backend_name() == "sqlite":
        _in_sqlite(url.database or "", copies)
    else:
        _in_postgresql(address, copies)


def _in_sqlite(path: str, copies: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-200000")
    connection.execute("CREATE TEMP TABLE copy (n INTEGER)")
    connection.executemany("INSERT INTO copy VALUES (?)", ((n + 1,) for n in range(copies)))
    connection.execute("BEGIN")
    for table, steps in _STEPS.items():
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        connection.execute(_copied(table, columns, steps))
    connection.execute("COMMIT")
    connection.close()


def _in_postgresql(address: str, copies: int) -> None:
    with psycopg.connect(address) as connection:
        # No reference needs to be looked at: whatever is copied has its own.
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT n FROM"
                           " generate_series(1, %s) AS n", (copies,))  # fmt: skip
        for table, steps in _STEPS.items():
            found = connection.execute(f"SELECT * FROM {table} LIMIT 0")  # type: ignore[call-overload]
            columns = [column.name for column in found.description or ()]
            connection.execute(_copied(table, columns, steps))  # type: ignore[call-overload]


def _copied(table: str, columns: list[str], steps: dict[str, int]) -> str:
    values = [
        f'"{name}" + n * {steps[name]}' if name in steps else f'"{name}"' for name in columns
    ]
    names = ", ".join(f'"{name}"' for name in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} "  # noqa: S608 - ours
        f"FROM copy CROSS JOIN {table} ORDER BY n, id"
    )
