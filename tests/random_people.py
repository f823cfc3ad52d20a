"""Random people doing random things in the boarding school, and what must hold after each of them.

A walk is a seed: the same seed is the same walk. Whatever goes wrong is told with the seed and the
last things that people did.
"""

import json
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from sqlmodel import SQLModel, select
from structlog.testing import capture_logs

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
    Unit,
)
from tests.plain_morning import (
    ALL_CLEAR,
    STAFF,
    STUDENTS,
    Facts,
    PlainSchool,
    questions,
)
from tests.play import BOARDING_ROSTER, BOT_ID, MONDAY, ZONE, Someone, Stage

AT_START = (
    *("Maria", "Carlos", "周敏", "Tina", "Oleg", "Ruth", "Paul", "Lena", "Mia"),
    *("Mr Wang", "林岚", "方青", "许静", "Gu", "Mr Lee", "Mrs Song"),
)
LATER = ("何平", "Ms Sun", "钱桂英", "Rosa", "Vera", "阿强")  # have a phone, and may join
CLAIMS = ("Ana 0412", "Ben 0415", "周子昂 0420", "Leo 0450", "何禾 0451", "Tom 9999", "Mia 0440")
WORDS = (
    *("36.5", "38.2", "都好", "all fine", "all good", "Ana has a cough", "Tom fine", "周子昂咳嗽"),
    *(
        "both fine",
        "fever",
        "发烧39",
        "没有不舒服",
        "none",
        "in town",
        "本地",
        "Wuhan",
        "武汉",
        "no",
    ),
    *(
        "yes",
        "不来",
        "not coming today",
        "?",
        "能不能去学校？",
        "thank you",
        "谢谢老师",
        "asdf",
        "🙂",
        ".",
    ),
    *("Ben vomited and has a rash", "Mia 37.9", "钱小满 36.4", "closed today", "1234", "<b>x</b>"),
    *(
        "Ana fine, Ben coughs",
        "36.5 36.6",
        "接触过病人",
        "neither",
        "咳嗽 发烧",
        "me too",
        "x" * 400,
    ),
)
COMMANDS = (
    *("/today", "/today", "/today", "/class", "/class 3-2", "/class 9-9", "/summary", "/when"),
    *("/pause", "/pause tomorrow", "/pause end", "/pause Ana 2026-03-06", "/stop", "/language"),
    *("/plan", "/calendar", "/calendar closed today snow", "/calendar open today", "/why Ana"),
    *("/calendar closed tomorrow", "/calendar clear today", "/calendar clear tomorrow", "/why"),
    *("/help", "/roster", "/start", "/invite", "/setup", "/health", "/import", "/nonsense"),
)
CLOCKS = ("06:00", "06:29", "06:30", "06:45", "07:09", "07:10", "07:20", "07:31", "07:59",
          "08:00", "08:05", "08:30", "09:00", "12:00", "18:59", "19:00", "21:30", "23:59")  # fmt: skip
POISON = ("update set aside", "message cannot be put into words", "card cannot be put into words",
          "batch failed, each update alone", "step failed", "message rejected", "edit rejected",
          "picture not drawn", "flood, event dropped")  # fmt: skip
DONE = {
    "en": {0: ": all clear", 1: "please see the nurse", 2: "please stay home", "absent": "not coming"},
    "zh": {0: "：都好", 1: "找校医", 2: "在家休息", "absent": "不到校"},
}  # fmt: skip
NOBODY_ASKED = {"en": "nobody is asked", "zh": "今天不用填报"}
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
)

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
    checkins: dict[int, CheckIn] = field(default_factory=dict)
    cards: dict[int, Card] = field(default_factory=dict)

    def chat(self, person: int) -> Contact | None:
        return next((c for c in self.contacts.values() if c.person_id == person), None)

    def agreed(self, person: int, subject: int) -> bool:
        return any(
            c.given_by == person and c.subject_id == subject and c.withdrawn_at is None
            for c in self.consents
        )

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
        if self.agreed(subject, subject) and (own := self.chat(subject)):
            if own.state == "active":
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
class Walk:
    """One seed's walk through the school."""

    stage: Stage
    seed: int
    language: str = "en"
    did: deque[str] = field(default_factory=lambda: deque(maxlen=14))
    kinds: Counter[str] = field(default_factory=Counter)
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

    # ---- beginning ---------------------------------------------------------------------

    async def begin(self) -> None:
        """Let the school open, those at the start join, and take its first picture."""
        self.random = Random(self.seed)
        stage = self.stage
        await stage.opens_boarding_school(self.language)
        self.people: dict[str, Someone] = {}
        for name in AT_START:
            tongue = self.random.choice(["en", "zh"])
            self.people[name] = await stage.joined(name, tongue)
        for name in LATER:
            self.people[name] = await stage.phone(name, self.random.choice(["en", "zh"]))
            await self.post(f"/sandbox/chats/{self.people[name].user_id}/messages", start="")
        self.codes = [await stage.class_link("3-2"), await stage.class_link("1-1")]
        self.plain = PlainSchool(ZONE, MONDAY)
        self.world = await self.read()
        await stage.settle()
        await self.look()

    async def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = await self.stage.post(path, body)
        if "update_id" in answer:
            self.updates.append(answer["update_id"])
        return answer

    # ---- what people do ----------------------------------------------------------------

    async def step(self) -> None:
        """Let somebody do something, then look whether everything is as it must be."""
        acts: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (34, self.taps_newest),
            (10, self.taps_anything),
            (8, self.answers_well),
            (3, self.taps_foreign),
            (3, self.taps_forged),
            (4, self.both_at_once),
            (2, self.taps_twice),
            (12, self.types),
            (8, self.commands),
            (4, self.invited),
            (4, self.blocks),
            (3, self.comes_again),
            (2, self.sends_a_picture),
            (1, self.office_imports),
            (14, self.time_passes),
            (2, self.days_pass),
            (1, self.clock_goes_back),
        ]
        self.actors, self.expected = set(), None
        act = self.random.choices([a for _, a in acts], [w for w, _ in acts])[0]
        self.kinds[act.__name__] += 1
        with capture_logs() as logs:
            await act()
            await self.stage.settle()
        for line in logs:
            if line["event"] in POISON or line.get("log_level") == "error":
                if line["event"] != "flag unheard":
                    self.fault(f"logged: {line}")
        await self.look()

    def somebody(self, *names: str) -> Someone:
        """Return one of these people, or of all, whose chat is open."""
        weighty = ["Maria", "Tina", "Ruth", "Paul", "周敏", "Mr Wang", "Carlos", "Mia"]
        among = names or (*self.people, *weighty, *weighty)
        return self.random.choice([self.people[n] for n in among if n not in self.closed])

    async def messages(self, who: Someone) -> list[dict[str, Any]]:
        return [m for m in await self.stage.chat(who) if m["from"] == "bot"]

    async def taps_newest(self) -> None:
        await self._taps(self.somebody(), newest=True)

    async def taps_anything(self) -> None:
        await self._taps(self.somebody(), newest=False)

    async def _taps(self, who: Someone, *, newest: bool, predict: bool = True) -> bool:
        chat = await self.messages(who)
        choices = [
            (m, b)
            for m in (chat[-4:] if newest else chat)
            for row in m["buttons"]
            for b in row
            if "data" in b
        ]
        if not choices:
            return False
        message, button = self.random.choice(choices)
        if predict:
            self.expected = await self.meant(who, chat, message, button)
        await self._tap(who, message["id"], button["data"], button["text"])
        return True

    async def _tap(self, who: Someone, message_id: int, data: str, label: str = "") -> None:
        self.tell(who, f"[{label or data}] on {message_id}  {data}")
        body = {"message_id": message_id, "data": data, "raw": True}
        tapped = await self.post(f"/sandbox/chats/{who.user_id}/taps", **body)
        self.taps[tapped["callback_id"]] += 1

    async def answers_well(self) -> None:
        """Somebody taps the first button of their newest card, as most do each morning."""
        who = self.somebody()
        chat = await self.messages(who)
        for message in reversed(chat):
            button = next((b for row in message["buttons"] for b in row if "data" in b), None)
            if button is not None:
                self.expected = await self.meant(who, chat, message, button)
                await self._tap(who, message["id"], button["data"], button["text"])
                return

    async def taps_foreign(self) -> None:
        """Somebody sends what stands on another's button."""
        who, other = self.somebody(), self.somebody()
        chat, theirs = await self.messages(who), await self.messages(other)
        data = [b["data"] for m in theirs for row in m["buttons"] for b in row if "data" in b]
        if chat and data and who is not other:
            self.expected = None if who.person_id is None else await self.foreign(who)
            await self._tap(who, chat[-1]["id"], self.random.choice(data))

    async def foreign(self, who: Someone) -> None:
        return None

    async def taps_forged(self) -> None:
        """Somebody sends what stands on no button."""
        who = self.somebody()
        chat = await self.messages(who)
        rows = [*self.world.cards, *self.world.checkins, 0, 1, 7, 2**62]
        verb = self.random.choice(
            "a o p d b h c r s l k j y n w g i t u e m v x f q z pa pe rb".split()
        )
        numbers = [self.random.choice(rows), self.random.randrange(9), self.random.randrange(9)]
        data = self.random.choice(
            [":".join([verb, *(base36(n) for n in numbers)]), "", "a", "a:é", "p:1:1:zzzzzzzzzzzzzz", "💥"]
        )  # fmt: skip
        if chat and data:
            await self._tap(who, self.random.choice(chat)["id"], data)

    async def both_at_once(self) -> None:
        """Two or three people tap before the bot has looked."""
        for name in self.random.sample(
            ["Maria", "Carlos", "Ruth", "Paul", "Mia", "Tina", "Mr Wang", "许静"], 3
        ):
            if name not in self.closed:
                await self._taps(self.people[name], newest=True, predict=False)

    async def taps_twice(self) -> None:
        """The same finger, twice; or the same tap under a new update id."""
        who = self.somebody()
        chat = await self.messages(who)
        buttons = [(m, b) for m in chat[-3:] for row in m["buttons"] for b in row if "data" in b]
        if buttons:
            message, button = self.random.choice(buttons)
            for _ in range(2):
                await self._tap(who, message["id"], button["data"], button["text"])

    async def types(self) -> None:
        await self._writes(self.somebody(), self.random.choice([*WORDS, *CLAIMS]))

    async def commands(self) -> None:
        text = self.random.choice(COMMANDS)
        office = text.split()[0] in {"/calendar", "/plan", "/roster", "/invite", "/setup"}
        office = office and "Gu" not in self.closed and self.random.random() < 0.5
        who = self.people["Gu"] if office else self.somebody()
        await self._writes(who, text)

    async def _writes(self, who: Someone, text: str) -> None:
        self.tell(who, text[:60])
        await self.post(f"/sandbox/chats/{who.user_id}/messages", text=text)

    async def invited(self) -> None:
        """Somebody opens a link: a good one, a used one, a wrong one; or says who the child is."""
        who = self.somebody(*LATER, *LATER, "Carlos", "Paul", "Maria")
        if self.random.random() < 0.5:
            await self._writes(who, self.random.choice(CLAIMS))
            return
        code = self.random.choice([*self.codes, *self.codes, "nosuchcodeatall0000000"])
        self.tell(who, "/start with a code")
        await self.post(f"/sandbox/chats/{who.user_id}/messages", start=code)

    async def blocks(self) -> None:
        blocked = not self.closed or self.random.random() < 0.3
        who = self.somebody() if blocked else self.people[self.random.choice(self.closed)]
        self.closed = [name for name in (*self.closed, who.name) if blocked or name != who.name]
        self.tell(who, "blocks the bot" if blocked else "unblocks the bot")
        await self.post(f"/sandbox/chats/{who.user_id}/block", blocked=blocked)

    async def comes_again(self) -> None:
        """Telegram delivers something again."""
        if self.updates:
            update = self.random.choice(self.updates[-30:])
            self.did.append(f"update {update} comes again")
            body = {"redeliver": update}
            await self.stage.post(f"/sandbox/bots/{BOT_ID}/updates", body)

    async def sends_a_picture(self) -> None:
        who = self.somebody()
        self.did.append(f"{who.name}: <picture>")
        await self.stage.sends_picture(who)
        self.actors.add(self.person(who) or 0)

    async def office_imports(self) -> None:
        """The office sends the list of people again, with somebody new, or in another class."""
        if "Gu" in self.closed:
            return
        lines = BOARDING_ROSTER.strip().splitlines()
        if self.random.random() < 0.5:
            number = self.random.randrange(20250460, 20250470)
            lines.append(f"student,{number},New {number % 100},3-2,3,,,,")
        else:
            place = self.random.randrange(1, 7)
            old, new = self.random.choice([("3-2,3", "1-1,1"), ("1-1,1", "3-2,3")])
            lines[place] = lines[place].replace(old, new)
        self.did.append("Gu: <roster.csv>")
        content = "\n".join(lines).encode()
        await self.stage.sends_file(self.people["Gu"], "roster.csv", content)
        self.actors.add(self.people["Gu"].person_id or 0)

    async def time_passes(self) -> None:
        now = self.stage.now
        if self.random.random() < 0.5:
            later = now + timedelta(minutes=self.random.choice([1, 4, 9, 11, 30]))
        else:
            local = now.astimezone(ZONE)
            ahead = sorted(c for c in CLOCKS if c > f"{local:%H:%M}")
            clock = self.random.choice(ahead[:3]) if ahead else "06:00"
            day = local.date() + timedelta(days=not ahead)
            later = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZONE)
        await self._it_is(later)

    async def days_pass(self) -> None:
        days = self.random.choice([1, 1, 1, 2, 3])
        local = self.stage.now.astimezone(ZONE) + timedelta(days=days)
        clock = self.random.choice(CLOCKS)
        later = datetime.fromisoformat(f"{local.date()}T{clock}").replace(tzinfo=ZONE)
        if later.date() < date(2026, 4, 30):
            await self._it_is(later)

    async def clock_goes_back(self) -> None:
        await self._it_is(self.stage.now - timedelta(minutes=self.random.choice([1, 7, 40])))

    async def _it_is(self, moment: datetime) -> None:
        self.stage.now = moment.astimezone(UTC)
        self.did.append(f"@ {moment.astimezone(ZONE):%a %d %b %H:%M}")
        self.stage.sandbox.clock.jump_to(self.stage.now, force=True)

    def tell(self, who: Someone, what: str) -> None:
        self.did.append(f"{who.name}: {what}")
        self.actors.add(self.person(who) or 0)

    def contact_of(self, who: Someone) -> Contact | None:
        return next((c for c in self.world.contacts.values() if c.chat_id == who.user_id), None)

    def person(self, who: Someone) -> int | None:
        contact = self.contact_of(who)
        return contact.person_id if contact else None

    # ---- what a tap means to whoever taps ------------------------------------------------

    async def meant(
        self,
        who: Someone,
        chat: list[dict[str, Any]],
        message: dict[str, Any],
        button: dict[str, Any],
    ) -> list[tuple[int, int, Mapping[str, Any]]] | None:
        """Return what a tap on a household's card says: (check-in, by, answers); None is unknown.

        A button of an earlier revision says nothing, and neither does one of a closed card.
        """
        data = unpacked(button["data"])
        contact = self.contact_of(who)
        card = self.world.cards.get(data[1]) if data else None
        if data is None or contact is None or contact.person_id is None or card is None:
            return None
        if card.kind != "household" or data[0] not in set("aopdbhc"):
            return None
        newest = max(
            other[2]
            for m in chat
            for row in m["buttons"]
            for b in row
            if "data" in b and (other := unpacked(b["data"])) and other[1] == card.id
        )
        by, verb = contact.person_id, data[0]
        if verb in "obhc" or data[2] != newest or card.contact_id != contact.id:
            return []
        if verb == "a":
            return [
                (checkin.id, by, {**ALL_CLEAR, **self.begun(checkin, by)})
                for checkin in self.waiting(by, card)
                if not self.amiss(self.begun(checkin, by))
            ]
        return self.picked(card, by, data)

    def picked(
        self, card: Card, by: int, data: Data
    ) -> list[tuple[int, int, Mapping[str, Any]]] | None:
        focus = card.focus
        checkin = self.world.checkins.get(focus.get("check_in", 0))
        question = focus.get("question")
        if checkin is None or question is None or (data[3] and data[3][0] > 900):
            return None
        choices = CHOICES[question]
        said = dict(self.begun(checkin, by))
        if data[0] == "d":
            said.setdefault(question, [])
        elif not data[3] or data[3][0] >= len(choices):
            return []
        elif question == "symptoms":
            return []
        else:
            said[question] = choices[data[3][0]]
        said = {key: said[key] for key in questions(said) if key in said}
        if any(key not in said for key in questions(said)):
            return []
        return [(checkin.id, by, said)]

    def begun(self, checkin: CheckIn, by: int) -> dict[str, Any]:
        tie = next(
            (t for t in self.world.ties if (t.student_id, t.guardian_id) == (checkin.subject_id, by)),
            None,
        )  # fmt: skip
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
        for day in before.days.keys() | world.days.keys():
            if before.days.get(day) != world.days.get(day):
                plain.day_set(day, world.days.get(day))
        for consent in world.consents[len(before.consents) :]:
            plain.joined(consent.subject_id)
        for id_, pause in world.pauses.items():
            was = before.pauses.get(id_)
            if was is not None and was.ended_at is None and pause.ended_at is not None:
                again = [p for p in world.pauses.values() if p.id not in before.pauses]
                if pause.subject_id not in {p.subject_id for p in again}:
                    plain.pause_over(pause.subject_id, now)
        for id_, pause in world.pauses.items():
            if id_ not in before.pauses and pause.ended_at is None:
                plain.pause(pause.subject_id, pause.since, pause.until, now)
        for id_, contact in world.contacts.items():
            was = before.contacts.get(id_)
            if contact.state == "blocked" and was and was.state == "active" and contact.person_id:
                plain.lost(contact.person_id, facts, now)
        for checkin in world.checkins.values():
            audience, day, subject = self.key(checkin)
            was = before.checkins.get(checkin.id)
            begun = checkin.status == "partial" and was is not None and was.status != "partial"
            if begun and self._may_begin(checkin):
                plain.began(audience, day, subject)
        plain.tick(now, facts)

    def _may_begin(self, checkin: CheckIn) -> bool:
        """Say whether any of those who did something may answer for a child."""
        day = self.world.rounds[checkin.round_id].day
        for person in self.actors:
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
        if entry.act in {"released", "flag_kept"} or entry.act.startswith("released_"):
            roles = self._roles(by, checkin, day)
            own = subject in {by, *(t.student_id for t in self.world.ties if t.guardian_id == by)}
            if own or not roles & {"class_teacher", "doctor", "school_lead"}:
                self.fault(f"{entry.act} by {self.world.names[by]}, who must not")
        try:
            if entry.act == "released":
                plain.agreed(audience, day, subject, by, now)
            elif entry.act == "flag_kept":
                plain.left(audience, day, subject)
            elif entry.act.startswith("released_"):
                plain.let_go(audience, day, subject, by, now)
            else:
                answers = json.loads(entry.answers.read(subject)) if entry.answers else {}
                words.append((checkin.id, by, answers))
                if not self._may_begin(checkin):
                    self.fault(f"{self.world.names[by]} answered for {self.world.names[subject]}")
                verdict = plain.heard(audience, day, subject, by, answers, now)
                if verdict != "too_late":
                    self.spoke.setdefault(checkin.id, set()).add(by)
                if verdict != entry.act:
                    self.fault(f"{self.world.names[subject]}: {entry.act}, plainly {verdict}")
        except (AssertionError, KeyError) as error:
            self.fault(f"{entry.act} about {self.world.names[subject]} on {day}: {error!r}")

    def _roles(self, person: int, checkin: CheckIn, day: date) -> set[str]:
        path = self.world.units[checkin.unit_id].path
        return {
            grant.role
            for grant in self.world.grants
            if grant.person_id == person and path.startswith(self.world.units[grant.unit_id].path)
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
        for held in self.world.rounds.values():
            plain_held = self.plain.mornings.get((self.world.audiences[held.plan_id], held.day))
            if plain_held is None:
                self.fault(f"a round on {held.day} that should not be")
            elif (held.closed_at is not None, held.cancelled_at is not None) != (
                plain_held.closed is not None,
                plain_held.cancelled,
            ):
                self.fault(f"the round of {held.day} is open or shut otherwise")

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
        buttons = [b["text"] for row in message["buttons"] for b in row]
        today = self.plain.today(self.stage.now)
        current = card.day >= today
        if not buttons and current and card.kind != "flag":
            if not any(words in text for words in A_WAY_ON):
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
                roles = self._roles(contact.person_id or 0, checkin, card.day)
                if roles & {"class_teacher", "doctor", "school_lead"}:
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
        for subject, tie in self.world.wards(contact.person_id, card.day).items():
            name = "you" if subject == contact.person_id else self.world.names[subject]
            if subject == contact.person_id and language == "zh":
                name = "您"
            apart = any(t.separate for t in self.world.ties if t.student_id == subject)
            if apart or (tie is not None and not tie.may_see):
                continue
            for (audience, day), held in self.plain.mornings.items():
                stand = held.stands.get(subject)
                if day != card.day or stand is None or held.cancelled:
                    continue
                lines = [line for line in text.splitlines() if name in line]
                self._line(who, card, stand, lines, language, text, name)

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
        if counts["of"] and self.world.units[card.about_id].kind == "class" and words not in text:
            self.fault(
                f"{who.name}: the class card of {card.day} does not say {words!r}: {text!r}"
            )

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
        for row in rows:
            who = self.world.names.get(self.world.contacts[row.contact_id].person_id or 0)
            if row.state in {"pending", "sending", "unknown", "withdrawing"}:
                if row.not_before is None or row.not_before <= now:
                    self.fault(f"{row.kind} {row.cause} to {who} is still {row.state}")
            if row.state == "failed":
                self.fault(f"{row.kind} {row.cause} to {who} failed: {row.error}")
            if row.sent_at and row.not_after and row.sent_at > row.not_after:
                self.fault(f"{row.kind} {row.cause} to {who} was sent after its time")
            if row.kind == "reminder" and row.state == "sent" and row.card_id:
                card = self.world.cards[row.card_id]
                contact = self.world.contacts[row.contact_id]
                if not any(self.waiting(contact.person_id or 0, card)):
                    self.fault(f"a reminder to {who} about {card.day} is answered, and stays")
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


def base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while True:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
        if not number:
            return text
