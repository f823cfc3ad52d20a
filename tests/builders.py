"""Small builders of a school's rows, for tests that do not need a whole morning."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event, text
from sqlmodel import col, select

from checkin.access import Role
from checkin.plans import Audience
from checkin.times import end_of, moment_at
from handlers.setup import make_school
from storage import contacts, plans, units
from storage.database import Database, Session
from storage.ids import new_id
from storage.questionnaires import latest_version
from storage.sealing import Private
from storage.sql import affected
from storage.tables import (
    Card,
    CheckIn,
    Consent,
    Contact,
    Enrolment,
    Guardianship,
    Ledger,
    Person,
    RoleGrant,
    Round,
    Unit,
)
from storage.units import School

BOT = 7000001
MONDAY = date(2026, 3, 2)
ZONE = ZoneInfo("Asia/Shanghai")
SUNDAY_NIGHT = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)  # Monday 06:00 at the school

_chats = count(900_000)


def at(clock: str, day: date = MONDAY) -> datetime:
    """Return a moment by the school's clock, in UTC."""
    return moment_at(day, time.fromisoformat(clock), ZONE)


@dataclass
class Rows:
    """Writes a school's rows within one session; nothing of it is clever."""

    session: Session
    school: School
    class_id: int
    now: datetime = SUNDAY_NIGHT
    numbers: Any = field(default_factory=lambda: count(20250401))

    def person(self, name: str) -> int:
        person = Person(id=new_id(), created_at=self.now)
        person.name = Private.of(person.id, name)
        self.session.add(person)
        return person.id

    def student(
        self,
        name: str,
        *,
        since: date = MONDAY,
        until: date | None = None,
        unit: int = 0,
        dormitory: int | None = None,
    ) -> int:
        person_id = self.person(name)
        self.session.add(
            Enrolment(
                person_id=person_id,
                unit_id=unit or self.class_id,
                school_id=self.school.id,
                number=str(next(self.numbers)),
                boarder=dormitory is not None,
                dormitory_id=dormitory,
                since=since,
                until=until,
            )
        )
        return person_id

    def guardian(
        self,
        name: str,
        student_id: int,
        *,
        rank: int = 1,
        proved: bool = True,
        since: date = MONDAY,
        until: date | None = None,
        **rights: bool,
    ) -> int:
        """A guardian; `may_see`, `may_answer` and `separate` are as in the tie's row."""
        person_id = self.person(name)
        self.tie(
            person_id, student_id, rank=rank, proved=proved, since=since, until=until, **rights
        )
        return person_id

    def tie(
        self,
        guardian_id: int,
        student_id: int,
        *,
        rank: int = 1,
        proved: bool = True,
        since: date = MONDAY,
        until: date | None = None,
        **rights: bool,
    ) -> None:
        self.session.add(
            Guardianship(
                student_id=student_id,
                guardian_id=guardian_id,
                rank=rank,
                since=since,
                until=until,
                proved_at=self.now if proved else None,
                **rights,
            )
        )

    def consent(self, subject_id: int, by: int, *, withdrawn: bool = False) -> None:
        self.session.add(
            Consent(
                subject_id=subject_id,
                given_by=by,
                version="1",
                given_at=self.now,
                withdrawn_at=self.now if withdrawn else None,
            )
        )

    def contact(self, person_id: int | None, *, state: str = "active") -> Contact:
        contact = Contact(
            bot_id=BOT,
            chat_id=next(_chats),
            person_id=person_id,
            state=state,
            language="en",
            created_at=self.now,
            changed_at=self.now,
        )
        self.session.add(contact)
        return contact

    def family(self, child: str, guardian: str, *, rank: int = 1) -> tuple[int, Contact]:
        """A child with one guardian who has joined."""
        student = self.student(child)
        person = self.guardian(guardian, student, rank=rank)
        self.consent(student, person)
        return student, self.contact(person)

    def second_guardian(self, student_id: int, name: str) -> Contact:
        person = self.guardian(name, student_id, rank=2)
        self.consent(student_id, person)
        return self.contact(person)

    def staff(self, name: str, role: Role, unit_id: int) -> tuple[int, Contact]:
        person = self.person(name)
        self.session.add(
            RoleGrant(person_id=person, unit_id=unit_id, role=role.value, since=MONDAY)
        )
        self.consent(person, person)
        return person, self.contact(person)

    async def unit(self, kind: str, name: str, *, parent_id: int = 0) -> int:
        """A grade, class or dormitory; under the school unless another parent is named."""
        parent = await self.session.get_one(Unit, parent_id or self.school.id)
        return (await units.add_unit(self.session, parent, kind, name, self.now)).id

    async def round(
        self, audience: Audience = Audience.students, day: date = MONDAY, slot: str = "morning"
    ) -> Round:
        """A round that is open and has no check-ins yet."""
        plan = next(
            each
            for each in await plans.plans(self.session, self.school.id)
            if each.audience is audience
        )
        version = await latest_version(self.session, plan.questionnaire)
        held = Round(
            school_id=self.school.id,
            day=day,
            plan_id=plan.id,
            slot=slot,
            questionnaire_id=version or 0,
            opened_at=self.now,
            closes_at=at("08:00", day),
            late_until=end_of(day, ZONE),
        )
        self.session.add(held)
        await self.session.flush()
        return held


async def a_school(session: Session, now: datetime = SUNDAY_NIGHT) -> Rows:
    """Make a school with one class, 3-2, and a bot."""
    await contacts.know_bot(session, BOT, "allclear_test_bot", now)
    school = await make_school(session, "Green Shoots School", now, language="en")
    root = await session.get_one(Unit, school.id)
    unit = await units.add_unit(session, root, "class", "3-2", now)
    await session.flush()
    return Rows(session, school, unit.id, now)


async def ledger_of(session: Session, *kinds: str) -> list[Ledger]:
    """Return every message owed, oldest first."""
    found = await session.exec(select(Ledger).order_by(col(Ledger.id)))
    return [entry for entry in found if not kinds or entry.kind in kinds]


async def checkins_of(session: Session, round_id: int) -> dict[int, CheckIn]:
    """Return a round's check-ins as the database has them now."""
    found = await session.exec(
        select(CheckIn)
        .where(CheckIn.round_id == round_id)
        .execution_options(populate_existing=True)
    )
    return {checkin.subject_id: checkin for checkin in found}


async def cards_of(session: Session) -> list[Card]:
    return list(await session.exec(select(Card).order_by(col(Card.id))))


MINUTE = timedelta(minutes=1)


class Outage:
    """The database as it is when its disk fails: it can be read, and takes no writes."""

    def __init__(self, database: Database) -> None:
        self.on = False

        @event.listens_for(database.engine.sync_engine, "checkout")
        def _taken(connection: Any, _record: Any, _proxy: Any) -> None:
            cursor = connection.cursor()
            if database.is_sqlite:
                cursor.execute(f"PRAGMA query_only={int(self.on)}")
            else:
                switch = "on" if self.on else "off"
                cursor.execute(f"SET default_transaction_read_only = {switch}")
                connection.commit()
            cursor.close()


async def fails_from_now_on(session: Session) -> None:
    """Have the database take no more writes of a transaction that began well."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    await affected(session, text("PRAGMA query_only=1" if sqlite else "SET TRANSACTION READ ONLY"))
