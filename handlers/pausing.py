"""/pause: a family says that nobody need be asked until a day of return."""

from collections.abc import Sequence
from datetime import date, timedelta

from checkin.access import Role
from checkin.names import same_name
from checkin.pauses import FAMILY, may_return, read_pause, returns
from checkin.statuses import Status
from handlers.desk import Desk
from handlers.messages import Command, Event, Tap
from handlers.presses import Press, Verb
from storage import asking, contacts, pauses, people, rounds
from storage.people import Pupil
from storage.tables import CheckIn, Contact, Pause

_END = frozenset({"end", "stop", "back", "结束", "恢复", "取消"})


async def pause(desk: Desk, command: Command, contact: Contact) -> None:
    """Offer days of return, or take the one that was written: `/pause Ana 2026-03-09`.

    "Tomorrow" is the day after it was written, however late that comes in.
    """
    pupils = await _wards(desk, contact)
    if not pupils:
        await desk.say(contact, command, "pause.nobody")
        return
    today = pupils[0].today
    if command.rest.strip().lower() in _END:
        await _end(desk, command, contact, pupils)
        return
    written_at = command.written_at or desk.now
    written_on = await desk.date_at(pupils[0].school_id, written_at)
    name, day = read_pause(command.rest, written_on)
    chosen = [pupil for pupil in pupils if not name or same_name(pupil.name, name)]
    if not chosen:
        await desk.say(contact, command, "pause.who", names=[pupil.name for pupil in pupils])
    elif day is None:
        await _offer(desk, command, contact, pupils, chosen)
    elif may_return(day, written_on) and day <= today:
        names = [pupil.name for pupil in chosen]
        await desk.say(contact, command, "pause.over", names=names, day=day.isoformat())
    elif not may_return(day, today):
        await desk.say(contact, command, "pause.bad_day")
    else:
        await _pause(desk, command, contact, chosen, day)


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Handle a tap on a child, on a day of return, or on coming back early."""
    pupils = await _wards(desk, contact)
    chosen = [pupil for pupil in pupils if press.row in {0, pupil.person_id}]
    if not chosen:
        desk.record("button refused", contact.person_id, None, contact=contact.id)
        desk.toast(tap, contact, "toast.not_yours", alert=True)
        return
    desk.toast(tap, contact, "toast.silent")
    if press.verb is Verb.end_pause:
        await _end(desk, tap, contact, chosen)
    elif not press.details:
        await _offer(desk, tap, contact, chosen, chosen)
    elif (day := _day(press.details[0])) is None or not may_return(day, chosen[0].today):
        await desk.say(contact, tap, "pause.bad_day")
    else:
        await _pause(desk, tap, contact, chosen, day)


def _day(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if 0 < ordinal <= date.max.toordinal() else None


async def _wards(desk: Desk, contact: Contact) -> list[Pupil]:
    """Return the students somebody may answer for on their school's today, themself included."""
    if contact.person_id is None:
        return []
    around = (desk.now.date() + timedelta(days=days) for days in (-1, 0, 1))
    may = {day: await people.answers_for(desk.session, contact.person_id, day) for day in around}
    subjects = {subject for each in may.values() for subject in each}
    found = await people.pupils_by_id(desk.session, subjects, desk.now)
    return [pupil for pupil in found if pupil.person_id in may[pupil.today]]


async def _offer(
    desk: Desk, event: Event, contact: Contact, pupils: Sequence[Pupil], chosen: Sequence[Pupil]
) -> None:
    today = chosen[0].today
    held = await pauses.pauses_of(desk.session, (each.person_id for each in chosen), today)
    several = len(pupils) > 1 and len(chosen) == len(pupils)
    await desk.say(
        contact,
        event,
        "pause.until",
        names=[pupil.name for pupil in chosen],
        subject=0 if len(chosen) > 1 else chosen[0].person_id,
        days=[day.isoformat() for day in returns(today)],
        children=[[pupil.person_id, pupil.name] for pupil in pupils] if several else [],
        paused=bool(held),
    )


async def _pause(
    desk: Desk, event: Event, contact: Contact, chosen: Sequence[Pupil], day: date
) -> None:
    person_id = contact.person_id or 0
    for pupil in chosen:
        made = Pause(
            subject_id=pupil.person_id,
            school_id=pupil.school_id,
            kind="family",
            reason=FAMILY,
            since=pupil.today,
            until=day,
            made_by=person_id,
            made_at=desk.now,
        )
        excused = await pauses.make_pause(desk.session, made, pupil.today)
        _changed(desk, pupil, excused)
        desk.record("pause made", person_id, pupil.school_id, subject=pupil.person_id)
        await _tell_class(desk, pupil, f"paused:{made.id}", "pause.told_class", day)
    names = [pupil.name for pupil in chosen]
    await desk.say(contact, event, "pause.done", names=names, day=day.isoformat())


async def _end(desk: Desk, event: Event, contact: Contact, chosen: Sequence[Pupil]) -> None:
    """Ask again from now on; an open round asks at once, and after the close the next one does."""
    ended: list[str] = []
    ended_later: list[str] = []
    for pupil in chosen:
        held = await pauses.pauses_of(desk.session, [pupil.person_id], pupil.today)
        mine = held.get(pupil.person_id)
        if mine is None or mine.kind != "family":
            continue  # what the school excused, the school ends
        await pauses.end_pauses(desk.session, pupil.person_id, desk.now)
        waiting = await pauses.excused(desk.session, pupil.person_id, pupil.today)
        for checkin, _ in waiting:
            boards = checkin.dormitory_id is not None  # then the warden is asked
            checkin.status = (Status.due if boards else Status.asked).value
            checkin.excuse = None
        await desk.session.flush()
        _changed(desk, pupil, waiting)
        still_open = await rounds.open_check_ins(desk.session, pupil.person_id)
        for checkin, held_round in still_open:
            if checkin.dormitory_id is None:
                await asking.ask_contact(desk.session, contact.id, held_round, desk.now)
            elif checkin.status == Status.due and await asking.ask_first(
                desk.session, [pupil.person_id], held_round, desk.now
            ):
                checkin.status = Status.asked.value  # by a telephone of their own
        desk.record("pause ended", contact.person_id, pupil.school_id, subject=pupil.person_id)
        later = not still_open and await _is_over(desk, pupil)
        (ended_later if later else ended).append(pupil.name)
        key = "pause.told_back_later" if later else "pause.told_back"
        day = min((held_round.day for _, held_round in still_open), default=pupil.today)
        await _tell_class(desk, pupil, f"unpaused:{mine.id}", key, day)
    if ended_later:
        await desk.say(contact, event, "pause.ended_later", names=ended_later)
    if ended:
        await desk.say(contact, event, "pause.ended", names=ended)
    if not (ended or ended_later):
        await desk.say(contact, event, "pause.none")


async def _is_over(desk: Desk, pupil: Pupil) -> bool:
    """Say whether nobody is asked about a student any more today."""
    held = await rounds.rounds_about(desk.session, [pupil.person_id], since=pupil.today)
    return any(each.day == pupil.today and (each.closed_at or each.cancelled_at) for each in held)


def _changed(desk: Desk, pupil: Pupil, checkins: Sequence[tuple[CheckIn, date]]) -> None:
    for _, day in checkins:
        desk.changed(day, pupil.person_id, pupil.unit_id, pupil.school_id)


async def _tell_class(desk: Desk, pupil: Pupil, cause: str, key: str, day: date) -> None:
    found = await people.holders(desk.session, [Role.class_teacher], [pupil.unit_id], pupil.today)
    for teacher in await contacts.contacts_of(desk.session, [person for person, _ in found]):
        about = {"name": pupil.name, "unit": pupil.unit_name, "day": day.isoformat()}
        await desk.tell(teacher, cause, key, **about)
