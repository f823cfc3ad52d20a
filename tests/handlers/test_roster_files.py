import io
import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime

import pytest
import xlsxwriter

from bot.invented import invented_school
from checkin.rosters import Cell, ProblemCode, RosterErrors, Sheet, read_roster, roster_rows
from handlers import roster_files
from handlers.roster_files import RosterFileCode, RosterFileError, read_sheets

ROWS = [["学号", "姓名", "班级"], ["20260101", "王小明", "3-2"], ["20260102", "Ana Lima", "3-2"]]
TEXT = "\n".join(",".join(row) for row in ROWS)
Fill = Callable[[xlsxwriter.Workbook], None]


def a_workbook(fill: Fill) -> bytes:
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        fill(workbook)
    return content.getvalue()


def with_rows(*rows: list[Cell], name: str = "学生") -> Fill:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet(name)
        for place, row in enumerate(rows):
            sheet.write_row(place, 0, row)

    return fill


def repacked(content: bytes, **changes: bytes) -> bytes:
    """Change or add parts of an archive; the names have __ for a slash and _dot_ for a dot."""
    parts = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name, data in changes.items():
        parts[name.replace("__", "/").replace("_dot_", ".")] = data
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return packed.getvalue()


def an_ods(content: str, *, manifest: str = "<manifest/>") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return packed.getvalue()


ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>
 <table:table table:name="Students">{rows}</table:table>
 </office:spreadsheet></office:body></office:document-content>"""


def ods_row(*texts: str, repeated: int = 1) -> str:
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'
        for text in texts
    )
    return f'<table:table-row table:number-rows-repeated="{repeated}">{cells}</table:table-row>'


def an_xls(*labels: tuple[int, int, str]) -> bytes:
    """Write the smallest old workbook there is: one sheet of labels in an OLE container."""

    def record(kind: int, data: bytes) -> bytes:
        return struct.pack("<HH", kind, len(data)) + data

    begin = {
        kind: record(0x0809, struct.pack("<HHHHII", 0x600, kind, 0, 0, 0, 0)) for kind in (5, 16)
    }
    name = "学生".encode("utf-16-le")
    end = record(0x000A, b"")
    bound = 4 + 8 + len(name)
    place = len(begin[5]) + bound + len(end)
    sheet_entry = record(0x0085, struct.pack("<IBBBB", place, 0, 0, len(name) // 2, 1) + name)
    sheet = begin[16]
    for row, column, text in labels:
        said = text.encode("utf-16-le")
        head = struct.pack("<HHHHB", row, column, 0, len(said) // 2, 1)
        sheet += record(0x0204, head + said)
    stream = begin[5] + sheet_entry + end + sheet + end
    stream += bytes(max(4096, -(-len(stream) // 512) * 512) - len(stream))
    sectors = len(stream) // 512
    free, last, fat = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, last, 0, last, 0)
    header += struct.pack("<I", 0) + struct.pack("<I", free) * 108
    table = [fat, last, *range(3, sectors + 2), last]
    table += [free] * (128 - len(table))

    def entry(title: str, kind: int, child: int, start: int, size: int) -> bytes:
        encoded = title.encode("utf-16-le") + b"\0\0"
        data = encoded.ljust(64, b"\0") + struct.pack("<HBB", len(encoded), kind, 1)
        data += struct.pack("<III", free, free, child) + bytes(36)
        return data + struct.pack("<IQ", start, size)

    directory = entry("Root Entry", 5, 1, last, 0) + entry("Workbook", 2, free, 2, len(stream))
    return header + struct.pack("<128I", *table) + directory.ljust(512, b"\0") + stream


def refused(content: bytes, name: str = "roster.xlsx") -> RosterFileError:
    with pytest.raises(RosterFileError) as found:
        read_sheets(name, content)
    return found.value


# What is read.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_csv_is_read_in_every_usual_dress(encoding: str, separator: str, line_end: str) -> None:
    content = TEXT.replace(",", separator).replace("\n", line_end).encode(encoding)
    assert read_sheets("students.csv", content) == [Sheet("students", ROWS)]


def test_a_quoted_cell_may_hold_the_separator_and_a_line_break() -> None:
    [sheet] = read_sheets("a.csv", '学号,姓名\n1,"Lima, Ana\nB"\n'.encode())
    assert sheet.rows[1] == ["1", "Lima, Ana\nB"]


def test_the_magic_bytes_decide_and_not_the_name() -> None:
    content = a_workbook(with_rows(*ROWS))
    assert read_sheets("students.csv", content)[0].rows == ROWS
    assert read_sheets("students.xlsx", TEXT.encode())[0].rows == ROWS


def test_a_workbook_gives_its_cells_as_the_spreadsheet_has_them() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet("学生")
        sheet.write_row(1, 0, [20260101.0, "王小明", True])
        days = workbook.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_datetime(2, 1, datetime(2026, 3, 2), days)  # noqa: DTZ001
        workbook.add_worksheet("Empty")

    students, empty = read_sheets("a.xlsx", a_workbook(fill))
    assert students == Sheet("学生", [[], [20260101.0, "王小明", True], ["", date(2026, 3, 2)]])
    assert empty == Sheet("Empty", [])


def test_a_merged_class_is_said_in_every_row_it_covers() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        with_rows(["学号", "姓名", "班级"], ["1", "甲"], ["2", "乙"], ["3", "丙", "3-1"])(workbook)
        workbook.get_worksheet_by_name("学生").merge_range(1, 2, 2, 2, "3-2")

    roster = read_roster(read_sheets("a.xlsx", a_workbook(fill)))
    assert [student.class_name for student in roster.students] == ["3-2", "3-2", "3-1"]


def test_a_cell_that_shows_an_error_is_named_and_not_taken_for_empty() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        with_rows(*ROWS)(workbook)
        sheet = workbook.get_worksheet_by_name("学生")
        sheet.write_formula(1, 1, "=A9", None, "#REF!")

    with pytest.raises(RosterErrors) as found:
        read_roster(read_sheets("a.xlsx", a_workbook(fill)))
    [problem] = found.value.problems
    assert (problem.row, problem.column) == (2, "B (姓名)")
    assert (problem.code, problem.args) == (ProblemCode.formula_error, {"value": "#REF!"})


def test_an_ods_is_read() -> None:
    rows = "".join(ods_row(*row) for row in ROWS)
    assert read_sheets("a.ods", an_ods(ODS.format(rows=rows))) == [Sheet("Students", ROWS)]


def test_an_old_xls_is_read() -> None:
    labels = [(y, x, text) for y, row in enumerate(ROWS) for x, text in enumerate(row)]
    assert read_sheets("a.xls", an_xls(*labels)) == [Sheet("学生", ROWS)]


def test_a_whole_school_comes_through_a_workbook_the_same() -> None:
    school = invented_school()
    content = a_workbook(with_rows(*roster_rows(school)))
    assert read_roster(read_sheets("a.xlsx", content)) == school


# What is refused.


def test_nothing_is_no_roster() -> None:
    assert refused(b"").code is RosterFileCode.empty
    assert refused(b" \r\n").code is RosterFileCode.empty


def test_a_file_over_ten_megabytes_is_not_opened() -> None:
    error = refused(b"a," * (5 * 1024 * 1024 + 1))
    assert error.code is RosterFileCode.too_big
    assert error.args_of_code == {"size": "10485762", "most": "10485760"}


def test_a_zip_bomb_is_not_unpacked() -> None:
    bomb = repacked(a_workbook(with_rows(*ROWS)), xl__media__a_dot_bin=bytes(61 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert refused(bomb).code is RosterFileCode.unzipped_too_big


def test_a_zip_that_lies_about_its_size_is_not_believed() -> None:
    bomb = bytearray(
        repacked(a_workbook(with_rows(*ROWS)), xl__worksheets__b_dot_xml=bytes(70 * 1024 * 1024))
    )
    wrong = struct.pack("<I", 70 * 1024 * 1024)
    assert bomb.count(wrong) >= 1
    lying = bytes(bomb).replace(wrong, struct.pack("<I", 100))
    assert refused(lying).code is RosterFileCode.corrupt


def test_too_many_parts_are_a_bomb_too() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for place in range(1001):
            archive.writestr(f"xl/{place}.xml", "")
    assert refused(packed.getvalue()).code is RosterFileCode.unzipped_too_big


def test_a_cell_in_the_far_corner_does_not_take_the_bot_down() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        sheet = workbook.add_worksheet()
        sheet.write(0, 0, "a")
        sheet.write(1_048_575, 16_383, "z")

    assert refused(a_workbook(fill)).code is RosterFileCode.corrupt


def test_an_ods_row_repeated_a_million_times_is_refused() -> None:
    rows = ods_row("a", "b") + ods_row("c", "d", repeated=1_000_000)
    code = refused(an_ods(ODS.format(rows=rows))).code
    assert code in {RosterFileCode.too_many_rows, RosterFileCode.corrupt}


def test_rows_and_columns_are_capped() -> None:
    many = a_workbook(with_rows(*[[1]] * 50_001))
    error = refused(many)
    assert (error.code, error.args_of_code) == (
        RosterFileCode.too_many_rows,
        {"sheet": "学生", "most": "50000"},
    )
    wide = refused(a_workbook(with_rows(["x"] * 61)))
    assert (wide.code, wide.args_of_code["most"]) == (RosterFileCode.too_many_columns, "60")
    assert refused(b"1,2\n" * 50_001).code is RosterFileCode.too_many_rows
    assert refused(b"1," * 60 + b"1").code is RosterFileCode.too_many_columns


def test_trailing_empty_columns_do_not_count() -> None:
    [sheet] = read_sheets("a.csv", b"1,2" + b"," * 200)
    assert sheet.rows == [["1", "2"]]


def test_sheets_are_capped() -> None:
    def fill(workbook: xlsxwriter.Workbook) -> None:
        for _ in range(31):
            workbook.add_worksheet()

    assert refused(a_workbook(fill)).code is RosterFileCode.too_many_sheets


@pytest.mark.parametrize(
    "changes",
    [
        {"xl__vbaProject_dot_bin": b"macro"},
        {"xl__VBAPROJECT_dot_BIN": b"macro"},
        {"[Content_Types]_dot_xml": b"<Types>sheet.macroEnabled.main+xml</Types>"},
    ],
)
def test_macros_are_refused_under_every_name(changes: dict[str, bytes]) -> None:
    content = repacked(a_workbook(with_rows(*ROWS)), **changes)
    assert refused(content, "students.xlsx").code is RosterFileCode.macros


def test_macros_of_the_old_kind_are_refused() -> None:
    content = an_xls((0, 0, "x")) + "_VBA_PROJECT".encode("utf-16-le")
    assert refused(content).code is RosterFileCode.macros


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_before_anything_reads_it(encoding: str) -> None:
    evil = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hosts">]><a>&b;</a>'
    content = repacked(
        a_workbook(with_rows(*ROWS)), xl__sharedStrings_dot_xml=evil.encode(encoding)
    )
    error = refused(content)
    assert error.code is RosterFileCode.external_entities
    assert error.args_of_code == {"part": "xl/sharedStrings.xml"}


def test_a_locked_file_says_that_it_is_locked() -> None:
    old = an_xls((0, 0, "x")) + "EncryptedPackage".encode("utf-16-le")
    assert refused(old).code is RosterFileCode.password
    locked = an_ods("x", manifest="<manifest:encryption-data/>")
    assert refused(locked).code is RosterFileCode.password


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 and so on",
        b"\x89PNG\r\n\x1a\n",
        b"<html><table><tr><td>1</td></tr></table></html>",
        b"one column\nonly\n",
        b"a\0b,c\n",
        repacked(an_ods("x")).replace(b"content.xml", b"kontent.xml"),
    ],
    ids=["pdf", "png", "html", "prose", "binary", "zip"],
)
def test_what_is_no_spreadsheet_is_refused(content: bytes) -> None:
    assert refused(content).code is RosterFileCode.wrong_type


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04 and then nothing",
        a_workbook(with_rows(*ROWS))[:-200],
        repacked(a_workbook(with_rows(*ROWS)), xl__workbook_dot_xml=b"<broken"),
        repacked(a_workbook(with_rows(*ROWS)), xl__worksheets__sheet1_dot_xml=b"<broken"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        b'1,"never closed\n',
    ],
    ids=["stub", "cut", "book", "sheet", "old", "quote"],
)
def test_a_broken_file_is_refused_as_broken(content: bytes) -> None:
    assert refused(content).code is RosterFileCode.corrupt


def test_unknown_characters_are_named_by_line() -> None:
    error = refused("学号,姓名,班级\n1,王小明,三班\n".encode() + b"2,\xff\xff,3\n")
    assert error.code is RosterFileCode.unknown_characters
    assert error.args_of_code == {"line": "3"}
    error = refused("学号,姓名\n1,甲\n".encode("gb18030") + b"2,\xff\xff\n")
    assert error.args_of_code == {"line": "3"}


def test_every_refusal_is_a_reason_in_the_closed_list() -> None:
    documented = roster_files.RosterFileCode.__doc__ or ""
    assert all(f"{code.value}:" in documented for code in RosterFileCode)
