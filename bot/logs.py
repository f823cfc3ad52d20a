"""Logs: ids and counts, never a name, an answer, a text or a token."""

import io
import json
import logging
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO, cast

import structlog

_Error = tuple[type[BaseException], BaseException, TracebackType | None]


def set_up_logs(*, as_json: bool, level: int = logging.INFO) -> None:
    """Write our events as lines, and of the libraries only what went wrong.

    The HTTP libraries would log addresses with the token inside, so they stay at warnings.
    """
    renderer = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=_plainly,  # the rich one shows variables
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_described) if as_json else _pass,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Steadfast(sys.stderr))),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        _JsonLines() if as_json else logging.Formatter("%(levelname)s %(name)s %(message)s")
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in ("httpx", "httpcore", "aiohttp.access", "aiogram", "telegram"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns each second while a heartbeat takes longer than one, which is as it should be; what
    # is late is told by the scheduler that listens to it.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)


class _Steadfast(io.TextIOBase):
    """A stream whose lines are lost where they cannot be written, on a full disk for one.

    A line that raised would end the very work that goes on trying until the trouble is over.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        """Write what can be written."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what can be passed on."""
        with suppress(OSError):
            self._stream.flush()


class _JsonLines(logging.Formatter):
    """What a library says, as a line like ours; of an error where it was and of what kind."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        said = {
            "event": record.getMessage(),
            "logger": record.name,
            "level": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            said["exception"] = _described(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def _pass(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return event


def _described(exc_info: _Error) -> str:
    """Return where an error happened and what kind it is, the first cause first.

    Its words stay out, for they may hold what someone wrote; those of the machine's own trouble
    (the disk, the network, the database) are ours and say what to do.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = exc_info[1]
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    lines: list[str] = []
    for each in reversed(chain):
        frames = traceback.extract_tb(each.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        trouble = isinstance(each, OSError) or type(each).__name__ == "OperationalError"
        lines.append(type(each).__name__ + (f": {each}" if trouble else ""))
    return "\n".join(lines)


def _plainly(stream: TextIO, error: _Error) -> None:
    stream.write("\n" + _described(error))
