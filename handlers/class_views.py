"""What a class card shows on its pages: loaded as values, by the rights of its reader."""

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from checkin.access import Access, Act, Reach
from checkin.arrivals import MISSING, arrivals_open
from checkin.checkins import Counts, count
from checkin.evenings import only_the_morning_is_left
from checkin.facts import fact
from checkin.plans import next_due
from checkin.statuses import Status
from checkin.steps import Action
from checkin.times import local_date
from handlers.answers import Draft
from handlers.calendars import calendar_of
from handlers.class_cards import (
    NEEDS,
    Held,
    Page,
    held_at,
    is_coming,
    is_missing,
    is_silent,
    is_to_call,
    is_to_enter,
    is_to_sight,
    page_of,
)
from handlers.views import Asking, Line, asking_of, counted, is_flagged, plain_line
from handlers.wards import Ward
from storage import calling, pauses, people, plans, units
from storage.calendars import closed_because
from storage.calling import Number
from storage.database import Session
from storage.people import Right
from storage.questionnaires import questionnaire
from storage.round_close import houses_handed
from storage.rounds import Entry
from storage.tables import Card, Contact, Unit
from storage.units import School


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitView:
    """A unit on a day: what a card about one class and one about several have in common.

    `no_school` is why the day was closed, as it was typed; None where it was not. `said`
    are the check-ins answered the evening before, until the morning asks; `not_yet` are those of
    which nobody has the question yet.
    """

    card_id: int
    revision: int
    unit_name: str
    day: date
    zone: ZoneInfo
    counts: Counts
    closed: bool
    opened: bool
    next_ask: datetime | None = None
    no_school: str | None = None
    said: frozenset[int] = frozenset()
    not_yet: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassView(UnitView):
    """A class or dormitory on a day, for those who know its students by name."""

    lines: tuple[Line, ...]
    dormitory: bool = False
    closes_at: datetime | None = None
    may: frozenset[Act] = frozenset()
    page: Page = Page.main
    arrivals: bool = False
    coming: frozenset[int] = frozenset()
    to_call: tuple[Line, ...] = ()
    to_enter: tuple[Line, ...] = ()
    to_sight: tuple[Line, ...] = ()
    numbers: Mapping[int, list[Number]] = field(default_factory=dict)
    back: Mapping[int, date] = field(default_factory=dict)
    child: Line | None = None
    asking: Asking | None = None
    marked: frozenset[int] = frozenset()
    reason: int = 0
    doubt: bool = False

    @property
    def missing(self) -> tuple[Line, ...]:
        """Those who were said to be coming and are not there."""
        return tuple(
            line
            for line in self.lines
            if line.check_in_id in self.coming and line.presence == MISSING
        )


@fact
class ClassRow:
    """One class among others: its counts, who is unwell there, and how many are missing.

    `said` is how many were answered for the evening before, `not_yet` of how many nobody has the
    question yet.
    """

    unit_id: int
    name: str
    counts: Counts
    flagged: tuple[Line, ...] = ()
    missing: int = 0
    is_staff: bool = False
    said: int = 0
    not_yet: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassesView(UnitView):
    """Several classes at a glance: a grade, or a school. `only_flagged` is the doctor's slice."""

    rows: tuple[ClassRow, ...]
    only_flagged: bool = False


async def class_view(
    session: Session, card: Card, contact: Contact, now: datetime
) -> ClassView | ClassesView | None:
    """Load what a class card shows; None when its reader may not see it any more."""
    unit = await session.get_one(Unit, card.about_id)
    access = await people.access_of(session, contact.person_id, now)
    if not access.may(Act.see_class, unit.path):
        return None
    school = await units.school(session, unit.school_id or unit.id)
    held = await held_at(session, school, card, unit)
    entries = held.entries
    shown: dict[str, Any] = {
        "card_id": card.id,
        "revision": card.revision,
        "unit_name": unit.name,
        "day": card.day,
        "zone": school.zone,
        "counts": count(counted(entry) for entry in entries),
        "closed": bool(entries) and all(entry.round.closed_at for entry in entries),
        "opened": bool(entries),
        "said": await _said_before(session, entries),
    }
    shown["not_yet"] = await _not_yet(session, entries, shown["said"])
    if not entries:
        shown["next_ask"] = await next_ask_of(session, school, now)
        shown["no_school"] = await closed_because(session, school.id, card.day)
    if unit.kind in {"class", "dormitory"}:
        return await _one_class(session, card, unit, held, access, now, shown)
    return await _classes(session, unit, school, held, access, shown)


async def _said_before(session: Session, entries: Iterable[Entry]) -> frozenset[int]:
    """Return the check-ins of which the evening before has left only the morning's question."""
    said: set[int] = set()
    for entry in entries:
        if entry.round.evening and entry.checkin.status == Status.partial:
            asked = await questionnaire(session, entry.round.questionnaire_id)
            if only_the_morning_is_left(asked, Draft.of(entry.checkin).answers):
                said.add(entry.checkin.id)
    return frozenset(said)


async def _not_yet(session: Session, entries: Iterable[Entry], said: Set[int]) -> frozenset[int]:
    """Return the check-ins that nobody was asked about yet.

    Until the morning asks that is everybody who has not answered; then it is boarders
    whose house was handed to nobody, as its warden has not joined.
    """
    waiting = [e for e in entries if is_silent(e.checkin) and e.checkin.id not in said]
    due = [e for e in waiting if e.checkin.status == Status.due and not e.round.evening]
    handed: set[int | None] = set()
    for held in {entry.round.id: entry.round for entry in due}.values():
        handed |= await houses_handed(session, held)
    boarders = {e.checkin.id for e in due if e.checkin.dormitory_id not in {None, *handed}}
    return frozenset(e.checkin.id for e in waiting if e.round.evening) | boarders


async def next_ask_of(session: Session, school: School, now: datetime) -> datetime | None:
    """Return when families are asked next."""
    calendar = await calendar_of(session, school, local_date(now, school.zone))
    asks = []
    for plan in await plans.plans(session, school.id):
        after: datetime | None = now
        while after is not None:
            due = next_due(plan, school.zone, calendar, after)
            after = due.due_at if due is not None else None
            if due is not None and due.step.action is Action.ask:
                asks.append(due.due_at)
                break
    return min(asks, default=None)


async def _one_class(
    session: Session,
    card: Card,
    unit: Unit,
    held: Held,
    access: Access,
    now: datetime,
    shown: Mapping[str, Any],
) -> ClassView:
    entries = [*held.entries, *held.missing]
    lines = tuple(plain_line(entry) for entry in entries)
    by_id = {line.check_in_id: line for line in lines}
    may = frozenset(act for act in Act if access.may(act, unit.path))
    page = page_of(card)
    if page in NEEDS and NEEDS[page] not in may:
        page = Page.main
    child = by_id.get(card.focus.get("check_in", 0))
    if child is None and page in {Page.child, Page.reason, Page.until, Page.date}:
        page = Page.main
    closes_at = max((entry.round.closes_at for entry in entries), default=None)
    to_call = tuple(by_id[e.checkin.id] for e in entries if is_to_call(e.checkin))
    excused = [line.subject_id for line in lines if line.excuse is not None]
    numbers: dict[int, list[Number]] = {}
    if page is Page.calls:
        numbers = await calling.numbers(session, (line.subject_id for line in to_call), card.day)
    elif page is Page.child and child is not None:
        numbers = await calling.numbers(session, [child.subject_id], card.day)
    # The question is the teacher's own: they know of the child what the school knows.
    wards = [Ward(e, Right(e.checkin.subject_id), access.person_id or 0) for e in entries]
    return ClassView(
        **shown,
        lines=lines,
        dormitory=unit.kind == "dormitory",
        closes_at=closes_at,
        may=may,
        page=page,
        arrivals=closes_at is not None and arrivals_open(now, closes_at),
        coming=frozenset(e.checkin.id for e in entries if is_coming(e.checkin)),
        to_call=to_call,
        to_enter=tuple(by_id[e.checkin.id] for e in entries if is_to_enter(e.checkin)),
        to_sight=tuple(by_id[e.checkin.id] for e in entries if is_to_sight(e.checkin)),
        numbers=numbers,
        back={
            subject: pause.until
            for subject, pause in (await pauses.pauses_of(session, excused, card.day)).items()
            if pause.since <= card.day
        },
        child=child,
        asking=await asking_of(session, card, wards, lines) if page is Page.child else None,
        marked=frozenset(card.focus.get("marked", ())),
        reason=int(card.focus.get("reason", 0)),
        doubt=bool(card.focus.get("doubt")),
    )


async def _classes(
    session: Session,
    unit: Unit,
    school: School,
    held: Held,
    access: Access,
    shown: Mapping[str, Any],
) -> ClassesView:
    of_unit: dict[int, list[Entry]] = {each.checkin.unit_id: [] for each in held.missing}
    for entry in held.entries:
        of_unit.setdefault(entry.checkin.unit_id, []).append(entry)
    everybody = (*held.entries, *held.missing)
    missing = Counter(e.checkin.unit_id for e in everybody if is_missing(e.checkin))
    classes = await units.units_within(session, Reach((unit.path,)), "class")
    named = [(each.id, each.name, False) for each in classes if each.id in of_unit]
    named += [(school.id, "", True)] if school.id in of_unit else []
    rows = tuple(
        ClassRow(
            unit_id,
            name,
            count(counted(entry) for entry in of_unit[unit_id]),
            tuple(plain_line(entry) for entry in of_unit[unit_id] if is_flagged(entry)),
            missing[unit_id],
            is_staff,
            sum(entry.checkin.id in shown["said"] for entry in of_unit[unit_id]),
            sum(entry.checkin.id in shown["not_yet"] for entry in of_unit[unit_id]),
        )
        for unit_id, name, is_staff in named
    )
    return ClassesView(
        **shown,
        rows=rows,
        only_flagged=not access.may(Act.remind, unit.path),
    )
