"""The composition root: a process that listens, sends, keeps time and shows its health.

It does all of it, or parts of it beside others; a bot's listener and its sender are leased.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

import structlog

from bot.garbage import few_collections
from bot.leases import Lease, new_owner
from bot.listener import Gatherer, Note, Poller
from bot.menus import Menus
from bot.pacer import Chats, Pacer
from bot.parts import EVERY_PART, Part
from bot.sender import Sender, window_at
from bot.settings import Settings, SettingsError
from bot.transports import BotTransport, make_transport
from bot.vitals import Vitals
from bot.webhook_watch import WebhookWatch
from handlers import imports, outages
from handlers.clock import Clock, real_clock
from handlers.health import DutyState
from handlers.inbox import Handled, Inbox
from handlers.messages import FetchFailedError, TokenRefusedError
from handlers.router import Router
from handlers.upkeep import Keep
from scheduler import Scheduler
from storage import contacts
from storage.database import Database, Session
from storage.sealing import Keyring, use_keyring
from storage.sql import moment
from web.server import Hook, WebServer

log = structlog.get_logger()

RETIRE_EVERY = 600  # seconds between two looks for bots whose token was taken out


class App:
    """Everything of one process, wired; `run` lasts until it is told to stop."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = real_clock,
        after_claim: Callable[[], Awaitable[None]] | None = None,
        safe: bool = True,
        watch_outages: bool = True,
        parts: frozenset[Part] = EVERY_PART,
    ) -> None:
        """Wire everything; `watch_outages=False` where the clock jumps, as in the demo."""
        if not settings.tokens:
            raise SettingsError(
                "ALLCLEAR_TOKENS is missing: put your bot's token from @BotFather there, in the "
                "environment or in a file named .env. To look around without one: make demo."
            )
        if settings.public_url and Part.listen in parts and Part.web not in parts:
            raise SettingsError(
                "ALLCLEAR_PUBLIC_URL is set, so updates come in over HTTP: a process that listens "
                "needs both roles, --roles listen,web (or leave the address out, and it polls)."
            )
        self.settings = settings
        self.parts = parts
        self.clock = clock
        self.keyring = Keyring.from_file(settings.key_file)
        use_keyring(self.keyring)
        self.database = Database(settings.database_url, safe=safe)
        self.transports: list[BotTransport] = [
            make_transport(settings, token) for token in settings.secret_tokens
        ]
        owner = new_owner()
        self.leases: dict[tuple[int, Part], Lease] = {
            (transport.bot_id, part): Lease(self.database, transport.bot_id, part, owner)
            for transport in self.transports
            for part in (Part.listen, Part.send)
            if part in parts
        }
        self.senders = {
            transport.bot_id: Sender(
                self.database,
                transport,
                clock,
                Pacer(settings.bulk_rate, paid=settings.pays_for_bulk, chats=Chats()),
                width=window_at(settings.bulk_rate),
                after_claim=after_claim,
                may_send=self._may_send(transport.bot_id),
            )
            for transport in self.transports
        }
        by_bot = {transport.bot_id: transport for transport in self.transports}
        self.menus = Menus(self.database, clock, by_bot)
        self._watch_outages = watch_outages
        self.scheduler = Scheduler(
            self.database,
            clock,
            after=self.wake,
            keep=Keep(settings.keep_messages_days, settings.keep_history_days),
        )
        self.inbox = Inbox(self.database, clock, Router(self._duties, join_url=settings.join_url))
        self.pollers = {
            each.bot_id: self._poller(each) for each in self.transports if not settings.public_url
        }
        self.watches = {
            each.bot_id: self._watch(each)
            for each in self.transports
            if settings.public_url and Part.listen in parts
        }
        self.vitals = Vitals(
            self.database,
            clock,
            tuple(self.senders),
            self.senders,
            self.pollers,
            self.scheduler if Part.clock in parts else None,
            self.leases,
            self.watches,
        )
        self.web: WebServer | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._stopping = asyncio.Event()
        self.ready = asyncio.Event()

    def stop(self) -> None:
        """Ask the process to end gracefully."""
        self._stopping.set()

    def wake(self) -> None:
        """Tell every sender that something may be owed."""
        for sender in self.senders.values():
            sender.wake()

    async def run(self) -> None:
        """Bring the tables up to date, then listen, send and keep time until stopped."""
        async with AsyncExitStack() as stack:
            stack.enter_context(few_collections())
            stack.push_async_callback(self.database.close)
            await self.database.migrate()
            for transport in self.transports:
                stack.push_async_callback(transport.close)
            if Part.web in self.parts:
                self.web = WebServer(
                    self.settings.web_host, self.settings.web_port, self.vitals, self._hooks()
                )
                await self.web.start()
                stack.push_async_callback(self.web.stop)
            if Part.clock in self.parts:
                self.scheduler.start()
                stack.push_async_callback(self.scheduler.stop)
            serving = [asyncio.create_task(self._serve(each)) for each in self.transports]
            for task in serving:
                task.add_done_callback(self._broke_off)
            if Part.listen in self.parts:
                self._in_background(self._work_on_rosters())
                self._in_background(self.menus.run(self._stopping))
                self._in_background(self._retire_others())
            await self._stopping.wait()
            if self.web is not None:  # first: whoever is being answered still has a sender
                await self.web.stop()
            await asyncio.gather(*serving, *self._background, return_exceptions=True)
            if self.settings.public_url:  # taps that came in while the senders were ending
                answered = (sender.toasts_sent() for sender in self.senders.values())
                await asyncio.wait({asyncio.gather(*answered)}, timeout=1)
        log.info("stopped")
        for task in serving:
            task.result()

    def _broke_off(self, task: asyncio.Task[None]) -> None:
        """End the process when a bot's work ends by itself: better begun anew than half alive."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("work broke off, the process ends", exc_info=error)
            self._stopping.set()

    async def _serve(self, transport: BotTransport) -> None:
        """Listen and send for one bot, once it is there; a dead one holds up no other."""
        if not await self._say_hello(transport):
            return
        log.info("ready", bot=transport.bot_id, web_port=self.web.port if self.web else None)
        self.vitals.connected.add(transport.bot_id)
        self.ready.set()
        if Part.listen in self.parts:
            self.menus.owe_everyone(transport.bot_id)
        work = {Part.listen: self._listen, Part.send: self._send}
        await asyncio.gather(
            *(
                self.leases[transport.bot_id, part].while_held(
                    self._stopping, partial(does, transport.bot_id)
                )
                for part, does in work.items()
                if part in self.parts
            )
        )

    async def _listen(self, bot_id: int, over: asyncio.Event) -> None:
        """Poll; what comes in over HTTP is taken by every process that is asked."""
        if bot_id in self.pollers:
            await self.pollers[bot_id].run(over)
        else:
            await self.watches[bot_id].run(over)

    async def _send(self, bot_id: int, over: asyncio.Event) -> None:
        await self.senders[bot_id].run(over)

    def _may_send(self, bot_id: int) -> Callable[[], bool]:
        def may_send() -> bool:
            lease = self.leases.get((bot_id, Part.send))
            return lease is not None and lease.held

        return may_send

    def _poller(self, transport: BotTransport) -> Poller:
        async def rival() -> None:
            await outages.rival(self.database, self.clock, transport.bot_id)
            self.wake()

        return Poller(
            transport,
            self.inbox,
            self._after(transport.bot_id),
            heard=self._heard(transport.bot_id),
            rival=rival,
        )

    def _watch(self, transport: BotTransport) -> WebhookWatch:
        bot_id = transport.bot_id

        async def moved() -> None:
            await outages.moved(self.database, self.clock, bot_id)
            self.wake()

        return WebhookWatch(
            transport,
            self._address(bot_id),
            self._secret(bot_id),
            came=partial(outages.came_since, self.database, bot_id),
            heard=self._heard(bot_id),
            moved=moved,
        )

    def _address(self, bot_id: int) -> str:
        """Return where Telegram shall deliver a bot's updates to."""
        return f"{self.settings.public_url}/telegram/{bot_id}"

    def _heard(self, bot_id: int) -> Note:
        async def heard() -> None:
            if self._watch_outages and await outages.heard(self.database, bot_id):
                self.wake()

        return heard

    async def _say_hello(self, transport: BotTransport) -> bool:
        """Learn a bot's name and choose its way in; wait for a service that is not there yet."""
        pause = 1.0
        while not self._stopping.is_set():
            try:
                await transport.open()
                await self._choose_way_in(transport)
                await self._know(transport)
            except TokenRefusedError:
                self.vitals.refused.add(transport.bot_id)
                log.error(
                    "token refused", bot=transport.bot_id, mend="copy it again from @BotFather"
                )
            except FetchFailedError as error:
                log.warning("no hello", bot=transport.bot_id, reason=str(error))
            except Exception:  # the database is away, most likely; the bot must not be given up
                log.exception("no hello", bot=transport.bot_id)
            else:
                self.vitals.refused.discard(transport.bot_id)
                return True
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                pause = min(pause * 2, 30)
        return False

    async def _know(self, transport: BotTransport) -> None:
        bot_id, name = transport.bot_id, transport.username

        async def know(session: Session) -> None:
            await contacts.know_bot(session, bot_id, name, await moment(session))

        await self.database.write(know)

    async def _retire_others(self) -> None:
        """Look now and then for bots that nobody serves any more: whose token was taken out."""
        served = [each.bot_id for each in self.transports]

        async def retire(session: Session) -> list[int]:
            return await contacts.retire_others(session, served, await moment(session))

        while not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), RETIRE_EVERY)
                return
            try:
                for gone in await self.database.write(retire):
                    log.warning("bot retired", bot=gone, mend="put its token back, or nothing")
            except Exception:  # the database is away, most likely; it is looked at again
                log.exception("not retired")

    async def _choose_way_in(self, transport: BotTransport) -> None:
        if Part.listen not in self.parts:
            return
        if self.settings.public_url:
            bot_id = transport.bot_id
            await transport.use_webhook(self._address(bot_id), self._secret(bot_id))
        else:
            await transport.use_polling()

    def _hooks(self) -> dict[int, Hook]:
        if not self.settings.public_url or Part.listen not in self.parts:
            return {}
        return {
            transport.bot_id: Hook(
                self._secret(transport.bot_id),
                Gatherer(transport, self.inbox, self._after(transport.bot_id)).receive,
            )
            for transport in self.transports
        }

    def _secret(self, bot_id: int) -> str:
        """Return the webhook's secret: made from the key file, so that there always is one."""
        return self.keyring.blind_index(f"webhook {bot_id}").hex()

    def _after(self, bot_id: int) -> Callable[[Handled], None]:
        def after(handled: Handled) -> None:
            sender = self.senders[bot_id]
            sender.answer(handled.toasts)
            sender.show(handled.fresh)
            self.vitals.took(bot_id, handled)
            self.wake()
            if handled.menus:
                self.menus.owe(handled.menus)
            if handled.jobs:
                self._in_background(self._work_on_rosters())

        return after

    def _in_background(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # ---- beside the morning ----------------------------------------------------------------

    async def _work_on_rosters(self) -> None:
        by_bot = {transport.bot_id: transport for transport in self.transports}

        async def download(bot_id: int, file_id: str) -> bytes:
            return await by_bot[bot_id].download(file_id)

        try:
            counts = await imports.work(self.database, self.clock, download)
        except Exception:
            log.exception("rosters not read")
            return
        if counts:
            log.info("rosters read", **counts)
            self.wake()

    # ---- health ----------------------------------------------------------------------------

    def _duties(self) -> list[DutyState]:
        if Part.clock not in self.parts:
            return []
        return [
            DutyState(duty.name, duty.runs, duty.last_at, duty.last_error)
            for duty in self.scheduler.duties
        ]
