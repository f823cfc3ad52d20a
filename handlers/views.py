"""What a card or a message shows: loaded here as values, put into words above."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from checkin.answers import Question, Value, progress
from checkin.arrivals import HERE
from checkin.asking import is_nobody_asked
from checkin.checkins import Counted, Standing, Status
from checkin.evenings import only_the_morning_is_left
from checkin.facts import fact
from checkin.questions import Disposition
from checkin.statuses import SETTLED
from checkin.times import local_date
from checkin.triage import triage, worst_so_far
from handlers.wards import (
    Households,
    Ward,
    has_given_way,
    load_households,
    others_who_spoke,
)
from storage import calendars
from storage.database import Session
from storage.questionnaires import questionnaire
from storage.rounds import Entry
from storage.tables import Card, Contact

_UTC = ZoneInfo("UTC")


@fact
class Line:
    """One person on a card.

    What only a household's card shows: `answered_by` names somebody else than the reader, `zone`
    and `closes_at` are the school's own, `over` is past the last moment for a late answer.
    `evening` is until the morning has asked; `said` means that everything but its question is
    answered already. `unfinished` is something amiss that was begun and not ended: whatever stood
    before, it is asked on.
    """

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
    held: bool = False
    via: str = "chat"
    excuse: str | None = None
    presence: str | None = None
    presence_at: datetime | None = None
    answered_by: str | None = None
    read_only: bool = False
    zone: ZoneInfo = _UTC
    closes_at: datetime | None = None
    closed: bool = False
    over: bool = False
    evening: bool = False
    said: bool = False
    unfinished: bool = False


@fact
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


@fact
class Guess:
    """What typed words seemed to say about somebody, to be confirmed; all clear without any."""

    line: Line
    said: tuple[tuple[Question, Value], ...]


@fact
class NoSchool:
    """Of whom a card says that the day has no school after all, and why, as it was typed."""

    names: tuple[str, ...]
    reason: str


@fact
class HouseholdView:
    """A household card as its reader may see it now.

    `late` says that its page was turned to when the check-in had closed.
    """

    card_id: int
    revision: int
    day: date
    lines: tuple[Line, ...]
    changing: bool = False
    asking: Asking | None = None
    guess: Guess | None = None
    whom: bool = False
    late: bool = False
    kept: tuple[Line, ...] = ()
    no_school: tuple[NoSchool, ...] = ()
    is_today: bool = True

    @property
    def evening(self) -> bool:
        """Whether only the evening before has asked so far."""
        return any(line.evening for line in self.lines)

    @property
    def waiting(self) -> list[Line]:
        """Those whom the reader may still answer for."""
        return [
            line
            for line in self.lines
            if (line.status not in SETTLED or line.unfinished)
            and not line.read_only
            and not (line.evening and line.said)
        ]


async def household_view(
    session: Session,
    card: Card,
    contact: Contact,
    now: datetime,
    loaded: Households | None = None,
) -> HouseholdView:
    """Show a household card, as it was loaded with others or loaded now."""
    loaded = loaded or await load_households(session, [(card, contact)], now)
    wards, stopped = loaded.wards[card.id], loaded.stopped.get(card.id, [])
    spoke = await others_who_spoke(session, wards)
    lines = [await _household_line(session, ward, loaded.zones, spoke, now) for ward in wards]
    zone = next((loaded.zones[w.checkin.school_id] for w in (*stopped, *wards)), ZoneInfo("UTC"))
    asking = await asking_of(session, card, wards, lines)
    if asking is not None and any(has_given_way(ward, card.focus) for ward in wards):
        asking = None
    return HouseholdView(
        card_id=card.id,
        revision=card.revision,
        day=card.day,
        lines=tuple(lines),
        changing=bool(card.focus.get("changing")),
        asking=asking,
        guess=await _guess(session, card, wards, lines),
        whom=bool(card.focus.get("whom")) and any(map(_may_be_meant, wards)),
        late=bool(card.focus.get("late")),
        kept=tuple(line for line in lines if line.check_in_id in card.focus.get("kept", ())),
        no_school=await _no_school(session, card.day, stopped),
        is_today=card.day == local_date(now, zone),
    )


def _may_be_meant(ward: Ward) -> bool:
    """Say whether words or a picture may still be about somebody: silent, or words were kept."""
    return ward.right.may_answer and (not ward.complete or ward.draft.heard is not None)


@fact
class FreshCard:
    """A card as its own tap has left it: there is no need to load it again to show it."""

    bot_id: int
    view: HouseholdView


async def fresh_card(
    session: Session, card: Card, contact: Contact, now: datetime, loaded: Households
) -> FreshCard | None:
    """Return a card as it stands at the end of a batch; None where there is more to look up."""
    wards = loaded.wards.get(card.id)
    if not wards or loaded.stopped.get(card.id):
        return None
    if any(
        ward.split or ward.checkin.respondent_id not in {None, ward.reader_id} for ward in wards
    ):
        return None
    return FreshCard(card.bot_id, await household_view(session, card, contact, now, loaded))


async def _no_school(session: Session, day: date, stopped: list[Ward]) -> tuple[NoSchool, ...]:
    """Return whose rounds were stopped, school by school."""
    names: dict[int, list[str]] = {}
    for ward in stopped:
        names.setdefault(ward.checkin.school_id, []).append(ward.entry.name)
    return tuple(
        [
            NoSchool(tuple(dict.fromkeys(own)), await calendars.reason_of(session, school, day))
            for school, own in names.items()
        ]
    )


async def _household_line(
    session: Session,
    ward: Ward,
    zones: Mapping[int, ZoneInfo],
    spoke: Mapping[int, str],
    now: datetime,
) -> Line:
    held, told = ward.entry.round, ward.told()
    standing = told.standing
    asked = await questionnaire(session, held.questionnaire_id)
    complete = standing.status is Status.complete
    knows = complete and bool(told.answers)
    # Of those who are well, who are nearly everybody, the row has it all.
    weigh = knows and (ward.split or standing.severity)
    weighed = triage(asked, told.answers, held.day) if weigh else None
    drafted = ward.draft.answers
    amiss = bool(drafted) and worst_so_far(asked, drafted, held.day) is not None
    zone = zones[ward.checkin.school_id]
    return replace(
        plain_line(ward.entry),
        status=standing.status,
        disposition=standing.disposition,
        absent=weighed.absent if weighed else knows and ward.checkin.absent,
        answered_at=standing.answered_at,
        held=_is_held(ward, told.standing),
        answered_by=spoke.get(standing.respondent_id or 0),
        correction_asked=told.asked_for is not None,
        oneself=ward.oneself,
        clearable=ward.right.may_answer and not complete and not amiss,
        read_only=not ward.right.may_answer,
        advice=asked.advice.get(weighed.advice or "") if weighed and standing.severity else None,
        zone=zone,
        evening=held.evening,
        said=only_the_morning_is_left(asked, drafted),
        unfinished=amiss and ward.right.may_answer and not (complete and standing.severity),
        closes_at=held.closes_at,
        closed=held.closed_at is not None,
        over=held.late_until <= now,
    )


async def asking_of(
    session: Session, card: Card, wards: Sequence[Ward], lines: Sequence[Line]
) -> Asking | None:
    """Return the question that a card has open, if it has one."""
    for ward, line in zip(wards, lines, strict=True):
        if ward.id != card.focus.get("check_in") or line.read_only:
            continue
        asked = await questionnaire(session, ward.entry.round.questionnaire_id)
        question = asked.question(card.focus.get("question") or "")
        if question is None:
            return None
        draft = ward.draft
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


async def _guess(
    session: Session, card: Card, wards: Sequence[Ward], lines: Sequence[Line]
) -> Guess | None:
    if not card.focus.get("confirm"):
        return None
    for ward, line in zip(wards, lines, strict=True):
        heard = ward.draft.heard
        if ward.id != card.focus.get("check_in") or line.read_only or heard is None:
            continue
        asked = await questionnaire(session, ward.entry.round.questionnaire_id)
        if heard == asked.all_clear():
            return Guess(line, ())
        return Guess(line, tuple((q, heard[q.key]) for q in asked.questions if q.key in heard))
    return None


def is_flagged(entry: Entry) -> bool:
    """Say whether a check-in stands as a case: to be seen, or to stay at home."""
    return entry.checkin.status == Status.complete and entry.checkin.severity > 0


def counted(entry: Entry) -> Counted:
    """Return as much of a check-in as counting needs."""
    checkin = entry.checkin
    return Counted(
        Status(checkin.status),
        Disposition(checkin.disposition) if checkin.disposition else None,
        checkin.absent,
        checkin.late,
        sighted=checkin.presence == HERE,
        nobody_asked=is_nobody_asked(Status(checkin.status), checkin.excuse),
    )


def _is_held(ward: Ward, standing: Standing) -> bool:
    """Say whether an earlier case still stands; in split custody one side may not know."""
    return not ward.split and standing.status is not Status.complete and standing.severity > 0


def plain_line(entry: Entry) -> Line:
    """Return a check-in as a line, without what only its family may see."""
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
        via=checkin.via,
        excuse=checkin.excuse,
        presence=checkin.presence,
        presence_at=checkin.presence_at,
    )
