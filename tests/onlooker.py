"""What must hold in the boarding school after whatever anybody did."""

import json
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlmodel import SQLModel, select

from handlers.answers import Draft
from storage.tables import (
    CalendarDay,
    Card,
    CheckIn,
    Consent,
    Contact,
    Enrolment,
    Flag,
    Guardianship,
    HistoryEntry,
    Ledger,
    Pause,
    Person,
    PlanRow,
    Quarantined,
    RoleGrant,
    Round,
    SignOff,
    Unit,
)
from tests.plain_morning import (
    STAFF,
    STUDENTS,
    Facts,
)
from tests.play import ZONE, Someone, Stage

POISON = ("update set aside", "message cannot be put into words", "card cannot be put into words",
          "batch failed, each update alone", "step failed", "message rejected", "edit rejected",
          "picture not drawn", "flood, event dropped")  # fmt: skip
DONE: Mapping[str, Mapping[int | str, str]] = {
    "en": {0: ": all clear", 1: "see the nurse", 2: "stay home", "absent": "not coming"},
    "zh": {0: "：都好", 1: "找校医", 2: "在家休息", "absent": "不到校"},
}
A_WAY_ON = (  # what a card without a button says in its stead
    *("ask the class teacher", "请联系班主任", "up to others in the family", "由其他家长来填"),
    *(
        "No school",
        "停课",
        "Nothing to fill in",
        "不用填",
        "nobody is asked",
        "No check-in",
        "没有晨检",
    ),
    *("not in your care", "不由您负责"),  # nothing is open for them any more
)
SAID = frozenset(
    {"accepted", "unchanged", "raised", "undone", "correction_asked", "late", "too_late"}
)
DECIDE = frozenset({"class_teacher", "doctor", "school_lead"})
ANSWER = DECIDE | {"deputy_lead", "dormitory_warden"}

Data = tuple[str, int, int, tuple[int, ...]]


def unpacked(data: str) -> Data | None:
    """Read a button's data as the architecture page tells it: a verb, a row, a revision, more."""
    verb, *rest = data.split(":")
    try:
        numbers = [int(each, 36) for each in rest]
    except ValueError:
        return None
    return (verb, numbers[0], numbers[1], tuple(numbers[2:])) if len(numbers) > 1 else None


@dataclass
class World:
    """The rows as they stand."""

    names: dict[int, str] = field(default_factory=dict)
    units: dict[int, Unit] = field(default_factory=dict)
    audiences: dict[int, str] = field(default_factory=dict)
    contacts: dict[int, Contact] = field(default_factory=dict)
    ties: list[Guardianship] = field(default_factory=list)
    consents: list[Consent] = field(default_factory=list)
    enrolments: list[Enrolment] = field(default_factory=list)
    grants: list[RoleGrant] = field(default_factory=list)
    pauses: dict[int, Pause] = field(default_factory=dict)
    days: dict[date, str] = field(default_factory=dict)
    rounds: dict[int, Round] = field(default_factory=dict)
    signed: dict[int, SignOff] = field(default_factory=dict)
    checkins: dict[int, CheckIn] = field(default_factory=dict)
    cards: dict[int, Card] = field(default_factory=dict)

    def chat(self, person: int) -> Contact | None:
        return next((c for c in self.contacts.values() if c.person_id == person), None)

    def agreed(self, person: int, subject: int) -> bool:
        return any(
            c.given_by == person and c.subject_id == subject and c.withdrawn_at is None
            for c in self.consents
        )

    def came_later(self, person: int, subject: int, day: date) -> bool:
        """Say whether somebody began to answer for another after a day's card had been shown."""
        given = [
            c.given_at
            for c in self.consents
            if c.given_by == person and c.subject_id == subject and c.withdrawn_at is None
        ]
        return all(each.astimezone(ZONE).date() > day for each in given)

    def wards(self, person: int, day: date) -> dict[int, Guardianship | None]:
        """Return whom somebody sees on their card, with the tie; themself without one."""
        found: dict[int, Guardianship | None] = {}
        if self.agreed(person, person):
            found[person] = None
        for tie in sorted(self.ties, key=lambda each: each.id):
            mine = tie.guardian_id == person and tie.proved_at and holds(tie, day)
            if mine and (tie.may_see or tie.may_answer) and self.agreed(person, tie.student_id):
                found.setdefault(tie.student_id, tie)
        return found

    def ways(self, subject: int, boards: bool, day: date) -> list[tuple[int, bool]]:
        found: list[tuple[int, int, int, bool]] = []
        own = self.chat(subject)
        if own is not None and own.state == "active" and self.agreed(subject, subject):
            found.append((0, own.id, subject, own.window == "evening"))
        for tie in self.ties:
            if tie.student_id != subject or boards or not tie.proved_at or not tie.may_answer:
                continue
            chat = self.chat(tie.guardian_id)
            if chat is None or chat.state != "active" or not holds(tie, day):
                continue
            if self.agreed(tie.guardian_id, subject):
                found.append((tie.rank, chat.id, tie.guardian_id, chat.window == "evening"))
        return [(person, evening) for _, _, person, evening in sorted(found)]

    def facts(self, school: int) -> Facts:
        def enrolled(day: date) -> dict[int, tuple[int, bool]]:
            return {
                e.person_id: (e.unit_id, e.dormitory_id is not None)
                for e in self.enrolments
                if holds(e, day)
            }

        pupils = {e.person_id for e in self.enrolments}
        near = pupils | {tie.guardian_id for tie in self.ties if tie.student_id in pupils}
        return Facts(
            enrolled=enrolled,
            staff=lambda day: {g.person_id for g in self.grants if holds(g, day)},
            ways=self.ways,
            wards=lambda person: {t.student_id for t in self.ties if t.guardian_id == person},
            evening=any(
                c.window == "evening" and c.state == "active" and c.person_id in near
                for c in self.contacts.values()
            ),
            school=school,
        )


def holds(row: Any, day: date) -> bool:
    return bool(row.since <= day and (row.until is None or day < row.until))


@dataclass
class Onlooker:
    """Looks at the rows and the chats, and keeps the plain account beside them."""

    stage: Stage
    seed: int
    language: str = "en"
    did: deque[str] = field(default_factory=lambda: deque(maxlen=14))
    kinds: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)  # what the bot kept, by kind
    taps: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    codes: list[str] = field(default_factory=list)
    world: World = field(default_factory=World)
    names: dict[int, str] = field(default_factory=dict)
    seen_history: int = 0
    seen_calls: int = 0
    updates: list[int] = field(default_factory=list)
    twice: set[str] = field(default_factory=set)
    actors: set[int] = field(default_factory=set)
    expected: list[tuple[int, int, Mapping[str, Any]]] | None = None
    faults: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)  # whose chat is blocked
    touched: set[int] = field(default_factory=set)  # chats in which the bot did something
    spoke: dict[int, set[int]] = field(default_factory=dict)

    # ---- who is who ---

    def contact_of(self, who: Someone) -> Contact | None:
        return next((c for c in self.world.contacts.values() if c.chat_id == who.user_id), None)

    def person(self, who: Someone) -> int | None:
        contact = self.contact_of(who)
        return contact.person_id if contact else None

    def begun(self, checkin: CheckIn, by: int) -> dict[str, Any]:
        about = (checkin.subject_id, by)
        tie = next((t for t in self.world.ties if (t.student_id, t.guardian_id) == about), None)
        apart = tie is not None and (tie.separate or not tie.may_see)
        return dict(Draft.of(checkin, by if apart else None).answers)

    @staticmethod
    def amiss(answers: Mapping[str, Any]) -> bool:
        heat = answers.get("temperature")
        hot = heat == "fever" or (isinstance(heat, int | float) and heat >= 37.3)
        away = answers.get("contact", "neither") != "neither"
        return hot or bool(answers.get("symptoms")) or away

    def waiting(self, person: int, card: Card) -> Iterator[CheckIn]:
        """Yield the check-ins that somebody may answer and that have no answer, for them."""
        for subject, tie in self.world.wards(person, card.day).items():
            if tie is not None and not tie.may_answer:
                continue
            for checkin in self.world.checkins.values():
                held = self.world.rounds[checkin.round_id]
                if checkin.subject_id != subject or held.day != card.day or held.cancelled_at:
                    continue
                if not self.complete_for(person, tie, checkin) and checkin.status != "excused":
                    yield checkin

    def complete_for(self, person: int, tie: Guardianship | None, checkin: CheckIn) -> bool:
        """Say whether a check-in is answered as far as somebody may know."""
        apart = tie is not None and (tie.separate or not tie.may_see)
        subject = checkin.subject_id
        separate = {
            t.guardian_id for t in self.world.ties if t.student_id == subject and t.separate
        }
        if not separate and not apart:
            return checkin.status == "complete"
        spoke = self.spoke.get(checkin.id, set())
        return bool(spoke & {person}) if apart else bool(spoke - separate)

    # ---- what must hold ----------------------------------------------------------------

    def fault(self, what: str) -> None:
        self.faults.append(what)

    async def look(self) -> None:
        """Bring the plain account up to date, and compare."""
        before, self.world = self.world, await self.read()
        await self._listen()
        self._account(before)
        self._compare()
        await self._chats()
        await self._ledger()
        self._answers()
        if self.faults:
            raise AssertionError(self.told())

    def told(self) -> str:
        steps = sum(self.kinds.values())
        return "\n".join(
            [f"seed {self.seed}, step {steps}, {self.stage.now.astimezone(ZONE):%a %d %b %H:%M}"]
            + [f"  {each}" for each in self.did]
            + [f"FAULT {each}" for each in self.faults[:12]]
        )

    async def read(self) -> World:
        async with self.stage.database.reading() as session:

            async def every(table: type[SQLModel]) -> list[Any]:
                return list(await session.exec(select(table)))

            for person in await every(Person):
                if person.id not in self.names and person.name:
                    self.names[person.id] = person.name.read(person.id)
            world = World(
                names=self.names,
                units={u.id: u for u in await every(Unit)},
                audiences={p.id: p.audience for p in await every(PlanRow)},
                contacts={c.id: c for c in await every(Contact)},
                ties=await every(Guardianship),
                consents=await every(Consent),
                enrolments=await every(Enrolment),
                grants=await every(RoleGrant),
                pauses={p.id: p for p in await every(Pause)},
                days={d.day: d.kind for d in await every(CalendarDay)},
                rounds={r.id: r for r in await every(Round)},
                signed={s.id: s for s in await every(SignOff)},
                checkins={c.id: c for c in await every(CheckIn)},
                cards={c.id: c for c in await every(Card)},
            )
            said = select(HistoryEntry).where(HistoryEntry.id > self.seen_history)  # type: ignore[operator]
            self.news = list(await session.exec(said.order_by(HistoryEntry.id)))  # type: ignore[arg-type]
            self.flags = [f for f in await every(Flag) if f.decided_at is None]
            for row in await every(Quarantined):
                self.fault(f"quarantined: {row.reason}")
        return world

    async def _listen(self) -> None:
        """Count the answers to taps."""
        self.touched.clear()
        url = f"/sandbox/log?after={self.seen_calls}"
        async with self.stage.http.get(url) as response:
            for call in await response.json():
                self.seen_calls = max(self.seen_calls, call["n"])
                self.touched.add(int(call["params"].get("chat_id", 0)))
                if call["method"] == "answerCallbackQuery":
                    self.answered[call["params"]["callback_query_id"]] += 1

    def _answers(self) -> None:
        if self.taps != self.answered:
            self.fault(f"taps {self.taps - self.answered} unanswered, "
                       f"{self.answered - self.taps} answered too often")  # fmt: skip
        self.taps.clear()
        self.answered.clear()

    def key(self, checkin: CheckIn) -> tuple[str, date, int]:
        held = self.world.rounds[checkin.round_id]
        return self.world.audiences[held.plan_id], held.day, checkin.subject_id

    @property
    def school_id(self) -> int:
        return self.stage.school.id if self.stage.school else 0

    def _account(self, before: World) -> None:
        """Tell the plain account what the bot took from people, then let its clock tick."""
        plain, world, now = self.plain, self.world, self.stage.now
        facts = world.facts(self.school_id)
        words = []
        for entry in self.news:
            self.seen_history = entry.id
            self._hear(entry, words)
        if self.expected is not None and not self._same(words, self.expected):
            self.fault(f"said {self.expected}, taken {words}")
        if len(world.enrolments) + len(world.grants) > len(before.enrolments) + len(before.grants):
            plain.listed(facts)
        self._left()
        for day in before.days.keys() | world.days.keys():
            if before.days.get(day) != world.days.get(day):
                plain.day_set(day, world.days.get(day))
        for consent in world.consents[len(before.consents) :]:
            plain.joined(consent.subject_id, consent.given_by)
        self._stopped(before)
        self._pauses(before)
        self._closed_and_opened(before, facts)
        for checkin in world.checkins.values():
            audience, day, subject = self.key(checkin)
            was = before.checkins.get(checkin.id)
            begun = checkin.status == "partial" and was is not None and was.status != "partial"
            if begun and self._may_begin(checkin):
                plain.began(audience, day, subject)
        for id_, signed in world.signed.items():
            if id_ not in before.signed:
                self._signed(signed)
        plain.tick(now, facts)

    def _closed_and_opened(self, before: World, facts: Facts) -> None:
        became = {"blocked": self.plain.lost, "active": self.plain.back}
        for id_, contact in self.world.contacts.items():
            was = before.contacts.get(id_)
            if was and contact.person_id and {was.state, contact.state} == became.keys():
                became[contact.state](contact.person_id, facts, self.stage.now)

    def _stopped(self, before: World) -> None:
        facts = self.world.facts(self.school_id)
        for was, consent in zip(before.consents, self.world.consents, strict=False):
            if consent.withdrawn_at != was.withdrawn_at:
                self.plain.lost(consent.given_by, facts, self.stage.now)

    def _signed(self, signed: SignOff) -> None:
        """Compare what somebody put their name under with what stands."""
        self.acts["signed"] += 1
        cases = sum(self.plain.counted(a, signed.day)["cases"] for a in (STUDENTS, STAFF))
        heard_of = sum(self.plain.counted(a, signed.day)["unheard"] for a in (STUDENTS, STAFF))
        if signed.cases != cases or len(signed.unaccounted) > heard_of:
            self.fault(f"signed {signed.cases} cases on {signed.day}, plainly {cases}")

    def _left(self) -> None:
        """Whoever has left the school, and said nothing, is not waited for on later days."""
        rows = {self.key(checkin) for checkin in self.world.checkins.values()}
        for (audience, day), held in self.plain.mornings.items():
            for subject, stand in list(held.stands.items()):
                mine = [e for e in self.world.enrolments if e.person_id == subject]
                gone = bool(mine) and not any(holds(e, day) for e in mine)
                if gone and stand.status != "complete" and (audience, day, subject) not in rows:
                    del held.stands[subject]

    def _pauses(self, before: World) -> None:
        plain, pauses, now = self.plain, self.world.pauses, self.stage.now
        made = [p for id_, p in pauses.items() if id_ not in before.pauses]
        for id_, was in before.pauses.items():
            ended = was.ended_at is None and pauses[id_].ended_at is not None
            if ended and was.subject_id not in {pause.subject_id for pause in made}:
                plain.pause_over(was.subject_id, self.world.facts(self.school_id), now)
        for pause in made:
            if pause.ended_at is None:
                plain.pause(pause.subject_id, pause.since, pause.until, now)

    def _may_begin(self, checkin: CheckIn) -> bool:
        """Say whether any of those who did something may answer for a child."""
        day = self.world.rounds[checkin.round_id].day
        for person in self.actors:
            if self._roles(person, checkin) & ANSWER:
                return True
            wards = self.world.wards(person, day)
            tie = wards.get(checkin.subject_id)
            if checkin.subject_id in wards and (tie is None or tie.may_answer):
                return True
        return False

    @staticmethod
    def _same(taken: list[Any], said: list[Any]) -> bool:
        def sorted_(each: list[Any]) -> list[str]:
            return sorted(json.dumps([c, by, a], sort_keys=True) for c, by, a in each)

        return sorted_(taken) == sorted_(said)

    def _hear(self, entry: HistoryEntry, words: list[Any]) -> None:
        plain, now = self.plain, self.stage.now
        checkin = self.world.checkins[entry.check_in_id]
        audience, day, subject = self.key(checkin)
        by = entry.by or 0
        if by not in self.actors:
            self.fault(f"{entry.act} by {self.world.names.get(by)}, who did nothing")
        self.acts[entry.act] += 1
        try:
            if entry.act in SAID:
                answers = json.loads(entry.answers.read(subject)) if entry.answers else {}
                words.append((checkin.id, by, answers))
                if not self._may_begin(checkin):
                    self.fault(f"{self.world.names[by]} answered for {self.world.names[subject]}")
                verdict = plain.heard(audience, day, subject, by, answers, now)
                if verdict != "too_late":
                    self.spoke.setdefault(checkin.id, set()).add(by)
                if verdict != entry.act:
                    self.fault(f"{self.world.names[subject]}: {entry.act}, plainly {verdict}")
            else:
                self._school_acts(entry.act, checkin, by)
        except (AssertionError, KeyError) as error:
            self.fault(f"{entry.act} about {self.world.names[subject]} on {day}: {error!r}")

    def _school_acts(self, act: str, checkin: CheckIn, by: int) -> None:
        plain, now = self.plain, self.stage.now
        audience, day, subject = self.key(checkin)
        if act == "released":
            plain.agreed(audience, day, subject, by, now)
        elif act == "flag_kept":
            plain.left(audience, day, subject)
        elif act == "excused":
            plain.excused(audience, day, subject)
        elif act == "not_excused":
            plain.not_excused(audience, day, subject, self.world.facts(self.school_id))
        elif act.startswith("released_"):
            plain.let_go(audience, day, subject, by, now)
        if act == "flag_kept" or act.startswith("released"):
            own = subject in {by, *(t.student_id for t in self.world.ties if t.guardian_id == by)}
            if own or not self._roles(by, checkin) & DECIDE:
                self.fault(f"{act} by {self.world.names[by]}, who must not")

    def _roles(self, person: int, checkin: CheckIn) -> set[str]:
        """Return the roles of somebody that reach a child."""
        paths = [self.world.units[checkin.unit_id].path]
        if checkin.dormitory_id is not None:
            paths.append(self.world.units[checkin.dormitory_id].path)
        return {
            grant.role
            for grant in self.world.grants
            if grant.person_id == person
            and any(path.startswith(self.world.units[grant.unit_id].path) for path in paths)
        }

    def _compare(self) -> None:
        """Compare every check-in with the plain account."""
        plainly = {
            (audience, day, subject): stand.plainly()
            for (audience, day), held in self.plain.mornings.items()
            for subject, stand in held.stands.items()
        }
        open_flags = Counter((f.check_in_id, f.kind) for f in self.flags)
        rows = {}
        for checkin in self.world.checkins.values():
            rows[self.key(checkin)] = {
                "status": checkin.status,
                "severity": checkin.severity,
                "floor": checkin.floor,
                "absent": checkin.absent,
                "late": checkin.late,
                "by": checkin.respondent_id,
                "correction": checkin.asked_for is not None,
                "flagged": open_flags[checkin.id, "flag"] == 1,
            }
            if (open_flags[checkin.id, "correction"] == 1) != (checkin.asked_for is not None):
                self.fault(f"a correction stands open or shut alone: {self.key(checkin)}")
        for key in rows.keys() | plainly.keys():
            if rows.get(key) != plainly.get(key):
                audience, day, subject = key
                row, plain = rows.get(key) or {}, plainly.get(key) or {}
                parts = {k: (row.get(k), plain.get(k)) for k in row.keys() | plain.keys()}
                differs = {k: v for k, v in parts.items() if v[0] != v[1]}
                name = self.world.names.get(subject)
                self.fault(f"{name} {audience} {day}: (row, plain) {differs}")
        self._asked()
        for held in self.world.rounds.values():
            plain_held = self.plain.mornings.get((self.world.audiences[held.plan_id], held.day))
            if plain_held is None:
                self.fault(f"a round on {held.day} that should not be")
            elif (held.closed_at is not None, held.cancelled_at is not None) != (
                plain_held.closed is not None,
                plain_held.cancelled,
            ):
                self.fault(f"the round of {held.day} is open or shut otherwise")

    def _asked(self) -> None:
        """Whoever counts as asked, and can be reached, has the day's card before them."""
        having = {
            (self.world.contacts[card.contact_id].person_id, card.day)
            for card in self.world.cards.values()
            if card.kind == "household" and card.message_id is not None
        }
        for (_, day), held in self.plain.mornings.items():
            for subject, stand in held.stands.items():
                if held.closed or held.cancelled or stand.status not in {"asked", "partial"}:
                    continue
                ways = [person for person, _ in self.world.ways(subject, stand.boards, day)]
                if ways and not any((person, day) in having for person in ways):
                    self.fault(
                        f"{self.names[subject]} is {stand.status}, and nobody was for {day}"
                    )

    # ---- the chats -----------------------------------------------------------------------

    async def _chats(self) -> None:
        """Read every open chat as its owner does."""
        for who in self.people.values():
            contact = self.contact_of(who)
            if contact is None or contact.state != "active":
                continue
            mine = [c for c in self.world.cards.values() if c.contact_id == contact.id]
            for card in mine:
                if card.message_id is not None and card.shown != card.revision:
                    self.fault(f"{who.name}: {card.kind} shows {card.shown} of {card.revision}")
            if who.user_id not in self.touched:
                continue
            shown = {m["id"]: m for m in await self.messages(who)}
            language = contact.language or self.language
            for card in mine:
                message = shown.get(card.message_id or 0)
                if message is not None:
                    self._card(who, contact, card, message, language)
                elif card.message_id is not None:
                    self.fault(f"{who.name}: the {card.kind} card of {card.day} has no message")

    def _card(
        self,
        who: Someone,
        contact: Contact,
        card: Card,
        message: dict[str, Any],
        language: str,
    ) -> None:
        text = message["text"] or message["caption"] or ""
        if card.day < self.plain.today(self.stage.now):  # it keeps the language of its day
            language = "zh" if f"{card.day.month}月" in text else "en"
        buttons = [b["text"] for row in message["buttons"] for b in row]
        today = self.plain.today(self.stage.now)
        current = card.day >= today
        if not buttons and current and card.kind != "flag":
            said = any(words in text for words in A_WAY_ON)
            if not said:
                self.fault(f"{who.name}: no way on from {card.kind} of {card.day}: {text!r}")
        if card.kind == "household":
            self._household(who, contact, card, text, buttons, language)
        elif card.kind == "class":
            self._class(who, card, text, language)
        elif card.kind == "summary" and current:
            self._summary(who, card, text, language)
        elif card.kind == "flag":
            flag = next((f for f in self.flags if f.id == card.about_id), None)
            if flag is not None and flag.acknowledged_at is None and not buttons:
                checkin = self.world.checkins[flag.check_in_id]
                roles = self._roles(contact.person_id or 0, checkin)
                if roles & DECIDE:
                    self.fault(f"{who.name}: no way on from a flag: {text!r}")

    def _household(
        self,
        who: Someone,
        contact: Contact,
        card: Card,
        text: str,
        buttons: list[str],
        language: str,
    ) -> None:
        """Compare what a family reads with where each child stands."""
        if card.focus.get("check_in") or card.focus.get("whom") or contact.person_id is None:
            return
        said_once = Counter(line for line in text.splitlines() if line.startswith("✓"))
        if any(times > 1 for times in said_once.values()):
            self.fault(f"{who.name} reads a line twice on {card.day}: {text!r}")
        for subject, tie in self.world.wards(contact.person_id, card.day).items():
            name = "you" if subject == contact.person_id else self.world.names[subject]
            if subject == contact.person_id and language == "zh":
                name = "您"
            if self.world.came_later(contact.person_id, subject, card.day):
                continue  # an old card is not told anew
            apart = any(t.separate for t in self.world.ties if t.student_id == subject)
            if apart or (tie is not None and not tie.may_see):
                continue
            for (_, day), held in self.plain.mornings.items():
                stand = held.stands.get(subject)
                if day != card.day or stand is None or held.cancelled:
                    continue
                may_end = tie is None or tie.may_answer
                amiss = may_end and self._begun_amiss(subject, day, contact.person_id)
                if stand.severity == 0 and amiss:
                    continue  # whoever began to say more is asked to end it
                lines = [line for line in text.splitlines() if name in line]
                self._line(who, card, stand, lines, language, text, name)

    def _begun_amiss(self, subject: int, day: date, by: int) -> bool:
        return any(
            self.amiss(self.begun(checkin, by))
            for checkin in self.world.checkins.values()
            if checkin.subject_id == subject and self.key(checkin)[1] == day
        )

    def _line(
        self,
        who: Someone,
        card: Card,
        stand: Any,
        lines: list[str],
        language: str,
        text: str,
        name: str,
    ) -> None:
        marks = DONE[language]
        if stand.status == "complete":
            kind: Any = min(stand.severity, 2)
            mark = marks["absent"] if stand.absent and not kind else marks[kind]
            if not any(mark in line for line in lines):
                self.fault(f"{who.name} does not read {mark!r} of {name} on {card.day}: {text!r}")
        elif any(line.startswith("✓") and str(marks[0]) in line for line in lines):
            self.fault(
                f"{who.name} reads {name} all clear on {card.day}, {stand.status}: {text!r}"
            )

    def _class(self, who: Someone, card: Card, text: str, language: str) -> None:
        counts = self.plain.counted(STUDENTS, card.day, card.about_id)
        words = f"{counts['in']} of {counts['of']} in"
        if language == "zh":
            words = f"应填{counts['of']}人，已填{counts['in']}人"
        of_class = self.world.units[card.about_id].kind == "class"
        if card.focus.get("page", "main") != "main" or "class_teacher" not in self._held_by(who):
            return  # other pages, and the slices of those who look after more
        if counts["of"] and of_class and words not in text:
            self.fault(
                f"{who.name}: the class card of {card.day} does not say {words!r}: {text!r}"
            )

    def _held_by(self, who: Someone) -> set[str]:
        return {g.role for g in self.world.grants if g.person_id == self.person(who)}

    def _summary(self, who: Someone, card: Card, text: str, language: str) -> None:
        if "✍️" in text:
            return
        for audience, en, zh in (
            (STUDENTS, "Students: {in} of {of} answered", "学生：应填{of}人，已填{in}人"),
            (STAFF, "Staff: {in} of {of} answered", "教职工：应填{of}人，已填{in}人"),
        ):
            counts = self.plain.counted(audience, card.day)
            words = (zh if language == "zh" else en).format(**counts)
            if counts["of"] and words not in text:
                self.fault(f"{who.name}: the summary does not say {words!r}: {text!r}")

    async def _ledger(self) -> None:
        """Nothing waits for ever, comes too late, or stays when it is answered."""
        now = self.stage.now
        async with self.stage.database.reading() as session:
            rows = list(await session.exec(select(Ledger)))
        mornings = self.plain.mornings.items()
        for row in rows:
            who = self.world.names.get(self.world.contacts[row.contact_id].person_id or 0)
            reader = self.world.contacts[row.contact_id]
            unsettled = row.state in {"pending", "sending", "unknown"} or (
                row.state == "withdrawing" and reader.state == "active"
            )
            if unsettled and (row.not_before is None or row.not_before <= now):
                self.fault(f"{row.kind} {row.cause} to {who} is still {row.state}")
            if row.state == "failed":
                self.fault(f"{row.kind} {row.cause} to {who} failed: {row.error}")
            if row.sent_at and row.not_after and row.sent_at > row.not_after:
                self.fault(f"{row.kind} {row.cause} to {who} was sent after its time")
            if row.kind == "reminder" and row.state == "sent" and row.card_id:
                card = self.world.cards[row.card_id]
                if not any(self.waiting(reader.person_id or 0, card)):
                    self.fault(f"a reminder to {who} about {card.day} is answered, and stays")
                if all(h.closed or h.cancelled for (_, d), h in mornings if d == card.day):
                    self.fault(f"a reminder to {who} stays after the close of {card.day}")
        asks = Counter((r.contact_id, r.cause, r.rung) for r in rows if r.cause.startswith("ask:"))
        if any(count > 1 for count in asks.values()):
            self.fault(f"asked twice: {asks.most_common(1)}")


CHOICES: Mapping[str, tuple[Any, ...]] = {
    "temperature": ("normal", "fever"),
    "symptoms": (),
    "place": ("town",),
    "contact": ("neither", "contact"),
    "attending": ("yes", "no"),
}
