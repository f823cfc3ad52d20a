"""Names, phones, answers and free text at rest."""

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlmodel import select

from storage.database import Database
from storage.sealing import KeyFileError, Keyring, Private, SealBrokenError, keyring, use_keyring
from storage.sql import affected, table
from storage.tables import Person
from tests.builders import a_school

OLD, NEW = bytes(32), b"n" * 32


@given(st.text(), st.text(max_size=20))
def test_what_was_sealed_opens_for_its_own_place_only(text: str, place: str) -> None:
    ring = Keyring([OLD])
    sealed = ring.seal(text, place)
    assert ring.open(sealed, place) == text
    with pytest.raises(SealBrokenError):
        ring.open(sealed, place + "x")


@given(st.integers(0, 200), st.integers(1, 255))
def test_an_altered_value_does_not_open(place: int, flip: int) -> None:
    ring = Keyring([OLD])
    sealed = bytearray(ring.seal("Ana has 38.5", "person.name:1"))
    sealed[place % len(sealed)] ^= flip
    with pytest.raises(SealBrokenError):
        ring.open(bytes(sealed), "person.name:1")


@pytest.mark.parametrize("sealed", [b"", b"x", b"x" * 16, b"x" * 40])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SealBrokenError):
        Keyring([OLD]).open(sealed, "person.name:1")


def test_equal_texts_are_sealed_differently_and_found_by_the_same_index() -> None:
    ring = Keyring([OLD])
    assert ring.seal("Ana", "x") != ring.seal("Ana", "x")
    assert ring.blind_index("13900000001") == ring.blind_index("13900000001")
    assert ring.blind_index("13900000001") != ring.blind_index("13900000002")


def test_a_new_key_seals_the_old_one_still_opens_and_phones_are_still_found() -> None:
    before, after = Keyring([OLD]), Keyring([NEW, OLD])
    earlier = before.seal("Ana", "x")
    assert after.open(earlier, "x") == "Ana"
    later = after.seal("Ben", "x")
    with pytest.raises(SealBrokenError):
        before.open(later, "x")
    assert before.blind_index("139") == after.blind_index("139")


async def test_a_name_copied_onto_another_row_does_not_open(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        ana, ben = rows.person("Ana"), rows.person("Ben")
        await session.flush()
        name = select(Person.name).where(Person.id == ana).scalar_subquery()
        await affected(
            session,
            update(table(Person)).where(table(Person).c.id == ben).values(name=name),
        )
    async with database.reading() as session:
        moved = (await session.get_one(Person, ben)).name
        own = (await session.get_one(Person, ana)).name
    assert own is not None
    assert own.read(ana) == "Ana"
    assert moved is not None
    with pytest.raises(SealBrokenError):
        moved.read(ben)


def test_a_private_value_shows_nothing_of_itself() -> None:
    value = Private.of(1, "Ana has 38.5")
    assert "Ana" not in f"{value!r} {value} {[value]}"
    with pytest.raises(SealBrokenError):
        value.read(2)


def test_without_keys_nothing_is_read_or_written() -> None:
    use_keyring(None)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="keyring"):
        keyring()


# ---- the key file --------------------------------------------------------------------------


def test_the_first_start_makes_a_key_that_only_we_can_read(tmp_path: Path) -> None:
    path = tmp_path / "var" / "keys"
    first = Keyring.from_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keyring.from_file(path).open(first.seal("Ana", "x"), "x") == "Ana"


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b"!!!!\n", b"\xff\xfe\n", b"QUJD\n"])
def test_a_damaged_key_file_is_a_sentence_and_stays_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(KeyFileError, match=r"is damaged.*Put back your copy"):
        Keyring.from_file(path)
    assert path.read_bytes() == content


def test_a_key_file_that_cannot_be_read_at_all_is_a_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=str(tmp_path)):
        Keyring.from_file(tmp_path)


def test_two_keys_in_the_file_are_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"\n".join(base64.b64encode(key) for key in (NEW, OLD)) + b"\n")
    os.chmod(path, 0o600)
    assert Keyring([NEW]).open(Keyring.from_file(path).seal("Ana", "x"), "x") == "Ana"
