"""/why: what was done about somebody today and for what reason, from the rules that decided it."""

from typing import Any

from checkin.access import Act
from checkin.asking import Eligible, may_ask, why_not_asked
from checkin.checkins import Status
from checkin.names import same_name
from handlers.calendars import calendar_of
from handlers.desk import Desk
from handlers.messages import Command
from storage import pauses, people, rounds, units
from storage.history import history_of
from storage.people import Pupil
from storage.tables import Contact


async def why(desk: Desk, command: Command, contact: Contact) -> None:
    """Explain today for a student, by name or number, within the sender's reach."""
    access = await desk.access(contact)
    reach = access.reach(Act.explain)
    if not reach:
        await desk.say(contact, command, "admin.not_for_you")
        return
    wanted = command.rest.strip()
    if not wanted:
        await desk.say(contact, command, "why.how")
        return
    found = [
        pupil
        for pupil in await people.pupils(desk.session, reach, desk.now)
        if pupil.number == wanted or same_name(pupil.name, wanted)
    ]
    if not found:
        desk.record("person not found", contact.person_id, None, update=command.update_id)
        await desk.say(contact, command, "why.not_found", name=wanted)
        return
    for pupil in found[:3]:
        desk.record("why read", contact.person_id, pupil.school_id, subject=pupil.person_id)
        await _explain(desk, command, contact, pupil)


async def _explain(desk: Desk, command: Command, contact: Contact, pupil: Pupil) -> None:
    school = await units.school(desk.session, pupil.school_id)
    today = pupil.today
    calendar = await calendar_of(desk.session, school, today)
    kind, reason = calendar.kind_of(today)
    lines: list[list[Any]] = [
        ["why.day", {"kind": {"key": f"day.{kind.value}"}, "reason": reason}],
    ]
    away = await pauses.pauses_of(desk.session, [pupil.person_id], today)
    ways = await people.ways_of(desk.session, pupil.person_id, today)
    lines += [[f"why.way_{way.state}", {"name": way.name, "rank": way.rank}] for way in ways]
    if not ways:
        lines.append(["why.nobody", {}])
    held = await rounds.rounds_on(desk.session, school.id, today)
    entries = [
        entry
        for each in held
        for entry in await rounds.household(desk.session, [pupil.person_id], today, each.slot)
        if entry.round.id == each.id
    ]
    if not entries:
        lines.append(["why.no_round", {}])
    for entry in entries:
        status = Status(entry.checkin.status)
        lines.append(["why.status", {"status": {"key": f"status.{status.value}"}}])
        if excuse := why_not_asked(status, entry.checkin.excuse):
            lines.append([f"why.because_{excuse}", {}])
        verdict = may_ask(
            status,
            reachable=any(way.state == "open" for way in ways),
            paused=bool(away),
            consented=any(way.consented for way in ways),
            on_roll=True,
            closed=entry.round.closed_at is not None,
        )
        if not isinstance(verdict, Eligible):
            lines.append([f"why.not_{verdict.reason.value}", {}])
        for act in await history_of(desk.session, entry.checkin.id):
            time = act.at.astimezone(school.zone).strftime("%H:%M")
            lines.append(["why.act", {"time": time, "act": {"key": f"act.{act.act}"}}])
    head = {"name": pupil.name, "unit": pupil.unit_name}
    await desk.say(contact, command, "why.title", head=head, lines=lines)
