"""/calendar: terms and single days, where the school knows better than the public calendar."""

from datetime import date, datetime, timedelta

from checkin.access import Act
from checkin.calendar_changes import CalendarErrors, Entry, EntryKind
from checkin.calendar_files import LONGEST_NAME, MOST_DAYS, kind_of_words
from checkin.calendars import Calendar, DayKind, runs_on
from checkin.days import read_day, read_order
from checkin.plans import Plan, occurrences
from checkin.steps import Action
from checkin.times import local_date
from handlers.calendar_files import take_over, template_text
from handlers.calendars import calendar_of, is_unpublished, own_name
from handlers.closings import order_day
from handlers.desk import Desk
from handlers.messages import Command, Event, Words
from storage import calendars, plans, units
from storage.tables import Contact
from storage.units import School

_FILE = frozenset({"file", "export", "文件", "导出", "表格"})
_NO_SCHOOL = frozenset({DayKind.holiday, DayKind.vacation, DayKind.closed})
LOOK_AHEAD = 60  # days of which those without school are named
WARN = 30  # days before the last known term ends


async def calendar(desk: Desk, command: Command, contact: Contact) -> None:
    """Show the school's days, or set a term, a vacation or a day."""
    school = await desk.own_school(command, contact, Act.manage_plan)
    if school is None:
        return
    rest = command.rest.strip()
    word, *said = rest.split(maxsplit=3) or [""]
    today = desk.today(school.zone)
    kind = kind_of_words(word)
    if not rest:
        await _show(desk, command, contact, school)
    elif word.lower() in _FILE:
        await _send_file(desk, command, contact, school)
    elif order := read_order(rest, today):
        if await order_day(desk, command, contact, school, order):
            await _show(desk, command, contact, school)
    elif kind in {EntryKind.term, EntryKind.vacation}:
        await _set_period(desk, command, contact, school, kind, said)
    elif kind is EntryKind.clear and said:
        await _clear_period(desk, command, contact, school, rest.partition(" ")[2].strip())
    else:
        await desk.say(
            contact, command, "calendar.bad_day" if kind is not None else "calendar.how"
        )


async def wrote(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take "closed today snow" or 今天停课 from an admin who forgot the command."""
    if contact.person_id is None or read_order(words.text, desk.now.date()) is None:
        return False
    access = await desk.access(contact)
    found = await units.units_within(desk.session, access.reach(Act.manage_plan), "school")
    if not found:
        return False
    school = units.school_of(found[0])
    order = read_order(words.text, desk.today(school.zone))
    if order is not None and await order_day(desk, words, contact, school, order):
        await _show(desk, words, contact, school)
    return True


async def _set_period(
    desk: Desk,
    command: Command,
    contact: Contact,
    school: School,
    kind: EntryKind,
    said: list[str],
) -> None:
    today = desk.today(school.zone)
    first, last = (read_day(text, today) for text in (*said, "", "")[:2])
    if first is None or last is None or not first <= last:
        await desk.say(contact, command, "calendar.bad_term")
        return
    if (days := (last - first).days + 1) > MOST_DAYS[kind]:
        await desk.say(contact, command, "calendar.bad_too_long", days=days, most=MOST_DAYS[kind])
        return
    name = said[2][:LONGEST_NAME] if len(said) > 2 else f"{first:%Y-%m}"
    await _take_over(desk, command, contact, school, Entry(kind, first, last, name))


async def _clear_period(
    desk: Desk, command: Command, contact: Contact, school: School, name: str
) -> None:
    """Take a term or vacation away by its name."""
    known = await calendars.periods_of(desk.session, school.id)
    found = next((each for each in known if each.name.casefold() == name.casefold()), None)
    if found is None:
        await desk.say(contact, command, "calendar.bad_day")
        return
    await _take_over(
        desk, command, contact, school, Entry(EntryKind.clear, found.first, found.last)
    )


async def _take_over(
    desk: Desk, command: Command, contact: Contact, school: School, entry: Entry
) -> None:
    try:
        await take_over(desk.session, school, (entry,), desk.now, actor_id=contact.person_id)
    except CalendarErrors as errors:
        problem = errors.problems[0]
        await desk.say(contact, command, f"calendar.bad_{problem.code}", **dict(problem.args))
        return
    await _show(desk, command, contact, school)


async def _send_file(desk: Desk, command: Command, contact: Contact, school: School) -> None:
    language = contact.language or school.language
    content = await template_text(desk.session, school, desk.now, language)
    await desk.say(contact, command, "calendar.file", content=content)


# ---- at a glance ---------------------------------------------------------------------------


async def _show(desk: Desk, event: Event, contact: Contact, school: School) -> None:
    today = desk.today(school.zone)
    known = await calendar_of(desk.session, school, today)
    lines: list[list[object]] = []
    for key, periods in (("calendar.term", known.terms), ("calendar.vacation", known.vacations)):
        lines += [
            [key, {"name": each.name, "first": _date(each.first), "last": _date(each.last)}]
            for each in sorted(periods, key=lambda each: each.first)
            if each.last >= today
        ]
    if not known.terms:
        lines.append(["calendar.no_terms", {}])
    lines += _special_days(known, today)
    end = known.known_until()
    if end is not None and end < today + timedelta(days=WARN):
        lines.append(["calendar.ends", {"last": _date(end)}])
    lines += [
        ["calendar.unpublished", {"year": year}]
        for year in sorted({today.year, (today + timedelta(days=LOOK_AHEAD)).year})
        if is_unpublished(school.country, year)
    ]
    running = await plans.plans(desk.session, school.id)
    lines += _today(known, running, school, desk.now)
    lines += _tomorrow(known, running, today + timedelta(days=1))
    lines.append(["calendar.how", {}])
    await desk.say(contact, event, "calendar.title", head={"days": LOOK_AHEAD}, lines=lines)


def _special_days(known: Calendar, today: date) -> list[list[object]]:
    """Name the days that differ from an ordinary week, those that follow each other in one.

    A weekend within a holiday is part of it.
    """
    lines: list[list[object]] = []
    stretch: list[date] = []
    weekend: list[date] = []
    reasons: dict[str, None] = {}
    of: tuple[DayKind, str] | None = None
    for ahead in range(LOOK_AHEAD):
        day = today + timedelta(days=ahead)
        kind, reason = known.kind_of(day)
        if kind is DayKind.weekend and of is not None and of[0] is DayKind.holiday:
            weekend.append(day)
            continue
        same = (kind, "" if kind is DayKind.holiday else reason)
        if stretch and of is not None and same != of:
            lines.append(_stretch(stretch, of[0], " · ".join(reasons)))
            stretch, reasons, of = [], {}, None
        if kind in _NO_SCHOOL or kind is DayKind.make_up:
            stretch += [*(weekend if stretch else ()), day]
            reasons |= {own_name(reason): None} if own_name(reason) or not reasons else {}
            of = same
        weekend = []
    if stretch and of is not None:
        lines.append(_stretch(stretch, of[0], " · ".join(reasons)))
    return lines


def _stretch(days: list[date], kind: DayKind, reason: str) -> list[object]:
    shown = {"kind": {"key": f"day_kind.{kind.value}"}, "reason": reason}
    if len(days) == 1:
        return ["calendar.day", {"day": _shown(days[0]), **shown}]
    return ["calendar.days", {"first": _shown(days[0]), "last": _shown(days[-1]), **shown}]


def _today(
    known: Calendar, running: list[Plan], school: School, now: datetime
) -> list[list[object]]:
    """Say who is not asked any more: a day made a school day this late changes nothing."""
    lines: list[list[object]] = []
    for plan in running:
        for due in occurrences(plan, school.zone, known, local_date(now, school.zone)):
            if due.step.action is Action.close and due.due_at <= now:
                whom = {"key": f"plan.{plan.audience.value}"}
                lines.append(
                    ["calendar.today_over", {"whom": whom, "time": f"{due.step.at:%H:%M}"}]
                )
    return lines


def _tomorrow(known: Calendar, running: list[Plan], day: date) -> list[list[object]]:
    """Say who is asked for tomorrow, and when first."""
    lines: list[list[object]] = []
    for plan in running:
        if not runs_on(plan.recurrence, plan.weekdays, known, day):
            continue
        first = next(step for step in plan.steps if step.action is Action.ask)
        whom = {"key": f"plan.{plan.audience.value}"}
        key = "calendar.tomorrow_eve" if first.day_offset < 0 else "calendar.tomorrow"
        lines.append([key, {"whom": whom, "time": f"{first.at:%H:%M}"}])
    return lines or [["calendar.tomorrow_nobody", {}]]


def _shown(day: date) -> dict[str, str]:
    return {"day": day.isoformat()}


def _date(day: date) -> dict[str, str]:
    return {"date": day.isoformat()}
