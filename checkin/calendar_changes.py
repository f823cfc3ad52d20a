"""What a file or a command changes in a school's calendar, or why it cannot be taken over."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import date, timedelta
from enum import StrEnum
from itertools import combinations

from checkin.calendars import DayKind, Override, Term
from checkin.facts import fact


class PeriodKind(StrEnum):
    """A stretch of the year that has a name."""

    term = "term"
    vacation = "vacation"


@fact
class Period:
    """A term or a vacation, both ends counted; it is known by its kind and name."""

    kind: PeriodKind
    name: str
    first: date
    last: date

    @property
    def key(self) -> tuple[str, str]:
        """What one is known by: another with the same is the same, moved."""
        return self.kind.value, self.name

    def term(self) -> Term:
        """Return it as the calendar holds it."""
        return Term(self.name, self.first, self.last)


@fact
class Known:
    """A school's own calendar as it is kept."""

    periods: tuple[Period, ...] = ()
    days: Mapping[date, Override] = field(default_factory=dict)


class EntryKind(StrEnum):
    """What a row of a calendar file says."""

    term = "term"
    vacation = "vacation"
    closed = "closed"
    open = "open"
    clear = "clear"


@fact
class Entry:
    """One row of a calendar file, understood."""

    kind: EntryKind
    first: date
    last: date
    name: str = ""
    sheet: str = ""
    row: int = 0

    def days(self) -> Iterable[date]:
        """Return its days in order."""
        return (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))


class CalendarCode(StrEnum):
    """Everything that can be wrong with a calendar file; the arguments are in braces.

    Of a sheet or the file:
        no_rows: there are headers but nothing below them, or nothing at all.
        header_missing: no column for {field} (a `CalendarField`).
    Of one cell:
        bad_cell: {value} shows a formula gone wrong, hidden characters, or is far too long.
        kind_missing, first_missing, last_missing: the cell is empty.
        kind_unknown: {value} is neither term, vacation, closed, open nor clear.
        not_a_day: {value} is no date, or one that can be read in two ways.
        far_away: {value} is years from now.
    Of one row:
        not_whole_day: {value} is an event at a time of day.
        repeats: {value} is an event that comes again and again.
        reversed: it ends on {last}, before it begins on {first}.
        too_long: {days} days, where {most} are enough for its kind.
    Between rows:
        terms_overlap: {name} and {other} share {day}.
        day_twice: {day} is closed here and open in {sheet} row {row}.
        begun: {day} has begun: families were asked, or it is today.
    """

    no_rows = "no_rows"
    header_missing = "header_missing"
    bad_cell = "bad_cell"
    kind_missing = "kind_missing"
    first_missing = "first_missing"
    last_missing = "last_missing"
    kind_unknown = "kind_unknown"
    not_a_day = "not_a_day"
    far_away = "far_away"
    not_whole_day = "not_whole_day"
    repeats = "repeats"
    reversed = "reversed"
    too_long = "too_long"
    terms_overlap = "terms_overlap"
    day_twice = "day_twice"
    begun = "begun"


@fact
class CalendarProblem:
    """Something to mend: where it is, and what."""

    sheet: str
    row: int
    column: str
    code: CalendarCode
    args: Mapping[str, str] = field(default_factory=dict)


class CalendarErrors(Exception):
    """A calendar that is not taken over, with everything there is to mend."""

    def __init__(self, problems: Sequence[CalendarProblem]) -> None:
        super().__init__(f"The calendar has {len(problems)} problems.")
        self.problems = tuple(problems)


@fact
class CalendarChanges:
    """What to keep anew, and what not any more; a day with None follows the calendar again."""

    kept: tuple[Period, ...] = ()
    removed: tuple[Period, ...] = ()
    days: Mapping[date, Override | None] = field(default_factory=dict)

    @property
    def nothing(self) -> bool:
        """Say whether all of it was known already."""
        return not (self.kept or self.removed or self.days)


_DAY_KINDS = {EntryKind.closed: DayKind.closed, EntryKind.open: DayKind.make_up}


def change_calendar(known: Known, entries: Sequence[Entry], today: date) -> CalendarChanges:
    """Say what entries change; what they do not name stays as it is.

    A term or vacation is known by its name: another first or last day moves it. `clear` takes
    away the days set by hand from its first to its last, and terms and vacations with exactly
    these two days. Days before today are over and are left as they were.

    Raises:
        CalendarErrors: terms share a day, or one day is said to be two things.
    """
    problems: list[CalendarProblem] = []
    periods = {period.key: period for period in known.periods}
    before = dict(periods)
    wanted: dict[date, Override | None] = {}
    said_by: dict[date, Entry] = {}
    for entry in entries:
        if entry.kind in _DAY_KINDS or entry.kind is EntryKind.clear:
            to = Override(_DAY_KINDS[entry.kind], entry.name) if entry.kind in _DAY_KINDS else None
            for day in entry.days():
                if (other := said_by.setdefault(day, entry)).kind is not entry.kind:
                    problems.append(_twice(entry, other, day))
                    break
                if day >= today:
                    wanted[day] = to
        if entry.kind is EntryKind.clear:
            gone = [p for p in periods.values() if (p.first, p.last) == (entry.first, entry.last)]
            for period in gone:
                del periods[period.key]
        elif entry.kind not in _DAY_KINDS:
            name = entry.name or f"{entry.first:%Y-%m}"
            kept = Period(PeriodKind(entry.kind.value), name, entry.first, entry.last)
            periods[kept.key] = kept
    problems += _overlaps(periods, entries)
    if problems:
        raise CalendarErrors(problems)
    return CalendarChanges(
        kept=tuple(each for key, each in periods.items() if before.get(key) != each),
        removed=tuple(each for key, each in before.items() if key not in periods),
        days={day: to for day, to in wanted.items() if known.days.get(day) != to},
    )


def _twice(entry: Entry, other: Entry, day: date) -> CalendarProblem:
    args = {"day": day.isoformat(), "sheet": other.sheet, "row": str(other.row)}
    return CalendarProblem(entry.sheet, entry.row, "", CalendarCode.day_twice, args)


def _overlaps(
    periods: Mapping[tuple[str, str], Period], entries: Sequence[Entry]
) -> Iterable[CalendarProblem]:
    terms = sorted(
        (each for each in periods.values() if each.kind is PeriodKind.term),
        key=lambda each: each.first,
    )
    for first, second in combinations(terms, 2):
        if second.first <= first.last:
            place = next(
                (e for e in reversed(entries) if (e.first, e.last) == (second.first, second.last)),
                entries[-1],
            )
            args = {"name": second.name, "other": first.name, "day": second.first.isoformat()}
            yield CalendarProblem(place.sheet, place.row, "", CalendarCode.terms_overlap, args)


def after(known: Known, changes: CalendarChanges) -> Known:
    """Return the calendar as it will be kept."""
    gone = {period.key for period in (*changes.removed, *changes.kept)}
    stay = tuple(period for period in known.periods if period.key not in gone)
    days = {**known.days, **{day: to for day, to in changes.days.items() if to is not None}}
    cleared = {day for day, to in changes.days.items() if to is None}
    return Known(
        (*stay, *changes.kept), {day: to for day, to in days.items() if day not in cleared}
    )


def to_entries(known: Known, since: date) -> tuple[Entry, ...]:
    """Return a kept calendar as the rows of a file, without what is over; alike days as one."""
    entries = [
        Entry(EntryKind(period.kind.value), period.first, period.last, period.name)
        for period in sorted(known.periods, key=lambda each: (each.first, each.kind))
        if period.last >= since
    ]
    for first, last, to in runs(sorted(day for day in known.days if day >= since), known.days):
        kind = EntryKind.closed if to.kind is DayKind.closed else EntryKind.open
        entries.append(Entry(kind, first, last, to.reason))
    return tuple(entries)


def runs(
    days: Collection[date], what: Mapping[date, Override]
) -> Iterable[tuple[date, date, Override]]:
    """Return stretches of days that follow each other and are the same thing."""
    first: date | None = None
    last = date.min
    for day in days:
        if first is not None and day == last + timedelta(days=1) and what[day] == what[first]:
            last = day
            continue
        if first is not None:
            yield first, last, what[first]
        first = last = day
    if first is not None:
        yield first, last, what[first]
