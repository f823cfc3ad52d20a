"""/sending: what is on its way to families, when the last will be out, and a button that stops it.

How it goes stands on a card, whose numbers are kept in its row: whoever edits it asks nobody else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from checkin.access import Act, Reach, Role
from checkin.sending import LONG_REST, Pace, ahead_of, finish, last_of
from checkin.times import local_date, moment_at
from handlers.clock import Clock
from handlers.desk import Desk
from handlers.household import show_again
from handlers.messages import Command, Tap
from handlers.presses import Press
from storage import cards, contacts, ledger, people, sending, units
from storage.database import Database, Session
from storage.sending import CARD
from storage.tables import Card, Contact, Unit
from storage.units import School

log = structlog.get_logger()

NO, ASK, STOP, GO_ON, REFRESH = range(5)  # what the card's buttons say, as their detail
_SENT = ("sent", "withdrawing", "withdrawn")
_UNCERTAIN = ("unknown", "unclear")
_ALLOWED = Pace(28.0)  # of a bot that has not sent anything yet


@dataclass(frozen=True, slots=True)
class SendingView:
    """How sending goes for a unit; `finish` is when the last message will be out.

    `pace` is messages a second as measured lately, if at all.
    """

    card_id: int
    revision: int
    name: str
    zone: ZoneInfo
    sent: int
    of: int
    waiting: int
    schools: int
    failed: int
    late: int
    uncertain: int
    stopped: int
    pace: float | None
    allowed: float
    at: datetime | None
    rests_until: datetime | None
    finish: datetime | None
    sure: bool = False


def sending_view(card: Card) -> SendingView:
    """Read a card: its numbers are as they were when somebody last looked."""
    said: dict[str, Any] = dict(card.focus["n"])
    for name in ("at", "rests_until", "finish"):
        said[name] = datetime.fromisoformat(said[name]) if said.get(name) else None
    said["zone"] = ZoneInfo(said["zone"])
    return SendingView(card.id, card.revision, sure=bool(card.focus.get("sure")), **said)


# ---- looking -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Board:
    """What waits on every bot, and how fast each of them is."""

    now: datetime
    waiting: Mapping[int, Mapping[int, int]]
    paces: Mapping[int, Pace]

    def finish(self, bot_id: int, school_ids: set[int]) -> datetime | None:
        """Return when the last message of these schools is out; the largest is the last."""
        waiting = self.waiting[bot_id]
        largest = max(school_ids & waiting.keys(), key=lambda each: waiting[each], default=None)
        if largest is None:
            return None
        pace = self.paces.get(bot_id, _ALLOWED)
        return finish(self.now, ahead_of(waiting, largest), pace)


async def _board(session: Session, now: datetime) -> _Board:
    return _Board(now, await sending.waiting(session), await sending.paces(session, now))


async def _schools(session: Session, unit: Unit) -> list[School]:
    found = await units.units_within(session, Reach((unit.path,)), "school")
    return [units.school_of(each) for each in found]


async def _numbers(
    session: Session, board: _Board, unit: Unit, schools: list[School]
) -> dict[str, Any]:
    zone = schools[0].zone
    since = moment_at(local_date(board.now, zone), time.min, zone)
    ids = {school.id for school in schools}
    counted = await sending.states(session, ids, since)
    bots = [bot for bot, theirs in board.waiting.items() if ids & theirs.keys()]
    paces = [board.paces.get(bot, _ALLOWED) for bot in bots]
    measured = any(pace.measured is not None for pace in paces)
    ends = last_of(board.finish(bot, ids) for bot in bots)
    waiting = sum(n for bot in bots for id_, n in board.waiting[bot].items() if id_ in ids)
    rests = max((pace.rests_until for pace in paces if pace.rests_until), default=None)
    return {
        "name": unit.name,
        "zone": zone.key,
        "sent": sum(counted.get(state, 0) for state in _SENT),
        "of": sum(n for state, n in counted.items() if state != "moot"),
        "waiting": waiting,
        "schools": len({id_ for bot in bots for id_ in board.waiting[bot] if id_ in ids}),
        "failed": counted.get("failed", 0),
        "late": counted.get("expired", 0),
        "uncertain": sum(counted.get(state, 0) for state in _UNCERTAIN),
        "stopped": counted.get(sending.STOPPED, 0),
        "pace": round(sum(pace.per_second for pace in paces), 1) if measured else None,
        "allowed": round(sum(pace.allowed for pace in paces), 1),
        "at": board.now.isoformat() if waiting else None,
        "rests_until": rests.isoformat() if rests else None,
        "finish": ends.isoformat() if ends else None,
    }


async def show(desk: Desk, command: Command, contact: Contact) -> None:
    """Show an admin how sending goes, for each unit that they look after."""
    reach = (await desk.access(contact)).reach(Act.stop_sending)
    board = await _board(desk.session, desk.now)
    shown = 0
    for unit in await units.units_at(desk.session, reach.paths):
        schools = await _schools(desk.session, unit)
        if not schools:
            continue
        day = desk.today(schools[0].zone)
        card = await cards.card_of(desk.session, contact, day, CARD, "", unit.id)
        card.focus = {"n": await _numbers(desk.session, board, unit, schools)}
        card.revision += 1
        await show_again(desk, command, contact, card)
        shown += 1
    if not shown:
        await desk.say(contact, command, "admin.not_for_you")


async def follow(database: Database, clock: Clock) -> dict[str, int]:
    """Bring the cards up to date that show how sending goes; return how many have changed."""
    now = clock()
    async with database.reading() as session:
        if not await sending.open_cards(session, now):
            return {}
    changed = await database.write(partial(_follow, now=now))
    return {"sending_shown": changed} if changed else {}


async def _follow(session: Session, now: datetime) -> int:
    board = await _board(session, now)
    changed = 0
    for card in await sending.open_cards(session, now):
        unit = await session.get_one(Unit, card.about_id)
        schools = await _schools(session, unit)
        numbers = await _numbers(session, board, unit, schools) if schools else card.focus["n"]
        if numbers != card.focus["n"]:
            card.focus = {**card.focus, "n": numbers}
            card.revision += 1
            changed += 1
    return changed


# ---- stopping ------------------------------------------------------------------------------


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Stop, go on, or look again: for the card's own reader, and within what they look after."""
    card = await desk.session.get(Card, press.row)
    if card is None or card.contact_id != contact.id or card.kind != CARD:
        await _refuse(desk, tap, contact, press)
        return
    unit = await desk.session.get_one(Unit, card.about_id)
    if not (await desk.access(contact)).may(Act.stop_sending, unit.path):
        await _refuse(desk, tap, contact, press)
        return
    if card.message_id is None and tap.message_id is not None:
        await ledger.prove(desk.session, card, tap.message_id)
    schools = await _schools(desk.session, unit)
    wish = press.details[0] if press.details else REFRESH
    key, n = "toast.refreshed" if wish == REFRESH else "toast.silent", 0
    if wish == STOP:
        key, n = "toast.sending_stopped", await _stop(desk, contact, unit, schools)
    elif wish == GO_ON:
        key, n = "toast.sending_goes_on", await _go_on(desk, contact, unit, schools)
    board = await _board(desk.session, desk.now)
    card.focus = {
        "n": await _numbers(desk.session, board, unit, schools),
        "sure": wish == ASK,
    }
    card.revision += 1
    card.shown_at = None  # at once, without the usual half minute
    desk.toast(tap, contact, key, n=n)


async def _refuse(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    desk.record("button refused", contact.person_id, None, card=press.row)
    desk.toast(tap, contact, "toast.not_yours", alert=True)


async def _stop(desk: Desk, contact: Contact, unit: Unit, schools: list[School]) -> int:
    stopped = await sending.stop(desk.session, [school.id for school in schools])
    for school in schools:
        if n := stopped.get(school.id):
            desk.record("sending stopped", contact.person_id, school.id, unit=unit.id, n=n)
            said = {"time": _clock(desk.now, desk.now, school.zone), "n": n}
            await _tell_teachers(desk.session, school, desk.now, "stopped", said)
    return sum(stopped.values())


async def _go_on(desk: Desk, contact: Contact, unit: Unit, schools: list[School]) -> int:
    going = 0
    for school in schools:
        if n := await sending.go_on(desk.session, [school.id], desk.now):
            desk.record("sending goes on", contact.person_id, school.id, unit=unit.id, n=n)
            going += n
    return going


# ---- Telegram says to wait -----------------------------------------------------------------


async def rests(database: Database, clock: Clock, bot_id: int, seconds: float) -> None:
    """Keep that Telegram makes a bot wait; for long, the schools whose families wait are told."""
    now = clock()
    until = now + timedelta(seconds=seconds)

    async def keep(session: Session) -> int:
        await sending.keep_rest(session, bot_id, until)
        told = await _tell_of_rest(session, bot_id, now) if until - now >= LONG_REST else 0
        await _follow(session, now)
        return told

    told = await database.write(keep)
    log.warning("told to wait", bot=bot_id, seconds=int(seconds), told=told)


async def _tell_of_rest(session: Session, bot_id: int, now: datetime) -> int:
    """Tell admins the new finish, and teachers that they had better ask; once a day a school."""
    board = await _board(session, now)
    until = board.paces[bot_id].rests_until
    told = 0
    for school_id, n in sorted(board.waiting.get(bot_id, {}).items()):
        school = await units.school(session, school_id)
        ends = board.finish(bot_id, {school_id})
        said = {
            "until": _clock(until or now, now, school.zone),
            "finish": _clock(ends or now, now, school.zone),
        }
        admins = await units.units_at(session, _above(school.path))
        told += await _tell(
            session, [Role.admin], [each.id for each in admins], school, now,
            "alarm.slow", {**said, "n": n, "school": school.name},
        )  # fmt: skip
        told += await _tell_teachers(session, school, now, "slow", said)
    return told


async def _tell_teachers(
    session: Session, school: School, now: datetime, what: str, said: Mapping[str, Any]
) -> int:
    classes = [unit.id for unit in await units.classes_of(session, school.id)]
    roles = [Role.class_teacher, Role.school_lead, Role.deputy_lead]
    key = f"alarm.{what}_teacher"
    return await _tell(session, roles, [school.id, *classes], school, now, key, said)


async def _tell(
    session: Session,
    roles: list[Role],
    unit_ids: list[int],
    school: School,
    now: datetime,
    key: str,
    said: Mapping[str, Any],
) -> int:
    """Owe these words to whoever holds a role at one of the units; once a day."""
    day = local_date(now, school.zone)
    found = await people.holders(session, roles, unit_ids, day)
    reached = await contacts.contacts_of(session, [person for person, _ in found])
    for contact in reached:
        cause = f"{key}:{day}:{school.id}"
        payload = {"key": key, "params": dict(said)}
        await ledger.owe(session, contact, "text", cause, now, payload=payload)
    return len(reached)


def _above(path: str) -> list[str]:
    """Return the paths of a unit and of everything above it."""
    ids = path.strip("/").split("/")
    return ["/" + "/".join(ids[: n + 1]) + "/" for n in range(len(ids))]


def _clock(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """Return the school's wall-clock time, with its date when that is another day's."""
    at = moment.astimezone(zone)
    same = at.date() == now.astimezone(zone).date()
    return f"{at:%H:%M}" if same else f"{at:%Y-%m-%d %H:%M}"
