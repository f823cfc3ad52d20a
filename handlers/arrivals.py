"""Who came: all who were expected in one tap, or those missing, and then everybody is told."""

from checkin.arrivals import HERE, MISSING, fingerprint
from checkin.flags import Decision, FlagKind
from handlers.class_cards import (
    ClassCard,
    Page,
    is_coming,
    is_to_sight,
    seen,
)
from handlers.desk import Desk
from handlers.flags import end_flags, raise_flag
from handlers.household import bring_fresh, refused
from handlers.messages import Tap
from handlers.presses import Press
from storage import alarms, contacts
from storage.rounds import Entry
from storage.tables import Contact


async def confirm(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    """Keep who of those expected is here; whoever was marked is missing, and alarms at once.

    On the card's first page everybody expected and not looked for yet is here. Nobody is spoken
    for who was not on the screen: when somebody else is expected by now, the card is shown first.
    """
    on_page = shown.page is Page.arrival
    expected = [
        e for e in shown.entries if is_coming(e.checkin) and (on_page or not e.checkin.presence)
    ]
    if not press.details or press.details[0] != fingerprint(e.checkin.id for e in expected):
        shown.card.shown_at = None
        await bring_fresh(desk, tap, shown.contact, shown.card)
        return
    marked = set(shown.card.focus.get("marked", ())) if on_page else set()
    missing = 0
    for entry in expected:
        if entry.checkin.id in marked:
            missing += 1
            if entry.checkin.presence != MISSING:
                await _miss(desk, shown, entry)
        elif entry.checkin.presence == MISSING:
            await _find(desk, shown, entry)
        elif entry.checkin.presence is None:
            _see(desk, shown, entry, HERE)
    for entry in shown.entries:
        if on_page and entry.checkin.id in marked and is_to_sight(entry.checkin):
            _see(desk, shown, entry, HERE)
    desk.record(
        "arrival confirmed",
        shown.person_id,
        shown.school.id,
        unit=shown.unit.id,
        here=len(expected) - missing,
        missing=missing,
    )
    key = "toast.missing_alarmed" if missing else "toast.all_here"
    desk.toast(tap, shown.contact, key, alert=bool(missing))
    shown.turn(desk)


async def turned_up(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    """Keep that a missing child is here, and tell everybody who was alarmed.

    Also on a day that was called off since: the alarm ends when the child is found.
    """
    named = press.details[0] if press.details else 0
    known = (*shown.entries, *shown.missing)
    entry = next((each for each in known if each.checkin.id == named), None)
    if entry is None:
        await refused(desk, tap, shown.contact, shown.card)
        return
    if entry.checkin.presence != MISSING:
        await bring_fresh(desk, tap, shown.contact, shown.card)
        return
    await _find(desk, shown, entry)
    desk.record("missing found", shown.person_id, shown.school.id, check_in=entry.checkin.id)
    desk.toast(tap, shown.contact, "toast.all_told")
    shown.turn(desk)


def _see(desk: Desk, shown: ClassCard, entry: Entry, presence: str) -> None:
    desk.watch(entry)
    entry.checkin.presence = presence
    entry.checkin.presence_by, entry.checkin.presence_at = shown.person_id, desk.now
    seen(desk, entry)


async def _miss(desk: Desk, shown: ClassCard, entry: Entry) -> None:
    """Alarm every guardian who may see, and at school the lead, doctor and class teachers."""
    _see(desk, shown, entry, MISSING)
    desk.note(entry.checkin, MISSING, shown.person_id)
    cause = f"{alarms.cause_of(entry.checkin.id)}{int(desk.now.timestamp() * 1000)}"
    for contact in await _family(desk, entry):
        await desk.tell(contact, cause, "missing.family", **_said(desk, shown, entry))
    await raise_flag(desk, entry, FlagKind.missing, by=shown.person_id)


async def _find(desk: Desk, shown: ClassCard, entry: Entry) -> None:
    _see(desk, shown, entry, HERE)
    desk.note(entry.checkin, "found", shown.person_id)
    cause = f"found:{entry.checkin.id}:{int(desk.now.timestamp() * 1000)}"
    for contact in await alarms.alarmed(desk.session, entry.checkin.id):
        if contact.id != shown.contact.id:
            await desk.tell(contact, cause, "missing.found", **_said(desk, shown, entry))
    await end_flags(desk, entry, [FlagKind.missing], Decision.found, shown.person_id)


async def _family(desk: Desk, entry: Entry) -> list[Contact]:
    guardians = await alarms.who_may_see(desk.session, entry.checkin.subject_id, entry.round.day)
    return await contacts.contacts_of(desk.session, guardians)


def _said(desk: Desk, shown: ClassCard, entry: Entry) -> dict[str, str]:
    time = desk.now.astimezone(shown.school.zone).strftime("%H:%M")
    return {"name": entry.name, "unit": entry.unit_name, "time": time}
