"""The class card: who is in, who is silent, who is unwell."""

from checkin.access import Act
from checkin.plans import MORNING
from handlers.desk import Desk
from handlers.household import bring_fresh, refused, show_again, show_at_once
from handlers.messages import Command, Event, Tap
from handlers.presses import Press, Verb
from storage import cards, units
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
