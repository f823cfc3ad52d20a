"""`allclear run` in a process that kills itself at a named point, or whose clock is wrong.

Nothing of the product is changed: SQLAlchemy tells which statement and which commit it is at, and
the clock is the port that every part is given.
"""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, Pool, event

from tests.chaos.points import POINTS, Point, touched

POINT, TIMES, AHEAD = "CHAOS_POINT", "CHAOS_TIMES", "CHAOS_CLOCK_AHEAD"
_AT, _COMMITTING = "chaos at", "chaos committing"


def die_at(point: Point, times: int) -> None:
    """Let this process be killed when it comes to a point for the so manieth time."""
    left = times

    @event.listens_for(Engine, "after_cursor_execute")
    def _note(conn: Any, cursor: Any, statement: str, given: Any, _c: Any, _m: Any) -> None:
        if point.is_reached(statement, given, touched(cursor)):
            conn.info[_AT] = True

    @event.listens_for(Engine, "commit")
    def _commits(conn: Any) -> None:
        nonlocal left
        if not conn.info.pop(_AT, False):
            return
        left -= 1
        if left <= 0 and not point.committed:
            _die()
        conn.info[_COMMITTING] = left <= 0

    @event.listens_for(Engine, "rollback")
    def _rolls_back(conn: Any) -> None:
        conn.info.pop(_AT, None)
        conn.info.pop(_COMMITTING, None)

    @event.listens_for(Pool, "checkin")
    def _returned(_connection: Any, record: Any) -> None:
        if record.info.pop(_COMMITTING, False):
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _run_with_clock(ahead: timedelta, roles: str) -> None:
    from bot.app import App
    from bot.logs import set_up_logs
    from bot.parts import read_parts
    from bot.settings import read_settings
    from handlers.clock import real_clock

    set_up_logs(as_json=True)
    app = App(read_settings(), clock=lambda: real_clock() + ahead, parts=read_parts(roles))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, app.stop)
    await app.run()


def run(*arguments: str) -> None:
    """Run the bot as the environment says."""
    if os.environ.get(POINT):
        die_at(POINTS[os.environ[POINT]], int(os.environ.get(TIMES, "1")))
    if os.environ.get(AHEAD):
        from bot.loops import run_quickly

        ahead = timedelta(seconds=float(os.environ[AHEAD]))
        run_quickly(_run_with_clock(ahead, arguments[1] if len(arguments) > 1 else ""))
    else:
        from bot.command_line import app

        app(["run", *arguments])


if __name__ == "__main__":
    run(*sys.argv[1:])
