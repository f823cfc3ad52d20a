"""What the bots did since each step of the day, counted from the log."""

from dataclasses import dataclass, field

from sandbox.clock import ShiftedClock, Step
from sandbox.journal import Journal
from sandbox.records import JSON

SENT = frozenset({"sendmessage", "sendphoto", "senddocument"})
TAKEN = "answercallbackquery"
BLOCKED = 403


@dataclass(slots=True)
class Tally:
    """Counts between one step and the next."""

    step: Step
    people: set[str] = field(default_factory=set)
    messages: int = 0
    taps: int = 0
    refused: int = 0

    def shown(self) -> JSON:
        """Show it as the users' API does."""
        return {
            "at": self.step.at.isoformat(),
            "label": self.step.label,
            "people": len(self.people),
            "messages": self.messages,
            "taps": self.taps,
            "refused": self.refused,
        }


def tallies(journal: Journal, clock: ShiftedClock) -> list[Tally]:
    """Count for every step that the clock has passed; the log is read from its end."""
    passed = [Tally(step) for step in clock.steps if clock.is_done(step)]
    place = len(passed) - 1
    for entry in reversed(journal.entries):
        while place >= 0 and entry.at < passed[place].step.at.timestamp():
            place -= 1
        if place < 0:
            break
        method = entry.method.lower()
        if method == TAKEN and entry.ok:
            passed[place].taps += 1
        elif method in SENT and entry.ok:
            passed[place].messages += 1
            passed[place].people.add(str(entry.params.get("chat_id")))
        elif method in SENT and entry.error_code == BLOCKED:
            passed[place].refused += 1
    return passed
