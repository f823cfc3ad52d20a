"""Whether a bot's webhook delivers. Telegram is asked: our own silence looks like a quiet night.

While the proxy or its certificate is away, nothing comes in and nothing fails here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import monotonic

import structlog

from bot.listener import NOTE_EVERY, Note
from bot.loops import sleep_unless
from bot.transports import BotTransport
from handlers.messages import FetchFailedError, WebhookState

log = structlog.get_logger()

# What waits may be a tenth of what came in since the last look: three seconds' worth.
MOST_WAITING = 0.1

Came = Callable[[datetime | None], Awaitable[tuple[int, datetime]]]


class WebhookWatch:
    """Looks at one bot's webhook twice a minute, and sets it right when somebody has changed it.

    `came` counts the updates that any process has taken since a moment and says which one it is
    now, by a clock that all share; `heard` is called while all is well, `moved` when the address
    was not ours.
    """

    def __init__(
        self,
        transport: BotTransport,
        url: str,
        secret: str,
        *,
        came: Came,
        heard: Note,
        moved: Note,
        every: float = NOTE_EVERY,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._transport = transport
        self._url = url
        self._secret = secret
        self._came = came
        self._heard = heard
        self._moved = moved
        self._every = every
        self._seconds = seconds
        self._fine_at: float | None = None
        self._looked_at: datetime | None = None
        self._error_at: datetime | None = None
        self._in_doubt = False  # it failed, and nothing has come in since
        self._untold = False

    @property
    def age(self) -> float | None:
        """The seconds since the webhook was last known to deliver; None while nobody looks."""
        return None if self._fine_at is None else self._seconds() - self._fine_at

    async def run(self, stopping: asyncio.Event) -> None:
        """Look until stopped."""
        self._fine_at, self._looked_at, self._in_doubt = self._seconds(), None, False
        try:
            while not stopping.is_set():
                try:
                    await self.look()
                except FetchFailedError as error:
                    bot = self._transport.bot_id
                    log.warning("webhook not looked at", bot=bot, reason=str(error))
                except Exception:
                    log.exception("updates could not be kept", bot=self._transport.bot_id)
                await sleep_unless(stopping, self._every)
        finally:
            self._fine_at = None

    async def look(self) -> bool:
        """Look once; return whether the webhook is ours and delivers.

        Raises:
            FetchFailedError: Telegram could not be asked, or did not take our address.
            Exception: the database is away.
        """
        if self._untold:
            await self._tell()
        state = await self._transport.webhook_state()
        came, now = await self._came(self._looked_at)
        erred = self._has_erred(state)
        self._looked_at, self._error_at = now, state.error_at
        if state.url.casefold() != self._url.casefold():
            await self._put_right()
            return False
        if state.pending > came * MOST_WAITING or (not came and (erred or self._in_doubt)):
            self._in_doubt = self._in_doubt or erred
            log.warning(
                "webhook does not deliver",
                bot=self._transport.bot_id,
                waiting=state.pending,
                reason=state.error if self._in_doubt else None,
            )
            return False
        await self._heard()
        self._in_doubt, self._fine_at = False, self._seconds()
        return True

    def _has_erred(self, state: WebhookState) -> bool:
        """Say whether a delivery has failed since the last look.

        Of an error before the first look only what still waits is known not to be over.
        """
        if self._looked_at is None:
            return state.error_at is not None and state.pending > 0
        return state.error_at != self._error_at

    async def _put_right(self) -> None:
        log.error("webhook was changed, set again", bot=self._transport.bot_id)
        self._untold = True
        await self._transport.use_webhook(self._url, self._secret)
        await self._tell()

    async def _tell(self) -> None:
        """Have the admins told; when that fails it is tried again at the next look."""
        try:
            await self._moved()
        except Exception:
            log.exception("admins not told", bot=self._transport.bot_id)
        else:
            self._untold = False
