"""Changes after a day was signed: kept beside the signature, and told to whoever answers for it.

That is the signer, and whoever leads the school now when the signer does not any more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial

from checkin.access import Act, Role
from checkin.corrections import AT_ONCE, GATHERED, Seen, change
from checkin.facts import fact
from checkin.times import local_date
from handlers.clock import Clock
from handlers.signing import reached
from storage import cards, contacts, ledger, people, units
from storage.database import Database, Session
from storage.signoffs import mark_told, sign_offs_of, untold_since
from storage.tables import CheckIn, Contact, Correction, Round, SignOff

Day = tuple[int, date, str]  # of a school, in a slot


@fact
class Before:
    """A check-in that is about to change, and what stood of it."""

    checkin: CheckIn
    day: Day
    seen: Seen

    @classmethod
    def of(cls, checkin: CheckIn, held: Round) -> "Before":
        """Look at a check-in of a round."""
        return cls(checkin, (checkin.school_id, held.day, held.slot), seen(checkin))


def seen(checkin: CheckIn) -> Seen:
    """Return as much of a check-in as a summary shows."""
    return Seen(checkin.status, checkin.severity, checkin.absent, checkin.presence)


async def keep(session: Session, watched: Mapping[int, Before], now: datetime) -> int:
    """Keep a correction for each watched check-in that changed under a signature.

    One query a batch while nothing is signed. Word of what cannot wait goes out at once.
    """
    changed = [
        (each, after)
        for each in watched.values()
        if change(each.seen, after := seen(each.checkin)) is not None
    ]
    if not changed:
        return 0
    signed = await sign_offs_of(session, (each.day for each, _ in changed))
    made: dict[int, list[Correction]] = defaultdict(list)
    for each, after in changed:
        sign_off = signed.get(each.day)
        if sign_off is None:
            continue
        correction = Correction(
            sign_off_id=sign_off.id,
            check_in_id=each.checkin.id,
            at=now,
            status_before=each.seen.status,
            severity_before=each.seen.severity,
            absent_before=each.seen.absent,
            presence_before=each.seen.presence,
            status_after=after.status,
            severity_after=after.severity,
            absent_after=after.absent,
            presence_after=after.presence,
            told_at=now if change(each.seen, after) in AT_ONCE else None,
        )
        session.add(correction)
        made[sign_off.id].append(correction)
    await session.flush()
    for sign_off in signed.values():
        urgent = [each for each in made[sign_off.id] if each.told_at is not None]
        if urgent:
            await _tell(session, sign_off, urgent, now)
    return sum(len(each) for each in made.values())


async def tell_gathered(database: Database, clock: Clock) -> dict[str, int]:
    """Tell together what has been waiting for ten minutes; return of how many signatures."""
    now = clock()
    async with database.reading() as session:
        if not await untold_since(session, now - GATHERED):
            return {}
    return {"signers told": await database.write(partial(_tell_of_waiting, now))}


async def _tell_of_waiting(now: datetime, session: Session) -> int:
    waiting: dict[int, list[Correction]] = defaultdict(list)
    signed: dict[int, SignOff] = {}
    for sign_off, correction in await untold_since(session, now - GATHERED):
        signed[sign_off.id] = sign_off
        waiting[sign_off.id].append(correction)
    for id_, corrections in waiting.items():
        await _tell(session, signed[id_], corrections, now)
        await mark_told(session, (each.id for each in corrections), now)
    return len(waiting)


async def _tell(
    session: Session, sign_off: SignOff, corrections: Sequence[Correction], now: datetime
) -> None:
    """Owe word of corrections, as an answer to the summary that was signed."""
    for contact in await _readers(session, sign_off, now):
        card = await cards.card_of(
            session, contact, sign_off.day, "summary", sign_off.slot, sign_off.unit_id
        )
        await ledger.owe(
            session,
            contact,
            "corrected",
            f"corrected:{sign_off.id}:{corrections[0].id}",
            now,
            payload={"corrections": [each.id for each in corrections]},
            card=card,
        )


async def _readers(session: Session, sign_off: SignOff, now: datetime) -> list[Contact]:
    """Return the signer; the leads of now when the signer may not see the summary any more.

    Where no lead can be reached it is the deputies, as with the signature itself.
    """
    school = await units.school(session, sign_off.unit_id)
    access = await people.access_of(session, sign_off.signed_by, now)
    if access.may(Act.see_summary, school.path):
        return await contacts.contacts_of(session, [sign_off.signed_by])
    today = local_date(now, school.zone)
    leads = await reached(session, school, Role.school_lead, today)
    return leads or await reached(session, school, Role.deputy_lead, today)
