"""A teacher reminds the silent families of a class, or asks their group for the rest."""

from collections import Counter, defaultdict

from checkin.asking import Eligible, NotNow, Reason, may_remind
from checkin.statuses import Status
from handlers.class_cards import ClassCard, is_silent
from handlers.desk import Desk
from handlers.messages import Tap
from handlers.presses import Press
from storage import reminding
from storage.reminding import Addressee
from storage.rounds import Entry


async def remind(desk: Desk, tap: Tap, shown: ClassCard, _press: Press) -> None:
    """Remind the families of all who are silent, where the rule allows; say who was not, and why.

    The rule is the chase ladder's own: never after an answer, never within ten minutes.
    """
    reminded: set[int] = set()
    refused: Counter[str] = Counter()
    for entries in _by_round(shown).values():
        held = entries[0].round
        found = await reminding.addressees(
            desk.session, held, (entry.checkin.subject_id for entry in entries)
        )
        card_ids: set[int] = set()
        for entry in entries:
            to = found.get(entry.checkin.subject_id)
            verdict = _verdict(desk, entry, to, reachable=entry.checkin.subject_id in found)
            if isinstance(verdict, NotNow):
                refused[verdict.reason.value] += 1
            elif to is not None:
                card_ids.add(to.card_id)
                reminded.add(entry.checkin.subject_id)
        await reminding.owe_reminders(desk.session, held, card_ids, desk.now)
    desk.record(
        "class reminded", shown.person_id, shown.school.id, unit=shown.unit.id, n=len(reminded)
    )
    desk.toast(
        tap,
        shown.contact,
        "toast.reminded",
        alert=bool(refused),
        n=len(reminded),
        refused=dict(refused),
    )


def _by_round(shown: ClassCard) -> dict[int, list[Entry]]:
    found: dict[int, list[Entry]] = defaultdict(list)
    for entry in shown.entries:
        if is_silent(entry.checkin):
            found[entry.round.id].append(entry)
    return found


def _verdict(
    desk: Desk, entry: Entry, to: Addressee | None, *, reachable: bool
) -> Eligible | NotNow:
    status = Status(entry.checkin.status)
    since = desk.now - to.last_at if to is not None and to.last_at is not None else None
    verdict = may_remind(
        status,
        reachable=reachable,
        paused=False,  # whoever is paused is excused, and not silent
        consented=True,  # a way without a yes is no way
        on_roll=True,
        closed=entry.round.closed_at is not None or desk.now >= entry.round.closes_at,
        since_last=since,
    )
    if isinstance(verdict, Eligible) and to is None:
        return NotNow(Reason.not_asked)
    return verdict


async def say_group_line(desk: Desk, tap: Tap, shown: ClassCard, _press: Press) -> None:
    """Say a line for the parents' group: how many are waited for, and never who."""
    silent = [entry for entry in shown.entries if is_silent(entry.checkin)]
    closes_at = max((entry.round.closes_at for entry in silent), default=None)
    if closes_at is None or closes_at <= desk.now:
        desk.toast(tap, shown.contact, "toast.nobody_silent")
        return
    desk.toast(tap, shown.contact, "toast.silent")
    time = closes_at.astimezone(shown.school.zone).strftime("%H:%M")
    await desk.say(shown.contact, tap, "group.line", n=len(silent), time=time)
