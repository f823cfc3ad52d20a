"""What is owed, sent: claimed in the ledger before, marked after; then the mirrors.

One sender for each bot. No message is rendered or sent while a transaction is open.
"""

import asyncio
import os
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from time import monotonic
from typing import Any

import structlog

from bot import (
    render_calendar,
    render_class,
    render_flags,
    render_household,
    render_message,
    render_sending,
    render_summary,
)
from bot.loops import sleep_unless
from bot.meter import Meter
from bot.pacer import Pacer, Traffic
from bot.render_first_ask import first_ask
from bot.texts import Texts, texts
from checkin.facts import fact
from handlers.class_views import class_view
from handlers.clock import Clock
from handlers.desk import Toast
from handlers.first_asks import first_asks_of
from handlers.flag_views import flag_view
from handlers.messages import (
    Delivered,
    FetchFailedError,
    Migrated,
    NotSent,
    Rejected,
    Rendered,
    SendResult,
    TargetGone,
    TokenRefusedError,
    Transport,
    Unauthorized,
    Unclear,
    Unreachable,
    Wait,
)
from handlers.sending import rests, sending_view
from handlers.summary_views import DayPicture, corrected_view, day_picture, summary_view
from handlers.views import FreshCard, HouseholdView, household_view
from handlers.wards import Households, Ward, load_households
from storage import asking, cards, contacts, ledger, sending
from storage.cards import Behind
from storage.database import Database, Session, is_outage
from storage.editions import EditionReason, again, card_again
from storage.flags import CARD
from storage.ledger import Lane, Mark, Owed, State, ToDo
from storage.migrating import chat_moved
from storage.signoffs import sign_off_of
from storage.tables import Card, Contact

log = structlog.get_logger()

WINDOW = 8  # messages in flight for each bot: what a kill can double at most (design 3.2)
ROUND_TRIP = 0.25  # seconds that a message and its marks take, on the paid lane
SIDE_BY_SIDE = 64  # requests under way for each bot: as many connections as both libraries keep
RUN_ON = 0.25  # seconds that full windows follow each other before it is seen what else waits
LONGEST_RUN = 2.0  # seconds until all the rest has its turn in any case
DRAWN_TOGETHER = 2  # a picture takes a core for a tenth of a second, and 30 MB while it is drawn
WORTH_SAYING = 5.0  # seconds to wait that move the finish by as much as anybody would see
REPLY_WINDOWS = 3  # after so many the bulk has its turn: a quarter is its own
FEW = 4096  # cards that are kept as they were decided, until they are shown
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0  # seconds, while the database fails; doubled each time
AT_THE_END = 3.0  # seconds for what is still to be kept, or answered, when the sending ends
REFUSED = 60.0  # seconds until the service is asked again whether it takes the token
AHEAD = 5.0  # seconds that a message waits at most for those before it
_UNSETTLED = Wait | NotSent | Unclear | Unauthorized  # to be done again


def window_at(rate: float) -> int:
    """Return how many messages are in flight at so many a second (design 3.2).

    Eight will do for the 30 a second that are free; more on the paid lane, where eight would wait
    for their answers: a kill can then double as many.
    """
    return max(WINDOW, ceil(rate * ROUND_TRIP))


@fact
class Item:
    """A claimed message with what it takes to send it: None as message means nothing to say.

    `chat_since` is when its chat was opened or closed, as far as is known; `shows` is the card
    that it is and the revision it says; `about` the card it goes with and whose it is.
    """

    entry: Owed
    chat_id: int
    chat_since: datetime
    message: Rendered | None
    shows: tuple[int, int] | None = None
    reply_to: int | None = None
    fault: str | None = None
    picture: DayPicture | None = None
    about: tuple[Card, Contact] | None = None


@fact
class Window:
    """What the messages of one window are about, loaded together."""

    contacts: Mapping[int, Contact]
    cards: Mapping[int, Card]
    households: Households | None


@fact
class Sent:
    """A message and what became of it."""

    item: Item
    result: SendResult


class Sender:
    """Sends one bot's ledger and keeps its cards true."""

    def __init__(
        self,
        database: Database,
        transport: Transport,
        clock: Clock,
        pacer: Pacer,
        *,
        coalesce: bool = True,
        width: int = WINDOW,
        after_claim: Callable[[], Awaitable[None]] | None = None,
        may_send: Callable[[], bool] = lambda: True,
        ahead: float = AHEAD,
        refused: float = REFUSED,
        lease: float = ledger.LEASE_SECONDS,
        draw: Callable[[DayPicture, Texts], Rendered] = render_summary.picture,
    ) -> None:
        self._draw = draw
        self._database = database
        self._transport = transport
        self._clock = clock
        self._pacer = self.pacer = pacer
        self._coalesce = coalesce
        self._width = width
        self._after_claim = after_claim
        self._may_send = may_send
        self._ahead = ahead
        self._refused = refused
        self._lease = lease
        self._hello_at = 0.0  # by monotonic time
        self._unkept: Sequence[Sent] = ()
        self._gone: list[tuple[int, int]] = []
        self._claimed_until = 0.0  # by monotonic time, for what is not kept yet
        self._owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._wake, self._stopping = asyncio.Event(), asyncio.Event()
        self._toasts: set[asyncio.Task[object]] = set()
        self._fresh: dict[int, HouseholdView] = {}
        self._meter = Meter()
        self._told_to_wait = 0.0  # seconds
        self._reply_windows = 0  # full of nothing else, one after the other
        self._drawing = asyncio.Semaphore(DRAWN_TOGETHER)
        self.unauthorized = False
        self.results: Counter[str] = Counter()  # by kind, for the metrics

    def wake(self) -> None:
        """Say that there may be something new to send."""
        self._wake.set()

    def show(self, fresh: Sequence[FreshCard]) -> None:
        """Take cards as they are, so that they are not loaded again before they are edited."""
        if len(self._fresh) > FEW:
            self._fresh.clear()
        self._fresh.update((each.view.card_id, each.view) for each in fresh)
        self.wake()

    def answer(self, toasts: Sequence[Toast]) -> None:
        """Answer taps at once, beside everything else: a late answer is lost, the tap is kept."""
        for toast in toasts:
            text = render_message.toast(toast, texts(toast.language))
            answer = self._transport.answer(toast.callback_id, text, alert=toast.alert)
            self._beside(self._asked(answer))

    def _beside(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._toasts.add(task)
        task.add_done_callback(self._toasts.discard)

    async def toasts_sent(self) -> None:
        """Wait until every tap has had its answer."""
        while self._toasts:
            await asyncio.wait(self._toasts)

    async def run(self, stopping: asyncio.Event) -> None:
        """Send until stopped; a failing database pauses and resumes by itself."""
        self._stopping = stopping
        pause = FIRST_PAUSE
        while not stopping.is_set():
            try:
                done = await self.once()
            except Exception:
                log.exception("sending paused", bot=self._transport.bot_id)
                await sleep_unless(stopping, pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            if not done:
                self._wake.clear()
                try:
                    await asyncio.wait_for(self._wake.wait(), 0.5)
                except TimeoutError:
                    continue
        self._stopping = asyncio.Event()
        if self._unkept:
            await self._keep_at_the_end()
        if self._toasts:
            await asyncio.wait(self._toasts, timeout=AT_THE_END)

    async def _keep_at_the_end(self) -> None:
        try:
            async with asyncio.timeout(AT_THE_END):
                await self._keep()
        except Exception as error:
            reason = type(error).__name__
            log.warning("results not kept", bot=self._transport.bot_id, reason=reason)

    async def once(self) -> int:
        """Send one window of the ledger and one of the mirrors; return how much was done."""
        if self._unkept or self._gone:  # the database failed: before anything else is claimed
            await self._keep()
        if self.unauthorized and self._may_send():
            await self._say_hello()
        if not self._goes_on:
            return 0
        now = self._clock()
        to_do = await self._to_do(now)
        done = await self._send_owed(to_do, now) if to_do.owed else 0
        done += await self._mirror(now) if to_do.mirror else 0
        done += await self._withdraw() if to_do.withdraw else 0
        await self._report()
        return done

    async def _to_do(self, now: datetime) -> ToDo:
        bot_id = self._transport.bot_id
        async with self._database.reading() as session:
            return await ledger.to_do(session, bot_id, now, coalesce=self._coalesce)

    async def _something_else(self, now: datetime) -> bool:
        """Say whether anything but messages to be sent waits for its turn, or is to be told."""
        return self._told_to_wait > 0 or (await self._to_do(now)).anything_else

    async def _report(self) -> None:
        """Keep how fast the bulk goes and that Telegram said to wait: both move the finish."""
        bot_id, seconds, pace = self._transport.bot_id, self._told_to_wait, self._meter.pace()
        if pace is not None:
            write = partial(sending.keep_pace, bot_id=bot_id, measured=pace, now=self._clock())
            await self._database.write(partial(write, allowed=self._pacer.rate))
        if seconds >= WORTH_SAYING:
            await rests(self._database, self._clock, bot_id, seconds)
        self._told_to_wait = 0.0

    # ---- the ledger ------------------------------------------------------------------------

    async def _send_owed(self, to_do: ToDo, now: datetime) -> int:
        """Send window after window; one is kept and the next claimed in the same transaction."""

        async def take(session: Session) -> list[Owed]:
            if to_do.recover:
                await ledger.recover(session, self._transport.bot_id)
            if to_do.expire:
                await ledger.expire(session, self._transport.bot_id, now)
            return await self._claim(session, now)

        done, begun = 0, monotonic()
        until = begun + RUN_ON
        claimed = await self._database.note(take)
        while claimed:
            done += len(claimed)
            await self._send_window(claimed, now)
            now = self._clock()
            more = len(claimed) == self._width and self._goes_on and not self._gone
            if more and monotonic() > until:
                until += RUN_ON
                more = until < begun + LONGEST_RUN and not await self._something_else(now)
            claimed = await self._keep(then_claim=more)
        return done

    async def _send_window(self, claimed: Sequence[Owed], now: datetime) -> None:
        full = len(claimed) == self._width and all(e.lane == Lane.reply for e in claimed)
        self._reply_windows = self._reply_windows + 1 if full else 0
        if self._after_claim is not None:
            await self._after_claim()
        claimed_until = monotonic() + self._lease
        self._unkept = await self._in_order(await self._prepared(claimed, now))
        self._claimed_until = claimed_until

    @property
    def _goes_on(self) -> bool:
        return self._may_send() and not self.unauthorized and not self._stopping.is_set()

    async def _claim(self, session: Session, now: datetime) -> list[Owed]:
        """Take a window: replies first, but after three of nothing else it is the bulk's turn."""
        claim = partial(
            ledger.claim, session, self._transport.bot_id, self._owner, now, self._width
        )
        bulk = self._pacer.resting == 0
        if bulk and self._reply_windows >= REPLY_WINDOWS and (found := await claim(replies=False)):
            return found
        return await claim(bulk=bulk)

    async def _prepared(self, claimed: Sequence[Owed], now: datetime) -> list[Item]:
        """Put a window's messages into words; one that cannot be does not stop the others."""
        async with self._database.reading() as session:
            plain = await _first_asks(session, claimed, now)
            rest = [entry for entry in claimed if entry.id not in plain]
            window = await _window(session, rest, now)
            return [
                plain.get(entry.id) or await self._prepared_alone(session, entry, now, window)
                for entry in claimed
            ]

    async def _prepared_alone(
        self, session: Session, entry: Owed, now: datetime, window: Window
    ) -> Item:
        try:
            return await self._prepare(session, entry, now, window)
        except Exception as error:
            if is_outage(error):
                raise
            log.exception("message cannot be put into words", entry=entry.id)
            contact = window.contacts[entry.contact_id]
            fault = type(error).__name__
            return Item(entry, contact.chat_id, contact.changed_at, None, fault=fault)

    async def _prepare(self, session: Session, entry: Owed, now: datetime, window: Window) -> Item:
        contact = window.contacts[entry.contact_id]
        chat = contact.chat_id, contact.changed_at
        words = texts(contact.language)
        card = window.cards.get(entry.card_id) if entry.card_id else None
        about = (card, contact) if card else None
        message: Rendered | None = None
        reply_to: int | None = None
        if contact.state != "active":
            return Item(entry, *chat, None)
        if entry.kind == "text":
            payload = ledger.payload_of(entry)
            message = render_message.message(payload["key"], payload["params"], words)
        elif entry.kind == "card" and card is not None and _is_void(entry, card, window):
            message = None  # no school after all, nobody to answer for, or nobody waited for
        elif entry.kind == "card" and card is not None:
            message = await _render_card(session, card, contact, words, now, window.households)
        elif entry.kind == "unsigned" and card is not None:
            told = await summary_view(session, card, contact, now)
            message, reply_to = render_summary.unsigned(told, words), card.message_id
        elif entry.kind == "reminder" and card is not None:
            view = await household_view(session, card, contact, now, window.households)
            once_more = entry.edition_reason == EditionReason.outage
            message = render_household.reminder(view, words, after_outage=once_more)
            reply_to = card.message_id
        elif entry.kind in {"no_school", "school_again"} and card is not None:
            view = await household_view(session, card, contact, now, window.households)
            news = {
                "no_school": render_calendar.no_school,
                "school_again": render_calendar.school_again,
            }[entry.kind]
            message, reply_to = news(view, words), card.message_id
        elif entry.kind == "corrected" and card is not None:
            ids = ledger.payload_of(entry)["corrections"]
            corrected = await corrected_view(session, card, contact, now, ids)
            message = render_summary.corrected(corrected, words) if corrected else None
            reply_to = card.message_id
        elif entry.kind == "picture" and card is not None:
            picture = await day_picture(session, card, contact, now)
            return Item(entry, *chat, None, picture=picture, about=about)
        shows = (card.id, card.revision) if card and entry.kind == "card" else None
        return Item(entry, *chat, message, shows, reply_to, about=about)

    async def _in_order(self, items: Sequence[Item]) -> list[Sent]:
        """Send side by side, but what goes to one chat in its order.

        Nobody waits long for the messages before theirs, but goes back to be claimed again: a
        lease must not end under a send, however slowly the service answers.
        """
        latest = monotonic() + self._ahead
        chats: dict[int, list[Item]] = {}
        for item in items:
            chats.setdefault(item.chat_id, []).append(item)
        waiting = iter(chats.values())
        done: list[Sent] = []

        async def work() -> None:
            first = True
            for one_chat in waiting:
                for item in one_chat:
                    late = not first and monotonic() > latest
                    done.append(Sent(item, Wait(0)) if late else await self._send(item))
                    first = False

        await asyncio.gather(*(work() for _ in range(min(len(chats), SIDE_BY_SIDE))))
        return done

    async def _drawn(self, item: Item) -> Item:
        """Draw a picture in a thread, outside any transaction; without one nothing is sent."""
        if item.picture is None or item.about is None:
            return item
        try:
            words = texts(item.about[1].language)
            return replace(item, message=await asyncio.to_thread(self._draw, item.picture, words))
        except Exception:
            log.exception("picture not drawn", entry=item.entry.id)
            return item

    async def _send(self, item: Item) -> Sent:
        if item.picture is not None:
            async with self._drawing:
                item = await self._drawn(item)
        if item.fault is not None:
            return Sent(item, Rejected(item.fault))
        if item.message is None:
            return Sent(item, TargetGone())
        bulk = item.entry.lane == Lane.bulk
        traffic = Traffic.bulk if bulk else Traffic.reply
        if wait := await self._pacer.turn(traffic, item.chat_id):
            return Sent(item, Wait(wait))
        if not self._may_send():  # the process slept, and another sends for this bot by now
            return Sent(item, Wait(0))
        paid = bulk and self._pacer.paid
        result = await self._asked(
            self._transport.send(item.chat_id, item.message, reply_to=item.reply_to, paid=paid)
        )
        self.results[type(result).__name__] += 1
        if bulk and isinstance(result, Delivered):
            self._meter.sent()
        return Sent(item, result)

    async def _asked(self, request: Awaitable[SendResult]) -> SendResult:
        """Make a request of any kind, and heed what concerns more than its own message.

        A transport that breaks off has maybe sent; it must not take others down with it.
        """
        try:
            result = await request
        except Exception as error:
            log.exception("request broke off", bot=self._transport.bot_id)
            return Unclear(type(error).__name__)
        if isinstance(result, Wait):
            self._pacer.rest(result.seconds)
            self._told_to_wait = max(self._told_to_wait, result.seconds)
        elif isinstance(result, Unauthorized):
            self._stop_sending()
        return result

    async def _keep(self, *, then_claim: bool = False) -> list[Owed]:
        """Keep what became of a window, where it is still ours; take out of chats what is not.

        What the database does not take now is kept later: what was sent must not be sent again.
        Return what is claimed, in the same transaction if it may be: it decides less strictly.
        """
        results, now = self._unkept, self._clock()

        async def keep(session: Session) -> list[tuple[int, int]]:
            known = [await _unless_opened(session, sent) for sent in results]
            marks = [_mark(sent, now) for sent in known]
            ours = await ledger.mark(session, self._owner, marks)
            held = [sent for sent in known if sent.item.entry.id in ours]
            gone = await _copies(session, [s for s in known if s.item.entry.id not in ours])
            await _keep_messages(session, held, now)
            for sent in held:
                await _keep_one(session, sent, now)
            await _withdraw_answered(session, held, now)
            return gone

        async def keep_and_claim(session: Session) -> tuple[list[tuple[int, int]], list[Owed]]:
            gone = await keep(session) if results else []
            return gone, await self._claim(session, now) if then_claim else []

        claimed: list[Owed] = []
        try:
            if not all(map(_is_plain, results)):
                self._gone += await self._database.write(keep)
                self._unkept = results = ()
            if results or then_claim:
                gone, claimed = await self._database.note(keep_and_claim)
                self._unkept = ()
                self._gone += gone
        except Exception as error:
            if not is_outage(error) and monotonic() > self._claimed_until:
                self._unkept = ()  # it will never be taken, and nobody else is to wait for it
            raise
        if not claimed:
            await self._take_out()
        return claimed

    async def _take_out(self) -> None:
        """Take out of chats what has another message in its place."""
        gone, self._gone = self._gone, []
        await asyncio.gather(*(self._asked(self._transport.delete(*each)) for each in gone))

    def _stop_sending(self) -> None:
        self.unauthorized = True
        self._hello_at = monotonic() + self._refused
        log.error("token refused, sending stopped", bot=self._transport.bot_id)

    async def _say_hello(self) -> None:
        """Ask now and then whether the token is taken after all: a proxy may have said so."""
        if monotonic() < self._hello_at:
            return
        self._hello_at = monotonic() + self._refused
        try:
            await self._transport.open()
        except (TokenRefusedError, FetchFailedError) as error:
            log.error("token still refused", bot=self._transport.bot_id, reason=str(error))
            return
        self.unauthorized = False
        log.info("token taken, sending goes on", bot=self._transport.bot_id)

    # ---- mirrors ---------------------------------------------------------------------------

    async def _mirror(self, now: datetime) -> int:
        """Edit cards until they show what is kept; a kill in between leaves none behind."""
        async with self._database.reading() as session:
            stale = await cards.stale_cards(
                session, self._transport.bot_id, now, self._width, coalesce=self._coalesce
            )
            edits = []
            shown: list[tuple[int, int]] = []
            fresh = self._fresh_of(stale)
            unknown = [card for card in stale if card.id not in fresh]
            loaded = await cards.cards_by_id(session, (card.id for card in unknown))
            readers = await contacts.contacts_by_id(session, (c.contact_id for c in unknown))
            households = await _households(session, list(loaded.values()), readers, now)
            for card in stale:
                words = texts(card.language)
                view = fresh.get(card.id)
                try:
                    if view is not None:
                        message = render_household.household(view, words)
                    else:
                        reader = readers[card.contact_id]
                        message = await _render_card(
                            session, loaded[card.id], reader, words, now, households
                        )
                except Exception as error:
                    if is_outage(error):
                        raise
                    log.exception("card cannot be put into words", card=card.id)
                    shown.append((card.id, card.revision))
                    continue
                edits.append((card, message))
        if not stale:
            return 0
        results = await asyncio.gather(*(self._edit(card, message) for card, message in edits))
        if not self._may_send():
            return await self._doubt(edits, results)
        shown += [
            (card.id, card.revision)
            for (card, _), result in zip(edits, results, strict=True)
            if isinstance(result, Delivered | Rejected)
        ]
        answered = [card for card in unknown if _all_answered(card, households)]

        async def keep(session: Session) -> None:
            await cards.mark_shown(session, shown, now)
            if answered:  # somebody else of the family may have done it
                await ledger.withdraw_reminders(session, (card.id for card in answered))
            for (card, _), result in zip(edits, results, strict=True):
                if isinstance(result, TargetGone):
                    if await cards.forget_message(session, card.id, card.message_id):
                        await card_again(session, card.id, EditionReason.lost_card, now)
                elif isinstance(result, Migrated):
                    await chat_moved(session, card.contact_id, result.new_chat_id)
                    await card_again(session, card.id, EditionReason.migrated, now)
                elif isinstance(result, Rejected):
                    log.error("edit rejected", card=card.id, reason=result.reason)
                elif isinstance(result, Unreachable):
                    await _keep_not_shown(session, card, now)

        plain = all(isinstance(result, Delivered | Rejected | _UNSETTLED) for result in results)
        await (self._database.note(keep) if plain else self._database.write(keep))
        settled = sum(not isinstance(result, _UNSETTLED) for result in results)
        if edits and not settled:
            await self._pacer.sleep(0.2)
        return settled

    async def _doubt(
        self,
        edits: Sequence[tuple[Behind, Rendered]],
        results: Sequence[SendResult],
    ) -> int:
        """Leave cards behind that were edited while another process took over the bot.

        Nobody knows whose edit came last: the chat may show the older words.
        """
        doubtful = [
            (card.id, card.revision)
            for (card, _), result in zip(edits, results, strict=True)
            if isinstance(result, Delivered | Unclear)
        ]
        await self._database.note(partial(cards.doubt, shown=doubtful))
        return 0

    def _fresh_of(self, stale: Sequence[Behind]) -> dict[int, HouseholdView]:
        """Return what is known of these cards at exactly the revision that is to be shown."""
        known = {card.id: self._fresh.pop(card.id, None) for card in stale}
        return {
            card.id: view
            for card in stale
            if (view := known[card.id]) is not None and view.revision == card.revision
        }

    async def _edit(self, card: Behind, message: Rendered) -> SendResult:
        if wait := await self._pacer.turn(Traffic.edit, card.chat_id):
            return Wait(wait)
        if not self._may_send():  # the process slept, and newer words may stand there by now
            return Wait(0)
        edit = self._transport.edit(card.chat_id, card.message_id, message)
        result = await self._asked(edit)
        self.results[type(result).__name__] += 1
        if isinstance(result, Wait):
            await self._pacer.sleep(min(result.seconds, 1.0))
        return result

    async def _withdraw(self) -> int:
        """Take out of chats what was answered, and where cards stood that stand elsewhere now."""
        async with self._database.reading() as session:
            gone = await ledger.to_withdraw(session, self._transport.bot_id, self._width)
        if not gone:
            return 0
        results = await asyncio.gather(
            *(self._take_away(contact, entry.message_id or 0) for entry, contact in gone)
        )
        marks: list[int] = []
        closed: list[Contact] = []
        for (entry, contact), result in zip(gone, results, strict=True):
            if isinstance(result, Unreachable):
                closed.append(contact)  # it goes when the chat is open again
            elif not isinstance(result, _UNSETTLED):
                marks.append(entry.id)

        async def keep(session: Session) -> None:
            await ledger.mark_withdrawn(session, marks)
            for contact in closed:
                if not await _opened_since(session, contact.id, contact.changed_at):
                    await _keep_unreachable(session, contact.id, self._clock())

        await (self._database.write(keep) if closed else self._database.note(keep))
        return len(marks) + len(closed)

    async def _take_away(self, contact: Contact, message_id: int) -> SendResult:
        """Take a message out of a chat; one that is too old for that says that it is over."""
        if wait := await self._pacer.turn(Traffic.edit):
            return Wait(wait)
        if not self._may_send():
            return Wait(0)
        result = await self._asked(self._transport.delete(contact.chat_id, message_id))
        if isinstance(result, Rejected):
            over = Rendered(texts(contact.language)("card.over"))
            edit = self._transport.edit(contact.chat_id, message_id, over)
            return await self._asked(edit)
        return result


async def _keep_one(session: Session, sent: Sent, now: datetime) -> None:
    item, result = sent.item, sent.result
    if isinstance(result, Unreachable):
        await _keep_unreachable(session, item.entry.contact_id, now)
    elif isinstance(result, Rejected):
        log.error("message rejected", entry=item.entry.id, reason=result.reason)
    elif isinstance(result, Migrated):
        await chat_moved(session, item.entry.contact_id, result.new_chat_id)
        await again(session, item.entry.id, EditionReason.migrated, now)
    elif isinstance(result, Delivered) and item.entry.kind == "unsigned" and item.about:
        about, _ = item.about
        if await sign_off_of(session, about.about_id, about.day, about.slot):
            # Signed while the reminder was on its way.
            await ledger.withdraw_chasers(session, about.about_id, about.day, about.slot)


async def _copies(session: Session, lost: Sequence[Sent]) -> list[tuple[int, int]]:
    """Return messages that came beside those of another sender, who took their rows over."""
    sent = {
        each.item.entry.id: (each.item.chat_id, each.result.message_id)
        for each in lost
        if isinstance(each.result, Delivered)
    }
    if not sent:
        return []
    messages = {id_: message_id for id_, (_, message_id) in sent.items()}
    return [sent[id_] for id_ in await ledger.not_known(session, messages)]


async def _opened_since(session: Session, contact_id: int, then: datetime) -> bool:
    """Say whether a chat was opened again since then: a refusal from before is no news."""
    contact = await session.get_one(Contact, contact_id)
    return contact.state == "active" and contact.changed_at != then


async def _unless_opened(session: Session, sent: Sent) -> Sent:
    """Have a message sent once more that was refused by a chat which is open again by now."""
    item = sent.item
    if isinstance(sent.result, Unreachable) and await _opened_since(
        session, item.entry.contact_id, item.chat_since
    ):
        return replace(sent, result=NotSent("opened again"))
    return sent


async def _keep_not_shown(session: Session, card: Behind, now: datetime) -> None:
    """Keep that a card cannot be shown; where the chat is open again it stays behind instead."""
    if not await _opened_since(session, card.contact_id, card.chat_since):
        await cards.mark_shown(session, [(card.id, card.revision)], None)
        await _keep_unreachable(session, card.contact_id, now)


async def _keep_unreachable(session: Session, contact_id: int, now: datetime) -> None:
    """Keep that a chat is closed to us; somebody else is asked about those who are waiting."""
    contact = await session.get_one(Contact, contact_id)
    if contact.state == "active":
        contact.state, contact.changed_at = "blocked", now
        log.info("contact unreachable", contact=contact_id)
        await asking.ask_instead(session, contact, now)


async def _keep_messages(session: Session, results: Sequence[Sent], now: datetime) -> None:
    """Keep as which messages cards were sent; those whose place they take leave the chats."""
    stand: dict[int, tuple[int, int]] = {}
    replaced: list[tuple[int, int]] = []
    for item, result in ((sent.item, sent.result) for sent in results):
        if item.shows is None or not isinstance(result, Delivered):
            continue
        card_id, revision = item.shows
        if card_id in stand:  # asked for twice within one window
            replaced.append((card_id, stand[card_id][0]))
        stand[card_id] = (result.message_id, revision)
    before = await cards.keep_messages(session, stand, now)
    await ledger.take_away(session, [*replaced, *before.items()])


async def _first_asks(session: Session, claimed: Sequence[Owed], now: datetime) -> dict[int, Item]:
    """Return the messages of the morning's bulk in words, by entry; the others are not in it."""
    asks = {e.card_id: e for e in claimed if e.kind == "card" and e.card_id is not None}
    try:
        found = await first_asks_of(session, asks.keys(), now)
    except Exception as error:
        if is_outage(error):
            raise
        return {}  # one of them spoils it: each is looked at by itself
    items: dict[int, Item] = {}
    for card_id, ask in found.items():
        message = first_ask(ask.view, texts(ask.language))
        shows = (card_id, ask.view.revision)
        entry = asks[card_id]
        items[entry.id] = Item(entry, ask.chat_id, ask.chat_since, message, shows)
    return items


async def _window(session: Session, claimed: Sequence[Owed], now: datetime) -> Window:
    """Load what the claimed messages are about, all of them together."""
    chats = await contacts.contacts_by_id(session, (entry.contact_id for entry in claimed))
    about = (entry.card_id for entry in claimed if entry.card_id is not None)
    shown = await cards.cards_by_id(session, about)
    return Window(chats, shown, await _households(session, list(shown.values()), chats, now))


async def _households(
    session: Session, shown: Sequence[Card], chats: Mapping[int, Contact], now: datetime
) -> Households | None:
    """Load household cards together; None when one of them spoils it: then each loads its own."""
    wanted = [(card, chats[card.contact_id]) for card in shown if card.kind == "household"]
    if not wanted:
        return None
    try:
        return await load_households(session, wanted, now)
    except Exception as error:
        if is_outage(error):
            raise
        return None


async def _withdraw_answered(session: Session, results: Sequence[Sent], now: datetime) -> None:
    """Ask for reminders to be taken back of cards on which nobody is waited for by now.

    They may have been answered while the reminder was on its way; or what another has said came
    with a card anew, and not with an edit.
    """
    reminded = [
        sent.item.about
        for sent in results
        if isinstance(sent.result, Delivered)
        and sent.item.about is not None
        and (sent.item.entry.kind == "reminder" or _came_anew(sent.item))
    ]
    if not reminded:
        return
    loaded = await load_households(session, reminded, now)
    answered = [card.id for card, _ in reminded if not _anybody_awaited(loaded.wards[card.id])]
    if answered:
        await ledger.withdraw_reminders(session, answered)


def _came_anew(item: Item) -> bool:
    """Say whether a message is a household's card that stood in another message before."""
    card = item.about[0] if item.about else None
    return (
        item.entry.kind == "card"
        and card is not None
        and card.kind == "household"
        and (card.message_id is not None or item.entry.edition > 0)
    )


def _all_answered(card: Behind, households: Households | None) -> bool:
    """Say whether nobody on a household's card is waited for in time any more.

    There may be nobody on it at all: its reader has stopped, or the tie has ended.
    """
    wards = households.wards.get(card.id) if households else None
    return wards is not None and not _anybody_awaited(wards)


def _anybody_awaited(wards: Sequence[Ward]) -> bool:
    return any(ward.awaited for ward in wards if ward.right.may_answer)


def _is_void(entry: Owed, card: Card, window: Window) -> bool:
    """Say whether an ask has lost everybody whom it was about before anybody saw it.

    Where its card stands in the chat by now, it is enough that nobody on it is waited for.
    """
    about = window.households
    if card.kind != "household" or about is None or not entry.cause.startswith("ask:"):
        return False
    wards = about.wards.get(card.id, ())
    if card.message_id is not None:
        return entry.edition == 0 and not _anybody_awaited(wards)
    return not wards and (entry.edition == 0 or not about.stopped.get(card.id))


async def _render_card(
    session: Session,
    card: Card,
    contact: Contact,
    words: Texts,
    now: datetime,
    households: Households | None = None,
) -> Rendered:
    if card.kind == "class":
        view = await class_view(session, card, contact, now)
        return render_class.class_card(view, words)
    if card.kind == "summary":
        day = await summary_view(session, card, contact, now)
        return render_summary.summary(day, words)
    if card.kind == sending.CARD:
        return render_sending.progress(sending_view(card), words)
    if card.kind == CARD:
        return render_flags.flag(await flag_view(session, card, contact, now), words)
    return render_household.household(
        await household_view(session, card, contact, now, households), words
    )


def _is_plain(sent: Sent) -> bool:
    """Say whether a result is kept without a look at anything but its own rows."""
    if isinstance(sent.result, Delivered):
        return sent.item.entry.kind not in {"reminder", "unsigned"}
    return isinstance(sent.result, _UNSETTLED | Rejected | TargetGone)


def _mark(sent: Sent, now: datetime) -> Mark:
    """Say what a result means for the ledger (design 3.2, fault matrix)."""
    entry, result = sent.item.entry, sent.result
    match result:
        case Delivered(message_id):
            return Mark(entry.id, State.sent, message_id, sent_at=now)
        case Wait(seconds):
            return Mark(
                entry.id,
                State.pending,
                error="too fast",
                not_before=now + timedelta(seconds=seconds),
            )
        case NotSent(reason):
            return Mark(
                entry.id,
                State.pending,
                error=reason,
                not_before=now + timedelta(seconds=min(2 ** (entry.attempts - 1), 60)),
            )
        case Unclear(reason):
            return Mark(entry.id, State.unknown, error=reason)
        case Unauthorized():
            return Mark(entry.id, State.pending, error="token refused")
        case Migrated():
            return Mark(entry.id, State.failed, error="migrated")
        case Unreachable(reason) | Rejected(reason):
            return Mark(entry.id, State.failed, error=reason)
        case TargetGone():
            return Mark(entry.id, State.moot)
