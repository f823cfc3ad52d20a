"""Whom one may answer for, who can be asked, and what /why says: three queries, one truth."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from checkin.checkins import Status
from storage import people
from storage.asking import ways_to_ask
from storage.database import Database
from storage.tables import CheckIn, Guardianship
from tests.builders import MONDAY, a_school
from tests.examples import examples

TIE = st.fixed_dictionaries(
    {
        "proved": st.booleans(),
        "may_see": st.booleans(),
        "may_answer": st.booleans(),
        "since": st.sampled_from([-1, 0, 1]),
        "until": st.sampled_from([None, 0, 1]),
        "consent": st.sampled_from([None, "given", "withdrawn"]),
        "contacts": st.lists(st.sampled_from(["active", "blocked"]), max_size=2),
    }
)


@given(st.lists(TIE, min_size=1, max_size=3))
@settings(
    max_examples=examples(20, 200),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_three_queries_about_rights_agree(
    migrated: Path, tmp_path: Path, ties: list[dict[str, Any]]
) -> None:
    path = tmp_path / "rights.sqlite3"
    shutil.copy(migrated, path)
    asyncio.run(agree(path, ties))


async def agree(path: Path, ties: list[dict[str, Any]]) -> None:
    database = Database(f"sqlite:///{path}", safe=False)
    try:
        async with database.writing() as session:
            rows = await a_school(session)
            child = rows.student("Ana")
            everyone = []
            for place, tie in enumerate(ties):
                until = tie["until"]
                guardian = rows.guardian(
                    f"G{place}",
                    child,
                    rank=place + 1,
                    proved=tie["proved"],
                    since=MONDAY + timedelta(days=tie["since"]),
                    until=None if until is None else MONDAY + timedelta(days=until),
                )
                everyone.append(guardian)
                if tie["consent"]:
                    rows.consent(child, guardian, withdrawn=tie["consent"] == "withdrawn")
                for state in tie["contacts"]:
                    rows.contact(guardian, state=state)
            await session.flush()
            for row in await session.exec(select(Guardianship)):
                tie = ties[everyone.index(row.guardian_id)]
                row.may_see, row.may_answer = tie["may_see"], tie["may_answer"]
            held = await rows.round()
            session.add(
                CheckIn(
                    round_id=held.id,
                    subject_id=child,
                    unit_id=rows.class_id,
                    school_id=rows.school.id,
                    status=Status.due.value,
                )
            )
            await session.flush()
            may = await people.answers_for_each(session, everyone, MONDAY)
            answering = {person for person, wards in may.items() if child in wards}
            explained = {
                way.person_id
                for way in await people.ways_of(session, child, MONDAY)
                if way.state == "open"
            }
            ways = ways_to_ask(held.id, MONDAY)
            contact = people.Contact
            asked = set(
                await session.exec(
                    select(contact.person_id).where(
                        contact.id.in_(select(ways.c.contact_id))  # type: ignore[attr-defined]
                    )
                )
            )
            reachable = {
                person
                for person, tie in zip(everyone, ties, strict=True)
                if "active" in tie["contacts"]
            }
            assert explained == answering & reachable
            assert asked == explained
    finally:
        await database.close()


async def test_who_may_neither_see_nor_answer_has_no_right_at_all(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        child, contact = rows.family("Ana", "Maria")
        await session.flush()
        tie = (await session.exec(select(Guardianship))).one()
        tie.may_see = tie.may_answer = False
        await session.flush()
        person = contact.person_id or 0
        assert child
        assert await people.rights_of_each(session, [person], MONDAY) == {person: []}
