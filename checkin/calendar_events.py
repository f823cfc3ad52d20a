"""Whole-day events of an iCalendar file (.ics) as the rows of a calendar; part of RFC 5545.

What the event is, its categories say or its title: "Spring term", 国庆节放假, "Closed: snow".
"""

import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from checkin.calendar_changes import (
    CalendarCode,
    CalendarErrors,
    CalendarProblem,
    Entry,
)
from checkin.calendar_files import LONGEST_NAME, MOST_DAYS, NEAR, kind_of_words, kind_within

_LINE = re.compile(r"(?P<name>[A-Za-z-]+)(?P<params>(?:;[^:\"]*(?:\"[^\"]*\")?)*):(?P<value>.*)")
_ESCAPED = re.compile(r"\\([\\;,nN])")
_BEGIN = "BEGIN:VCALENDAR"


@dataclass(slots=True)
class _Event:
    row: int
    values: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        said = self.values.get("SUMMARY", "")
        return _ESCAPED.sub(lambda e: " " if e[1] in "nN" else e[1], said).strip()[:LONGEST_NAME]


def is_calendar_of_events(text: str) -> bool:
    """Say whether a text is an iCalendar file."""
    return text.lstrip("\ufeff \r\n\t").upper().startswith(_BEGIN)


def read_events(sheet: str, text: str, today: date) -> tuple[Entry, ...]:
    """Read every event; the row of each is the line on which it begins.

    Raises:
        CalendarErrors: with all problems found, by line.
    """
    problems: list[CalendarProblem] = []
    entries: list[Entry] = []
    for event in _events(text):
        found = _entry(event, today)
        if isinstance(found, tuple):
            code, args = found
            problems.append(CalendarProblem(sheet, event.row, "", code, args))
        else:
            kind, first, last = found.kind, found.first, found.last
            entries.append(Entry(kind, first, last, found.name, sheet, event.row))
    if not entries and not problems:
        problems.append(CalendarProblem(sheet, 0, "", CalendarCode.no_rows))
    if problems:
        raise CalendarErrors(problems)
    return tuple(entries)


def _entry(event: _Event, today: date) -> Entry | tuple[CalendarCode, dict[str, str]]:
    shown = {"value": event.title}
    if "RRULE" in event.values or "RDATE" in event.values:
        return CalendarCode.repeats, shown
    first = _day(event.values.get("DTSTART", ""))
    if first is None:
        return CalendarCode.not_whole_day, shown
    # An end is the first day after it; without one the event is one day.
    end = _day(event.values["DTEND"]) if "DTEND" in event.values else first + timedelta(days=1)
    if end is None:
        return CalendarCode.not_whole_day, shown
    last = max(end - timedelta(days=1), first) if end >= first else end
    said = map(kind_of_words, event.values.get("CATEGORIES", "").split(","))
    kind = next(filter(None, said), None) or kind_within(event.title)
    days = (last - first).days + 1
    if kind is None:
        return CalendarCode.kind_unknown, shown
    if days < 1:
        return CalendarCode.reversed, {"first": first.isoformat(), "last": last.isoformat()}
    if days > MOST_DAYS[kind]:
        return CalendarCode.too_long, {"days": str(days), "most": str(MOST_DAYS[kind])}
    if abs(first - today) > NEAR:
        return CalendarCode.far_away, {"value": first.isoformat()}
    return Entry(kind, first, last, _name(event.title))


def _name(title: str) -> str:
    """Return the reason alone of "Closed: snow" and 停课：暴雨."""
    before, mark, reason = title.replace("：", ":").partition(":")
    return reason.strip() if mark and reason.strip() and kind_of_words(before) else title


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if len(value) == 8 else None
    except ValueError:
        return None


def _events(text: str) -> list[_Event]:
    found: list[_Event] = []
    inside: list[str] = []
    for number, line in _unfolded(text):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = match["name"].upper(), match["value"].strip()
        if name == "BEGIN":
            inside.append(value.upper())
            if inside[-1] == "VEVENT":
                found.append(_Event(number))
        elif name == "END" and inside:
            inside.pop()
        elif inside and inside[-1] == "VEVENT":  # an alarm within an event is not the event
            found[-1].values.setdefault(name, value)
    return found


def _unfolded(text: str) -> list[tuple[int, str]]:
    """Return the logical lines with the number on which each begins; a space goes on the last."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if line[:1] in {" ", "\t"} and lines:
            lines[-1] = (lines[-1][0], lines[-1][1] + line[1:])
        else:
            lines.append((number, line))
    return lines
