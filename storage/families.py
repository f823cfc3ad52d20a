"""The chats and cards of those whom a round is about: who stands in it, and their guardians."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union, union_all

from storage.asking import card_of
from storage.sql import table
from storage.tables import CheckIn, Contact, Guardianship, Round

_checkin = table(CheckIn).c
_contact = table(Contact).c
_guardianship = table(Guardianship).c


def chats_of_guardians(held: Round, *only: ColumnElement[bool]) -> Select[Any]:
    """Return (contact_id, person_id) of the guardians of those in a round, by some ties."""
    return (
        select(_contact.id.label("contact_id"), _contact.person_id)
        .join_from(
            table(CheckIn), table(Guardianship), _guardianship.student_id == _checkin.subject_id
        )
        .join(table(Contact), _contact.person_id == _guardianship.guardian_id)
        .where(_checkin.round_id == held.id, *only)
    )


def chats_around(held: Round) -> Any:
    """Return (contact_id, person_id) of everybody whom a round was ever about, open or not."""
    own = (
        select(_contact.id.label("contact_id"), _contact.person_id)
        .join_from(table(CheckIn), table(Contact), _contact.person_id == _checkin.subject_id)
        .where(_checkin.round_id == held.id)
    )
    return union(own, chats_of_guardians(held))


def cards_around(held: Sequence[Round]) -> Any:
    """Return the household cards on which somebody of these rounds may stand, by their chats."""
    chats = [(each, chats_around(each).subquery()) for each in held]
    return union_all(
        *(select(card_of(each, chat.c.contact_id)).select_from(chat) for each, chat in chats)
    )
