"""/stop: a guardian, student or teacher withdraws the consent to be asked. It is always theirs."""

from datetime import timedelta

from handlers.desk import Desk
from handlers.messages import Command, Tap
from handlers.presses import Press, Verb
from storage import asking, cards, people, rounds
from storage.tables import Contact


async def stop(desk: Desk, command: Command, contact: Contact) -> None:
    """Ask whether it is meant, naming whom it is about."""
    names = await _about(desk, contact)
    if names:
        await desk.say(contact, command, "stop.sure", names=names)
    else:
        await desk.say(contact, command, "stop.nothing")


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Withdraw every consent that the person has given, or leave it all as it is."""
    if press.verb is Verb.go_on or contact.person_id is None:
        desk.toast(tap, contact, "toast.going_on")
        return
    subjects = await people.withdraw_consents(desk.session, contact.person_id, desk.now)
    desk.toast(tap, contact, "toast.silent")
    if not subjects:
        await desk.say(contact, tap, "stop.nothing")
        return
    for subject_id in subjects:
        desk.record("consent withdrawn", contact.person_id, None, subject=subject_id)
    await _clear_cards(desk, contact.person_id, subjects)
    await asking.ask_instead(desk.session, contact, desk.now)
    await desk.say(contact, tap, "stop.done")


async def _clear_cards(desk: Desk, person_id: int, subjects: list[int]) -> None:
    """Take names, buttons and reminders off the cards that could still be answered."""
    yesterday = desk.now.date() - timedelta(days=1)
    held = await rounds.rounds_about(desk.session, subjects, since=yesterday)
    days = [each.day for each in held if each.late_until > desk.now]
    if days:
        await cards.refresh_of(desk.session, [person_id], since=min(days))


async def _about(desk: Desk, contact: Contact) -> list[str]:
    if contact.person_id is None:
        return []
    subjects = await people.consented_subjects(desk.session, contact.person_id)
    names = await people.names(desk.session, subjects)
    return [names[subject] for subject in subjects]
