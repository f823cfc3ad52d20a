"""What a tap proves: a message that is tapped has arrived, whatever its sender knows of it."""

from handlers.desk import Desk
from handlers.messages import Tap
from handlers.wards import load_households
from storage import ledger
from storage.signoffs import sign_off_of
from storage.tables import Card, Contact


def is_below(tap: Tap, message_id: int | None) -> bool:
    """Say whether a tap is on a message that came after the one in which its card stands.

    In a chat later messages have higher numbers: an older one stands for nothing sent after it.
    What has buttons of a card and is below it is its reminder, or proves to be the card itself.
    """
    return tap.message_id is not None and tap.message_id > (message_id or 0)


async def arrived(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Keep that the tapped message of a card is in the chat, where that is not known."""
    if tap.message_id is None or not is_below(tap, card.message_id):
        return
    match await ledger.prove(desk.session, card, tap.message_id):
        case "reminder" if not await _awaits_anybody(desk, contact, card):
            await ledger.withdraw_reminders(desk.session, [card.id])
        case "unsigned" if await sign_off_of(desk.session, card.about_id, card.day, card.slot):
            await ledger.withdraw_chasers(desk.session, card.about_id, card.day, card.slot)


async def _awaits_anybody(desk: Desk, contact: Contact, card: Card) -> bool:
    loaded = await load_households(desk.session, [(card, contact)], desk.now)
    return any(ward.awaited for ward in loaded.wards[card.id] if ward.right.may_answer)
