"""A school's day by exception: what its lead reads, signs, and may forward as it is."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, field, fields, replace
from datetime import date
from typing import Any
from zlib import crc32

from checkin.arrivals import HERE, MISSING, is_expected
from checkin.asking import is_nobody_asked, why_not_asked
from checkin.counts import Counted, Counts, ZeroReport, count, zero_report
from checkin.facts import fact
from checkin.questions import Disposition
from checkin.statuses import SETTLED, Status

WHOLE = 5  # from this many on, a class of which nobody is accounted for is one line


@fact
class Stood:
    """A check-in as it stands at one moment; `presence` is what an adult saw at school."""

    check_in_id: int
    subject_id: int
    unit_id: int
    is_staff: bool
    status: Status
    disposition: Disposition | None = None
    absent: bool = False
    late: bool = False
    via: str = "chat"
    excuse: str | None = None
    presence: str | None = None
    valid_until: date | None = None

    @property
    def counted(self) -> Counted:
        """As much of it as counting needs."""
        return Counted(
            self.status,
            self.disposition,
            self.absent,
            self.late,
            sighted=self.presence == HERE,
            nobody_asked=is_nobody_asked(self.status, self.excuse),
        )

    @property
    def is_case(self) -> bool:
        """Somebody who stays home or sees the nurse, said today or held from an earlier day."""
        return self.disposition not in {None, Disposition.cleared}

    @property
    def is_missing(self) -> bool:
        """Said to be coming, and not there: the dangerous case."""
        return self.presence == MISSING and is_expected(
            self.status, self.disposition, absent=self.absent
        )

    @property
    def is_absent(self) -> bool:
        """Said not to be coming, and not as a case."""
        return self.status is Status.complete and self.absent and not self.is_case

    @property
    def is_accounted(self) -> bool:
        """Answered for, excused, or seen at school."""
        return self.status in SETTLED or self.presence == HERE


@fact
class Summary:
    """A day in numbers, with everybody named who makes it differ from a plain one."""

    students: Counts = field(default_factory=Counts)
    staff: Counts = field(default_factory=Counts)
    phoned: int = 0
    cases: tuple[Stood, ...] = ()
    missing: tuple[Stood, ...] = ()
    absent: tuple[Stood, ...] = ()
    unaccounted: tuple[Stood, ...] = ()
    excused: Mapping[str, int] | None = None  # how many, by reason
    silent_classes: Mapping[int, int] | None = None  # how many are in it, by class

    @property
    def everybody(self) -> Counts:
        """Students and staff together."""
        return self.students + self.staff

    @property
    def not_asked(self) -> Mapping[str, int]:
        """How many of the unaccounted nobody asked, by why the question never reached them."""
        return Counter(
            why for each in self.unaccounted if (why := why_not_asked(each.status, each.excuse))
        )

    @property
    def zero(self) -> ZeroReport:
        """The cases, and how many people the statement covers."""
        return zero_report(self.everybody)

    def kept(self) -> dict[str, Any]:
        """Return the summary as a signature keeps it: ids, statuses and counts."""
        named = {
            "cases": self.cases,
            "missing": self.missing,
            "absent": self.absent,
            "unaccounted": self.unaccounted,
        }
        return {
            "students": asdict(self.students),
            "staff": asdict(self.staff),
            "phoned": self.phoned,
            **{name: [_row(each) for each in stood] for name, stood in named.items()},
            "excused": dict(self.excused or {}),
            "silent_classes": [[unit, n] for unit, n in (self.silent_classes or {}).items()],
        }


def summarize(everybody: Iterable[Stood]) -> Summary:
    """Sum up a school's day.

    A class of which nothing at all is known is one line, not forty names: that it is missing is
    the exception that matters.
    """
    stood = list(everybody)
    by_class: dict[int, list[Stood]] = defaultdict(list)
    excused: dict[str, int] = defaultdict(int)
    for each in stood:
        if each.status is Status.excused:
            excused[each.excuse or ""] += 1
        elif not each.is_staff:
            by_class[each.unit_id].append(each)
    return Summary(
        students=count(each.counted for each in stood if not each.is_staff),
        staff=count(each.counted for each in stood if each.is_staff),
        phoned=sum(each.via == "phone" and each.status is Status.complete for each in stood),
        cases=tuple(each for each in stood if each.is_case),
        missing=tuple(each for each in stood if each.is_missing),
        absent=tuple(each for each in stood if each.is_absent),
        unaccounted=tuple(each for each in stood if not each.is_accounted),
        excused=dict(excused),
        silent_classes={
            unit: len(pupils)
            for unit, pupils in by_class.items()
            if len(pupils) >= WHOLE and not any(each.is_accounted for each in pupils)
        },
    )


def fingerprint(everybody: Iterable[Stood]) -> int:
    """Return a small number that changes with what must not be signed unseen.

    That is who is in the day, who of them is a case, missing or absent, and who is excused. That
    somebody of whom nothing was known is well changes nothing: in a school of 1,200 somebody
    always answers late.
    """
    seen = sorted(
        (
            each.check_in_id,
            f"{each.disposition} {each.valid_until}" if each.is_case else "",
            each.is_missing,
            each.is_absent,
            (each.excuse or "") if each.status is Status.excused else None,
        )
        for each in everybody
    )
    return crc32(repr(seen).encode())


def as_signed(kept: Mapping[str, Any]) -> Summary | None:
    """Return a summary as its signature keeps it; None for one that kept only its counts."""
    if "cases" not in kept:
        return None

    def named(name: str) -> tuple[Stood, ...]:
        return tuple(_stood(row) for row in kept[name])

    return Summary(
        students=Counts(**kept["students"]),
        staff=Counts(**kept["staff"]),
        phoned=kept["phoned"],
        cases=named("cases"),
        missing=named("missing"),
        absent=named("absent"),
        unaccounted=named("unaccounted"),
        excused=kept["excused"],
        silent_classes=dict(kept["silent_classes"]),
    )


def _row(stood: Stood) -> list[Any]:
    until = stood.valid_until.isoformat() if stood.valid_until else None
    return [*(getattr(stood, each.name) for each in fields(Stood)[:-1]), until]


def _stood(row: Iterable[Any]) -> Stood:
    found = Stood(*row)
    return replace(
        found,
        status=Status(found.status),
        disposition=Disposition(found.disposition) if found.disposition else None,
        valid_until=date.fromisoformat(str(found.valid_until)) if found.valid_until else None,
    )
