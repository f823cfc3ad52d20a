"""What a check-in looks like to somebody who may know only part of what was said about it.

After a separation one parent's card never shows the other's doings. So it is not taken from where
the check-in stands, but told again: the rules are applied to the words that this reader may know,
as if nothing else had ever been said. What the school holds is not touched by it.
"""

from collections.abc import Iterable
from dataclasses import field, replace
from datetime import datetime

from checkin.checkins import Said, Standing, Verdict, release, settle
from checkin.facts import fact
from checkin.questions import Answers, Disposition
from checkin.statuses import Status

RELEASED = "released"
FLAG_KEPT = "flag_kept"
LET_GO = "released_"  # with its reason: the school let a flag fall that nobody asked it to
_SAID = frozenset(Verdict)
_TAKEN = frozenset({Verdict.accepted, Verdict.unchanged, Verdict.undone, Verdict.late})


@fact
class Word:
    """Something that happened to a check-in: `act` is what became of it at the school."""

    act: str
    by: int | None
    at: datetime
    severity: int
    disposition: Disposition | None
    answers: Answers


@fact
class Told:
    """Where a check-in stands for one reader; `verdict` is what became of the last word."""

    standing: Standing
    answers: Answers = field(default_factory=dict)
    asked_for: Answers | None = None
    verdict: Verdict | None = None


def retell(
    words: Iterable[Word],
    known: frozenset[int] | None,
    *,
    without: frozenset[int] = frozenset(),
    closed_at: datetime | None,
    late_until: datetime,
) -> Told:
    """Tell a check-in by the words of `known` alone (None: of everyone), `without` some people.

    A school's decision about a correction counts when it answers one that was asked for here; a
    flag that it lets fall by itself falls for everyone.
    Whatever the school has already taken as it was said is not kept waiting: nobody is going to
    decide about it.
    """
    told = Told(Standing(Status.asked))
    for word in words:
        if word.act.startswith(LET_GO):
            fallen = release(told.standing, word.at, word.by or 0)
            told = replace(told, standing=fallen, asked_for=None)
        elif word.act in {RELEASED, FLAG_KEPT}:
            told = _decided(told, word)
        elif word.act in _SAID and word.by not in without and (known is None or word.by in known):
            told = _said(told, word, closed_at, late_until)
    return told


def _said(told: Told, word: Word, closed_at: datetime | None, late_until: datetime) -> Told:
    said = _said_by(word)
    said = replace(said, same_answers=word.answers == told.answers)
    closed = closed_at is not None and word.at >= closed_at
    settled = settle(replace(told.standing, closed=closed), said, late_until=late_until)
    verdict, standing = settled.verdict, replace(settled.standing, closed=False)
    if verdict is Verdict.correction_asked and word.act in _TAKEN:
        lowered = release(standing, word.at, said.respondent_id, to=said)
        return Told(lowered, word.answers, None, Verdict(word.act))
    if verdict is Verdict.correction_asked:
        return Told(standing, told.answers, word.answers, verdict)
    if verdict is Verdict.too_late:
        return replace(told, standing=standing, verdict=verdict)
    if verdict is Verdict.unchanged:
        return replace(told, standing=standing, asked_for=None, verdict=verdict)
    return Told(standing, word.answers, None, verdict)


def _decided(told: Told, word: Word) -> Told:
    if told.asked_for is None:
        return told
    if word.act == FLAG_KEPT:
        return replace(told, asked_for=None)
    if word.answers != told.asked_for:
        return told
    to = _said_by(word)
    standing = release(told.standing, word.at, to.respondent_id, to=to)
    return Told(standing, word.answers, None, told.verdict)


def _said_by(word: Word) -> Said:
    disposition = word.disposition or Disposition.cleared
    return Said(word.by or 0, word.severity, disposition, word.at)
