"""A batch of updates in: one session, one transaction, and nobody waits behind a bad one."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

import structlog

from checkin.facts import fact
from handlers.clock import Clock
from handlers.desk import Desk, Toast
from handlers.messages import Event, RawUpdate, Tap
from handlers.plain_answers import PlainAnswer, answer_plainly, says_all_clear
from handlers.presses import Press, PressError
from handlers.views import FreshCard, fresh_card
from handlers.wards import load_households
from storage import cards, contacts, inbox
from storage.database import Database, Session, is_outage
from storage.tables import Contact

log = structlog.get_logger()

WORTH_A_COMMIT = 4  # plain taps on end: fewer are handled with what stands beside them

Route = Callable[[Desk, Event], Awaitable[None]]


@fact
class Arrival:
    """An update as it came: its event, or why it could not be read.

    `hushed` is a tap too many in a short time: it is not heard, but its button stops waiting.
    """

    bot_id: int
    update_id: int
    raw: RawUpdate
    event: Event | None = None
    unreadable: str | None = None
    hushed: str | None = None


@dataclass(slots=True)
class Handled:
    """What a batch led to, told after the commit."""

    events: int = 0
    answers: int = 0
    set_aside: int = 0
    toasts: list[Toast] = field(default_factory=list)
    fresh: list[FreshCard] = field(default_factory=list)
    menus: set[int] = field(default_factory=set)
    jobs: bool = False

    def add(self, other: "Handled") -> None:
        """Take in what another batch led to."""
        self.events += other.events
        self.answers += other.answers
        self.set_aside += other.set_aside
        self.toasts += other.toasts
        self.fresh += other.fresh
        self.menus |= other.menus
        self.jobs |= other.jobs


class Inbox:
    """Handles batches of updates, each update once.

    So many taps on end that may be plain, `plain_from`, are looked at together.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        route: Route,
        *,
        plain_from: int = WORTH_A_COMMIT,
    ) -> None:
        self._plain_from = plain_from
        self._database = database
        self._clock = clock
        self._route = route

    async def handle(self, arrivals: Sequence[Arrival]) -> Handled:
        """Handle a batch in one transaction; when that fails, each update by itself.

        When this returns, everything is committed and the updates may be confirmed.

        Raises:
            Exception: the database cannot be written at all; nothing is confirmed then.
        """
        handled = Handled()
        waiting: list[Arrival] = []
        for plain, run in _runs(arrivals, self._plain_from):
            if plain:
                # What came before is kept before: the order of what was said is theirs.
                await self._all_of(waiting, handled)
                waiting = await self._plainly(run, handled)
            else:
                waiting += run
        await self._all_of(waiting, handled)
        return handled

    async def _plainly(self, run: list[Arrival], handled: Handled) -> list[Arrival]:
        """Keep the plain all-clears of a run in one transaction; return the others."""
        bot_id, taps = run[0].bot_id, [a.event for a in run if isinstance(a.event, Tap)]

        async def keep(session: Session) -> dict[int, PlainAnswer]:
            now = self._clock()
            fresh = await inbox.unseen(session, bot_id, (tap.update_id for tap in taps))
            new = [tap for tap in taps if tap.update_id in fresh]
            done = await answer_plainly(session, new, now)
            await inbox.keep_received(session, bot_id, done)
            last = {answer.contact_id: update_id for update_id, answer in done.items()}
            await contacts.keep_last_updates(session, last, now)
            return done

        try:
            done = await self._database.write(keep)
        except Exception:
            # They are handled as any others, and if need be each by itself.
            log.warning("plain answers failed", updates=len(run), exc_info=True)
            return run
        for answer in done.values():
            handled.events += 1
            handled.answers += answer.answers
            handled.toasts.append(answer.toast)
            handled.fresh.append(answer.fresh)
        return [arrival for arrival in run if arrival.update_id not in done]

    async def _all_of(self, arrivals: Sequence[Arrival], handled: Handled) -> None:
        if not arrivals:
            return
        try:
            handled.add(await self._together(arrivals))
        except Exception:
            if len(arrivals) > 1:
                log.warning(
                    "batch failed, each update alone", updates=len(arrivals), exc_info=True
                )
        else:
            return
        for arrival in arrivals:
            handled.add(await self._alone(arrival))

    async def _together(self, arrivals: Sequence[Arrival]) -> Handled:
        async def handle(session: Session) -> Handled:
            handled = Handled()
            desk = Desk(session, self._clock())
            fresh = await inbox.unseen(
                session, arrivals[0].bot_id, (arrival.update_id for arrival in arrivals)
            )
            new = [arrival for arrival in arrivals if arrival.update_id in fresh]
            desk.contacts = await contacts.load_contacts(
                session, [(a.bot_id, a.event.chat_id) for a in new if a.event]
            )
            await _load_ahead(desk, [a.event for a in new if a.event])
            for arrival in new:
                if arrival.unreadable is not None:
                    handled.set_aside += 1
                    await inbox.set_aside(
                        session,
                        arrival.bot_id,
                        arrival.update_id,
                        arrival.raw,
                        arrival.unreadable,
                        desk.now,
                    )
                elif arrival.event is not None:
                    await self._route(desk, arrival.event)
                    handled.events += 1
                elif arrival.hushed is not None:
                    desk.toasts.append(
                        Toast(arrival.bot_id, arrival.hushed, "toast.silent", {}, None)
                    )
            await inbox.keep_received(
                session, arrivals[0].bot_id, (arrival.update_id for arrival in new)
            )
            await contacts.keep_last_updates(session, _last_of_each(desk, new), desk.now)
            await desk.finish()
            handled.answers = desk.answers
            handled.fresh = await _fresh(desk)
            handled.toasts, handled.menus, handled.jobs = desk.toasts, desk.menus, desk.jobs
            return handled

        return await self._database.write(handle)

    async def replay(self, set_aside_id: int, arrival: Arrival) -> str | None:
        """Handle an update of the quarantine once more; return why it stays there, or None.

        What came of it and its leaving the quarantine are one transaction. Nobody waits for the
        answer to a tap of back then, so there is none.

        Raises:
            Exception: the database is in trouble; everything stays as it was.
        """
        reason = arrival.unreadable

        async def again(session: Session) -> None:
            if not await inbox.release(session, [set_aside_id]):
                return  # somebody else was quicker
            desk = Desk(session, self._clock())
            if (event := arrival.event) is not None:
                chats = [(event.bot_id, event.chat_id)]
                desk.contacts = await contacts.load_contacts(session, chats)
                await self._route(desk, event)
            await desk.finish()
            desk.record("update replayed", None, None, update=arrival.update_id)

        if reason is None:
            try:
                await self._database.write(again)
            except Exception as error:
                if is_outage(error):
                    raise
                log.exception("update set aside", update=arrival.update_id, reason="again")
                reason = f"{type(error).__name__} while handling"
            else:
                return None
        why = reason
        await self._database.write(lambda session: inbox.keep_reason(session, set_aside_id, why))
        return reason

    async def _alone(self, arrival: Arrival) -> Handled:
        try:
            return await self._together([arrival])
        except Exception as error:
            if is_outage(error):
                raise  # the update is as good as ever: it comes again
            # The name of the error only: its text may hold what someone wrote.
            reason = f"{type(error).__name__} while handling"
            log.exception("update set aside", update=arrival.update_id, reason=reason)
            await self._database.write(partial(self._set_aside, arrival, reason))
            return Handled(set_aside=1)

    async def _set_aside(self, arrival: Arrival, reason: str, session: Session) -> None:
        now = self._clock()
        await inbox.set_aside(session, arrival.bot_id, arrival.update_id, arrival.raw, reason, now)
        await inbox.keep_received(session, arrival.bot_id, [arrival.update_id])


def _runs(arrivals: Sequence[Arrival], plain_from: int) -> Iterator[tuple[bool, list[Arrival]]]:
    """Cut a batch into runs, in order: taps that may be plain, and whatever else there is."""
    for plain, run in groupby(_first_of_each(arrivals), key=_may_be_plain):
        arrived = list(run)
        yield plain and len(arrived) >= plain_from, arrived


def _may_be_plain(arrival: Arrival) -> bool:
    return isinstance(arrival.event, Tap) and says_all_clear(arrival.event)


def _first_of_each(arrivals: Sequence[Arrival]) -> list[Arrival]:
    return list({arrival.update_id: arrival for arrival in reversed(arrivals)}.values())[::-1]


def _last_of_each(desk: Desk, arrivals: Sequence[Arrival]) -> dict[int, int]:
    """Return the last update of each contact in a batch; one that was overtaken is none."""
    events = (arrival.event for arrival in arrivals if arrival.event)
    return {
        contact.id: event.update_id
        for event in events
        if (contact := desk.contacts.get((event.bot_id, event.chat_id))) is not None
        and not desk.overtaken(event, contact)
    }


async def _load_ahead(desk: Desk, events: Sequence[Event]) -> None:
    """Load what the taps of a batch are about, in as many queries as for one tap.

    It decides nothing: a card that is not the chat's own is left out here, and refused later.
    """
    rows: dict[int, Contact] = {}
    for event in events:
        contact = desk.contacts.get((event.bot_id, event.chat_id))
        if isinstance(event, Tap) and contact is not None:
            with suppress(PressError):
                rows[Press.unpack(event.data).row] = contact
    if len(rows) < 2:
        return
    desk.cards = await cards.cards_by_id(desk.session, rows)
    own = [
        (card, rows[card.id])
        for card in desk.cards.values()
        if card.kind == "household" and card.contact_id == rows[card.id].id
    ]
    desk.households = await load_households(desk.session, own, desk.now)


async def _fresh(desk: Desk) -> list[FreshCard]:
    """Return the tapped cards as they stand now, as far as they are loaded."""
    if desk.households is None:
        return []
    readers = {contact.id: contact for contact in desk.contacts.values()}
    found = []
    for card_id in desk.own_cards & desk.households.wards.keys():
        card = desk.cards[card_id]
        reader = readers[card.contact_id]
        try:
            fresh = await fresh_card(desk.session, card, reader, desk.now, desk.households)
        except Exception as error:
            if is_outage(error):
                raise
            continue  # the sender looks at it by itself, and says what is wrong with it
        if fresh is not None:
            found.append(fresh)
    return found
