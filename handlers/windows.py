"""/when: whether a family is asked in the morning, or likes the evening before."""

from handlers.desk import Desk
from handlers.messages import Command, Tap
from handlers.presses import Press, Verb
from storage import contacts
from storage.tables import Contact

WINDOWS = {1: "morning", 2: "evening"}


async def when(desk: Desk, command: Command, contact: Contact) -> None:
    """Offer the two windows, the present one marked."""
    if contact.person_id is None:
        await desk.say(contact, command, "today.not_joined")
        return
    await desk.say(contact, command, "window.choose", window=contact.window)


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Keep the window for all chats of the person; it holds from the next round on."""
    window = WINDOWS.get(press.row)
    if press.verb is not Verb.window or window is None or contact.person_id is None:
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    for each in await contacts.chats_of(desk.session, contact.person_id):
        each.window = window
    desk.record("window chosen", contact.person_id, None, contact=contact.id)
    desk.toast(tap, contact, "toast.silent")
    await desk.say(contact, tap, f"window.{window}")
