"""The demo: its guided morning can be walked, and its school has a past that ends yesterday."""

import asyncio
from datetime import UTC, datetime, timedelta

import aiohttp

from bot.crowd import Crowd
from bot.demo import _cast
from bot.guided import guided_morning
from bot.invented import invented_school, personas
from bot.invented_past import DAYS, LOOK_BACK, invent_past
from checkin.access import Reach
from checkin.statuses import Status
from checkin.steps import Action
from handlers.rosters import import_roster
from handlers.setup import make_school
from sandbox.guide import read_steps
from sandbox.limits import Limits
from sandbox.server import Sandbox
from storage import asking, holds, plans, rounds, summaries
from storage.database import Database
from storage.tables import Round
from tests.bot.test_inbound import until
from tests.play import BOT_ID, TOKEN

MONDAY = datetime(2026, 3, 1, 22, 28, tzinfo=UTC)  # 06:28 in Shanghai
MOMENTS = {action: MONDAY + timedelta(minutes=n) for n, action in enumerate(Action)}


def test_the_guided_morning_can_be_walked_in_both_languages() -> None:
    cast = {role: n for n, (role, _) in enumerate(_cast(personas(invented_school())), 1000)}
    walk = guided_morning(cast, MOMENTS)
    assert len(read_steps(walk)) == len(walk)
    assert all(step["text"]["en"] and step["text"]["zh"] for step in walk)
    times = [step["at"] for step in walk if "at" in step]
    assert times == [
        MOMENTS[action].isoformat()
        for action in (Action.ask, Action.remind, Action.card, Action.summary)
    ]


async def test_the_demos_school_looks_back_on_days_that_hold_nobody_today(
    database: Database,
) -> None:
    roster = invented_school(students=60)
    async with database.writing() as session:
        then = MONDAY - timedelta(days=LOOK_BACK)
        school = await make_school(session, "Green Shoots School", then)
        await import_roster(session, school, roster, then, actor_id=None)
        await invent_past(session, school, MONDAY)
        monday = MONDAY.astimezone(school.zone).date()
        past = await summaries.past_days(session, school.id, "morning", monday, 99)
        assert len(past) == DAYS
        assert past[-1].day < monday
        held = await rounds.rounds_on(session, school.id, past[-1].day)
        entries = await rounds.entries_within(
            session, [each.id for each in held], Reach((school.path,))
        )
        assert len(entries) == 60 + len(roster.staff)
        assert {entry.checkin.status for entry in entries} == {
            Status.complete,
            Status.no_response,
        }
        assert any(entry.checkin.severity for entry in entries)
        [students, _] = await plans.plans(session, school.id)
        today = Round(
            school_id=school.id,
            day=monday,
            plan_id=students.id,
            slot=students.slot,
            questionnaire_id=held[0].questionnaire_id,
            opened_at=MONDAY,
            closes_at=MONDAY,
            late_until=MONDAY,
        )
        session.add(today)
        await session.flush()
        await asking.open_students(session, today)
        assert await holds.carry_over(session, today) == 0


async def test_who_ends_the_demo_while_families_are_answering_reads_no_errors() -> None:
    async with (
        Sandbox(limits=Limits.none()) as sandbox,
        aiohttp.ClientSession(sandbox.url) as http,
    ):
        sandbox.world.add_bot(TOKEN, "allclear_test_bot", "Allclear")
        user = sandbox.world.add_user("Maria")
        sandbox.world.start(user.id, "")
        crowd = Crowd(sandbox.url, BOT_ID, [user.id])
        crowd._temper[user.id] = 0.5
        button = {"text": "All clear", "callback_data": "a:1:1"}
        await http.post(
            f"/bot{TOKEN}/sendMessage",
            json={
                "chat_id": user.id,
                "text": "How is everyone?",
                "reply_markup": {"inline_keyboard": [[button]]},
            },
        )
        running = asyncio.create_task(crowd.run())
        await until(lambda: bool(crowd._tasks), "somebody is about to answer")
        answering = set(crowd._tasks)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert all(task.done() for task in answering)
