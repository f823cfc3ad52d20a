"""What a card or a message shows: loaded here as values, put into words above."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from checkin.access import Reach
from checkin.answers import Question, Value, progress
from checkin.checkins import Counted, Counts, Status, count
from checkin.questions import Disposition
from checkin.triage import triage, worst_so_far
from handlers.answers import Draft, standing_answers
from storage import people, rounds, units
from storage.database import Session
from storage.questionnaires import questionnaire
from storage.rounds import Entry
from storage.tables import Card, Contact, Unit


@dataclass(frozen=True, slots=True)
class Line:
    """One person on a card."""

    check_in_id: int
    subject_id: int
    name: str
    unit_name: str
    status: Status
    disposition: Disposition | None = None
    absent: bool = False
    late: bool = False
    answered_at: datetime | None = None
    correction_asked: bool = False
    is_staff: bool = False
    oneself: bool = False
    clearable: bool = False
    advice: Mapping[str, str] | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """The question that a household card has open."""

    line: Line
    question: Question
    value: Value | None
    place: int
    of: int
    suggested: Value | None = None
    doubt: str | None = None
    doubt_args: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class HouseholdView:
    """A household card as its reader may see it now."""

    card_id: int
    revision: int
    day: date
    zone: ZoneInfo
    lines: tuple[Line, ...]
    closes_at: datetime | None
    closed: bool
    open_until: datetime | None
    changing: bool = False
    asking: Asking | None = None


@dataclass(frozen=True, slots=True)
class ClassView:
    """A class on a day, for those who know its students by name."""

    card_id: int
    revision: int
    unit_name: str
    day: date
    zone: ZoneInfo
    counts: Counts
    lines: tuple[Line, ...]
    closed: bool
    opened: bool


@dataclass(frozen=True, slots=True)
class FlagView:
    """One flagged check-in, for class teacher or nurse; the reasons stand without the name."""

    line: Line
    at: datetime | None
    zone: ZoneInfo
    reasons: tuple[Mapping[str, str], ...]
    asked_for: Disposition | None


@dataclass(frozen=True, slots=True)
class Households:
    """What several household cards are about, loaded together."""

    entries: Mapping[int, list[Entry]]  # by card
    zones: Mapping[int, ZoneInfo]  # by school


async def load_households(
    session: Session, shown_to: Sequence[tuple[Card, Contact]]
) -> Households:
    """Load household cards by the rights that their readers have at this moment."""
    entries: dict[int, list[Entry]] = {}
    for day, slot in {(card.day, card.slot) for card, _ in shown_to}:
        here = [(c, to.person_id or 0) for c, to in shown_to if (c.day, c.slot) == (day, slot)]
        may = await people.answers_for_each(session, (person for _, person in here), day)
        subjects = {subject for wards in may.values() for subject in wards}
        found: dict[int, list[Entry]] = {}
        for entry in await rounds.household(session, subjects, day, slot):
            found.setdefault(entry.checkin.subject_id, []).append(entry)
        for card, person in here:
            entries[card.id] = [e for subject in may[person] for e in found.get(subject, ())]
    schools = {entry.checkin.school_id for own in entries.values() for entry in own}
    return Households(entries, await units.zones(session, schools) if schools else {})


async def household_view(
    session: Session,
    card: Card,
    contact: Contact,
    now: datetime,
    loaded: Households | None = None,
) -> HouseholdView:
    """Show a household card, as it was loaded with others or loaded now."""
    loaded = loaded or await load_households(session, [(card, contact)])
    entries = loaded.entries[card.id]
    lines = [await _line(session, entry, contact.person_id or 0) for entry in entries]
    zone = loaded.zones[entries[0].checkin.school_id] if entries else ZoneInfo("UTC")
    latest = max((entry.round.late_until for entry in entries), default=None)
    return HouseholdView(
        card_id=card.id,
        revision=card.revision,
        day=card.day,
        zone=zone,
        lines=tuple(lines),
        closes_at=max((entry.round.closes_at for entry in entries), default=None),
        closed=bool(entries) and all(entry.round.closed_at for entry in entries),
        open_until=latest if latest and latest > now else None,
        changing=bool(card.focus.get("changing")),
        asking=await _asking(session, card, entries, lines),
    )


async def _line(session: Session, entry: Entry, reader_id: int) -> Line:
    checkin = entry.checkin
    asked = await questionnaire(session, entry.round.questionnaire_id)
    drafted = Draft.of(checkin).answers
    complete = checkin.status == Status.complete
    advice = None
    if complete and checkin.severity and checkin.answers:
        weighed = triage(asked, standing_answers(checkin), entry.round.day)
        advice = asked.advice.get(weighed.advice or "")
    return replace(
        _plain_line(entry),
        oneself=checkin.subject_id == reader_id,
        clearable=not complete and worst_so_far(asked, drafted, entry.round.day) is None,
        advice=advice,
    )


async def _asking(
    session: Session, card: Card, entries: list[Entry], lines: list[Line]
) -> Asking | None:
    for entry, line in zip(entries, lines, strict=True):
        if entry.checkin.id != card.focus.get("check_in"):
            continue
        asked = await questionnaire(session, entry.round.questionnaire_id)
        question = asked.question(card.focus.get("question") or "")
        if question is None:
            return None
        draft = Draft.of(entry.checkin)
        place, of = progress(asked, draft.answers, question)
        return Asking(
            line,
            question,
            draft.answers.get(question.key),
            place,
            of,
            draft.suggested,
            card.focus.get("doubt"),
            card.focus.get("doubt_args"),
        )
    return None


async def class_view(session: Session, card: Card) -> ClassView:
    """Load a class on a day: its students, without those who belong to no round."""
    unit = await session.get_one(Unit, card.about_id)
    school = await units.school(session, unit.school_id or unit.id)
    held = await rounds.rounds_on(session, school.id, card.day, card.slot)
    entries = await rounds.entries_within(session, (r.id for r in held), Reach((unit.path,)))
    lines = tuple(_plain_line(entry) for entry in entries)
    return ClassView(
        card_id=card.id,
        revision=card.revision,
        unit_name=unit.name,
        day=card.day,
        zone=school.zone,
        counts=count(_counted(entry) for entry in entries),
        lines=lines,
        closed=bool(held) and all(r.closed_at for r in held),
        opened=bool(entries),
    )


async def flag_view(session: Session, check_in_id: int) -> FlagView | None:
    """Load a flagged check-in and what a family asks to correct it to."""
    entry = await rounds.entry(session, check_in_id)
    if entry is None:
        return None
    checkin = entry.checkin
    school = await units.school(session, checkin.school_id)
    asked = await questionnaire(session, entry.round.questionnaire_id)
    wanted = None
    if checkin.asked_for is not None:
        given = json.loads(checkin.asked_for.read(checkin.subject_id))
        wanted = triage(asked, given, entry.round.day).disposition
    return FlagView(
        line=_plain_line(entry),
        at=checkin.answered_at,
        zone=school.zone,
        reasons=tuple(asked.reasons.get(key, {}) for key in checkin.reasons.split()),
        asked_for=wanted,
    )


def _counted(entry: Entry) -> Counted:
    checkin = entry.checkin
    return Counted(
        Status(checkin.status),
        Disposition(checkin.disposition) if checkin.disposition else None,
        checkin.absent,
        checkin.late,
    )


def _plain_line(entry: Entry) -> Line:
    checkin = entry.checkin
    return Line(
        check_in_id=checkin.id,
        subject_id=checkin.subject_id,
        name=entry.name,
        unit_name=entry.unit_name,
        status=Status(checkin.status),
        disposition=Disposition(checkin.disposition) if checkin.disposition else None,
        absent=checkin.absent,
        late=checkin.late,
        answered_at=checkin.answered_at,
        correction_asked=checkin.asked_for is not None,
        is_staff=checkin.unit_id == checkin.school_id,
        valid_until=checkin.valid_until,
    )
