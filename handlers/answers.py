"""Keeping what someone said about someone: weigh it, settle it, and let those know who must."""

import json
from dataclasses import dataclass
from typing import Any

from checkin.answers import Answers, prune
from checkin.checkins import Said, Settled, Standing, Status, Verdict, settle
from checkin.flags import Decision, FlagKind
from checkin.questions import Disposition
from checkin.triage import Triage, triage
from handlers.desk import Desk
from handlers.flags import end_flags, raise_flag, take_back
from handlers.holds import carry_on
from handlers.missing import end_alarm
from storage import history
from storage.questionnaires import questionnaire
from storage.rounds import Entry, forget_exposures
from storage.sealing import Private, keyring
from storage.tables import CheckIn, ExposureRow


@dataclass(slots=True)
class Draft:
    """An answer on its way: the questions answered so far, and what waits for a yes.

    `suggested` is a guess at the question that is open, `heard` what typed words may have meant.
    A family shares the draft of a child; whoever knows their own words only (`of_one`) has one to
    themselves.
    """

    answers: Answers
    suggested: Any = None
    heard: Answers | None = None
    of_one: int | None = None

    @classmethod
    def of(cls, checkin: CheckIn, of_one: int | None = None) -> "Draft":
        """Read the draft of a check-in; empty when there is none."""
        content = _drafts(checkin)
        if of_one is not None:
            content = content.get("own", {}).get(str(of_one), {})
        return cls(
            content.get("answers", {}), content.get("suggested"), content.get("heard"), of_one
        )

    def keep(self, checkin: CheckIn) -> None:
        """Put the draft into the check-in's row; the clock sees it as partial."""
        self.note(checkin)
        if checkin.status in {Status.due, Status.asked, Status.unreachable}:
            checkin.status = Status.partial.value

    def note(self, checkin: CheckIn) -> None:
        """Put the draft into the row without anybody having begun to answer."""
        mine = {"answers": self.answers, "suggested": self.suggested, "heard": self.heard}
        content = _drafts(checkin)
        if self.of_one is None:
            content |= mine
        else:
            content.setdefault("own", {})[str(self.of_one)] = mine
        checkin.draft = Private.of(checkin.subject_id, json.dumps(content))

    def forget(self, checkin: CheckIn) -> None:
        """Take the draft out of the row; what others have begun for themselves stays."""
        content = _drafts(checkin)
        own = content.get("own", {})
        if self.of_one is None:
            content = {"own": own}
        else:
            own.pop(str(self.of_one), None)
        empty = not own and not content.keys() - {"own"}
        checkin.draft = None if empty else Private.of(checkin.subject_id, json.dumps(content))


def _drafts(checkin: CheckIn) -> dict[str, Any]:
    if checkin.draft is None:
        return {}
    content: dict[str, Any] = json.loads(checkin.draft.read(checkin.subject_id))
    return content


def standing_answers(checkin: CheckIn) -> Answers:
    """Open the standing answer of a check-in."""
    if checkin.answers is None:
        return {}
    answers: Answers = json.loads(checkin.answers.read(checkin.subject_id))
    return answers


def standing_of(entry: Entry) -> Standing:
    """Return where a check-in stands, as the rules see it."""
    checkin = entry.checkin
    return Standing(
        status=Status(checkin.status),
        severity=checkin.severity,
        disposition=Disposition(checkin.disposition) if checkin.disposition else None,
        respondent_id=checkin.respondent_id,
        answered_at=checkin.answered_at,
        closed=entry.round.closed_at is not None,
        floor=checkin.floor,
    )


async def keep_answers(
    desk: Desk,
    entry: Entry,
    answers: Answers,
    by: int,
    *,
    draft: Draft | None = None,
    via: str = "chat",
) -> Settled:
    """Keep a complete set of answers: the standing answer, history, exposures, word to school.

    `draft` is the one that these answers come from, where it is not the family's.
    """
    checkin = entry.checkin
    desk.watch(entry)
    desk.answers += 1
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    given = prune(asked, answers)
    weighed = triage(asked, given, entry.round.day)
    said = Said(
        respondent_id=by,
        severity=weighed.severity,
        disposition=weighed.disposition,
        moment=desk.now,
        same_answers=given == standing_answers(checkin),
    )
    before = standing_of(entry)
    settled = settle(before, said, late_until=entry.round.late_until)
    (draft or Draft.of(checkin)).forget(checkin)
    remember(desk, checkin, settled.verdict.value, by, weighed, given, via)
    if settled.verdict not in {Verdict.too_late, Verdict.correction_asked}:
        await _overtake_request(desk, entry, by)
    if settled.verdict in {Verdict.too_late, Verdict.unchanged}:
        return settled  # what each of the family said is kept, even when it changes nothing
    if settled.verdict is Verdict.correction_asked:
        checkin.status, checkin.floor = settled.standing.status.value, settled.standing.floor
        checkin.answered_at = checkin.answered_at or desk.now  # a case held from an earlier day
        checkin.asked_for = Private.of(checkin.subject_id, json.dumps(given))
        checkin.asked_for_by = by
        await raise_flag(desk, entry, FlagKind.correction, by=by)
    else:
        await keep_exposures(desk, checkin, weighed)
        stand(checkin, settled.standing, given, weighed)
        checkin.via, checkin.excuse = via, None
        checkin.late = checkin.late or entry.round.closed_at is not None
        if settled.verdict is Verdict.raised:
            await raise_flag(desk, entry, FlagKind.flag, by=by)
        elif settled.verdict is Verdict.undone:
            await take_back(desk, entry, by)
        if before.severity or checkin.severity:
            await carry_on(desk, entry, by=by)
        await end_alarm(desk, entry, by)
    desk.changed(entry.round.day, checkin.subject_id, checkin.unit_id, checkin.school_id, by=by)
    return settled


async def _overtake_request(desk: Desk, entry: Entry, by: int) -> None:
    """End the wish for a correction: what was said since is the family's word."""
    checkin = entry.checkin
    if checkin.asked_for is None:
        return
    checkin.asked_for = checkin.asked_for_by = None
    await end_flags(desk, entry, [FlagKind.correction], Decision.overtaken, by)
    desk.changed(entry.round.day, checkin.subject_id, checkin.unit_id, checkin.school_id, by=by)


def stand(checkin: CheckIn, standing: Standing, given: Answers, weighed: Triage) -> None:
    """Let an answer stand in a check-in."""
    stands: dict[str, Any] = {
        "status": standing.status.value,
        "severity": standing.severity,
        "floor": standing.floor,
        "disposition": standing.disposition.value if standing.disposition else None,
        "respondent_id": standing.respondent_id,
        "answered_at": standing.answered_at,
        "reasons": " ".join(weighed.reasons),
        "absent": weighed.absent,
        "valid_until": weighed.valid_until,
    }
    for name, value in stands.items():
        if getattr(checkin, name) != value:  # to look is cheaper than to set
            setattr(checkin, name, value)
    checkin.answers = Private.of(checkin.subject_id, json.dumps(given))


def remember(
    desk: Desk,
    checkin: CheckIn,
    act: str,
    by: int,
    weighed: Triage,
    given: Answers,
    via: str = "chat",
) -> None:
    """Keep what was said or decided in the history."""
    history.remember(
        desk.session,
        check_in_id=checkin.id,
        subject_id=checkin.subject_id,
        act=act,
        by=by,
        at=desk.now,
        severity=weighed.severity,
        disposition=weighed.disposition.value,
        via=via,
        answers=Private.of(checkin.subject_id, json.dumps(given)),
    )


async def keep_exposures(desk: Desk, checkin: CheckIn, weighed: Triage) -> None:
    """Keep the places of the answer that is to stand, and of no other."""
    if checkin.answers is not None:  # a first answer follows no other
        await forget_exposures(desk.session, checkin.id)
    for exposure in weighed.exposures:
        desk.session.add(
            ExposureRow(
                check_in_id=checkin.id,
                subject_id=checkin.subject_id,
                school_id=checkin.school_id,
                code=exposure.code,
                place=Private.of(checkin.subject_id, exposure.place_name),
                place_index=keyring().blind_index(exposure.place_name.strip().casefold()),
                since=exposure.from_,
                until=exposure.until,
            )
        )
