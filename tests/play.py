"""A school morning on the stage: real HTTP, real database, real adapters, and a transcript.

The stage's clock stands still between lines; the bot's parts are driven in turn until nothing is
left to do, so that a transcript is the same every time. Nothing of ours is patched.
"""

import asyncio
import base64
import re
import time as machine
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from html import unescape
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp

from bot.listener import FloodGuard, Poller
from bot.pacer import Pacer
from bot.sender import Sender
from bot.transports import BotTransport
from checkin.access import Role
from checkin.invitations import InvitationKind
from checkin.rosters import Sheet, read_roster
from checkin.times import local_date
from handlers import corrections, imports, sending
from handlers.flags import escalate
from handlers.health import DutyState
from handlers.inbox import Handled, Inbox
from handlers.invitations import make_link
from handlers.joining import CONSENT_VERSION
from handlers.messages import SendResult
from handlers.rosters import import_roster
from handlers.rounds import heartbeat
from handlers.router import Router
from handlers.setup import make_school
from sandbox.server import Sandbox
from storage import contacts, people, units
from storage.database import Database
from storage.rosters import KnownRoster, known_roster
from storage.tables import Consent, Contact, Person, Unit
from storage.units import School

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 3, 2)
TUESDAY = date(2026, 3, 3)
TOKEN = "7000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
BOT_ID = 7000001

# The smallest picture there is: one grey point.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
)

ROSTER = """kind,number,name,class,role,phone,order
student,20250412,Ana,3-2,,,
student,20250415,Ben,1-1,,,
student,20250420,周子昂,3-2,,,
student,20250431,Tom,3-2,,,
guardian,20250412;20250415,Maria,,,13900000001,1
guardian,20250412;20250415,Carlos,,,13900000002,2
guardian,20250420,周敏,,,13900000003,1
guardian,20250431,Tina,,,13900000004,1
staff,T001,Mr Wang,3-2,class teacher,13900000011,
staff,T002,Ms Sun,1-1,class teacher,13900000012,
staff,T003,林岚,,school lead,13900000013,
staff,T004,Gu,,admin,13900000014,
"""

BOARDING_ROSTER = """kind,number,name,class,grade,boarder,role,phone,order
student,20250412,Ana,3-2,3,,,,
student,20250415,Ben,1-1,1,,,,
student,20250420,周子昂,3-2,3,,,,
student,20250431,Tom,3-2,3,,,,
student,20250440,Mia,3-2,3,,,,
student,20250441,钱小满,3-2,3,,,,
student,20250450,Leo,3-2,3,yes,,,
student,20250451,何禾,1-1,1,yes,,,
guardian,20250412;20250415,Maria,,,,,13900000001,1
guardian,20250412;20250415,Carlos,,,,,13900000002,2
guardian,20250412;20250415,Rosa,,,,,13900000005,3
guardian,20250420,周敏,,,,,13900000003,1
guardian,20250431,Tina,,,,,13900000004,1
guardian,20250431,Oleg,,,,,13900000006,2
guardian,20250440,Ruth,,,,,13900000007,1
guardian,20250440,Paul,,,,,13900000008,2
guardian,20250441,钱桂英,,,,,13900000009,1
guardian,20250450,Lena,,,,,13900000021,1
guardian,20250451,何平,,,,,13900000022,1
staff,T001,Mr Wang,3-2,,,class teacher,13900000011,
staff,T002,Ms Sun,1-1,,,class teacher,13900000012,
staff,T003,林岚,,,,school lead,13900000013,
staff,T004,Gu,,,,admin,13900000014,
staff,T005,方青,,,,deputy head,13900000015,
staff,T006,许静,,,,doctor,13900000016,
staff,T007,Mr Lee,,,,teacher,13900000017,
staff,T008,Mrs Song,,,,staff,13900000018,
"""
DORMITORY = "Maple House"


@dataclass(slots=True)
class Someone:
    """A person with a phone on the stage."""

    user_id: int
    name: str
    language: str
    person_id: int | None = None


class InOrder:
    """A transport whose messages to one chat go out in the order that they were asked for.

    Several are on the wire at once, and nobody can say which arrives first: a transcript can.
    """

    def __init__(self, transport: BotTransport) -> None:
        self._transport = transport
        self._turns: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    async def send(self, chat_id: int, *args: Any, **more: Any) -> SendResult:
        async with self._turns[chat_id]:
            return await self._transport.send(chat_id, *args, **more)

    async def edit(self, chat_id: int, *args: Any, **more: Any) -> SendResult:
        async with self._turns[chat_id]:
            return await self._transport.edit(chat_id, *args, **more)

    async def delete(self, chat_id: int, *args: Any, **more: Any) -> SendResult:
        async with self._turns[chat_id]:
            return await self._transport.delete(chat_id, *args, **more)


def hasty_pacer() -> Pacer:
    """Return a pacer whose seconds are hundredths, so that nobody waits out Telegram's rests."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / 100)

    return Pacer(1e6, clock=lambda: machine.monotonic() * 100, sleep=sleep)


@dataclass
class Stage:
    """The whole of Allclear around one sandbox, driven line by line."""

    database: Database
    sandbox: Sandbox
    transport: BotTransport
    http: aiohttp.ClientSession
    language: str = "en"
    now: datetime = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
    lines: list[str] = field(default_factory=list)
    people: dict[int, Someone] = field(default_factory=dict)
    school: School | None = None
    known: KnownRoster | None = None
    handled: list[Handled] = field(default_factory=list)
    coalesce: bool = False
    _seen: int = 0
    _deaf: bool = False

    def __post_init__(self) -> None:
        self.transport = InOrder(self.transport)
        self.sender = Sender(
            self.database, self.transport, self.clock, hasty_pacer(), coalesce=self.coalesce
        )
        self.inbox = Inbox(
            self.database,
            self.clock,
            Router(self._duties, join_url="https://t.me"),
        )
        seconds = count()  # people on the stage take a second for each thing they do
        guard = FloodGuard(lambda: float(next(seconds)))
        self.poller = Poller(self.transport, self.inbox, self._after, guard=guard)

    def clock(self) -> datetime:
        return self.now

    def _duties(self) -> Sequence[DutyState]:
        return [DutyState("heartbeat", 1, self.now, None)]

    def _after(self, handled: Handled) -> None:
        self.handled.append(handled)

    # ---- the cast --------------------------------------------------------------------------

    async def a_school(self, roster: str = ROSTER) -> School:
        """Make the school and take over its roster."""
        rows: list[list[Any]] = [line.split(",") for line in roster.strip().splitlines()]
        async with self.database.writing() as session:
            await contacts.know_bot(session, BOT_ID, self.transport.username, self.now)
            self.school = await make_school(
                session, "Green Shoots School", self.now, zone=ZONE.key, language=self.language
            )
            read = read_roster([Sheet("roster", rows)])
            await import_roster(session, self.school, read, self.now, actor_id=None)
            self.known = await known_roster(session, self.school.id, MONDAY)
        return self.school

    async def opens_school(self, language: str) -> None:
        """Make the school of a language; who joins speaks it."""
        self.language = language
        await self.a_school()

    async def opens_boarding_school(self, language: str) -> None:
        """Make the larger school of a language: everybody whom a whole morning can need.

        Class 3-2 of grade 3 (Mr Wang): Ana, 周子昂, Tom, Mia, 钱小满 and Leo; class 1-1 of grade 1
        (Ms Sun): Ben and 何禾. Nobody has joined yet; `joined` lets somebody in, by name.

        - Maria (first), Carlos (second) and Rosa (third: a telephone number only, she may neither
          see nor answer) have Ana and Ben. 周敏 has 周子昂.
        - Tina (first) and Oleg (second: may see, may not answer) have Tom.
        - Ruth (first) and Paul (second) have Mia in split custody: both ties are `separate`.
        - 钱桂英 has 钱小满 and no smartphone: she never joins, 13900000009 is the number to call.
        - Leo (Lena) and 何禾 (何平) board in Maple House, whose warden is Mrs Song.
        - 林岚 leads the school, 方青 is her deputy, 许静 the doctor, Gu the admin; Mr Lee
          leads grade 3.
        """
        self.language = language
        school = await self.a_school(BOARDING_ROSTER)
        async with self.database.writing() as session:
            known = await known_roster(session, school.id, local_date(self.now, school.zone))
            root = await session.get_one(Unit, school.id)
            house = await units.add_unit(session, root, "dormitory", DORMITORY, self.now)
            for number in ("20250450", "20250451"):
                known.enrolments[number][0].dormitory_id = house.id
            held = {
                people.name_of(known.staff[who]): grants for who, grants in known.grants.items()
            }
            for name, role, unit_id in (
                ("Mr Lee", Role.grade_leader, known.units["grade", "3"].id),
                ("Mrs Song", Role.dormitory_warden, house.id),
            ):
                held[name][0].role, held[name][0].unit_id = role.value, unit_id
            for ties in known.guardianships.values():
                for tie, guardian in ties:
                    name = people.name_of(guardian)
                    tie.separate = name in {"Ruth", "Paul"}
                    tie.may_answer = name not in {"Oleg", "Rosa"}
                    tie.may_see = name != "Rosa"
            self.known = await known_roster(session, school.id, MONDAY)

    async def phone(self, name: str, language: str | None = None) -> Someone:
        """Give somebody a phone with Telegram, without having written to the bot."""
        someone = Someone(501 + len(self.people), name, language or self.language)
        self.people[someone.user_id] = someone
        await self.post(
            "/sandbox/users",
            {"id": someone.user_id, "name": name, "language": someone.language},
        )
        return someone

    async def joined(self, name: str, language: str | None = None) -> Someone:
        """Let somebody on the roster have joined before the curtain rises."""
        someone = await self.phone(name, language)
        someone.person_id = await self.person_id(name)
        await self.post(f"/sandbox/chats/{someone.user_id}/messages", {"start": ""})
        await self.transport.fetch(None, 0)
        updates = await self.transport.fetch(None, 0)
        if updates:
            await self.transport.fetch(updates[-1]["update_id"] + 1, 0)
        async with self.database.writing() as session:
            session.add(
                Contact(
                    bot_id=BOT_ID,
                    chat_id=someone.user_id,
                    person_id=someone.person_id,
                    language=someone.language,
                    created_at=self.now,
                    changed_at=self.now,
                )
            )
            ties = await people.ties_of(session, someone.person_id)
            for tie in ties:
                tie.proved_at = self.now
            for subject_id in [tie.student_id for tie in ties] or [someone.person_id]:
                session.add(
                    Consent(
                        subject_id=subject_id,
                        given_by=someone.person_id,
                        version=CONSENT_VERSION,
                        given_at=self.now,
                    )
                )
        return someone

    async def person_id(self, name: str) -> int:
        async with self.database.reading() as session:
            from sqlmodel import select

            for person in await session.exec(select(Person)):
                if people.name_of(person) == name:
                    return person.id
        raise LookupError(name)

    async def class_link(self, name: str) -> str:
        """Make a link for a class and return its code."""
        async with self.database.writing() as session:
            unit = next(
                u
                for u in await units.classes_of(session, self.school.id if self.school else 0)
                if u.name == name
            )
            return await make_link(session, InvitationKind.class_link, unit.id, self.now, by=None)

    # ---- the lines -------------------------------------------------------------------------

    async def at(self, clock: str, day: date = MONDAY) -> None:
        """Let the time be `clock` at the school, and everything due then happen."""
        self.now = datetime.combine(day, time.fromisoformat(clock), ZONE).astimezone(UTC)
        self.sandbox.clock.jump_to(self.now, force=True)
        self.lines.append(f"@ {day:%a} {clock}")
        await self.settle()

    async def says(self, who: Someone, text: str) -> None:
        """Let somebody write."""
        self.lines.append(f"{who.name}: {text}")
        await self.post(f"/sandbox/chats/{who.user_id}/messages", {"text": text})
        await self.settle()

    async def opens(self, who: Someone, code: str) -> None:
        """Let somebody open an invitation link."""
        self.lines.append(f"{who.name}: /start …")
        await self.post(f"/sandbox/chats/{who.user_id}/messages", {"start": code})
        await self.settle()

    async def taps(
        self,
        who: Someone,
        button: str,
        *,
        message_id: int | None = None,
        by_clock: bool = False,
    ) -> None:
        """Let somebody tap a button, in the newest message that has it.

        `by_clock` for those that change what the clock has to do at this very minute.
        """
        self.lines.append(f"{who.name}: [{button}]")
        chat = await self.chat(who)
        message = next(
            m
            for m in reversed(chat)
            if (message_id in {None, m["id"]})
            and any(b["text"] == button for row in m["buttons"] for b in row)
        )
        await self.post(
            f"/sandbox/chats/{who.user_id}/taps",
            {"message_id": message["id"], "text": button},
        )
        await self.settle(by_clock=by_clock)

    async def taps_first(
        self,
        who: Someone,
        row: int,
        column: int = 0,
        *,
        newest: bool = True,
        by_clock: bool = False,
    ) -> None:
        """Let somebody tap a button by its place in the newest (or oldest) message with any."""
        chat = await self.chat(who)
        message = next(m for m in (reversed(chat) if newest else chat) if m["buttons"])
        button = message["buttons"][row][column]["text"]
        await self.taps(who, button, message_id=message["id"], by_clock=by_clock)

    async def presses(
        self, who: Someone, verb: str, *details: int, nth: int = 0, card: str | None = None
    ) -> None:
        """Let somebody tap the nth button of a verb, whatever it says in their language.

        `details` are the first numbers that the button carries, `card` words of its message.
        """
        for message in reversed(await self.chat(who)):
            if card is not None and card not in message["text"]:
                continue
            found = [
                button
                for row in message["buttons"]
                for button in row
                if (parts := button.get("data", "").split(":"))[0] == verb
                and [int(number, 36) for number in parts[3:]][: len(details)] == list(details)
            ]
            if len(found) > nth:
                await self.taps(who, found[nth]["text"], message_id=message["id"])
                return
        raise LookupError(f"no button {verb} {details} for {who.name}")

    async def reports_fever(self, who: Someone, *, opened: bool = False) -> None:
        """Let a guardian of one child say: fever, nothing else, not coming."""
        if not opened:
            await self.taps_first(who, 1)
        await self.taps_first(who, 1)  # 37.3 and above
        for _ in range(3):
            await self.taps_first(who, 0)

    async def answers_all_clear(self, who: Someone, *, newest: bool = True) -> None:
        """Let a guardian answer five questions well."""
        for _ in range(5):
            await self.taps_first(who, 0, newest=newest)

    async def taps_raw(self, who: Someone, message_id: int, data: str) -> None:
        """Let somebody send any data as if it were a button's."""
        self.lines.append(f"{who.name}: [{data!r}]")
        await self.post(
            f"/sandbox/chats/{who.user_id}/taps",
            {"message_id": message_id, "data": data, "raw": True},
        )
        await self.settle()

    async def sends_picture(self, who: Someone, caption: str = "") -> None:
        """Let somebody send a picture."""
        await self.sends_file(who, "thermometer.png", PICTURE, kind="photo", caption=caption)

    async def sends_file(self, who: Someone, name: str, content: bytes, **more: str) -> None:
        """Let somebody send a file."""
        self.lines.append(f"{who.name}: <{name}>" + more.get("caption", ""))
        form = aiohttp.FormData()
        form.add_field("file", content, filename=name)
        for field_name, value in more.items():
            form.add_field(field_name, value)
        async with self.http.post(
            f"/sandbox/chats/{who.user_id}/files?bot={BOT_ID}", data=form
        ) as response:
            assert response.status < 300, await response.text()
        await self.settle()

    async def chat(self, who: Someone) -> list[dict[str, Any]]:
        """Return the messages as somebody sees them."""
        async with self.http.get(f"/sandbox/chats/{who.user_id}?bot={BOT_ID}") as response:
            messages: list[dict[str, Any]] = (await response.json())["messages"]
            return messages

    @contextmanager
    def nobody_hears(self) -> Iterator[None]:
        """Let the wire be away for a while: what is written comes when it is back."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False

    async def settle(self, *, by_clock: bool = True) -> None:
        """Let every part work until none has anything left to do.

        Without `by_clock` those rest who act by the clock alone: it stands where it stood.
        """
        for _ in range(200):
            done = 0
            while not self._deaf and (heard := await self.poller.once(0)):
                done += heard
                for handled in self.handled:
                    self.sender.answer(handled.toasts)
                    self.sender.show(handled.fresh)
                    await self.sender.toasts_sent()
                if any(handled.jobs for handled in self.handled):
                    await imports.work(self.database, self.clock, self._download)
                self.handled.clear()
            decided = await self._decided() if by_clock else 0
            while not self._deaf and await self.sender.once():
                pass
            if not decided:  # what was sent gives nobody anything more to decide
                break
        else:
            raise AssertionError("the stage never came to rest")
        await self._write_down()

    async def _decided(self) -> int:
        decided = len(await heartbeat(self.database, self.clock))
        decided += len(await corrections.tell_gathered(self.database, self.clock))
        decided += len(await escalate(self.database, self.clock))
        return decided + len(await sending.follow(self.database, self.clock))

    async def _download(self, _bot_id: int, file_id: str) -> bytes:
        return await self.transport.download(file_id)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Say something to the sandbox, without letting the bot work yet."""
        query = "" if path == "/sandbox/users" else f"?bot={BOT_ID}"
        async with self.http.post(path + query, json=body) as response:
            assert response.status < 300, await response.text()
            answer: dict[str, Any] = await response.json()
            return answer

    # ---- the transcript --------------------------------------------------------------------

    async def _write_down(self) -> None:
        async with self.http.get(f"/sandbox/log?after={self._seen}") as response:
            calls = await response.json()
        # Several people are written to at once: told person by person, taps' answers first.
        calls.sort(key=lambda call: int(call["params"].get("chat_id", 0)))
        for call in calls:
            self._seen = max(self._seen, call["n"])
            if line := self._line(call):
                self.lines.append(line)

    def _line(self, call: dict[str, Any]) -> str | None:
        params, method = call["params"], call["method"]
        if method == "answerCallbackQuery":
            if not params.get("text"):
                return None
            mark = "!" if params.get("show_alert") else ""
            return f"  ({mark}{params['text']})"
        if method not in {
            *("sendMessage", "editMessageText", "deleteMessage", "sendDocument", "sendPhoto"),
        }:
            return None
        who = self.people.get(int(params["chat_id"]))
        name = who.name if who else "?"
        if not call["ok"]:
            return f"bot → {name}: failed: {call['description']}"
        if method == "deleteMessage":
            return f"bot → {name} (took a message away)"
        how = {"editMessageText": " (edited)"}.get(method, "")
        if params.get("reply_parameters"):
            how = " (reply)"
        if method == "sendDocument":
            how = " (file)"
        if method == "sendPhoto":
            how = " (picture)"
        text = unescape(re.sub(r"<[^>]+>", "", params.get("text") or params.get("caption") or ""))
        text = re.sub(r"start=[A-Za-z0-9_-]{22,}", "start=CODE", text)
        return f"bot → {name}{how}: " + text.replace("\n", "\n    ") + _buttons(params)

    def transcript(self) -> str:
        """Return everything that happened, as a nurse can read it."""
        return "\n".join(self.lines) + "\n"


def _buttons(params: dict[str, Any]) -> str:
    import json

    markup = params.get("reply_markup")
    if not markup:
        return ""
    if isinstance(markup, str):
        markup = json.loads(markup)
    rows = [
        "  ".join(f"[{button['text']}]" for button in row) for row in markup["inline_keyboard"]
    ]
    return "".join(f"\n    {row}" for row in rows)
