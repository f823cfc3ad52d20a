"""Links that let people in: for a class, for a member of staff, for a student with an account."""

import secrets
from datetime import datetime

from checkin.access import Act, Reach
from checkin.invitations import CODE_BYTES, InvitationKind, code_hash, new_code, terms_of
from checkin.names import same_name
from handlers.desk import Desk
from handlers.messages import Command, Tap
from handlers.presses import Press
from storage import audit, people, units
from storage.database import Session
from storage.tables import Contact, Invitation, Unit

MOST_LINKS = 40
_CLASS_DAYS = terms_of(InvitationKind.class_link).lives.days


async def make_link(
    session: Session,
    kind: InvitationKind,
    unit_id: int,
    now: datetime,
    *,
    by: int | None,
    person_id: int | None = None,
) -> str:
    """Make an invitation and return its code; only the code's hash is kept."""
    unit = await session.get_one(Unit, unit_id)
    students = await people.students_in(session, unit_id) if person_id is None else 0
    terms = terms_of(kind, students)
    code = new_code(secrets.token_bytes(CODE_BYTES))
    session.add(
        Invitation(
            code_hash=code_hash(code),
            kind=kind.value,
            unit_id=unit_id,
            person_id=person_id,
            uses_left=terms.uses,
            expires_at=now + terms.lives,
            created_by=by,
            created_at=now,
        )
    )
    audit.record(
        session,
        "invitation made",
        now,
        actor_id=by,
        school_id=unit.school_id,
        unit=unit_id,
        person=person_id,
    )
    await session.flush()
    return code


async def invite(desk: Desk, command: Command, contact: Contact) -> None:
    """Make links: /invite lists the classes, /invite 3-2 or a name makes one."""
    access = await desk.access(contact)
    reach = access.reach(Act.invite)
    if not reach:
        await desk.say(contact, command, "admin.not_for_you")
        return
    classes = await units.units_within(desk.session, reach, "class")
    wanted = command.rest.strip()
    if not wanted:
        if not classes:
            await desk.say(contact, command, "invite.no_classes")
            return
        await desk.say(
            contact,
            command,
            "invite.which_class",
            classes=[{"id": unit.id, "name": unit.name} for unit in classes],
        )
        return
    named = [unit for unit in classes if unit.name.casefold() == wanted.casefold()]
    if named:
        await _say_class_links(desk, command, contact, named)
        return
    await _invite_person(desk, command, contact, reach, wanted)


async def _invite_person(
    desk: Desk, command: Command, contact: Contact, reach: Reach, wanted: str
) -> None:
    school_units = await units.units_within(desk.session, reach, "school", "class")
    school_id = next((unit.school_id for unit in school_units if unit.school_id), None)
    if school_id is None:
        await desk.say(contact, command, "invite.not_found", name=wanted)
        return
    school = await units.school(desk.session, school_id)
    today = desk.today(school.zone)
    found: list[tuple[InvitationKind, int, str]] = []
    if reach.covers(school.path):
        members = await people.staff_of(desk.session, school.id, today)
        found = [(InvitationKind.staff, person, name) for person, name in members]
    found += [
        (InvitationKind.student, pupil.person_id, pupil.name)
        for pupil in await people.pupils(desk.session, reach, desk.now)
        if pupil.own_account
    ]
    matching = [each for each in found if same_name(each[2], wanted)]
    if len(matching) != 1:
        key = "invite.not_found" if not matching else "invite.several"
        await desk.say(contact, command, key, name=wanted)
        return
    kind, person_id, name = matching[0]
    code = await make_link(
        desk.session, kind, school.id, desk.now, by=contact.person_id, person_id=person_id
    )
    await desk.say(
        contact,
        command,
        "invite.person",
        name=name,
        link=await link_of(desk, contact.bot_id, code),
        days=terms_of(kind).lives.days,
    )


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Handle a tap on a class, or on all of them."""
    access = await desk.access(contact)
    classes = await units.units_within(desk.session, access.reach(Act.invite), "class")
    chosen = [unit for unit in classes if press.row in {0, unit.id}]
    if not chosen:
        desk.record("button refused", contact.person_id, None, unit=press.row)
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    desk.toast(tap, contact, "toast.silent")
    await _say_class_links(desk, tap, contact, chosen[:MOST_LINKS])


async def _say_class_links(
    desk: Desk, event: Command | Tap, contact: Contact, classes: list[Unit]
) -> None:
    links = []
    for unit in classes:
        code = await make_link(
            desk.session, InvitationKind.class_link, unit.id, desk.now, by=contact.person_id
        )
        links.append({"unit": unit.name, "link": await link_of(desk, contact.bot_id, code)})
    await desk.say(contact, event, "invite.links", links=links, days=_CLASS_DAYS)


async def link_of(desk: Desk, bot_id: int, code: str) -> str:
    """Return the address that opens the chat with a code."""
    return f"{desk.join_url}/{await desk.bot_name(bot_id)}?start={code}"
