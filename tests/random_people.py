"""Random people doing random things in the boarding school, and what must hold after each of them.

A walk is a seed: the same seed is the same walk. Whatever goes wrong is told with the seed and the
last things that people did.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

from structlog.testing import capture_logs

from handlers.presses import Verb
from storage.tables import (
    Card,
)
from tests.onlooker import CHOICES, POISON, Data, Onlooker, unpacked
from tests.plain_morning import (
    ALL_CLEAR,
    STUDENTS,
    PlainSchool,
    meaning,
    questions,
)
from tests.play import BOARDING_ROSTER, BOT_ID, MONDAY, ZONE, Someone

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
CLOCKS = (
    *("06:00", "06:29", "06:30", "06:45", "07:09", "07:10", "07:20", "07:31", "07:59", "08:00"),
    *("08:05", "08:30", "09:00", "12:00", "18:59", "19:00", "21:30", "23:59"),
)


# What somebody picks, by question: the place of the choice, from 1; else the first, or none.
TELLS: Mapping[str, Mapping[str, int]] = {
    "well": {},
    "nurse": {"symptoms": 1},
    "home": {"temperature": 2},
}


NONE = 998  # the place of "none of these"


@dataclass
class Walk(Onlooker):
    """One seed's walk through the school."""

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
            (14, self.reports),
            (4, self.teaches),
            (3, self.quarrels),
            (1, self.pauses_halfway),
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
            unheard = line["event"] == "flag unheard"  # nobody at school can be reached: said so
            if line["event"] in POISON or (line["log_level"] == "error" and not unheard):
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

    async def reports(self) -> None:
        """Somebody goes through the questions about a child, to the end or nearly."""
        who = self.somebody("Maria", "Carlos", "Ruth", "Paul", "Mia", "Tina", "周敏", "Mr Wang")
        for _ in range(self.random.choice([3, 7, 7, 8])):
            contact = self.contact_of(who)
            cards = [
                card.message_id
                for card in self.world.cards.values()
                if contact and card.contact_id == contact.id and card.kind == "household"
            ]
            message = next(
                (m for m in reversed(await self.messages(who)) if m["id"] in cards), None
            )
            if message is None:
                return
            buttons = [b for row in message["buttons"] for b in row if b["data"][0] not in "b"]
            wanted = [b for b in buttons if b["data"][0] in "ocp"] or buttons
            if not wanted:
                return
            button = wanted[0] if self.random.random() < 0.6 else self.random.choice(buttons)
            await self._tap(who, message["id"], button["data"], button["text"])
            await self.stage.settle()

    async def teaches(self) -> None:
        """A teacher asks for their class and works on its card."""
        who, name = self.random.choice([("Mr Wang", "3-2"), ("许静", "3-2"), ("林岚", "1-1")])
        if who in self.closed:
            return
        await self._writes(self.people[who], f"/class {name}")
        for _ in range(self.random.choice([2, 4, 6])):
            await self.stage.settle()
            chat = await self.messages(self.people[who])
            buttons = [
                b for row in (chat[-1]["buttons"] if chat else []) for b in row if "data" in b
            ]
            if not buttons:
                return
            button = self.random.choice(buttons)
            await self._tap(self.people[who], chat[-1]["id"], button["data"], button["text"])

    async def quarrels(self) -> None:
        """Two of a family tell of a child otherwise within minutes, and one takes it back."""
        pair = self.random.choice(
            [("Maria", "Carlos"), ("Ruth", "Paul"), ("Mia", "Ruth"), ("Mia", "Paul")]
        )
        words = self.random.choices(list(TELLS), k=3)
        if self.random.random() < 0.5:
            words = ["nurse", "home", "well"]
        for name, word in zip((pair[0], pair[1], pair[1]), words, strict=True):
            if name not in self.closed:
                await self._writes(self.people[name], "/today")
                await self.stage.settle()
                await self._tells(self.people[name], word)

    async def pauses_halfway(self) -> None:
        """Somebody begins to answer, and then asks not to be asked."""
        who = self.somebody("Tina", "周敏", "Ruth")
        await self._tells(who, "nurse", taps=self.random.choice([2, 3, 4]))
        await self._writes(who, "/pause tomorrow")

    async def _tells(self, who: Someone, word: str, taps: int = 9) -> None:
        """Go through the questions about the first child of the newest card."""
        for place in range(taps):
            contact = self.contact_of(who)
            mine = [
                card
                for card in (await self.read()).cards.values()
                if contact and card.contact_id == contact.id and card.kind == "household"
            ]
            newest = max(mine, key=lambda card: card.day, default=None)
            shown = await self.messages(who) if newest else []
            buttons = [
                (data, b)
                for m in shown
                if newest and m["id"] == newest.message_id
                for row in m["buttons"]
                for b in row
                if (data := unpacked(b["data"])) is not None
            ]
            question = newest.focus.get("question") if newest else None
            if question is None and place > 1:
                return
            wanted = TELLS[word].get(question or "", 0)
            if question == "symptoms" and wanted and any("☑" in b["text"] for _, b in buttons):
                verbs, wants = "d", 0
            elif question == "symptoms" and not wanted:
                verbs, wants = "p", NONE
            else:
                verbs, wants = ("p" if question else "oc"), max(0, wanted - 1)
            for data, button in buttons:
                at = data[3][0] if data[3] else 0
                if newest and data[0] in verbs and (verbs != "p" or at == wants):
                    await self._tap(who, newest.message_id or 0, button["data"], button["text"])
                    await self.stage.settle()
                    break
            else:
                return

    async def taps_foreign(self) -> None:
        """Somebody sends what stands on another's button."""
        who, other = self.somebody(), self.somebody()
        chat, theirs = await self.messages(who), await self.messages(other)
        data = [b["data"] for m in theirs for row in m["buttons"] for b in row if "data" in b]
        if chat and data and who is not other:
            await self._tap(who, chat[-1]["id"], self.random.choice(data))

    async def taps_forged(self) -> None:
        """Somebody sends what stands on no button."""
        who = self.somebody()
        chat = await self.messages(who)
        rows = [*self.world.cards, *self.world.checkins, 0, 1, 7, 2**62]
        verb = self.random.choice([each.value for each in Verb])
        numbers = [self.random.choice(rows), self.random.randrange(9), self.random.randrange(9)]
        rubbish = ["a", "a:é", "p:1:1:zzzzzzzzzzzzzz", "💥"]
        data = self.random.choice([":".join([verb, *map(base36, numbers)]), *rubbish])
        if chat:
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
        if verb != "a":
            said = self.picked(card, by, data)
        else:
            said = [
                (checkin.id, by, {**ALL_CLEAR, **self.begun(checkin, by)})
                for checkin in self.waiting(by, card)
                if not self.amiss(self.begun(checkin, by))
            ]
        if said is None or self.plain.has_asked(STUDENTS, card.day):
            return said
        # Of somebody well, the evening's word stands until the morning has been asked.
        weighed = [meaning(answers, card.day) for _, _, answers in said]
        return [
            each
            for each, means in zip(said, weighed, strict=True)
            if means.severity or means.absent or self.answered_before(each[0], by)
        ]

    def answered_before(self, check_in_id: int, by: int) -> bool:
        checkin = self.world.checkins[check_in_id]
        ties = {t.student_id: t for t in self.world.ties if t.guardian_id == by}
        return self.complete_for(by, ties.get(checkin.subject_id), checkin)

    def picked(
        self, card: Card, by: int, data: Data
    ) -> list[tuple[int, int, Mapping[str, Any]]] | None:
        focus = card.focus
        checkin = self.world.checkins.get(focus.get("check_in", 0))
        question = focus.get("question")
        if checkin is None or question is None or (data[3] and data[3][0] > 900):
            return None
        wards = self.world.wards(by, card.day)
        tie = wards.get(checkin.subject_id)
        if checkin.subject_id not in wards or (tie is not None and not tie.may_answer):
            return []
        choices = CHOICES[question]
        said = dict(self.begun(checkin, by))
        if data[0] == "d":
            said.setdefault(question, [])
        elif not data[3] or data[3][0] >= len(choices) or question == "symptoms":
            return []
        else:
            said[question] = choices[data[3][0]]
        said = {key: said[key] for key in questions(said) if key in said}
        if any(key not in said for key in questions(said)):
            return []
        return [(checkin.id, by, said)]


def base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    text = ""
    while True:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
        if not number:
            return text
