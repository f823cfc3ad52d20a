"""A teacher answers for families: by telephone, one child at a time, or for a whole class."""

from dataclasses import dataclass
from typing import Any

from checkin.arrivals import at_once, fingerprint
from checkin.checkins import Verdict
from handlers.class_cards import ClassCard, Page, is_to_enter, record_numbers
from handlers.desk import Desk
from handlers.everyday import typed_answer
from handlers.household import (
    Household,
    bring_fresh,
    clear,
    may_be_cleared,
    on_question,
    question_at_hand,
    turn_to,
)
from handlers.messages import Tap, Words
from handlers.presses import Press, Verb
from handlers.wards import Ward
from storage.people import Right
from storage.rounds import Entry


@dataclass(slots=True)
class OnThePhone(Household):
    """A household of one child, whose questions stand on a class card."""

    def show(self, desk: Desk, **focus: Any) -> None:
        """Turn the class card: to the next question, back to the child, or to who is left."""
        self.card.revision += 1
        turned = {"turned": self.card.revision}
        if focus.get("question"):
            typed_at = desk.now.isoformat()
            self.card.focus = {"page": Page.child, **turned, "typed_at": typed_at, **focus}
        elif "changing" in focus or "check_in" in focus:
            child = self.wards[0].id
            self.card.focus = {"page": Page.child, **turned, "check_in": child}
        else:
            self.card.focus = {"page": Page.calls, **turned}
        self.card.shown_at = None
        desk.own_card(self.card.id)


def _ward(shown: ClassCard, entry: Entry) -> Ward:
    """Return a check-in as one that the teacher answers, and knows as the school knows it."""
    return Ward(entry, Right(entry.checkin.subject_id), shown.person_id)


def _at_hand(shown: ClassCard) -> OnThePhone | None:
    entry = shown.entry(shown.card.focus.get("check_in", 0))
    if entry is None:
        return None
    return OnThePhone(shown.contact, shown.card, [_ward(shown, entry)], via="phone")


async def tapped(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    """Handle a tap on the page of one child: all well, or a question at a time."""
    home = _at_hand(shown)
    if home is None or shown.page is not Page.child:
        await bring_fresh(desk, tap, shown.contact, shown.card)
        return
    ward = home.wards[0]
    if press.verb is Verb.all_clear:
        await _all_well(desk, tap, home, ward)
    elif press.verb is Verb.open_subject:
        desk.toast(tap, shown.contact, "toast.silent")
        await turn_to(desk, home, ward)
    else:
        await on_question(desk, tap, home, press)


async def _all_well(desk: Desk, tap: Tap, home: OnThePhone, ward: Ward) -> None:
    if ward.complete:
        desk.toast(tap, home.contact, "toast.already_answered")
    elif not await may_be_cleared(desk, ward):
        desk.toast(tap, home.contact, "toast.begun", alert=True)
        home.show(desk, check_in=ward.id)
        return
    else:
        too_late = await clear(desk, ward, home.via) is Verdict.too_late
        desk.toast(tap, home.contact, "toast.too_late" if too_late else "toast.kept_by_phone")
    home.show(desk)


async def wrote_answer(desk: Desk, words: Words, shown: ClassCard) -> bool:
    """Take what a teacher types on the telephone as the answer to the open question."""
    home = _at_hand(shown)
    if home is None:
        return False
    ward, asked, question = await question_at_hand(desk, home)
    if ward is None or asked is None or question is None:
        return False
    await typed_answer(desk, words, home, ward, asked, question)
    return True


# ---- a whole class -------------------------------------------------------------------------


async def keep_class(desk: Desk, tap: Tap, shown: ClassCard, press: Press) -> None:
    """Keep that everybody still shown as well is well; the others stay to be called.

    Those are who was taken out, and about whom the family has begun to tell something amiss.
    """
    everybody = [entry for entry in shown.entries if is_to_enter(entry.checkin)]
    now = at_once(entry.checkin.id for entry in everybody)
    waiting = [entry for entry in everybody if entry.checkin.id in now]
    if not press.details or press.details[0] != fingerprint(e.checkin.id for e in waiting):
        shown.card.shown_at = None
        await bring_fresh(desk, tap, shown.contact, shown.card)
        return
    out = set(shown.card.focus.get("marked", ()))
    kept, left = 0, []
    for entry in waiting:
        ward = _ward(shown, entry)
        if ward.id in out or not await may_be_cleared(desk, ward):
            left.append(entry)
            continue
        kept += await clear(desk, ward, "class") is not Verdict.too_late
    desk.record("class entered", shown.person_id, shown.school.id, unit=shown.unit.id, n=kept)
    desk.toast(tap, shown.contact, "toast.kept_class", n=kept)
    if left:
        record_numbers(desk, shown, left)
    more = Page.entry if len(everybody) > len(waiting) else Page.main
    shown.turn(desk, Page.calls if left else more)
