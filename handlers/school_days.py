"""/calendar: terms and single days, where the school knows better than the public calendar."""

from datetime import date, timedelta

from checkin.access import Act
from checkin.calendars import DayKind
from handlers.calendars import calendar_of
from handlers.desk import Desk
from handlers.messages import Command
from storage import rounds, units
from storage.tables import Contact
from storage.units import School

_KINDS = {
    "closed": DayKind.closed,
    "close": DayKind.closed,
    "停课": DayKind.closed,
    "放假": DayKind.closed,
    "open": DayKind.make_up,
    "上课": DayKind.make_up,
    "补课": DayKind.make_up,
}
_TERM = frozenset({"term", "学期"})
_CLEAR = frozenset({"clear", "取消"})
LOOK_AHEAD = 30  # days of which those without school are named


async def calendar(desk: Desk, command: Command, contact: Contact) -> None:
    """Show the school's days, or set a term or a day."""
    school = await desk.own_school(command, contact, Act.manage_plan)
    if school is None:
        return
    word, *rest = command.rest.split(maxsplit=3) or [""]
    word = word.lower()
    if word in _TERM:
        problem = await _set_term(desk, contact, school, rest)
    elif word in _KINDS or word in _CLEAR:
        problem = await _set_day(desk, contact, school, word, command.rest.split(maxsplit=2)[1:])
    else:
        problem = "calendar.how" if word else None
    if problem is not None:
        await desk.say(contact, command, problem)
        return
    await _show(desk, command, contact, school)


async def _set_term(desk: Desk, contact: Contact, school: School, said: list[str]) -> str | None:
    first, last = (_day(text) for text in (*said, "", "")[:2])
    if first is None or last is None or last < first:
        return "calendar.bad_term"
    name = said[2][:40] if len(said) > 2 else f"{first:%Y-%m}"
    await units.set_term(desk.session, school.id, name, first, last)
    desk.record("term set", contact.person_id, school.id, first=str(first), last=str(last))
    return None


async def _set_day(
    desk: Desk, contact: Contact, school: School, word: str, said: list[str]
) -> str | None:
    day = _day(said[0]) if said else None
    if day is None:
        return "calendar.bad_day"
    today = desk.today(school.zone)
    if day < today:
        return "calendar.past_day"
    if await rounds.rounds_on(desk.session, school.id, day):
        return "calendar.begun"  # families have been asked: the day cannot quietly vanish
    kind = _KINDS.get(word)
    reason = said[1][:60] if len(said) > 1 else ""
    await units.set_day(desk.session, school.id, day, kind.value if kind else None, reason)
    desk.record("day set", contact.person_id, school.id, day=str(day), kind=kind or "clear")
    return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


async def _show(desk: Desk, command: Command, contact: Contact, school: School) -> None:
    today = desk.today(school.zone)
    known = await calendar_of(desk.session, school, today)
    lines: list[list[object]] = [
        ["calendar.term", {"name": term.name, "first": str(term.first), "last": str(term.last)}]
        for term in known.terms
        if term.last >= today
    ] or [["calendar.no_terms", {}]]
    for offset in range(LOOK_AHEAD):
        day = today + timedelta(days=offset)
        kind, reason = known.kind_of(day)
        if kind not in {DayKind.school, DayKind.weekend}:
            shown = {"key": f"day_kind.{kind.value}"}
            lines.append(["calendar.day", {"day": str(day), "kind": shown, "reason": reason}])
    lines.append(["calendar.how", {}])
    await desk.say(contact, command, "calendar.title", head={"days": LOOK_AHEAD}, lines=lines)
