"""The plans as a file: taken over whole or not at all, and given back to be edited."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from checkin.facts import fact
from checkin.plan_files import PlanFileErrors, PlanProblem, read_plans
from checkin.plans import Plan
from handlers.plans import (
    RoundGoesOnError,
    change_plans,
    goes_on_document,
    plan_document,
    say_of_today,
)
from handlers.yaml_files import read_lines
from storage import audit, plans
from storage.database import Session
from storage.questionnaires import known_keys
from storage.units import School

GOES_ON = "goes_on"
_BEGINNINGS = ("plans:", "安排:")


@fact
class PlanChanges:
    """What a file changed: each plan as it was and as it is; and what becomes of today."""

    changed: tuple[tuple[Plan, Plan], ...] = ()
    about_today: tuple[dict[str, object], ...] = ()

    @property
    def nothing(self) -> bool:
        """Say whether all was as it is already."""
        return not self.changed


def is_plan_file(name: str, text: str) -> bool:
    """Say whether a file is about plans: by its name, or by its first word."""
    if name.lower().endswith((".yaml", ".yml")):
        return True
    said = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return next(said, "").startswith(_BEGINNINGS)


async def import_plans(
    session: Session, school: School, text: str, now: datetime, *, actor_id: int | None
) -> PlanChanges:
    """Take a plan file over; the plans that it does not name stay as they are.

    Raises:
        PlanFileErrors: with every problem found; nothing was changed.
    """
    current = await plans.plans(session, school.id)
    wanted = read_plans(read_lines(text), current, await known_keys(session))
    changed = [
        (old, new)
        for old, new in zip(current, wanted, strict=True)
        if plan_document(old) != plan_document(new)
    ]
    try:
        await change_plans(session, school, [new for _, new in changed], now)
    except RoundGoesOnError as error:
        said = goes_on_document(error, school)
        raise PlanFileErrors([PlanProblem(0, GOES_ON, said)]) from None
    if changed:
        audit.record(
            session,
            "plan changed",
            now,
            actor_id=actor_id,
            school_id=school.id,
            plans=len(changed),
        )
    before, after = [old for old, _ in changed], await plans.plans(session, school.id)
    about_today = await say_of_today(session, school, before, after, now)
    return PlanChanges(tuple(changed), tuple(about_today))


def plan_changes_document(changes: PlanChanges) -> dict[str, Any]:
    """Return what a file changed as plain JSON."""
    return {
        "plans": [
            {"before": plan_document(old), "after": plan_document(new)}
            for old, new in changes.changed
        ],
        "about_today": list(changes.about_today),
    }


def plan_problems_document(problems: Sequence[PlanProblem]) -> dict[str, Any]:
    """Return what is wrong with a file as plain JSON, to be put into words later."""
    listed = [
        {"line": each.line, "code": str(each.code), "args": dict(each.args)}
        for each in problems[:60]
    ]
    return {"count": len(problems), "problems": listed}
