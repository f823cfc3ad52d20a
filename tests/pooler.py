"""A PgBouncer for the tests, in transaction mode: the next transaction has another connection."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import URL

from tests.postgres import Server, cannot

CONNECTIONS = 3  # to the server for each database, whoever asks
PLACES = ("/usr/sbin", "/usr/local/sbin")  # of servers, which are not on everybody's path


@contextmanager
def pooled(server: Server) -> Iterator[Server]:
    """Stand between a server and those who ask it; without a PgBouncer skip, or fail."""
    program = shutil.which("pgbouncer", path=os.pathsep.join((os.environ["PATH"], *PLACES)))
    if program is None:
        cannot("no pooler: install PgBouncer")
    with tempfile.TemporaryDirectory(prefix="allclear-pooler-") as folder:
        place = Path(folder)
        place.chmod(0o755)
        port = _free_port()
        settings = place / "pgbouncer.ini"
        settings.write_text(_settings(server.url, port))
        user = ["-u", _whose(server.url)] if os.geteuid() == 0 else []  # it refuses to be root
        with (place / "log").open("wb") as log:
            process = subprocess.Popen([program, "-q", *user, settings], stdout=log, stderr=log)
        try:
            _wait(process, port, place / "log")
            at = URL.create("postgresql", "anybody", host="127.0.0.1", port=port)
            yield Server(at.render_as_string())
        finally:
            process.kill()
            process.wait()


def _settings(url: URL, port: int) -> str:
    host = url.query.get("host") or url.host
    fields = {"host": host, "port": url.port, "user": url.username, "password": url.password}
    where = " ".join(f"{name}={value}" for name, value in fields.items() if value)
    return f"""
[databases]
* = {where}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {CONNECTIONS}
max_client_conn = 500
"""


def _whose(url: URL) -> str:
    """Return who may reach the server's socket, where it is a file."""
    host = str(url.query.get("host", ""))
    return Path(host).owner() if host.startswith("/") else "nobody"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = monotonic() + 30
    while monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.02)
        else:
            return
    cannot("the pooler does not start: " + log.read_text("utf-8", "replace")[-500:])
