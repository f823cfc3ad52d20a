"""What those at school are shown of a case: a disposition, never the symptom. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from bot.phrases import clock_words, day_words, joined, unit_words
from bot.texts import Texts
from checkin.flags import RELEASES, Decision, FlagKind
from checkin.names import mask
from checkin.questions import Disposition
from handlers.flag_views import FlagView
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb

_LOUD = {"unseen", "instead", "last_resort"}


def flag(view: FlagView | None, texts: Texts) -> Rendered:
    """Render one flag: the same words throughout, and below them what has become of it."""
    if view is None:
        return Rendered(texts("card.not_yours_now"))
    parts = []
    if view.told_as in _LOUD and view.seen is None and view.decision is None:
        parts.append(texts(f"flag.as_{view.told_as}", unit=unit_words(view.line, texts)))
    parts += [_what(view, texts), *_became(view, texts)]
    if view.decision is not None:
        return Rendered(joined(parts))
    if view.releasing and view.may_release:
        parts.append(texts("flag.release_why"))
        return Rendered(joined(parts), _reasons(view, texts))
    return Rendered(joined(parts), _buttons(view, texts))


def _what(view: FlagView, texts: Texts) -> str:
    line = view.line
    said = {
        # The office learns whom to ring about, and no more than a wider list would say.
        "name": mask(line.name) if view.told_as == "last_resort" else line.name,
        "unit": unit_words(line, texts),
    }
    if view.kind is FlagKind.correction:
        if view.wanted is None or view.decision is not None:
            return texts("flag.correction_was", **said)
        now = texts.plain(f"disposition.{line.disposition or Disposition.cleared}")
        wanted = texts.plain(f"disposition.{view.wanted}")
        return texts("flag.correction", **said, now=now, wanted=wanted)
    said["time"] = clock_words(view.raised_at, view.zone)
    if view.kind is FlagKind.missing:
        return texts("flag.missing", **said)
    if view.severity == 1:
        return texts("flag.see_nurse", **said)
    if view.until is not None and view.until > view.day:
        return texts("flag.stay_home_until", **said, until=day_words(texts, view.until))
    return texts("flag.stay_home", **said)


def _became(view: FlagView, texts: Texts) -> list[str]:
    parts = []
    if view.seen is not None and view.decision not in {Decision.agreed, Decision.left}:
        time = clock_words(view.seen.at, view.zone)
        parts.append(texts("flag.seen", name=view.seen.name, time=time))
    elif view.passed_on_at is not None and view.told_as == "nearest" and view.decision is None:
        parts.append(texts("flag.passed_on", time=clock_words(view.passed_on_at, view.zone)))
    if view.decision is not None and view.decided is not None:
        now = texts.plain(f"disposition.{view.line.disposition or Disposition.cleared}")
        time = clock_words(view.decided.at, view.zone)
        parts.append(texts(f"flag.done_{view.decision}", time=time, by=view.decided.name, now=now))
    return parts


def _buttons(view: FlagView, texts: Texts) -> tuple[tuple[Button, ...], ...]:
    check_in = view.line.check_in_id
    rows: list[list[Button]] = [[], []]
    if view.kind is FlagKind.correction:
        if view.may_release:
            release, keep = Press(Verb.release, check_in), Press(Verb.keep_flag, check_in)
            rows[0] = [
                Button(texts.plain("button.release"), release.pack(), Style.good),
                Button(texts.plain("button.keep_flag"), keep.pack()),
            ]
    elif view.seen is None and view.may_acknowledge:
        press = Press(Verb.acknowledge, view.flag_id).pack()
        rows[0] = [Button(texts.plain("button.seen"), press, Style.good)]
    if view.may_see and view.kind is not FlagKind.missing:
        details = Press(Verb.details, check_in).pack()
        rows[1].append(Button(texts.plain("button.details"), details))
    if view.may_release and view.kind is FlagKind.flag:
        press = Press(Verb.release_because, view.flag_id).pack()
        rows[1].append(Button(texts.plain("button.release_because"), press))
    return tuple(tuple(row) for row in rows if row)


def _reasons(view: FlagView, texts: Texts) -> tuple[tuple[Button, ...], ...]:
    rows = [
        (
            Button(
                texts.plain(f"button.release_{why}"),
                Press(Verb.release_because, view.flag_id, 0, (place,)).pack(),
            ),
        )
        for place, why in enumerate(RELEASES, start=1)
    ]
    back = Press(Verb.release_because, view.flag_id).pack()
    return (*rows, (Button(texts.plain("button.back"), back),))


def left_for_family(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Tell a family that a correction was not accepted, and what they can do."""
    said = {"name": params["name"], "now": texts.plain(params["now"]["key"])}
    until = date.fromisoformat(params["until"] or params["day"])
    if until > date.fromisoformat(params["day"]):
        said["until"] = day_words(texts, until)
        return Rendered(texts("flag.left_for_family_until", **said))
    return Rendered(texts(key, **said))
