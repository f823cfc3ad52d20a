"""Names, phones, answers and free text at rest: AES-GCM, bound to the row that they belong to."""

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

from checkin.facts import fact

_NONCE = 12
_KEY_MARK = 4


class KeyFileError(Exception):
    """The key file cannot be used; the sentence says how to mend it."""


class SealBrokenError(Exception):
    """A sealed value was altered, moved to another row, or sealed with a key that is gone."""


class Keyring:
    """The keys for fields at rest: the first seals, all open, so that keys can be rotated."""

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise KeyFileError("A key has 32 bytes; the key file needs at least one.")
        self._ciphers = {hashlib.sha256(key).digest()[:_KEY_MARK]: AESGCM(key) for key in keys}
        self._first = hashlib.sha256(keys[0]).digest()[:_KEY_MARK]
        self._index_key = hmac.digest(keys[-1], b"allclear blind index", "sha256")

    @classmethod
    def from_file(cls, path: Path) -> "Keyring":
        """Read the keys, one in base64 a line, newest first; make the file on the first start."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            line = base64.b64encode(secrets.token_bytes(32)) + b"\n"
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        try:
            lines = path.read_text().split()
            return cls([base64.b64decode(line, validate=True) for line in lines])
        except (ValueError, KeyFileError) as error:
            raise KeyFileError(
                f"The key file {path} is damaged: it must hold one 32-byte key in base64 a line. "
                "Put back your copy of it; without it names and answers cannot be read."
            ) from error
        except OSError as error:
            raise KeyFileError(
                f"The key file {path} cannot be read ({error.strerror}). "
                "ALLCLEAR_KEY_FILE says where it is."
            ) from error

    def seal(self, text: str, bound_to: str) -> bytes:
        """Encrypt `text` for the one place that `bound_to` names."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._ciphers[self._first].encrypt(nonce, text.encode(), bound_to.encode())
        return self._first + nonce + sealed

    def open(self, sealed: bytes, bound_to: str) -> str:
        """Decrypt what was sealed for `bound_to`.

        Raises:
            SealBrokenError: altered, moved to another row, or the key is gone.
        """
        cipher = self._ciphers.get(sealed[:_KEY_MARK])
        body = sealed[_KEY_MARK:]
        try:
            if cipher is None:
                raise InvalidTag
            return cipher.decrypt(body[:_NONCE], body[_NONCE:], bound_to.encode()).decode()
        except InvalidTag:
            raise SealBrokenError(bound_to) from None

    def blind_index(self, text: str) -> bytes:
        """Return what equal texts share, to find a phone number without reading any."""
        return hmac.digest(self._index_key, text.encode(), "sha256")[:16]


_keyring: Keyring | None = None


def use_keyring(keyring: Keyring) -> None:
    """Set the keys of this process; the composition root does so once, before the first query."""
    global _keyring  # noqa: PLW0603 - a column type has no other way to reach the process's keys
    _keyring = keyring


def keyring() -> Keyring:
    """Return the keys of this process; without them nothing is read or written (fail closed)."""
    if _keyring is None:
        raise RuntimeError("no keyring: call use_keyring before the first query")
    return _keyring


@fact
class Private:
    """A private text on its way to or from its row; its `repr` shows nothing.

    `Private.of(owner, text)` goes into a column, `.read(owner)` comes out of it, and both must
    name the same owner: a value copied onto another row does not open.
    """

    owner: int | None
    place: str
    content: str | bytes

    @classmethod
    def of(cls, owner: int, text: str) -> "Private":
        """Wrap `text` for the row of `owner`."""
        return cls(owner, "", text)

    def read(self, owner: int) -> str:
        """Open the value as the text of `owner`'s row."""
        if isinstance(self.content, str):
            if owner != self.owner:
                raise SealBrokenError(f"{self.place}:{owner}")
            return self.content
        return keyring().open(self.content, f"{self.place}:{owner}")

    def __repr__(self) -> str:
        return "Private(...)"


class Sealed(TypeDecorator[Private]):
    """A column of private text, bound to its place (`table.column`) and the owner's id."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, place: str = "") -> None:
        super().__init__()
        self.place = place

    def process_bind_param(self, value: Private | None, dialect: Dialect) -> bytes | None:
        """Seal on the way in."""
        return None if value is None else self.sealed(value)

    def sealed(self, value: Private) -> bytes:
        """Return a value as it stands in the column."""
        if isinstance(value.content, bytes):
            return value.content
        return keyring().seal(value.content, f"{self.place}:{value.owner}")

    def process_result_value(self, value: Any, dialect: Dialect) -> Private | None:
        """Hand out closed: opening costs time and is done only for what is shown."""
        return None if value is None else Private(None, self.place, bytes(value))
