"""The bulk's own connections, against a server that says byte for byte what it is told to."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from bot import quick_post
from bot.quick_post import BrokenOffError, NeverSentError, QuickPost
from tests.sandbox.conftest import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
BODY = '{"text":"全部都好"}'.encode()

Says = Callable[[int, bytes], Awaitable[list[bytes | None]]]


class Service:
    """A server that answers the nth request as told; None ends the connection."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.requests: list[bytes] = []
        self.connections = self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while head := await _head_of(reader):
                body = await reader.readexactly(_length_in(head))
                self.requests.append(body)
                for piece in await self.says(len(self.requests), body):
                    if piece is None:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.open -= 1
            writer.close()


async def _head_of(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


def _length_in(head: bytes) -> int:
    return int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


@asynccontextmanager
async def talking_to(
    says: Says, *, seconds: float = 5.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Service, Callable[[], Awaitable[tuple[int, bytes]]], QuickPost]]:
    service = Service(says)
    async with await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/bot1:A/sendMessage"
        post = QuickPost(URL(url), connect_timeout=2.0, timeout=seconds)
        try:
            yield service, lambda: post.post(url, BODY), post
        finally:
            await post.close()


def always(*pieces: bytes | None) -> Says:
    async def says(_nth: int, _body: bytes) -> list[bytes | None]:
        return list(pieces)

    return says


def in_turn(*answers: list[bytes | None]) -> Says:
    async def says(nth: int, _body: bytes) -> list[bytes | None]:
        return answers[nth - 1]

    return says


async def test_one_connection_serves_one_after_another() -> None:
    async with talking_to(always(OK, b"{}")) as (service, post, _):
        assert [await post() for _ in range(3)] == [(200, b"{}")] * 3
        assert (service.requests, service.connections) == ([BODY] * 3, 1)


async def test_side_by_side_each_has_its_own_connection_and_its_own_answer() -> None:
    async def echo(_nth: int, body: bytes) -> list[bytes | None]:
        return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body]

    async with talking_to(echo) as (service, _post, quick):
        url = f"http://127.0.0.1:{quick._service.port}/x"
        bodies = [b"{%d}" % n for n in range(300)]
        answers = await asyncio.gather(*(quick.post(url, body) for body in bodies))
        assert answers == [(200, body) for body in bodies]
        assert service.connections == quick_post.MOST_AT_ONCE


@given(st.lists(st.integers(1, 200), max_size=12), st.sampled_from(["length", "chunks", "end"]))
async def test_however_an_answer_is_cut_it_is_read_alike(cuts: list[int], how: str) -> None:
    words = "1 好".encode() * 9
    forms = {
        "length": b"Content-Length: %d\r\n\r\n%b" % (len(words), words),
        "chunks": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(words), words),
        "end": b"X: y\r\n\r\n" + words,
    }
    whole = b"HTTP/1.1 403 Forbidden\r\nServer: s\r\n" + forms[how]
    at = [0, *sorted(cut for cut in set(cuts) if cut < len(whole)), len(whole)]
    pieces: list[bytes | None] = [whole[a:b] for a, b in pairwise(at)]
    async with talking_to(always(*pieces, *([None] if how == "end" else []))) as (_, post, _quick):
        assert await post() == (403, words)


async def test_what_is_said_before_the_answer_is_not_the_answer() -> None:
    announced = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    async with talking_to(always(announced, OK, b"{}")) as (service, post, _):
        assert [await post(), await post()] == [(200, b"{}")] * 2
        assert service.connections == 1


async def test_a_service_that_closes_after_each_answer_is_asked_on_a_new_connection() -> None:
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    async with talking_to(always(closing, None)) as (service, post, _):
        assert [await post() for _ in range(3)] == [(200, b"{}")] * 3
        assert service.connections == 3


async def test_a_connection_that_closed_meanwhile_costs_no_request() -> None:
    async with talking_to(always(OK + b"{}", None)) as (service, post, quick):
        assert await post() == (200, b"{}")
        await until(lambda: not quick._all)  # its end has been seen
        assert await post() == (200, b"{}")
        assert service.connections == 2


async def test_a_connection_that_was_idle_for_long_is_not_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with talking_to(always(OK, b"{}")) as (service, post, _):
        await post()
        monkeypatch.setattr(quick_post, "KEPT_IDLE", 0.0)
        await post()
        assert service.connections == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ([None], "disconnected"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le", None], "disconnected"),
        ([OK, b"{", None], "disconnected"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n{", None], "disconnected"),
        ([b"SSH-2.0-OpenSSH_9.2\r\n"], "unreadable"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"], "unreadable"),
        ([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000_001], "too long"),
        ([], "too late"),
        ([OK, b"{"], "too late"),
    ],
)
async def test_what_breaks_off_is_not_tried_again(said: list[bytes | None], why: str) -> None:
    answers = in_turn(said, [OK, b"{}"])
    async with talking_to(answers, seconds=0.2 if why == "too late" else 5.0) as talk:
        service, post, quick = talk
        with pytest.raises(BrokenOffError, match=why):
            await post()
        assert service.requests == [BODY]
        await until(lambda: not quick._all)
        assert await post() == (200, b"{}")
        assert service.connections == 2


@pytest.mark.parametrize(
    "more", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", b"\r\n<html>forged"]
)
async def test_an_answer_that_nobody_asked_for_is_nobodys(more: bytes) -> None:
    """A second answer to one question must not be taken for the answer to the next."""
    async with talking_to(in_turn([OK + b"{}" + more], [OK, b"{}"])) as (service, post, _):
        assert [await post(), await post()] == [(200, b"{}")] * 2
        assert service.connections == 2


async def test_who_is_cancelled_leaves_no_answer_behind() -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def says(nth: int, _body: bytes) -> list[bytes | None]:
        if nth == 1:
            asked.set()
            await go_on.wait()
        return [OK, b"%02d" % nth]

    async with talking_to(says) as (service, post, _):
        first = asyncio.ensure_future(post())
        await asked.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await post() == (200, b"02")
        go_on.set()
        assert service.connections == 2


async def test_closing_breaks_off_what_is_under_way_and_leaves_nothing_open() -> None:
    async with talking_to(always()) as (service, post, quick):
        under_way = asyncio.ensure_future(post())
        await until(lambda: service.requests)
        await quick.close()
        with pytest.raises(BrokenOffError, match="closed"):
            await under_way
        await until(lambda: not service.open)
        assert not quick._all


async def test_who_waits_in_vain_for_a_place_has_sent_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quick_post, "MOST_AT_ONCE", 1)
    async with talking_to(always()) as (service, post, quick):
        quick._connect_timeout = 0.05
        busy = asyncio.ensure_future(post())
        await until(lambda: service.requests)
        with pytest.raises(NeverSentError):
            await post()
        assert len(service.requests) == 1
        busy.cancel()


async def test_where_nobody_listens_no_place_is_lost() -> None:
    away = QuickPost(URL("http://127.0.0.1:9"), connect_timeout=2.0, timeout=5.0)
    for _ in range(quick_post.MOST_AT_ONCE + 1):
        with pytest.raises(NeverSentError):
            await away.post("http://127.0.0.1:9/x", BODY)
    assert not away._places.locked()


# ---- encrypted -----------------------------------------------------------------------------


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a certificate authority and what it signed for 127.0.0.1; return the server's side."""
    now, root_key, key = datetime.now(UTC), *[ec.generate_private_key(ec.SECP256R1())] * 2
    root = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Invented Root")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Invented")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    for subject, path, ca in ((root, "root.pem", True), (name, "own.pem", False)):
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(root)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(root_key, hashes.SHA256())
        )
        (folder / path).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "key.pem")
    return context


async def test_encrypted_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = certificate(tmp_path)
    trusting = ssl.create_default_context()
    trusting.load_verify_locations(tmp_path / "root.pem")
    monkeypatch.setattr(quick_post, "_trusted", lambda: trusting)
    async with talking_to(always(OK, b"{}"), tls=server) as (service, post, _):
        assert [await post() for _ in range(2)] == [(200, b"{}")] * 2
        assert service.connections == 1


async def test_whom_nobody_vouches_for_is_sent_nothing(tmp_path: Path) -> None:
    async with talking_to(always(OK, b"{}"), tls=certificate(tmp_path)) as (service, post, _):
        with pytest.raises(NeverSentError):
            await post()
        assert not service.requests
