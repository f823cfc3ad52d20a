"""A guided walk through a day: who to look at, when, what happens, and why it is worth seeing.

The sandbox only keeps it; the chat page walks it, and whoever directs the play writes it.
"""

from dataclasses import dataclass, field
from typing import Any

from sandbox.answers import moment, number
from sandbox.errors import RefusedError
from sandbox.records import JSON

SHAPE = (
    'A step is {"user": 12, "text": {"en": "..."}, "at": "2026-03-02T07:00:00+08:00", '
    '"acts": [{"tap": [0, 0]}, {"tap": "Ana"}, {"say": "38"}, {"look": "3-2"}, {"wait": 3}]}; '
    "at, acts and user may be left out."
)


@dataclass(slots=True)
class Guide:
    """The steps, and the language in which somebody has begun to walk them."""

    steps: list[JSON] = field(default_factory=list)
    language: str | None = None

    def shown(self) -> JSON:
        """Show it as the users' API does."""
        return {"steps": self.steps, "language": self.language}


def read_steps(wish: Any) -> list[JSON]:
    """Read steps; nothing that the page could not walk is taken.

    Raises:
        RefusedError: it has another shape.
    """
    if not isinstance(wish, list):
        raise RefusedError(SHAPE)
    return [_step(step) for step in wish]


def _step(wish: Any) -> JSON:
    if not isinstance(wish, dict) or not wish.get("text"):
        raise RefusedError(SHAPE)
    text = wish["text"]
    step: JSON = {"text": {"en": text} if isinstance(text, str) else dict(text)}
    if wish.get("user") is not None:
        step["user"] = number(wish["user"], "user")
    if wish.get("at") is not None:
        step["at"] = moment(wish["at"]).isoformat()
    step["acts"] = [_act(act) for act in wish.get("acts") or []]
    return step


def _act(wish: Any) -> JSON:
    match wish:
        case {"tap": str(label)}:
            return {"tap": label}
        case {"tap": [int(row), int(place)], "of": str(words)}:
            return {"tap": [row, place], "of": words}
        case {"tap": [int(row), int(place)]}:
            return {"tap": [row, place]}
        case {"say": str(words)}:
            return {"say": words}
        case {"look": str(words)}:
            return {"look": words}
        case {"wait": int(seconds) | float(seconds)}:
            return {"wait": seconds}
    raise RefusedError(SHAPE)
