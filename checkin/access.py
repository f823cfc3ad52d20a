"""Who may do what, and where. Deny by default: what no grant allows is refused.

Every command, every button and every query goes through here: a handler asks `may` for one unit,
a query takes the `Reach` and narrows itself to it. What lies outside is "not found" to the asker.
"""

from collections.abc import Iterable
from enum import StrEnum

from checkin.facts import fact


class Role(StrEnum):
    """What a person is at a unit."""

    admin = "admin"
    school_lead = "school_lead"
    deputy_lead = "deputy_lead"
    grade_leader = "grade_leader"
    class_teacher = "class_teacher"
    dormitory_warden = "dormitory_warden"
    doctor = "doctor"
    teacher = "teacher"
    staff = "staff"


class Act(StrEnum):
    """What can be done to a unit and the people in it."""

    see_class = "see_class"
    see_summary = "see_summary"
    sign = "sign"
    release = "release"
    hear_of_flags = "hear_of_flags"
    acknowledge = "acknowledge"
    hear_of_missing = "hear_of_missing"
    remind = "remind"
    excuse = "excuse"
    answer_for = "answer_for"
    confirm_arrival = "confirm_arrival"
    substitute = "substitute"
    invite = "invite"
    manage_roster = "manage_roster"
    manage_plan = "manage_plan"
    see_health = "see_health"
    stop_sending = "stop_sending"
    explain = "explain"


# The whole policy. A role reaches its own unit and everything below it.
_WITH_A_CLASS = frozenset(
    {Act.see_class, Act.remind, Act.excuse, Act.answer_for, Act.confirm_arrival, Act.explain}
)
_WITH_A_FLAG = frozenset({Act.release, Act.acknowledge})
_ALLOWED: dict[Role, frozenset[Act]] = {
    Role.admin: frozenset(
        {
            *(Act.invite, Act.manage_roster, Act.manage_plan, Act.see_health, Act.explain),
            Act.substitute,
            Act.stop_sending,
            Act.acknowledge,  # told when nobody else can be: then somebody has taken it on
        }
    ),
    Role.school_lead: _WITH_A_CLASS
    | _WITH_A_FLAG
    | {Act.see_summary, Act.sign, Act.hear_of_missing, Act.substitute},
    Role.deputy_lead: _WITH_A_CLASS | {Act.see_summary, Act.sign, Act.acknowledge},
    Role.grade_leader: frozenset({Act.see_class, Act.remind, Act.explain}),
    Role.class_teacher: _WITH_A_CLASS
    | _WITH_A_FLAG
    | {Act.hear_of_flags, Act.hear_of_missing, Act.invite, Act.substitute},
    Role.dormitory_warden: (_WITH_A_CLASS | {Act.acknowledge}) - {Act.remind, Act.explain},
    Role.doctor: _WITH_A_FLAG | {Act.see_class, Act.hear_of_flags, Act.excuse, Act.answer_for},
    Role.teacher: frozenset(),
    Role.staff: frozenset(),
}


@fact
class Grant:
    """A role at a unit; `path` is the unit's place in the tree (`/1/7/42/`)."""

    role: Role
    unit_id: int
    path: str


@fact
class Reach:
    """The subtrees in which an act is allowed, as path prefixes; empty means nowhere."""

    paths: tuple[str, ...] = ()

    def covers(self, path: str) -> bool:
        """Say whether the unit at `path` lies within."""
        return any(path.startswith(prefix) for prefix in self.paths)

    def __bool__(self) -> bool:
        return bool(self.paths)


@fact
class Access:
    """What one person may do: made anew from the grants in force for each event."""

    person_id: int | None
    grants: tuple[Grant, ...] = ()

    def reach(self, act: Act) -> Reach:
        """Return where the act is allowed, without subtrees of subtrees."""
        paths = sorted({g.path for g in self.grants if act in _ALLOWED[g.role]}, key=len)
        return Reach(_outermost(paths))

    def may(self, act: Act, path: str) -> bool:
        """Say whether the act is allowed at the unit at `path`."""
        return self.reach(act).covers(path)

    def roles(self) -> frozenset[Role]:
        """Return the person's roles, wherever they hold."""
        return frozenset(grant.role for grant in self.grants)


NOBODY = Access(None)


def roles_allowed(act: Act) -> tuple[Role, ...]:
    """Return the roles that an act is allowed to, for finding whom to tell."""
    return tuple(role for role, acts in _ALLOWED.items() if act in acts)


def _outermost(paths: Iterable[str]) -> tuple[str, ...]:
    kept: list[str] = []
    for path in paths:
        if not any(path.startswith(outer) for outer in kept):
            kept.append(path)
    return tuple(kept)
