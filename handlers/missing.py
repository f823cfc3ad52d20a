"""The end of an alarm that the family ends: the missing child was not to come after all."""

from checkin.arrivals import MISSING, is_expected
from checkin.checkins import Status
from checkin.flags import Decision, FlagKind
from checkin.questions import Disposition
from handlers.desk import Desk
from handlers.flags import end_flags
from storage import alarms
from storage.rounds import Entry


async def end_alarm(desk: Desk, entry: Entry, by: int) -> None:
    """Tell everybody who was alarmed that the family does not expect the child at school.

    Not a word of why; and whoever said it is not told their own words. The word of the missing
    child alone ends nothing.
    """
    checkin = entry.checkin
    disposition = Disposition(checkin.disposition) if checkin.disposition else None
    coming = is_expected(Status(checkin.status), disposition, absent=checkin.absent)
    if checkin.presence != MISSING or coming or by == checkin.subject_id:
        return
    checkin.presence = checkin.presence_by = checkin.presence_at = None
    cause = f"not coming:{checkin.id}:{int(desk.now.timestamp() * 1000)}"
    for contact in await alarms.alarmed(desk.session, checkin.id):
        if contact.person_id != by:
            said = {"name": entry.name, "unit": entry.unit_name}
            await desk.tell(contact, cause, "missing.not_coming", **said)
    await end_flags(desk, entry, [FlagKind.missing], Decision.not_coming, by)
