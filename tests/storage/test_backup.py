"""A copy made while somebody writes shows one moment, opens, and lets nobody else read it."""

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlmodel import select

from storage.backup import BackupError, back_up
from storage.database import Database
from storage.tables import Unit
from tests.builders import a_school

pytestmark = pytest.mark.sqlite_only


async def test_a_copy_made_in_the_middle_of_writing_shows_one_moment(
    database: Database, tmp_path: Path
) -> None:
    async with database.writing() as session:
        school = await a_school(session)
    target = tmp_path / "copy.sqlite3"
    async with database.writing() as session:
        unit = await session.get_one(Unit, school.class_id)
        unit.name = "not kept yet"
        await session.flush()
        size = await asyncio.to_thread(back_up, database.url, target)
        unit.name = "kept"
    assert size == target.stat().st_size > 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not target.with_name(target.name + ".part").exists()
    copy = Database(f"sqlite:///{target}", safe=False)
    try:
        await copy.migrate()  # it opens, and is as new as the house
        async with copy.reading() as session:
            names = {unit.name for unit in await session.exec(select(Unit))}
    finally:
        await copy.close()
    assert len(names) == 2
    assert names.isdisjoint({"kept", "not kept yet"})


async def test_an_older_copy_is_never_written_over(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.sqlite3"
    target.write_text("precious")
    with pytest.raises(BackupError, match="exists already"):
        back_up(database.url, target)
    assert target.read_text() == "precious"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///nowhere.sqlite3", "no database"),
        ("sqlite:///:memory:", "no database"),
    ],
)
def test_where_there_is_nothing_to_copy_a_sentence_says_so(
    tmp_path: Path, url: str, said: str
) -> None:
    with pytest.raises(BackupError, match=said):
        back_up(url, tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_that_is_not_sound_is_none(tmp_path: Path) -> None:
    sick = tmp_path / "sick.sqlite3"
    connection = sqlite3.connect(sick)
    connection.execute("CREATE TABLE t (x)")
    connection.executemany("INSERT INTO t VALUES (?)", [("y" * 500,)] * 200)
    connection.commit()
    connection.close()
    content = bytearray(sick.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xff" * 4096
    sick.write_bytes(content)
    with pytest.raises(BackupError, match="No copy was made"):
        back_up(f"sqlite:///{sick}", tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["sick.sqlite3"]
