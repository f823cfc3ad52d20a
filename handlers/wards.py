"""A household's check-ins as one reader may see and answer them, by the rights of this moment."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from checkin.answers import Answers
from checkin.checkins import Status
from checkin.facts import fact
from checkin.questions import Disposition
from checkin.retelling import Told, Word, retell
from checkin.statuses import SETTLED
from checkin.times import local_date
from handlers.answers import Draft, standing_answers, standing_of
from storage import people, rounds, units
from storage.database import Session
from storage.history import histories
from storage.people import Right
from storage.rounds import Entry
from storage.tables import Card, CheckIn, Contact, HistoryEntry

_SPOKEN = frozenset({Status.complete, Status.partial})


@dataclass(slots=True)
class Ward:
    """A check-in on somebody's card: what they may do, and what they may know of it.

    `history` is loaded only where not everybody may know what everybody said; `hidden` are then
    the guardians in split custody, whose words are for themselves alone.
    """

    entry: Entry
    right: Right
    reader_id: int
    history: list[HistoryEntry] = field(default_factory=list)
    hidden: frozenset[int] = frozenset()

    @property
    def id(self) -> int:
        """The check-in's id."""
        return self.entry.checkin.id

    @property
    def checkin(self) -> CheckIn:
        """The check-in's row, as the school has it."""
        return self.entry.checkin

    @property
    def oneself(self) -> bool:
        """Whether the reader is whom it is about."""
        return self.checkin.subject_id == self.reader_id

    @property
    def split(self) -> bool:
        """Whether something may have been said that this reader must not know."""
        return self.right.split or self.right.apart

    @property
    def draft(self) -> Draft:
        """The answer on its way; one's own where the others' is not to be known."""
        return Draft.of(self.checkin, self.reader_id if self.right.apart else None)

    def told(self) -> Told:
        """Return where the check-in stands for this reader."""
        checkin = self.checkin
        if not self.split:
            asked_for = checkin.asked_for.read(checkin.subject_id) if checkin.asked_for else "null"
            standing = standing_of(self.entry)
            return Told(standing, standing_answers(checkin), json.loads(asked_for))
        held = self.entry.round
        told = retell(
            map(_word, self.history),
            frozenset({self.reader_id}) if self.right.apart else None,
            without=frozenset() if self.right.apart else self.hidden,
            closed_at=held.closed_at,
            late_until=held.late_until,
        )
        if told.standing.status is Status.complete:
            return told
        status = Status(checkin.status)
        if status in _SPOKEN:  # by whom is not to be known
            status = Status.no_response if held.closed_at else Status.asked
        return replace(told, standing=replace(told.standing, status=status))

    @property
    def complete(self) -> bool:
        """Whether nothing is asked of this reader any more, as far as they may know."""
        if not self.split:
            return Status(self.checkin.status) in SETTLED
        return self.told().standing.status in SETTLED

    @property
    def awaited(self) -> bool:
        """Whether an answer is still waited for in time: then a reminder is right."""
        return self.entry.round.closed_at is None and not (self.complete or self.excused)

    @property
    def excused(self) -> bool:
        """Whether nobody is asked about them today."""
        return self.checkin.status == Status.excused


def has_given_way(ward: Ward, focus: Mapping[str, Any]) -> bool:
    """Say whether the question that a household's card has open makes room for what stands.

    It does when the check-in was answered or excused since the question was opened, and nobody
    has begun to answer it. What was begun is asked on: it may be something worse.
    """
    if not focus.get("question") or focus.get("check_in") != ward.id or not ward.complete:
        return False
    draft = ward.draft
    begun = bool(draft.answers) or draft.suggested is not None
    return not begun and focus.get("stood") != stands(ward)


def stands(ward: Ward) -> str:
    """Return by what one sees whether another answer stands by now; for its reader alone."""
    standing = ward.told().standing
    moment = standing.answered_at.timestamp() if standing.answered_at else ""
    return f"{standing.status} {moment}"


def _word(row: HistoryEntry) -> Word:
    answers: Answers = json.loads(row.answers.read(row.subject_id)) if row.answers else {}
    disposition = Disposition(row.disposition) if row.disposition else None
    return Word(row.act, row.by, row.at, row.severity, disposition, answers)


@fact
class Households:
    """What several household cards are about, loaded together.

    `stopped` are those of whom the day turned out to have no school: nothing to answer.
    """

    wards: Mapping[int, list[Ward]]  # by card
    zones: Mapping[int, ZoneInfo]  # by school
    stopped: Mapping[int, list[Ward]] = field(default_factory=dict)  # by card


async def load_households(
    session: Session, shown_to: Sequence[tuple[Card, Contact]], now: datetime
) -> Households:
    """Load household cards by the rights that their readers have at this moment.

    A tie must hold on the day of the card and still today, by the clock of the child's school:
    what a guardian could see yesterday is closed to them once the tie has ended.
    """
    wards: dict[int, list[Ward]] = {}
    for day, slot in {(card.day, card.slot) for card, _ in shown_to}:
        here = [(c, to.person_id or 0) for c, to in shown_to if (c.day, c.slot) == (day, slot)]
        rights = await people.rights_of_each(session, (person for _, person in here), day)
        subjects = {right.subject_id for held in rights.values() for right in held}
        found: dict[int, list[Entry]] = {}
        for entry in await rounds.household(session, subjects, day, slot):
            found.setdefault(entry.checkin.subject_id, []).append(entry)
        for card, person in here:
            wards[card.id] = [
                Ward(entry, right, person)
                for right in rights[person]
                for entry in found.get(right.subject_id, ())
            ]
    schools = {ward.checkin.school_id for own in wards.values() for ward in own}
    zones = await units.zones(session, schools) if schools else {}
    for card_id, own in wards.items():
        wards[card_id] = [
            ward
            for ward in own
            if ward.right.until is None
            or ward.right.until > local_date(now, zones[ward.checkin.school_id])
        ]
    stopped: dict[int, list[Ward]] = {}
    for card_id, own in wards.items():
        stopped[card_id] = [ward for ward in own if ward.entry.round.cancelled_at is not None]
        wards[card_id] = [ward for ward in own if ward.entry.round.cancelled_at is None]
    await load_histories(session, (ward for own in wards.values() for ward in own))
    return Households(wards, zones, stopped)


async def load_histories(session: Session, wards: Iterable[Ward]) -> None:
    """Load what was said about those of whom not everybody may know everything."""
    split = [ward for ward in wards if ward.split]
    if not split:
        return
    rows = await histories(session, [ward.id for ward in split])
    hidden = await people.separated(session, {ward.checkin.subject_id for ward in split})
    for ward in split:
        ward.history = rows.get(ward.id, [])
        ward.hidden = hidden.get(ward.checkin.subject_id, frozenset())


async def others_who_spoke(session: Session, wards: Sequence[Ward]) -> dict[int, str]:
    """Return the names of those of the family who answered in the reader's place."""
    if not any(ward.split or ward.checkin.respondent_id for ward in wards):
        return {}
    spoke = {
        ward.told().standing.respondent_id if ward.split else ward.checkin.respondent_id: ward
        for ward in wards
    }
    others = {person for person, ward in spoke.items() if person not in {None, ward.reader_id}}
    if not others:
        return {}
    subjects = {ward.checkin.subject_id for ward in wards}
    return await people.family_names(session, (p for p in others if p), subjects)
