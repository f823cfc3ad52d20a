"""A flag as one of those who were told of it may see it now."""

import json
from datetime import date, datetime
from zoneinfo import ZoneInfo

from checkin.access import Act
from checkin.facts import fact
from checkin.flags import Decision, Eligible, FlagKind
from checkin.questions import Disposition
from checkin.triage import triage
from handlers.flag_rights import has_right, is_told, may_act
from handlers.views import Line, plain_line
from storage import people, rounds, units
from storage.database import Session
from storage.questionnaires import questionnaire
from storage.tables import Card, Contact, Flag


@fact
class Mark:
    """Somebody at the school, and when they saw or decided it."""

    name: str
    at: datetime


@fact
class FlagView:
    """One flag, for one reader; the reasons stand elsewhere, without the name.

    `told_as` says why the reader was told: `nearest` to the subject, `instead` of those, as the
    `last_resort`, or because it was `unseen`. `wanted` is what a family asks to correct it to.
    """

    flag_id: int
    kind: FlagKind
    severity: int
    until: date | None
    line: Line
    day: date
    zone: ZoneInfo
    raised_at: datetime
    told_as: str
    wanted: Disposition | None
    seen: Mark | None
    passed_on_at: datetime | None
    decision: Decision | None
    decided: Mark | None
    may_acknowledge: bool
    may_release: bool
    may_see: bool
    releasing: bool


async def flag_view(
    session: Session, card: Card, contact: Contact, now: datetime
) -> FlagView | None:
    """Load a flag by the rights of its reader; None when they may not know of it any more."""
    flag = await session.get_one(Flag, card.about_id)
    entry = await rounds.entry(session, flag.check_in_id)
    if entry is None:
        raise LookupError(f"flag {flag.id} is about no check-in")
    access = await people.access_of(session, contact.person_id, now)
    if not await is_told(session, access, entry):
        return None
    checkin = entry.checkin
    wanted = None
    if checkin.asked_for is not None:
        asked = await questionnaire(session, entry.round.questionnaire_id)
        given = json.loads(checkin.asked_for.read(checkin.subject_id))
        wanted = triage(asked, given, entry.round.day).disposition
    named = await people.names(
        session, [each for each in (flag.acknowledged_by, flag.decided_by) if each]
    )

    async def may(act: Act) -> bool:
        return isinstance(await may_act(session, access, act, entry), Eligible)

    return FlagView(
        flag_id=flag.id,
        kind=FlagKind(flag.kind),
        severity=flag.severity,
        until=flag.valid_until,
        line=plain_line(entry),
        day=entry.round.day,
        zone=(await units.school(session, flag.school_id)).zone,
        raised_at=flag.raised_at,
        told_as=card.focus.get("as", "nearest"),
        wanted=wanted,
        seen=_mark(named, flag.acknowledged_by, flag.acknowledged_at),
        passed_on_at=flag.escalated_at,
        decision=Decision(flag.decision) if flag.decision else None,
        decided=_mark(named, flag.decided_by, flag.decided_at),
        may_acknowledge=await may(Act.acknowledge),
        may_release=await may(Act.release),
        may_see=await has_right(session, access, Act.see_class, entry),
        releasing=bool(card.focus.get("releasing")),
    )


def _mark(named: dict[int, str], by: int | None, at: datetime | None) -> Mark | None:
    return Mark(named.get(by or 0, ""), at) if at is not None else None
