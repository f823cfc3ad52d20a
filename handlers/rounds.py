"""The clock's half of a morning: which steps are due, and doing each of them once."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, timedelta

import structlog

from checkin.access import Role
from checkin.calendars import Calendar, runs_on
from checkin.facts import fact
from checkin.plans import LOOK_BACK, Audience, Due, Plan, Skip, due_now
from checkin.steps import Action, closing
from checkin.times import end_of, local_date, moment_at
from handlers import signing
from handlers.calendars import calendar_of
from handlers.clock import Clock
from storage import asking, cards, contacts, holds, ledger, people, plans, rounds, units
from storage.database import Database, Session, is_outage
from storage.questionnaires import latest_version
from storage.tables import Round
from storage.units import School

log = structlog.get_logger()

_ASKING = (Action.ask.value, Action.evening.value)


async def heartbeat(database: Database, clock: Clock) -> dict[str, int]:
    """Do or skip every step of every plan that is due; return how many of each.

    Whoever comes second, another process or this one after a restart, finds the step recorded.

    Raises:
        Exception: the first step that failed, after every other plan had its turn.
    """
    now = clock()
    totals: Counter[str] = Counter()
    async with database.reading() as session:
        turns = await _turns(session, now)
    failed: dict[int, Exception] = {}
    for turn in turns:
        if turn.plan.id in failed:
            continue  # its steps stay in order: nobody is reminded of what was never asked
        try:
            if turn.missed:
                totals.update(await _skip(database, now, turn.plan, turn.school, turn.missed))
            if turn.due is not None:
                totals.update(await _carry_out(database, now, turn.plan, turn.school, turn.due))
        except Exception as error:
            if is_outage(error):
                raise
            # One plan's trouble keeps no other school from being asked.
            log.exception("step failed", plan=turn.plan.id, school=turn.school.id)
            failed[turn.plan.id] = error
    for first in failed.values():
        raise first
    return dict(totals)


@fact
class _Turn:
    """What a plan skips, all of it at once, and the step that it does then, if any.

    So after a week without power nobody waits to be asked until every other school has put down
    what it missed.
    """

    plan: Plan
    school: School
    missed: tuple[Skip, ...]
    due: Due | None

    @property
    def due_at(self) -> datetime:
        return (self.due or self.missed[-1].due).due_at


async def _turns(session: Session, now: datetime) -> list[_Turn]:
    found: list[_Turn] = []
    every_plan = await plans.plans(session)
    since = now.date() - timedelta(days=LOOK_BACK + 2)
    recorded = await plans.recorded_since(session, (plan.id for plan in every_plan), since)
    done: dict[int, set[tuple[date, str]]] = defaultdict(set)
    asked_at: dict[int, dict[date, datetime]] = defaultdict(dict)
    for each in recorded:
        done[each.plan_id].add((each.round_date, each.step))
        if each.state == "done" and each.step.startswith(_ASKING):
            asked_at[each.plan_id][each.round_date] = each.decided_at
    schools = {school.id: school for school in await units.schools(session)}
    calendars: dict[int, Calendar] = {}
    for plan in every_plan:
        school = schools[plan.school_id]
        if school.id not in calendars:
            today = local_date(now, school.zone)
            calendars[school.id] = await calendar_of(session, school, today)
        calendar = calendars[school.id]
        decisions = due_now(
            plan, school.zone, calendar, now, done[plan.id], asked_at=asked_at[plan.id]
        )
        missed: list[Skip] = []
        for decision in decisions:
            if isinstance(decision, Skip):
                missed.append(decision)
            else:
                found.append(_Turn(plan, school, tuple(missed), decision.due))
                missed = []
        if missed:
            found.append(_Turn(plan, school, tuple(missed), None))
    return sorted(found, key=lambda turn: turn.due_at)


async def _skip(
    database: Database, now: datetime, plan: Plan, school: School, skips: Sequence[Skip]
) -> dict[str, int]:
    days = {skip.due.round_date for skip in skips}

    async def put_down(session: Session) -> list[Skip]:
        recorded = await plans.recorded_since(session, [plan.id], min(days))
        done = {(each.round_date, each.step) for each in recorded}
        opened = await rounds.rounds_of(session, plan.id, school.id, days)
        running = await _still_running(session, now, plan, school, opened, days)
        taken = [
            skip for skip in skips if skip.due.key not in done and skip.due.round_date in running
        ]
        await plans.record_skipped(session, taken, now)
        for skip in taken:
            if skip.due.step.action is Action.close and (held := opened.get(skip.due.round_date)):
                await _end_quietly(session, now, school, held)
        return taken

    taken = await database.write(put_down)
    for reason, number in Counter(skip.reason.value for skip in taken).items():
        first, last = (each(skip.due.round_date for skip in taken) for each in (min, max))
        log.info(
            "steps skipped",
            reason=reason,
            steps=number,
            plan=plan.id,
            school=school.id,
            first=first.isoformat(),
            last=last.isoformat(),
        )
    return Counter(f"{skip.due.step.action.value} skipped" for skip in taken)


async def _carry_out(
    database: Database, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    day = due.round_date

    async def carry_out(session: Session) -> dict[str, int] | None:
        opened = await rounds.rounds_of(session, plan.id, school.id, {day})
        if not await _still_running(session, now, plan, school, opened, {day}):
            return None  # the day lost its school after this step was found to be due
        if not await plans.record(session, due, now):
            return None
        counts = await _STEPS[due.step.action](session, now, plan, school, due)
        await plans.record_counts(session, due, counts)
        return counts

    counts = await database.write(carry_out)
    if counts is None:
        return {}
    log.info(
        "step done",
        step=due.step.name,
        plan=plan.id,
        school=school.id,
        day=day.isoformat(),
        **counts,
    )
    return {f"{due.step.action.value} done": 1, **counts}


async def _still_running(
    session: Session,
    now: datetime,
    plan: Plan,
    school: School,
    opened: Mapping[date, Round],
    days: Set[date],
) -> set[date]:
    """Return on which of these days the plan's round may go on, or be opened, as things stand.

    What was found to be due was read in another transaction: a plan that somebody changed since
    is looked at anew a second later.
    """
    running = {day for day, held in opened.items() if held.cancelled_at is None}
    unopened = days - opened.keys()
    if unopened and plan in await plans.plans(session, school.id):
        calendar = await calendar_of(session, school, local_date(now, school.zone))
        running |= {
            day for day in unopened if runs_on(plan.recurrence, plan.weekdays, calendar, day)
        }
    return running


# ---- the steps -----------------------------------------------------------------------------


async def _evening(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    """Ask those who like the evening before; where nobody does, no round is opened for it."""
    if not await asking.anyone_in_the_evening(session, school.id):
        return {"asked": 0}
    opened = await _opened(session, now, plan, school, due)
    return {"messages": await asking.ask_in_the_evening(session, opened, now)}


async def _ask(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    opened = await _opened(session, now, plan, school, due)
    asked = await asking.ask(session, opened, now, place=due.step.rung)
    wardens = 0
    if due.step.rung == 1:
        houses = [unit.id for unit in await units.units_in(session, school.id, "dormitory")]
        wardens = await _hand_cards(session, now, opened, Role.dormitory_warden, houses)
    await cards.refresh_school(session, school.id, opened.day)
    return {
        "asked": asked.subjects,
        "messages": asked.messages,
        "unreachable": asked.unreachable,
        **({"wardens": wardens} if wardens else {}),
    }


async def _opened(session: Session, now: datetime, plan: Plan, school: School, due: Due) -> Round:
    """Return the round of a step, opened now or before; whoever is new to the school is in it."""
    held = await rounds.round_of(session, plan.id, school.id, due.round_date)
    if held is None:
        held = await _begin(session, now, plan, school, due)
    if plan.audience is Audience.students:
        await asking.open_students(session, held)
    else:
        await asking.open_staff(session, held, school.path)
    await holds.carry_over(session, held)
    return held


async def _begin(session: Session, now: datetime, plan: Plan, school: School, due: Due) -> Round:
    version = await latest_version(session, plan.questionnaire)
    if version is None:
        raise LookupError(f"plan {plan.id} has no questionnaire {plan.questionnaire!r}")
    held = Round(
        school_id=school.id,
        day=due.round_date,
        plan_id=plan.id,
        slot=plan.slot,
        questionnaire_id=version,
        opened_at=now,
        closes_at=_closes_at(plan, school, due),
        late_until=end_of(due.round_date, school.zone),
    )
    session.add(held)
    await session.flush()
    return held


def _closes_at(plan: Plan, school: School, due: Due) -> datetime:
    return moment_at(due.round_date, closing(plan.steps).at, school.zone)


async def _remind(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    held = await rounds.round_of(session, plan.id, school.id, due.round_date)
    if held is None:
        return {"reminded": 0}
    return {"reminded": await asking.remind(session, held, now, rung=due.step.rung)}


async def _card(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    """Hand the class teachers their cards, so that they can help before the close."""
    held = await rounds.round_of(session, plan.id, school.id, due.round_date)
    if held is None:
        return {"cards": 0}
    classes = [unit.id for unit in await units.classes_of(session, school.id)]
    return {"cards": await _hand_cards(session, now, held, Role.class_teacher, classes)}


async def _close(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    held = await rounds.round_of(session, plan.id, school.id, due.round_date)
    if held is None:
        return {"no_response": 0}
    silent = await asking.close(session, held, now)
    await session.flush()
    await cards.refresh_school(session, school.id, held.day)
    counts = {"no_response": silent}
    if all(step.action is not Action.card for step in plan.steps):
        counts |= await _card(session, now, plan, school, due)
    if all(step.action is not Action.summary for step in plan.steps):
        counts |= await _summary(session, now, plan, school, due)
    return counts


async def _summary(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    """Hand the lead the summary, once every round that it is about has closed."""
    held = await _all_closed(session, plan, school, due)
    return {"summaries": await signing.hand_over(session, now, school, held) if held else 0}


async def _chase(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    held = await _all_closed(session, plan, school, due)
    return {"chased": await signing.chase(session, now, school, held) if held else 0}


async def _deputy(
    session: Session, now: datetime, plan: Plan, school: School, due: Due
) -> dict[str, int]:
    held = await _all_closed(session, plan, school, due)
    return {"deputies": await signing.hand_to_deputy(session, now, school, held) if held else 0}


async def _all_closed(session: Session, plan: Plan, school: School, due: Due) -> Round | None:
    """Return a closed round of the day's slot; None while another one of it is open."""
    held = await rounds.rounds_on(session, school.id, due.round_date, plan.slot)
    return held[0] if held and all(each.closed_at for each in held) else None


async def _end_quietly(session: Session, now: datetime, school: School, held: Round) -> None:
    """Close a round that nobody was there to close: its silence is kept as silence."""
    if held.closed_at is None:
        await asking.close(session, held, now)
        await cards.refresh_school(session, school.id, held.day)


async def _hand_cards(
    session: Session, now: datetime, held: Round, role: Role, unit_ids: list[int]
) -> int:
    """Owe the cards of these units to those who hold a role there; once for each day and slot."""
    found = await people.holders(session, [role], unit_ids, held.day)
    reached = {
        contact.person_id: contact
        for contact in await contacts.contacts_of(session, [person for person, _ in found])
    }
    told = 0
    for person, unit in found:
        if contact := reached.get(person):
            card = await cards.card_of(session, contact, held.day, "class", held.slot, unit)
            cause = f"class:{held.day}:{held.slot}:{unit}"
            await ledger.owe(session, contact, "card", cause, now, card=card)
            told += 1
    return told


_STEPS = {
    Action.evening: _evening,
    Action.ask: _ask,
    Action.remind: _remind,
    Action.card: _card,
    Action.close: _close,
    Action.summary: _summary,
    Action.chase: _chase,
    Action.deputy: _deputy,
}
