"""/health: what the admin of a school sees of the machine."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from checkin.access import Act
from checkin.facts import fact
from checkin.plans import next_due
from checkin.times import local_date
from handlers.calendars import calendar_of
from handlers.desk import Desk
from handlers.messages import Command
from storage import inbox, plans, vitals
from storage.tables import Contact


@fact
class DutyState:
    """How a duty of this process last went."""

    name: str
    runs: int
    last_at: datetime | None
    error: str | None


Duties = Callable[[], Sequence[DutyState]]


async def health(desk: Desk, command: Command, contact: Contact, duties: Duties) -> None:
    """Show the duties, the ledger and what comes next, to an admin."""
    school = await desk.own_school(command, contact, Act.see_health)
    if school is None:
        return

    def time(moment: datetime | None) -> str:
        return moment.astimezone(school.zone).strftime("%H:%M:%S") if moment else "–"

    lines: list[list[Any]] = [["health.clock", {"time": time(desk.now)}]]
    for duty in duties():
        if duty.error:
            lines.append(["health.duty_failed", {"name": duty.name, "error": duty.error}])
        else:
            params = {"name": duty.name, "time": time(duty.last_at), "runs": duty.runs}
            lines.append(["health.duty_ok", params])
    # All that was ever sent is not counted: of a city that is a hundred million rows.
    owed = await vitals.unfinished(desk.session) | await vitals.not_sent(desk.session, desk.now)
    shown = {
        name: owed.get((contact.bot_id, name), 0) for name in ("pending", "failed", "unknown")
    }
    shown["unknown"] += owed.get((contact.bot_id, "unclear"), 0)
    lines.append(["health.ledger", shown])
    lines.append(["health.quarantine", {"n": await inbox.quarantined(desk.session)}])
    calendar = await calendar_of(desk.session, school, local_date(desk.now, school.zone))
    coming = [
        due
        for plan in await plans.plans(desk.session, school.id)
        if (due := next_due(plan, school.zone, calendar, desk.now)) is not None
    ]
    if coming:
        due = min(coming, key=lambda each: each.due_at)
        at = due.due_at.astimezone(school.zone)
        step = {"key": f"plan.action_{due.step.action.value}"}
        lines.append(["health.next_step", {"time": f"{at:%Y-%m-%d %H:%M}", "step": step}])
    await desk.say(contact, command, "health.title", lines=lines)
