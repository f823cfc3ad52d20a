"""The desk at which a batch of events is handled: one session, one moment, one commit.

A handler loads, decides with a rule, and keeps. What is to be said goes through the desk: messages
that must not be missed into the ledger, a tap's short answer into `toasts` (after the commit).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from checkin.access import NOBODY, Access, Act
from checkin.facts import fact
from checkin.times import local_date
from handlers import corrections
from handlers.messages import Event, Tap
from storage import audit, cards, contacts, history, ledger, people, units
from storage.database import Session
from storage.rounds import Entry
from storage.tables import Bot, Card, CheckIn, Contact
from storage.units import School

if TYPE_CHECKING:
    from handlers.wards import Households


@fact
class Toast:
    """The short answer to a tap: words by key, rendered when it is sent."""

    bot_id: int
    callback_id: str
    key: str
    params: dict[str, Any]
    language: str | None
    alert: bool = False


@dataclass(slots=True)
class Desk:
    """What the handlers of one batch share.

    `cards` and `households` hold what the taps of this batch are about, loaded ahead in one go;
    whatever may change somebody's rights empties the latter.
    """

    session: Session
    now: datetime
    contacts: dict[tuple[int, int], Contact] = field(default_factory=dict)
    toasts: list[Toast] = field(default_factory=list)
    cards: Mapping[int, Card] = field(default_factory=dict)
    households: "Households | None" = None
    menus: set[int] = field(default_factory=set)
    jobs: bool = False
    join_url: str = "https://t.me"
    _zones: dict[int, ZoneInfo] = field(default_factory=dict)
    _access: dict[int, Access] = field(default_factory=dict)
    _subjects: dict[date, set[tuple[int, int | None]]] = field(default_factory=dict)
    _units: dict[date, set[int]] = field(default_factory=dict)
    own_cards: set[int] = field(default_factory=set)
    _answered_cards: set[int] = field(default_factory=set)
    _watched: dict[int, corrections.Before] = field(default_factory=dict)
    serial: int = 0
    answers: int = 0

    def today(self, zone: ZoneInfo) -> date:
        """Return the school's local date: the only meaning of "today"."""
        return local_date(self.now, zone)

    async def today_at(self, school_id: int) -> date:
        """Return a school's local date."""
        return await self.date_at(school_id, self.now)

    async def date_at(self, school_id: int, moment: datetime) -> date:
        """Return a school's local date at a moment, its zone loaded once a batch."""
        if school_id not in self._zones:
            self._zones[school_id] = (await units.school(self.session, school_id)).zone
        return local_date(moment, self._zones[school_id])

    async def contact(self, event: Event) -> Contact:
        """Return who is behind an event's chat, known from now on."""
        key = (event.bot_id, event.chat_id)
        contact = self.contacts.get(key)
        if contact is None:
            contact = Contact(
                bot_id=event.bot_id,
                chat_id=event.chat_id,
                language=language_of(event.language),
                created_at=self.now,
                changed_at=self.now,
            )
            self.session.add(contact)
            await self.session.flush()
            self.contacts[key] = contact
        return contact

    def overtaken(self, event: Event, contact: Contact) -> bool:
        """Say whether something that was done later in this chat was handled before this."""
        return contacts.is_overtaken(contact, event.update_id, event.written_at or self.now)

    async def access(self, contact: Contact) -> Access:
        """Return what the person in a chat may do."""
        if contact.person_id is None:
            return NOBODY
        if contact.person_id not in self._access:
            self._access[contact.person_id] = await people.access_of(
                self.session, contact.person_id, self.now
            )
        return self._access[contact.person_id]

    async def bot_name(self, bot_id: int) -> str:
        """Return a bot's name, for links."""
        return (await self.session.get_one(Bot, bot_id)).username

    async def own_school(self, event: Event, contact: Contact, act: Act) -> School | None:
        """Return the school where somebody may do this; where there is none, say so kindly."""
        access = await self.access(contact)
        found = await units.units_within(self.session, access.reach(act), "school")
        if not found:
            await self.say(contact, event, "admin.not_for_you")
            return None
        return units.school_of(found[0])

    def forget_access(self, person_id: int) -> None:
        """Have a person's rights read anew, after a change within the batch."""
        self._access.pop(person_id, None)

    async def say(self, contact: Contact, event: Event, key: str, **params: Any) -> None:
        """Owe a chat the words of `key`; the update makes it once, however often it comes.

        After a silent week Telegram's ids begin anew, so that one may come back on another day.
        """
        self.serial += 1
        await ledger.owe(
            self.session,
            contact,
            "text",
            f"reply:{event.update_id}:{self.now:%Y%m%d}",
            self.now,
            rung=self.serial % 32_000,
            payload={"key": key, "params": params},
        )

    async def tell(self, contact: Contact, cause: str, key: str, **params: Any) -> None:
        """Owe a chat the words of `key` once for this cause."""
        await ledger.owe(
            self.session, contact, "text", cause, self.now, payload={"key": key, "params": params}
        )

    def toast(
        self, tap: Tap, contact: Contact, key: str, *, alert: bool = False, **params: Any
    ) -> None:
        """Answer a tap after the commit."""
        self.toasts.append(
            Toast(tap.bot_id, tap.callback_id, key, params, contact.language, alert)
        )

    def changed(self, day: date, subject_id: int, *unit_ids: int, by: int | None = None) -> None:
        """Keep that a check-in changed: whoever looks at it, and may know of it, sees it soon.

        `by` is the one of the family whose word it was; in split custody the others' cards do not
        stir, for that alone would tell.
        """
        self._subjects.setdefault(day, set()).add((subject_id, by))
        self._units.setdefault(day, set()).update(unit_ids)

    def watch(self, entry: Entry) -> None:
        """Look at a check-in before it changes: under a signature the change is a correction."""
        if entry.round.closed_at is not None and entry.checkin.id not in self._watched:
            self._watched[entry.checkin.id] = corrections.Before.of(entry.checkin, entry.round)

    def signed(self, school_id: int, day: date) -> None:
        """Keep that a day is signed as it stands now: what changed before is no correction."""
        for id_, before in list(self._watched.items()):
            if before.day[:2] == (school_id, day):
                del self._watched[id_]

    def own_card(self, card_id: int | None) -> None:
        """Keep that this card's revision was raised by its own tap already."""
        if card_id is not None:
            self.own_cards.add(card_id)

    def answered(self, card_id: int | None) -> None:
        """Keep that nobody on this card is waited for any more: its reminder goes."""
        if card_id is not None:
            self._answered_cards.add(card_id)

    async def finish(self) -> None:
        """Mark every card behind that shows something changed in this batch."""
        await self.session.flush()
        if self._watched:
            await corrections.keep(self.session, self._watched, self.now)
        for day, subjects in self._subjects.items():
            await cards.refresh_households(self.session, subjects, day, but=self.own_cards)
            whom = {subject for subject, _ in subjects}
            await cards.refresh_about(self.session, self._units[day], day, subject_ids=whom)
        if self._answered_cards:
            await ledger.withdraw_reminders(self.session, self._answered_cards)

    def note(self, checkin: CheckIn, act: str, by: int) -> None:
        """Keep an act of the school in a check-in's history, beside what stands."""
        history.remember(
            self.session,
            check_in_id=checkin.id,
            subject_id=checkin.subject_id,
            act=act,
            by=by,
            at=self.now,
            severity=checkin.severity,
            disposition=checkin.disposition,
        )

    def record(self, act: str, actor_id: int | None, school_id: int | None, **about: Any) -> None:
        """Keep an act in the audit, in this very transaction."""
        audit.record(self.session, act, self.now, actor_id=actor_id, school_id=school_id, **about)


def language_of(code: str | None) -> str | None:
    """Return the language we speak for a client's code: Chinese in any form, else English."""
    if not code:
        return None
    return "zh" if code.lower().startswith("zh") else "en"
