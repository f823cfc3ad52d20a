"""Cards: what each recipient sees for a day, and which of them are behind."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    and_,
    bindparam,
    case,
    cast,
    literal_column,
    or_,
    union,
    update,
)
from sqlalchemy import select as of_rows
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.sql import (
    affected,
    among_named,
    is_one_found,
    is_one_of,
    is_sqlite,
    listed,
    listed_named,
    not_among_named,
    numbers,
    table,
)
from storage.tables import Card, Contact, Enrolment, Guardianship, Unit

COALESCED = timedelta(seconds=30)

# As the partial index has it, word for word: SQLite does not use it for a parameter. The cards of
# households are not in it: a day has as many as the city has families, to look through in vain.
ABOUT_ONE: ColumnElement[bool] = literal_column("card.about_id <> 0")


async def card_of(
    session: AsyncSession, contact: Contact, day: date, kind: str, slot: str, about_id: int = 0
) -> Card:
    """Return a contact's card, made when there is none yet."""
    found = await session.exec(
        select(Card).where(
            Card.contact_id == contact.id,
            Card.day == day,
            Card.kind == kind,
            Card.slot == slot,
            Card.about_id == about_id,
        )
    )
    card = found.first()
    if card is None:
        card = Card(
            bot_id=contact.bot_id,
            contact_id=contact.id,
            day=day,
            kind=kind,
            slot=slot,
            about_id=about_id,
        )
        session.add(card)
        await session.flush()
    return card


async def cards_by_id(session: AsyncSession, ids: Iterable[int]) -> dict[int, Card]:
    """Return cards by their ids, in one query."""
    wanted = set(ids)
    if not wanted:
        return {}
    found = await session.exec(
        _by_id(is_sqlite(session)), params={"cards": numbers(session, wanted)}
    )
    return {card.id: card for card in found}


@cache
def _by_id(sqlite: bool) -> Any:
    return select(Card).where(among_named(sqlite, table(Card).c.id, "cards"))


def households_at_rest(sqlite: bool, *more: ColumnElement[Any]) -> Any:
    """Return a query for household cards in open chats, on which nothing is open.

    Its columns are id, revision, day, slot, chat, language and person, then `more`. For a
    statement that is made once: `cards` are their ids, by `numbers`.
    """
    card, contact = table(Card).c, table(Contact).c
    whose = (contact.chat_id, contact.language, contact.person_id)
    return (
        of_rows(card.id, card.revision, card.day, card.slot, *whose, *more)
        .join(table(Contact), contact.id == card.contact_id)
        .where(
            among_named(sqlite, card.id, "cards"),
            card.kind == "household",
            cast(card.focus, String) == "{}",
            contact.state == "active",
            contact.person_id.is_not(None),
        )
    )


async def latest_household(session: AsyncSession, contact_id: int) -> Card | None:
    """Return the newest household card of a contact: what typed words are about."""
    return next(iter(await latest_households(session, contact_id, 1)), None)


async def latest_households(session: AsyncSession, contact_id: int, number: int) -> Sequence[Card]:
    """Return so many of the household cards of a contact, the newest first."""
    found = await session.exec(
        select(Card)
        .where(Card.contact_id == contact_id, Card.kind == "household")
        .order_by(col(Card.day).desc(), col(Card.id).desc())
        .limit(number)
    )
    return found.all()


async def refresh_about(
    session: AsyncSession,
    unit_ids: Iterable[int],
    day: date,
    *,
    subject_ids: Iterable[int] | None = None,
) -> None:
    """Mark the class cards and summaries about these units as behind.

    So are those about their grades, and about the dormitories where these subjects sleep: every
    dormitory of a school where no subjects are named.
    """
    given = {"units": numbers(session, unit_ids), "on_day": day}
    if subject_ids is not None:
        given["subjects"] = numbers(session, subject_ids)
    await affected(session, _about(is_sqlite(session), subject_ids is not None), given)


@cache
def _about(sqlite: bool, of_subjects: bool) -> Any:
    unit, enrolment, card = table(Unit).c, table(Enrolment).c, table(Card).c
    if of_subjects:
        dormitories = of_rows(enrolment.dormitory_id).where(
            among_named(sqlite, enrolment.person_id, "subjects"),
            enrolment.dormitory_id.is_not(None),
        )
    else:
        dormitories = of_rows(unit.id).where(
            among_named(sqlite, unit.school_id, "units"), unit.kind == "dormitory"
        )
    about = union(
        of_rows(unit.id).where(among_named(sqlite, unit.id, "units")),
        of_rows(unit.parent_id).where(
            among_named(sqlite, unit.id, "units"), unit.parent_id.is_not(None)
        ),
        dormitories,
    )
    return (
        update(table(Card))
        .where(
            card.day == bindparam("on_day"),
            is_one_found(sqlite, card.about_id, about),
            ABOUT_ONE,
            card.kind != "sending",
        )
        .values(revision=card.revision + 1)
    )


async def refresh_school(session: AsyncSession, school_id: int, day: date) -> None:
    """Mark every class card and summary about a school, and about any part of it, as behind."""
    unit, card = table(Unit).c, table(Card).c
    parts = of_rows(unit.id).where(unit.school_id == school_id)
    about = is_one_of(session, card.about_id, parts)
    await affected(
        session,
        update(table(Card))
        .where(card.day == day, about, ABOUT_ONE, card.kind != "sending")
        .values(revision=card.revision + 1),
    )


async def asking_class_card(session: AsyncSession, contact_id: int, since: date) -> Card | None:
    """Return the class card on which a teacher was last asked to type something, if any."""
    found = await session.exec(
        select(Card)
        .where(Card.contact_id == contact_id, Card.kind == "class", col(Card.day) >= since)
        .order_by(col(Card.day).desc(), col(Card.id).desc())
    )
    asking = [card for card in found if card.focus.get("typed_at")]
    return max(asking, key=lambda card: str(card.focus["typed_at"]), default=None)


async def refresh_households(
    session: AsyncSession,
    changes: Iterable[tuple[int, int | None]],
    day: date,
    *,
    but: Iterable[int] = (),
) -> None:
    """Mark the cards of those who may know of these changes as behind, except some cards.

    A change is (subject, the one of the family whose word it was). A guardian in split custody
    hears of their own words only, and nobody else of the family hears of theirs.
    """
    said = list(changes)
    sqlite = is_sqlite(session)
    named = {"subjects": numbers(session, {subject for subject, _ in said})}
    rows = await session.exec(_apart(sqlite), params=named)
    knows_own_only = {(student, guardian): separate for student, guardian, separate in rows}
    told = {subject for subject, by in said if not knows_own_only.get((subject, by or 0))}
    alone = {by for subject, by in said if by and (subject, by) in knows_own_only}
    for subject in {subject for subject, by in said if by is None}:
        alone |= {guardian for student, guardian in knows_own_only if student == subject}
    given = {
        "on_day": day,
        "told": numbers(session, told),
        "people": numbers(session, told | alone),
        "but": numbers(session, but),
    }
    await affected(session, _households(sqlite), given)


@cache
def _apart(sqlite: bool) -> Any:
    tie = table(Guardianship).c
    return of_rows(tie.student_id, tie.guardian_id, tie.separate).where(
        among_named(sqlite, tie.student_id, "subjects"),
        or_(tie.separate, tie.may_see.is_(False)),
    )


@cache
def _households(sqlite: bool) -> Any:
    tie, contact, card = table(Guardianship).c, table(Contact).c, table(Card).c
    guardians = of_rows(tie.guardian_id).where(
        among_named(sqlite, tie.student_id, "told"), tie.separate.is_(False), tie.may_see
    )
    chats = union(
        of_rows(contact.id).where(is_one_found(sqlite, contact.person_id, guardians)),
        of_rows(contact.id).where(among_named(sqlite, contact.person_id, "people")),
    )
    return (
        update(table(Card))
        .where(
            card.day == bindparam("on_day"),
            card.kind == "household",
            is_one_found(sqlite, card.contact_id, chats),
            not_among_named(sqlite, card.id, "but"),
        )
        .values(revision=card.revision + 1)
    )


async def refresh_own(session: AsyncSession, contact_id: int, *, since: date) -> None:
    """Mark a contact's household cards of these days as behind: they answer for others now."""
    card = table(Card).c
    await affected(
        session,
        update(table(Card))
        .where(card.contact_id == contact_id, card.kind == "household", card.day >= since)
        .values(revision=card.revision + 1),
    )


async def refresh_of(session: AsyncSession, person_ids: Iterable[int], *, since: date) -> None:
    """Mark these people's household cards of a day and later ones as behind, in all their chats.

    What they may know or answer has changed: the cards are drawn by what holds now.
    """
    await _draw_anew(session, person_ids, since, "household")


async def refresh_at_school(
    session: AsyncSession, person_ids: Iterable[int], *, since: date
) -> None:
    """Have these people's cards of classes, cases and schools, of a day and later, drawn anew.

    Their roles are others than before: the cards are drawn by what holds now, and at once.
    """
    await _draw_anew(session, person_ids, since, "class", "flag", "summary")


async def _draw_anew(
    session: AsyncSession, person_ids: Iterable[int], since: date, *kinds: str
) -> None:
    whom = set(person_ids)
    if whom:
        given = {"people": numbers(session, whom), "since": since}
        await affected(session, _of_people(is_sqlite(session), kinds), given)


@cache
def _of_people(sqlite: bool, kinds: tuple[str, ...]) -> Any:
    contact, card = table(Contact).c, table(Card).c
    chats = of_rows(contact.id).where(among_named(sqlite, contact.person_id, "people"))
    return (
        update(table(Card))
        .where(
            is_one_found(sqlite, card.contact_id, chats),
            card.kind.in_(kinds),
            card.day >= bindparam("since"),
        )
        .values(revision=card.revision + 1, shown_at=None)  # without the usual half minute
    )


def behind(*, coalesce: bool) -> list[ColumnElement[bool]]:
    """Return when a card's message is behind; class cards and summaries wait half a minute.

    Its parameters are `bot`, and with `coalesce` the moment, `now`, and `rested`: `moments`.
    """
    card = table(Card).c
    conditions = [
        card.bot_id == bindparam("bot"),
        card.shown < card.revision,
        card.message_id.is_not(None),
    ]
    if coalesce:
        rested = or_(
            card.kind.in_(["household", "flag"]),
            card.shown_at.is_(None),
            card.shown_at <= bindparam("rested"),
            card.shown_at > bindparam("now"),  # the clock was set back
        )
        conditions.append(rested)
    return conditions


def moments(bot_id: int, now: datetime) -> dict[str, Any]:
    """Return the parameters of `behind`."""
    return {"bot": bot_id, "now": now, "rested": now - COALESCED}


class Behind(NamedTuple):
    """A card whose message is behind: which message, in which chat, and whose language.

    `chat_since` is when that chat was opened or closed.
    """

    id: int
    revision: int
    message_id: int
    contact_id: int
    chat_id: int
    chat_since: datetime
    language: str | None


async def stale_cards(
    session: AsyncSession, bot_id: int, now: datetime, limit: int, *, coalesce: bool = True
) -> list[Behind]:
    """Return cards whose message is behind, as much of them as an edit needs.

    Most were tapped a moment ago, and are shown as their tap left them (`handlers.views`).
    """
    given = moments(bot_id, now) | {"limit": limit}
    return [Behind(*row) for row in await session.exec(_stale(coalesce), params=given)]


@cache
def _stale(coalesce: bool) -> Any:
    card, contact = table(Card).c, table(Contact).c
    return (
        of_rows(
            card.id,
            card.revision,
            card.message_id,
            card.contact_id,
            contact.chat_id,
            contact.changed_at,
            contact.language,
        )
        .join(Contact, contact.id == card.contact_id)
        .where(*behind(coalesce=coalesce))
        .order_by(card.id)
        .limit(bindparam("limit", type_=Integer))
    )


async def keep_messages(
    session: AsyncSession, sent: Mapping[int, tuple[int, int]], now: datetime
) -> dict[int, int]:
    """Keep as which (message id, revision) cards were sent; return the messages of before.

    Both are by card. A message of before is one that the new one takes the place of.
    """
    if not sent:
        return {}
    sqlite = is_sqlite(session)
    rows = [(id_, message, revision) for id_, (message, revision) in sent.items()]
    given = {**listed(session, "sent", rows, 3), "now": now}
    if await affected(session, _keep_first(sqlite), given) == len(rows):
        return {}  # nearly always: a card is sent once
    found = await session.exec(_messages_of(sqlite), params={"cards": numbers(session, sent)})
    before = {id_: message for id_, message in found if message not in {None, sent[id_][0]}}
    await affected(session, _keep(sqlite), given)
    return before


@cache
def _messages_of(sqlite: bool) -> Any:
    card = table(Card).c
    held = of_rows(card.id, card.message_id).where(among_named(sqlite, card.id, "cards"))
    if sqlite:
        return held
    # A tap may be proving at this moment which message it is.
    return held.order_by(card.id).with_for_update()


@cache
def _keep_first(sqlite: bool) -> Any:
    return _keep(sqlite).where(table(Card).c.message_id.is_(None))


@cache
def _keep(sqlite: bool) -> Any:
    card = table(Card).c
    which, message, revision = listed_named(sqlite, "sent", 3)
    edited_since = and_(card.message_id == message, card.shown > revision)
    return (
        update(table(Card))
        .where(card.id == which)
        .values(
            message_id=message,
            shown=case((edited_since, card.shown), else_=revision),
            shown_at=bindparam("now", type_=card.shown_at.type),
        )
    )


async def show_anew(session: AsyncSession, contact_id: int, *, since: date) -> None:
    """Have a contact's cards of these days put into words once more; their buttons stay good.

    With them whatever could not be shown because the chat was closed.
    """
    card = table(Card).c
    not_shown = or_(card.shown_at.is_(None), card.day >= since)
    await affected(
        session,
        update(table(Card))
        .where(card.contact_id == contact_id, not_shown, card.shown >= card.revision)
        .values(shown=card.revision - 1, shown_at=None),
    )


async def mark_shown(
    session: AsyncSession, shown: Iterable[tuple[int, int]], now: datetime | None
) -> None:
    """Keep that these cards show these revisions now: (card id, revision).

    Without a moment they only count as shown, for their chat is closed (see `show_anew`).
    """
    rows = list(shown)
    if not rows:
        return
    given = {**listed(session, "shown", rows, 2), "now": now}
    await affected(session, _shown(is_sqlite(session)), given)


async def doubt(session: AsyncSession, shown: Iterable[tuple[int, int]]) -> None:
    """Have cards edited once more that may show one of these revisions, whatever came after it."""
    rows = list(shown)
    if rows:
        await affected(session, _doubt(is_sqlite(session)), listed(session, "shown", rows, 2))


@cache
def _doubt(sqlite: bool) -> Any:
    card = table(Card).c
    which, revision = listed_named(sqlite, "shown", 2)
    return (
        update(table(Card))
        .where(card.id == which, card.shown >= revision)
        .values(shown=revision - 1, shown_at=None)
    )


@cache
def _shown(sqlite: bool) -> Any:
    card = table(Card).c
    which, revision = listed_named(sqlite, "shown", 2)
    return (
        update(table(Card))
        .where(card.id == which, card.shown < revision)
        .values(shown=revision, shown_at=bindparam("now", type_=card.shown_at.type))
    )


async def forget_message(session: AsyncSession, card_id: int, message_id: int | None) -> bool:
    """Keep that a card's message is gone; False when another has taken its place by now."""
    gone = update(table(Card)).where(
        col(Card.id) == card_id,
        col(Card.message_id) == message_id,
    )
    return await affected(session, gone.values(message_id=None, shown=0)) > 0


async def forget_messages(session: AsyncSession, contact_id: int) -> None:
    """Keep that none of the messages that a chat had can be reached any more."""
    await affected(
        session,
        update(table(Card))
        .where(col(Card.contact_id) == contact_id, col(Card.message_id).is_not(None))
        .values(message_id=None, shown=0),
    )
