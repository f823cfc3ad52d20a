"""What every test stands on: real parts, a fresh database, the same invented people.

The parts are imported where they are made: with several workers this file is also read by the
process that only hands out the tests, and the workers wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from storage.database import Database
    from storage.sealing import Keyring
    from tests.play import Stage

gc.set_threshold(50_000, 20, 100)  # importing makes no garbage


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden transcripts")


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Let an example take as long as it takes: a busy machine is not a wrong answer."""
    from hypothesis import settings

    settings.register_profile("school", deadline=None)
    settings.load_profile("school")


def pytest_collection_finish() -> None:
    """Leave the libraries out when garbage is looked for: nothing of them will ever be any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


EMPTY: list[Database] = []


@pytest.fixture(scope="session")
def migrated() -> Path:
    """An empty database with all tables, made once and copied for each test."""
    from storage.database import Database

    path = Path(tempfile.mkdtemp()) / "empty.sqlite3"

    async def make() -> None:
        database = Database(f"sqlite:///{path}", safe=False)
        await database.migrate()
        await database.close()
        EMPTY.append(database)

    asyncio.run(make())
    return path


def know_statements(database: Database) -> None:
    """Let a database know what others have compiled: statements are kept by their dialect."""
    first = EMPTY[0].engine.sync_engine
    for engine in (database.engine.sync_engine, database._write_engine.sync_engine):
        engine.dialect = first.dialect
        engine._compiled_cache = first._compiled_cache


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
async def database(migrated: Path, tmp_path: Path) -> AsyncIterator[Database]:
    from storage.database import Database

    path = tmp_path / "school.sqlite3"
    shutil.copy(migrated, path)
    database = Database(f"sqlite:///{path}", safe=False)
    know_statements(database)
    yield database
    await database.close()


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
