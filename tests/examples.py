"""How often something is tried with made-up people: a few times here, often in `make soak`."""

import os

SOAK = bool(os.environ.get("ALLCLEAR_SOAK"))


def examples(few: int, many: int) -> int:
    """Return `few`, which any mistake of a kind should meet, or `many` for the rare ones."""
    return many if SOAK else few
