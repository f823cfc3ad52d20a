"""The class card: who is in, who is silent, who is unwell; and what a teacher or nurse decides."""

from checkin.access import Act
from checkin.plans import MORNING
from handlers.answers import keep_flag, release_flag
from handlers.desk import Desk, Redraw
from handlers.household import bring_fresh, refused, show_again, show_at_once
from handlers.messages import Command, Event, Tap
from handlers.presses import Press, Verb
from storage import cards, rounds, units
from storage.questionnaires import questionnaire
from storage.rounds import Entry
from storage.tables import Card, Contact, Unit


async def show_classes(desk: Desk, command: Command, contact: Contact) -> None:
    """Show the card of each class that the sender looks after, or of the one that they named."""
    access = await desk.access(contact)
    found = await units.units_within(desk.session, access.reach(Act.see_class), "class")
    wanted = command.rest.strip().casefold()
    if wanted:
        found = [unit for unit in found if unit.name.casefold() == wanted]
        if not found:
            # A class that is there but out of reach is "not found" like one that is not.
            desk.record("class not found", contact.person_id, None, update=command.update_id)
            await desk.say(contact, command, "class.not_found", name=command.rest.strip())
            return
    if not found:
        await desk.say(contact, command, "class.none_yours")
        return
    if len(found) > 3:
        await desk.say(contact, command, "class.which", names=[unit.name for unit in found])
        return
    for unit in found:
        await _show(desk, command, contact, unit)


async def _show(desk: Desk, event: Event, contact: Contact, unit: Unit) -> None:
    school = await units.school(desk.session, unit.school_id or unit.id)
    card = await cards.card_of(
        desk.session, contact, desk.today(school.zone), "class", MORNING, unit.id
    )
    desk.record("class list read", contact.person_id, school.id, unit=unit.id)
    await show_again(desk, event, contact, card)


async def tapped(desk: Desk, tap: Tap, contact: Contact, card: Card, press: Press) -> None:
    """Handle a tap on a class card: it can only be asked for afresh."""
    unit = await desk.session.get(Unit, card.about_id)
    access = await desk.access(contact)
    if unit is None or not access.may(Act.see_class, unit.path):
        await refused(desk, tap, contact, card)
        return
    if press.verb is Verb.refresh and tap.message_id == card.message_id:
        show_at_once(desk, tap, contact, card)
    else:
        await bring_fresh(desk, tap, contact, card)


async def tapped_flag(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Handle a tap under a flag: look at the reasons, release it, or let it stand."""
    entry = await rounds.entry(desk.session, press.row)
    access = await desk.access(contact)
    if entry is None or not access.may(_needed(press.verb), entry.unit_path):
        desk.record("button refused", contact.person_id, None, check_in=press.row)
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    person_id = access.person_id or 0
    if press.verb is Verb.details:
        await _details(desk, tap, contact, entry, person_id)
    elif press.verb is Verb.release:
        done = await release_flag(desk, entry, person_id)
        desk.toast(tap, contact, "toast.released" if done else "toast.nothing_to_release")
    else:
        done = await keep_flag(desk, entry, person_id)
        desk.toast(tap, contact, "toast.flag_kept" if done else "toast.nothing_to_release")
    if press.verb is not Verb.details and tap.message_id is not None:
        desk.redraws.append(Redraw(contact, tap.message_id, entry.checkin.id))


def _needed(verb: Verb) -> Act:
    return Act.see_class if verb is Verb.details else Act.release


async def _details(desk: Desk, tap: Tap, contact: Contact, entry: Entry, person_id: int) -> None:
    """Say the reasons in a window that goes away: they never stand beside the name in a chat."""
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    desk.record("reasons read", person_id, entry.checkin.school_id, check_in=entry.checkin.id)
    desk.toast(
        tap,
        contact,
        "toast.reasons",
        alert=True,
        reasons=[dict(asked.reasons.get(key, {})) for key in entry.checkin.reasons.split()],
    )
