"""What a lead is shown of a school's day: the summary, its picture, what changed after signing."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from checkin.access import Act
from checkin.checkins import Counts, ZeroReport, count, zero_report
from checkin.corrections import Change, Seen, tally
from checkin.facts import fact
from checkin.questions import Disposition
from checkin.statuses import Status
from checkin.summaries import Stood, Summary, as_signed, fingerprint, summarize
from storage import missed, people, rounds, summaries, units
from storage.calendars import closed_because
from storage.database import Session
from storage.signoffs import corrections_by_id, corrections_of, sign_off_of
from storage.summaries import Named, PastDay
from storage.tables import Card, Contact, Correction, Round, SignOff
from storage.units import School

PAST_DAYS = 10


@fact
class Exceptional:
    """Somebody whom a summary names: by a masked name, with what is known."""

    check_in_id: int
    name: str
    unit_name: str
    is_staff: bool
    status: Status
    disposition: Disposition | None = None
    valid_until: date | None = None
    presence: str | None = None


@fact
class Signature:
    """Who signed, when, and what the counts were then."""

    name: str
    at: datetime
    cases: int
    unaccounted: int


@fact
class Since:
    """What changed after the signature: how many, and by name whoever is now unwell or missing."""

    changes: Mapping[Change, int]
    news: tuple[Exceptional, ...]


@fact
class SummaryView:
    """A school's day by exception, for the one who signs it; signed, as it was signed.

    `no_school` is why the day was closed, as it was typed; None where it was not. `unasked` are
    the school days just before on which nobody was asked. `fingerprint` is of what is to be
    signed, 0 once it was.
    """

    card_id: int
    revision: int
    unit_name: str
    day: date
    zone: ZoneInfo
    summary: Summary
    cases: tuple[Exceptional, ...]
    missing: tuple[Exceptional, ...]
    absent: tuple[Exceptional, ...]
    unaccounted: tuple[Exceptional, ...]
    silent_classes: tuple[tuple[str, int], ...]
    closed: bool
    opened: bool
    signature: Signature | None = None
    since: Since | None = None
    no_school: str | None = None
    unasked: tuple[date, ...] = ()
    fingerprint: int = 0

    @property
    def students(self) -> Counts:
        """The students in numbers."""
        return self.summary.students

    @property
    def staff(self) -> Counts:
        """The staff in numbers."""
        return self.summary.staff

    @property
    def zero(self) -> ZeroReport:
        """The cases, and how many people the statement covers."""
        return self.summary.zero


@fact
class CorrectedView:
    """Changes after a signature; `signer` names whoever gave it, if not the reader."""

    unit_name: str
    day: date
    since: Since
    signer: str | None = None


@fact
class Tile:
    """A class (or the staff) on the day's picture; a child in two plights shows the graver."""

    name: str
    expected: int
    in_: int
    silent: int
    unwell: int
    away: int
    missing: int
    is_staff: bool = False


@fact
class DayPicture:
    """Everything that the picture of a school's day shows."""

    school: str
    day: date
    at: datetime
    zone: ZoneInfo
    everybody: Counts
    tiles: tuple[Tile, ...]
    past: Sequence[PastDay]

    @property
    def zero(self) -> ZeroReport:
        """The cases, and how many people are not heard from; as in the summary's words."""
        return zero_report(self.everybody)


async def rounds_held(session: Session, school: School, card: Card) -> list[Round]:
    """Return the day's rounds but for those that were called off."""
    held = await rounds.rounds_on(session, school.id, card.day, card.slot)
    return [each for each in held if each.cancelled_at is None]


async def may_see(session: Session, card: Card, contact: Contact, now: datetime) -> bool:
    """Say whether somebody may see the summary of the school that a card is about."""
    school = await units.school(session, card.about_id)
    access = await people.access_of(session, contact.person_id, now)
    return access.may(Act.see_summary, school.path)


async def summary_view(
    session: Session, card: Card, contact: Contact, now: datetime
) -> SummaryView | None:
    """Load what a summary shows; None when its reader may not see it any more."""
    if not await may_see(session, card, contact, now):
        return None
    return await school_day(session, card)


async def school_day(session: Session, card: Card) -> SummaryView:
    """Load a school's day; the rows themselves are counted, as they are for a signature."""
    school = await units.school(session, card.about_id)
    held = await rounds_held(session, school, card)
    signed = await sign_off_of(session, school.id, card.day, card.slot)
    summary, mark = as_signed(signed.counts) if signed is not None else None, 0
    if summary is None:
        stood = await summaries.stood(session, (each.id for each in held))
        summary, mark = summarize(stood), fingerprint(stood)
    corrections = await corrections_of(session, signed.id) if signed is not None else []
    whole = set(summary.silent_classes or {})
    unaccounted = [each for each in summary.unaccounted if each.unit_id not in whole]
    lists = (summary.cases, summary.missing, summary.absent, unaccounted)
    wanted = {each.check_in_id for named in lists for each in named}
    names = await summaries.named(session, wanted | {each.check_in_id for each in corrections})
    classes = await units.classes_of(session, school.id) if whole else []
    return SummaryView(
        card_id=card.id,
        revision=card.revision,
        unit_name=school.name,
        day=card.day,
        zone=school.zone,
        summary=summary,
        cases=exceptions(summary.cases, names),
        missing=exceptions(summary.missing, names),
        absent=exceptions(summary.absent, names),
        unaccounted=exceptions(unaccounted, names),
        silent_classes=tuple(
            (unit.name, (summary.silent_classes or {})[unit.id])
            for unit in classes
            if unit.id in whole
        ),
        closed=bool(held) and all(r.closed_at for r in held),
        opened=bool(held),
        signature=await _signature(session, signed) if signed is not None else None,
        since=await _since(session, corrections, names),
        no_school=None if held else await closed_because(session, school.id, card.day),
        unasked=await missed.unasked_before(session, [r.plan_id for r in held], card.day),
        fingerprint=mark,
    )


async def corrected_view(
    session: Session, card: Card, contact: Contact, now: datetime, correction_ids: Sequence[int]
) -> CorrectedView | None:
    """Load changes after a signature; None when they came to nothing, or are not the reader's."""
    school = await units.school(session, card.about_id)
    signed = await sign_off_of(session, school.id, card.day, card.slot)
    if signed is None or not await may_see(session, card, contact, now):
        return None
    corrections = await corrections_by_id(session, correction_ids)
    names = await summaries.named(session, (each.check_in_id for each in corrections))
    since = await _since(session, corrections, names)
    if since is None:
        return None
    own = signed.signed_by == contact.person_id
    signer = None if own else (await _signature(session, signed)).name
    return CorrectedView(school.name, card.day, since, signer)


async def day_picture(
    session: Session, card: Card, contact: Contact, now: datetime
) -> DayPicture | None:
    """Load what the picture of a day shows, in a few sets.

    None where there was no round, and for whoever may not see it any more.
    """
    if not await may_see(session, card, contact, now):
        return None
    school = await units.school(session, card.about_id)
    held = await rounds_held(session, school, card)
    if not held:
        return None
    by_unit: dict[int, list[Stood]] = defaultdict(list)
    for each in await summaries.stood(session, (r.id for r in held)):
        by_unit[each.unit_id].append(each)
    tiles = [
        tile(unit.name, by_unit[unit.id])
        for unit in await units.classes_of(session, school.id)
        if unit.id in by_unit
    ]
    if school.id in by_unit:
        tiles.append(tile("", by_unit[school.id], is_staff=True))
    return DayPicture(
        school=school.name,
        day=card.day,
        at=now,
        zone=school.zone,
        everybody=count(each.counted for stood in by_unit.values() for each in stood),
        tiles=tuple(tiles),
        past=await summaries.past_days(session, school.id, card.slot, card.day, PAST_DAYS),
    )


def tile(name: str, stood: Iterable[Stood], *, is_staff: bool = False) -> Tile:
    """Sum up a class; its parts add up to everybody in it."""
    everybody = list(stood)
    missing = [each for each in everybody if each.is_missing]
    unwell = [each for each in everybody if each.is_case and not each.is_missing]
    # A case held from an earlier day is unwell, although nobody has answered today.
    silent = [each for each in everybody if not each.is_accounted and not each.is_case]
    away = [
        each
        for each in everybody
        if (each.status is Status.excused or (each.absent and each.status is Status.complete))
        and not each.is_case
        and not each.is_missing
    ]
    rest = len(everybody) - len(missing) - len(unwell) - len(silent) - len(away)
    return Tile(
        name,
        expected=len(everybody),
        in_=rest,
        silent=len(silent),
        unwell=len(unwell),
        away=len(away),
        missing=len(missing),
        is_staff=is_staff,
    )


def exceptions(stood: Iterable[Stood], names: Mapping[int, Named]) -> tuple[Exceptional, ...]:
    """Name people class by class, in the school's own order of classes; staff come last."""
    found = [(names[each.check_in_id], each) for each in stood if each.check_in_id in names]
    found.sort(key=lambda f: (f[1].is_staff, f[0].position, f[0].unit_name, f[0].name))
    return tuple(
        Exceptional(
            each.check_in_id,
            who.name,
            who.unit_name,
            each.is_staff,
            each.status,
            each.disposition,
            each.valid_until,
            each.presence,
        )
        for who, each in found
    )


async def _signature(session: Session, signed: SignOff) -> Signature:
    signer = await people.names(session, [signed.signed_by])
    return Signature(
        signer.get(signed.signed_by, ""), signed.signed_at, signed.cases, len(signed.unaccounted)
    )


async def _since(
    session: Session, corrections: Sequence[Correction], names: Mapping[int, Named]
) -> Since | None:
    """Say what changed; None where nothing did, or all of it has been undone."""
    changes = tally((each.check_in_id, *_seen(each)) for each in corrections)
    if not changes:
        return None
    news = [
        id_
        for kind in (Change.missing, Change.new_case, Change.raised)
        for id_ in changes.get(kind, ())
    ]
    stood = await summaries.stood_of(session, news)
    return Since({kind: len(ids) for kind, ids in changes.items()}, exceptions(stood, names))


def _seen(each: Correction) -> tuple[Seen, Seen]:
    before = Seen(
        each.status_before, each.severity_before, each.absent_before, each.presence_before
    )
    after = Seen(each.status_after, each.severity_after, each.absent_after, each.presence_after)
    return before, after
