"""`allclear simulate`: school days at speed, through the real parts and the sandbox over HTTP.

The town (who does what) and the oracle (what must then be true) know nothing of ours; here the
real parts are put together around a sandbox and a clock that stands still between moments.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from bot.app import App
from bot.driven import LONGEST_PAUSE, PATIENCE, REDRAWN_AFTER, Driven
from bot.garbage import few_collections
from bot.invented import SCHOOL_NAME, invented_school
from bot.settings import read_settings
from checkin.plans import Plan
from checkin.rosters import Roster
from handlers.joining import CONSENT_VERSION
from handlers.messages import FetchFailedError
from handlers.rosters import import_roster
from handlers.setup import make_school
from sandbox.clock import ShiftedClock
from sandbox.faults import Fault, Faults
from sandbox.limits import Limits
from sandbox.server import Sandbox
from simulator import reading
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
from simulator.oracle import FAULT, Oracle
from simulator.player import NoButtonError, Offered, Player
from simulator.report import Report, Transcript, step_line
from simulator.town import STAFF, Ladder, Phone, Rung, Subject, Town
from simulator.trouble import HANGS, Silence, Trouble, bad_month
from simulator.trouble import ZONE as BAD_ZONE
from simulator.trouble import calendar as bad_calendar
from storage import books, contacts, plans
from storage.database import Session
from storage.people import name_of
from storage.rosters import KnownRoster, known_roster
from storage.sqlite import keep_time
from storage.tables import Consent, Contact
from storage.units import School

ZONE = ZoneInfo("Asia/Shanghai")
TOKEN = "100200301:town-town-town-town-town-town-town-"  # noqa: S105 - the sandbox's own
BOT_ID = 100200301
FIRST_CHAT = 1000
NEVER_JOIN = 0.04  # of the guardians with a telephone; none of those without
CLASS_SIZE = 40
RARE_BELOW, ALL_DAYS = 300, 3  # a smaller town, or fewer days, cannot show everything
RARE_IN_TROUBLE = 0.25  # of the rare behaviours a day: a month has time for all of them
FULL = 100  # updates that the messenger hands over at once at most

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
    """Something in the course of the days: steps of the ladder, a scene, the end of a silence."""

    at: datetime
    day: date
    name: str = "no school"
    scene: Scene | None = None
    closed: bool = False
    back: Silence | None = None


async def simulate(
    students: int,
    days: int,
    seed: int,
    *,
    tell: Tell = lambda _line: None,
    keep: bool = False,
    fate: Fate | None = None,
    trouble: bool = False,
) -> Report:
    """Live through so many school days and return what came of it; with `keep` the words too.

    With `trouble` the wire fails, the bot and the messenger are away for minutes, hours and days,
    and the clock changes.
    """
    begun = monotonic()
    zone = BAD_ZONE if trouble else ZONE
    dates = bad_calendar(days) if trouble else calendar(days)
    school_days = [day for day in dates if is_school_day(day)]
    bad = bad_month(school_days, seed) if trouble else Trouble()
    with tempfile.TemporaryDirectory(prefix="allclear-") as folder, few_collections():
        clock = ShiftedClock(datetime.combine(dates[0] - timedelta(days=1), time(12), zone))
        clock.stop()
        async with Sandbox(
            seed=seed, clock=clock, limits=Limits.none(), monotonic=clock.timestamp
        ) as sandbox:
            settings = read_settings(
                tokens=TOKEN,
                api_url=sandbox.url,
                database_url=f"sqlite:///{folder}/town.sqlite3",
                key_file=Path(folder) / "town.keys",
                public_url="",
            )
            app = App(settings, clock=clock.now, safe=False)  # the file goes with the run
            keep_time(app.database.engine, clock.now)
            try:
                town, ladder = await _settle_in(app, sandbox, students, seed, zone)
                transcript = Transcript(town, keep=keep)
                run = Simulation(app, sandbox, town, ladder, transcript, fate or Fate(), bad)
                rare = RARE_IN_TROUBLE if trouble else 1.0
                await run.live(Script(town, ladder, seed, rare), dates, tell)
            finally:
                for transport in app.transports:
                    await transport.close()
                await app.database.close()
    report = run.report(students, days, seed)
    report.seconds = monotonic() - begun
    return report


def _faults(trouble: Trouble, seed: int) -> Faults | None:
    """Return what the messenger does wrong; a hang takes its time by the town's clock."""
    if not trouble.rates:
        return None
    return Faults.read({"seed": seed, "hang_seconds": 0.01, **trouble.rates}, 0)


# ---- the town ------------------------------------------------------------------------------


async def _settle_in(
    app: App, sandbox: Sandbox, students: int, seed: int, zone: ZoneInfo
) -> tuple[Town, Ladder]:
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
        school = await make_school(session, SCHOOL_NAME, now, zone=zone.key)
        await import_roster(session, school, roster, now, actor_id=None)
        await session.flush()
        await _join(session, school, town, now)
        ladder = ladder_of(await plans.plans(session, school.id), zone)
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


def ladder_of(found: Iterable[Plan], zone: ZoneInfo) -> Ladder:
    """Return the steps that all plans of the school share, in plain words."""
    rungs = {
        Rung(step.action.value, step.rung, step.at, step.day_offset)
        for plan in found
        for step in plan.steps
    }
    return Ladder(tuple(sorted(rungs, key=lambda r: (r.day_offset, r.at, r.action))), zone)


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
        trouble: Trouble,
    ) -> None:
        self.app = app
        self.sandbox = sandbox
        self.town = town
        self.ladder = ladder
        self.oracle = Oracle(town, ladder)
        self.player = Player(sandbox.world, town, BOT_ID)
        self.transcript = transcript
        self.fate = fate
        self.trouble = trouble
        self.behaviours: Counter[str] = Counter(dict.fromkeys(BEHAVIOURS, 0))
        self.parts = Driven(app, sandbox.clock, BOT_ID)
        self.school_days: list[date] = []
        self._offered: dict[int, tuple[int, Gesture, Offered]] = {}
        self._taps: dict[str, int] = {}
        self._heard = self._read = self._waited = 0  # how much of the log has been looked at
        self._silence: Silence | None = None
        self._unsettled = False  # something may have to be done again

    async def live(self, script: Script, dates: Sequence[date], tell: Tell) -> None:
        """Live through the days."""
        self.school_days = [day for day in dates if is_school_day(day)]
        self.sandbox.world.faults = _faults(self.trouble, script.seed)
        self.player.unsaid = bool(self.trouble.rates)
        for moment in self._moments(script, dates):
            if not await self._pass_to(moment):
                continue
            counts = self._counts()
            at = f"{moment.at:%H:%M}"
            tell(step_line(moment.at.date().isoformat(), at, moment.name, counts))
        await self._compare_records()

    async def _compare_books(self) -> None:
        """Hold what the bot has kept of a day against what was said and what was due."""
        oracle, zone = self.oracle, self.ladder.zone
        since = datetime.combine(oracle.since, time(0), zone)
        oneself = {phone.chat: phone.oneself for phone in self.town.phones.values()}
        async with self.app.database.reading() as session:
            known = await books.subjects(session, {c: key for c, key in oneself.items() if key})
            said = await books.said(session, oracle.day, known)
            skipped = await books.skipped(session, since)
            again = await books.asked_again(session, since)
            without_reason = await books.without_reason(session, since)
        for key in sorted(oracle.given.keys() | said.keys()):
            about, by = self.town.subjects[key[0]].name, self.town.phones[key[1]].name
            what = f"answers of {by} about {about}, as stored"
            oracle.check(what, oracle.given[key], said[key])
        if self._silence is not None:
            return  # what is due comes later
        for (chat, kind), times in (+oracle.skipped).items():
            what = f"{kind} to {self.town.phones[chat].name}, on record as not sent"
            oracle.check(what, times, min(times, skipped[chat, kind]))
        oracle.check("asked once more, as recorded", dict(oracle.again), dict(again))
        oracle.check("sent once more without a reason", 0, without_reason)

    async def _compare_records(self) -> None:
        """Hold what the school has recorded of its steps against the oracle."""
        await self._compare_books()
        self.oracle.miss(self.school_days)
        async with self.app.database.reading() as session:
            oldest = await books.oldest_day(session)
            every_plan = await plans.plans(session)
            found = await plans.recorded_since(session, [p.id for p in every_plan], date.min)
        self.oracle.check("oldest day on record", min(self.oracle.on_record), oldest)
        became = {(e.plan_id, e.round_date, e.step): e.reason or e.state for e in found}
        for plan in every_plan:
            for day in self.school_days:
                for step in plan.steps:
                    expected = self.oracle.decided[day, step.name]
                    what = f"{step.name} of {day}, as recorded"
                    self.oracle.check(what, expected, became.get((plan.id, day, step.name)))

    def _moments(self, script: Script, dates: Sequence[date]) -> list[Moment]:
        found: list[Moment] = []
        for day in dates:
            if not is_school_day(day):
                found += [
                    Moment(self.ladder.moment(day, rung), day, closed=True)
                    for rung in self.ladder.rungs
                    if rung.action in {"ask", "close"} and rung.place == 1
                ]
                continue
            steps = {self.ladder.moment(day, rung): rung for rung in self.ladder.rungs}
            for at in sorted(steps):
                names = [r.name for r in self.ladder.rungs if self.ladder.moment(day, r) == at]
                found.append(Moment(at, day, " + ".join(names)))
            found += [
                Moment(scene.at, day, scene.name, scene) for scene in self._scenes(script, day)
            ]
        for silence in self.trouble.silences:
            found.append(Moment(silence.until, silence.until.date(), "heard again", back=silence))
        return sorted(found, key=lambda each: (each.at.timestamp(), each.back is None))

    def _scenes(self, script: Script, day: date) -> list[Scene]:
        place = self.school_days.index(day)
        if not self.trouble.disturbs(day):
            return script.day(day, place)
        scenes = script.scenes_of(day)
        for silence in self.trouble.silences:
            if silence.until.date() == day:  # who is asked again answers again
                scenes += [("again", silence.until + timedelta(minutes=n)) for n in (3, 7)]
        return script.disturbed(day, scenes)

    async def _pass_to(self, moment: Moment) -> bool:
        """Let it be a moment; say whether the bot had any part in it."""
        covering = next((s for s in self.trouble.silences if s.covers(moment.at)), None)
        if moment.back is not None:
            await self._come_back(moment)
            return True
        if covering is not None and self._silence is None:
            await self._fall_silent(covering)
        await self._turn_to(moment)
        self._go_to(moment.at)
        if covering is None:
            await self._note()
        elif covering.ours:
            if covering.cut and moment.at == covering.since and moment.scene is None:
                await self._cut_down(moment)
            elif moment.scene is not None:
                self.transcript.add(f"@ {moment.at:%a %d %b %H:%M} {moment.name}, unheard")
                for act in moment.scene.acts:
                    for gesture in act.gestures:
                        self._do(act.chat, gesture)
            return False
        await self._live(moment)
        return True

    async def _turn_to(self, moment: Moment) -> None:
        """Begin another day with its first moment."""
        day = moment.day
        if day == self.oracle.day or day not in self.school_days or moment.at.date() != day:
            return
        if self.oracle.day in self.school_days:
            await self._compare_books()
        self.oracle.begin_day(day)
        self.player.begin_day(datetime.combine(day, time(0), self.ladder.zone))
        self.behaviours["never joined"] += sum(1 for _ in never_joined(self.town))

    async def _live(self, moment: Moment) -> None:
        self._at(moment)
        await self._look_at_the_clock()
        await self._rest()
        if moment.scene is not None:
            await self._play(moment.scene.acts)
        self.sandbox.clock.shift(REDRAWN_AFTER)
        await self._rest()
        if not moment.closed and self._silence is None:
            self.oracle.compare_cards()

    def _at(self, moment: Moment) -> None:
        self.oracle.at(self._now(), moment.name)
        self.transcript.add(f"@ {moment.at:%a %d %b %H:%M} {moment.name}")

    def _now(self) -> datetime:
        return self.sandbox.clock.now().astimezone(self.ladder.zone)

    def _go_to(self, at: datetime) -> None:
        """Let time pass; it may be later already when much had to be done again."""
        if at > self.sandbox.clock.now():
            self.sandbox.clock.jump_to(at)

    async def _note(self) -> None:
        """Whoever spoke until now was heard."""
        await self.parts.note()
        self.oracle.heard_at = self.sandbox.clock.now()

    # ---- silences --------------------------------------------------------------------------

    async def _fall_silent(self, silence: Silence) -> None:
        """From now on nothing gets through."""
        self._go_to(silence.since)
        await self._note()
        self._silence = silence
        self.oracle.silent = True
        faults = self.sandbox.world.faults
        if faults is not None and not silence.ours:
            faults.outage_from, faults.outage_to = silence.since, silence.until
            self.oracle.lost = True

    async def _cut_down(self, moment: Moment) -> None:
        """The bot decides what is due, and ends before it has sent any of it."""
        self._at(moment)
        await self._look_at_the_clock()
        await self.parts.cut_down()

    async def _come_back(self, moment: Moment) -> None:
        """Let the bot be there again, or the messenger."""
        if self._silence is None:  # nothing happened meanwhile
            await self._fall_silent(moment.back or self.trouble.silences[0])
        self._go_to(moment.at)
        if self._silence is not None and self._silence.ours:
            self.parts.start()
        await self._turn_to(moment)
        self._silence, self._unsettled = None, True
        self.oracle.silent = False
        self._at(moment)
        if self.trouble.bot_first:
            await self._hear()
            await self._look_at_the_clock()
        else:
            await self._look_at_the_clock()
        await self._rest()
        self.sandbox.clock.shift(REDRAWN_AFTER)
        await self._rest()
        self.oracle.compare_cards()

    # ---- people and parts ------------------------------------------------------------------

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
        if not self.fate.lets(self, chat, gesture):
            self.oracle.did(chat, gesture)
            return
        try:
            offered = self.player.do(chat, gesture)
        except NoButtonError as error:
            missed = gesture.kind == "all_clear" and self.oracle.nothing_to_answer(chat)
            if not missed and not gesture.tries:
                self.oracle.differs("a button", "there", f"missing: {error}")
            return  # somebody else of the family was faster
        if offered.callback_id is not None:
            self._taps[offered.callback_id] = chat
        if offered.update_id is not None:
            self._offered[offered.update_id] = (chat, gesture, offered)

    async def _look_at_the_clock(self) -> None:
        self.oracle.at(self._now(), self.oracle.step)
        today = self._now().date()
        self.oracle.looks_at_the_clock()
        self.oracle.fall_due(
            day for day in self.school_days if day in (today, today + timedelta(days=1))
        )
        await self.parts.look_at_the_clock()

    async def _rest(self) -> None:
        """Let every part work until none has anything left to do, then look at the log."""
        pause = 1.0
        for _ in range(PATIENCE):
            done = await self._hear()
            await self.fate.before_sending(self)
            done += await self.parts.send()
            self._wait_out_hangs()
            if self._silence is not None:
                break
            if not done:
                self._unsettled = self._unsettled and not await self.parts.is_settled()
                if not self._unsettled:
                    break
                await self.parts.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        else:
            self.oracle.differs("rest", "at last", "never: something is done again and again")
        calls = self.sandbox.world.journal.since(self._read)
        calls = [call for call in calls if call.method != "getUpdates"]
        self._read = self.sandbox.world.journal.last
        self.oracle.watch(calls)
        self.oracle.compare_sends()
        self.transcript.calls(calls, self._taps)

    async def _hear(self) -> int:
        """Take in all that was offered; what fails is tried again, slower each time."""
        heard, pause = 0, 1.0
        while True:
            try:
                polled = await self.parts.hear()
            except FetchFailedError:
                if self._silence is not None:
                    return heard
                self._wait_out_hangs()
                await self.parts.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            heard += polled
            self._take_in()
            if polled < FULL:
                self.oracle.heard(self._now())
            if not polled:
                return heard

    def _take_in(self) -> None:
        """Tell the oracle what has reached the bot, by the messenger's log."""
        journal = self.sandbox.world.journal
        calls = journal.since(self._heard)
        self._heard = journal.last
        told = {
            call.params["callback_query_id"]: reading.toast_of(call.params.get("text") or "")
            for call in calls
            if call.method == "answerCallbackQuery"
        }
        for call in calls:
            if call.method != "getUpdates" or call.description:
                continue
            for update in call.result:
                found = self._offered.pop(update["update_id"], None)
                if found is not None:
                    chat, gesture, offered = found
                    self.oracle.at(
                        datetime.fromtimestamp(call.at, self.ladder.zone), self.oracle.step
                    )
                    toast = told.get(offered.callback_id or "")
                    callback, on = offered.callback_id, offered.message_id
                    self.oracle.did(chat, gesture, callback, told=toast, on=on)

    def _wait_out_hangs(self) -> None:
        """A call that hung has taken its time; whatever went wrong may have to be done again."""
        calls = self.sandbox.world.journal.since(self._waited)
        self._waited = self.sandbox.world.journal.last
        faults = {call.description for call in calls if (call.description or "").startswith(FAULT)}
        self._unsettled = self._unsettled or bool(faults)
        if FAULT + Fault.HANG in faults:
            self.sandbox.clock.shift(HANGS)

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
                "asked again": oracle.tally.again,
                "copies": oracle.tally.copies,
                "left": oracle.tally.left,
                "refused": oracle.tally.refused,
            },
            behaviours=dict(self.behaviours),
            left_out=missing if students < RARE_BELOW or days < ALL_DAYS else (),
            differences=oracle.differences,
            lost=oracle.tally.lost,
            duplicated=oracle.tally.duplicated,
            transcript=self.transcript.digest,
            lines=self.transcript.lines or [],
        )
