"""What becomes of a step that is found late, by the school's rules as a sentence each."""

from datetime import date, datetime, time, timedelta

from simulator.town import Ladder, Rung

QUIET = timedelta(minutes=10)  # between an ask and the next word to the same people
MISSED, JUST_ASKED = "missed", "just_asked"


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
