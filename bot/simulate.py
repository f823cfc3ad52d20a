"""`allclear simulate`: school days at speed, through the real parts and the sandbox over HTTP.

The town (who does what) and the oracle (what must then be true) know nothing of ours; here the
real parts are put together around a sandbox and a clock that stands still between moments.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from bot.app import App
from bot.garbage import few_collections
from bot.invented import SCHOOL_NAME, invented_school
from bot.listener import FloodGuard, Poller
from bot.pacer import Pacer
from bot.sender import Sender
from bot.settings import read_settings
from checkin.plans import Plan
from checkin.rosters import Roster
from handlers.inbox import Handled
from handlers.joining import CONSENT_VERSION
from handlers.rosters import import_roster
from handlers.setup import make_school
from sandbox.clock import ShiftedClock
from sandbox.limits import Limits
from sandbox.server import Sandbox
from simulator.families import (
    BEHAVIOURS,
    FIRST_DAY,
    Act,
    Gesture,
    Scene,
    Script,
    calendar,
    is_school_day,
    never_joined,
)
from simulator.oracle import Oracle
from simulator.player import NoButtonError, Player
from simulator.report import Report, Transcript, step_line
from simulator.town import STAFF, Ladder, Phone, Rung, Subject, Town
from storage import contacts, plans
from storage.database import Session
from storage.people import name_of
from storage.rosters import KnownRoster, known_roster
from storage.tables import Consent, Contact
from storage.units import School

ZONE = ZoneInfo("Asia/Shanghai")
TOKEN = "100200301:town-town-town-town-town-town-town-"  # noqa: S105 - the sandbox's own
BOT_ID = 100200301
FIRST_CHAT = 1000
NEVER_JOIN = 0.04  # of the guardians with a telephone; none of those without
CLASS_SIZE = 40
FEWEST, MOST = 24, 5000
RARE_BELOW, ALL_DAYS = 300, 3  # a smaller town, or fewer days, cannot show everything
WIDTH = 64  # messages in flight: nobody kills the simulation, so that more may come twice
REDRAWN_AFTER = 31  # seconds: class cards and summaries are redrawn every half minute

Tell = Callable[[str], None]


class Fate:
    """What may go wrong on purpose: nothing here; tests that the oracle sees it overrule it."""

    def lets(self, run: Simulation, chat: int, gesture: Gesture) -> bool:
        """Say whether what somebody does reaches the bot."""
        return True

    async def before_sending(self, run: Simulation) -> None:
        """Meddle between what was decided and what is sent."""


@dataclass(slots=True)
class Moment:
    """Something in the course of the days: steps of the ladder, or a scene."""

    at: datetime
    day: date
    rungs: list[Rung] = field(default_factory=list)
    scene: Scene | None = None
    closed: bool = False

    @property
    def name(self) -> str:
        """How the report calls it."""
        if self.closed:
            return "no school"
        return self.scene.name if self.scene else " + ".join(rung.name for rung in self.rungs)


async def simulate(
    students: int,
    days: int,
    seed: int,
    *,
    tell: Tell = lambda _line: None,
    keep: bool = False,
    fate: Fate | None = None,
) -> Report:
    """Live through so many school days and return what came of it; with `keep` the words too."""
    begun = monotonic()
    with tempfile.TemporaryDirectory(prefix="allclear-") as folder, few_collections():
        clock = ShiftedClock(datetime.combine(FIRST_DAY - timedelta(days=1), time(12), ZONE))
        clock.stop()
        async with Sandbox(seed=seed, clock=clock, limits=Limits.none()) as sandbox:
            settings = read_settings(
                tokens=TOKEN,
                api_url=sandbox.url,
                database_url=f"sqlite:///{folder}/town.sqlite3",
                key_file=Path(folder) / "town.keys",
                public_url="",
            )
            app = App(settings, clock=clock.now, safe=False)  # the file goes with the run
            try:
                town, ladder = await _settle_in(app, sandbox, students, seed)
                transcript = Transcript(town, keep=keep)
                run = Simulation(app, sandbox, town, ladder, transcript, fate or Fate())
                await run.live(Script(town, ladder, seed), days, tell)
            finally:
                for transport in app.transports:
                    await transport.close()
                await app.database.close()
    report = run.report(students, days, seed)
    report.seconds = monotonic() - begun
    return report


# ---- the town ------------------------------------------------------------------------------


async def _settle_in(app: App, sandbox: Sandbox, students: int, seed: int) -> tuple[Town, Ladder]:
    """Make the school, and let most of its people have joined long ago."""
    classes = max(4, -(-students // CLASS_SIZE))
    roster = invented_school(seed, students, classes, staff=max(classes + 5, students // 14))
    roster = without_quarrels(roster)
    town = town_of(roster, seed)
    await app.database.migrate()
    for transport in app.transports:
        await transport.open()
        await transport.use_polling()
    now = app.clock()
    async with app.database.writing() as session:
        await contacts.know_bot(session, BOT_ID, "allclear_town_bot", now)
        school = await make_school(session, SCHOOL_NAME, now, zone=ZONE.key)
        await import_roster(session, school, roster, now, actor_id=None)
        await session.flush()
        await _join(session, school, town, now)
        ladder = ladder_of(await plans.plans(session, school.id))
    for phone in town.phones.values():
        sandbox.world.add_user(phone.name, phone.language, id=phone.chat, crowd=True)
        sandbox.world.start(phone.chat, "", BOT_ID)
    sandbox.world.bots[BOT_ID].queue.forget()  # they pressed Start long ago
    return town, ladder


def without_quarrels(roster: Roster) -> Roster:
    """Let separated parents see the same: who may see what is a matter of other tests."""
    guardians = tuple(
        replace(each, students=tuple(replace(tie, separate=False) for tie in each.students))
        for each in roster.guardians
    )
    students = tuple(replace(each, separate=False) for each in roster.students)
    return replace(roster, students=students, guardians=guardians)


def town_of(roster: Roster, seed: int) -> Town:
    """Give everybody on a roster a phone and say whom they answer for; some never join."""
    chance = random.Random(f"{seed} joins")  # noqa: S311 - people, not secrets
    subjects = {
        s.number: Subject(s.number, s.name, s.class_name, s.dormitory or "")
        for s in roster.students
    }
    subjects |= {m.number: Subject(m.number, m.name, STAFF) for m in roster.staff if m.number}
    phones: dict[int, Phone] = {}
    ways: dict[str, list[tuple[int, int]]] = {key: [] for key in subjects}

    def add(name: str, language: str, **what: object) -> int:
        chat = FIRST_CHAT + len(phones)
        phones[chat] = Phone(chat, name, language, **what)  # type: ignore[arg-type]
        return chat

    for guardian in roster.guardians:
        if guardian.phone is None or chance.random() < NEVER_JOIN:
            continue
        wards = tuple(each.number for each in guardian.students)
        chat = add(guardian.name, guardian.language or "zh", wards=wards)
        for each in guardian.students:
            if not subjects[each.number].house:  # nobody at home knows how a boarder slept
                ways[each.number].append((each.order, chat))
    siblings = {
        each.number
        for guardian in roster.guardians
        if len(guardian.students) > 1
        for each in guardian.students
    }
    for student in roster.students:
        # Whose parent answers for several is left to them: their one tap speaks for each.
        if student.own_account and student.number not in siblings:
            language = "en" if student.name.isascii() else "zh"
            ways[student.number].append((0, add(student.name, language, oneself=student.number)))
    for member in roster.staff:
        if member.number:
            language = "en" if member.name.isascii() else "zh"
            roles = tuple((role.value, unit or STAFF) for role, unit in member.roles)
            ways[member.number].append(
                (0, add(member.name, language, oneself=member.number, roles=roles))
            )
    return Town(
        SCHOOL_NAME,
        roster.classes,
        subjects,
        phones,
        {key: tuple(chat for _, chat in sorted(found)) for key, found in ways.items()},
    )


async def _join(session: Session, school: School, town: Town, now: datetime) -> None:
    """Write down that the people with phones have joined, as if each had opened a link."""
    known = await known_roster(session, school.id, FIRST_DAY)
    staff = {name_of(person): person_id for person_id, person in known.staff.items()}
    for phone in town.phones.values():
        person_id, wards = _person(phone, known, staff, now)
        session.add(
            Contact(
                bot_id=BOT_ID,
                chat_id=phone.chat,
                person_id=person_id,
                language=phone.language,
                created_at=now,
                changed_at=now,
            )
        )
        for subject_id in wards:
            session.add(
                Consent(
                    subject_id=subject_id,
                    given_by=person_id,
                    version=CONSENT_VERSION,
                    given_at=now,
                )
            )


def _person(
    phone: Phone, known: KnownRoster, staff: dict[str, int], now: datetime
) -> tuple[int, list[int]]:
    """Return who has this phone and whom they agree to answer for; their ties are proved."""
    if phone.roles:
        return staff[phone.name], [staff[phone.name]]
    if phone.oneself:
        person_id = known.enrolments[phone.oneself][1].id
        return person_id, [person_id]
    guardian_id, wards = 0, []
    for number in phone.wards:
        student_id = known.enrolments[number][1].id
        for tie, person in known.guardianships[student_id]:
            if name_of(person) == phone.name:
                tie.proved_at, guardian_id = now, tie.guardian_id
                wards.append(student_id)
    return guardian_id, wards


def ladder_of(found: Iterable[Plan]) -> Ladder:
    """Return the steps that all plans of the school share, in plain words."""
    rungs = {
        Rung(step.action.value, step.rung, step.at, step.day_offset)
        for plan in found
        for step in plan.steps
    }
    return Ladder(tuple(sorted(rungs, key=lambda r: (r.day_offset, r.at, r.action))), ZONE)


# ---- the run -------------------------------------------------------------------------------


class Simulation:
    """The real parts of one bot, driven moment by moment, with the oracle looking on."""

    def __init__(
        self,
        app: App,
        sandbox: Sandbox,
        town: Town,
        ladder: Ladder,
        transcript: Transcript,
        fate: Fate,
    ) -> None:
        self.app = app
        self.sandbox = sandbox
        self.town = town
        self.ladder = ladder
        self.oracle = Oracle(town, ladder)
        self.player = Player(sandbox.world, town, BOT_ID)
        self.transcript = transcript
        self.fate = fate
        self.behaviours: Counter[str] = Counter(dict.fromkeys(BEHAVIOURS, 0))
        self._handled: list[Handled] = []
        self._taps: dict[str, int] = {}
        self._read = 0
        transport = app.transports[0]
        self._sender = Sender(app.database, transport, app.clock, Pacer(1e6), width=WIDTH)
        guard = FloodGuard(lambda: app.clock().timestamp())
        self._poller = Poller(transport, app.inbox, self._handled.append, guard=guard)

    async def live(self, script: Script, days: int, tell: Tell) -> None:
        """Live through the days."""
        day = date.min
        for moment in self._moments(script, days):
            if moment.day != day and not moment.closed:
                day = moment.day
                self.oracle.begin_day(day)
                self.player.begin_day(datetime.combine(day, time(0), ZONE))
                self.behaviours["never joined"] += sum(1 for _ in never_joined(self.town))
            await self._live(moment)
            counts = self._counts()
            at = f"{moment.at:%H:%M}"
            tell(step_line(moment.at.date().isoformat(), at, moment.name, counts))

    def _moments(self, script: Script, days: int) -> list[Moment]:
        found: list[Moment] = []
        place = 0
        for day in calendar(days):
            if not is_school_day(day):
                found += [
                    Moment(self.ladder.moment(day, rung), day, closed=True)
                    for rung in self.ladder.rungs
                    if rung.action in {"ask", "close"} and rung.place == 1
                ]
                continue
            steps: dict[datetime, Moment] = {}
            for rung in self.ladder.rungs:
                at = self.ladder.moment(day, rung)
                steps.setdefault(at, Moment(at, day)).rungs.append(rung)
            found += steps.values()
            found += [Moment(scene.at, day, scene=scene) for scene in script.day(day, place)]
            place += 1
        return sorted(found, key=lambda moment: moment.at)

    async def _live(self, moment: Moment) -> None:
        self._go_to(moment.at)
        self.oracle.at(moment.at, moment.name)
        self.transcript.add(f"@ {moment.at:%a %d %b %H:%M} {moment.name}")
        for rung in moment.rungs:
            self.oracle.rung(rung)
        await self._rest(clock=True)
        if moment.scene is not None:
            await self._play(moment.scene.acts)
        self.sandbox.clock.shift(REDRAWN_AFTER)
        await self._rest()
        if not moment.closed:
            self.oracle.compare_cards()

    def _go_to(self, at: datetime) -> None:
        self.sandbox.clock.jump_to(at)

    async def _play(self, acts: Sequence[Act]) -> None:
        """Let everybody do their first thing, then everybody their second."""
        for act in acts:
            if act.behaviour:
                self.behaviours[act.behaviour] += 1
        for place in range(max((len(act.gestures) for act in acts), default=0)):
            for act in acts:
                if place < len(act.gestures):
                    self._do(act.chat, act.gestures[place])
            await self._rest()
            self.sandbox.clock.shift(1)  # nobody does more than a thing a second

    def _do(self, chat: int, gesture: Gesture) -> None:
        name = self.town.phones[chat].name
        words = gesture.text or gesture.about
        self.transcript.add(f"  {name} {chat}: {gesture.kind} {words}".rstrip())
        try:
            lets = self.fate.lets(self, chat, gesture)
            tapped = self.player.do(chat, gesture) if lets else None
        except NoButtonError as error:
            if gesture.kind != "all_clear" or not self.oracle.nothing_to_answer(chat):
                self.oracle.differs("a button", "there", f"missing: {error}")
            return  # somebody else of the family was faster
        if tapped is not None:
            self._taps[tapped.callback_id] = chat
        self.oracle.did(chat, gesture, tapped.callback_id if tapped else None)

    async def _rest(self, *, clock: bool = False) -> None:
        """Let every part work until none has anything left to do, then look at the log."""
        if clock:
            for duty in self.app.scheduler.duties:
                await duty.does()
        while True:
            done = 0
            while polled := await self._poller.once(0):
                done += polled
                await self._after()
            await self.fate.before_sending(self)
            while sent := await self._sender.once():
                done += sent
            if not done:
                break
        calls = self.sandbox.world.journal.since(self._read)
        calls = [call for call in calls if call.method != "getUpdates"]
        self._read = self.sandbox.world.journal.last
        self.oracle.watch(calls)
        self.oracle.compare_sends()
        self.transcript.calls(calls, self._taps)

    async def _after(self) -> None:
        for handled in self._handled:
            self._sender.answer(handled.toasts)
            await self._sender.toasts_sent()
        self._handled.clear()

    # ---- what came of it -------------------------------------------------------------------

    def _counts(self) -> dict[str, int]:
        """Return what has been counted since the last line."""
        oracle = self.oracle
        now = {
            "asked": oracle.tally.asks,
            "reminded": oracle.tally.reminders,
            "answers": oracle.tally.answers,
            "flags told": oracle.tally.flags,
            "sent": oracle.calls["sendMessage"],
            "edited": oracle.calls["editMessageText"],
            "taken away": oracle.calls["deleteMessage"],
            "taps answered": oracle.calls["answerCallbackQuery"],
            "checks": oracle.checks,
            "differences": len(oracle.differences),
        }
        before, self._before = getattr(self, "_before", {}), now
        return {name: number - before.get(name, 0) for name, number in now.items()}

    def report(self, students: int, days: int, seed: int) -> Report:
        """Return the whole run in numbers."""
        oracle = self.oracle
        missing = tuple(name for name, times in self.behaviours.items() if not times)
        return Report(
            students=students,
            days=days,
            seed=seed,
            counts={
                "asks": oracle.tally.asks,
                "reminders": oracle.tally.reminders,
                "answers": oracle.tally.answers,
                "flags": oracle.tally.flags,
                "calls": sum(oracle.calls.values()),
                "checks": oracle.checks,
            },
            behaviours=dict(self.behaviours),
            left_out=missing if students < RARE_BELOW or days < ALL_DAYS else (),
            differences=oracle.differences,
            lost=oracle.tally.lost,
            duplicated=oracle.tally.duplicated,
            transcript=self.transcript.digest,
            lines=self.transcript.lines or [],
        )
