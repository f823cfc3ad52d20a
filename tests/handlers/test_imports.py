"""A roster sent in chat: read outside the batch, all or nothing, and whoever sent it is told."""

import asyncio

from sqlmodel import select

from handlers import imports
from handlers.messages import FetchFailedError
from storage.database import Database
from storage.rosters import known_roster
from storage.tables import RosterJob
from tests.builders import MONDAY
from tests.play import ROSTER, Someone, Stage


async def last(stage: Stage, who: Someone) -> str:
    return str((await stage.chat(who))[-1]["text"])


async def numbers(stage: Stage) -> set[str]:
    assert stage.school is not None
    async with stage.database.reading() as session:
        return set((await known_roster(session, stage.school.id, MONDAY)).enrolments)


async def jobs(database: Database) -> list[str]:
    async with database.reading() as session:
        return [job.state for job in await session.exec(select(RosterJob))]


async def test_the_same_file_again_is_said_to_change_nothing(stage: Stage) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    await stage.sends_file(gu, "school.csv", ROSTER.encode())
    assert "already" in await last(stage, gu)
    assert await jobs(stage.database) == ["done"]


async def test_a_new_student_is_taken_over(stage: Stage) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    more = ROSTER + "student,20250499,Eva,3-2,,,\n"
    await stage.sends_file(gu, "school.csv", more.encode())
    assert "New students: 1" in await last(stage, gu)
    assert "20250499" in await numbers(stage)


async def test_one_problem_and_the_roster_stays_as_it_was(stage: Stage) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    before = await numbers(stage)
    bad = ROSTER + "student,20250499,Eva,3-2,,,\nstudent,,Nemo,3-2,,,\n"
    await stage.sends_file(gu, "school.csv", bad.encode())
    said = await last(stage, gu)
    assert "row 15" in said
    assert "Nothing was taken over" in said
    assert await numbers(stage) == before
    assert await jobs(stage.database) == ["refused"]


async def test_a_corrupt_file_changes_nothing_and_is_said_so(stage: Stage) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    before = await numbers(stage)
    for name, content in (
        ("school.xlsx", b"PK\x03\x04 not a zip at all"),
        ("school.pdf", b"%PDF-1.7 ..."),
        ("school.csv", b"\xff\x00\x81\x82\x83"),
        ("school.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
    ):
        await stage.sends_file(gu, name, content)
        assert "New students" not in await last(stage, gu)
    assert await numbers(stage) == before
    assert await jobs(stage.database) == ["refused"] * 4


async def test_a_file_from_anyone_else_is_declined_kindly(stage: Stage) -> None:
    await stage.a_school()
    for who in (await stage.joined("Maria"), await stage.phone("Eve"), await stage.joined("林岚")):
        await stage.sends_file(who, "school.csv", ROSTER.encode())
        assert "cannot be taken from this chat" in await last(stage, who)
    assert await jobs(stage.database) == []


async def test_the_bot_answers_others_while_a_file_is_being_read(stage: Stage) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.002)
            ticks += 1

    ticking = asyncio.create_task(tick())
    content = ROSTER + "".join(f"student,{n},Eva,3-2,,,\n" for n in range(30_000_000, 30_080_000))

    async def download(_bot: int, _file: str) -> bytes:
        nonlocal ticks
        ticks = 0
        return (content + '"').encode()  # refused at the very end

    await stage.sends_file(gu, "school.csv", b"x,y\n")
    async with stage.database.writing() as session:
        (await session.exec(select(RosterJob))).one().state = "waiting"
    await imports.work(stage.database, stage.clock, download)
    ticking.cancel()
    assert ticks > 3
    assert await jobs(stage.database) == ["refused"]


async def test_a_file_that_cannot_be_had_does_not_keep_the_next_one_waiting(
    stage: Stage,
) -> None:
    await stage.a_school()
    gu = await stage.joined("Gu")
    for _ in range(3):
        await stage.sends_file(gu, "school.csv", ROSTER.encode())
    async with stage.database.writing() as session:
        for job in await session.exec(select(RosterJob)):
            job.state = "waiting"
    answers = iter([FetchFailedError("gone"), RuntimeError("ours"), ROSTER.encode()])

    async def download(_bot: int, _file: str) -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await imports.work(stage.database, stage.clock, download)
    assert await jobs(stage.database) == ["failed", "failed", "done"]
