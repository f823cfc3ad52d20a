"""Schools of any size, written set by set: students, one guardian each who has joined."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from handlers.joining import CONSENT_VERSION
from handlers.rounds import heartbeat
from handlers.setup import make_school
from storage import contacts, units
from storage.database import Database, Session
from storage.ids import new_id
from storage.partitions import make_ahead
from storage.sealing import Keyring, Private, use_keyring
from storage.sql import affected, insert_into
from storage.tables import Consent, Contact, Enrolment, Guardianship, Person, Unit

TOKEN = "7000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  # noqa: S105 - nobody's
BOT_ID = 7000001
ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 3, 2)
SUNDAY = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ASK_TIME = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)  # Monday 06:30 at the school
CLASS_SIZE = 45


async def prepare(database: Database) -> None:
    """Make the tables, and let the bot be known."""
    use_keyring(Keyring([bytes(range(32))]))
    await database.migrate()
    await make_ahead(database, MONDAY)
    async with database.writing() as session:
        await contacts.know_bot(session, BOT_ID, "a_bot", SUNDAY)


async def fill(
    database: Database, students: int, schools: int = 1, made: datetime = SUNDAY
) -> None:
    """Make schools with so many students in all, each with one guardian in a chat."""
    for number in range(schools):
        async with database.writing() as session:
            share = students // schools + (number < students % schools)
            await _fill_school(session, f"School {number}", share, number * 1_000_000, made)


async def _fill_school(
    session: Session, name: str, students: int, chats_from: int, made: datetime
) -> None:
    school = await make_school(session, name, made, zone=ZONE.key, language="en")
    root = await session.get_one(Unit, school.id)
    classes = [
        (await units.add_unit(session, root, "class", f"{1 + n // 6}-{1 + n % 6}", SUNDAY)).id
        for n in range(-(-students // CLASS_SIZE))
    ]
    people, enrolled, ties, consents, chats = [], [], [], [], []
    for n in range(students):
        child, guardian = new_id(), new_id()
        for person, who in ((child, "Child"), (guardian, "Parent")):
            label = Private.of(person, f"{who} {n}")
            people.append({"id": person, "name": label, "created_at": SUNDAY})
        enrolled.append(
            {
                "id": new_id(),
                "person_id": child,
                "unit_id": classes[n // CLASS_SIZE],
                "school_id": school.id,
                "number": f"2025{n:06d}",
                "boarder": False,
                "own_account": False,
                "since": MONDAY,
            }
        )
        ties.append(
            {
                "id": new_id(),
                "student_id": child,
                "guardian_id": guardian,
                "rank": 1,
                "since": MONDAY,
                "proved_at": SUNDAY,
            }
        )
        consents.append(
            {
                "id": new_id(),
                "subject_id": child,
                "given_by": guardian,
                "version": CONSENT_VERSION,
                "given_at": SUNDAY,
            }
        )
        chats.append(
            {
                "id": new_id(),
                "bot_id": BOT_ID,
                "chat_id": 1 + chats_from + n,
                "person_id": guardian,
                "state": "active",
                "language": "en",
                "dialogue": {},
                "created_at": SUNDAY,
                "changed_at": SUNDAY,
            }
        )
    for model, rows in (
        (Person, people),
        (Enrolment, enrolled),
        (Guardianship, ties),
        (Consent, consents),
        (Contact, chats),
    ):
        await affected(session, insert_into(session, model), rows)


def asked(households: int) -> Callable[[Database], Awaitable[None]]:
    """Return what fills a database in which so many households are owed the morning's card."""

    async def make(database: Database) -> None:
        await fill(database, households)
        counts = await heartbeat(database, lambda: ASK_TIME)
        assert counts["messages"] == households, counts

    return make
