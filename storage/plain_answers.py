"""The answers of nearly everybody: all is well, said by one tap, kept many at once.

What is needed of a card, a chat and a check-in is read as columns, and written in one statement
for all: loading and changing each as an object costs several times what keeping it does.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, update
from sqlmodel.ext.asyncio.session import AsyncSession

from storage.cards import households_at_rest
from storage.sql import (
    affected,
    alike,
    among_named,
    columns_named,
    columns_of,
    is_sqlite,
    numbers,
    table,
)
from storage.tables import Card, CheckIn

_OWN = ("id", "respondent_id", "answers")  # what one plain answer does not share with another


class TappedCard(NamedTuple):
    """A household's card in an open chat, with no page turned, and whose it is."""

    id: int
    revision: int
    day: date
    slot: str
    chat_id: int
    language: str | None
    person_id: int
    bot_id: int
    contact_id: int
    message_id: int


async def tapped_cards(session: AsyncSession, card_ids: Collection[int]) -> dict[int, TappedCard]:
    """Return which of these cards are plain, by their ids; the others need a closer look."""
    given = {"cards": numbers(session, card_ids)}
    rows = await session.exec(_tapped(is_sqlite(session)), params=given)
    return {row[0]: TappedCard(*row) for row in rows}


async def keep_standing(session: AsyncSession, answers: Sequence[dict[str, Any]]) -> None:
    """Let answers stand: `id` names the check-in, the others are its columns."""
    if is_sqlite(session):
        rows = [{f"b_{name}": value for name, value in answer.items()} for answer in answers]
        await affected(session, _stand(tuple(answers[0])), rows)
        return
    for shared, held in alike(answers, _OWN):
        given = {f"b_{name}": value for name, value in shared.items()}
        given |= columns_of(table(CheckIn), held, _OWN)
        await affected(session, _stand_together(tuple(shared)), given)


async def turn_home(session: AsyncSession, card_ids: Collection[int]) -> None:
    """Turn cards to their first page: their buttons are new from now on."""
    given = {"cards": numbers(session, card_ids)}
    await affected(session, _home(is_sqlite(session)), given)


@cache
def _tapped(sqlite: bool) -> Any:
    card = table(Card).c
    more = (card.bot_id, card.contact_id, card.message_id)
    return households_at_rest(sqlite, *more).where(card.message_id.is_not(None))


@cache
def _stand(columns: tuple[str, ...]) -> Any:
    stands = _shared(name for name in columns if name != "id")
    return update(table(CheckIn)).where(table(CheckIn).c.id == bindparam("b_id")).values(stands)


@cache
def _stand_together(shared: tuple[str, ...]) -> Any:
    own = columns_named(table(CheckIn), _OWN)
    stands = _shared(shared) | {name: own[name] for name in _OWN if name != "id"}
    return update(table(CheckIn)).where(table(CheckIn).c.id == own["id"]).values(stands)


def _shared(columns: Iterable[str]) -> dict[str, Any]:
    checkin = table(CheckIn).c
    return {name: bindparam(f"b_{name}", type_=checkin[name].type) for name in columns}


@cache
def _home(sqlite: bool) -> Any:
    card = table(Card).c
    return (
        update(table(Card))
        .where(among_named(sqlite, card.id, "cards"))
        .values(focus={}, revision=card.revision + 1)
    )
