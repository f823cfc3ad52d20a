"""The clock's half of a morning: which steps are due, and doing each of them once."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from time import monotonic

import structlog

from checkin.access import Role
from checkin.facts import fact
from checkin.plans import (
    LOOK_BACK,
    Audience,
    Decision,
    Due,
    Plan,
    Skip,
    due_now,
    looks_at,
    presses_from,
    quiet_before,
)
from checkin.steps import PRESSING, Action, closing
from checkin.times import end_of, moment_at
from handlers import signing
from handlers.calendars import calendars_of
from handlers.clock import Clock
from handlers.handing import hand_cards, hand_houses
from storage import asking, cards, holds, ledger, missed, plans, rounds, units
from storage.database import Database, Session, is_outage
from storage.plans import Look
from storage.questionnaires import latest_version
from storage.round_close import close_round
from storage.tables import Round
from storage.units import School

log = structlog.get_logger()

TOGETHER = 100  # plans that are looked at in one go
BEAT_SECONDS = 4.0  # a heartbeat that takes longer comes back for the next


async def heartbeat(database: Database, clock: Clock) -> dict[str, int]:
    """Do or skip every step of every plan that is due; return how many of each.

    Whoever comes second, another process or this one after a restart, finds the step recorded.
    When a whole city is due it comes back after some seconds, to be seen alive, and goes on next
    time.

    Raises:
        Exception: the first step that failed, after every other plan had its turn.
    """
    until = monotonic() + BEAT_SECONDS
    totals: Counter[str] = Counter()
    failed: dict[int, Exception] = {}
    while True:
        now = clock()
        async with database.reading() as session:
            looks, faults = await plans.to_look_at(session, now, TOGETHER, besides=failed)
            turns, next_at = await _turns(session, now, looks)
        if not looks and not faults:
            break
        for plan_id, fault in faults.items():
            log.error("step failed", step=None, plan=plan_id, exc_info=fault)
            failed[plan_id] = fault
        waits: dict[int, datetime] = {}
        for turn in turns:
            if turn.plan.id in failed:
                continue  # its steps stay in order: nobody is reminded of what was never asked
            try:
                counts, again_at = await _take(database, now, turn)
                totals.update(counts)
                if again_at is not None:
                    waits[turn.plan.id] = min(again_at, waits.get(turn.plan.id, again_at))
            except Exception as error:
                if is_outage(error):
                    raise
                # One plan's trouble keeps no other school from being asked.
                step = turn.due and turn.due.step.name
                log.exception("step failed", step=step, plan=turn.plan.id, school=turn.school.id)
                failed[turn.plan.id] = error
        # What failed is tried again at once, but behind all that waited before.
        after = [
            (look, now if look.plan.id in failed else min(at, waits.get(look.plan.id, at)))
            for look, at in next_at
        ]
        await database.write(partial(plans.looked, at=after))
        if monotonic() >= until:
            break
    for first in failed.values():
        raise first
    return dict(totals)


@fact
class _Turn:
    """What a plan skips, all of it at once, and the step that it does then, if any.

    So after a week without power nobody waits to be asked until every other school has put down
    what it missed.
    """

    look: Look
    school: School
    missed: tuple[Skip, ...]
    due: Due | None

    @property
    def plan(self) -> Plan:
        return self.look.plan

    @property
    def due_at(self) -> datetime:
        return (self.due or self.missed[-1].due).due_at


async def _turns(
    session: Session, now: datetime, looks: Sequence[Look]
) -> tuple[list[_Turn], list[tuple[Look, datetime]]]:
    """Return what these plans do now, in time order, and when each is looked at again."""
    if not looks:
        return [], []
    found: list[_Turn] = []
    next_at: list[tuple[Look, datetime]] = []
    since = now.date() - timedelta(days=LOOK_BACK + 2)
    recorded = await plans.recorded_since(session, (look.plan.id for look in looks), since)
    done: dict[int, dict[tuple[date, str], datetime | None]] = defaultdict(dict)
    for each in recorded:
        moment = each.decided_at if each.state == "done" else None
        done[each.plan_id][each.round_date, each.step] = moment
    of = {look.plan.school_id for look in looks}
    schools = {school.id: school for school in await units.schools(session, of)}
    calendars = await calendars_of(session, schools.values(), now.date())
    for look in looks:
        plan, school = look.plan, schools[look.plan.school_id]
        calendar = calendars[school.id]
        found += _turns_of(look, school, due_now(plan, school.zone, calendar, now, done[plan.id]))
        next_at.append((look, looks_at(plan, school.zone, calendar, now)))
    return sorted(found, key=lambda turn: turn.due_at), next_at


def _turns_of(look: Look, school: School, decisions: Iterable[Decision]) -> Iterator[_Turn]:
    missed: list[Skip] = []
    for decision in decisions:
        if isinstance(decision, Skip):
            missed.append(decision)
        else:
            yield _Turn(look, school, tuple(missed), decision.due)
            missed = []
    if missed:
        yield _Turn(look, school, tuple(missed), None)


async def _take(
    database: Database, now: datetime, turn: _Turn
) -> tuple[Counter[str], datetime | None]:
    """Take a turn; return how many of what were done, and until when its step waits, if so."""
    counts: Counter[str] = Counter()
    if turn.missed:
        counts.update(await _skip(database, now, turn.look, turn.school, turn.missed))
    if turn.due is None:
        return counts, None
    done = await _carry_out(database, now, turn.look, turn.school, turn.due)
    if isinstance(done, datetime):
        return counts, done
    counts.update(done)
    return counts, None


async def _skip(
    database: Database, now: datetime, look: Look, school: School, skips: Sequence[Skip]
) -> dict[str, int]:
    plan = look.plan
    days = {skip.due.round_date for skip in skips}

    async def put_down(session: Session) -> list[Skip]:
        recorded = await plans.recorded_since(session, [plan.id], min(days))
        done = {(each.round_date, each.step) for each in recorded}
        opened = await rounds.rounds_of(session, plan.id, school.id, days)
        running = await _still_running(session, look, opened, days)
        taken = [
            skip for skip in skips if skip.due.key not in done and skip.due.round_date in running
        ]
        await plans.record_skipped(session, taken, now)
        for skip in taken:
            held = opened.get(skip.due.round_date)
            if held and skip.due.step.action is Action.ask:
                held.evening = False
            if held and skip.due.step.action is Action.close:
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
    database: Database, now: datetime, look: Look, school: School, due: Due
) -> dict[str, int] | datetime:
    plan = look.plan
    day = due.round_date

    async def carry_out(session: Session) -> dict[str, int] | datetime | None:
        opened = await rounds.rounds_of(session, plan.id, school.id, {day})
        if not await _still_running(session, look, opened, {day}):
            return None  # the day lost its school after this step was found to be due
        if due.step.action in PRESSING:
            handed_at = await ledger.summary_at(session, school.id, day, plan.slot)
            # One of a moment to come was written by a clock that was wrong, and says nothing.
            if handed_at and handed_at <= now < (until := presses_from(plan, due, handed_at)):
                return until
        if not await plans.record(session, due, now):
            return None
        doing = _Doing(now, plan, school, due, opened.get(day))
        counts = await _STEPS[due.step.action](session, doing)
        await plans.record_counts(session, due, counts)
        return counts

    counts = await database.write(carry_out)
    if counts is None:
        return {}
    if isinstance(counts, datetime):
        return counts
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
    session: Session, look: Look, opened: Mapping[date, Round], days: Set[date]
) -> set[date]:
    """Return on which of these days the plan's round may go on, or be opened, as things stand.

    What is due was found in another transaction: a plan or calendar that somebody changed since
    is looked at anew at once.
    """
    running = {day for day, held in opened.items() if held.cancelled_at is None}
    unopened = days - opened.keys()
    if unopened and await plans.is_unchanged(session, look):
        running |= unopened
    return running


# ---- the steps -----------------------------------------------------------------------------


@fact
class _Doing:
    """What is done now of a plan, and the round that it is about, once that was opened."""

    now: datetime
    plan: Plan
    school: School
    due: Due
    held: Round | None


async def _evening(session: Session, doing: _Doing) -> dict[str, int]:
    """Ask those who like the evening before; where nobody does, no round is opened for it."""
    if not await asking.anyone_in_the_evening(session, doing.school.id):
        return {"asked": 0}
    opened = await _opened(session, doing)
    return {"messages": await asking.ask_in_the_evening(session, opened, doing.now)}


async def _ask(session: Session, doing: _Doing) -> dict[str, int]:
    now, school, rung = doing.now, doing.school, doing.due.step.rung
    opened = await _opened(session, doing)
    asked = await asking.ask(session, opened, now, place=rung)
    wardens = await _wardens(session, doing, opened)
    await cards.refresh_school(session, school.id, opened.day)
    return {
        "asked": asked.subjects,
        "messages": asked.messages,
        "unreachable": asked.unreachable,
        **wardens,
    }


async def _wardens(session: Session, doing: _Doing, held: Round) -> dict[str, int]:
    """Hand the houses to those wardens who do not have them yet; return how many, if any."""
    if doing.plan.audience is not Audience.students or held.evening:
        return {}
    wardens = await hand_houses(session, doing.now, doing.school, held)
    return {"wardens": wardens} if wardens else {}


async def _opened(session: Session, doing: _Doing) -> Round:
    """Return the round of a step, opened now or before; whoever is new to the school is in it."""
    held = doing.held or await _begin(session, doing)
    if doing.plan.audience is Audience.students:
        await asking.open_students(session, held)
    else:
        await asking.open_staff(session, held, doing.school.path)
    await holds.carry_over(session, held)
    return held


async def _begin(session: Session, doing: _Doing) -> Round:
    plan, school, day = doing.plan, doing.school, doing.due.round_date
    version = await latest_version(session, plan.questionnaire)
    if version is None:
        raise LookupError(f"plan {plan.id} has no questionnaire {plan.questionnaire!r}")
    held = Round(
        school_id=school.id,
        day=day,
        plan_id=plan.id,
        slot=plan.slot,
        questionnaire_id=version,
        opened_at=doing.now,
        closes_at=moment_at(day, closing(plan.steps).at, school.zone),
        late_until=end_of(day, school.zone),
        evening=doing.due.step.action is Action.evening,
    )
    session.add(held)
    await session.flush()
    return held


async def _remind(session: Session, doing: _Doing) -> dict[str, int]:
    """Remind the silent; where nobody was asked who may still answer, the next in line is."""
    held, rung = doing.held, doing.due.step.rung
    if held is None:
        return {"reminded": 0}
    left = await asking.ask_those_left(session, held, doing.now)
    quiet = quiet_before(doing.plan, doing.due.step)
    counts = {"reminded": await asking.remind(session, held, doing.now, rung=rung, quiet=quiet)}
    counts |= await _wardens(session, doing, held)
    if left.anything:
        await cards.refresh_school(session, doing.school.id, held.day)
        counts |= {"messages": left.messages, "unreachable": left.unreachable}
    return counts


async def _card(session: Session, doing: _Doing) -> dict[str, int]:
    """Hand the class teachers their cards, so that they can help before the close."""
    if doing.held is None:
        return {"cards": 0}
    classes = [unit.id for unit in await units.classes_of(session, doing.school.id)]
    told = await hand_cards(session, doing.now, doing.held, Role.class_teacher, classes)
    return {"cards": told}


async def _close(session: Session, doing: _Doing) -> dict[str, int]:
    """Close the round; of a morning that went by without an ask, it is opened to say so.

    Then the class teachers and wardens have no card yet, and hear of it by that.
    """
    steps, school = doing.plan.steps, doing.school
    asked = await missed.was_asked(session, doing.plan.id, doing.due.round_date)
    held = doing.held if asked and doing.held else await _opened(session, doing)
    if not asked:
        await missed.keep_unasked(session, held)
    silent = await close_round(session, held, doing.now)
    await session.flush()
    await cards.refresh_school(session, school.id, held.day)
    counts = {"no_response": silent}
    doing = replace(doing, held=held)
    if not asked:
        counts |= await _wardens(session, doing, held)
    if not asked or all(step.action is not Action.card for step in steps):
        counts |= await _card(session, doing)
    if all(step.action is not Action.summary for step in steps):
        counts |= await _summary(session, doing)
    return counts


async def _summary(session: Session, doing: _Doing) -> dict[str, int]:
    """Hand the lead the summary, once every round that it is about has closed."""
    return {"summaries": await _of_closed(session, doing, signing.hand_over)}


async def _chase(session: Session, doing: _Doing) -> dict[str, int]:
    chase = partial(signing.chase, rung=doing.due.step.rung)
    return {"chased": await _of_closed(session, doing, chase)}


async def _deputy(session: Session, doing: _Doing) -> dict[str, int]:
    return {"deputies": await _of_closed(session, doing, signing.hand_to_deputy)}


async def _of_closed(
    session: Session,
    doing: _Doing,
    tell: Callable[[Session, datetime, School, Round], Awaitable[int]],
) -> int:
    """Tell somebody of the day's slot, unless a round of it is still open; return how many."""
    day, slot = doing.due.round_date, doing.plan.slot
    held = await rounds.closed_slot(session, doing.school.id, day, slot)
    return await tell(session, doing.now, doing.school, held) if held else 0


async def _end_quietly(session: Session, now: datetime, school: School, held: Round) -> None:
    """Close a round that nobody was there to close: its silence is kept as silence."""
    if held.closed_at is None:
        if not await missed.was_asked(session, held.plan_id, held.day):
            await missed.keep_unasked(session, held)
        await close_round(session, held, now)
        await cards.refresh_school(session, school.id, held.day)


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
