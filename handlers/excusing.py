"""A teacher excuses a child from the check-in: for today, or until a day of return."""

from datetime import date

from checkin.asking import NEVER_ASKED
from checkin.pauses import EXCUSES, UNTILS, back_on, typed_back_on
from checkin.statuses import Status
from handlers.class_cards import ClassCard, Page, changed, is_to_enter
from handlers.desk import Desk
from handlers.household import bring_fresh, refused, show_again
from handlers.messages import Tap, Words
from handlers.presses import Press
from storage import asking, pauses, reminding
from storage.rounds import Entry
from storage.tables import Pause

SCHOOL = "school"
ANOTHER_DAY = len(UNTILS)  # the place of the button after those that name a length


async def excuse(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    """Take the reason, then for how long; a child who is a case is not hidden by excusing."""
    check_in, reason, until = (*press.details, -1, -1, -1)[:3]
    entry = shown.entry(check_in)
    if entry is None or not 0 <= reason < len(EXCUSES) or until > ANOTHER_DAY:
        await refused(desk, tap, shown.contact, shown.card)
        return
    if not is_to_enter(entry.checkin):
        shown.turn(desk)
        desk.toast(tap, shown.contact, "toast.already_answered")
        return
    desk.toast(tap, shown.contact, "toast.silent")
    if until < 0:
        shown.turn(desk, Page.until, check_in=check_in, reason=reason)
    elif until == ANOTHER_DAY:
        typed_at = desk.now.isoformat()
        shown.turn(desk, Page.date, check_in=check_in, reason=reason, typed_at=typed_at)
    else:
        desk.toasts.pop()
        desk.toast(tap, shown.contact, "toast.excused")
        await _keep(desk, shown, entry, reason, back_on(UNTILS[until], shown.card.day))


async def wrote_date(desk: Desk, words: Words, shown: ClassCard) -> None:
    """Take the day of return that a teacher typed."""
    entry = shown.entry(shown.card.focus.get("check_in", 0))
    back = typed_back_on(words.text, shown.card.day)
    if entry is None or not is_to_enter(entry.checkin):
        shown.turn(desk)
    elif back is None:
        shown.mark(desk, doubt=True)
    else:
        await _keep(desk, shown, entry, int(shown.card.focus.get("reason", 0)), back)
    await show_again(desk, words, shown.contact, shown.card)


async def _keep(desk: Desk, shown: ClassCard, entry: Entry, reason: int, back: date) -> None:
    desk.watch(entry)
    checkin = entry.checkin
    key = EXCUSES[reason].value
    pause = Pause(
        subject_id=checkin.subject_id,
        school_id=checkin.school_id,
        kind=SCHOOL,
        reason=key,
        since=shown.card.day,
        until=back,
        made_by=shown.person_id,
        made_at=desk.now,
    )
    await pauses.make_pause(desk.session, pause, shown.card.day)
    checkin.status, checkin.excuse = Status.excused.value, key  # also late; what was begun stays
    desk.note(checkin, "excused", shown.person_id)
    desk.record(
        "excused", shown.person_id, checkin.school_id, subject=checkin.subject_id, until=str(back)
    )
    changed(desk, entry)
    shown.turn(desk)


async def end(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    """Take an excuse back: the family is asked again while the check-in is open."""
    entry = shown.entry(press.details[0]) if press.details else None
    if entry is None:
        await refused(desk, tap, shown.contact, shown.card)
        return
    if entry.checkin.status != Status.excused:
        await bring_fresh(desk, tap, shown.contact, shown.card)
        return
    desk.watch(entry)
    checkin = entry.checkin
    held = await pauses.pauses_of(desk.session, [checkin.subject_id], entry.round.day)
    since = held[checkin.subject_id].made_at if checkin.subject_id in held else desk.now
    await pauses.end_pauses(desk.session, checkin.subject_id, desk.now)
    checkin.excuse = None
    checkin.status = (await _status_again(desk, entry)).value
    if checkin.status == Status.no_response and not await reminding.was_asked_before(
        desk.session, entry.round, checkin.subject_id, since
    ):
        checkin.excuse = NEVER_ASKED
    desk.note(checkin, "not_excused", shown.person_id)
    desk.record("excuse ended", shown.person_id, checkin.school_id, subject=checkin.subject_id)
    changed(desk, entry)
    desk.toast(tap, shown.contact, "toast.not_excused")
    shown.turn(desk)


async def _status_again(desk: Desk, entry: Entry) -> Status:
    """Return where a check-in stands without its excuse; whoever was never asked is asked now."""
    held, checkin = entry.round, entry.checkin
    found = await reminding.addressees(desk.session, held, [checkin.subject_id])
    if checkin.subject_id not in found and checkin.dormitory_id is None:
        return Status.unreachable
    if held.closed_at is not None:
        return Status.no_response
    if checkin.subject_id not in found:  # the warden says how a boarder is; no family is asked
        return Status.due
    if found[checkin.subject_id] is None:
        await asking.ask_first(desk.session, [checkin.subject_id], held, desk.now)
    return Status.asked
