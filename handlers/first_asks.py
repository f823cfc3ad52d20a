"""The morning's bulk as it is shown: what `handlers.views` would show, loaded for many at once."""

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from checkin.facts import fact
from checkin.times import local_date
from handlers.views import HouseholdView, Line
from storage import first_asks, people
from storage.database import Session
from storage.first_asks import Awaited, UnseenCard
from storage.people import Right


@fact
class FirstAsk:
    """A card to be shown for the first time: where, open since when, in which language, what."""

    chat_id: int
    chat_since: datetime
    language: str | None
    view: HouseholdView


async def first_asks_of(
    session: Session, card_ids: Collection[int], now: datetime
) -> dict[int, FirstAsk]:
    """Return those of these cards that are plain, by card; the others need a closer look.

    Plain is a card that nobody has seen, about people of whom nothing was said or done, where
    everybody of the family may know what anybody says.
    """
    if not card_ids:
        return {}
    shown: dict[int, FirstAsk] = {}
    unseen = await first_asks.unseen_cards(session, card_ids)
    for day, slot in {(card.day, card.slot) for card in unseen}:
        here = [card for card in unseen if (card.day, card.slot) == (day, slot)]
        rights = await people.rights_of_each(session, (card.person_id for card in here), day)
        subjects = {right.subject_id for held in rights.values() for right in held}
        awaited = await first_asks.awaited(session, subjects, day, slot) if subjects else {}
        zones = {each.zone for own in awaited.values() for each in own}
        today = {zone: local_date(now, zone) for zone in zones}
        for card in here:
            lines = _lines(card, rights[card.person_id], awaited, today, now)
            if lines:
                is_today = card.day == today[lines[0].zone]
                view = HouseholdView(
                    card.id, card.revision, card.day, tuple(lines), is_today=is_today
                )
                shown[card.id] = FirstAsk(card.chat_id, card.chat_since, card.language, view)
    return shown


def _lines(
    card: UnseenCard,
    rights: list[Right],
    awaited: dict[int, list[Awaited]],
    today: dict[ZoneInfo, date],
    now: datetime,
) -> list[Line] | None:
    """Return a card's lines; None when one of them is not plain."""
    lines = []
    for right in rights:
        if right.split or right.apart:
            return None
        for each in awaited.get(right.subject_id, ()):
            if right.until is not None and right.until <= today[each.zone]:
                continue
            if not each.untouched:
                return None
            lines.append(
                Line(
                    check_in_id=each.check_in_id,
                    subject_id=each.subject_id,
                    name=each.name,
                    unit_name=each.unit_name,
                    status=each.status,
                    is_staff=each.is_staff,
                    oneself=each.subject_id == card.person_id,
                    clearable=right.may_answer,
                    read_only=not right.may_answer,
                    zone=each.zone,
                    evening=each.evening,
                    closes_at=each.closes_at,
                    closed=each.closed,
                    over=each.late_until <= now,
                )
            )
    return lines
