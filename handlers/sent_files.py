"""What a file is that an admin sends: a roster, a calendar or a plan. Nothing is changed here."""

from enum import StrEnum

from checkin.calendar_events import is_calendar_of_events
from checkin.calendar_files import looks_like_calendar
from checkin.facts import fact
from checkin.roster_headers import Field, read_headers
from checkin.rosters import Sheet
from handlers.calendar_files import SentCalendar
from handlers.plan_files import is_plan_file
from handlers.roster_files import read_sheets

_OF_ROSTERS = {Field.number, Field.class_name, Field.phone, Field.role}
_CALENDAR_NAMES = ("calendar", "校历", "学期", "假期")
_BEGINNINGS = 4096


class FileKind(StrEnum):
    """What a file is about."""

    roster = "roster"
    calendar = "calendar"
    plan = "plan"
    unclear = "unclear"


@fact
class SentFile:
    """A file that was opened, and what it is."""

    kind: FileKind
    name: str
    sheets: tuple[Sheet, ...] = ()
    text: str = ""

    @property
    def calendar(self) -> SentCalendar:
        """Return it as a calendar."""
        return SentCalendar(self.name, self.sheets, self.text)


def open_file(name: str, content: bytes, said: FileKind | None = None) -> SentFile:
    """Open a file and say what it is, by what stands in it and else by its name.

    `said` is what the sender answered when it could have been either. It may take a second: call
    it off the event loop.

    Raises:
        RosterFileError: The file is refused, with the reason.
    """
    if is_calendar_of_events(_text(content[:_BEGINNINGS])):
        return SentFile(FileKind.calendar, name, text=_text(content))
    if is_plan_file(name, _text(content[:_BEGINNINGS])):
        return SentFile(FileKind.plan, name, text=_text(content))
    sheets = tuple(read_sheets(name, content))
    return SentFile(said or _kind(name, sheets), name, sheets)


def _kind(name: str, sheets: tuple[Sheet, ...]) -> FileKind:
    calendar, roster = looks_like_calendar(sheets), max(map(_roster_columns, sheets), default=0)
    if calendar and roster:
        # A list of people has days too, of guardianships; no calendar has three of its columns.
        return FileKind.roster if roster > 2 else FileKind.unclear
    named = any(word in name.casefold() for word in _CALENDAR_NAMES)
    return FileKind.calendar if calendar or (named and not roster) else FileKind.roster


def _roster_columns(sheet: Sheet) -> int:
    headers = read_headers(sheet.rows)
    return len(_OF_ROSTERS & {each.field for each in headers.columns}) if headers else 0


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030", "replace")
