"""A case holds until its last day, over silent mornings, until an answer or the school ends it."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkin.checkins import Status
from checkin.triage import LONGEST_HOLD
from storage import asking, holds
from storage.database import Database
from storage.tables import CheckIn, Round
from tests.builders import MONDAY, a_school, checkins_of
from tests.examples import examples

# What a morning brings for one child: nothing, all well, or a case of so many days after today.
Day = int | None
SILENT, WELL = None, -1


def _standing(days: list[tuple[date, Day]], last: date) -> tuple[int, date | None]:
    """The oracle: walk the days and remember what holds."""
    until: date | None = None
    for day, said in days:
        if until is not None and until < day:
            until = None
        if said == WELL:
            until = None
        elif said is not SILENT:
            until = day + timedelta(days=said)
    if until is None or until < last:
        return 0, None
    return 2, until


mornings = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from([SILENT, SILENT, WELL, 0, 1, 2, 5, 14, 30])),
    max_size=7,
)


@settings(
    max_examples=examples(12, 150),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    children=st.lists(mornings, min_size=1, max_size=4),
    the_evening_before=st.sets(st.integers(1, 7)),
)
async def test_a_case_holds_as_a_plain_diary_would_say(
    database: Database,
    children: list[list[tuple[int, Day]]],
    the_evening_before: set[int],
) -> None:
    places = range(1 + max(map(len, children)))
    days = [MONDAY]
    for place in places:
        steps = [script[place][0] for script in children if place < len(script)]
        days.append(days[-1] + timedelta(days=steps[0] if steps else 1))
    async with database.writing() as session:
        rows = await a_school(session)
        pupils = [rows.student(f"Child {n}") for n in range(len(children))]
        diary: dict[int, list[tuple[date, Day]]] = {pupil: [] for pupil in pupils}
        opened: dict[int, Round] = {}

        async def opens(place: int) -> None:
            if place in opened or place not in places:
                return
            held = opened[place] = await rows.round(day=days[place])
            await asking.open_students(session, held)
            await holds.carry_over(session, held)
            again = await holds.carry_over(session, held)
            assert again == 0
            for pupil, checkin in (await checkins_of(session, held.id)).items():
                severity, until = _standing(diary[pupil], days[place])
                assert (checkin.severity, checkin.valid_until) == (severity, until)
                assert (checkin.floor, checkin.status) == (severity, Status.due)

        for place in places:
            await opens(place)
            if place + 1 in the_evening_before:  # when nobody has said yet how today is
                await opens(place + 1)
            found = await checkins_of(session, opened[place].id)
            for pupil, script in zip(pupils, children, strict=True):
                said = script[place][1] if place < len(script) else SILENT
                _say(found[pupil], said, days[place])
                diary[pupil].append((days[place], said))
            await session.flush()
            for pupil in pupils if place + 1 in opened else ():
                case = await holds.case_on(session, pupil, opened[place + 1])
                holding = (case.severity, case.valid_until) if case else (0, None)
                assert holding == _standing(diary[pupil], days[place + 1])
        await session.rollback()


def _say(checkin: CheckIn, said: Day, day: date) -> None:
    if said is SILENT:
        checkin.status = Status.no_response.value
        return
    checkin.status = Status.complete.value
    checkin.severity = 0 if said == WELL else 2
    checkin.disposition = "cleared" if said == WELL else "stay_home"
    checkin.valid_until = day + timedelta(days=max(said, 0))
    checkin.reasons = "" if said == WELL else "fever"


async def test_a_hold_is_looked_for_no_longer_than_any_rule_lasts(database: Database) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        tom = rows.student("Tom")
        first = await rows.round()
        await asking.open_students(session, first)
        checkin = (await checkins_of(session, first.id))[tom]
        _say(checkin, LONGEST_HOLD, MONDAY)
        checkin.valid_until = MONDAY + timedelta(days=LONGEST_HOLD + 9)
        for days, severity in ((LONGEST_HOLD, 2),):
            later = await rows.round(day=MONDAY + timedelta(days=days))
            await asking.open_students(session, later)
            await holds.carry_over(session, later)
            assert (await checkins_of(session, later.id))[tom].severity == severity


@pytest.mark.parametrize("status", [Status.complete, Status.asked])
async def test_what_was_answered_already_is_left_alone(database: Database, status: Status) -> None:
    async with database.writing() as session:
        rows = await a_school(session)
        tom = rows.student("Tom")
        monday = await rows.round()
        await asking.open_students(session, monday)
        _say((await checkins_of(session, monday.id))[tom], 3, MONDAY)
        tuesday = await rows.round(day=MONDAY + timedelta(days=1))
        await asking.open_students(session, tuesday)
        checkin = (await checkins_of(session, tuesday.id))[tom]
        checkin.status = status.value
        assert await holds.carry_over(session, tuesday) == (status is Status.asked)
