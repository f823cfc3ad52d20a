"""The household's card: one tap when all is well, a question at a time when it is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from checkin.answers import (
    Question,
    Refused,
    Understood,
    next_question,
    previous_question,
    prune,
    take_choice,
    take_words,
    understands_all_clear,
)
from checkin.checkins import Status, Verdict
from checkin.names import same_name
from checkin.questions import Questionnaire
from checkin.triage import worst_so_far
from handlers.answers import Draft, keep_answers
from handlers.desk import Desk
from handlers.messages import Event, Tap, Words
from handlers.presses import Press, Verb
from storage import cards, ledger, people, rounds
from storage.questionnaires import questionnaire
from storage.rounds import Entry
from storage.tables import Card, Contact

SUGGESTED = 999  # the place of the button that says yes to a guess
NONE = 998  # the place of the button that says: none of these


@dataclass(slots=True)
class Household:
    """A card with the check-ins that its reader may answer now."""

    contact: Contact
    card: Card
    person_id: int
    entries: list[Entry]

    def entry(self, check_in_id: int) -> Entry | None:
        """Return one of the card's check-ins."""
        return next((e for e in self.entries if e.checkin.id == check_in_id), None)

    def show(self, desk: Desk, **focus: Any) -> None:
        """Turn the card to another page; its buttons are new from now on."""
        self.card.focus = focus
        self.card.revision += 1
        desk.own_card(self.card.id, answered=all_answered(self.entries))


def all_answered(entries: Sequence[Entry]) -> bool:
    """Say whether nothing is left to answer."""
    return all(entry.checkin.status == Status.complete for entry in entries)


async def load_household(desk: Desk, contact: Contact, card: Card) -> Household:
    """Load what a card is about, by the rights that its reader has today."""
    if contact.person_id is None:
        return Household(contact, card, 0, [])
    entries = desk.households.get(card.id)
    if entries is None:
        subjects = await people.answers_for(desk.session, contact.person_id, card.day)
        entries = await rounds.household(desk.session, subjects, card.day, card.slot)
    return Household(contact, card, contact.person_id, entries)


# ---- taps ----------------------------------------------------------------------------------


async def tapped(desk: Desk, tap: Tap, contact: Contact, card: Card, press: Press) -> None:
    """Handle a tap on a household card; a stale one changes nothing and brings the fresh card."""
    home = await load_household(desk, contact, card)
    if press.revision != card.revision:
        await bring_fresh(desk, tap, contact, card)
        return
    if not home.entries:
        desk.toast(tap, contact, "toast.nothing_to_answer")
        return
    match press.verb:
        case Verb.all_clear:
            await _all_clear(desk, tap, home)
        case Verb.open_subject:
            await _open(desk, tap, home, press)
        case Verb.pick | Verb.done | Verb.back:
            await _on_question(desk, tap, home, press)
        case Verb.home:
            home.show(desk)
            desk.toast(tap, contact, "toast.silent")
        case Verb.change:
            if len(home.entries) == 1:
                await _turn_to_tapped(desk, tap, home, home.entries[0])
            else:
                home.show(desk, changing=True)
                desk.toast(tap, contact, "toast.silent")
        case _:
            await bring_fresh(desk, tap, contact, card)


async def bring_fresh(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Show the card as it is now, where it was tapped or, from an old message, anew."""
    desk.toast(tap, contact, "toast.card_was_old")
    if tap.message_id is not None and tap.message_id != card.message_id:
        await show_again(desk, tap, contact, card)
    else:
        card.shown = min(card.shown, card.revision - 1)


def show_at_once(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Bring a class card or summary up to date where it stands, without the usual half minute."""
    card.shown, card.shown_at = min(card.shown, card.revision - 1), None
    desk.toast(tap, contact, "toast.refreshed")


async def show_again(desk: Desk, event: Event, contact: Contact, card: Card) -> None:
    """Owe the card as a new message at the end of the chat; the old one is not edited any more."""
    cause = f"show:{event.update_id}:{card.id}"  # /class of two classes shows two cards
    await ledger.owe(desk.session, contact, "card", cause, desk.now, card=card)


async def _all_clear(desk: Desk, tap: Tap, home: Household) -> None:
    wanted = [entry for entry in home.entries if await may_be_cleared(desk, entry)]
    verdicts = [await _clear(desk, entry, home.person_id) for entry in wanted]
    home.show(desk)
    if any(verdict is Verdict.too_late for verdict in verdicts):
        desk.toast(tap, home.contact, "toast.too_late", alert=True)
    elif verdicts:
        desk.toast(tap, home.contact, "toast.thanks")
    else:
        desk.toast(tap, home.contact, "toast.already_answered")


async def may_be_cleared(desk: Desk, entry: Entry) -> bool:
    """Say whether the all-clear button speaks for this check-in: unanswered, nothing amiss yet."""
    if entry.checkin.status == Status.complete:
        return False
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    return worst_so_far(asked, Draft.of(entry.checkin).answers, entry.round.day) is None


async def _clear(desk: Desk, entry: Entry, by: int) -> Verdict:
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    return (await keep_answers(desk, entry, asked.all_clear(), by)).verdict


async def _open(desk: Desk, tap: Tap, home: Household, press: Press) -> None:
    entry = home.entry(press.details[0]) if press.details else None
    if entry is None:
        await refused(desk, tap, home.contact, home.card)
        return
    await _turn_to_tapped(desk, tap, home, entry)


async def _turn_to_tapped(desk: Desk, tap: Tap, home: Household, entry: Entry) -> None:
    if _is_past(desk, entry):
        desk.toast(tap, home.contact, "toast.too_late_unless_worse", alert=True)
    else:
        desk.toast(tap, home.contact, "toast.silent")
    await _turn_to(desk, home, entry)


async def _turn_to(desk: Desk, home: Household, entry: Entry) -> None:
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    draft = Draft.of(entry.checkin)
    question = next_question(asked, draft.answers)
    home.show(desk, check_in=entry.checkin.id, question=question.key if question else None)


async def _on_question(desk: Desk, tap: Tap, home: Household, press: Press) -> None:
    entry, asked, question = await question_at_hand(desk, home)
    if entry is None or asked is None or question is None:
        await bring_fresh(desk, tap, home.contact, home.card)
        return
    draft = Draft.of(entry.checkin)
    desk.toast(tap, home.contact, "toast.silent")
    if press.verb is Verb.back:
        await _back(desk, home, entry, asked, question)
        return
    if press.verb is Verb.done:
        draft.answers.setdefault(question.key, [])
        await _go_on(desk, home, entry, asked, draft, tap)
        return
    place = press.details[0] if press.details else -1
    if place == SUGGESTED and draft.suggested is not None:
        draft.answers[question.key] = draft.suggested
        await _go_on(desk, home, entry, asked, draft, tap)
        return
    if place == NONE and question.kind == "several":
        draft.answers[question.key] = []
        await _go_on(desk, home, entry, asked, draft, tap)
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
        draft.keep(entry.checkin)
        home.show(desk, check_in=entry.checkin.id, question=question.key)
    else:
        await _go_on(desk, home, entry, asked, draft, tap)


async def question_at_hand(
    desk: Desk, home: Household
) -> tuple[Entry | None, Questionnaire | None, Question | None]:
    """Return the check-in and question that a card has open, if it has one."""
    entry = home.entry(home.card.focus.get("check_in", 0))
    if entry is None:
        return None, None, None
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    return entry, asked, asked.question(home.card.focus.get("question") or "")


async def _back(
    desk: Desk, home: Household, entry: Entry, asked: Questionnaire, question: Question
) -> None:
    draft = Draft.of(entry.checkin)
    before = previous_question(asked, draft.answers, question.key)
    if before is None:
        home.show(desk, changing=len(home.entries) > 1 and all_answered(home.entries))
    else:
        home.show(desk, check_in=entry.checkin.id, question=before.key)


async def _go_on(
    desk: Desk,
    home: Household,
    entry: Entry,
    asked: Questionnaire,
    draft: Draft,
    tap: Tap | None = None,
) -> None:
    """Turn to the question after the one just answered, or keep the answers after the last."""
    draft.suggested = None
    draft.answers = prune(asked, draft.answers)  # what was said before may not follow any more
    question = next_question(asked, draft.answers)
    if question is not None:
        draft.keep(entry.checkin)
        home.show(desk, check_in=entry.checkin.id, question=question.key)
        return
    settled = await keep_answers(desk, entry, draft.answers, home.person_id)
    home.show(desk)
    if tap is not None and settled.verdict in {Verdict.correction_asked, Verdict.too_late}:
        desk.toasts.pop()
        desk.toast(tap, home.contact, f"toast.{settled.verdict.value}", alert=True)


def _is_past(desk: Desk, entry: Entry) -> bool:
    return desk.now > entry.round.late_until


async def refused(desk: Desk, tap: Tap, contact: Contact, card: Card) -> None:
    """Answer a button that was never there: nothing changes, and it is kept that it was tried."""
    desk.record("button refused", contact.person_id, None, card=card.id, contact=contact.id)
    desk.toast(tap, contact, "toast.not_yours", alert=True)


# ---- typed words ---------------------------------------------------------------------------


async def wrote_answer(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as the answer to the question that is open; False when none is."""
    home = await _home_of(desk, contact)
    if home is None:
        return False
    entry, asked, question = await question_at_hand(desk, home)
    if entry is None or asked is None or question is None:
        return False
    await _typed_answer(desk, words, home, entry, asked, question)
    return True


async def wrote_freely(desk: Desk, words: Words, contact: Contact) -> bool:
    """Take typed words as said to the card; False when there is no card to answer."""
    home = await _home_of(desk, contact)
    if home is None:
        return False
    if understands_all_clear(words.text):
        await _typed_all_clear(desk, words, home)
    else:
        await _typed_freely(desk, words, home)
    return True


async def _home_of(desk: Desk, contact: Contact) -> Household | None:
    """Return the newest card that can still be answered."""
    card = await cards.latest_household(desk.session, contact.id)
    if card is None:
        return None
    home = await load_household(desk, contact, card)
    answerable = any(not _is_past(desk, entry) for entry in home.entries)
    return home if answerable else None


async def _typed_answer(
    desk: Desk,
    words: Words,
    home: Household,
    entry: Entry,
    asked: Questionnaire,
    question: Question,
) -> None:
    draft = Draft.of(entry.checkin)
    taken = take_words(question, words.text, on=entry.round.day)
    if isinstance(taken, Understood):
        draft.answers[question.key] = taken.value
        await _go_on(desk, home, entry, asked, draft)
        await show_again(desk, words, home.contact, home.card)
        return
    draft.suggested = taken.suggestion
    if taken.suggestion is not None or entry.checkin.draft is not None:
        draft.keep(entry.checkin)  # so that an older guess does not stay on offer
    home.show(
        desk,
        check_in=entry.checkin.id,
        question=question.key,
        doubt=taken.reason.value,
        # Numbers only: what someone typed does not stand in the open.
        doubt_args={k: v for k, v in taken.args.items() if not isinstance(v, str)},
    )
    await show_again(desk, words, home.contact, home.card)


async def _typed_all_clear(desk: Desk, words: Words, home: Household) -> None:
    wanted = [entry for entry in home.entries if await may_be_cleared(desk, entry)]
    for entry in wanted:
        await _clear(desk, entry, home.person_id)
    home.show(desk)
    await show_again(desk, words, home.contact, home.card)


async def _typed_freely(desk: Desk, words: Words, home: Household) -> None:
    named = [entry for entry in home.entries if same_name(entry.name, words.text)]
    waiting = [e for e in home.entries if e.checkin.status != Status.complete]
    if named:
        await _turn_to(desk, home, named[0])
    elif len(waiting) == 1 and await _starts_with(desk, home, waiting[0], words):
        pass
    else:
        await desk.say(home.contact, words, "help.card")
    await show_again(desk, words, home.contact, home.card)


async def _starts_with(desk: Desk, home: Household, entry: Entry, words: Words) -> bool:
    """Take "36.5" as the first answer when only one person is left to answer for."""
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    draft = Draft.of(entry.checkin)
    question = next_question(asked, draft.answers)
    if question is None:
        return False
    taken = take_words(question, words.text, on=entry.round.day)
    if not isinstance(taken, Understood):
        return False
    draft.answers[question.key] = taken.value
    await _go_on(desk, home, entry, asked, draft)
    return True
