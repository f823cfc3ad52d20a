"""What is kept many at once stands as if each had been kept alone, in either database."""

from datetime import timedelta

import pytest
from sqlmodel import col, select

from storage import asking, contacts, history, plain_answers
from storage.database import Database
from storage.sealing import Private
from storage.tables import Contact, HistoryEntry
from tests.builders import SUNDAY_NIGHT, a_school, at, checkins_of

SAID = ['{"note": "a \\"quote\\", a \\\\, {braces}"}', "{}", '{"note": "没发烧 🙂"}']


async def test_answers_stand_and_the_history_says_so(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        people = [rows.student(name) for name in ("Ana", "Ben", "Leo")]
        mother = rows.guardian("Maria", people[0])
        await session.flush()
        held = await rows.round()
        await asking.open_students(session, held)
        found = await checkins_of(session, held.id)
        standing = [
            {
                "id": found[who].id,
                "status": "complete" if said != "{}" else "late",
                "severity": 0,
                "disposition": None,
                "respondent_id": None if who == people[1] else mother,
                "answered_at": at("07:00"),
                "absent": False,
                "valid_until": None,
                "answers": Private.of(who, said),
            }
            for who, said in zip(people, SAID, strict=True)
        ]
        await plain_answers.keep_standing(session, standing)
        for each, who in zip(standing, people, strict=True):
            history.remember(
                session,
                check_in_id=each["id"],
                subject_id=who,
                act="accepted",
                by=each["respondent_id"],
                at=at("07:00"),
                answers=each["answers"] if who != people[1] else None,
            )
    async with database.reading() as session:
        rows_by_subject = await checkins_of(session, held.id)
        for each, who, said in zip(standing, people, SAID, strict=True):
            row = rows_by_subject[who]
            assert row.answers is not None
            assert row.answers.read(who) == said
            kept = ("status", "severity", "respondent_id", "answered_at", "absent", "valid_until")
            assert {name: getattr(row, name) for name in kept} == {n: each[n] for n in kept}
        told = await session.exec(select(HistoryEntry).order_by(col(HistoryEntry.id)))
        for entry, who, said in zip(told, people, SAID, strict=True):
            assert (entry.subject_id, entry.act, entry.at) == (who, "accepted", at("07:00"))
            assert entry.by == (None if who == people[1] else mother)
            if who == people[1]:
                assert entry.answers is None
            else:
                assert entry.answers is not None
                assert entry.answers.read(who) == said


async def test_the_last_update_of_each_chat_is_kept_unless_it_was_overtaken(
    database: Database,
) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        chats = [rows.contact(None) for _ in range(3)]
        await session.flush()
        ids = [chat.id for chat in chats]
        now = SUNDAY_NIGHT
        await contacts.keep_last_updates(session, dict(zip(ids, (5, 6, 2**40), strict=True)), now)
        now += timedelta(minutes=1)
        await contacts.keep_last_updates(session, {ids[0]: 4, ids[1]: 7}, now)
        await contacts.keep_last_updates(session, {}, now)
    async with database.reading() as session:
        found = await session.exec(select(Contact.id, Contact.last_update, Contact.last_update_at))
        kept = {id_: (last, moment) for id_, last, moment in found}
    assert kept[ids[0]] == (5, SUNDAY_NIGHT)
    assert kept[ids[1]] == (7, now)
    assert kept[ids[2]] == (2**40, SUNDAY_NIGHT)
    async with database.writing() as session:
        await contacts.keep_last_updates(session, {ids[0]: 4}, now + timedelta(minutes=11))
    async with database.reading() as session:
        kept_anew = await session.get_one(Contact, ids[0])
        assert kept_anew.last_update == 4, "ids start anew after a week of silence"


async def test_what_happened_in_one_batch_is_told_in_its_order(database: Database) -> None:
    acts = [(0, "raised", 2), (1, "accepted", 0), (1, "raised", 2), (0, "accepted", 0)]
    async with database.writing() as session:
        rows = await a_school(session)
        people = [rows.student(name) for name in ("Ana", "Ben")]
        await session.flush()
        held = await rows.round()
        await asking.open_students(session, held)
        found = await checkins_of(session, held.id)
        for who, act, severity in acts:
            history.remember(
                session,
                check_in_id=found[people[who]].id,
                subject_id=people[who],
                act=act,
                at=at("07:00"),
                severity=severity,
            )
    async with database.reading() as session:
        told = await history.histories(session, [each.id for each in found.values()])
    for who, person in enumerate(people):
        entries = told[found[person].id]
        assert [entry.act for entry in entries] == [act for whose, act, _ in acts if whose == who]


@pytest.mark.sqlite_only
async def test_a_button_is_not_dead_because_another_process_has_a_clock_that_is_fast(
    database: Database,
) -> None:
    async with database.writing() as session:
        chat = (await a_school(session)).contact(None)
        assert contacts.keep_tap(chat, "7:pi:1:1", SUNDAY_NIGHT + timedelta(minutes=5))
        assert contacts.keep_tap(chat, "7:pi:1:1", SUNDAY_NIGHT + timedelta(minutes=1))
        assert not contacts.keep_tap(chat, "7:pi:1:1", SUNDAY_NIGHT + timedelta(seconds=69))
