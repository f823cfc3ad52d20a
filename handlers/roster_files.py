"""Roster files as they are sent in: bytes to sheets, with nothing believed.

A spreadsheet is a program's worth of attack surface: zip bombs, external entities, macros, a cell
at the far corner that makes a reader allocate the whole plane. So the magic bytes decide what a
file is, an archive is unpacked here under a limit and packed again from what was seen, and the
reader runs in a process of its own with little memory and little time.
"""

import csv
import io
import json
import re
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any
from xml.etree import ElementTree as Xml

from checkin.rosters import Cell, Sheet

MOST_BYTES = 10 * 1024 * 1024
MOST_UNZIPPED = 60 * 1024 * 1024
MOST_PARTS = 1000
MOST_ROWS = 50_000
MOST_COLUMNS = 60
MOST_SHEETS = 30
READER_MEMORY = 768 * 1024 * 1024
READER_SECONDS = 30
_READER = str(Path(__file__).with_name("roster_reader.py"))

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NEVER_A_ROSTER = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"{\\rtf",
    b"Rar!",
    b"7z\xbc\xaf",
)
_SEPARATORS = ",;\t"


class RosterFileCode(StrEnum):
    """Why a file is not even opened; the arguments are in braces.

    empty: there are no bytes.
    too_big: {size} bytes, where {most} are allowed.
    unzipped_too_big: it would unpack to more than {most} bytes.
    too_many_rows: sheet {sheet} has more than {most} rows.
    too_many_columns: sheet {sheet} has more than {most} columns.
    too_many_sheets: more than {most} sheets.
    macros: it carries macros.
    external_entities: {part} declares a document type.
    password: it is locked with a password.
    wrong_type: it is neither CSV nor XLSX, XLS or ODS.
    corrupt: it cannot be read.
    unknown_characters: neither UTF-8 nor GB 18030; {line} is the first line that is not.
    """

    empty = "empty"
    too_big = "too_big"
    unzipped_too_big = "unzipped_too_big"
    too_many_rows = "too_many_rows"
    too_many_columns = "too_many_columns"
    too_many_sheets = "too_many_sheets"
    macros = "macros"
    external_entities = "external_entities"
    password = "password"  # noqa: S105 - a reason, not a secret
    wrong_type = "wrong_type"
    corrupt = "corrupt"
    unknown_characters = "unknown_characters"


class RosterFileError(Exception):
    """A file that is refused before anything in it is believed."""

    def __init__(self, code: RosterFileCode, **args: str) -> None:
        super().__init__(f"The roster file is refused: {code}.")
        self.code = code
        self.args_of_code: Mapping[str, str] = args


def read_sheets(name: str, content: bytes) -> list[Sheet]:
    """Return the sheets of a CSV, XLSX, XLS or ODS file.

    It may take a second and runs another process: call it off the event loop.

    Raises:
        RosterFileError: The file is refused, with the reason.
    """
    if not content.strip():
        raise RosterFileError(RosterFileCode.empty)
    if len(content) > MOST_BYTES:
        sizes = {"size": str(len(content)), "most": str(MOST_BYTES)}
        raise RosterFileError(RosterFileCode.too_big, **sizes)
    if content.startswith(_ZIP):
        return _read_archive(content)
    if content.startswith(_OLE):
        return _read_old_workbook(content)
    if content.startswith(_NEVER_A_ROSTER):
        raise RosterFileError(RosterFileCode.wrong_type)
    return [_read_text(PurePath(name).stem, content)]


# CSV.


def _read_text(name: str, content: bytes) -> Sheet:
    text = _decoded(content)
    if text.lstrip()[:1] == "<" or text.count("\0"):
        raise RosterFileError(RosterFileCode.wrong_type)
    separator = _separator(text)
    rows: list[list[Cell]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            rows.append(list(row))
            _check_size(name, rows)
    except csv.Error as error:
        raise RosterFileError(RosterFileCode.corrupt) from error
    if not rows or max(map(len, rows)) < 2:
        raise RosterFileError(RosterFileCode.wrong_type)
    return Sheet(name, rows)


def _decoded(content: bytes) -> str:
    """Read UTF-8, then the encodings in which spreadsheet programs write Chinese CSV."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise RosterFileError(RosterFileCode.unknown_characters, line="1") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Nearly all of it UTF-8 is UTF-8 with a wrong byte: as GB 18030 it would be other names.
        nearly = content.decode("utf-8", "replace")
        foreign = sum(character > "\x7f" for character in nearly)
        if foreign > 5 * nearly.count("\ufffd"):
            raise _unknown_characters(content, error) from None
    try:
        return content.decode("gb18030")
    except UnicodeDecodeError as error:
        raise _unknown_characters(content, error) from None


def _unknown_characters(content: bytes, error: UnicodeDecodeError) -> RosterFileError:
    line = content[: error.start].count(b"\n") + 1
    return RosterFileError(RosterFileCode.unknown_characters, line=str(line))


def _separator(text: str) -> str:
    """Choose what stands most often, and equally often, in the first lines."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    return max(_SEPARATORS, key=lambda mark: sorted(line.count(mark) for line in lines)[::-1][:3])


def _check_size(name: str, rows: list[list[Cell]]) -> None:
    if len(rows) > MOST_ROWS:
        limits = {"sheet": name, "most": str(MOST_ROWS)}
        raise RosterFileError(RosterFileCode.too_many_rows, **limits)
    if len(rows[-1]) > MOST_COLUMNS:
        while rows[-1] and rows[-1][-1] in {"", None}:
            rows[-1].pop()
    if len(rows[-1]) > MOST_COLUMNS:
        limits = {"sheet": name, "most": str(MOST_COLUMNS)}
        raise RosterFileError(RosterFileCode.too_many_columns, **limits)


# XLSX and ODS.


def _read_archive(content: bytes) -> list[Sheet]:
    parts = dict(_unpacked(content))
    names = {name.casefold() for name in parts}
    kinds = parts.get("[Content_Types].xml", b"") + parts.get("META-INF/manifest.xml", b"")
    macros = any("vbaproject" in name or name.startswith("basic/") for name in names)
    if macros or b"macroenabled" in kinds.lower():
        raise RosterFileError(RosterFileCode.macros)
    if b"encryption-data" in kinds:
        raise RosterFileError(RosterFileCode.password)
    if "xl/workbook.xml" not in parts and "content.xml" not in parts:
        raise RosterFileError(RosterFileCode.wrong_type)
    for name, data in parts.items():
        # NUL bytes out: an entity must not hide in UTF-16.
        if name.endswith((".xml", ".rels")) and b"<!DOCTYPE" in data.replace(b"\0", b"").upper():
            raise RosterFileError(RosterFileCode.external_entities, part=name)
    return _read_workbook(_packed(parts), _errors_in(parts))


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield each part, unpacked here under one limit for all: headers may lie about sizes."""
    left = MOST_UNZIPPED
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_PARTS or sum(entry.file_size for entry in entries) > left:
                raise _bomb()
            for entry in entries:
                if entry.flag_bits & 1:
                    raise RosterFileError(RosterFileCode.password)
                data = b""
                with archive.open(entry) as part:
                    data = part.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise _bomb()
                yield entry.filename, data
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
        raise RosterFileError(RosterFileCode.corrupt) from error
    except (ValueError, UnicodeDecodeError) as error:
        raise RosterFileError(RosterFileCode.corrupt) from error


def _bomb() -> RosterFileError:
    return RosterFileError(RosterFileCode.unzipped_too_big, most=str(MOST_UNZIPPED))


def _packed(parts: Mapping[str, bytes]) -> bytes:
    """Pack again what was seen, so that the reader sees nothing else."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return packed.getvalue()


_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR_CELL = re.compile(
    rb"""<(?:\w+:)?c\b(?=[^>]*\bt=["']e["'])[^>]*\br=["']([A-Z]+)(\d+)["'][^>]*>"""
    rb"""(?:<(?:\w+:)?f[^>]*/>|<(?:\w+:)?f[^>]*>[^<]*</(?:\w+:)?f>)?(?:<(?:\w+:)?v>([^<]*))?"""
)
_Errors = dict[str, list[tuple[int, int, str]]]
"""By sheet: row and column from 0, and what the cell shows."""


def _errors_in(parts: Mapping[str, bytes]) -> _Errors:
    """Find the cells of an XLSX file that show an error, which readers give as empty."""
    if "xl/workbook.xml" not in parts:
        return {}
    try:
        links = Xml.fromstring(parts.get("xl/_rels/workbook.xml.rels", b"<none/>"))  # noqa: S314
        book = Xml.fromstring(parts["xl/workbook.xml"])  # noqa: S314 - no document type, see above
    except Xml.ParseError as error:
        raise RosterFileError(RosterFileCode.corrupt) from error
    targets = {link.get("Id"): link.get("Target", "").lstrip("/") for link in links}
    found: _Errors = {}
    for sheet in book.iter(f"{_MAIN}sheet"):
        target = targets.get(sheet.get(_LINK), "")
        data = parts.get(target) or parts.get(f"xl/{target}") or b""
        places = [
            (int(row) - 1, _column_number(letters.decode()), shown.decode() or "#N/A")
            for letters, row, shown in _ERROR_CELL.findall(data)
        ]
        found[sheet.get("name", "")] = places
    return found


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _read_old_workbook(content: bytes) -> list[Sheet]:
    if "_VBA_PROJECT".encode("utf-16-le") in content:
        raise RosterFileError(RosterFileCode.macros)
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise RosterFileError(RosterFileCode.password)
    return _read_workbook(content, {})


# The reader, in a process of its own.


def _read_workbook(content: bytes, errors: _Errors) -> list[Sheet]:
    try:
        reader = subprocess.run(  # noqa: S603 - our own file, and the content is its stdin
            [sys.executable, "-I", _READER, str(READER_MEMORY), str(MOST_ROWS)],
            input=content,
            capture_output=True,
            timeout=READER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RosterFileError(RosterFileCode.corrupt) from error
    if reader.returncode:
        raise RosterFileError(RosterFileCode.corrupt)
    answer = json.loads(reader.stdout)
    if "refused" in answer:
        raise RosterFileError(RosterFileCode(answer["refused"]))
    if len(answer["sheets"]) > MOST_SHEETS:
        raise RosterFileError(RosterFileCode.too_many_sheets, most=str(MOST_SHEETS))
    return [_sheet(one["name"], one["rows"], errors) for one in answer["sheets"]]


def _sheet(name: str, rows: list[list[Any]], errors: _Errors) -> Sheet:
    cells: list[list[Cell]] = []
    for row in rows:
        cells.append([_cell(value) for value in row])
        _check_size(name, cells)
    for row_place, column_place, shown in errors.get(name, []):
        if row_place < len(cells) and column_place < MOST_COLUMNS:
            row_cells = cells[row_place]
            row_cells += [""] * (column_place + 1 - len(row_cells))
            row_cells[column_place] = shown
    return Sheet(name, cells)


def _cell(value: Any) -> Cell:
    if not isinstance(value, dict):
        return value if isinstance(value, str | float | int | bool) else None
    if "moment" in value:
        return datetime.fromisoformat(value["moment"])
    return date.fromisoformat(value["day"])
