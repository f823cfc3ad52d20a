"""Looking for garbage seldom: the libraries make a heap of objects that stay as long as we do."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def seldom() -> None:
    """Collect seldom from now on."""
    gc.set_threshold(100_000, 20, 100)


@contextmanager
def few_collections() -> Iterator[None]:
    """Leave what is there by now out of every collection, and collect less often.

    aiogram's and SQLAlchemy's classes alone are some hundred thousand objects; walking them again
    and again took a sixth of a simulated day. Nested, the outermost counts.
    """
    usual, frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    if not frozen:
        gc.freeze()
    seldom()
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        if not frozen:
            gc.unfreeze()
