"""The ledger of messages owed: claimed before sending, marked after, a batch at a time."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import IntEnum, StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    text,
    update,
)
from sqlalchemy import select as of_rows
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from storage.cards import ABOUT_ONE, behind, moments
from storage.care import SENT_AGAIN, owable
from storage.sealing import Private
from storage.sending import GAVE_WAY, STOPPABLE, STOPPED, is_stopped, would_be_stopped
from storage.shares import turns
from storage.sql import (
    affected,
    among,
    among_named,
    insert_into,
    is_one_of,
    is_sqlite,
    listed,
    listed_named,
    numbers,
    table,
)
from storage.tables import Card, Contact, Ledger

LEASE_SECONDS = 20
UNDATED = date(1970, 1, 1)  # the day of a cause that names none

_NAMED_DAY = re.compile(r":(\d{4}-\d{2}-\d{2})(?=:|$)")


class State(StrEnum):
    """Where a message owed stands."""

    pending = "pending"
    sending = "sending"
    sent = "sent"
    unknown = "unknown"
    unclear = "unclear"
    stopped = "stopped"
    failed = "failed"
    moot = "moot"
    expired = "expired"
    withdrawing = "withdrawing"
    withdrawn = "withdrawn"


# As the partial indexes have them, word for word: SQLite uses none of them for a parameter.
_PENDING: ColumnElement[bool] = literal_column("ledger.state = 'pending'")
_IN_HAND: ColumnElement[bool] = literal_column(
    "ledger.state IN ('sending', 'unknown', 'withdrawing')"
)


_IN_DOUBT = (State.sending.value, State.unknown.value)
ON_ITS_WAY = (State.pending.value, *_IN_DOUBT)
UNDER_WAY = (*_IN_DOUBT, State.sent.value)  # it has left, and may have come
GONE = (State.failed.value, State.moot.value, State.expired.value)  # it came to nothing


class Lane(IntEnum):
    """Which queue a message stands in: answers to people come before the morning's bulk."""

    reply = 0
    bulk = 1


@fact
class Mark:
    """What became of a claimed message."""

    id: int
    state: State
    message_id: int | None = None
    error: str | None = None
    not_before: datetime | None = None
    sent_at: datetime | None = None


def day_of(cause: str) -> date:
    """Return the day that a cause names: nothing but the cause decides it, for both are keys."""
    named = _NAMED_DAY.search(cause)
    return date.fromisoformat(named[1]) if named else UNDATED


class Owed(NamedTuple):
    """A message owed as its sender claims it; `attempts` counts this one too."""

    id: int
    contact_id: int
    kind: str
    cause: str
    edition: int
    lane: int
    edition_reason: str | None
    card_id: int | None
    payload: Private | None
    attempts: int


def payload_of(entry: Ledger | Owed) -> dict[str, Any]:
    """Open what a message is about."""
    if entry.payload is None:
        return {}
    content: dict[str, Any] = json.loads(entry.payload.read(entry.contact_id))
    return content


async def owe(
    session: AsyncSession,
    contact: Contact,
    kind: str,
    cause: str,
    now: datetime,
    *,
    payload: dict[str, Any] | None = None,
    card: Card | None = None,
    lane: Lane = Lane.reply,
    rung: int = 0,
    not_after: datetime | None = None,
) -> None:
    """Owe a message once for this contact, cause and rung; again changes nothing."""
    sealed = None if payload is None else Private.of(contact.id, json.dumps(payload))
    await affected(
        session,
        insert_into(session, Ledger)
        .values(
            bot_id=contact.bot_id,
            contact_id=contact.id,
            day=day_of(cause),
            cause=cause,
            rung=rung,
            edition=0,
            kind=owable(kind),
            lane=int(lane),
            card_id=card.id if card else None,
            payload=sealed,
            state=State.pending.value,
            attempts=0,
            not_after=not_after,
            created_at=now,
        )
        .on_conflict_do_nothing(),
    )


async def next_rung(session: AsyncSession, contact: Contact, cause: str) -> int | None:
    """Return the rung to owe a cause under, above those that came to nothing.

    None where one has come, or is on its way.
    """
    found = await session.exec(
        select(Ledger.rung, Ledger.state).where(
            Ledger.day == day_of(cause),
            Ledger.bot_id == contact.bot_id,
            Ledger.contact_id == contact.id,
            Ledger.cause == cause,
        )
    )
    rows = found.all()
    if any(state not in GONE for _, state in rows):
        return None
    return max((rung for rung, _ in rows), default=-1) + 1


async def owe_under(
    session: AsyncSession,
    cards: Sequence[ColumnElement[bool]],
    kind: str,
    cause: str,
    now: datetime,
    *,
    school_id: int,
    lane: Lane,
    not_after: datetime,
    rung: int | ColumnElement[int] = 0,
) -> int:
    """Owe a message of a school under each card that meets these conditions, in one statement.

    Once for each contact, cause and rung; again changes nothing. Return how many were owed. While
    the school's sending is stopped, questions and reminders wait with what was stopped.
    """
    card, entry = table(Card).c, table(Ledger).c
    turn: ColumnElement[int] = literal(0)
    if lane is Lane.bulk:
        turn = await turns(session, school_id, card.bot_id, card.id, now)
    stopped = lane is Lane.bulk and kind in STOPPABLE and await is_stopped(session, school_id, now)
    same: dict[str, Any] = {
        "day": literal(day_of(cause)),
        "cause": literal(cause),
        "rung": literal(rung) if isinstance(rung, int) else rung,
        "edition": literal(0),
        "kind": literal(owable(kind)),
        "lane": literal(int(lane)),
        "turn": turn,
        "school_id": literal(school_id),
        "state": literal(STOPPED if stopped else State.pending.value),
        "attempts": literal(0),
        "not_after": literal(not_after, type_=entry.not_after.type),
        "created_at": literal(now, type_=entry.created_at.type),
    }
    owed = of_rows(card.bot_id, card.contact_id, card.id, *same.values()).where(*cards)
    owed = owed.order_by(card.id)  # the same order in every database
    statement = insert_into(session, Ledger).from_select(
        ["bot_id", "contact_id", "card_id", *same], owed
    )
    return await affected(session, statement.on_conflict_do_nothing())


@fact
class ToDo:
    """What waits for a bot's sender.

    Messages to be sent, too late to be sent, left behind by a sender, to be taken out of a chat;
    and cards that are behind.
    """

    send: bool
    expire: bool
    recover: bool
    withdraw: bool
    mirror: bool

    @property
    def owed(self) -> bool:
        """Whether there is something in the ledger to begin with."""
        return self.send or self.expire or self.recover

    @property
    def anything_else(self) -> bool:
        """Whether there is something to do beside sending."""
        return self.expire or self.recover or self.withdraw or self.mirror


async def to_do(
    session: AsyncSession, bot_id: int, now: datetime, *, coalesce: bool = True
) -> ToDo:
    """Say what a bot has to do, without taking the writer's turn."""
    found = await session.exec(_to_do(is_sqlite(session), coalesce), params=moments(bot_id, now))
    return ToDo(*map(bool, found.one()))


@cache
def _to_do(sqlite: bool, coalesce: bool) -> Any:
    entry = table(Ledger).c
    bot: Any = bindparam("bot")
    now: Any = bindparam("now")

    def any_of(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return of_rows(entry.id).where(entry.bot_id == bot, *conditions).exists()

    # Not EXISTS, which PostgreSQL would look for among all that was ever sent: first in the queue.
    first = (
        of_rows(entry.id)
        .where(
            entry.bot_id == bot,
            _PENDING,
            or_(entry.not_before.is_(None), entry.not_before <= now),
        )
        .order_by(entry.lane, entry.turn, entry.id)
        .limit(1)
        .scalar_subquery()
    )
    return of_rows(
        first.is_not(None),
        any_of(_PENDING, entry.not_after <= now),
        any_of(*_left_behind(sqlite)),
        any_of(_IN_HAND, entry.state == State.withdrawing.value),
        of_rows(table(Card).c.id).where(*behind(coalesce=coalesce)).exists(),
    )


def _left_behind(sqlite: bool) -> tuple[ColumnElement[bool], ...]:
    """Return when a message's sender did not come back for it, by the database's clock."""
    entry = table(Ledger).c
    return (
        _IN_HAND,
        entry.state != State.withdrawing.value,
        entry.lease_until < _database_now(sqlite),
    )


async def expire(session: AsyncSession, bot_id: int, now: datetime) -> int:
    """Set aside what may not be sent any more: yesterday's question is never asked."""
    return await affected(
        session,
        update(table(Ledger))
        .where(
            col(Ledger.bot_id) == bot_id,
            _PENDING,
            col(Ledger.not_after) <= now,
        )
        .values(state=State.expired.value),
    )


async def recover(session: AsyncSession, bot_id: int) -> int:
    """Take back messages whose sender's lease ran out, by the database's clock.

    They may have arrived: this is where a message can come twice, at most one batch for each kill.
    What ended unclear and must not double is left (`storage.care`).
    """
    entry = table(Ledger).c
    doubtful = and_(entry.state == State.unknown.value, entry.kind.not_in(SENT_AGAIN))
    return await affected(
        session,
        update(table(Ledger))
        .where(
            col(Ledger.bot_id) == bot_id,
            *_left_behind(is_sqlite(session)),
        )
        .values(
            state=case(
                (doubtful, State.unclear.value),
                (would_be_stopped(), STOPPED),
                else_=State.pending.value,
            ),
            owner=None,
            lease_until=None,
        ),
    )


async def claim(
    session: AsyncSession,
    bot_id: int,
    owner: str,
    now: datetime,
    count: int,
    *,
    bulk: bool = True,
    replies: bool = True,
) -> list[Owed]:
    """Take up to `count` messages to send: marked `sending` before anything is sent.

    Replies come before bulk; without `bulk` (Telegram said to wait) only replies are taken, and
    without `replies` (there have been nothing else for a while) only bulk.
    """
    taken = await session.exec(
        _claim(is_sqlite(session)),
        params={
            "bot": bot_id,
            "now": now,
            "by": owner,
            "from_lane": Lane.reply if replies else Lane.bulk,
            "to_lane": Lane.bulk if bulk else Lane.reply,
            "count": count,
        },
    )
    return sorted(map(Owed._make, taken), key=lambda owed: (owed.lane, owed.id))


@cache
def _claim(sqlite: bool) -> Any:
    entry = table(Ledger).c
    now: Any = bindparam("now")
    first = (
        of_rows(entry.id)
        .where(
            entry.bot_id == bindparam("bot"),
            _PENDING,
            or_(entry.not_before.is_(None), entry.not_before <= now),
            or_(entry.not_after.is_(None), entry.not_after > now),
            entry.lane >= bindparam("from_lane"),
            entry.lane <= bindparam("to_lane"),
        )
        .order_by(entry.lane, entry.turn, entry.id)
        .limit(bindparam("count", type_=Integer))
    )
    if sqlite:
        taken: Any = entry.id.in_(first.scalar_subquery())
    else:  # an array is looked for once; a subquery maybe for each row anew, or among all rows
        rows = first.with_for_update(skip_locked=True).scalar_subquery()
        taken = entry.id == func.any(func.array(rows))
    return (
        update(table(Ledger))
        .where(taken)
        .values(
            state=State.sending.value,
            owner=bindparam("by", type_=entry.owner.type),
            lease_until=_database_now(sqlite, LEASE_SECONDS),
            attempts=entry.attempts + 1,
        )
        .returning(*(entry[name] for name in Owed._fields))
        .execution_options(synchronize_session=False)
    )


async def mark(session: AsyncSession, owner: str, marks: Sequence[Mark]) -> set[int]:
    """Keep what became of claimed messages; return those that were still ours: no other is kept.

    Nearly always all of them were, and then it is not asked which.
    """
    given = {each.id for each in marks}
    sent = [each for each in marks if each.state is State.sent]
    others = [each for each in marks if each.state is not State.sent]
    kept = await _mark_sent(session, owner, sent) + await _mark_others(session, owner, others)
    if kept == len(given):
        return given
    entry = table(Ledger).c
    ours = of_rows(entry.id).where(among(session, entry.id, given), entry.owner == owner)
    return set((await session.exec(ours)).scalars())  # type: ignore[call-overload]


async def _mark_sent(session: AsyncSession, owner: str, marks: Sequence[Mark]) -> int:
    """Keep what arrived, at one moment: nearly all of a window, in one statement."""
    if not marks:
        return 0
    rows = [(each.id, each.message_id or 0) for each in marks]
    given = {**listed(session, "sent", rows, 2), "by": owner, "at": marks[0].sent_at}
    return await affected(session, _sent(is_sqlite(session)), given)


@cache
def _sent(sqlite: bool) -> Any:
    entry = table(Ledger).c
    which, message = listed_named(sqlite, "sent", 2)
    return (
        update(table(Ledger))
        .where(entry.id == which, entry.owner == bindparam("by"))
        .values(
            state=State.sent.value,
            message_id=message,
            error=None,
            not_before=None,
            sent_at=bindparam("at", type_=entry.sent_at.type),
        )
    )


async def _mark_others(session: AsyncSession, owner: str, marks: Sequence[Mark]) -> int:
    if not marks:
        return 0
    ledger = table(Ledger)
    waits = bindparam("b_waits", type_=Boolean)
    statement = (
        update(ledger)
        .where(ledger.c.id == bindparam("b_id"), ledger.c.owner == owner)
        .values(
            state=case((and_(waits, would_be_stopped()), STOPPED), else_=bindparam("b_state")),
            message_id=bindparam("b_message_id"),
            error=bindparam("b_error"),
            not_before=bindparam("b_not_before"),
            sent_at=bindparam("b_sent_at"),
        )
    )
    return await affected(
        session,
        statement,
        [
            {
                "b_id": each.id,
                "b_state": each.state.value,
                "b_waits": each.state is State.pending,
                "b_message_id": each.message_id,
                "b_error": each.error,
                "b_not_before": each.not_before,
                "b_sent_at": each.sent_at,
            }
            for each in marks
        ],
    )


async def not_known(session: AsyncSession, sent: Mapping[int, int]) -> set[int]:
    """Return which of these messages, by entry, stand neither in their row nor on their card.

    Another sender has taken those rows over; but a tap may have proved this very message.
    """
    entry, card = table(Ledger).c, table(Card).c
    rows = await session.exec(
        of_rows(entry.id, entry.message_id, card.message_id)  # type: ignore[call-overload]
        .join_from(table(Ledger), table(Card), card.id == entry.card_id, isouter=True)
        .where(among(session, entry.id, sent))
    )
    return {id_ for id_, *known in rows if sent[id_] not in known}


async def prove(session: AsyncSession, card: Card, message_id: int) -> str | None:
    """Keep that a message of a card has arrived although nobody marked it so: it was tapped.

    While nobody knows as which message the card stands, it is this one. Otherwise it is what was
    sent about the card last with an unclear end, unless it is another's already: return its kind.
    """
    await session.flush()
    connection = await session.connection()
    if card.message_id is None:
        card.message_id = message_id
        await connection.execute(_prove_card(), {"card": card.id, "message": message_id})
        return "card"
    found = await connection.execute(_prove_newest(), {"card": card.id, "message": message_id})
    kind: str | None = found.scalar_one_or_none()
    if kind == "card":
        await take_away(session, [(card.id, card.message_id)])
        card.message_id, card.shown, card.shown_at = message_id, 0, None
    return kind


@cache
def _prove_card() -> Any:
    entry = table(Ledger).c
    return _arrived(
        entry.card_id == bindparam("card"), entry.kind == "card", entry.state.in_(_IN_DOUBT)
    )


@cache
def _prove_newest() -> Any:
    of, known = table(Ledger).alias().c, table(Ledger).alias().c
    newest = of_rows(func.max(of.id)).where(
        of.card_id == bindparam("card"),
        of.kind.in_(["card", "reminder", "unsigned"]),  # what has buttons of the card
        of.state.in_([*_IN_DOUBT, State.unclear.value]),
        ~of_rows(known.id)
        .where(known.card_id == bindparam("card"), known.message_id == bindparam("message"))
        .exists(),
    )
    return _arrived(table(Ledger).c.id == newest.scalar_subquery())


def _arrived(*conditions: ColumnElement[bool]) -> Any:
    entry = table(Ledger).c
    return (
        update(table(Ledger))
        .where(*conditions)
        .values(
            state=State.sent.value,
            message_id=bindparam("message", type_=entry.message_id.type),
            error=None,
            owner=None,
            lease_until=None,
        )
        .returning(entry.kind)
    )


async def cards_on_their_way(
    session: AsyncSession, card_ids: Iterable[int], *, but: str
) -> set[int]:
    """Return which of these cards were sent or are still to be, under any cause but this one.

    What failed does not count.
    """
    entry = table(Ledger).c
    found = await session.exec(
        select(Ledger.card_id).where(
            among(session, entry.card_id, card_ids),
            entry.kind == "card",
            entry.cause != but,
            entry.state.not_in(GONE),
        )
    )
    return {card_id for card_id in found if card_id is not None}


async def take_away(session: AsyncSession, stood: Sequence[tuple[int, int]]) -> None:
    """Ask for messages in which cards stood before, (card, message), to be taken out of chats."""
    if stood:
        await affected(
            session, _taken_away(is_sqlite(session)), listed(session, "stood", stood, 2)
        )


@cache
def _taken_away(sqlite: bool) -> Any:
    entry = table(Ledger).c
    card_id, message_id = listed_named(sqlite, "stood", 2)
    return (
        update(table(Ledger))
        .where(
            entry.card_id == card_id,
            entry.message_id == message_id,
            entry.state == State.sent.value,
        )
        .values(state=State.withdrawing.value)
    )


async def counts(session: AsyncSession, bot_ids: Iterable[int]) -> dict[str, int]:
    """Return how many messages stand in each state."""
    rows = await session.exec(
        select(Ledger.state, func.count())
        .where(col(Ledger.bot_id).in_(list(bot_ids)))
        .group_by(Ledger.state)
    )
    return dict(rows.all())


async def give_way(
    session: AsyncSession, school_id: int, cause: str, rung: int, now: datetime
) -> None:
    """Have the reminders that still wait give way to those that a school owes the same cards now.

    What is on the wire gives way if it comes back. What was stopped is left until it may go on
    (`sending.go_on`), and nothing gives way to it.
    """
    entry, newer, day = table(Ledger).c, table(Ledger).alias().c, day_of(cause)
    reminded_now = select(newer.card_id).where(
        newer.school_id == school_id,
        newer.created_at == now,
        newer.day == day,
        newer.cause == cause,
        newer.rung == rung,
        newer.state == State.pending.value,
    )
    waits = entry.state == State.pending.value
    await affected(
        session,
        update(table(Ledger))
        .where(
            entry.day == day,
            is_one_of(session, entry.card_id, reminded_now),
            entry.kind == "reminder",
            entry.state.in_(ON_ITS_WAY),
            entry.created_at < now,
        )
        .values(
            state=case((waits, State.expired.value), else_=entry.state),
            error=case((waits, GAVE_WAY), else_=entry.error),
            not_after=now,
        ),
    )


async def withdraw_reminders(session: AsyncSession, card_ids: Iterable[int]) -> None:
    """Ask for the reminders of answered cards to be taken out of the chat."""
    given = {"cards": numbers(session, card_ids)}
    await affected(session, _withdraw(is_sqlite(session)), given)


@cache
def _withdraw(sqlite: bool) -> Any:
    entry = table(Ledger).c
    return (
        update(table(Ledger))
        .where(
            among_named(sqlite, entry.card_id, "cards"),
            entry.kind == "reminder",
            entry.state == State.sent.value,
        )
        .values(state=State.withdrawing.value)
    )


async def summary_at(
    session: AsyncSession, school_id: int, day: date, slot: str
) -> datetime | None:
    """Return when a day's summary of a school was first handed to somebody, if it was."""
    entry = table(Ledger).c
    found = await session.exec(
        select(func.min(entry.created_at, type_=entry.created_at.type)).where(
            entry.card_id.in_(_summaries(school_id, day, slot)),
            entry.kind == "card",
            entry.cause.startswith("summary:", autoescape=True),
        )
    )
    at: datetime | None = found.one()
    return at


async def withdraw_chasers(session: AsyncSession, unit_id: int, day: date, slot: str) -> None:
    """Ask for the reminders of a summary that is signed by now to be taken out of the chats."""
    ledger = table(Ledger)
    await affected(
        session,
        update(ledger)
        .where(
            ledger.c.kind == "unsigned",
            ledger.c.state == State.sent.value,
            ledger.c.card_id.in_(_summaries(unit_id, day, slot)),
        )
        .values(state=State.withdrawing.value),
    )


def _summaries(unit_id: int, day: date, slot: str) -> Select[Any]:
    """Return everybody's cards of a day's summary."""
    card = table(Card).c
    return of_rows(card.id).where(
        card.kind == "summary",
        card.about_id == unit_id,
        ABOUT_ONE,
        card.day == day,
        card.slot == slot,
    )


async def to_withdraw(
    session: AsyncSession, bot_id: int, limit: int
) -> list[tuple[Ledger, Contact]]:
    """Return messages that are to leave their chats, where those are open, and whose they are."""
    found = await session.exec(
        select(Ledger, Contact)
        .join(Contact, col(Contact.id) == Ledger.contact_id)
        .where(
            Ledger.bot_id == bot_id,
            _IN_HAND,
            Ledger.state == State.withdrawing.value,
            Contact.state == "active",
        )
        .limit(limit)
    )
    return list(found.all())


async def mark_withdrawn(session: AsyncSession, entry_ids: Iterable[int]) -> None:
    """Keep that these messages are out of the chat."""
    ledger = table(Ledger)
    await affected(
        session,
        update(ledger).where(ledger.c.id.in_(list(entry_ids))).values(state=State.withdrawn.value),
    )


def _database_now(sqlite: bool, plus_seconds: int = 0) -> Any:
    """Return the database's own time, so that leases do not depend on a process's clock."""
    if sqlite:
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now", f"+{plus_seconds} seconds")
    return func.now() + text(f"interval '{plus_seconds} seconds'")
