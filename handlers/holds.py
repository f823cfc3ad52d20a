"""What becomes of a case on later days, when it is told or changed after they were opened."""

from handlers.desk import Desk
from storage import holds, rounds
from storage.rounds import Entry


async def carry_on(desk: Desk, entry: Entry, *, by: int | None) -> None:
    """Let later check-ins hold of a case what holds by now, as if they were opened only now.

    What somebody said or decided there stands. `by` is the one of the family whose word it was.
    """
    subject = entry.checkin.subject_id
    later = await holds.unanswered_after(desk.session, subject, entry.round, desk.now)
    for held in await rounds.entries_of(desk.session, later):
        checkin = held.checkin
        case = await holds.case_on(desk.session, subject, held.round)
        if case != holds.held_by(checkin):
            desk.watch(held)
            holds.hold(checkin, case)
            desk.changed(held.round.day, subject, checkin.unit_id, checkin.school_id, by=by)
