"""All is well: what nearly every family says each morning, kept many taps at once.

A tap is plain when nothing has to be looked at but its rows: nothing was said or done before about
anybody on the card, and all of the family may know of it. It does to the rows, the card and the
short answer what `handlers.household` does; a test holds the two alike. Whatever is not plain is
left to the handlers.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from checkin.answers import prune
from checkin.checkins import Said, Standing, Verdict, settle
from checkin.evenings import only_the_morning_is_left
from checkin.facts import fact
from checkin.questions import Questionnaire
from checkin.statuses import Status
from checkin.times import local_date
from checkin.triage import Triage, triage
from handlers.desk import Toast
from handlers.messages import Tap
from handlers.presses import Press, PressError, Verb
from handlers.proofs import is_below
from handlers.views import FreshCard, HouseholdView, Line
from storage import cards, first_asks, history, ledger, people, plain_answers
from storage.database import Session
from storage.first_asks import Awaited
from storage.people import Right
from storage.plain_answers import TappedCard
from storage.questionnaires import questionnaire
from storage.sealing import Private


@fact
class PlainAnswer:
    """A plain tap, kept: what its chat hears and sees, and how many it spoke for."""

    contact_id: int
    toast: Toast
    fresh: FreshCard
    answers: int


@fact
class _Well:
    """What the all-clear button says in a questionnaire, and what follows from it."""

    asked: Questionnaire
    written: str
    weighed: Triage


@fact
class _Plain:
    """A plain tap with those on its card, and where and when each of them is asked."""

    tap: Tap
    card: TappedCard
    lines: Sequence[Awaited]


def says_all_clear(tap: Tap) -> bool:
    """Say whether a tap may be plain, by its button alone; the rows decide."""
    return tap.private and tap.data.startswith(f"{Verb.all_clear.value}:")


async def answer_plainly(
    session: Session, taps: Sequence[Tap], now: datetime
) -> dict[int, PlainAnswer]:
    """Keep those of these taps that are plain, by update id; the others are untouched."""
    plain = await _plain(session, taps, now)
    wells: dict[tuple[int, date], _Well] = {}
    for each in plain:
        for awaited in each.lines:
            key = (awaited.questionnaire_id, awaited.day)
            if key not in wells:
                wells[key] = await _well(session, *key)
    kept = _Kept(session, now, wells)
    done = {each.tap.update_id: answer for each in plain if (answer := kept.take(each))}
    await kept.write()
    return done


async def _plain(session: Session, taps: Sequence[Tap], now: datetime) -> list[_Plain]:
    """Return the taps that are plain, in their order; no two of them speak for the same person."""
    presses: dict[int, Press] = {}
    for tap in taps:
        try:
            presses[tap.update_id] = Press.unpack(tap.data)
        except PressError:
            continue
    tapped = await plain_answers.tapped_cards(session, {press.row for press in presses.values()})
    rights: dict[tuple[date, str], dict[int, list[Right]]] = {}
    awaited: dict[tuple[date, str], dict[int, list[Awaited]]] = {}
    for day, slot in {(card.day, card.slot) for card in tapped.values()}:
        persons = {c.person_id for c in tapped.values() if (c.day, c.slot) == (day, slot)}
        held = rights[day, slot] = await people.rights_of_each(session, persons, day)
        subjects = {right.subject_id for each in held.values() for right in each}
        awaited[day, slot] = await first_asks.awaited(session, subjects, day, slot)
    spoken_for: set[int] = set()
    plain: list[_Plain] = []
    for tap in taps:
        card = tapped.get(presses[tap.update_id].row) if tap.update_id in presses else None
        if card is None:
            break  # whom it speaks for is not known, so nobody after it goes before it
        if (card.bot_id, card.chat_id) != (tap.bot_id, tap.chat_id):
            continue
        own = rights[card.day, card.slot][card.person_id]
        first = spoken_for.isdisjoint(right.subject_id for right in own)
        spoken_for.update(right.subject_id for right in own)
        if not first or presses[tap.update_id].revision != card.revision:
            continue
        if is_below(tap, card.message_id):
            continue
        lines = _lines(own, awaited[card.day, card.slot], now)
        if lines:
            plain.append(_Plain(tap, card, lines))
    return plain


def _lines(
    rights: Sequence[Right],
    awaited: Mapping[int, Sequence[Awaited]],
    now: datetime,
) -> list[Awaited] | None:
    """Return those on a card; None when one of them is not plain."""
    lines = []
    for right in rights:
        if right.split or right.apart or right.until is not None or not right.may_answer:
            return None
        for each in awaited.get(right.subject_id, ()):
            late = each.closed or each.late_until <= now
            if late or each.evening or not each.untouched:
                return None
            lines.append(each)
    return lines


async def _well(session: Session, questionnaire_id: int, day: date) -> _Well:
    asked = await questionnaire(session, questionnaire_id)
    given = prune(asked, asked.all_clear())
    return _Well(asked, json.dumps(given), triage(asked, given, day))


@dataclass(slots=True)
class _Kept:
    """What plain taps lead to, written together."""

    session: Session
    now: datetime
    wells: Mapping[tuple[int, date], _Well]
    standing: list[dict[str, object]] = field(default_factory=list)
    cards: set[int] = field(default_factory=set)
    said: dict[date, set[tuple[int, int | None]]] = field(default_factory=lambda: defaultdict(set))
    units: dict[date, set[int]] = field(default_factory=lambda: defaultdict(set))

    def take(self, plain: _Plain) -> PlainAnswer | None:
        """Weigh a tap; None when the rule does not simply accept it."""
        settled = []
        for awaited in plain.lines:
            well = self.wells[awaited.questionnaire_id, awaited.day]
            said = Said(
                respondent_id=plain.card.person_id,
                severity=well.weighed.severity,
                disposition=well.weighed.disposition,
                moment=self.now,
            )
            found = settle(Standing(awaited.status), said, late_until=awaited.late_until)
            if found.verdict is not Verdict.accepted or well.weighed.exposures:
                return None
            settled.append((awaited, well, found.standing))
        lines = tuple(self._stand(plain.card, *each) for each in settled)
        self.cards.add(plain.card.id)
        tap, card = plain.tap, plain.card
        today = local_date(self.now, plain.lines[0].zone)
        view = HouseholdView(
            card.id, card.revision + 1, card.day, lines, is_today=card.day == today
        )
        toast = Toast(tap.bot_id, tap.callback_id, "toast.thanks", {}, card.language)
        return PlainAnswer(card.contact_id, toast, FreshCard(card.bot_id, view), len(lines))

    def _stand(self, card: TappedCard, awaited: Awaited, well: _Well, standing: Standing) -> Line:
        """Let an answer stand, and return its line on the card."""
        subject, weighed = awaited.subject_id, well.weighed
        sealed = Private.of(subject, well.written)
        disposition = standing.disposition
        self.standing.append(
            {
                "id": awaited.check_in_id,
                "status": standing.status.value,
                "severity": standing.severity,
                "floor": standing.floor,
                "disposition": disposition.value if disposition else None,
                "respondent_id": standing.respondent_id,
                "answered_at": standing.answered_at,
                "reasons": " ".join(weighed.reasons),
                "absent": weighed.absent,
                "valid_until": weighed.valid_until,
                "answers": sealed,
            }
        )
        history.remember(
            self.session,
            check_in_id=awaited.check_in_id,
            subject_id=subject,
            act=Verdict.accepted.value,
            by=card.person_id,
            at=self.now,
            severity=weighed.severity,
            disposition=weighed.disposition.value,
            answers=sealed,
        )
        self.said[card.day].add((subject, card.person_id))
        self.units[card.day] |= {awaited.unit_id, awaited.school_id}
        return Line(
            check_in_id=awaited.check_in_id,
            subject_id=subject,
            name=awaited.name,
            unit_name=awaited.unit_name,
            status=standing.status,
            disposition=disposition,
            absent=weighed.absent,
            answered_at=standing.answered_at,
            is_staff=awaited.is_staff,
            oneself=subject == card.person_id,
            clearable=standing.status is not Status.complete,
            valid_until=weighed.valid_until,
            zone=awaited.zone,
            closes_at=awaited.closes_at,
            said=only_the_morning_is_left(well.asked, {}),
        )

    async def write(self) -> None:
        """Write all of it, and mark behind whatever shows something changed."""
        if not self.standing:
            return
        await plain_answers.keep_standing(self.session, self.standing)
        await plain_answers.turn_home(self.session, self.cards)
        for day, said in self.said.items():
            await cards.refresh_households(self.session, said, day, but=self.cards)
            whom = {subject for subject, _ in said}
            await cards.refresh_about(self.session, self.units[day], day, subject_ids=whom)
        await ledger.withdraw_reminders(self.session, self.cards)
