"""Whom to call about whom: guardians in their order, with the numbers that the school has."""

from collections.abc import Iterable
from datetime import date

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from checkin.facts import fact
from storage.people import in_force, name_of
from storage.tables import Guardianship, Person


@fact
class Number:
    """Somebody to call; the telephone number is empty where the school has none."""

    name: str
    phone: str


async def numbers(
    session: AsyncSession, subject_ids: Iterable[int], day: date
) -> dict[int, list[Number]]:
    """Return whom to call about each of these, in the order in which they are asked."""
    found: dict[int, list[Number]] = {subject: [] for subject in subject_ids}
    rows = await session.exec(
        select(Guardianship, Person)
        .join(Person, col(Person.id) == Guardianship.guardian_id)
        .where(
            col(Guardianship.student_id).in_(list(found)),
            in_force(col(Guardianship.since), col(Guardianship.until), day),
        )
        .order_by(col(Guardianship.rank), col(Guardianship.id))
    )
    for tie, person in rows:
        phone = person.phone.read(person.id) if person.phone else ""
        found[tie.student_id].append(Number(name_of(person), phone))
    return found
