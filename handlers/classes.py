"""Class cards: opening them, turning their pages, and handing each tap to what it does."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from checkin.access import Access, Act, Reach
from checkin.plans import MORNING
from checkin.times import local_date
from handlers import arrivals, by_phone, excusing, reminding
from handlers.class_cards import (
    NEEDS,
    PAGES,
    ClassCard,
    Page,
    is_missing,
    is_to_call,
    load_class_card,
    record_numbers,
)
from handlers.desk import Desk
from handlers.household import bring_fresh, refused, show_again, show_at_once
from handlers.messages import Command, Event, Tap, Words
from handlers.presses import Press, Verb
from storage import cards, units
from storage.tables import Card, Contact, Unit

Does = Callable[[Desk, Tap, ClassCard, Press], Awaitable[None]]

MOST_CARDS = 3  # of one /class; whoever looks after more gets them at a glance


async def show_classes(desk: Desk, command: Command, contact: Contact) -> None:
    """Show the card of each class that the sender looks after, or of the one that they named."""
    access = await desk.access(contact)
    reach = access.reach(Act.see_class)
    wanted = command.rest.strip().casefold()
    if wanted:
        every = await units.units_within(desk.session, reach, "class", "dormitory", "grade")
        found = [unit for unit in every if unit.name.casefold() == wanted]
        if not found:
            # A class that is there but out of reach is "not found" like one that is not.
            desk.record("class not found", contact.person_id, None, update=command.update_id)
            await desk.say(contact, command, "class.not_found", name=command.rest.strip())
            return
    else:
        found = await _own(desk, access)
    if not found:
        await desk.say(contact, command, "class.none_yours")
        return
    for unit in found:
        await _show(desk, command, contact, unit)


async def _own(desk: Desk, access: Access) -> list[Unit]:
    """Return what somebody's cards are about: few classes each by itself, many at a glance."""
    reach = access.reach(Act.see_class)
    held = await units.units_at(desk.session, reach.paths)
    found: list[Unit] = []
    for unit in held:
        if unit.kind in {"class", "dormitory"}:
            found.append(unit)
            continue
        chases = access.may(Act.remind, unit.path)
        classes = await units.units_within(desk.session, Reach((unit.path,)), "class")
        few = chases and unit.kind == "school" and len(classes) <= MOST_CARDS
        found += classes if few else [unit]
    return found


async def _show(desk: Desk, event: Event, contact: Contact, unit: Unit) -> None:
    school = await units.school(desk.session, unit.school_id or unit.id)
    card = await cards.card_of(
        desk.session, contact, desk.today(school.zone), "class", MORNING, unit.id
    )
    card.focus = {"turned": card.revision}
    desk.record("class list read", contact.person_id, school.id, unit=unit.id)
    await show_again(desk, event, contact, card)


# ---- taps ----------------------------------------------------------------------------------


async def tapped(desk: Desk, tap: Tap, contact: Contact, card: Card, press: Press) -> None:
    """Handle a tap on a class card; one on a page that was turned since brings the fresh card."""
    shown = await load_class_card(desk, contact, card)
    if shown is None:
        await refused(desk, tap, contact, card)
        return
    needed = _needed_on(press, shown)
    if needed is not None and not shown.may(needed):
        await refused(desk, tap, contact, card)
    elif tap.message_id != card.message_id or not shown.is_fresh(press.revision):
        card.shown_at = None
        await bring_fresh(desk, tap, contact, card)
    else:
        await _do(desk, tap, shown, press)


def _needed_on(press: Press, shown: ClassCard) -> Act | None:
    if press.verb is Verb.page:
        return NEEDS.get(_page(press))
    if press.verb is Verb.confirm and shown.page is Page.entry:
        return Act.answer_for
    return _DOES[press.verb][0] if press.verb in _DOES else None


def _page(press: Press) -> Page:
    place = press.details[0] if press.details else 0
    return PAGES[place] if place < len(PAGES) else Page.main


async def _do(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    match press.verb:
        case Verb.refresh:
            show_at_once(desk, tap, shown.contact, shown.card)
        case Verb.page | Verb.home:
            await _turn(desk, tap, shown, press)
        case Verb.open_class:
            await _open_class(desk, tap, shown, press)
        case Verb.toggle:
            _toggle(desk, tap, shown, press)
        case Verb.confirm if shown.page is Page.entry:
            await by_phone.keep_class(desk, tap, shown, press)
        case verb if verb in _DOES:
            await _DOES[verb][1](desk, tap, shown, press)
        case _:
            await refused(desk, tap, shown.contact, shown.card)


# What the other buttons do, and the act that it takes.
_DOES: dict[Verb, tuple[Act, Does]] = {
    Verb.remind: (Act.remind, reminding.remind),
    Verb.group_line: (Act.remind, reminding.say_group_line),
    Verb.all_clear: (Act.answer_for, by_phone.tapped),
    Verb.open_subject: (Act.answer_for, by_phone.tapped),
    Verb.pick: (Act.answer_for, by_phone.tapped),
    Verb.done: (Act.answer_for, by_phone.tapped),
    Verb.back: (Act.answer_for, by_phone.tapped),
    Verb.excuse: (Act.excuse, excusing.excuse),
    Verb.not_excused: (Act.excuse, excusing.end),
    Verb.confirm: (Act.confirm_arrival, arrivals.confirm),
    Verb.arrived: (Act.confirm_arrival, arrivals.turned_up),
}


async def _turn(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    page = _page(press) if press.verb is Verb.page else Page.main
    desk.toast(tap, shown.contact, "toast.silent")
    if page in {Page.child, Page.reason}:
        entry = shown.entry(press.details[1]) if len(press.details) > 1 else None
        if entry is None:
            await refused(desk, tap, shown.contact, shown.card)
            return
        if page is Page.child:
            record_numbers(desk, shown, [entry])
        shown.turn(desk, page, check_in=entry.checkin.id)
    elif page is Page.arrival:
        missing = [e.checkin.id for e in shown.entries if is_missing(e.checkin)]
        shown.turn(desk, page, marked=missing)
    else:
        if page is Page.calls:
            record_numbers(desk, shown, [e for e in shown.entries if is_to_call(e.checkin)])
        shown.turn(desk, page)


def _toggle(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    """Mark somebody on the page, or take the mark away: the button says which of the two."""
    check_in, wanted = (*press.details, 0, 0)[:2]
    marked = set(shown.card.focus.get("marked", ()))
    if shown.entry(check_in) is not None:
        marked = marked | {check_in} if wanted else marked - {check_in}
    desk.toast(tap, shown.contact, "toast.silent")
    shown.mark(desk, marked=sorted(marked))


async def _open_class(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    unit = await desk.session.get(Unit, press.details[0]) if press.details else None
    if unit is None or unit.kind != "class" or not unit.path.startswith(shown.unit.path):
        await refused(desk, tap, shown.contact, shown.card)
        return
    desk.toast(tap, shown.contact, "toast.silent")
    await _show(desk, tap, shown.contact, unit)


async def wrote(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as what a class card waits for; False when none waits."""
    if contact.person_id is None:
        return False
    since = desk.now.date() - timedelta(days=1)  # the school's own today is looked at below
    card = await cards.asking_class_card(desk.session, contact.id, since)
    shown = await load_class_card(desk, contact, card) if card is not None else None
    if shown is None or shown.card.day != desk.today(shown.school.zone):
        return False
    if words.written_at and local_date(words.written_at, shown.school.zone) < shown.card.day:
        return False
    if shown.page is Page.date and shown.may(Act.excuse):
        await excusing.wrote_date(desk, words, shown)
        return True
    if shown.page is Page.child and shown.may(Act.answer_for):
        return await by_phone.wrote_answer(desk, words, shown)
    return False
