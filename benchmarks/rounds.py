"""The clock's half: opening rounds and asking, set by set; and the views that people open.

Opening is a whole heartbeat: the plans that are due, the rounds, the check-ins, the cards and the
ledger, one commit a school, on SQLite with synchronous=FULL.
"""

from pathlib import Path
from time import perf_counter

from sqlmodel import select

from benchmarks.measure import Result, middle, spent
from benchmarks.town import ASK_TIME, MONDAY, a_database, fill
from bot import render_class, render_summary
from bot.texts import texts
from checkin.access import Role
from handlers.class_views import class_view
from handlers.rounds import heartbeat
from handlers.summary_views import summary_view
from storage.database import Database, Session
from storage.tables import Card, Contact, Person, RoleGrant, Unit

SCHOOL_SIZE = 1250


async def _opened(path: Path, students: int, name: str) -> tuple[Database, list[Result]]:
    database = await a_database(path)
    schools = -(-students // SCHOOL_SIZE)
    await fill(database, students, schools)
    with spent() as measured:
        counts = await heartbeat(database, lambda: ASK_TIME)
    assert counts["asked"] == counts["messages"] == students, counts
    with spent() as idle:
        await heartbeat(database, lambda: ASK_TIME)
    return database, [
        Result(f"round_open_{name}.sqlite", measured.wall, "s"),
        Result(f"heartbeat_idle_{name}.sqlite", 1000 * idle.wall, "ms"),
    ]


async def _views(database: Database, times: int) -> list[Result]:
    """Load and render a class card and a school's summary, as the sender does."""
    words = texts("en")
    async with database.writing() as session:
        unit = (await session.exec(select(Unit).where(Unit.kind == "class").limit(1))).one()
        teacher = await _teacher(session, unit)
    seconds: dict[str, list[float]] = {"class": [], "summary": []}
    for _ in range(times):
        for kind, about in (("class", unit.id), ("summary", unit.school_id or 0)):
            card = Card(
                id=1, bot_id=0, contact_id=0, day=MONDAY, kind=kind, slot="morning", about_id=about
            )
            began = perf_counter()
            async with database.reading() as session:
                if kind == "class":
                    view = await class_view(session, card, teacher, ASK_TIME)
                    render_class.class_card(view, words)
                else:
                    render_summary.summary(await summary_view(session, card), words)
            seconds[kind].append(perf_counter() - began)
    return [
        Result("class_card_45.sqlite", 1000 * middle(seconds["class"]), "ms"),
        Result(f"school_summary_{SCHOOL_SIZE}.sqlite", 1000 * middle(seconds["summary"]), "ms"),
    ]


async def _teacher(session: Session, unit: Unit) -> Contact:
    """Give a class somebody who may see it."""
    person = Person(created_at=ASK_TIME)
    session.add(person)
    session.add(
        RoleGrant(person_id=person.id, unit_id=unit.id, role=Role.class_teacher, since=MONDAY)
    )
    await session.flush()
    return Contact(
        bot_id=0, chat_id=0, person_id=person.id, created_at=ASK_TIME, changed_at=ASK_TIME
    )


async def measure(folder: Path, *, few: int, many: int, times: int) -> list[Result]:
    """Open a school and a city's worth of schools, and look at one of them."""
    one, results = await _opened(folder / "few.sqlite3", few, _named(few))
    results += await _views(one, times)
    await one.close()
    city, opened = await _opened(folder / "many.sqlite3", many, _named(many))
    await city.close()
    return results + opened


def _named(students: int) -> str:
    return f"{students // 1000}k" if students % 1000 == 0 else str(students)
