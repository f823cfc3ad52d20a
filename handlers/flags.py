"""Telling the school of a case at once: whoever looks after the subject, and never nobody."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from functools import partial
from typing import Literal

import structlog

from checkin.access import Act, Role, roles_allowed
from checkin.facts import fact
from checkin.flags import FORGOTTEN, UNSEEN, Decision, FlagKind, escalates, told_again
from checkin.times import local_date
from handlers.clock import Clock
from handlers.desk import Desk
from handlers.flag_rights import is_told
from storage import audit, cards, contacts, flags, ledger, people, units
from storage.database import Database, Session
from storage.flags import Standing
from storage.rounds import Entry
from storage.tables import CheckIn, Contact, Flag
from storage.units import School

__all__ = ["FlagKind", "end_flags", "escalate", "hand_on", "raise_flag", "take_back"]

log = structlog.get_logger()

ToldAs = Literal["nearest", "instead", "last_resort", "unseen"]


@fact
class Ring:
    """People who are told together, and as what."""

    told_as: ToldAs
    contacts: Sequence[Contact]


async def raise_flag(desk: Desk, entry: Entry, kind: FlagKind, *, by: int | None) -> Flag | None:
    """Tell the school of a case at once; None when it stands already and is no worse.

    While nobody has seen it, a flag of the same child is brought up to date, and told again only
    when it has become worse. Whoever raises a flag about somebody they look after has seen it;
    but a missing child is always somebody else's to acknowledge as well.
    """
    checkin, now = entry.checkin, desk.now
    standing = await flags.standing_flags(desk.session, checkin.id)
    flag = next((each for each in standing if each.kind == kind), None)
    if flag is not None:
        worse = told_again(flag.severity, checkin.severity)
        if not worse or kind is not FlagKind.flag:
            await flags.redraw(desk.session, [flag], entry.round.day)
            return None
        if flag.acknowledged_at is not None:
            await _end(desk, entry, [flag], Decision.overtaken, by)
            flag = None
    if flag is None:
        flag = Flag(
            check_in_id=checkin.id,
            school_id=checkin.school_id,
            unit_id=checkin.unit_id,
            kind=kind.value,
            raised_at=now,
        )
        desk.session.add(flag)
    flag.severity, flag.valid_until = checkin.severity, checkin.valid_until
    flag.raised_at, flag.raised_by, flag.escalated_at = now, by, None
    await desk.session.flush()
    await flags.redraw(desk.session, [flag], entry.round.day)  # for whoever else was told before
    await _tell(desk, entry, flag, kind)
    return flag


async def take_back(desk: Desk, entry: Entry, by: int) -> None:
    """Tell those who heard of a flag that the family has taken it back, wholly or in part."""
    standing = await flags.standing_flags(desk.session, entry.checkin.id)
    told = [flag for flag in standing if flag.kind == FlagKind.flag]
    if entry.checkin.severity == 0:
        await _end(desk, entry, told, Decision.undone, by)
        for flag in told:
            await _show_anew(desk, entry, flag)
    else:
        for flag in told:
            flag.severity = entry.checkin.severity
            flag.valid_until = entry.checkin.valid_until
        await flags.redraw(desk.session, told, entry.round.day)


async def end_flags(
    desk: Desk, entry: Entry, kinds: Collection[FlagKind], decision: Decision, by: int | None
) -> None:
    """Keep how the standing flags of these kinds ended; everybody who was told sees it."""
    standing = await flags.standing_flags(desk.session, entry.checkin.id)
    await _end(desk, entry, [flag for flag in standing if flag.kind in kinds], decision, by)


async def _end(
    desk: Desk, entry: Entry, ended: Sequence[Flag], decision: Decision, by: int | None
) -> None:
    for flag in ended:
        flag.decision, flag.decided_by, flag.decided_at = decision.value, by, desk.now
    await flags.redraw(desk.session, ended, entry.round.day)


async def _show_anew(desk: Desk, entry: Entry, flag: Flag) -> None:
    """Send what has become of a flag as a new message in place of the old: an edit is silent.

    Whoever has no part in it any more sees that under the old one.
    """
    for card in await flags.cards_about(desk.session, flag, entry.round.day):
        contact = await desk.session.get_one(Contact, card.contact_id)
        if not await is_told(desk.session, await desk.access(contact), entry):
            continue
        cause = f"flag:{flag.id}:{flag.decision}"
        await ledger.owe(desk.session, contact, "card", cause, desk.now, card=card)


# ---- whom to tell --------------------------------------------------------------------------


async def _tell(desk: Desk, entry: Entry, flag: Flag, kind: FlagKind) -> None:
    checkin, day = entry.checkin, entry.round.day
    today = await desk.today_at(checkin.school_id)
    ring = await _ring(desk.session, checkin, kind, day, today)
    for contact in ring.contacts:
        if kind is FlagKind.flag and contact.person_id == flag.raised_by:
            flag.acknowledged_by, flag.acknowledged_at = contact.person_id, desk.now
        await _owe(
            desk.session,
            flag,
            contact,
            ring.told_as,
            _cause(flag),
            day,
            entry.round.slot,
            desk.now,
        )
    if not ring.contacts:
        log.error("flag unheard", flag=flag.id, school=flag.school_id)
        desk.record("flag unheard", None, flag.school_id, flag=flag.id)


def _cause(flag: Flag) -> str:
    """Return what one telling of a flag is known by: taken back in part it may be raised again."""
    return f"flag:{flag.id}:{flag.severity}:{int(flag.raised_at.timestamp())}"


async def _ring(
    session: Session, checkin: CheckIn, kind: FlagKind, day: date, today: date
) -> Ring:
    """Return those nearest to the subject who are in chat; without them the next in charge.

    They have the role today, on the day of telling; the round may be of another `day`.
    """
    subject = checkin.subject_id
    related = (await flags.guardian_ids(session, [subject], day))[subject] | {subject}
    school = {checkin.school_id}
    near: list[Role] = [*roles_allowed(Act.hear_of_flags)]
    if checkin.unit_id == checkin.school_id or kind is FlagKind.missing:
        near += roles_allowed(Act.hear_of_missing)  # staff are the lead's own
    found = await people.holders(session, near, {checkin.unit_id, *school}, today)
    if checkin.dormitory_id is not None:
        warden = [Role.dormitory_warden]
        found += await people.holders(session, warden, {checkin.dormitory_id}, today)
    if reached := await _reached(session, found, related):
        return Ring("nearest", reached)
    for role in (Role.school_lead, Role.deputy_lead, Role.admin):
        found = await people.holders(session, [role], school, today)
        if reached := await _reached(session, found, related):
            return Ring("last_resort" if role is Role.admin else "instead", reached)
    return Ring("nearest", ())


async def _reached(
    session: Session, found: Sequence[tuple[int, int]], related: Collection[int]
) -> list[Contact]:
    """Return the chats of those found; a word about oneself or the own child goes to others."""
    wanted = [person for person, _ in found if person not in related]
    return await contacts.contacts_of(session, wanted) if wanted else []


async def _owe(
    session: Session,
    flag: Flag,
    contact: Contact,
    told_as: ToldAs,
    cause: str,
    day: date,
    slot: str,
    now: datetime,
) -> None:
    card = await cards.card_of(session, contact, day, flags.CARD, slot, flag.id)
    card.focus = {"as": told_as}
    await ledger.owe(session, contact, "card", cause, now, card=card)


# ---- somebody else has the class ---------------------------------------------------------


async def hand_on(session: Session, school: School, now: datetime) -> None:
    """Tell of the flags that stand whoever is nearest to their subjects only since now.

    Roles have changed: the new ones need the buttons, and those of before have none any more.
    """
    today = local_date(now, school.zone)
    for each in await flags.standing_at(session, school.id, today):
        flag = each.flag
        ring = await _ring(session, each.checkin, FlagKind(flag.kind), each.day, today)
        told = {card.contact_id for card in await flags.cards_about(session, flag, each.day)}
        await flags.redraw(session, [flag], each.day)
        for contact in ring.contacts:
            if contact.id not in told:
                cause = _cause(flag)
                await _owe(session, flag, contact, ring.told_as, cause, each.day, each.slot, now)


# ---- nobody has seen it --------------------------------------------------------------------


async def escalate(database: Database, clock: Clock) -> dict[str, int]:
    """Pass flags that nobody has seen in time on to the lead and the deputy, once each."""
    now = clock()
    async with database.reading() as session:
        if not await flags.unseen(session, now - FORGOTTEN, now - UNSEEN):
            return {}
    escalated = await database.write(partial(_escalate, now))
    return {"escalated": escalated} if escalated else {}


async def _escalate(now: datetime, session: Session) -> int:
    escalated = 0
    waiting: dict[int, list[Standing]] = defaultdict(list)
    for each in await flags.unseen(session, now - FORGOTTEN, now - UNSEEN):
        waiting[each.flag.school_id].append(each)
    zones = await units.zones(session, waiting)
    for school_id, unseen in waiting.items():
        zone = zones[school_id]
        due = [
            each
            for each in unseen
            if escalates(
                FlagKind(each.flag.kind), each.flag.severity, each.flag.raised_at, now, zone
            )
        ]
        if due:
            escalated += await _pass_on(session, school_id, due, local_date(now, zone), now)
    return escalated


async def _pass_on(
    session: Session, school_id: int, due: Sequence[Standing], today: date, now: datetime
) -> int:
    in_charge = await people.holders(
        session, [Role.school_lead, Role.deputy_lead], {school_id}, today
    )
    subjects = {each.checkin.subject_id for each in due}
    ties = await flags.guardian_ids(session, subjects, today)
    told = 0
    for each in due:
        flag, subject = each.flag, each.checkin.subject_id
        related = ties[subject] | {subject}
        told_as: ToldAs = "unseen"
        reached = await _reached(session, in_charge, related)
        if not reached:
            admins = await people.holders(session, [Role.admin], {school_id}, today)
            reached, told_as = await _reached(session, admins, related), "last_resort"
        if not reached:
            continue  # whoever joins in the meantime still hears of it
        flag.escalated_at = now
        await flags.redraw(session, [flag], each.day)
        for contact in reached:
            cause = f"{_cause(flag)}:unseen"
            await _owe(session, flag, contact, told_as, cause, each.day, each.slot, now)
        told += 1
        log.info("flag passed on", flag=flag.id, school=school_id, told=len(reached))
        about = {"flag": flag.id, "told": len(reached)}
        audit.record(session, "flag passed on", now, actor_id=None, school_id=school_id, **about)
    return told
