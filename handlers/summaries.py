"""The lead's summary and signature: zero is declared by a person, never inferred."""

from checkin.access import Act
from checkin.plans import MORNING
from handlers.desk import Desk
from handlers.household import bring_fresh, refused, show_again, show_at_once
from handlers.messages import Command, Tap
from handlers.presses import Press, Verb
from handlers.summary_views import school_day
from storage import cards, ledger, units
from storage.signoffs import sign_off_of
from storage.tables import Card, Contact, SignOff, Unit


async def show_summary(desk: Desk, command: Command, contact: Contact) -> None:
    """Show today's summary of the school that the sender leads."""
    access = await desk.access(contact)
    found = await units.units_within(desk.session, access.reach(Act.see_summary), "school")
    if not found:
        await desk.say(contact, command, "summary.none_yours")
        return
    for unit in found:
        school = units.school_of(unit)
        card = await cards.card_of(
            desk.session, contact, desk.today(school.zone), "summary", MORNING, unit.id
        )
        desk.record("summary read", contact.person_id, school.id)
        await show_again(desk, command, contact, card)


async def tapped(desk: Desk, tap: Tap, contact: Contact, card: Card, press: Press) -> None:
    """Handle a tap on a summary: sign what is shown, or show what is."""
    unit = await desk.session.get(Unit, card.about_id)
    access = await desk.access(contact)
    needed = Act.sign if press.verb is Verb.sign else Act.see_summary
    if unit is None or not access.may(needed, unit.path):
        await refused(desk, tap, contact, card)
        return
    if press.verb is Verb.refresh and tap.message_id == card.message_id:
        show_at_once(desk, tap, contact, card)
    elif press.verb is Verb.picture:
        await owe_picture(desk, tap, contact, card)
    elif press.verb is not Verb.sign:
        await bring_fresh(desk, tap, contact, card)
    elif await sign_off_of(desk.session, unit.id, card.day, card.slot):
        desk.toast(tap, contact, "toast.already_signed")
    else:
        await _sign(desk, tap, contact, card, press)


async def _sign(desk: Desk, tap: Tap, contact: Contact, card: Card, press: Press) -> None:
    """Sign the rows as they are, if nobody is in them as the screen did not show them.

    Its button carries the fingerprint: a late all-clear does not stop a signature, whatever else
    has changed is shown first.
    """
    view = await school_day(desk.session, card)
    if not view.closed:
        desk.toast(tap, contact, "toast.not_closed_yet", alert=True)
        return
    if press.details != (view.fingerprint,):
        card.shown_at = None
        await bring_fresh(desk, tap, contact, card)
        return
    person_id = contact.person_id or 0
    desk.session.add(
        SignOff(
            unit_id=card.about_id,
            day=card.day,
            slot=card.slot,
            signed_by=person_id,
            signed_at=desk.now,
            cases=view.zero.cases,
            counts=view.summary.kept(),
            unaccounted=[each.subject_id for each in view.summary.unaccounted],
        )
    )
    desk.signed(card.about_id, card.day)
    await ledger.withdraw_chasers(desk.session, card.about_id, card.day, card.slot)
    desk.record(
        "summary signed",
        person_id,
        card.about_id,
        day=card.day.isoformat(),
        cases=view.zero.cases,
        unaccounted=view.zero.unaccounted,
    )
    card.revision += 1
    card.shown_at = None
    desk.own_card(card.id)
    desk.changed(card.day, 0, card.about_id)
    desk.toast(tap, contact, "toast.signed")


async def owe_picture(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Owe a fresh picture of the day, at the end of the chat."""
    cause = f"picture:{card.id}:{tap.update_id}"
    await ledger.owe(desk.session, contact, "picture", cause, desk.now, card=card)
    desk.toast(tap, contact, "toast.picture_comes")
