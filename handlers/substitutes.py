"""/substitute: a colleague of the same school stands in for a class teacher, for some days."""

from datetime import date, timedelta

from checkin.access import Act, Role
from checkin.facts import fact
from checkin.names import same_name
from checkin.pauses import UNTILS, back_on, may_return, read_pause
from handlers.desk import Desk
from handlers.flags import hand_on
from handlers.messages import Command, Event, Tap
from handlers.presses import Press
from storage import cards, contacts, people, units
from storage.substitutes import substitutions
from storage.tables import Contact, RoleGrant, Unit
from storage.units import School

MOST_NAMED = 24  # on buttons; in a larger school the name is typed
_END = frozenset({"end", "结束"})


@fact
class Lent:
    """A class that its asker may hand to a colleague, and the school's colleagues today."""

    unit: Unit
    school: School
    today: date
    colleagues: dict[int, str]


async def substitute(desk: Desk, command: Command, contact: Contact) -> None:
    """Offer the colleagues who can stand in, take one with a day, or end it."""
    classes = await _classes(desk, contact)
    if not classes:
        await desk.say(contact, command, "admin.not_for_you")
        return
    rest = command.rest.strip()
    if rest.casefold() in _END:
        await _end(desk, command, contact, classes)
        return
    named = next((u for u in classes if _starts_with(rest, u.name)), None)
    unit = named or (classes[0] if len(classes) == 1 else None)
    if unit is None:
        await desk.say(contact, command, "substitute.which", name=classes[0].name)
        return
    lent = await _lent(desk, contact, unit)
    who, back = read_pause(rest[len(unit.name) :] if named else rest, lent.today)
    back = back + timedelta(days=1) if back is not None else None  # the day named is the last
    found = {p: n for p, n in lent.colleagues.items() if not who or same_name(n, who)}
    if not found or (not who and len(found) > MOST_NAMED):
        await desk.say(contact, command, "substitute.type_name", unit=unit.name)
    elif len(found) == 1 and back is not None and may_return(back, lent.today):
        await _grant(desk, command, contact, lent, next(iter(found)), back)
    elif len(found) == 1 and who:
        await _ask_until(desk, command, contact, lent, next(iter(found)))
    else:
        options = [{"id": person, "name": name} for person, name in found.items()]
        await desk.say(
            contact, command, "substitute.whom", unit=unit.name, row=unit.id, options=options
        )


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Take the colleague, then until when; both are looked up anew, whatever the button says."""
    unit = next((u for u in await _classes(desk, contact) if u.id == press.row), None)
    person, until = (*press.details, -1, -1)[:2]
    lent = await _lent(desk, contact, unit) if unit is not None else None
    if lent is None or person not in lent.colleagues or until >= len(UNTILS):
        desk.record("button refused", contact.person_id, None, unit=press.row)
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    desk.toast(tap, contact, "toast.silent")
    if until < 0:
        await _ask_until(desk, tap, contact, lent, person)
    else:
        back = back_on(UNTILS[until], lent.today)
        await _grant(desk, tap, contact, lent, person, back)


async def _classes(desk: Desk, contact: Contact) -> list[Unit]:
    access = await desk.access(contact)
    return await units.units_within(desk.session, access.reach(Act.substitute), "class")


async def _lent(desk: Desk, contact: Contact, unit: Unit) -> Lent:
    school = await units.school(desk.session, unit.school_id or unit.id)
    today = desk.today(school.zone)
    staff = await people.staff_of(desk.session, school.id, today)
    others = {person: name for person, name in staff if person != contact.person_id}
    return Lent(unit, school, today, dict(sorted(others.items(), key=lambda each: each[1])))


def _starts_with(text: str, name: str) -> bool:
    words, wanted = text.casefold(), name.casefold()
    return words == wanted or words.startswith(wanted + " ")


async def _ask_until(desk: Desk, event: Event, contact: Contact, lent: Lent, person: int) -> None:
    await desk.say(
        contact,
        event,
        "substitute.until",
        unit=lent.unit.name,
        row=lent.unit.id,
        person=person,
        name=lent.colleagues[person],
    )


async def _grant(
    desk: Desk, event: Event, contact: Contact, lent: Lent, person: int, back: date
) -> None:
    """Keep the role until the day before `back`, and tell both; a second word moves the end."""
    standing = await substitutions(desk.session, [lent.unit.id], lent.today)
    grant = next((each for each in standing if each.person_id == person), None)
    if grant is None:
        grant = RoleGrant(
            person_id=person,
            unit_id=lent.unit.id,
            role=Role.class_teacher.value,
            since=lent.today,
            granted_by=contact.person_id,
        )
        desk.session.add(grant)
    grant.until = back
    await desk.session.flush()
    await hand_on(desk.session, lent.school, desk.now)
    desk.forget_access(person)
    desk.record(
        "substitute made",
        contact.person_id,
        lent.school.id,
        person=person,
        unit=lent.unit.id,
        until=str(back),
    )
    said = {"unit": lent.unit.name, "day": str(back - timedelta(days=1))}
    name = lent.colleagues[person]
    reached = await contacts.contacts_of(desk.session, [person])
    for chat in reached:
        desk.menus.add(chat.id)
        cause = f"substitute:{grant.id}:{event.update_id}"
        await desk.tell(chat, cause, "substitute.you", **said)
    key = "substitute.given" if reached else "substitute.given_not_in_chat"
    await desk.say(contact, event, key, name=name, **said)


async def _end(desk: Desk, event: Event, contact: Contact, classes: list[Unit]) -> None:
    schools = {unit.school_id or unit.id for unit in classes}
    ended = 0
    for school_id in schools:
        school = await units.school(desk.session, school_id)
        today = desk.today(school.zone)
        names = {unit.id: unit.name for unit in classes if unit.school_id == school_id}
        for grant in await substitutions(desk.session, names, today):
            if grant.person_id == contact.person_id:
                continue  # a substitute does not end their own days
            grant.until = today
            ended += 1
            await cards.refresh_at_school(desk.session, [grant.person_id], since=grant.since)
            desk.forget_access(grant.person_id)
            desk.record("substitute ended", contact.person_id, school_id, person=grant.person_id)
            for chat in await contacts.contacts_of(desk.session, [grant.person_id]):
                desk.menus.add(chat.id)
                cause = f"substitute:{grant.id}:end:{event.update_id}"
                await desk.tell(chat, cause, "substitute.you_ended", unit=names[grant.unit_id])
    await desk.say(contact, event, "substitute.ended" if ended else "substitute.none")
