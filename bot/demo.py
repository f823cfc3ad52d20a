"""`allclear demo`: an invented school, the sandbox with its chat page, and families that answer.

The bot talks to the sandbox over HTTP like to the real service; only the clock is shared.
"""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import structlog

from bot.app import App
from bot.crowd import Crowd
from bot.guided import guided_morning
from bot.invented import SCHOOL_NAME, Personas, invented_school, personas
from bot.invented_past import LOOK_BACK, invent_past
from bot.settings import read_settings
from bot.texts import LANGUAGES
from checkin.facts import fact
from checkin.plans import Due, days_steps
from checkin.rosters import Roster, RosterGuardian, RosterStaff, RosterStudent
from checkin.steps import Action
from checkin.times import local_date, moment_at
from handlers.calendars import calendar_of
from handlers.joining import CONSENT_VERSION
from handlers.rosters import import_roster
from handlers.setup import make_school
from sandbox.clock import ShiftedClock
from sandbox.server import Sandbox
from storage import contacts, people, plans, units
from storage.database import Database, Session
from storage.rosters import known_roster
from storage.tables import Consent, Contact

log = structlog.get_logger()

ZONE = ZoneInfo("Asia/Shanghai")
TOKEN = "100200300:demo-demo-demo-demo-demo-demo-demo-"  # noqa: S105 - the sandbox's own
BOT_ID = 100200300
NOT_JOINED = 12  # families who have not opened their link yet
BEFORE_THE_MORNING = time(6, 28)
SAVE_EVERY = 20  # seconds; a demo may be killed, or its window closed


@fact
class Player:
    """Somebody in the demo's chats: a persona to play, or one of the crowd."""

    user_id: int
    person_id: int
    name: str
    language: str
    persona: str | None = None


async def run_demo(
    folder: Path,
    port: int,
    *,
    reset: bool,
    language: str | None,
    day: date | None = None,
    tell: Callable[[str], None],
) -> None:
    """Prepare what is not there yet, then run sandbox, bot and crowd until cancelled.

    With a `language` everybody speaks it; without, each speaks the language of their name. A fresh
    school begins on the `day`; without, on the next weekday.
    """
    world, sandbox, clock = _open_world(folder, port, day, reset=reset)
    async with sandbox:
        settings = read_settings(
            tokens=TOKEN,
            api_url=sandbox.url,
            join_url=f"{sandbox.url}/t.me",
            database_url=f"sqlite:///{folder / 'demo.sqlite3'}",
            key_file=folder / "demo.keys",
            web_port=0,
            public_url="",
        )
        app = App(settings, clock=clock.now, watch_outages=False)
        players = await _prepare(app, sandbox, clock, language)
        running = asyncio.create_task(app.run())
        try:
            ready = asyncio.create_task(app.ready.wait())
            await asyncio.wait({running, ready}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
            tell(sandbox.url)
            others = [player.user_id for player in players if player.persona is None]
            crowd = Crowd(sandbox.url, BOT_ID, others)
            async with asyncio.TaskGroup() as beside:
                beside.create_task(crowd.run())
                beside.create_task(
                    _direct(app, sandbox, clock, players, may_translate=language is None)
                )
                beside.create_task(_keep(sandbox, world))
                await asyncio.shield(running)  # it is stopped below, and not in mid-sentence
        finally:
            app.stop()
            await asyncio.wait({running}, timeout=10)
            await sandbox.stop()
            sandbox.save(world)


def _open_world(
    folder: Path, port: int, day: date | None, *, reset: bool
) -> tuple[Path, Sandbox, ShiftedClock]:
    if reset and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    world = folder / "chats.json"
    clock = ShiftedClock()
    sandbox = Sandbox(port, clock=clock)
    if world.exists():
        sandbox.load(world)
    elif day:
        clock.jump_to(moment_at(day, BEFORE_THE_MORNING, ZONE), force=True)
    else:
        clock.jump_to(_first_morning(datetime.now(UTC)))
    return world, sandbox, clock


async def _keep(sandbox: Sandbox, world: Path) -> None:
    """Save the chats from time to time; it takes some hundredths of a second."""
    while True:
        await asyncio.sleep(SAVE_EVERY)
        sandbox.save(world)


def _first_morning(now: datetime) -> datetime:
    """Return just before the ask of the next weekday: a demo on a Sunday would sleep."""
    day = local_date(now, ZONE)
    if moment_at(day, BEFORE_THE_MORNING, ZONE) < now:
        day += timedelta(days=1)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return moment_at(day, BEFORE_THE_MORNING, ZONE)


# ---- the school ----------------------------------------------------------------------------


async def _prepare(
    app: App, sandbox: Sandbox, clock: ShiftedClock, language: str | None
) -> list[Player]:
    """Make the school and its chats once; later starts find them."""
    await app.database.migrate()
    roster = invented_school()
    async with app.database.writing() as session:
        if not await units.schools(session):
            await _make(session, roster, clock.now())
        players = await _players(session, roster, language)
        await contacts.know_bot(session, BOT_ID, "allclear_demo_bot", clock.now())
        await _join(session, players, clock.now())
    await _open_chats(sandbox, players, _newcomer(roster, players))
    return players


async def _make(session: Session, roster: Roster, now: datetime) -> None:
    then = now - timedelta(days=LOOK_BACK)
    school = await make_school(session, SCHOOL_NAME, then, zone=ZONE.key)
    await import_roster(session, school, roster, then, actor_id=None)
    await invent_past(session, school, now)


async def _players(session: Session, roster: Roster, language: str | None) -> list[Player]:
    """Give everyone who has joined a user id; the personas come first."""
    school = (await units.schools(session))[0]
    known = await known_roster(session, school.id, date.max - timedelta(days=1))
    cast = personas(roster)
    found: list[Player] = []

    def add(person_id: int, name: str, persona: str | None = None) -> None:
        if all(player.person_id != person_id for player in found):
            chinese = any("\u4e00" <= letter <= "\u9fff" for letter in name)
            speaks = language or ("zh" if chinese else "en")
            found.append(Player(1000 + len(found), person_id, name, speaks, persona))

    def guardian_id(guardian: RosterGuardian) -> int:
        student_id = known.enrolments[guardian.students[0].number][1].id
        for tie, person in known.guardianships[student_id]:
            if people.name_of(person) == guardian.name:
                return tie.guardian_id
        raise LookupError(guardian.name)

    def staff_id(member: RosterStaff) -> int:
        for person_id, person in known.staff.items():
            if people.name_of(person) == member.name:
                return person_id
        raise LookupError(member.name)

    for role, someone in _cast(cast):
        if isinstance(someone, RosterGuardian):
            add(guardian_id(someone), someone.name, role)
        elif isinstance(someone, RosterStaff):
            add(staff_id(someone), someone.name, role)
        else:
            add(known.enrolments[someone.number][1].id, someone.name, role)
    for guardian in roster.guardians[NOT_JOINED:]:
        if any(each.order == 1 for each in guardian.students):
            add(guardian_id(guardian), guardian.name)
    for member in roster.staff:
        add(staff_id(member), member.name)
    return found


def _cast(cast: Personas) -> list[tuple[str, RosterGuardian | RosterStaff | RosterStudent]]:
    return [
        ("guardian_of_two", cast.guardian_of_two),
        ("second_guardian", cast.second_guardian),
        ("silent", cast.guardian_of_silent_child),
        ("student", cast.student_with_own_account),
        ("teacher", cast.class_teacher),
        ("doctor", cast.doctor),
        ("warden", cast.warden),
        ("lead", cast.school_lead),
        ("deputy", cast.deputy),
        ("admin", cast.admin),
    ]


def _newcomer(roster: Roster, players: list[Player]) -> str:
    """Return a child whose family has not joined yet, as it is typed to the bot."""
    joined = {player.name for player in players}
    taken = {
        each.number
        for guardian in roster.guardians
        if guardian.name in joined
        for each in guardian.students
    }
    child = next(
        student
        for student in roster.students
        if student.number not in taken and student.name not in joined
    )
    return f"{child.name} {child.number[-4:]}"


async def _join(session: Session, players: list[Player], now: datetime) -> None:
    """Let the players have joined already, as if each had opened the link and agreed."""
    known = await contacts.load_contacts(session, [(BOT_ID, p.user_id) for p in players])
    for player in players:
        if (BOT_ID, player.user_id) in known:
            continue
        session.add(
            Contact(
                bot_id=BOT_ID,
                chat_id=player.user_id,
                person_id=player.person_id,
                language=player.language,
                created_at=now,
                changed_at=now,
            )
        )
        ties = await people.ties_of(session, player.person_id)
        for tie in ties:
            tie.proved_at = now
        for subject_id in [tie.student_id for tie in ties] or [player.person_id]:
            session.add(
                Consent(
                    subject_id=subject_id,
                    given_by=player.person_id,
                    version=CONSENT_VERSION,
                    given_at=now,
                )
            )


_LABELS: dict[str, tuple[str, str, str, str, str]] = {
    "guardian_of_two": (
        "👩",
        "Mother of two",
        "两个孩子的妈妈",
        "One tap for both",
        "一键报两个孩子",
    ),
    "second_guardian": (
        "👨",
        "Second guardian",
        "第二监护人",
        "Try /today",
        "试试 /today",
    ),
    "silent": (
        "🧑",
        "Guardian, silent so far",
        "还没填报的家长",
        "Gets the reminder",
        "会收到提醒",
    ),
    "student": ("🎒", "Student", "学生本人", "Answers for themself", "自己填报"),
    "teacher": ("👩‍🏫", "Class teacher", "班主任", "Try /class", "试试 /class"),
    "lead": ("🏫", "School lead", "校长", "Signs the summary", "签字上报"),
    "doctor": ("🩺", "School doctor", "校医", "Hears who is ill", "谁不舒服会马上知道"),
    "warden": ("🛏️", "Dormitory warden", "宿管老师", "Answers for boarders", "替住宿生填报"),
    "deputy": ("🏛️", "Deputy head", "副校长", "Signs when the head cannot", "校长没签字时代签"),
    "admin": ("🗝️", "Admin", "管理员", "Try /invite: ", "试试 /invite："),
}


async def _open_chats(sandbox: Sandbox, players: list[Player], newcomer: str) -> None:
    """Make the people in the sandbox; each has pressed Start long ago."""
    async with aiohttp.ClientSession(sandbox.url, raise_for_status=True) as http:
        bots = await (await http.get("/sandbox/bots")).json()
        if any(bot["id"] == BOT_ID for bot in bots):
            return
        body = {"token": TOKEN, "username": "allclear_demo_bot", "name": "Allclear 晨检"}
        await http.post("/sandbox/bots", json=body)
        for player in players:
            emoji, en, zh, note_en, note_zh = _LABELS.get(
                player.persona or "", ("🙂",) + ("",) * 4
            )
            user: dict[str, Any] = {
                "id": player.user_id,
                "name": player.name,
                "language": player.language,
                "emoji": emoji,
                "crowd": player.persona is None,
            }
            if player.persona == "admin":  # so that an invitation can be tried to its end
                note_en, note_zh = note_en + newcomer, note_zh + newcomer
            if player.persona:
                user |= {"role": {"en": en, "zh": zh}, "note": {"en": note_en, "zh": note_zh}}
            await http.post("/sandbox/users", json=user)
            await http.post(
                f"/sandbox/chats/{player.user_id}/messages?bot={BOT_ID}", json={"start": ""}
            )
        await http.post(f"/bot{TOKEN}/deleteWebhook", json={"drop_pending_updates": True})


async def _direct(
    app: App,
    sandbox: Sandbox,
    clock: ShiftedClock,
    players: list[Player],
    *,
    may_translate: bool,
) -> None:
    """Tell the chat page the steps of the day and the guided walk, as the day goes on."""
    cast = {player.persona: player.user_id for player in players if player.persona}
    spoken = None
    shown: list[Any] = []
    while True:
        days = await _days(app.database, clock.now())
        steps = _steps(days, clock.now())
        moments = _coming_morning(days, clock.now())
        walk = guided_morning(cast, moments) if moments else []
        if [steps, walk] != shown:
            async with aiohttp.ClientSession(sandbox.url, raise_for_status=True) as http:
                await http.post("/sandbox/clock", json={"steps": steps, "zone": ZONE.key})
                await http.post("/sandbox/guide", json={"steps": walk})
            shown = [steps, walk]
        wanted = sandbox.world.guide.language
        if may_translate and wanted in LANGUAGES and wanted != spoken:
            await _speak(app.database, sandbox, list(cast.values()), wanted)
            spoken = wanted
        await asyncio.sleep(1)


async def _speak(database: Database, sandbox: Sandbox, cast: list[int], language: str) -> None:
    """Let those who are played speak the language of whoever is shown the morning."""
    async with database.writing() as session:
        known = await contacts.load_contacts(session, [(BOT_ID, user_id) for user_id in cast])
        for contact in known.values():
            contact.language = language
    async with aiohttp.ClientSession(sandbox.url, raise_for_status=True) as http:
        for user_id in cast:
            await http.post("/sandbox/users", json={"id": user_id, "language": language})


_SECOND = {"en": "2nd guardian", "zh": "第二监护人"}
_STEP_WORDS = {
    Action.ask: {"en": "Ask", "zh": "发出询问"},
    Action.remind: {"en": "Remind", "zh": "提醒未填"},
    Action.card: {"en": "Class cards", "zh": "班级卡片"},
    Action.close: {"en": "Close", "zh": "截止"},
    Action.summary: {"en": "Summary", "zh": "汇总"},
    Action.chase: {"en": "Not signed?", "zh": "催签"},
    Action.deputy: {"en": "Deputy signs", "zh": "副校长代签"},
    Action.evening: {"en": "Evening before", "zh": "前一晚询问"},
}


async def _days(database: Database, now: datetime) -> list[list[Due]]:
    """Return the steps of each day with some, from today to the next whole morning."""
    found = []
    async with database.reading() as session:
        school = (await units.schools(session))[0]
        today = local_date(now, school.zone)
        calendar = await calendar_of(session, school, today)
        known = await plans.plans(session, school.id)
        for offset in range(12):
            day = today + timedelta(days=offset)
            steps = [due for plan in known for due in days_steps(plan, school.zone, calendar, day)]
            if steps:
                found.append(sorted(steps, key=lambda due: due.due_at))
            if _coming_morning(found[-1:], now):
                break
    return found


def _steps(days: list[list[Due]], now: datetime) -> list[dict[str, Any]]:
    """Return what the clock bar shows: today, and the next day once today is over."""
    found: dict[str, dict[str, Any]] = {}
    for day in days:
        for due in day:
            at = due.due_at.isoformat()
            label = _SECOND if due.step.name == "ask-2" else _STEP_WORDS[due.step.action]
            found.setdefault(at, {"at": at, "label": label})
        if any(due.due_at > now for due in day):
            break
    return [found[at] for at in sorted(found)]


def _coming_morning(days: list[list[Due]], now: datetime) -> dict[Action, datetime]:
    """Return when the first step of each kind is due on the next morning that is all ahead."""
    for day in days:
        moments = {due.step.action: due.due_at for due in reversed(day)}
        if Action.ask in moments and moments[Action.ask] > now:
            return moments
    return {}
