"""What becomes of a step that is found late, by the school's rules as a sentence each."""

from datetime import date, datetime, time, timedelta

from simulator.town import Ladder, Rung

QUIET = timedelta(minutes=10)  # between an ask and the next word to the same people
MISSED, JUST_ASKED = "missed", "just_asked"
_PRESSING = ("chase", "deputy")


def moment_of(ladder: Ladder, day: date, rung: Rung, handed_at: datetime | None) -> datetime:
    """Return when a step is due, by when the lead had the day's summary, if by now.

    Who had it late has as long to sign as on any day; ten minutes, or half of what there is, do
    not count.
    """
    at = ladder.moment(day, rung)
    own = ladder.at(day, "summary") or ladder.at(day, "close")
    presses = [ladder.moment(day, each) for each in ladder.rungs if each.action in _PRESSING]
    if rung.action not in _PRESSING or handed_at is None or own is None:
        return at
    late = handed_at - own
    return at + late if late > min(QUIET, (min(presses) - own) / 2) else at


def why_not(
    ladder: Ladder, day: date, rung: Rung, now: datetime, asked_at: datetime | None
) -> str | None:
    """Return why a step must not be done any more; None when it must.

    Asks and class cards have until the close, a reminder until the next one or the close, the
    evening before until its midnight, everything else until the day is over. Nobody is chased who
    was asked less than ten minutes before the chase's own time.
    """
    at = ladder.moment(day, rung)
    if now >= _cutoff(ladder, day, rung):
        return MISSED
    chases = rung.action == "remind" or (rung.action == "ask" and rung.place > 1)
    if chases and asked_at is not None and at < asked_at + QUIET:
        return JUST_ASKED
    return None


def _cutoff(ladder: Ladder, day: date, rung: Rung) -> datetime:
    ended_by = {
        "ask": {"close"},
        "card": {"close"},
        "remind": {"remind", "close"},
    }.get(rung.action, set())
    for later in ladder.rungs[ladder.rungs.index(rung) + 1 :]:
        if later.action in ended_by:
            return ladder.moment(day, later)
    over = day + timedelta(days=1 + rung.day_offset)
    return datetime.combine(over, time(0), ladder.zone)
