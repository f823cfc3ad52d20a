"""Who is asked for whom: opening a round, asking and reminding, set by set.

`checkin.asking.may_ask` is the same policy for one person; a test holds the two equal.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)
from sqlmodel import col
from sqlmodel import select as of_models
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.asking import QUIET
from checkin.checkins import Status
from checkin.facts import fact
from checkin.times import end_of
from storage import units
from storage.cards import refresh_about
from storage.ledger import GONE, ON_ITS_WAY, Lane, State, give_way, owe_under
from storage.pauses import away_on, paused
from storage.people import in_force
from storage.places import in_their_rounds
from storage.sql import affected, among, has_any, insert_into, is_one_of, table
from storage.tables import (
    Card,
    CheckIn,
    Consent,
    Contact,
    Enrolment,
    Guardianship,
    Ledger,
    Pause,
    RoleGrant,
    Round,
    Unit,
)
from storage.waiting import waited_for_elsewhere

EVENING, MORNING = -1, 0  # rungs of an ask: the evening before's only one, the morning's first
CAME = (State.sent.value, State.withdrawing.value, State.withdrawn.value)
UNASKED = (Status.due, Status.unreachable)

_card = table(Card).c
_checkin = table(CheckIn).c
_contact = table(Contact).c
_ledger = table(Ledger).c

_LIKE_THE_EVENING = select(_contact.id).where(_contact.window == "evening")


@fact
class Asked:
    """What an ask step did: messages owed, subjects asked, subjects nobody can be asked for."""

    messages: int
    subjects: int
    unreachable: int

    @property
    def anything(self) -> bool:
        """Whether anything has changed."""
        return bool(self.messages or self.subjects or self.unreachable)


# ---- opening -------------------------------------------------------------------------------

_FRESH: dict[str, Any] = {
    "severity": 0,
    "floor": 0,
    "reasons": "",
    "absent": False,
    "late": False,
    "via": "chat",
}


async def open_students(session: AsyncSession, opened: Round) -> int:
    """Give every student enrolled on the day a check-in; return how many were made.

    Again it adds whoever has come since, and until the morning asks it follows whoever has moved
    to another class or dormitory. Who is on a pause is excused from the beginning.
    """
    enrolment = table(Enrolment).c
    if opened.evening:
        await _follow(session, opened)
    subjects = select(
        literal(opened.id),
        enrolment.person_id,
        enrolment.unit_id,
        enrolment.school_id,
        enrolment.dormitory_id,
        *_fresh(enrolment.person_id, opened.day),
    ).where(
        enrolment.school_id == opened.school_id,
        in_force(enrolment.since, enrolment.until, opened.day),
    )
    return await _open(session, subjects)


async def _follow(session: AsyncSession, opened: Round) -> None:
    """Have a round that the evening opened say where students are by now."""
    enrolment = table(Enrolment).c
    places = (_checkin.unit_id, _checkin.dormitory_id)
    today = and_(
        enrolment.person_id == _checkin.subject_id,
        enrolment.school_id == opened.school_id,
        in_force(enrolment.since, enrolment.until, opened.day),
    )
    by_now = {
        place.name: select(func.max(enrolment[place.name])).where(today).scalar_subquery()
        for place in places
    }
    moved = or_(*(enrolment[place.name].is_distinct_from(place) for place in places))
    await affected(
        session,
        update(table(CheckIn))
        .where(_checkin.round_id == opened.id, exists().where(today, moved))
        .values(by_now),
    )


async def open_staff(session: AsyncSession, opened: Round, path: str) -> int:
    """Give everyone with a role in the school a check-in, at the school; return how many."""
    grant, unit = table(RoleGrant).c, table(Unit).c
    school = literal(opened.school_id)
    subjects = (
        select(
            literal(opened.id),
            grant.person_id,
            school,
            school,
            literal(None, type_=_checkin.dormitory_id.type),
            *_fresh(grant.person_id, opened.day),
        )
        .join_from(table(RoleGrant), table(Unit), unit.id == grant.unit_id)
        .where(
            unit.path.startswith(path, autoescape=True),
            in_force(grant.since, grant.until, opened.day),
        )
        .distinct()
    )
    return await _open(session, subjects)


def _fresh(subject: ColumnElement[int], day: date) -> list[Any]:
    away = paused(subject, day)
    status = case((away, Status.excused.value), else_=Status.due.value)
    pause = table(Pause).c
    why = select(func.max(pause.reason)).where(pause.subject_id == subject, away_on(day))
    return [status, why.scalar_subquery(), *(literal(value) for value in _FRESH.values())]


async def _open(session: AsyncSession, subjects: Select[Any]) -> int:
    told = ["round_id", "subject_id", "unit_id", "school_id", "dormitory_id"]
    columns = [*told, "status", "excuse", *_FRESH]
    statement = insert_into(session, CheckIn).from_select(columns, subjects)
    return await affected(session, statement.on_conflict_do_nothing())


# ---- whom to ask ---------------------------------------------------------------------------


def ways_to_ask(
    round_id: int, day: date, *only: ColumnElement[bool], every_chat: bool = False
) -> Subquery:
    """Return (subject_id, contact_id, bot_id, place) for everyone in a round who can be asked.

    Of all its check-ins, or of those only that meet these conditions: fewer are sooner found.

    Place 1 is asked first: oneself with an own account, then the guardians in their order. A way
    needs an open chat, a proved tie with the right to answer, and a consent in force; who is in
    two chats is asked in the older one, and may have been in the other (`every_chat`). Nobody at
    home knows how a boarder slept: their warden says it.
    """
    guardianship, consent = table(Guardianship).c, table(Consent).c
    older = table(Contact).alias().c
    in_another = has_any(
        select(older.id).where(
            older.person_id == _contact.person_id,
            older.state == "active",
            older.id < _contact.id,
        )
    )
    usable = and_(
        _checkin.round_id == round_id,
        *only,
        _contact.state == "active",
        *(() if every_chat else (~in_another,)),
        has_any(
            select(consent.id).where(
                consent.subject_id == _checkin.subject_id,
                consent.given_by == _contact.person_id,
                consent.withdrawn_at.is_(None),
            )
        ),
    )
    through_guardian = (
        select(
            _checkin.subject_id,
            _contact.id.label("contact_id"),
            _contact.bot_id,
            guardianship.rank.label("rank"),
        )
        .join_from(
            table(CheckIn),
            table(Guardianship),
            guardianship.student_id == _checkin.subject_id,
        )
        .join(table(Contact), _contact.person_id == guardianship.guardian_id)
        .where(
            usable,
            guardianship.proved_at.is_not(None),
            guardianship.may_answer,
            _checkin.dormitory_id.is_(None),
            in_force(guardianship.since, guardianship.until, day),
        )
    )
    directly = (
        select(_checkin.subject_id, _contact.id, _contact.bot_id, literal(0))
        .join_from(table(CheckIn), table(Contact), _contact.person_id == _checkin.subject_id)
        .where(usable)
    )
    way = union_all(through_guardian, directly).subquery()
    place = func.dense_rank().over(
        partition_by=way.c.subject_id, order_by=(way.c.rank, way.c.contact_id)
    )
    chosen = (way.c.subject_id, way.c.contact_id, way.c.bot_id, place.label("place"))
    return select(*chosen).subquery()


def those_who_are(round_id: int, *statuses: Status) -> Select[Any]:
    """Return the subjects of a round whose check-in stands so."""
    return select(_checkin.subject_id).where(
        _checkin.round_id == round_id, _checkin.status.in_([status.value for status in statuses])
    )


# ---- the steps -----------------------------------------------------------------------------


async def ask(session: AsyncSession, asked: Round, now: datetime, *, place: int = 1) -> Asked:
    """Owe the card to those up to this place in line for a silent subject who were not asked yet.

    So whoever has become the first in line since is asked as well, and whoever was asked the
    evening before is asked again in the morning. Who has not been asked about at all is asked
    about at the first place, whichever rung it is. Idempotent: a card and its message exist once
    for each contact, day and slot.
    """
    evening, asked.evening = asked.evening, False
    ways = ways_to_ask(asked.id, asked.day)
    asks = partial(_was_asked, asked, ways.c.bot_id, ways.c.contact_id, since=MORNING)
    begun = ways.c.subject_id.in_(those_who_are(asked.id, Status.asked, Status.partial))
    first = ways.c.place == 1
    if place > 1:
        turn = and_(ways.c.place <= place, ~first, ~asks(here=True))
    else:
        turn = and_(first, literal(evening))
    anew = or_(
        and_(first, ways.c.subject_id.in_(those_who_are(asked.id, *UNASKED))), and_(begun, turn)
    )
    unasked = and_(ways.c.place <= place, begun, ~asks())
    messages = await _ask_again(session, select(ways.c.contact_id).where(anew), asked, now)
    whom = select(ways.c.contact_id, ways.c.bot_id).where(or_(anew, unasked))
    messages += await owe_cards(session, whom.distinct().subquery(), asked, now)
    subjects = await affected(
        session,
        update(table(CheckIn))
        .where(
            _checkin.round_id == asked.id,
            _checkin.status.in_([status.value for status in UNASKED]),
            is_one_of(session, _checkin.subject_id, select(ways.c.subject_id)),
        )
        .values(status=Status.asked.value),
    )
    unreachable = await affected(
        session,
        update(table(CheckIn))
        .where(
            _checkin.round_id == asked.id,
            _checkin.status == Status.due.value,
            _checkin.dormitory_id.is_(None),
        )
        .values(status=Status.unreachable.value),
    )
    return Asked(messages, subjects, unreachable)


async def _ask_again(session: AsyncSession, whom: Select[Any], asked: Round, now: datetime) -> int:
    """Owe the card anew where all that it asked is answered: it lies above, and makes no sound.

    Those are parents who work here, and families with children at several schools. What the
    evening leaves open the morning asks anyway.
    """
    if asked.evening:
        return 0
    ask = table(Ledger).alias().c
    had_it = _asks(ask, asked, _contact.bot_id, _contact.id)
    came = has_any(select(ask.id).where(*had_it, ask.rung >= MORNING, ask.state.in_(CAME)))
    found = await session.exec(
        select(_contact.id, _contact.person_id).where(  # type: ignore[call-overload]
            is_one_of(session, _contact.id, whom), came
        )
    )
    had = {each.person_id: each.id for each in found}
    if not had:
        return 0
    waited_for = await waited_for_elsewhere(session, asked, had)
    answered = [chat for person, chat in had.items() if person not in waited_for]
    theirs = select(card_of(asked, _contact.id)).where(among(session, _contact.id, answered))
    return await _owe(session, is_one_of(session, _card.id, theirs), asked, now)


async def anyone_in_the_evening(session: AsyncSession, school_id: int) -> bool:
    """Say whether anybody of a school likes to be asked the evening before."""
    enrolment, guardianship = table(Enrolment).c, table(Guardianship).c
    pupils = select(enrolment.person_id).where(enrolment.school_id == school_id)
    guardians = select(guardianship.guardian_id).where(guardianship.student_id.in_(pupils))
    found = await session.exec(
        of_models(Contact.id)
        .where(
            Contact.window == "evening",
            Contact.state == "active",
            or_(_contact.person_id.in_(pupils), _contact.person_id.in_(guardians)),
        )
        .limit(1)
    )
    return found.first() is not None


async def ask_in_the_evening(session: AsyncSession, asked: Round, now: datetime) -> int:
    """Owe the card to those first in line who like the evening before; return how many."""
    ways = ways_to_ask(asked.id, asked.day, _checkin.status == Status.due.value)
    first = (ways.c.place == 1, ways.c.contact_id.in_(_LIKE_THE_EVENING))
    whom = select(ways.c.contact_id, ways.c.bot_id).where(*first)
    until = await _until(session, asked)
    messages = await owe_cards(session, whom.distinct().subquery(), asked, now, until=until)
    await affected(
        session,
        update(table(CheckIn))
        .where(
            _checkin.round_id == asked.id,
            _checkin.status == Status.due.value,
            is_one_of(session, _checkin.subject_id, select(ways.c.subject_id).where(*first)),
        )
        .values(status=Status.asked.value),
    )
    return messages


async def owe_cards(
    session: AsyncSession,
    whom: Subquery,
    asked: Round,
    now: datetime,
    *,
    until: datetime | None = None,
) -> int:
    """Owe the day's household card to these contacts; one that was shown already is refreshed.

    Whoever was asked in the evening or in the morning, whichever it is by now, is not asked twice.
    It may be sent `until` then, or until the close.
    """
    rung = _rung_by_now(asked)
    columns = ["bot_id", "contact_id", "day", "kind", "slot", "about_id", "revision", "shown"]
    made = select(
        whom.c.bot_id,
        whom.c.contact_id,
        literal(asked.day),
        literal("household"),
        literal(asked.slot),
        *(literal(number) for number in (0, 1, 0)),
        literal({}, type_=_card.focus.type),
    ).where(literal(1) == 1)  # SQLite cannot tell ON CONFLICT from a join without a WHERE
    made = made.order_by(whom.c.contact_id)  # the same order in every database
    await affected(
        session,
        insert_into(session, Card)
        .from_select([*columns, "focus"], made)
        .on_conflict_do_update(
            index_elements=["contact_id", "day", "kind", "slot", "about_id"],
            set_={"revision": _card.revision + 1},
        ),
    )
    theirs = select(card_of(asked, whom.c.contact_id)).select_from(whom)
    not_after = until or asked.closes_at
    await affected(  # what waits for another school of the family waits for this one, too
        session,
        update(table(Ledger))
        .where(
            _ledger.day == asked.day,
            _ledger.cause == _cause(asked),
            is_one_of(session, _ledger.card_id, theirs),
            _ledger.rung >= rung,
            _ledger.school_id != asked.school_id,
            _ledger.state.in_(ON_ITS_WAY),
            _ledger.not_after < not_after,
            _ledger.not_after > now,
        )
        .values(not_after=not_after),
    )
    unasked = ~_was_asked(asked, _card.bot_id, _card.contact_id, since=rung)
    those = and_(is_one_of(session, _card.id, theirs), unasked)
    return await _owe(session, those, asked, now, not_after=not_after)


async def _owe(
    session: AsyncSession,
    those: ColumnElement[bool],
    asked: Round,
    now: datetime,
    *,
    not_after: datetime | None = None,
) -> int:
    return await owe_under(
        session,
        (those,),
        "card",
        _cause(asked),
        now,
        school_id=asked.school_id,
        lane=Lane.bulk,
        not_after=not_after or asked.closes_at,
        rung=EVENING if asked.evening else _next_rung(asked),
    )


def _cause(asked: Round) -> str:
    return f"ask:{asked.day}:{asked.slot}"


def _asks(
    entry: Any, asked: Round, bot_id: ColumnElement[int], contact_id: ColumnElement[int]
) -> tuple[ColumnElement[bool], ...]:
    """Return which of the ledger's rows ask a contact, by the beginning of their key."""
    return (
        entry.day == asked.day,
        entry.bot_id == bot_id,
        entry.contact_id == contact_id,
        entry.cause == _cause(asked),
        entry.kind == "card",
    )


def _was_asked(
    asked: Round,
    bot_id: ColumnElement[int],
    contact_id: ColumnElement[int],
    *,
    since: int,
    here: bool = False,
) -> ColumnElement[bool]:
    """Say whether a contact's ask, of this rung or a later one, has come or is on its way.

    By any school of the family, or `here`. What another school has stopped is not on its way for
    this one.
    """
    ask = table(Ledger).alias().c
    theirs = (*_asks(ask, asked, bot_id, contact_id), ask.rung >= since, ask.state.not_in(GONE))
    stopped_by_another = and_(ask.state == State.stopped.value, ask.school_id != asked.school_id)
    by_whom = ask.school_id == asked.school_id if here else ~stopped_by_another
    return has_any(select(ask.id).where(*theirs, by_whom))


def _next_rung(asked: Round) -> ColumnElement[int]:
    """Return the rung of a card's ask: 0 in the morning, above those that came to nothing."""
    ask = table(Ledger).alias().c
    last = select(func.max(ask.rung)).where(*_asks(ask, asked, _card.bot_id, _card.contact_id))
    return func.coalesce(last.correlate(table(Card)).scalar_subquery(), EVENING) + 1


async def ask_contact(session: AsyncSession, contact_id: int, asked: Round, now: datetime) -> int:
    """Owe one contact the day's card: somebody who joined while the round is open."""
    whom = select(_contact.id.label("contact_id"), _contact.bot_id).where(
        _contact.id == contact_id
    )
    return await owe_cards(session, whom.subquery(), asked, now)


async def ask_first(
    session: AsyncSession, subject_ids: Collection[int], asked: Round, now: datetime
) -> set[int]:
    """Owe the card to whoever is first in line for each; return those who have somebody.

    The evening before only those have it now who like the evening; the others wait for the ask.
    """
    ways = ways_to_ask(asked.id, asked.day, among(session, _checkin.subject_id, subject_ids))
    first = ways.c.place == 1
    rung = _rung_by_now(asked)
    whom = select(ways.c.contact_id, ways.c.bot_id).where(first, *_at(rung, ways.c.contact_id))
    until = await _until(session, asked)
    await _ask_again(session, select(ways.c.contact_id).where(first), asked, now)
    await owe_cards(session, whom.distinct().subquery(), asked, now, until=until)
    found = await session.exec(select(ways.c.subject_id).where(first))  # type: ignore[call-overload]
    return set(found.scalars())


def _rung_by_now(held: Round) -> int:
    """Say whether a round asks in the morning by now, or has asked the evening before only."""
    return EVENING if held.evening else MORNING


async def _until(session: AsyncSession, held: Round) -> datetime:
    """Return until when people may hear of a round by themselves: the evening before, midnight.

    Nobody is woken for it: the morning asks whoever is silent anyway.
    """
    if not held.evening:
        return held.closes_at
    school = await units.school(session, held.school_id)
    return end_of(held.day - timedelta(days=1), school.zone)


def _at(rung: int, contact_id: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    """Return whom to ask unasked at a rung: the evening before, those who like it."""
    return (contact_id.in_(_LIKE_THE_EVENING),) if rung == EVENING else ()


async def ask_instead(session: AsyncSession, lost: Contact, now: datetime) -> None:
    """Ask the next in line about those whom a contact was asked about that closed or stopped.

    Where nobody is left to ask, the subject is out of reach from now on, and the class sees it.
    """
    theirs = await _in_open_rounds(session, lost, now, Status.asked, Status.partial)
    for held, waiting in theirs:
        await ask_those_left(session, held, now, [each.subject_id for each in waiting])
        of_now = of_models(CheckIn).where(col(CheckIn.id).in_([each.id for each in waiting]))
        await session.exec(of_now, execution_options={"populate_existing": True})
        await _refresh_classes(session, held, waiting)


async def ask_those_left(
    session: AsyncSession,
    held: Round,
    now: datetime,
    subject_ids: Collection[int] | None = None,
) -> Asked:
    """Ask the first in line about the silent of whom nobody was asked who can still answer.

    A tie may have ended since, or a chat was closed; or they are new to a round that has asked
    already. Who has nobody left is out of reach, whatever was begun to be said, but for a boarder,
    who has a warden. Of a whole round, or of some subjects.
    """
    rung = _rung_by_now(held)
    silent = [Status.asked, Status.partial, *(() if held.evening else UNASKED)]
    theirs = [
        _checkin.round_id == held.id,
        _checkin.status.in_([status.value for status in silent]),
    ]
    if subject_ids is not None:
        theirs.append(among(session, _checkin.subject_id, subject_ids))
    ways = ways_to_ask(held.id, held.day, *theirs)
    chats = ways_to_ask(held.id, held.day, *theirs, every_chat=True)
    reached = select(chats.c.subject_id)
    new = ways.c.subject_id.in_(those_who_are(held.id, *UNASKED))
    asked_about = reached.where(_was_asked(held, chats.c.bot_id, chats.c.contact_id, since=rung))
    whom = select(ways.c.contact_id, ways.c.bot_id).where(
        ways.c.place == 1,
        or_(new, ways.c.subject_id.not_in(asked_about)),
        *_at(rung, ways.c.contact_id),
    )
    messages = 0
    if (await session.exec(whom.limit(1))).first() is not None:  # type: ignore[call-overload]
        until = await _until(session, held)
        first = select(ways.c.contact_id).where(ways.c.place == 1, new)
        messages = await _ask_again(session, first, held, now)
        messages += await owe_cards(session, whom.distinct().subquery(), held, now, until=until)
    unreachable = await affected(
        session,
        update(table(CheckIn))
        .where(
            *theirs,
            _checkin.status.in_([Status.asked.value, Status.partial.value]),
            _checkin.dormitory_id.is_(None),
            _checkin.subject_id.not_in(reached),
        )
        .values(status=Status.unreachable.value),
    )
    subjects = await affected(
        session,
        update(table(CheckIn))
        .where(
            *theirs,
            _checkin.status.in_([status.value for status in UNASKED]),
            is_one_of(session, _checkin.subject_id, reached),
        )
        .values(status=Status.asked.value),
    )
    return Asked(messages, subjects, unreachable)


async def ask_who_is_back(session: AsyncSession, back: Contact, now: datetime) -> None:
    """Ask a contact whose chat is open again about those whom nobody could be asked about.

    Who had the question before the chat was closed still has it.
    """
    for held, lost in await _in_open_rounds(session, back, now, Status.unreachable):
        theirs = among(session, _checkin.subject_id, [each.subject_id for each in lost])
        ways = ways_to_ask(held.id, held.day, theirs)
        through = select(ways.c.subject_id).where(ways.c.contact_id == back.id)
        reached = set((await session.exec(through)).scalars())  # type: ignore[call-overload]
        found = [each for each in lost if each.subject_id in reached]
        if not found:
            continue
        for each in found:
            each.status = Status.asked.value
        await session.flush()
        rung = _rung_by_now(held)
        unasked = ~_was_asked(held, _contact.bot_id, _contact.id, since=rung)
        whom = select(_contact.id.label("contact_id"), _contact.bot_id).where(
            _contact.id == back.id, unasked
        )
        await owe_cards(session, whom.subquery(), held, now)
        await _refresh_classes(session, held, found)


async def _in_open_rounds(
    session: AsyncSession, contact: Contact, now: datetime, *statuses: Status
) -> list[tuple[Round, list[CheckIn]]]:
    """Return the check-ins of whom a contact may be asked about, in rounds that are open."""
    guardianship = table(Guardianship).c
    wards = select(guardianship.student_id).where(guardianship.guardian_id == contact.person_id)
    about = [contact.person_id or 0, *(await session.exec(wards)).scalars()]  # type: ignore[call-overload]
    found = await session.exec(
        in_their_rounds(
            of_models(CheckIn, Round), lambda person: among(session, person, about)
        ).where(
            col(Round.closed_at).is_(None),
            col(Round.cancelled_at).is_(None),
            Round.closes_at > now,
            Round.day >= (now - timedelta(days=1)).date(),  # of which some may be open
            _checkin.status.in_([status.value for status in statuses]),
        )
    )
    theirs: dict[int, tuple[Round, list[CheckIn]]] = {}
    for checkin, held in found.all():
        theirs.setdefault(held.id, (held, []))[1].append(checkin)
    return list(theirs.values())


async def _refresh_classes(
    session: AsyncSession, held: Round, checkins: Collection[CheckIn]
) -> None:
    shown = {unit for each in checkins for unit in (each.unit_id, each.school_id)}
    await refresh_about(session, shown, held.day)


async def remind(
    session: AsyncSession,
    reminded: Round,
    now: datetime,
    *,
    rung: int,
    quiet: timedelta = QUIET,
) -> int:
    """Owe a reminder to the first in line for a silent subject who has the card; return how many.

    A reminder names everybody who is waited for. Whoever has just had one, from another round of
    the day or from a teacher, is left in peace, and so is who has had the question for less than
    `quiet`; and nobody is reminded of a question that has not come yet. A reminder that was to go
    before and still waits gives way.
    """
    silent = _checkin.status.in_([Status.asked.value, Status.partial.value])
    ways = ways_to_ask(reminded.id, reminded.day, silent, every_chat=True)
    cards = select(
        ways.c.subject_id,
        ways.c.place,
        card_of(reminded, ways.c.contact_id, came=True).label("id"),
    ).subquery()
    first = func.min(cards.c.place).over(partition_by=cards.c.subject_id)
    came = (
        select(cards.c.id, cards.c.place, first.label("first"))
        .where(cards.c.id.is_not(None))
        .subquery()
    )
    of_the_first = select(came.c.id).where(came.c.place == came.c.first)
    lately = table(Ledger).alias().c
    just_reminded = has_any(
        select(lately.id).where(
            lately.card_id == _card.id,
            lately.kind == "reminder",
            lately.created_at > now - QUIET,
            lately.state.not_in(GONE),
        )
    )
    just_asked = has_any(
        select(lately.id).where(
            *_asks(lately, reminded, _card.bot_id, _card.contact_id), lately.sent_at > now - quiet
        )
    )
    cause = f"remind:{reminded.day}:{reminded.slot}:{reminded.id}"
    owed = await owe_under(
        session,
        (is_one_of(session, _card.id, of_the_first), ~just_reminded, ~just_asked),
        "reminder",
        cause,
        now,
        school_id=reminded.school_id,
        lane=Lane.bulk,
        not_after=await _until(session, reminded),
        rung=rung,
    )
    await give_way(session, reminded.school_id, cause, rung, now)
    return owed


def card_of(
    held: Round, contact_id: ColumnElement[int], *, came: bool = False
) -> ColumnElement[int]:
    """Return the household's card of a round in a contact's chat, if any (and if it has come).

    It is looked up for each contact by itself: of the cards of today PostgreSQL knows nothing
    until it has counted them again, and would go through all of them.
    """
    card = table(Card).alias().c
    found = select(card.id).where(*is_card_of(card, held, contact_id))
    return (found.where(card.message_id.is_not(None)) if came else found).scalar_subquery()


def is_card_of(
    card: Any, held: Round, contact_id: ColumnElement[int]
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a card is the household's of a round in a contact's chat."""
    return (
        card.contact_id == contact_id,
        card.day == held.day,
        card.kind == "household",
        card.slot == held.slot,
    )
