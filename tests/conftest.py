"""What every test stands on: real parts, a fresh database, the same invented people.

The parts are imported where they are made: with several workers this file is also read by the
process that only hands out the tests, and the workers wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from storage.database import Database
    from storage.sealing import Keyring
    from tests.chaos.nursery import Nursery, Parent
    from tests.play import Stage
    from tests.postgres import Server

gc.disable()  # importing makes no garbage

# Both libraries read some hundred certificates for each transport; hundreds are made here.
ssl.create_default_context = cache(ssl.create_default_context)


IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of each run's own is made there
ROOM = 4 << 30  # bytes free: four workers take a tenth of it

ON_BOTH = (
    "tests/storage/",
    "tests/handlers/test_batches.py",
    "tests/handlers/test_delivery_proof.py",
    "tests/handlers/test_inbox.py",
    "tests/handlers/test_retention.py",
    "tests/handlers/test_taps_at_the_close.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden transcripts")
    parser.addoption(
        "--postgresql", action="store_true", help="run every test that keeps rows on PostgreSQL"
    )
    parser.addoption("--pooler", action="store_true", help="the same, behind a PgBouncer")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run on PostgreSQL too what asks most of a database; a morning takes longer there."""
    if "database_url" not in metafunc.fixturenames:
        return

    def marked(name: str) -> bool:
        return metafunc.definition.get_closest_marker(name) is not None

    both = marked("both_databases") or metafunc.definition.nodeid.startswith(ON_BOTH)
    if marked("sqlite_only"):
        kinds = ["sqlite"]
    elif metafunc.config.getoption("--pooler"):
        kinds = ["pooler"]
    elif marked("pooler_too"):
        kinds = ["postgresql", "pooler"]
    elif marked("postgresql_only") or metafunc.config.getoption("--postgresql"):
        kinds = ["postgresql"]
    else:
        kinds = ["sqlite", "postgresql"] if both else ["sqlite"]
    if kinds != ["sqlite"]:
        metafunc.parametrize("database_url", kinds, indirect=True)


def pytest_configure() -> None:
    """Keep rows in memory where there is room: making a database of files takes a disk long.

    Whoever names a place in TMPDIR is obeyed; workers have it from the process that starts them.
    """
    with suppress(OSError):
        if "TMPDIR" not in os.environ and shutil.disk_usage(IN_MEMORY).free > ROOM:
            os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Let an example take as long as it takes: a busy machine is not a wrong answer.

    And import aiogram as the bot does, before a benchmark imports it in six seconds more.
    """
    from hypothesis import settings

    import bot.aiogram_import  # noqa: F401

    settings.register_profile("school", deadline=None)
    settings.load_profile("school")


def pytest_collection_finish() -> None:
    """Leave the libraries out when garbage is looked for: nothing of them will ever be any."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)


def make_empty(url: str) -> None:
    """Make the tables in an empty database."""
    from storage.database import Database

    async def make() -> None:
        database = Database(url, safe=False)
        await database.migrate()
        await database.close()

    asyncio.run(make())


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with all tables, made once and copied for each test."""
    path = tmp_path_factory.mktemp("empty") / "empty.sqlite3"
    make_empty(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A PostgreSQL on which a test may make databases."""
    from tests.postgres import running

    with running() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Server) -> Iterator[str]:
    """The name of an empty database with all tables, made once and copied for each test."""
    name = postgresql.make()
    make_empty(postgresql.address(name))
    yield name
    postgresql.drop(name)


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> None:
    """Let each database know what the first of its kind has compiled: they are kept by dialect."""
    from storage.database import Database

    made, first = Database.__init__, dict[bool, Any]()

    def make(self: Database, url: str, *, safe: bool = True) -> None:
        made(self, url, safe=safe)
        known = first.setdefault(self.is_sqlite, self.engine.sync_engine)
        if getattr(known.dialect, "server_version_info", None) is None:  # never connected
            known = first[self.is_sqlite] = self.engine.sync_engine
        for engine in (self.engine, self._read_engine, self._write_engine, self._note_engine):
            engine.sync_engine.dialect = known.dialect
            engine.sync_engine._compiled_cache = known._compiled_cache

    Database.__init__ = make  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def quiet_logs() -> None:
    """Say nothing: the default renderer draws each traceback with its variables, in seconds."""
    import structlog

    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.ReturnLoggerFactory(),
    )


@pytest.fixture(autouse=True)
def keys() -> Keyring:
    from storage.sealing import Keyring, use_keyring

    keys = Keyring([bytes(range(32))])
    use_keyring(keys)
    return keys


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with empty tables."""
    if getattr(request, "param", "sqlite") == "sqlite":
        path = tmp_path / "school.sqlite3"
        shutil.copy(request.getfixturevalue("migrated"), path)
        yield f"sqlite:///{path}"
        return
    template: str = request.getfixturevalue("postgresql_template")
    server: Server = request.getfixturevalue("postgresql")
    name = server.make(template)
    yield request.getfixturevalue(request.param).address(name)
    server.drop(name)


@pytest.fixture(scope="session")
def pooler(postgresql: Server) -> Iterator[Server]:
    """The same PostgreSQL behind a pooler in transaction mode."""
    from tests.pooler import pooled

    with pooled(postgresql) as server:
        yield server


@pytest.fixture
def postgresql_address(postgresql: Server) -> Iterator[str]:
    """The address of a database on PostgreSQL in which there is nothing at all."""
    name = postgresql.make()
    yield postgresql.address(name)
    postgresql.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    from storage.database import Database

    database = Database(database_url, safe=False)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def parent() -> Iterator[Parent]:
    """A process that has imported everything, and from which others are forked."""
    from tests.chaos.nursery import Parent

    parent = Parent()
    yield parent
    parent.close()


@pytest.fixture
async def nursery(parent: Parent) -> AsyncIterator[Nursery]:
    """Real processes of ours that start at once."""
    from tests.chaos.nursery import Nursery

    async with Nursery(parent) as nursery:
        yield nursery


GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def library(request: pytest.FixtureRequest) -> str:
    """Which library the stage talks through: English through one, Chinese through the other.

    Whatever does not depend on the language goes through the default one; `make soak` has them
    change places, so that both play everything.
    """
    callspec = getattr(request.node, "callspec", None)
    language = callspec.params.get("language", "en") if callspec else "en"
    swapped = bool(os.environ.get("ALLCLEAR_SOAK"))
    return "aiogram" if (language == "en") != swapped else "ptb"


@pytest.fixture
async def stage(database: Database, library: str) -> AsyncIterator[Stage]:
    """The whole of Allclear around a sandbox of its own, before the morning."""
    import aiohttp

    from sandbox.clock import ShiftedClock
    from sandbox.limits import Limits
    from sandbox.server import Sandbox
    from tests.libraries import a_transport
    from tests.play import Stage

    async with Sandbox(clock=ShiftedClock(), limits=Limits.none()) as sandbox:
        transport = a_transport(library, sandbox.url)
        try:
            await transport.open()
            async with aiohttp.ClientSession(sandbox.url) as http:
                yield Stage(database, sandbox, transport, http)
        finally:
            await transport.close()


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a transcript with the specification, or rewrite it with --update."""

    def compare(name: str, transcript: str) -> None:
        path = GOLDEN / f"{name}.txt"
        if request.config.getoption("--update"):
            path.write_text(transcript)
        assert path.exists(), f"no golden transcript {name}: run with --update and read it"
        assert transcript == path.read_text()

    return compare
