"""One core measures; whatever it talks to runs on the others."""

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_ours: set[int] = set()
_others: set[int] = set()


@contextmanager
def pinned() -> Iterator[str]:
    """Keep this process on one core from now on; gives a sentence that says so, or why not."""
    if not hasattr(os, "sched_setaffinity"):
        yield "This system pins no process to a core: the measured one may have moved about."
        return
    every = os.sched_getaffinity(0)
    if len(every) < 2:
        yield (
            "There was one core only: what is measured shared it with the server that answers, "
            "so wall times say little and processor times count."
        )
        return
    _ours.update({max(every)})
    _others.update(every - _ours)
    os.sched_setaffinity(0, _ours)
    try:
        yield (
            "What is measured was pinned to one core; the server that answers, whoever posts the "
            f"updates, and PostgreSQL ran on the other{'s' if len(_others) > 1 else ''}."
        )
    finally:
        os.sched_setaffinity(0, every)
        _ours.clear()
        _others.clear()


@contextmanager
def elsewhere() -> Iterator[None]:
    """Let what is started here run on the other cores: a child stays where it was born."""
    if _others:
        os.sched_setaffinity(0, _others)
    try:
        yield
    finally:
        if _ours:
            os.sched_setaffinity(0, _ours)


async def as_installed(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a peer as it comes: on asyncio's own loop, with Python's own way with garbage."""
    with garbage_as_ever():
        return await asyncio.to_thread(lambda: asyncio.run(work()))


@contextmanager
def garbage_as_ever() -> Iterator[None]:
    """Collect garbage as Python does by itself, but not through what is ours."""
    frozen = gc.get_freeze_count() > 0
    if not frozen:
        gc.collect()
        gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()
