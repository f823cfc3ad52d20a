"""Students who leave the school: named by number or missing from the last list, confirmed first.

They stay until the end of the day; their ties end with them, and so does what guardians of nobody
else may see. A list that has them again brings them back.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from checkin.access import Act
from checkin.times import local_date
from handlers.desk import Desk
from handlers.messages import Command, Event, Tap
from handlers.presses import Press, Verb
from storage import audit, leaving, people, units
from storage.database import Session
from storage.leaving import Leaver
from storage.tables import Contact
from storage.units import School

_NAMED = 8  # in the confirmation; the others are counted

VERBS = frozenset({Verb.show_missing, Verb.leave, Verb.confirm_leave, Verb.keep_students})


async def leave(
    session: Session,
    school: School,
    leavers: Sequence[Leaver],
    now: datetime,
    *,
    actor_id: int | None,
) -> int:
    """Let students leave after today, within the caller's transaction; return how many."""
    if not leavers:
        return 0
    tomorrow = local_date(now, school.zone) + timedelta(days=1)
    await leaving.end(session, leavers, tomorrow)
    audit.record(
        session,
        "students left",
        now,
        actor_id=actor_id,
        school_id=school.id,
        students=[leaver.person_id for leaver in leavers],
    )
    return len(leavers)


async def leave_missing(session: Session, school: School, now: datetime) -> int:
    """Let everybody leave who was not in the last list: for the command line."""
    await session.flush()
    missing = await leaving.unlisted(session, school.id, local_date(now, school.zone))
    return await leave(session, school, missing, now, actor_id=None)


# ---- in chat -------------------------------------------------------------------------------


async def roster(desk: Desk, command: Command, contact: Contact) -> None:
    """Say how many are in the school, how many have joined, and who was not in the last list."""
    school = await desk.own_school(command, contact, Act.manage_roster)
    if school is None:
        return
    today = desk.today(school.zone)
    counted = await people.joined(desk.session, school.id, today)
    missing = await leaving.unlisted(desk.session, school.id, today)
    await desk.say(
        contact,
        command,
        "roster.state",
        students=counted.students,
        joined=counted.joined,
        staff=counted.staff,
        staff_joined=counted.staff_joined,
        not_in_file=len(missing),
    )


async def left(desk: Desk, command: Command, contact: Contact) -> None:
    """Ask whether the students with these numbers have left: `/left 2026017 2026018`."""
    school = await desk.own_school(command, contact, Act.manage_roster)
    if school is None:
        return
    numbers = list(dict.fromkeys(re.split(r"[\s,;，；、]+", command.rest.strip().upper())))
    numbers = [number for number in numbers if number]
    if not numbers:
        await desk.say(contact, command, "leave.how")
        return
    found = await leaving.enrolled(desk.session, school.id, desk.today(school.zone), numbers)
    unknown = [n for n in numbers if n not in {leaver.number for leaver in found}]
    if unknown:
        await desk.say(contact, command, "leave.unknown", numbers=unknown[:_NAMED])
        return
    contact.dialogue = {"step": "leave", "numbers": numbers}
    await _ask(desk, command, contact, found)


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Show who was not in the last list, ask whether they have left, and take the answer."""
    access = await desk.access(contact)
    found = await units.units_within(desk.session, access.reach(Act.manage_roster), "school")
    if not found:
        desk.record("button refused", contact.person_id, None, contact=contact.id)
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    school = units.school_of(found[0])
    if press.verb is Verb.confirm_leave:
        await _confirmed(desk, tap, contact, press, school)
        return
    if press.verb is Verb.keep_students:
        contact.dialogue = {}
        desk.toast(tap, contact, "toast.silent")
        await desk.say(contact, tap, "leave.kept")
        return
    desk.toast(tap, contact, "toast.silent")
    missing = await leaving.unlisted(desk.session, school.id, desk.today(school.zone))
    if not missing:
        await desk.say(contact, tap, "leave.nobody")
    elif press.verb is Verb.show_missing:
        desk.record("missing students shown", contact.person_id, school.id, n=len(missing))
        await desk.say(
            contact,
            tap,
            "leave.names",
            students=[[one.unit_name, one.name, one.number] for one in missing],
        )
    else:
        contact.dialogue = {"step": "leave", "missing": True}
        await _ask(desk, tap, contact, missing)


async def _ask(desk: Desk, event: Event, contact: Contact, leavers: Sequence[Leaver]) -> None:
    await desk.say(
        contact,
        event,
        "leave.sure",
        n=len(leavers),
        names=[f"{one.name} ({one.unit_name})" for one in leavers[:_NAMED]],
    )


async def _confirmed(desk: Desk, tap: Tap, contact: Contact, press: Press, school: School) -> None:
    """Let them leave, if they are as many as the button said."""
    errand = contact.dialogue if contact.dialogue.get("step") == "leave" else {}
    today = desk.today(school.zone)
    leavers: list[Leaver] = []
    if errand.get("missing"):
        leavers = await leaving.unlisted(desk.session, school.id, today)
    elif errand.get("numbers"):
        numbers = errand["numbers"]
        leavers = await leaving.enrolled(desk.session, school.id, today, numbers)
    if not leavers:
        desk.toast(tap, contact, "toast.leave_over")
        return
    if len(leavers) != press.row:
        desk.toast(tap, contact, "toast.leave_changed", alert=True)
        await _ask(desk, tap, contact, leavers)
        return
    contact.dialogue = {}
    count = await leave(desk.session, school, leavers, desk.now, actor_id=contact.person_id)
    desk.toast(tap, contact, "toast.silent")
    await desk.say(contact, tap, "leave.done", n=count)
