"""Who may know of a flag, and who may do what about it: asked of the rows, each time."""

from checkin.access import Access, Act
from checkin.flags import Eligible, NotBy, may_decide
from storage import flags
from storage.database import Session
from storage.rounds import Entry
from storage.tables import Unit


async def may_act(session: Session, access: Access, act: Act, entry: Entry) -> Eligible | NotBy:
    """Say whether somebody may do this about a check-in: by their roles, and as no relation."""
    subject, day = entry.checkin.subject_id, entry.round.day
    ties = await flags.guardian_ids(session, [subject], day)
    allowed = await has_right(session, access, act, entry)
    return may_decide(access.person_id, subject, ties[subject], has_right=allowed)


async def has_right(session: Session, access: Access, act: Act, entry: Entry) -> bool:
    """Say whether somebody's roles allow this, at the subject's class or their dormitory."""
    if access.may(act, entry.unit_path):
        return True
    if entry.checkin.dormitory_id is None:
        return False
    dormitory = await session.get_one(Unit, entry.checkin.dormitory_id)
    return access.may(act, dormitory.path)


async def is_told(session: Session, access: Access, entry: Entry) -> bool:
    """Say whether somebody has one of the roles that are told of a flag about this check-in."""
    return await has_right(session, access, Act.acknowledge, entry)
