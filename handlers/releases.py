"""What the school decides about a flag: that it was seen, that it falls, that it stays."""

import json

from checkin.access import Act
from checkin.answers import Answers
from checkin.checkins import Said, release
from checkin.flags import RELEASES, Decision, Eligible, FlagKind, Refusal
from checkin.questions import Disposition
from checkin.triage import triage
from handlers.answers import keep_exposures, remember, stand, standing_of
from handlers.desk import Desk
from handlers.flag_rights import may_act
from handlers.flags import end_flags
from handlers.holds import carry_on
from handlers.messages import Tap
from handlers.presses import Press, Verb
from handlers.proofs import arrived
from storage import contacts, flags, holds, rounds
from storage.questionnaires import questionnaire
from storage.rounds import Entry
from storage.tables import Card, Contact, Flag

_NEEDED = {
    Verb.details: Act.see_class,
    Verb.acknowledge: Act.acknowledge,
    Verb.release: Act.release,
    Verb.keep_flag: Act.release,
    Verb.release_because: Act.release,
}
VERBS = frozenset(_NEEDED)
_ABOUT_A_FLAG = frozenset({Verb.acknowledge, Verb.release_because})


async def tapped(desk: Desk, tap: Tap, contact: Contact, press: Press) -> None:
    """Handle a tap under a flag: seen, why, release it, or let it stand."""
    flag = await desk.session.get(Flag, press.row) if press.verb in _ABOUT_A_FLAG else None
    named = press.row if press.verb not in _ABOUT_A_FLAG else flag.check_in_id if flag else 0
    entry = await rounds.entry(desk.session, named)
    card = None
    if flag is not None and entry is not None:
        card = await flags.card_about(desk.session, contact.id, flag, entry.round.day)
    if entry is None or (press.verb in _ABOUT_A_FLAG and card is None):
        _refuse(desk, tap, contact, press, Refusal.no_right)
        return
    if card is not None:
        await arrived(desk, tap, contact, card)
    access = await desk.access(contact)
    may = await may_act(desk.session, access, _NEEDED[press.verb], entry)
    if not isinstance(may, Eligible) and (
        may.reason is Refusal.no_right or press.verb is not Verb.details
    ):
        _refuse(desk, tap, contact, press, may.reason)
        return
    person_id = access.person_id or 0
    match press.verb:
        case Verb.details:
            await _details(desk, tap, contact, entry, person_id)
        case Verb.release:
            done = await release_flag(desk, entry, person_id)
            desk.toast(tap, contact, "toast.released" if done else "toast.nothing_to_release")
        case Verb.keep_flag:
            done = await keep_flag(desk, entry, person_id)
            desk.toast(tap, contact, "toast.flag_kept" if done else "toast.nothing_to_release")
        case _ if flag is not None and card is not None:
            if press.verb is Verb.acknowledge:
                await _acknowledge(desk, tap, contact, entry, flag, person_id)
            else:
                await _release_because(desk, tap, contact, entry, card, press, person_id)


def _refuse(desk: Desk, tap: Tap, contact: Contact, press: Press, why: Refusal) -> None:
    desk.record("button refused", contact.person_id, None, row=press.row, verb=press.verb.value)
    key = {Refusal.oneself: "toast.not_oneself", Refusal.own_child: "toast.not_own_child"}
    desk.toast(tap, contact, key.get(why, "toast.not_yours"), alert=True)


async def _details(desk: Desk, tap: Tap, contact: Contact, entry: Entry, person_id: int) -> None:
    """Say the reasons in a window that goes away: they never stand beside the name in a chat."""
    told = await _reasons(desk, entry)
    desk.record("reasons read", person_id, entry.checkin.school_id, check_in=entry.checkin.id)
    desk.toast(tap, contact, "toast.reasons", alert=True, reasons=told)


async def _reasons(desk: Desk, entry: Entry) -> list[dict[str, str]]:
    """Return a check-in's reasons in the words of the newest questionnaire that has them."""
    words: dict[str, dict[str, str]] = {}
    for version in await holds.asked_by(desk.session, entry.checkin.subject_id, entry.round):
        asked = await questionnaire(desk.session, version)
        words = {key: dict(said) for key, said in asked.reasons.items()} | words
    return [words.get(key, {}) for key in entry.checkin.reasons.split()]


# ---- seen ----------------------------------------------------------------------------------


async def _acknowledge(
    desk: Desk, tap: Tap, contact: Contact, entry: Entry, flag: Flag, by: int
) -> None:
    """Keep who saw a flag first; everybody who was told sees it."""
    if flag.acknowledged_at is not None or flag.decided_at is not None:
        desk.toast(tap, contact, "toast.seen_already")
        return
    flag.acknowledged_by, flag.acknowledged_at = by, desk.now
    desk.record("flag acknowledged", by, flag.school_id, flag=flag.id, check_in=entry.checkin.id)
    desk.toast(tap, contact, "toast.seen")
    await flags.redraw(desk.session, [flag], entry.round.day)


# ---- released, or left ---------------------------------------------------------------------


async def _release_because(
    desk: Desk,
    tap: Tap,
    contact: Contact,
    entry: Entry,
    card: Card,
    press: Press,
    by: int,
) -> None:
    """Offer the reasons for a release, or release for the one that was tapped."""
    chosen = press.details[0] if press.details else 0
    if not 0 < chosen <= len(RELEASES):
        card.focus = {**card.focus, "releasing": not card.focus.get("releasing")}
        card.revision += 1
        desk.toast(tap, contact, "toast.silent")
        return
    card.focus = {**card.focus, "releasing": False}
    card.revision += 1
    done = await release_without_request(desk, entry, RELEASES[chosen - 1], by)
    desk.toast(tap, contact, "toast.let_go" if done else "toast.nothing_to_release")


async def release_flag(desk: Desk, entry: Entry, by: int) -> bool:
    """Accept the correction that a family asked for; say whether there was one to accept."""
    checkin = entry.checkin
    if checkin.asked_for is None or checkin.asked_for_by is None:
        return False
    asked = await questionnaire(desk.session, entry.round.questionnaire_id)
    given: Answers = json.loads(checkin.asked_for.read(checkin.subject_id))
    weighed = triage(asked, given, entry.round.day)
    to = Said(checkin.asked_for_by, weighed.severity, weighed.disposition, desk.now)
    before, family = standing_of(entry), checkin.asked_for_by
    standing = release(before, desk.now, by, to=to)
    checkin.asked_for = checkin.asked_for_by = None
    if standing is before:
        return False
    desk.watch(entry)
    remember(desk, checkin, "released", by, weighed, given)
    await keep_exposures(desk, checkin, weighed)
    stand(checkin, standing, given, weighed)
    await _fallen(desk, entry, Decision.agreed, by, family)
    return True


async def release_without_request(desk: Desk, entry: Entry, why: Decision, by: int) -> bool:
    """Let a flag fall that nobody asked to: a doctor's note was seen, a call cleared it up.

    What the family said stays as it was said; what stands for the school is cleared.
    """
    checkin = entry.checkin
    before = standing_of(entry)
    standing = release(before, desk.now, by)
    if standing is before:
        return False
    desk.watch(entry)
    checkin.status, checkin.severity = standing.status.value, standing.severity
    checkin.floor, checkin.reasons = standing.floor, ""
    checkin.disposition = Disposition.cleared.value
    checkin.respondent_id, checkin.answered_at = by, desk.now
    checkin.valid_until = entry.round.day
    checkin.asked_for = checkin.asked_for_by = None
    desk.note(entry.checkin, f"released_{why.value}", by)
    await _fallen(desk, entry, why, by)
    return True


async def _fallen(
    desk: Desk, entry: Entry, decision: Decision, by: int, family: int | None = None
) -> None:
    checkin = entry.checkin
    await carry_on(desk, entry, by=family)
    kinds = {FlagKind.flag, FlagKind.correction} if not checkin.severity else {FlagKind.correction}
    await _seen_by_the_decider(desk, entry, by)
    await end_flags(desk, entry, kinds, decision, by)
    about = {"check_in": checkin.id, "subject": checkin.subject_id, "why": decision.value}
    desk.record("flag released", by, checkin.school_id, **about)
    desk.changed(
        entry.round.day, checkin.subject_id, checkin.unit_id, checkin.school_id, by=family
    )


async def keep_flag(desk: Desk, entry: Entry, by: int) -> bool:
    """Leave the flag as it is although the family asked otherwise; say whether it was open."""
    checkin = entry.checkin
    asked_by = checkin.asked_for_by
    if checkin.asked_for is None:
        return False
    checkin.asked_for = checkin.asked_for_by = None
    desk.note(entry.checkin, "flag_kept", by)
    await _seen_by_the_decider(desk, entry, by)
    await end_flags(desk, entry, {FlagKind.correction}, Decision.left, by)
    desk.record("flag kept", by, checkin.school_id, check_in=checkin.id)
    desk.changed(
        entry.round.day, checkin.subject_id, checkin.unit_id, checkin.school_id, by=asked_by
    )
    if asked_by is not None:
        for contact in await contacts.contacts_of(desk.session, [asked_by]):
            await desk.tell(
                contact,
                f"left:{checkin.id}:{int(desk.now.timestamp())}",
                "flag.left_for_family",
                name=entry.name,
                now={"key": f"disposition.{checkin.disposition}"},
                until=checkin.valid_until.isoformat() if checkin.valid_until else None,
                day=entry.round.day.isoformat(),
            )
    return True


async def _seen_by_the_decider(desk: Desk, entry: Entry, by: int) -> None:
    """Whoever decides has seen it: nobody need be called to it any more."""
    for flag in await flags.standing_flags(desk.session, entry.checkin.id):
        if flag.acknowledged_at is None and flag.kind != FlagKind.missing:
            flag.acknowledged_by, flag.acknowledged_at = by, desk.now
            await flags.redraw(desk.session, [flag], entry.round.day)
