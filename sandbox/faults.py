"""What goes wrong on purpose, by a seeded die, so that a bad morning can be had again."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from sandbox.errors import RefusedError


class Fault(StrEnum):
    """What happens to one call. `after` means that the call was carried out, the reply lost."""

    TOO_MANY = "rate_429"
    SERVER_ERROR_BEFORE = "rate_5xx_before"
    SERVER_ERROR_AFTER = "rate_5xx_after"
    HANG = "rate_hang"
    RESET_BEFORE = "rate_reset_before"
    RESET_AFTER = "rate_reset_after"


WHOLE = frozenset({"seed", "retry_after"})
BEFORE = frozenset({Fault.TOO_MANY, Fault.SERVER_ERROR_BEFORE, Fault.RESET_BEFORE})


@dataclass(slots=True)
class Faults:
    """The knobs; the default is a perfect day."""

    seed: int = 0
    rate_429: float = 0.0
    retry_after: int = 1
    rate_5xx_before: float = 0.0
    rate_5xx_after: float = 0.0
    rate_hang: float = 0.0
    hang_seconds: float = 30.0
    rate_reset_before: float = 0.0
    rate_reset_after: float = 0.0
    slow_ms: float = 0.0
    outage_from: datetime | None = None
    outage_to: datetime | None = None
    outage_until: float = 0.0  # monotonic
    methods: frozenset[str] | None = None
    _turns: int = 0
    _die: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        self._die = random.Random(self.seed)  # noqa: S311 (repeatable is the point)
        rates = self.rates().values()
        if min(rates) < 0 or sum(rates) > 1:
            raise RefusedError("A rate is below 0, or together they are more than 1.")

    def rates(self) -> dict[Fault, float]:
        """How often each fault happens, between 0 and 1."""
        return {fault: float(getattr(self, fault.value)) for fault in Fault}

    def concerns(self, method: str) -> bool:
        """Whether calls of this method are touched at all."""
        return self.methods is None or method.lower() in self.methods

    def roll(self) -> Fault | None:
        """Throw the die for one call."""
        thrown = self._die.random()
        for fault, rate in self.rates().items():
            if thrown < rate:
                return fault
            thrown -= rate
        return None

    def next_turn(self) -> int:
        """Count the server errors, which take turns in how they look."""
        self._turns += 1
        return self._turns - 1

    def is_out(self, now: datetime, monotonic: float) -> bool:
        """Whether the service cannot be reached now."""
        if monotonic < self.outage_until:
            return True
        if self.outage_from is None and self.outage_to is None:
            return False
        return (self.outage_from is None or self.outage_from <= now) and (
            self.outage_to is None or now < self.outage_to
        )

    @classmethod
    def read(cls, wish: Mapping[str, Any], monotonic: float) -> Self:
        """Read the knobs as they come over HTTP.

        Raises:
            RefusedError: a knob is unknown or its value cannot be read.
        """
        known = {name for name in cls.__dataclass_fields__ if not name.startswith(("_", "outage"))}
        if unknown := set(wish) - known - {"outage"}:
            raise RefusedError(
                f"No such knob: {', '.join(sorted(unknown))}. There are {', '.join(sorted(known))}"
                " and outage."
            )
        try:
            knobs: dict[str, Any] = {
                name: (int if name in WHOLE else float)(wish[name])
                for name in known & set(wish) - {"methods"}
            }
            if wish.get("methods") is not None:
                knobs["methods"] = frozenset(str(name).lower() for name in wish["methods"])
            outage = wish.get("outage")
            if isinstance(outage, Mapping):
                for end in ("from", "to"):
                    if outage.get(end):
                        knobs[f"outage_{end}"] = moment = datetime.fromisoformat(outage[end])
                        if moment.tzinfo is None:
                            raise ValueError(f"{outage[end]} has no zone")
            elif outage is not None:
                knobs["outage_until"] = monotonic + float(outage)
        except (TypeError, ValueError) as error:
            raise RefusedError(f"A knob cannot be read: {error}.") from error
        return cls(**knobs)

    def shown(self, monotonic: float) -> dict[str, Any]:
        """Show the knobs as they go over HTTP."""
        shown: dict[str, Any] = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if not name.startswith(("_", "outage"))
        }
        shown["methods"] = None if self.methods is None else sorted(self.methods)
        if self.outage_from or self.outage_to:
            shown["outage"] = {
                "from": self.outage_from and self.outage_from.isoformat(),
                "to": self.outage_to and self.outage_to.isoformat(),
            }
        elif self.outage_until > monotonic:
            shown["outage"] = round(self.outage_until - monotonic, 3)
        else:
            shown["outage"] = None
        return shown
