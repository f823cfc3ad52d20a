"""A school whose families have joined, and what they do with their phones on a bad morning."""

import asyncio
import csv
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import select

from checkin.calendars import Recurrence
from checkin.plans import Audience, Plan
from checkin.steps import steps_from_times
from checkin.times import local_date
from handlers.joining import CONSENT_VERSION
from sandbox.records import Chat, Message, Tap
from sandbox.server import Sandbox
from storage import contacts, people, plans, units
from storage.database import Database
from storage.tables import Consent, Contact, Person
from tests.process.running import until

TOKEN = "7000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
BOT_ID = 7000001
SCHOOL = "Green Shoots School"
TEACHERS = ("Mr Wang", "Ms Sun", "Mr Zhao", "Ms Gao")
LEAD, ADMIN = "Lin Lan", "Gu Fan"
PATIENCE = 600  # seconds: families wait longer than any test
CLASS_OF = ("1-1", "1-2", "2-1", "2-2")


@dataclass
class Family:
    """One guardian with one or two children, and how they answer."""

    guardian: str
    children: tuple[str, ...]
    habit: str
    user_id: int
    person_id: int = 0
    child_ids: tuple[int, ...] = ()
    updates: list[int] = field(default_factory=list)
    answered: bool = False


def families(count: int, chance: random.Random) -> list[Family]:
    """Invent families; every tenth child is ill, some families stay silent."""
    habits = ["one tap"] * 6 + ["two taps", "ill", "words", "silent"]
    found = []
    for number in range(1, count + 1):
        habit = habits[number % len(habits)]
        siblings = 2 if habit == "one tap" and chance.random() < 0.2 else 1
        children = tuple(f"Child {number}{letter}" for letter in "ab"[:siblings])
        found.append(Family(f"Parent {number}", children, habit, 5000 + number))
    return found


def write_roster(path: Path, town: list[Family]) -> None:
    """Write the roster as an office would: one file for all."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["kind", "number", "name", "class", "role", "phone", "order"])
        for place, family in enumerate(town):
            numbers = []
            for child in family.children:
                numbers.append(f"2025{place:04d}{child[-1] == 'b':d}")
                rows.writerow(["student", numbers[-1], child, CLASS_OF[place % 4], "", "", ""])
            phone = f"100{place:08d}"  # numbers beginning with 100 belong to nobody
            rows.writerow(["guardian", ";".join(numbers), family.guardian, "", "", phone, 1])
        for place, name in enumerate(TEACHERS):
            rows.writerow(["staff", f"T{place}", name, CLASS_OF[place], "class teacher", "", ""])
        rows.writerow(["staff", "T8", LEAD, "", "school lead", "", ""])
        rows.writerow(["staff", "T9", ADMIN, "", "admin", "", ""])


def noon_zone(now: datetime) -> str:
    """Return a zone in which it is about noon, so that no midnight falls into the test."""
    west = now.hour - 12
    return f"Etc/GMT{west:+d}" if west else "Etc/GMT"


def ladder(plan: Plan, now: datetime, zone: ZoneInfo, ask: int, remind: int, close: int) -> Plan:
    """Give a plan steps by minutes from now, every day, from today on."""
    times = [
        (now + timedelta(minutes=m)).astimezone(zone).time().replace(second=0, microsecond=0)
        for m in (ask, remind, close)
    ]
    steps = steps_from_times(times)
    assert isinstance(steps, tuple), steps
    return replace(
        plan,
        steps=steps,
        recurrence=Recurrence.every_day,
        first_day=local_date(now, zone),
    )


async def set_ladder(database: Database, ask: int, remind: int, close: int) -> None:
    """Keep the students' plan with other times, in minutes from now."""
    now = datetime.now(UTC)
    async with database.writing() as session:
        school = (await units.schools(session))[0]
        plan = next(
            plan
            for plan in await plans.plans(session, school.id)
            if plan.audience is Audience.students
        )
        await plans.keep_plan(session, ladder(plan, now, school.zone, ask, remind, close))


async def all_joined(database: Database, sandbox: Sandbox, town: list[Family]) -> None:
    """Let every guardian and all staff have joined before the morning."""
    now = datetime.now(UTC)
    sandbox.world.add_bot(TOKEN, "allclear_test_bot")
    async with database.writing() as session:
        await contacts.know_bot(session, BOT_ID, "allclear_test_bot", now)
        everyone = {
            people.name_of(person): person.id for person in await session.exec(select(Person))
        }
        for family in town:
            family.person_id = everyone[family.guardian]
            family.child_ids = tuple(everyone[child] for child in family.children)
        staff = [(100 + place, name) for place, name in enumerate((*TEACHERS, LEAD, ADMIN))]
        for user_id, name in [*staff, *((each.user_id, each.guardian) for each in town)]:
            sandbox.world.add_user(name, id=user_id)
            sandbox.world.start(user_id, "")
            person_id = everyone[name]
            session.add(
                Contact(
                    bot_id=BOT_ID,
                    chat_id=user_id,
                    person_id=person_id,
                    language="en",
                    created_at=now,
                    changed_at=now,
                )
            )
            ties = await people.ties_of(session, person_id)
            for tie in ties:
                tie.proved_at = now
            for subject_id in [tie.student_id for tie in ties] or [person_id]:
                session.add(
                    Consent(
                        subject_id=subject_id,
                        given_by=person_id,
                        version=CONSENT_VERSION,
                        given_at=now,
                    )
                )
    sandbox.world.bots[BOT_ID].queue.forget()  # they pressed Start long ago


class Phones:
    """What the families see and do; every update they cause is written down."""

    def __init__(self, sandbox: Sandbox, chance: random.Random) -> None:
        self.world = sandbox.world
        self.chance = chance
        self.queue = sandbox.world.bots[BOT_ID].queue
        self.offered: list[int] = []

    # ---- what has arrived ------------------------------------------------------------------

    def sends(self) -> Counter[int]:
        """Return how many messages went out to each chat, as the service counted them."""
        return Counter(
            int(call.params["chat_id"])
            for call in self.world.journal.since(method="sendMessage")
            if call.ok
        )

    def sent(self) -> int:
        return self.sends().total()

    def chat(self, family: Family) -> Chat:
        return self.world.chat(family.user_id)

    def card(self, family: Family) -> Message | None:
        """Return the newest message with buttons: what somebody would tap."""
        messages = [m for m in self.chat(family).messages.values() if m.from_bot and m.markup]
        return messages[-1] if messages else None

    def buttons(self, family: Family) -> list[list[dict[str, Any]]]:
        card = self.card(family)
        rows: list[list[dict[str, Any]]] = card.markup["inline_keyboard"] if card else []
        return rows

    # ---- what they do ----------------------------------------------------------------------

    def tap(self, family: Family, data: str) -> Tap:
        card = self.card(family)
        assert card is not None
        tap = self.world.tap(family.user_id, card.id, data=data)
        self._offer(family, tap.update_id)
        return tap

    def tap_first(self, family: Family) -> Tap:
        return self.tap(family, self.buttons(family)[0][0]["callback_data"])

    def write(self, family: Family, text: str) -> None:
        _, update_id = self.world.write(family.user_id, text)
        self._offer(family, update_id)

    def _offer(self, family: Family, update_id: int) -> None:
        family.updates.append(update_id)
        self.offered.append(update_id)

    async def answers(self, family: Family) -> None:
        """Answer in the family's own way, however often the bot goes away meanwhile."""
        await until(
            lambda: bool(self.buttons(family)), f"{family.guardian} was asked", within=PATIENCE
        )
        await asyncio.sleep(self.chance.uniform(0, 2))  # people are not in step
        match family.habit:
            case "one tap":
                self.tap_first(family)
            case "two taps":
                self.tap_first(family)
                self.tap_first(family)
            case "words":
                self.write(family, "all clear")
            case "ill":
                await self._reports_fever(family)
        family.answered = True

    async def _reports_fever(self, family: Family) -> None:
        """Go through the questions; each is answered once it has appeared."""
        seen = ""
        while True:
            rows = await self._next_buttons(family, seen)
            labels = [button["text"] for row in rows for button in row]
            fever = next((n for n, label in enumerate(labels) if "37.3" in label), None)
            opens = next((n for n, label in enumerate(labels) if label.endswith("…")), None)
            place = next((n for n in (fever, opens) if n is not None), 0)
            seen = [button["callback_data"] for row in rows for button in row][place]
            if labels == ["Change"]:
                return
            self.tap(family, seen)

    async def _next_buttons(self, family: Family, seen: str) -> list[list[dict[str, Any]]]:
        def turned() -> bool:
            rows = self.buttons(family)
            return bool(rows) and all(b["callback_data"] != seen for row in rows for b in row)

        await until(
            turned, f"{family.guardian} sees the next question", within=PATIENCE, every=0.01
        )
        return self.buttons(family)
