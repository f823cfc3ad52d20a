"""The household's card: one tap when all is well, a question at a time when it is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from checkin.answers import (
    Answers,
    Question,
    Refused,
    next_question,
    previous_question,
    prune,
    take_choice,
)
from checkin.checkins import Verdict
from checkin.evenings import kept_for_the_morning
from checkin.questions import Questionnaire
from checkin.triage import worst_so_far
from handlers.answers import Draft, keep_answers
from handlers.desk import Desk
from handlers.messages import Event, Tap
from handlers.presses import Press, Verb
from handlers.proofs import is_below
from handlers.wards import (
    Ward,
    has_given_way,
    load_histories,
    load_households,
    others_who_spoke,
    stands,
)
from storage import ledger, units
from storage.questionnaires import questionnaire
from storage.tables import Card, Contact

CLOCKS_DIFFER = timedelta(minutes=1)  # the messenger's and ours; and it tells whole seconds
SUGGESTED = 999  # the place of the button that says yes to a guess
NONE = 998  # the place of the button that says: none of these


@dataclass(slots=True)
class Household:
    """A card with the check-ins that its reader may see or answer now; `via` is how it comes."""

    contact: Contact
    card: Card
    wards: list[Ward]
    via: str = "chat"

    @property
    def answerable(self) -> list[Ward]:
        """The check-ins that the reader may answer."""
        return [ward for ward in self.wards if ward.right.may_answer]

    @property
    def waiting(self) -> list[Ward]:
        """The check-ins that the reader may answer and that have no answer yet."""
        return [ward for ward in self.answerable if not (ward.complete or ward.excused)]

    @property
    def awaited(self) -> bool:
        """Whether the reader is still waited for in time: then a reminder is right."""
        return any(ward.awaited for ward in self.answerable)

    def ward(self, check_in_id: int) -> Ward | None:
        """Return one of the check-ins that the reader may answer."""
        return next((ward for ward in self.answerable if ward.id == check_in_id), None)

    def show(self, desk: Desk, **focus: Any) -> None:
        """Turn the card to another page; its buttons are new from now on.

        Whom words were also about (`then`) is not forgotten while somebody's questions are open.
        """
        if "check_in" in focus and self.card.focus.get("then"):
            focus.setdefault("then", self.card.focus["then"])
        self.card.focus = self._as_turned_to(focus)
        self.card.revision += 1
        desk.own_card(self.card.id)
        if not self.awaited:
            desk.answered(self.card.id)

    def _as_turned_to(self, focus: dict[str, Any]) -> dict[str, Any]:
        """Keep with a page what was known when it was turned to: what comes later is news on it.

        A question about somebody who is answered for is there to change the answer that `stood`.
        """
        if not focus:
            return focus
        ward = self.ward(focus.get("check_in", 0))
        if focus.get("question") and ward is not None and ward.complete:
            focus["stood"] = stands(ward)
        if all(each.entry.round.closed_at for each in ([ward] if ward else self.answerable)):
            focus["late"] = True
        return focus


async def load_household(desk: Desk, contact: Contact, card: Card) -> Household:
    """Load what a card is about, by the rights that its reader has at this moment."""
    wards = desk.households.wards.get(card.id) if desk.households else None
    if wards is None or any(ward.split for ward in wards):
        loaded = await load_households(desk.session, [(card, contact)], desk.now)
        wards = loaded.wards[card.id]
    return Household(contact, card, wards)


# ---- taps ----------------------------------------------------------------------------------


async def tapped(desk: Desk, tap: Tap, contact: Contact, card: Card, press: Press) -> None:
    """Handle a tap on a household card; a stale one changes nothing and brings the fresh card."""
    home = await load_household(desk, contact, card)
    if not home.answerable:
        key = "toast.only_to_see" if home.wards else "toast.nothing_to_answer"
        desk.toast(tap, contact, key, alert=True)
        card.shown = min(card.shown, card.revision - 1)  # the buttons go
        return
    if press.revision != card.revision:
        await _bring_fresh(desk, tap, home)
        return
    match press.verb:
        case Verb.all_clear:
            await _all_clear(desk, tap, home)
        case Verb.open_subject:
            await _open(desk, tap, home, press)
        case Verb.pick | Verb.done | Verb.back:
            await on_question(desk, tap, home, press)
        case Verb.confirm:
            await _confirm(desk, tap, home, press)
        case Verb.home:
            home.show(desk)
            desk.toast(tap, contact, "toast.silent")
        case Verb.change:
            if len(home.answerable) == 1:
                await _turn_to_tapped(desk, tap, home, home.answerable[0])
            else:
                home.show(desk, changing=True)
                desk.toast(tap, contact, "toast.silent")
        case _:
            await _bring_fresh(desk, tap, home)


async def _bring_fresh(desk: Desk, tap: Tap, home: Household) -> None:
    card = home.card
    await _say_what_is_new(desk, tap, home)
    if not home.waiting and is_below(tap, card.message_id):
        desk.answered(card.id)  # the reminder goes, and the card above it says why
        card.shown = min(card.shown, card.revision - 1)
    else:
        await _show_as_it_is(desk, tap, home.contact, card)


async def bring_fresh(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Show the card as it is now, where it was tapped or, from an old message, anew."""
    desk.toast(tap, contact, "toast.card_was_old")
    await _show_as_it_is(desk, tap, contact, card)


async def _show_as_it_is(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    if tap.message_id is not None and tap.message_id != card.message_id:
        # However often an old button is tapped, the card comes once a minute.
        minute = int(desk.now.timestamp()) // 60
        await _owe_anew(desk, contact, card, f"show:{card.id}:{tap.message_id}:{minute}")
    else:
        card.shown = min(card.shown, card.revision - 1)


async def _say_what_is_new(desk: Desk, tap: Tap, home: Household) -> None:
    """Say who has answered, where everything is answered; else only that the card has changed."""
    if home.waiting:
        desk.toast(tap, home.contact, "toast.card_was_old")
        return
    others = await others_who_spoke(desk.session, home.answerable)
    for ward in home.answerable:
        standing = ward.told().standing
        name = others.get(standing.respondent_id or 0)
        if name is not None and standing.answered_at is not None:
            school = await units.school(desk.session, ward.checkin.school_id)
            time = f"{standing.answered_at.astimezone(school.zone):%H:%M}"
            desk.toast(tap, home.contact, "toast.other_answered", name=name, time=time)
            return
    desk.toast(tap, home.contact, "toast.already_answered")


def show_at_once(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Bring a class card or summary up to date where it stands, without the usual half minute."""
    card.shown, card.shown_at = min(card.shown, card.revision - 1), None
    desk.toast(tap, contact, "toast.refreshed")


async def show_again(desk: Desk, event: Event, contact: Contact, card: Card) -> None:
    """Owe the card as a new message at the end of the chat; the old one is not edited any more."""
    await _owe_anew(desk, contact, card, f"show:{event.update_id}:{card.id}")


async def _owe_anew(desk: Desk, contact: Contact, card: Card, cause: str) -> None:
    await ledger.owe(desk.session, contact, "card", cause, desk.now, card=card)


async def _all_clear(desk: Desk, tap: Tap, home: Household) -> None:
    wanted = [ward for ward in home.waiting if await may_be_cleared(desk, ward)]
    verdicts = [await clear(desk, ward) for ward in wanted]
    home.show(desk)
    if any(verdict is Verdict.too_late for verdict in verdicts):
        desk.toast(tap, home.contact, "toast.too_late", alert=True)
    elif any(verdict is Verdict.correction_asked for verdict in verdicts):
        desk.toast(tap, home.contact, "toast.correction_asked", alert=True)
    elif verdicts and all(verdict is None for verdict in verdicts):
        today = await desk.today_at(wanted[0].checkin.school_id)
        key = "toast.until_morning" if home.card.day > today else "toast.until_later"
        desk.toast(tap, home.contact, key)
    elif verdicts:
        desk.toast(tap, home.contact, "toast.thanks")
    elif home.waiting:
        desk.toast(tap, home.contact, "toast.begun", alert=True)
    else:
        desk.toast(tap, home.contact, "toast.already_answered")


async def may_be_cleared(desk: Desk, ward: Ward) -> bool:
    """Say whether the all-clear button speaks for this check-in: unanswered, nothing amiss yet."""
    return not ward.complete and not await unfinished(desk, ward)


async def unfinished(desk: Desk, ward: Ward) -> bool:
    """Say whether something amiss was begun to be told and not ended."""
    begun = ward.draft.answers
    if not begun:
        return False
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    return worst_so_far(asked, begun, ward.entry.round.day) is not None


async def clear(desk: Desk, ward: Ward, via: str = "chat") -> Verdict | None:
    """Keep what the all-clear button says: all well, beside what was said before."""
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    return await keep(desk, ward, {**asked.all_clear(), **ward.draft.answers}, via)


async def keep(desk: Desk, ward: Ward, answers: Answers, via: str) -> Verdict | None:
    """Keep a complete set of answers; return what became of it, as far as one may know.

    None is the evening before: it stands until the morning has been asked.
    """
    if await _held_for_the_morning(desk, ward, answers):
        return None
    settled = await keep_answers(
        desk, ward.entry, answers, ward.reader_id, draft=ward.draft, via=via
    )
    if not ward.split:
        return settled.verdict
    await load_histories(desk.session, [ward])
    return ward.told().verdict or settled.verdict


async def _held_for_the_morning(desk: Desk, ward: Ward, answers: Answers) -> bool:
    """Keep as a draft what is said until the morning asks, if it has a question left."""
    held = ward.entry.round
    if ward.complete or not held.evening:
        return False
    asked = await questionnaire(desk.session, held.questionnaire_id)
    kept = kept_for_the_morning(asked, prune(asked, answers), held.day)
    if kept is None:
        return False
    draft = ward.draft
    draft.answers, draft.suggested, draft.heard = kept, None, None
    draft.keep(ward.checkin)
    desk.changed(held.day, ward.checkin.subject_id, ward.checkin.unit_id, ward.checkin.school_id)
    return True


async def _open(desk: Desk, tap: Tap, home: Household, press: Press) -> None:
    ward = home.ward(press.details[0]) if press.details else None
    if ward is None:
        await refused(desk, tap, home.contact, home.card)
        return
    await _turn_to_tapped(desk, tap, home, ward)


async def _turn_to_tapped(desk: Desk, tap: Tap, home: Household, ward: Ward) -> None:
    if is_past(desk, ward):
        desk.toast(tap, home.contact, "toast.too_late_unless_worse", alert=True)
    else:
        desk.toast(tap, home.contact, "toast.silent")
    await turn_to(desk, home, ward)


async def turn_to(desk: Desk, home: Household, ward: Ward) -> None:
    """Open the first question that remains about somebody."""
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    question = next_question(asked, ward.draft.answers)
    home.show(desk, check_in=ward.id, question=question.key if question else None)


async def on_question(desk: Desk, tap: Tap, home: Household, press: Press) -> None:
    """Handle a tap on the question that a card has open."""
    ward, asked, question = await question_at_hand(desk, home)
    if ward is None or asked is None or question is None:
        await _bring_fresh(desk, tap, home)
        return
    draft = ward.draft
    desk.toast(tap, home.contact, "toast.silent")
    if press.verb is Verb.back:
        if draft.suggested is not None:  # it was a guess at this question, not at the one before
            draft.suggested = None
            draft.keep(ward.checkin)
        _back(desk, home, ward, asked, question)
        return
    if press.verb is Verb.done:
        draft.answers.setdefault(question.key, [])
        await go_on(desk, home, ward, asked, draft, tap)
        return
    place = press.details[0] if press.details else -1
    if place == SUGGESTED and draft.suggested is not None:
        draft.answers[question.key] = draft.suggested
        await go_on(desk, home, ward, asked, draft, tap)
        return
    if place == NONE and question.kind == "several":
        draft.answers[question.key] = []
        await go_on(desk, home, ward, asked, draft, tap)
        return
    if not 0 <= place < len(question.choices):
        await refused(desk, tap, home.contact, home.card)
        return
    value = take_choice(question, draft.answers.get(question.key), question.choices[place].key)
    if isinstance(value, Refused):
        await refused(desk, tap, home.contact, home.card)
        return
    draft.answers[question.key] = value
    if question.kind == "several":
        draft.suggested = None
        draft.keep(ward.checkin)
        home.show(desk, check_in=ward.id, question=question.key)
    else:
        await go_on(desk, home, ward, asked, draft, tap)


async def question_at_hand(
    desk: Desk, home: Household
) -> tuple[Ward | None, Questionnaire | None, Question | None]:
    """Return the check-in and question that a card has open, if it has one."""
    card = home.card
    ward = home.ward(card.focus.get("check_in", 0))
    if ward is None or (card.kind == "household" and has_given_way(ward, card.focus)):
        return None, None, None
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    return ward, asked, asked.question(card.focus.get("question") or "")


def _back(
    desk: Desk, home: Household, ward: Ward, asked: Questionnaire, question: Question
) -> None:
    before = previous_question(asked, ward.draft.answers, question.key)
    if before is None:
        home.show(desk, changing=len(home.answerable) > 1 and not home.waiting)
    else:
        home.show(desk, check_in=ward.id, question=before.key)


async def go_on(
    desk: Desk,
    home: Household,
    ward: Ward,
    asked: Questionnaire,
    draft: Draft,
    tap: Tap | None = None,
) -> None:
    """Turn to the question after the one just answered, or keep the answers after the last."""
    draft.suggested = draft.heard = None
    draft.answers = prune(asked, draft.answers)  # what was said before may not follow any more
    question = next_question(asked, draft.answers)
    if question is not None:
        draft.keep(ward.checkin)
        home.show(desk, check_in=ward.id, question=question.key)
        return
    verdict = await keep(desk, ward, draft.answers, home.via)
    await turn_to_next(desk, home, home.card.focus.get("then", []))
    if tap is not None and verdict in {Verdict.correction_asked, Verdict.too_late}:
        desk.toasts.pop()
        desk.toast(tap, home.contact, f"toast.{verdict.value}", alert=True)


async def turn_to_next(
    desk: Desk, home: Household, then: Sequence[int], kept: Sequence[int] = ()
) -> None:
    """Open the questions about whom words were about next; the card itself after the last.

    `kept` are those about whom the words were taken as they are: it is said above the question.
    """
    focus: dict[str, Any] = {"kept": list(kept)} if kept else {}
    for place, check_in_id in enumerate(then):
        ward = home.ward(check_in_id)
        if ward is None:
            continue
        rest = list(then[place + 1 :])
        if ward.draft.heard is not None:
            home.show(desk, check_in=ward.id, confirm=True, then=rest, **focus)
            return
        asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
        question = next_question(asked, ward.draft.answers)
        if question is not None:
            home.show(desk, check_in=ward.id, question=question.key, then=rest, **focus)
            return
    home.show(desk)


async def _confirm(desk: Desk, tap: Tap, home: Household, press: Press) -> None:
    """Take yes or no to what typed words seemed to say, or the child that they were about."""
    focus, detail = home.card.focus, press.details[0] if press.details else 0
    ward = home.ward(detail if focus.get("whom") else focus.get("check_in", 0))
    if ward is None or not (focus.get("whom") or focus.get("confirm")):
        await refused(desk, tap, home.contact, home.card)
        return
    desk.toast(tap, home.contact, "toast.silent")
    await settle_guess(desk, home, ward, agreed=bool(focus.get("whom")) or detail == 1)


async def settle_guess(desk: Desk, home: Household, ward: Ward, *, agreed: bool) -> None:
    """Take what words seemed to say as said about this one, or put it away; then go on asking."""
    focus, draft = home.card.focus, ward.draft
    heard, draft.heard = draft.heard, None
    draft.note(ward.checkin)
    if focus.get("whom"):
        for other in home.answerable:  # it was about this one alone
            forgotten = other.draft
            if forgotten.heard is not None:
                forgotten.heard = None
                forgotten.note(other.checkin)
    asked = await questionnaire(desk.session, ward.entry.round.questionnaire_id)
    if heard and agreed:
        if heard == asked.all_clear():
            if await may_be_cleared(desk, ward):
                await clear(desk, ward)
                await turn_to_next(desk, home, focus.get("then", []))
                return
        else:
            draft.answers = draft.answers | heard
            draft.keep(ward.checkin)
    await turn_to_next(desk, home, [ward.id, *focus.get("then", [])])


def is_past(desk: Desk, ward: Ward) -> bool:
    """Say whether even a late answer comes too late; only word of something worse counts then."""
    return desk.now > ward.entry.round.late_until


async def is_belated(desk: Desk, event: Event, ward: Ward) -> bool:
    """Say whether something comes in only now that was written before this was asked about.

    Once the morning has asked, that is whatever was written on an earlier day, the evening before
    too.
    """
    if event.written_at is None:
        return False
    held, school_id = ward.entry.round, ward.checkin.school_id
    if held.evening:
        return event.written_at < held.opened_at - CLOCKS_DIFFER
    return await desk.date_at(school_id, event.written_at) < held.day


async def refused(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Answer a button that was never there: nothing changes, and it is kept that it was tried."""
    desk.record("button refused", contact.person_id, None, card=card.id, contact=contact.id)
    desk.toast(tap, contact, "toast.not_yours", alert=True)
