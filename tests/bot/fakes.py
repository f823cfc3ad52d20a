"""A messenger that does as it is told: for results that no server gives on demand."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from handlers.messages import (
    Capability,
    Delivered,
    Event,
    FetchFailedError,
    MenuCommand,
    RawUpdate,
    Rendered,
    SendResult,
    TokenRefusedError,
    WebhookState,
)
from tests.builders import BOT

Hook = Callable[[], Awaitable[None]]


@dataclass
class Messenger:
    """Keeps what was sent; the next results can be laid in, and something done meanwhile."""

    bot_id: int = BOT
    username: str = "allclear_test_bot"
    capabilities: frozenset[Capability] = frozenset(Capability)
    sends: deque[SendResult] = field(default_factory=deque)
    edits: deque[SendResult] = field(default_factory=deque)
    deletes: deque[SendResult] = field(default_factory=deque)
    answers: deque[SendResult] = field(default_factory=deque)
    updates: list[RawUpdate] = field(default_factory=list)
    sent: list[tuple[int, Rendered, int | None]] = field(default_factory=list)
    paid: list[bool] = field(default_factory=list)
    edited: list[tuple[int, int, Rendered]] = field(default_factory=list)
    deleted: list[tuple[int, int]] = field(default_factory=list)
    answered: list[tuple[str, str]] = field(default_factory=list)
    offsets: list[int | None] = field(default_factory=list)
    faults: deque[Exception] = field(default_factory=deque)
    while_sending: Hook | None = None
    while_editing: Hook | None = None
    while_deleting: Hook | None = None
    message_id: int = 1000
    renewed: int = 0
    opened: int = 0
    refused: bool = False

    async def open(self) -> None:
        self.opened += 1
        if self.refused:
            raise TokenRefusedError("token refused")

    async def close(self) -> None: ...

    async def renew(self) -> None:
        self.renewed += 1

    async def fetch(self, offset: int | None, wait: float) -> list[RawUpdate]:
        self.offsets.append(offset)
        if self.faults:
            raise self.faults.popleft()
        found = [u for u in self.updates if offset is None or u.get("update_id", 0) >= offset]
        if not found and wait:
            await asyncio.sleep(wait)
        return found

    async def webhook_state(self) -> WebhookState:
        return WebhookState("")

    def read(self, raw: RawUpdate) -> Event | None:
        event = raw["event"]
        if isinstance(event, Exception):
            raise event
        assert isinstance(event, Event)
        return event

    async def send(
        self,
        chat_id: int,
        message: Rendered,
        *,
        reply_to: int | None = None,
        paid: bool = False,
    ) -> SendResult:
        self.sent.append((chat_id, message, reply_to))
        self.paid.append(paid)
        if self.while_sending is not None:
            await self.while_sending()
        if self.sends:
            return self.sends.popleft()
        self.message_id += 1
        return Delivered(self.message_id)

    async def edit(self, chat_id: int, message_id: int, message: Rendered) -> SendResult:
        self.edited.append((chat_id, message_id, message))
        if self.while_editing is not None:
            await self.while_editing()
        return self.edits.popleft() if self.edits else Delivered(message_id)

    async def delete(self, chat_id: int, message_id: int) -> SendResult:
        self.deleted.append((chat_id, message_id))
        if self.while_deleting is not None:
            await self.while_deleting()
        return self.deletes.popleft() if self.deletes else Delivered(message_id)

    async def answer(self, callback_id: str, text: str, *, alert: bool = False) -> SendResult:
        self.answered.append((callback_id, text))
        return self.answers.popleft() if self.answers else Delivered(0)

    async def download(self, file_id: str) -> bytes:
        raise FetchFailedError(file_id)

    async def menu(
        self, chat_id: int | None, commands: Sequence[MenuCommand], language: str | None
    ) -> SendResult:
        return Delivered(0)

    def texts(self) -> list[str]:
        return [message.text for _, message, _ in self.sent]


def raw(event: Any, update_id: int) -> RawUpdate:
    """Wrap an event as the fake messenger's update."""
    return {"update_id": update_id, "event": event}
