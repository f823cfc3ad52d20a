"""A calendar as a file: taken over whole or not at all, and given back to be edited."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

from checkin.calendar_changes import (
    CalendarChanges,
    CalendarCode,
    CalendarErrors,
    CalendarProblem,
    Entry,
    after,
    change_calendar,
    to_entries,
)
from checkin.calendar_events import is_calendar_of_events, read_events
from checkin.calendar_files import read_calendar, to_rows
from checkin.facts import fact
from checkin.rosters import Sheet
from checkin.times import local_date
from handlers.calendars import calendar_with, known_calendar
from handlers.closings import turned
from storage import audit, calendars
from storage.database import Session
from storage.units import School


@fact
class SentCalendar:
    """A calendar file that was opened: the sheets of a table, or the text of an .ics file."""

    name: str
    sheets: tuple[Sheet, ...] = ()
    text: str = ""


async def import_calendar(
    session: Session, school: School, sent: SentCalendar, now: datetime, *, actor_id: int | None
) -> CalendarChanges:
    """Take a calendar file over; what it does not name stays as it is.

    Raises:
        CalendarErrors: with every problem found; nothing was changed.
    """
    today = local_date(now, school.zone)
    if is_calendar_of_events(sent.text):
        entries = read_events(sent.name, sent.text, today)
    else:
        entries = read_calendar(sent.sheets, today)
    return await take_over(session, school, entries, now, actor_id=actor_id)


async def take_over(
    session: Session,
    school: School,
    entries: tuple[Entry, ...],
    now: datetime,
    *,
    actor_id: int | None,
) -> CalendarChanges:
    """Keep what entries say, unless a morning that has begun would lose its place.

    Raises:
        CalendarErrors: nothing was changed.
    """
    today = local_date(now, school.zone)
    known = await known_calendar(session, school.id, today)
    changes = change_calendar(known, entries, today)
    then = calendar_with(school, after(known, changes), today)
    for day in (today, today + timedelta(days=1)):  # tomorrow's may be asked the evening before
        if any(await turned(session, school, then, day)):
            place = next((each for each in entries if each.first <= day <= each.last), entries[0])
            args = {"day": day.isoformat()}
            problem = CalendarProblem(place.sheet, place.row, "", CalendarCode.begun, args)
            raise CalendarErrors([problem])
    await calendars.keep_periods(session, school.id, changes.kept, changes.removed)
    await calendars.keep_days(session, school.id, changes.days)
    if not changes.nothing:
        audit.record(
            session,
            "calendar changed",
            now,
            actor_id=actor_id,
            school_id=school.id,
            periods=len(changes.kept),
            removed=len(changes.removed),
            days=len(changes.days),
        )
    return changes


async def template_text(session: Session, school: School, now: datetime, language: str) -> str:
    """Return the school's calendar as CSV, to be edited and sent back."""
    today = local_date(now, school.zone)
    known = await known_calendar(session, school.id, today)
    text = io.StringIO()
    csv.writer(text).writerows(to_rows(to_entries(known, today), language))
    return text.getvalue()


def calendar_changes_document(changes: CalendarChanges) -> dict[str, Any]:
    """Return what an import did as plain JSON."""
    return {
        "kept": [
            {
                "kind": each.kind.value,
                "name": each.name,
                "first": each.first.isoformat(),
                "last": each.last.isoformat(),
            }
            for each in changes.kept
        ],
        "removed": [{"kind": each.kind.value, "name": each.name} for each in changes.removed],
        "days": [
            {
                "day": day.isoformat(),
                "kind": to.kind.value if to else "clear",
                "reason": to.reason if to else "",
            }
            for day, to in sorted(changes.days.items())
        ],
    }
