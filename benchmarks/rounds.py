"""The clock's half: opening rounds and asking, set by set; and the views that people open.

Opening is a whole heartbeat: the plans that are due, the rounds, the check-ins, the cards and the
ledger, one commit a school.
"""

from functools import partial
from time import perf_counter

from sqlmodel import select

from benchmarks.databases import Engine
from benchmarks.ground import Ground
from benchmarks.measure import Result, middle, spent
from benchmarks.town import ASK_TIME, MONDAY, fill
from bot import render_class, render_summary
from bot.texts import texts
from checkin.access import Role
from handlers.class_views import class_view
from handlers.rounds import heartbeat
from handlers.summary_views import school_day
from storage.database import Database, Session
from storage.tables import Card, Contact, Person, RoleGrant, Unit


async def _opened(
    engine: Engine, students: int, school: int, name: str
) -> tuple[Database, list[Result]]:
    schools = -(-students // school)
    database = await engine.fresh(
        f"town-{students}", partial(fill, students=students, schools=schools)
    )
    with spent() as measured:
        counts = await heartbeat(database, lambda: ASK_TIME)
    assert counts["asked"] == counts["messages"] == students, counts
    with spent() as idle:
        await heartbeat(database, lambda: ASK_TIME)
    return database, [
        Result(f"round_open_{name}.{engine.name}", measured.wall, "s"),
        Result(f"heartbeat_idle_{name}.{engine.name}", 1000 * idle.wall, "ms"),
    ]


async def _views(engine: Engine, database: Database, school: int, times: int) -> list[Result]:
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
                    render_summary.summary(await school_day(session, card), words)
            seconds[kind].append(perf_counter() - began)
    return [
        Result(f"class_card_45.{engine.name}", 1000 * middle(seconds["class"]), "ms"),
        Result(f"school_summary_{school}.{engine.name}", 1000 * middle(seconds["summary"]), "ms"),
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


async def measure(ground: Ground) -> list[Result]:
    """Open a school and a city's worth of schools, and look at one of them."""
    sizes, found = ground.sizes, []
    for engine in ground.engines:
        ground.tell(f"{engine.name}, a school and {sizes.town:,} students")
        one, results = await _opened(engine, sizes.school, sizes.school, _named(sizes.school))
        found += results + await _views(engine, one, sizes.school, sizes.looks)
        found += (await _opened(engine, sizes.town, sizes.school, _named(sizes.town)))[1]
    return found


def _named(students: int) -> str:
    return f"{students // 1000}k" if students % 1000 == 0 else str(students)
