"""Where people learn or work: in the rounds of which schools a subject's check-in is looked for.

A city has thousands of rounds a day, and no index of check-ins leads with the subject: the longer
a city has had them, the more it would cost to open a round.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, and_, select, union

from storage.sql import table
from storage.tables import CheckIn, Enrolment, RoleGrant, Round, Unit

Whom = Callable[[ColumnElement[Any]], ColumnElement[bool]]
"""Says of a column of people's ids which of them are meant."""


def places(whom: Whom) -> Subquery:
    """Return (person_id, school_id) of where these people learn or work, or once did."""
    enrolment, grant, unit = table(Enrolment).c, table(RoleGrant).c, table(Unit).c
    learning = select(enrolment.person_id, enrolment.school_id).where(whom(enrolment.person_id))
    working = (
        select(grant.person_id, unit.school_id)
        .join_from(table(RoleGrant), table(Unit), unit.id == grant.unit_id)
        .where(whom(grant.person_id), unit.school_id.is_not(None))
    )
    return union(learning, working).subquery("place")


def in_their_rounds(rows: Any, whom: Whom) -> Any:
    """Return a query for columns of rounds and check-ins, of these people's check-ins."""
    place, held, checkin = places(whom), table(Round).c, table(CheckIn).c
    theirs = and_(checkin.round_id == held.id, checkin.subject_id == place.c.person_id)
    return (
        rows.select_from(place)
        .join(Round, held.school_id == place.c.school_id)
        .join(CheckIn, theirs)
    )


def schools_of(whom: Whom) -> Select[Any]:
    """Return the schools where these people learn or work, or once did."""
    return select(places(whom).c.school_id)
