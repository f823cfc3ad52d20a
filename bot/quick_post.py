"""Posts bodies that are ready to send, over connections that stay open: one request a call.

The calls that go out by the thousand go this way and past their library's HTTP client, which takes
some four times the processor for each. What the ledger needs is known here for certain: whether
anything was written (ADR 20).
"""

import asyncio
import socket
import ssl
from asyncio import AbstractEventLoop, Future, Transport
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import certifi
from aiohappyeyeballs import AddrInfoType, start_connection
from httptools import HttpParserError, HttpResponseParser
from yarl import URL

Answer = tuple[int, bytes]  # the status, and what was said

MOST_AT_ONCE = 100  # connections, as many as aiohttp has
KEPT_IDLE = 15.0  # seconds, as aiohttp; services close those that have been idle for longer
KEPT_ADDRESSES = 10.0  # seconds, as aiohttp: a fan-out asks once where its service is
OTHER_FAMILY_AFTER = 0.25  # seconds that the first address is tried alone (RFC 8305)
LONGEST_ANSWER = 1_000_000  # bytes; Telegram's are a few thousand
_FINAL = 200  # an answer of a lower status announces another
_LENGTHS = frozenset({b"content-length", b"transfer-encoding"})


class NeverSentError(Exception):
    """There was no connection: nothing was written."""


class BrokenOffError(Exception):
    """The request may have arrived or not; the words say what kind of break it was."""


class QuickPost:
    """Connections to one service; they are made when they are needed, and used again."""

    def __init__(self, service: URL, *, connect_timeout: float, timeout: float) -> None:
        self._service = service.origin()
        self._connect_timeout = connect_timeout  # seconds; to wait for a free place, too
        self._timeout = timeout  # seconds for all of it
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._idle: deque[_Connection] = deque()
        self._all: set[_Connection] = set()
        self._heads: dict[str, bytes] = {}
        self._looking_up = asyncio.Lock()
        self._addresses: Sequence[AddrInfoType] = ()
        self._looked_up_at = 0.0

    async def post(self, url: str, body: bytes) -> Answer:
        """Post JSON to an address of the service; return what it answered, whatever that is.

        Raises:
            NeverSentError: there was no connection.
            BrokenOffError: there was one, and no whole answer in time.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._timeout
        head = self._heads.get(url) or self._head(url)
        connection = await self._connection(loop)
        try:
            return await connection.ask(b"%b%d\r\n\r\n%b" % (head, len(body), body), until)
        finally:
            if connection.is_free:
                self._idle.append(connection)
            else:
                connection.abort()
            self._places.release()

    async def close(self) -> None:
        """Let go of the connections; what is under way breaks off."""
        for connection in list(self._all):
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # they end in the loop's next round

    def _head(self, url: str) -> bytes:
        """Return what stands above the length of a body."""
        head = self._heads[url] = (
            f"POST {URL(url).raw_path_qs} HTTP/1.1\r\n"
            f"Host: {self._service.host_port_subcomponent}\r\n"
            "User-Agent: Allclear\r\n"
            "Content-Type: application/json\r\n"
            "Content-Length: "
        ).encode("ascii")
        return head

    async def _connection(self, loop: AbstractEventLoop) -> "_Connection":
        """Return a free connection and take a place, which is given back after the answer."""
        if not self._places.locked() and (connection := self._one_idle(loop)):
            await self._places.acquire()
            return connection
        try:
            async with asyncio.timeout(self._connect_timeout):
                await self._places.acquire()
                try:
                    return self._one_idle(loop) or await self._connect(loop)
                except BaseException:
                    self._places.release()
                    raise
        except OSError:  # no name, no route, refused, too late, not whom we trust
            raise NeverSentError from None

    def _one_idle(self, loop: AbstractEventLoop) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()  # the one that was used last
            if connection.is_free and loop.time() - connection.free_since < KEPT_IDLE:
                return connection
            connection.close()
        return None

    async def _connect(self, loop: AbstractEventLoop) -> "_Connection":
        tls = self._service.scheme == "https"
        connected = await start_connection(
            await self._where(loop), happy_eyeballs_delay=OTHER_FAMILY_AFTER, interleave=1
        )
        _, connection = await loop.create_connection(
            lambda: _Connection(loop, self._all.discard),
            sock=connected,
            ssl=_trusted() if tls else None,
            server_hostname=self._service.raw_host if tls else None,
        )
        self._all.add(connection)
        return connection

    async def _where(self, loop: AbstractEventLoop) -> Sequence[AddrInfoType]:
        async with self._looking_up:
            if not self._addresses or loop.time() - self._looked_up_at >= KEPT_ADDRESSES:
                self._addresses = await loop.getaddrinfo(
                    self._service.raw_host, self._service.port, type=socket.SOCK_STREAM
                )
                self._looked_up_at = loop.time()
            return self._addresses


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom we trust: as both libraries do, whom Mozilla trusts."""
    return ssl.create_default_context(cafile=certifi.where())


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, and then the next."""

    def __init__(self, loop: AbstractEventLoop, gone: "Callable[[_Connection], None]") -> None:
        self.is_free = True
        self.free_since = loop.time()
        self._loop = loop
        self._gone = gone
        self._parser = HttpResponseParser(self)
        self._answer: Future[Answer] = loop.create_future()  # what somebody waits for
        self._answer.cancel()  # nobody yet
        self._words = bytearray()
        self._has_length = False
        self._until_closed = False  # the answer has no length: it ends with the connection

    async def ask(self, request: bytes, until: float) -> Answer:
        """Write a request and return its answer; what breaks off is not tried again.

        Raises:
            BrokenOffError: no whole answer came.
        """
        self.is_free = False
        self._answer = self._loop.create_future()
        too_late = self._loop.call_at(until, self._break_off, "too late")
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            too_late.cancel()

    def close(self) -> None:
        """End it in order; an answer that somebody waits for breaks off."""
        self.is_free = False
        self._transport.close()
        self._break_off("closed")

    def abort(self) -> None:
        """End it at once."""
        self.is_free = False
        self._transport.abort()

    def _break_off(self, why: str) -> None:
        if not self._answer.done():
            self._answer.set_exception(BrokenOffError(why))

    def _complete(self) -> None:
        if not self._answer.done():
            self._answer.set_result((self._parser.get_status_code(), bytes(self._words)))

    # ---- called by the loop ----------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what to write to."""
        self._transport = cast("Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        try:
            self._parser.feed_data(data)
        except HttpParserError:
            self._break_off("unreadable")

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing comes any more."""
        self.is_free = False
        self._gone(self)
        if error is None and self._until_closed:
            self._complete()
        self._break_off("disconnected")

    # ---- called by the parser --------------------------------------------------------------

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody waits for must not be taken for the next one's."""
        self._words.clear()
        self._has_length = self._until_closed = False
        if self._answer.done():
            self.abort()

    def on_header(self, name: bytes, _value: bytes) -> None:
        """Note whether it is said how long the answer is."""
        if name.lower() in _LENGTHS:
            self._has_length = True

    def on_headers_complete(self) -> None:
        """The words follow."""
        self._until_closed = not self._has_length

    def on_body(self, part: bytes) -> None:
        """Keep a part of the words."""
        self._words += part
        if len(self._words) > LONGEST_ANSWER:
            self._break_off("too long")

    def on_message_complete(self) -> None:
        """Hand the answer over, and be free for another."""
        self._until_closed = False
        if self._parser.get_status_code() < _FINAL:
            return
        if not self._answer.done() and self._parser.should_keep_alive():
            self.is_free, self.free_since = True, self._loop.time()
        self._complete()
