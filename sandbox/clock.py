"""The sandbox's time: the real one, moved."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


class BackwardsError(ValueError):
    """The clock was asked to go back without force."""


@dataclass(frozen=True, slots=True)
class Step:
    """A named moment of a walked-through day, which the page offers as a button."""

    at: datetime
    label: dict[str, str] = field(default_factory=dict)


class ShiftedClock:
    """Runs at real speed plus an offset, or stands still while stopped."""

    def __init__(self, start: datetime | None = None, zone: str = "UTC") -> None:
        self._offset = timedelta(0)
        self._stopped_at: datetime | None = None
        self.steps: list[Step] = []
        self.zone = zone
        if start is not None:
            self.jump_to(start, force=True)

    @property
    def running(self) -> bool:
        """Whether time passes."""
        return self._stopped_at is None

    def now(self) -> datetime:
        """Tell the sandbox's moment, aware, in UTC."""
        return self._stopped_at or datetime.now(UTC) + self._offset

    def timestamp(self) -> float:
        """Tell the sandbox's moment in seconds since 1970."""
        return self.now().timestamp()

    def jump_to(self, moment: datetime, *, force: bool = False) -> None:
        """Move to a moment; back only with force, since people's clocks do not.

        Raises:
            ValueError: the moment has no zone.
            BackwardsError: the moment is in the sandbox's past.
        """
        if moment.tzinfo is None:
            raise ValueError("the moment needs a zone, such as 2026-03-02T07:00:00+08:00")
        moment = moment.astimezone(UTC)
        if moment < self.now() and not force:
            raise BackwardsError(
                f"it is already {self.now().isoformat(timespec='seconds')}: the clock moves "
                'forward only, unless you add "force": true'
            )
        if self._stopped_at is not None:
            self._stopped_at = moment
        self._offset = moment - datetime.now(UTC)

    def shift(self, seconds: float, *, force: bool = False) -> None:
        """Move by some seconds."""
        self.jump_to(self.now() + timedelta(seconds=seconds), force=force)

    def jump_to_next_step(self) -> Step | None:
        """Move to the first step that lies ahead; None when there is none."""
        step = next((step for step in self.steps if not self.is_done(step)), None)
        if step is not None:
            self.jump_to(step.at)
        return step

    def is_done(self, step: Step) -> bool:
        """Whether the clock has passed the step."""
        return step.at <= self.now()

    def plan(self, steps: Iterable[Step]) -> None:
        """Replace the steps, kept in order of time."""
        self.steps = sorted(steps, key=lambda step: step.at)

    def stop(self) -> None:
        """Stand still at the present moment."""
        self._stopped_at = self.now()

    def run(self) -> None:
        """Go on at real speed from where it stands."""
        if self._stopped_at is not None:
            self._offset = self._stopped_at - datetime.now(UTC)
            self._stopped_at = None
