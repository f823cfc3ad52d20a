"""What came of a run: a line a step, the counts, one JSON object, and the transcript."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from simulator import reading
from simulator.oracle import Call, Difference
from simulator.town import Town

SHOWN = 20  # differences on the screen; the JSON object holds all


@dataclass(slots=True)
class Report:
    """The whole run in numbers."""

    students: int
    days: int
    seed: int
    counts: dict[str, int] = field(default_factory=dict)
    behaviours: dict[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    differences: Sequence[Difference] = ()
    lost: int = 0
    duplicated: int = 0
    transcript: str = ""
    seconds: float = 0.0
    lines: Sequence[str] = ()

    @property
    def never_seen(self) -> tuple[str, ...]:
        """The behaviours that a town of this size must show and did not."""
        return tuple(
            name
            for name, times in self.behaviours.items()
            if not times and name not in self.left_out
        )

    @property
    def ok(self) -> bool:
        """Say whether all was as it must be."""
        return not (self.differences or self.lost or self.duplicated or self.never_seen)

    def document(self) -> dict[str, Any]:
        """Return the one object that `--json` prints."""
        return {
            "ok": self.ok,
            "students": self.students,
            "days": self.days,
            "seed": self.seed,
            "counts": self.counts,
            "behaviours": self.behaviours,
            "left_out": list(self.left_out),
            "differences": [asdict(each) for each in self.differences],
            "lost": self.lost,
            "duplicated": self.duplicated,
            "transcript": self.transcript,
            "seconds": round(self.seconds, 1),
        }


def step_line(day: str, at: str, step: str, counts: Mapping[str, int]) -> str:
    """Say in a line what one step came to."""
    told = " · ".join(f"{name} {number}" for name, number in counts.items() if number)
    return f"{day} {at}  {step:<12}  {told or 'nothing'}"


# ---- the transcript ------------------------------------------------------------------------

_HOW = {"editMessageText": " (edited)", "editMessageCaption": " (edited)"}


class Transcript:
    """Everything that was done and sent, the same for the same seed.

    What the bot sends side by side arrives in any order; it is told person by person. Ids are left
    out: ours are random and the messenger's follow the order of arrival.
    """

    def __init__(self, town: Town, *, keep: bool = False) -> None:
        self._town = town
        self._hash = hashlib.sha256()
        self.lines: list[str] | None = [] if keep else None

    def add(self, *lines: str) -> None:
        """Write lines down."""
        for line in lines:
            self._hash.update(line.encode() + b"\n")
        if self.lines is not None:
            self.lines += lines

    def calls(self, calls: Iterable[Call], chat_of: Mapping[str, int]) -> None:
        """Write down what the bot did, person by person."""
        told = []
        for call in calls:
            callback = call.params.get("callback_query_id")
            chat = chat_of.get(callback, 0) if callback else int(call.params.get("chat_id", 0))
            if line := self._line(call, chat):
                told.append((chat, call.method != "answerCallbackQuery", line))
        self.add(*(line for _, _, line in sorted(told)))

    def _line(self, call: Call, chat: int) -> str | None:
        phone = self._town.phones.get(chat)
        name = f"{phone.name} {chat}" if phone else str(chat)
        text = reading.plain(call.params.get("text") or call.params.get("caption") or "")
        if call.method == "answerCallbackQuery":
            return f"  {name}: ({text})"
        if call.method == "deleteMessage":
            return f"  {name}: (a message taken away)"
        if "chat_id" not in call.params:
            return None
        how = " (reply)" if call.params.get("reply_parameters") else _HOW.get(call.method, "")
        failed = "" if call.ok else " (refused)"
        rows = " ".join(f"[{button.text}]" for button in reading.buttons_of(call.params))
        return f"  bot → {name}{how}{failed}: " + text.replace("\n", " / ") + f" {rows}".rstrip()

    @property
    def digest(self) -> str:
        """The hash of the whole transcript."""
        return self._hash.hexdigest()[:16]


def summary_lines(report: Report) -> list[str]:
    """Say at the end what the run came to."""
    counts = Counter(report.counts)
    lines = [
        "",
        "Behaviours: " + ", ".join(f"{name} {n}" for name, n in report.behaviours.items() if n),
    ]
    if report.left_out:
        lines.append("Left out, the town is too small: " + ", ".join(report.left_out))
    if report.never_seen:
        lines.append("Never seen: " + ", ".join(report.never_seen))
    if report.differences:
        lines += [each.line() for each in report.differences[:SHOWN]]
        if len(report.differences) > SHOWN:
            lines.append(f"… and {len(report.differences) - SHOWN} more; --json holds them all")
    if counts["copies"] or counts["asked again"]:
        lines.append(
            f"Trouble: {counts['asked again']} asked again after a silence; {counts['copies']} "
            f"messages came once more and {counts['left']} reminders or pictures were left, each "
            "after an answer that was lost on the wire"
        )
    lines.append(
        f"{report.students} students, {report.days} days, seed {report.seed}: "
        f"{counts['asks']} asked, {counts['answers']} answers, {counts['calls']} messages and "
        f"edits, {counts['checks']} checks; {len(report.differences)} differences, "
        f"{report.lost} lost, {report.duplicated} duplicated; transcript {report.transcript}; "
        f"{report.seconds:.0f} s"
    )
    return lines
