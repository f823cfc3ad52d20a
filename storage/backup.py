"""A copy of a SQLite database while it is in use: one moment of it, whole or not at all."""

import os
import sqlite3
from pathlib import Path

from sqlalchemy import make_url

from storage.database import async_url


class BackupError(Exception):
    """The copy could not be made; the sentence says what to do."""


def back_up(url: str, target: Path) -> int:
    """Copy the database to a file that only its owner may read; return its bytes.

    Writers may go on meanwhile: the copy shows the moment at which it began. The file has its
    name only once it is whole and was looked through.

    Raises:
        BackupError: it is no SQLite file, the target exists, or the copy is not sound.
    """
    address = make_url(async_url(url))
    source = Path(address.database or "")
    if address.get_backend_name() != "sqlite":
        raise BackupError("This copies a SQLite file. PostgreSQL has a tool of its own: pg_dump.")
    if not source.is_file():
        raise BackupError(f"There is no database at {source} yet.")
    if target.exists():
        raise BackupError(f"{target} exists already; name another file.")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(source, part)
        part.rename(target)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise BackupError(f"No copy was made: {error}.") from error
    return target.stat().st_size


def _copy(source: Path, part: Path) -> None:
    live = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=15)
    copy = sqlite3.connect(part)
    try:
        live.backup(copy)  # all of it in one step: one moment, and no writer starts it anew
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
        [said] = copy.execute("PRAGMA quick_check").fetchone()
        if said != "ok":
            raise sqlite3.DatabaseError(said)
    finally:
        copy.close()
        live.close()
    with part.open("rb") as written:
        os.fsync(written.fileno())
