"""Cases that the school is told of: whom, at once, and what has become of each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.town import STAFF, Phone, Subject, Town

UNSEEN = timedelta(minutes=10)  # after which a flag that nobody has looked at goes to the lead
_ON_AN_END = frozenset({"done_agreed", "done_left"})  # who decided has seen it: said once

Tell = Callable[[int, str, str], None]  # a chat, a kind of message, what it is about


@dataclass(slots=True)
class Flag:
    """One case, or one correction that a family asks for, and everybody who was told."""

    subject: Subject
    kind: str  # flag or correction
    severity: int
    what: str
    raised_at: datetime
    raised_by: int
    told: dict[int, str] = field(default_factory=dict)  # chat -> nothing, unseen, instead …
    seen: tuple[int, datetime] | None = None
    ended: tuple[str, int, datetime] | None = None
    passed_on: datetime | None = None


class Flags:
    """The flags of a day. `reached` says which phones can be written to at this moment."""

    def __init__(self, town: Town, reached: Callable[[Phone], bool], tell: Tell) -> None:
        self._town = town
        self._reached = reached
        self._tell = tell
        self.all: list[Flag] = []

    def standing(self, subject: str, *kinds: str) -> Iterator[Flag]:
        """Return the flags of a subject that have not ended."""
        return (
            each
            for each in self.all
            if each.subject.key == subject and each.ended is None and each.kind in kinds
        )

    def raised(self, subject: str, what: str, severity: int, by: int, now: datetime) -> None:
        """Tell those near of a case at once, and again only of what is worse."""
        self._end(self.standing(subject, "correction"), "done_overtaken", by, now)
        for flag in self.standing(subject, "flag"):
            if severity <= flag.severity:
                return
            if flag.seen is None:
                flag.severity, flag.what, flag.raised_at, flag.raised_by = severity, what, now, by
                flag.passed_on = None
                self._tell_near(flag)
                return
            self._end([flag], "done_overtaken", by, now)
        self._begin("flag", subject, what, severity, by, now)

    def asked_for(self, subject: str, severity: int, by: int, now: datetime) -> None:
        """Tell those near that a family asks for a correction."""
        if not any(self.standing(subject, "correction")):
            self._begin("correction", subject, "correction", severity, by, now)

    def undone(self, subject: str, severity: int, by: int, now: datetime) -> None:
        """Show a flag that its own family took back to all who were told, as a new message."""
        self._end(self.standing(subject, "correction"), "done_overtaken", by, now)
        taken_back = list(self.standing(subject, "flag"))
        for flag in taken_back:
            flag.severity = severity
            if severity == 0:
                self._end([flag], "done_undone", by, now)
                for chat in flag.told:
                    self._tell(chat, "flag", f"{flag.subject.name} {flag.what}")

    def decided(self, subject: str, how: str, by: int, now: datetime, *kinds: str) -> None:
        """End what the school has decided about; who decides has seen all of it."""
        for flag in self.standing(subject, "flag", "correction"):
            flag.seen = flag.seen or (by, now)
        self._end(self.standing(subject, *kinds), how, by, now)

    def looked_at(self, subject: str, by: int, now: datetime) -> None:
        """Let somebody say that they have it."""
        for flag in self.standing(subject, "flag"):
            flag.seen = flag.seen or (by, now)

    def pass_on(self, now: datetime) -> None:
        """Pass on to lead and deputy what nobody has looked at in time, once."""
        for flag in self.all:
            waits = flag.seen is None and flag.ended is None and flag.passed_on is None
            if flag.kind == "flag" and waits and now - flag.raised_at >= UNSEEN:
                heads = self._holders(flag, ("school_lead", STAFF), ("deputy_lead", STAFF))
                told_as = "unseen" if heads else "last_resort"
                for chat in heads or self._holders(flag, ("admin", STAFF)):
                    flag.passed_on = now
                    self._say(flag, chat, told_as)

    def _begin(
        self, kind: str, subject: str, what: str, severity: int, by: int, now: datetime
    ) -> None:
        who = self._town.subjects[subject]
        flag = Flag(who, kind, severity, what, now, by)
        self.all.append(flag)
        self._tell_near(flag)

    def _tell_near(self, flag: Flag) -> None:
        for told_as, chats in self._rings(flag):
            if chats:
                for chat in chats:
                    self._say(flag, chat, told_as)
                    if chat == flag.raised_by and flag.kind == "flag":
                        flag.seen = (chat, flag.raised_at)
                return

    def _rings(self, flag: Flag) -> Iterator[tuple[str, list[int]]]:
        near = [("class_teacher", flag.subject.unit), ("doctor", STAFF)]
        if flag.subject.house:
            near.append(("dormitory_warden", flag.subject.house))
        if flag.subject.unit == STAFF:
            near.append(("school_lead", STAFF))
        yield "", self._holders(flag, *near)
        yield "instead", self._holders(flag, ("school_lead", STAFF))
        yield "instead", self._holders(flag, ("deputy_lead", STAFF))
        yield "last_resort", self._holders(flag, ("admin", STAFF))

    def _holders(self, flag: Flag, *roles: tuple[str, str]) -> list[int]:
        return [
            phone.chat
            for phone in self._town.phones.values()
            if any(phone.holds(role, unit) for role, unit in roles)
            and flag.subject.key not in phone.subjects
            and self._reached(phone)
        ]

    def _say(self, flag: Flag, chat: int, told_as: str) -> None:
        flag.told[chat] = told_as
        self._tell(chat, flag.kind, f"{flag.subject.name} {flag.what}")

    def _end(self, flags: Iterable[Flag], how: str, by: int, now: datetime) -> None:
        for flag in list(flags):
            flag.ended = (how, by, now)

    def became(self, flag: Flag, chat: int) -> tuple[tuple[str, str, str], ...]:
        """Return what somebody who was told must see of it below the words."""
        parts = []
        how = flag.ended[0] if flag.ended else ""
        if flag.seen and how not in _ON_AN_END:
            parts.append(("seen", f"{flag.seen[1]:%H:%M}", self._name(flag.seen[0])))
        elif flag.passed_on and flag.told[chat] == "" and not flag.ended:
            parts.append(("passed_on", f"{flag.passed_on:%H:%M}", ""))
        if flag.ended:
            named = how in {"done_agreed", "done_left", "done_call"}
            who = self._name(flag.ended[1]) if named else ""
            parts.append((how, f"{flag.ended[2]:%H:%M}", who))
        return tuple(parts)

    def told_as(self, flag: Flag, chat: int) -> str:
        """Return what must stand above the words."""
        return flag.told[chat] if flag.seen is None and flag.ended is None else ""

    def _name(self, chat: int) -> str:
        return self._town.phones[chat].name
