"""A school's calendar as a file: terms, vacations, closings and make-up days, a row each.

Columns in either language: kind, first, last, name (类型、开始、结束、名称).
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from checkin.calendar_changes import (
    CalendarCode,
    CalendarErrors,
    CalendarProblem,
    Entry,
    EntryKind,
)
from checkin.facts import fact
from checkin.roster_cells import BadCell, Cell, column_letter, text_of
from checkin.rosters import Sheet
from checkin.typed_dates import take_date
from checkin.understanding import Understood

MOST_DAYS = {
    EntryKind.term: 300,
    EntryKind.vacation: 120,
    EntryKind.closed: 31,
    EntryKind.open: 31,
    EntryKind.clear: 400,
}
NEAR = timedelta(days=4 * 366)
LONGEST_NAME = 60


class CalendarField(StrEnum):
    """What a column of a calendar file says."""

    kind = "kind"
    first = "first"
    last = "last"
    name = "name"


_HEADERS = {
    CalendarField.kind: "kind type what 类型 类别 种类",
    CalendarField.first: "first start from begin begins date day firstday startdate "
    "开始 开始日期 开始时间 起始 起始日期 起 从 日期 第一天",
    CalendarField.last: "last end until to ends lastday enddate "
    "结束 结束日期 结束时间 截止 截止日期 终止 止 至 到 最后一天",
    CalendarField.name: "name reason title note 名称 名字 事由 原因 说明 备注",
}
_FIELD_OF = {word: field for field, words in _HEADERS.items() for word in words.split()}
_KINDS = {
    EntryKind.term: "term semester 学期",
    EntryKind.vacation: "vacation vacations holiday holidays break 假期 寒假 暑假 春假 秋假",
    EntryKind.closed: "closed close closure 停课 放假 休息",
    EntryKind.open: "open makeup makeupday schoolday 补课 上课 调休 调课 补班",
    EntryKind.clear: "clear remove 取消 删除",
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_OWN_WORDS = {
    "en": {kind: kind.value for kind in EntryKind},
    "zh": {kind: words.split()[-1] for kind, words in _KINDS.items()}
    | {
        EntryKind.vacation: "假期",
        EntryKind.closed: "停课",
        EntryKind.open: "补课",
        EntryKind.clear: "取消",
    },
}


@fact
class _Columns:
    """The header row (from 1) and where each thing stands."""

    row: int
    places: dict[CalendarField, int]
    labels: dict[CalendarField, str]


def looks_like_calendar(sheets: Sequence[Sheet]) -> bool:
    """Say whether some sheet has a kind and a first day in its headers."""
    needed = {CalendarField.kind, CalendarField.first}
    return any(needed <= _headers(sheet).places.keys() for sheet in sheets)


def read_calendar(sheets: Sequence[Sheet], today: date) -> tuple[Entry, ...]:
    """Read what a file says, every row of every sheet that has rows.

    Raises:
        CalendarErrors: with all problems found, by sheet, row and column.
    """
    problems: list[CalendarProblem] = []
    entries: list[Entry] = []
    for sheet in sheets:
        if not any(_is_said(cell) for row in sheet.rows for cell in row):
            continue
        columns = _headers(sheet)
        missing = [
            field
            for field in (CalendarField.kind, CalendarField.first)
            if field not in columns.places
        ]
        for field in missing:
            args = {"field": field.value}
            problems.append(CalendarProblem(sheet.name, 0, "", CalendarCode.header_missing, args))
        if missing:
            continue
        for number, cells in enumerate(sheet.rows[columns.row :], columns.row + 1):
            if any(_is_said(cell) for cell in cells):
                entry = _Row(sheet.name, number, cells, columns, problems).read(today)
                entries += [entry] if entry else []
    if not entries and not problems:
        name = sheets[0].name if sheets else ""
        problems.append(CalendarProblem(name, 0, "", CalendarCode.no_rows))
    if problems:
        raise CalendarErrors(problems)
    return tuple(entries)


def to_rows(entries: Sequence[Entry], language: str) -> list[list[str]]:
    """Return a calendar as the rows of a file, headers in both languages."""
    kinds = _OWN_WORDS.get(language, _OWN_WORDS["en"])
    return [
        ["kind 类型", "first 开始", "last 结束", "name 名称"],
        *(
            [kinds[each.kind], each.first.isoformat(), each.last.isoformat(), each.name]
            for each in entries
        ),
    ]


def kind_of_words(text: str) -> EntryKind | None:
    """Read the kind of a row: term, 假期, make-up day."""
    return _KIND_OF.get(_plain(text))


def kind_within(text: str) -> EntryKind | None:
    """Find the kind in a title: "Spring term", 国庆节放假; None where there is none or several."""
    plain = _plain(text)
    found = {kind for word, kind in _KIND_OF.items() if not word.isascii() and word in plain}
    found |= {_KIND_OF[w] for w in re.findall(r"[a-z]+", text.lower()) if w in _KIND_OF}
    return found.pop() if len(found) == 1 else None


@dataclass(slots=True)
class _Row:
    sheet: str
    number: int
    cells: Sequence[Cell]
    columns: _Columns
    problems: list[CalendarProblem]

    def read(self, today: date) -> Entry | None:
        before = len(self.problems)
        kind = self._kind()
        first = self._day(CalendarField.first, today)
        last = self._day(CalendarField.last, today)
        name = self._text(CalendarField.name)
        if first is None and not self._said(CalendarField.first):
            self._note(CalendarCode.first_missing, CalendarField.first)
        if last is None and not self._said(CalendarField.last) and kind is not None:
            if kind in {EntryKind.term, EntryKind.vacation}:
                self._note(CalendarCode.last_missing, CalendarField.last)
            last = first
        if len(self.problems) > before or kind is None or first is None or last is None:
            return None
        days = (last - first).days + 1
        if days < 1:
            shown = {"first": first.isoformat(), "last": last.isoformat()}
            self._note(CalendarCode.reversed, CalendarField.last, **shown)
        elif days > MOST_DAYS[kind]:
            shown = {"days": str(days), "most": str(MOST_DAYS[kind])}
            self._note(CalendarCode.too_long, CalendarField.last, **shown)
        else:
            return Entry(kind, first, last, name[:LONGEST_NAME], self.sheet, self.number)
        return None

    def _kind(self) -> EntryKind | None:
        text = self._text(CalendarField.kind)
        kind = kind_of_words(text)
        if kind is None and not self._said(CalendarField.kind):
            self._note(CalendarCode.kind_missing, CalendarField.kind)
        elif kind is None and text:
            self._note(CalendarCode.kind_unknown, CalendarField.kind, value=text)
        return kind

    def _day(self, field: CalendarField, today: date) -> date | None:
        cell = self._cell(field)
        if isinstance(cell, datetime):
            cell = cell.date()
        if isinstance(cell, date):
            day: date | None = cell
        else:
            text = self._text(field)
            if not text:
                return None
            day = day_of(text)
            if day is None:
                self._note(CalendarCode.not_a_day, field, value=text)
                return None
        if day is not None and abs(day - today) > NEAR:
            self._note(CalendarCode.far_away, field, value=day.isoformat())
            return None
        return day

    def _text(self, field: CalendarField) -> str:
        text = text_of(self._cell(field))
        if isinstance(text, BadCell):
            self._note(CalendarCode.bad_cell, field, value=str(self._cell(field))[:20])
            return ""
        return text

    def _cell(self, field: CalendarField) -> Cell:
        place = self.columns.places.get(field)
        return self.cells[place] if place is not None and place < len(self.cells) else None

    def _said(self, field: CalendarField) -> bool:
        return _is_said(self._cell(field))

    def _note(self, code: CalendarCode, field: CalendarField, **args: str) -> None:
        label = self.columns.labels.get(field, "")
        problem = CalendarProblem(self.sheet, self.number, label, code, args)
        if problem not in self.problems:
            self.problems.append(problem)


def day_of(text: str) -> date | None:
    """Read a date that has its year: 2026-03-05, 2026年3月5日, 20260305, 5 March 2026."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if compact := re.fullmatch(r"(\d{4})(\d{2})(\d{2})", plain):
        plain = "-".join(compact.groups())
    found = take_date(plain.partition(" 00:00")[0], None)
    return date.fromisoformat(str(found.value)) if isinstance(found, Understood) else None


def _headers(sheet: Sheet, within: int = 20) -> _Columns:
    best = _Columns(0, {}, {})
    for row, cells in enumerate(sheet.rows[:within], 1):
        places: dict[CalendarField, int] = {}
        labels: dict[CalendarField, str] = {}
        for place, cell in enumerate(cells):
            text = text_of(cell)
            field = None if isinstance(text, BadCell) else _field_of(text)
            if field is not None and field not in places:
                places[field] = place
                labels[field] = f"{column_letter(place)} ({text})"
        if len(places) > max(len(best.places), 1):
            best = _Columns(row, places, labels)
    return best


def _field_of(header: str) -> CalendarField | None:
    parts = [header, *re.split(r"[/|()\n:*]+", header)]
    parts += re.split(r"\s+(?=[^\x00-\x7f])|(?<=[^\x00-\x7f])\s+", header)
    return next((_FIELD_OF[_plain(part)] for part in parts if _plain(part) in _FIELD_OF), None)


def _is_said(cell: Cell) -> bool:
    return bool(cell.strip()) if isinstance(cell, str) else cell is not None


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())
