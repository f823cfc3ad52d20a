"""The few column types that every table shares."""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer
from sqlmodel import Field

from storage.ids import new_id
from storage.sealing import Sealed

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements only an INTEGER key


def own_id() -> Any:
    """A primary key that we make ourselves (see `storage.ids`)."""
    return Field(default_factory=new_id, primary_key=True, sa_type=BigInteger)


def row_id() -> Any:
    """A primary key that the database counts, for rows that are made by the million."""
    return Field(default=None, primary_key=True, sa_type=BigId)


def link(target: str, *, index: bool = False) -> Any:
    """A required reference to another row."""
    return Field(sa_type=BigInteger, index=index, sa_column_args=[_reference(target)])


def maybe_link(target: str, *, index: bool = False) -> Any:
    """A reference that may be empty."""
    return Field(
        default=None,
        sa_type=BigInteger,
        nullable=True,
        index=index,
        sa_column_args=[_reference(target)],
    )


def _reference(target: str) -> ForeignKey:
    """A foreign key that is checked at the commit: rows are written in no particular order."""
    return ForeignKey(target, deferrable=True, initially="DEFERRED")


def big() -> Any:
    """A number of Telegram's: beyond 32 bits."""
    return Field(sa_type=BigInteger)


def maybe_big() -> Any:
    """A number of Telegram's that may be empty."""
    return Field(default=None, sa_type=BigInteger, nullable=True)


def sealed(place: str) -> Any:
    """Private text: `place` is `table.column`, part of what the value is bound to."""
    return Field(default=None, sa_type=Sealed(place), nullable=True)


def document(default: Any = dict) -> Any:
    """A JSON value."""
    return Field(default_factory=default, sa_type=JSON)
