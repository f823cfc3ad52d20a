"""A class card at hand: what it is about, what its reader may do there, and its pages.

A class card is never still: families answer while a teacher reads it. So a button stays good until
the page is turned (`turned`), not until the next answer comes in; what speaks for everybody shown
carries a fingerprint of who that was. Whatever names a child names the check-in's row.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from checkin.access import Access, Act
from checkin.arrivals import MISSING, is_expected, may_be_sighted
from checkin.facts import fact
from checkin.questions import Disposition
from checkin.statuses import SETTLED, Status
from handlers.desk import Desk
from storage import rounds, units
from storage.database import Session
from storage.rounds import Entry
from storage.tables import Card, CheckIn, Contact, Round, Unit
from storage.units import School


class Page(StrEnum):
    """The pages of a class card. Buttons name them by their place: never reorder, only append."""

    main = "main"
    calls = "calls"
    child = "child"
    entry = "entry"
    arrival = "arrival"
    excuses = "excuses"
    reason = "reason"
    until = "until"
    date = "date"


PAGES = tuple(Page)
SILENT = frozenset({Status.due, Status.asked, Status.partial, Status.no_response})
# The act that a page needs; the others show what `see_class` shows.
NEEDS = {
    Page.calls: Act.answer_for,
    Page.child: Act.answer_for,
    Page.entry: Act.answer_for,
    Page.arrival: Act.confirm_arrival,
    Page.excuses: Act.excuse,
    Page.reason: Act.excuse,
    Page.until: Act.excuse,
    Page.date: Act.excuse,
}


@fact
class Held:
    """A unit's rounds and check-ins on a day.

    `missing` are check-ins of rounds that were called off: who is not there is looked for still.
    """

    rounds: list[Round]
    entries: list[Entry]
    missing: list[Entry]


async def held_at(session: Session, school: School, card: Card, unit: Unit) -> Held:
    """Load what was held at a unit on a card's day."""
    every = await rounds.rounds_on(session, school.id, card.day, card.slot, cancelled=True)
    held = [each for each in every if each.cancelled_at is None]
    stopped = [each.id for each in every if each.cancelled_at is not None]
    entries = await rounds.entries_at(session, (r.id for r in held), unit) if held else []
    called_off = await rounds.entries_at(session, stopped, unit) if stopped else []
    return Held(held, entries, [each for each in called_off if is_missing(each.checkin)])


@dataclass(slots=True)
class ClassCard:
    """A class card with the check-ins that it is about, and the `missing` of a day called off."""

    contact: Contact
    card: Card
    unit: Unit
    access: Access
    school: School
    entries: list[Entry]
    missing: list[Entry]

    @property
    def person_id(self) -> int:
        """Whoever holds the card in the hand."""
        return self.contact.person_id or 0

    @property
    def page(self) -> Page:
        """The page that is open."""
        return page_of(self.card)

    def may(self, act: Act) -> bool:
        """Say whether its reader may do this to everybody on it."""
        return self.access.may(act, self.unit.path)

    def entry(self, check_in_id: int) -> Entry | None:
        """Return one of the card's check-ins."""
        return next((e for e in self.entries if e.checkin.id == check_in_id), None)

    def is_fresh(self, revision: int) -> bool:
        """Say whether a button of this revision stands on the page that is open now."""
        return revision >= int(self.card.focus.get("turned", 0))

    def turn(self, desk: Desk, page: Page = Page.main, **focus: Any) -> None:
        """Turn the card to a page, and show it at once."""
        self.card.revision += 1
        self.card.focus = {"page": page.value, "turned": self.card.revision, **focus}
        self.card.shown_at = None
        desk.own_card(self.card.id)

    def mark(self, desk: Desk, **focus: Any) -> None:
        """Change what is marked on the open page: its other buttons stay good."""
        self.card.revision += 1
        self.card.focus = {**self.card.focus, **focus}
        self.card.shown_at = None
        desk.own_card(self.card.id)


def page_of(card: Card) -> Page:
    """Return the page that a card has open."""
    named = card.focus.get("page", Page.main)
    return Page(named) if named in PAGES else Page.main


async def load_class_card(desk: Desk, contact: Contact, card: Card) -> ClassCard | None:
    """Load a class card by the rights of this moment; None where its reader may not see it."""
    unit = await desk.session.get(Unit, card.about_id)
    access = await desk.access(contact)
    if unit is None or not access.may(Act.see_class, unit.path):
        return None
    school = await units.school(desk.session, unit.school_id or unit.id)
    held = await held_at(desk.session, school, card, unit)
    return ClassCard(contact, card, unit, access, school, held.entries, held.missing)


# ---- what can be done to whom --------------------------------------------------------------


def is_silent(checkin: CheckIn) -> bool:
    """Say whether an answer is waited for, or was waited for until the close."""
    return Status(checkin.status) in SILENT


def is_to_call(checkin: CheckIn) -> bool:
    """Say whether only a call tells how the child is: nobody answered, nobody excused them."""
    return Status(checkin.status) not in SETTLED


def is_to_enter(checkin: CheckIn) -> bool:
    """Say whether nothing stands against calling the child well, or excusing it.

    A case of an earlier day that still stands is hidden by neither.
    """
    return is_to_call(checkin) and checkin.severity == 0


def is_coming(checkin: CheckIn) -> bool:
    """Say whether somebody said that the child is coming."""
    disposition = Disposition(checkin.disposition) if checkin.disposition else None
    return is_expected(Status(checkin.status), disposition, absent=checkin.absent)


def is_missing(checkin: CheckIn) -> bool:
    """Say whether the child was said to be coming and was not there: the alarm goes on."""
    return is_coming(checkin) and checkin.presence == MISSING


def is_to_sight(checkin: CheckIn) -> bool:
    """Say whether seeing the child in the room says something that no answer has said."""
    return may_be_sighted(Status(checkin.status))


def changed(desk: Desk, entry: Entry) -> None:
    """Let everybody who looks at this check-in see it soon."""
    checkin = entry.checkin
    desk.changed(entry.round.day, checkin.subject_id, checkin.unit_id, checkin.school_id)


def seen(desk: Desk, entry: Entry) -> None:
    """Let the school see who came; the family's card says nothing of it."""
    checkin = entry.checkin
    units_shown = [checkin.unit_id, checkin.school_id]
    units_shown += [checkin.dormitory_id] if checkin.dormitory_id else []
    desk.changed(entry.round.day, 0, *units_shown)


def record_numbers(desk: Desk, shown: ClassCard, entries: list[Entry]) -> None:
    """Keep in the audit whose telephone numbers are shown: the ids of the children."""
    desk.record(
        "numbers read",
        shown.person_id,
        shown.school.id,
        subjects=[entry.checkin.subject_id for entry in entries],
    )
