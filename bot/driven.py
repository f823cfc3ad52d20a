"""The real parts of one bot, driven in turn in a time that stands still until they wait."""

import asyncio
from datetime import timedelta

from bot.app import App
from bot.listener import FloodGuard, Poller
from bot.pacer import Pacer
from bot.sender import Sender
from handlers.inbox import Handled
from handlers.outages import heard
from sandbox.clock import ShiftedClock
from storage import cards, ledger, outages
from storage.ledger import State

WIDTH = 64  # messages in flight: nobody kills the simulation, so that more may come twice
REDRAWN_AFTER = 31  # seconds: class cards and summaries are redrawn every half minute
LONGEST_PAUSE = 30.0  # between two polls that fail
PATIENCE = 400  # times that something may have to be done again until it is settled

_UNSETTLED = (State.pending, State.sending, State.unknown)


class CutDownError(Exception):
    """The bot was ended in the middle of its work."""


class Driven:
    """A bot's listener, sender and clock; where they wait, time passes for everybody."""

    def __init__(self, app: App, clock: ShiftedClock, bot_id: int) -> None:
        self.clock = clock
        self._app = app
        self._bot_id = bot_id
        self._handled: list[Handled] = []
        self._cut = False
        self.start()

    def start(self) -> None:
        """Begin anew, as a process does; nothing is known but what is kept."""
        app, clock = self._app, self.clock
        transport = app.transports[0]
        pacer = Pacer(1e6, burst=1e9, clock=clock.timestamp, sleep=self.sleep)
        self._cut = False
        self._sender = Sender(
            app.database, transport, app.clock, pacer, width=WIDTH, after_claim=self._claimed
        )
        self._poller = Poller(
            transport,
            app.inbox,
            self._handled.append,
            guard=FloodGuard(clock.timestamp),
            heard=self._heard,
            clock=clock.timestamp,
        )
        self.pacer = pacer

    async def sleep(self, seconds: float) -> None:
        """Let time pass; whoever sleeps meanwhile sleeps through the same time."""
        until = self.clock.now() + timedelta(seconds=max(seconds, 0.001))
        await asyncio.sleep(0)
        if self.clock.now() < until:
            self.clock.jump_to(until)

    async def look_at_the_clock(self) -> None:
        """Do what is due."""
        for duty in self._app.scheduler.duties:
            await duty.does()

    async def hear(self) -> int:
        """Take in what was offered, in one poll; return how much.

        Raises:
            FetchFailedError: it cannot be had now.
        """
        polled = await self._poller.once(0)
        for handled in self._handled:
            self._sender.answer(handled.toasts)
            self._sender.show(handled.fresh)
            await self._sender.toasts_sent()
        self._handled.clear()
        return polled

    async def send(self) -> int:
        """Send what is owed and mend what is shown; return how much was done."""
        done = 0
        while sent := await self._sender.once():
            done += sent
        return done

    async def cut_down(self) -> None:
        """End between what is decided and what is sent, as a kill does."""
        self._cut = True
        try:
            await self._sender.once()
        except CutDownError:
            return

    async def _claimed(self) -> None:
        if self._cut:
            raise CutDownError

    async def is_settled(self) -> bool:
        """Say whether all that is owed was sent, and all that stands is shown."""
        async with self._app.database.reading() as session:
            owed = await ledger.counts(session, [self._bot_id])
            return not (
                any(owed.get(state.value) for state in _UNSETTLED)
                or await cards.stale_cards(session, self._bot_id, self.clock.now(), 1)
                or await ledger.to_withdraw(session, self._bot_id, 1)
            )

    async def note(self) -> None:
        """Keep that the bot is heard up to now: it notes so all night, which changes nothing."""
        async with self._app.database.writing() as session:
            await outages.heard(session, self._bot_id, self.clock.now())

    async def _heard(self) -> None:
        await heard(self._app.database, self._bot_id, self._app.clock)
