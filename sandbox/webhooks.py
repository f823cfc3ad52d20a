"""Updates pushed to a bot's own address, tried again until they are taken or too old."""

import asyncio
import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from sandbox.errors import bad_request
from sandbox.params import Params
from sandbox.records import JSON, Bot
from sandbox.updates import WEBHOOK_SET, Update
from sandbox.world import World

SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
PORTS = frozenset({80, 88, 443, 8443})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
Answer = Callable[[Bot, JSON], None]


@dataclass(slots=True)
class Webhook:
    """Where one bot's updates go."""

    url: str
    secret: str
    max_connections: int
    own_certificate: bool
    turn: asyncio.Semaphore
    lanes: dict[tuple[str, int], deque[Update]] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    last_error: tuple[int, str] | None = None


class Webhooks:
    """The webhooks of all bots. Updates of one kind in one chat arrive in order."""

    def __init__(self, world: World, carry_out: Answer) -> None:
        self.world = world
        self.carry_out = carry_out
        self.by_bot: dict[int, Webhook] = {}
        self._session: aiohttp.ClientSession | None = None

    def set(self, bot: Bot, params: Params) -> tuple[bool, str]:
        """Carry out setWebhook; an empty address removes it."""
        url = params.text("url")
        if not url:
            return self.delete(bot, params)
        _check_address(url)
        secret = params.text("secret_token")
        if len(secret) > 256:
            raise bad_request("secret token is too long")
        if secret and not SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        keep_allowed(bot, params)
        if params.flag("drop_pending_updates"):
            bot.queue.forget()
        most = max(1, min(params.number("max_connections") or 40, 100))
        certificate = "certificate" in params.uploads
        self._stop(bot)
        hook = Webhook(url, secret, most, certificate, asyncio.Semaphore(most))
        self.by_bot[bot.id] = hook
        queue = bot.queue
        queue.webhook_is_set = True
        queue.end_poll(WEBHOOK_SET)
        queue.on_update = lambda update: self._put_in_lane(bot, hook, update)
        for update in [*queue.pending.values(), *queue.once]:
            self._put_in_lane(bot, hook, update)
        queue.once.clear()
        return True, "Webhook was set"

    def delete(self, bot: Bot, params: Params) -> tuple[bool, str]:
        """Carry out deleteWebhook."""
        was_set = bot.id in self.by_bot
        self._stop(bot)
        if params.flag("drop_pending_updates"):
            bot.queue.forget()
        return True, "Webhook was deleted" if was_set else "Webhook is already deleted"

    def info(self, bot: Bot) -> JSON:
        """Carry out getWebhookInfo."""
        hook = self.by_bot.get(bot.id)
        shown: JSON = {
            "url": hook.url if hook else "",
            "has_custom_certificate": bool(hook and hook.own_certificate),
            "pending_update_count": bot.queue.count(),
        }
        if hook is not None:
            shown["max_connections"] = hook.max_connections
            if urlsplit(hook.url).hostname in LOOPBACK:
                shown["ip_address"] = "127.0.0.1"
            if hook.last_error is not None:
                shown["last_error_date"], shown["last_error_message"] = hook.last_error
        if bot.queue.allowed:
            shown["allowed_updates"] = sorted(bot.queue.allowed)
        return shown

    async def close(self) -> None:
        """Stop all deliveries."""
        running = [task for hook in self.by_bot.values() for task in hook.tasks]
        for bot_id in list(self.by_bot):
            self._stop(self.world.bots[bot_id])
        await asyncio.gather(*running, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def _stop(self, bot: Bot) -> None:
        hook = self.by_bot.pop(bot.id, None)
        bot.queue.webhook_is_set = False
        bot.queue.on_update = None
        if hook is not None:
            for task in hook.tasks:
                task.cancel()

    def _put_in_lane(self, bot: Bot, hook: Webhook, update: Update) -> None:
        lane = hook.lanes.get(update.lane)
        if lane is not None:
            lane.append(update)
            return
        hook.lanes[update.lane] = deque([update])
        task = asyncio.create_task(self._empty_lane(bot, hook, update.lane))
        hook.tasks.add(task)
        task.add_done_callback(hook.tasks.discard)

    async def _empty_lane(self, bot: Bot, hook: Webhook, key: tuple[str, int]) -> None:
        lane = hook.lanes[key]
        while lane:
            await self._deliver(bot, hook, lane[0])
            delivered = lane.popleft()
            if bot.queue.pending.get(delivered.id) is delivered:
                del bot.queue.pending[delivered.id]
        del hook.lanes[key]

    async def _deliver(self, bot: Bot, hook: Webhook, update: Update) -> None:
        """Try until the bot says 200, or the update is too old or was dropped."""
        limits = self.world.limits
        pause = limits.webhook_first_retry
        was_pending = update.id in bot.queue.pending
        while not bot.queue.is_dead(update):
            if was_pending and update.id not in bot.queue.pending:
                return
            if not self._is_out():
                async with hook.turn:
                    retry_after = await self._post(bot, hook, update)
                if retry_after is None:
                    return
                pause = max(pause, retry_after)
            await asyncio.sleep(pause)
            pause = min(pause * 2, limits.webhook_last_retry)

    def _is_out(self) -> bool:
        faults = self.world.faults
        return faults is not None and faults.is_out(self.world.clock.now(), self.world.monotonic())

    async def _post(self, bot: Bot, hook: Webhook, update: Update) -> float | None:
        """Deliver once; None when taken, otherwise the seconds the bot asked to wait."""
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        headers = {"Content-Type": "application/json"}
        if hook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = hook.secret
        try:
            async with self._session.post(
                hook.url,
                data=update.body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=self.world.limits.webhook_timeout),
                ssl=not hook.own_certificate,
            ) as response:
                body = await response.read()
                if 200 <= response.status < 300:
                    self._answer(bot, response.content_type, body)
                    return None
                error = f"Wrong response from the webhook: {response.status} {response.reason}"
                asked = response.headers.get("Retry-After", "")
        except TimeoutError:
            error, asked = "Read timeout expired", ""
        except aiohttp.ClientConnectorError:
            error, asked = "Connection refused", ""
        except aiohttp.ClientError:
            error, asked = "Connection reset by peer", ""
        hook.last_error = (int(self.world.clock.timestamp()), error)
        return float(asked) if asked.isdecimal() else 0.0

    def _answer(self, bot: Bot, content_type: str, body: bytes) -> None:
        """Carry out a method that the bot gave as its answer to the update."""
        if content_type != "application/json" or not body:
            return
        try:
            wish: Any = json.loads(body)
        except ValueError:
            return
        if isinstance(wish, dict) and isinstance(wish.get("method"), str):
            self.carry_out(bot, wish)


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise bad_request("bad webhook: invalid port specified") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise bad_request("bad webhook: an HTTPS URL must be provided for webhook")
    if parts.hostname in LOOPBACK:
        return  # the sandbox's one relaxation: the real service wants HTTPS and these ports
    if parts.scheme != "https":
        raise bad_request("bad webhook: an HTTPS URL must be provided for webhook")
    if (port or 443) not in PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def keep_allowed(bot: Bot, params: Params) -> None:
    """Take over `allowed_updates` when the call has it; it stays for later calls."""
    allowed = params.get("allowed_updates")
    if isinstance(allowed, list):
        bot.queue.allowed = frozenset(map(str, allowed)) or None
