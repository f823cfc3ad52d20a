"""Runs the sandbox alone: python -m sandbox --port 8081."""

import argparse
import asyncio
import contextlib
import signal

from sandbox.limits import Limits
from sandbox.server import Sandbox


async def run(sandbox: Sandbox) -> None:
    """Serve until Ctrl-C."""
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with sandbox:
        print(f"The sandbox listens on {sandbox.url}", flush=True)  # noqa: T201
        await ended.wait()


def main() -> None:
    """Read the command line and run."""
    reader = argparse.ArgumentParser(
        prog="python -m sandbox", description="A local Bot API server with a chat page."
    )
    reader.add_argument("--port", type=int, default=8081, help="0 takes a free one")
    reader.add_argument("--host", default="127.0.0.1")
    reader.add_argument("--seed", type=int, default=0, help="of ids and faults")
    reader.add_argument("--no-limits", action="store_true", help="switch the rates off")
    wish = reader.parse_args()
    limits = Limits.none() if wish.no_limits else None
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(Sandbox(wish.port, wish.host, wish.seed, limits=limits)))


if __name__ == "__main__":
    main()
