"""/sending: what is on its way to families, when the last will be out, and a button that stops it.

How it goes stands on a card, whose numbers are kept in its row: whoever edits it asks nobody else.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from checkin.access import Act, Reach, Role
from checkin.facts import fact
from checkin.sending import HOURS, LONG_REST, Pace, ahead_of, finish, last_of
from checkin.times import local_date, moment_at
from handlers.clock import Clock
from handlers.desk import Desk
from handlers.household import show_again
from handlers.messages import Command, Tap
from handlers.presses import Press
from handlers.proofs import arrived
from storage import cards, contacts, ledger, people, sending, units
from storage.database import Database, Session
from storage.sending import CARD, Going
from storage.tables import Card, Contact, Unit
from storage.units import School

log = structlog.get_logger()

NO, ASK, STOP, GO_ON, REFRESH = range(5)  # what the card's buttons say, as their detail
_SENT = ("sent", "withdrawing", "withdrawn")
_UNCERTAIN = ("unknown", "unclear")
MOST = 8  # schools of several that a card names
_ALLOWED = Pace(28.0)  # of a bot that has not sent anything yet


@fact
class Share:
    """How far one part of it is: a school's, or all of one kind."""

    name: str
    sent: int
    of: int
    waiting: int = 0
    finish: datetime | None = None


@fact
class SendingView:
    """How sending goes for a unit; `finish` is when the last message will be out.

    `pace` is messages a second as measured lately, if at all. `kinds` and `shares` are given where
    there are several kinds of message, and several schools: those that wait for the most.
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
    kinds: tuple[Share, ...]
    shares: tuple[Share, ...]
    sure: bool = False


def sending_view(card: Card) -> SendingView:
    """Read a card: its numbers are as they were when somebody last looked."""
    said: dict[str, Any] = dict(card.focus["n"])
    for name in ("at", "rests_until", "finish"):
        said[name] = _moment(said[name])
    for name in ("kinds", "shares"):
        said[name] = tuple(
            Share(**{**each, "finish": _moment(each.get("finish"))}) for each in said[name]
        )
    said["zone"] = ZoneInfo(said["zone"])
    return SendingView(card.id, card.revision, sure=bool(card.focus.get("sure")), **said)


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written) if written else None


# ---- looking -------------------------------------------------------------------------------


async def _schools(session: Session, unit: Unit) -> list[School]:
    found = await units.units_within(session, Reach((unit.path,)), "school")
    return [units.school_of(each) for each in found]


async def _numbers(
    session: Session, now: datetime, unit: Unit, schools: list[School]
) -> dict[str, Any]:
    zone = schools[0].zone
    since = moment_at(local_date(now, zone), time.min, zone)
    rows = await sending.going(session, {school.id for school in schools}, since)
    paces = await sending.paces(session, now)
    waiting = [row for row in rows if row.state == "pending"]
    used = [paces.get(bot, _ALLOWED) for bot in {row.bot_id for row in waiting}]
    measured = any(pace.measured is not None for pace in used)
    rests = max((pace.rests_until for pace in used if pace.rests_until), default=None)
    ends = await _end(session, now, paces, waiting)
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row.state] += row.n
    return {
        "name": unit.name,
        "zone": zone.key,
        **_share(rows),
        "schools": len({row.school_id for row in waiting}),
        "failed": counted["failed"],
        "late": counted["expired"],
        "uncertain": sum(counted[state] for state in _UNCERTAIN),
        "stopped": counted[sending.STOPPED],
        "pace": round(sum(pace.per_second for pace in used), 1) if measured else None,
        "allowed": round(sum(pace.allowed for pace in used), 1),
        "at": now.isoformat() if waiting else None,
        "rests_until": rests.isoformat() if rests else None,
        "finish": ends.isoformat() if ends else None,
        "kinds": _kinds(rows),
        "shares": await _shares(session, now, paces, rows, schools),
    }


def _share(rows: Iterable[Going]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in rows:
        counted[row.state] += row.n
    return {
        "sent": sum(counted[state] for state in _SENT),
        "of": counted.total() - counted["moot"],
        "waiting": counted["pending"],
    }


def _kinds(rows: list[Going]) -> list[dict[str, Any]]:
    found: dict[str, list[Going]] = defaultdict(list)
    for row in rows:
        found[row.kind if row.kind in sending.STOPPABLE else "news"].append(row)
    shares = [{"name": kind, **_share(found[kind])} for kind in sorted(found)]
    shares = [share for share in shares if share["of"]]
    return shares if len(shares) > 1 else []


async def _shares(
    session: Session,
    now: datetime,
    paces: Mapping[int, Pace],
    rows: list[Going],
    schools: list[School],
) -> list[dict[str, Any]]:
    """Return how far each school is, of those that wait for the most; none for one alone."""
    if len(schools) == 1:
        return []
    found: dict[int, list[Going]] = defaultdict(list)
    for row in rows:
        found[row.school_id].append(row)
    names = {school.id: school.name for school in schools}
    shares = []
    for school_id, theirs in found.items():
        waits = [row for row in theirs if row.state == "pending"]
        share = _share(theirs)
        if share["of"]:
            shares.append((share["of"] - share["sent"], names[school_id], share, waits))
    shares.sort(key=lambda each: (-each[0], each[1]))
    said = []
    for _, name, share, waits in shares[:MOST]:
        ends = await _end(session, now, paces, waits)
        said.append({"name": name, **share, "finish": ends.isoformat() if ends else None})
    return said


async def _end(
    session: Session, now: datetime, paces: Mapping[int, Pace], waiting: list[Going]
) -> datetime | None:
    """Return when the last of these is out; what its bot has before it goes first."""
    last: dict[int, int] = {}
    for row in waiting:
        last[row.bot_id] = max(last.get(row.bot_id, 0), row.last)
    return last_of(
        [
            finish(now, await sending.ahead(session, bot, turn), paces.get(bot, _ALLOWED))
            for bot, turn in last.items()
        ]
    )


async def show(desk: Desk, command: Command, contact: Contact) -> None:
    """Show an admin how sending goes, for each unit that they look after."""
    reach = (await desk.access(contact)).reach(Act.stop_sending)
    shown = 0
    for unit in await units.units_at(desk.session, reach.paths):
        schools = await _schools(desk.session, unit)
        if not schools:
            continue
        day = desk.today(schools[0].zone)
        card = await cards.card_of(desk.session, contact, day, CARD, "", unit.id)
        card.focus = {"n": await _numbers(desk.session, desk.now, unit, schools)}
        card.revision += 1
        await show_again(desk, command, contact, card)
        shown += 1
    if not shown:
        await desk.say(contact, command, "admin.not_for_you")


async def follow(database: Database, clock: Clock) -> dict[str, int]:
    """Bring the cards up to date that show how sending goes; return how many have changed.

    Counting takes its time where much waits, so it is done without the writer's turn.
    """
    now = clock()
    async with database.reading() as session:
        changed = await _changed(session, now)
    if not changed:
        return {}
    await database.write(partial(_keep, changed=changed))
    return {"sending_shown": len(changed)}


async def _changed(session: Session, now: datetime) -> dict[int, dict[str, Any]]:
    """Return the numbers of the cards that show others by now."""
    of_unit: dict[int, dict[str, Any]] = {}
    changed: dict[int, dict[str, Any]] = {}
    for card in await sending.open_cards(session, now):
        if card.about_id not in of_unit:
            unit = await session.get_one(Unit, card.about_id)
            if schools := await _schools(session, unit):
                of_unit[card.about_id] = await _numbers(session, now, unit, schools)
        numbers = of_unit.get(card.about_id)
        if numbers is not None and numbers != card.focus["n"]:
            changed[card.id] = numbers
    return changed


async def _keep(session: Session, changed: Mapping[int, dict[str, Any]]) -> None:
    for card_id, numbers in changed.items():
        card = await session.get_one(Card, card_id)
        card.focus = {**card.focus, "n": numbers}
        card.revision += 1


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
    await arrived(desk, tap, contact, card)
    schools = await _schools(desk.session, unit)
    wish = press.details[0] if press.details else REFRESH
    if wish == STOP and not card.focus.get("sure"):
        wish = ASK  # the card asks first, whatever an older button says
    key, n = "toast.refreshed" if wish == REFRESH else "toast.silent", 0
    if wish == STOP:
        key, n = "toast.sending_stopped", await _stop(desk, contact, unit, schools)
    elif wish == GO_ON:
        key, n = "toast.sending_goes_on", await _go_on(desk, contact, unit, schools)
    card.focus = {
        "n": await _numbers(desk.session, desk.now, unit, schools),
        "sure": wish == ASK,
    }
    card.revision += 1
    card.shown_at = None  # at once, without the usual half minute
    desk.toast(tap, contact, key, n=n)


async def _refuse(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    desk.record("button refused", contact.person_id, None, card=press.row)
    desk.toast(tap, contact, "toast.not_yours", alert=True)


async def _stop(desk: Desk, contact: Contact, unit: Unit, schools: list[School]) -> int:
    stopped = await sending.stop(desk.session, [school.id for school in schools], desk.now)
    for school in schools:
        if n := stopped.get(school.id):
            desk.record("sending stopped", contact.person_id, school.id, unit=unit.id, n=n)
            said = {"time": _clock(desk.now, desk.now, school.zone), "n": n}
            await _tell_teachers(
                desk.session, school, desk.now, "stopped", said, f"{desk.now:%H%M%S}"
            )
    return sum(stopped.values())


async def _go_on(desk: Desk, contact: Contact, unit: Unit, schools: list[School]) -> int:
    going = 0
    for school in schools:
        if n := await sending.go_on(desk.session, school.id, desk.now):
            desk.record("sending goes on", contact.person_id, school.id, unit=unit.id, n=n)
            said = {"time": _clock(desk.now, desk.now, school.zone), "n": n}
            await _tell_teachers(
                desk.session, school, desk.now, "goes_on", said, f"{desk.now:%H%M%S}"
            )
            going += n
    return going


# ---- Telegram says to wait -----------------------------------------------------------------


async def rests(database: Database, clock: Clock, bot_id: int, seconds: float) -> None:
    """Keep that Telegram makes a bot wait; for long, the schools whose families wait are told."""
    now = clock()
    until = now + timedelta(seconds=seconds)
    waiting: Mapping[int, int] = {}
    if until - now >= LONG_REST:
        async with database.reading() as session:
            waiting = await sending.waiting(session, bot_id)

    async def keep(session: Session) -> int:
        await sending.keep_rest(session, bot_id, until)
        return await _tell_of_rest(session, bot_id, waiting, now) if waiting else 0

    told = await database.write(keep)
    await follow(database, clock)
    log.warning("told to wait", bot=bot_id, seconds=int(seconds), told=told)


async def _tell_of_rest(
    session: Session, bot_id: int, waiting: Mapping[int, int], now: datetime
) -> int:
    """Tell admins the new finish, and teachers that they had better ask.

    Once a day for each school, and once more when it has come to hours.
    """
    pace = (await sending.paces(session, now))[bot_id]
    until = pace.rests_until or now
    level = "hours" if until - now >= HOURS else "minutes"
    told = 0
    for school_id, n in sorted(waiting.items()):
        school = await units.school(session, school_id)
        ends = finish(now, ahead_of(waiting, school_id), pace)
        said = {
            "until": _clock(until, now, school.zone),
            "finish": _clock(ends or now, now, school.zone),
        }
        admins = await units.units_at(session, _above(school.path))
        told += await _tell(
            session, [Role.admin], [each.id for each in admins], school, now,
            "alarm.slow", {**said, "n": n, "school": school.name}, level,
        )  # fmt: skip
        told += await _tell_teachers(session, school, now, "slow", said, level)
    return told


async def _tell_teachers(
    session: Session,
    school: School,
    now: datetime,
    what: str,
    said: Mapping[str, Any],
    once: str,
) -> int:
    classes = [unit.id for unit in await units.classes_of(session, school.id)]
    roles = [Role.class_teacher, Role.school_lead, Role.deputy_lead]
    key = f"alarm.{what}_teacher"
    return await _tell(session, roles, [school.id, *classes], school, now, key, said, once)


async def _tell(
    session: Session,
    roles: list[Role],
    unit_ids: list[int],
    school: School,
    now: datetime,
    key: str,
    said: Mapping[str, Any],
    once: str,
) -> int:
    """Owe these words to whoever holds a role at one of the units: a day, once for each `once`."""
    day = local_date(now, school.zone)
    found = await people.holders(session, roles, unit_ids, day)
    reached = await contacts.contacts_of(session, [person for person, _ in found])
    for contact in reached:
        cause = f"{key}:{day}:{school.id}:{once}"
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
