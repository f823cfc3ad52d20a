"""What teachers and leads are shown: class cards, summaries, flags. Pure, like the household's."""

from collections.abc import Sequence
from itertools import groupby

from bot.phrases import (
    card_button,
    clock_words,
    day_words,
    joined,
    list_words,
    unit_words,
)
from bot.texts import Texts
from checkin.checkins import Counts, Status
from checkin.names import mask
from checkin.questions import Disposition
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.views import ClassView, FlagView, Line, SummaryView

MOST_LINES = 40
MOST_NAMES = 8  # of one class in the summary; /class names the rest


# ---- the class card ------------------------------------------------------------------------


def class_card(view: ClassView, texts: Texts) -> Rendered:
    """Render a class for those who know it by name: full names, and no symptom beside any."""
    counts = view.counts
    parts = [
        texts("class.title", unit=view.unit_name, day=day_words(texts, view.day)),
    ]
    if not view.opened:
        parts.append(texts("class.not_opened"))
        return Rendered(joined(parts))
    parts.append(_class_counts(counts, texts))
    for key, lines in _groups(view.lines):
        if lines:
            names = list_words(texts, (line.name for line in lines))
            parts.append(texts(f"class.{key}", names=names, n=len(lines)))
    if not any(lines for _, lines in _groups(view.lines)):
        parts.append(texts("class.all_well"))
    if view.closed:
        parts.append(texts("class.closed"))
    return Rendered(joined(parts), ((card_button(texts, "button.refresh", Verb.refresh, view),),))


def _class_counts(counts: Counts, texts: Texts) -> str:
    unwell = counts.stay_home + counts.see_nurse
    silent = counts.silent + counts.no_response
    words = [texts("class.in", n=counts.in_, of=counts.expected)]
    words += [texts("class.unwell", n=unwell)] if unwell else []
    words += [texts("class.silent_count", n=silent)] if silent else []
    return texts.plain("word.then").join(words)


def _groups(lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    def of(disposition: Disposition) -> list[Line]:
        return [line for line in lines if line.disposition is disposition]

    silent = {Status.due, Status.asked, Status.partial, Status.no_response}
    return [
        ("stay_home", of(Disposition.stay_home)),
        ("see_nurse", of(Disposition.see_nurse)),
        ("correction", [line for line in lines if line.correction_asked]),
        ("absent", [ln for ln in of(Disposition.cleared) if ln.absent]),
        ("silent", [line for line in lines if line.status in silent]),
        ("unreachable", [line for line in lines if line.status is Status.unreachable]),
    ]


# ---- the summary ---------------------------------------------------------------------------


def summary(view: SummaryView, texts: Texts) -> Rendered:
    """Render a school's day by exception: names masked, the unaccounted named, and `Sign`."""
    parts = [texts("summary.title", unit=view.unit_name, day=day_words(texts, view.day))]
    if not view.opened:
        parts.append(texts("summary.not_opened"))
        return Rendered(joined(parts))
    parts += [_rate("summary.students", view.students, texts)]
    if view.staff.expected:
        parts += [_rate("summary.staff", view.staff, texts)]
    parts.append(_cases(view, texts))
    parts += _named(view.flagged, texts, with_disposition=True)
    if view.absent:
        parts.append(texts("summary.absent", n=len(view.absent)))
        parts += _named(view.absent, texts)
    if view.unaccounted:
        parts.append(texts("summary.unaccounted", n=len(view.unaccounted)))
        parts += _by_class(view, texts)
    else:
        parts.append(texts("summary.everyone"))
    rows: list[tuple[Button, ...]] = []
    if view.signature is not None:
        parts.append(
            texts(
                "summary.signed",
                name=view.signature.name,
                time=clock_words(view.signature.at, view.zone),
                cases=view.signature.cases,
                unaccounted=view.signature.unaccounted,
            )
        )
    elif view.closed:
        parts.append(texts("summary.please_sign"))
        key = "button.sign_zero" if view.zero.is_zero else "button.sign"
        shown = (view.zero.cases, view.zero.unaccounted)
        press = Press(Verb.sign, view.card_id, view.revision, shown).pack()
        label = texts.plain(key, n=view.zero.cases)
        rows.append((Button(label, press, Style.good),))
    else:
        parts.append(texts("summary.still_open"))
    rows.append((card_button(texts, "button.refresh", Verb.refresh, view),))
    return Rendered(joined(parts), tuple(rows))


def _rate(key: str, counts: Counts, texts: Texts) -> str:
    rate = counts.response_rate
    percent = "–" if rate is None else f"{int(rate * 100)}%"
    return texts(key, n=counts.in_, of=counts.expected, percent=percent)


def _cases(view: SummaryView, texts: Texts) -> str:
    every = view.students + view.staff
    if view.zero.is_zero:
        return texts("summary.no_cases", accounted=view.zero.accounted)
    kinds = {"stay_home": every.stay_home, "see_nurse": every.see_nurse}
    told = [texts.plain(f"summary.cases_{kind}", n=n) for kind, n in kinds.items() if n]
    return texts("summary.cases", n=view.zero.cases, kinds=texts.plain("word.then").join(told))


def _named(lines: Sequence[Line], texts: Texts, *, with_disposition: bool = False) -> list[str]:
    parts = []
    for line in lines[:MOST_LINES]:
        key = f"summary.line_{line.disposition}" if with_disposition else "summary.line"
        parts.append(texts(key, name=mask(line.name), unit=unit_words(line, texts)))
    if len(lines) > MOST_LINES:
        parts.append(texts("summary.more", n=len(lines) - MOST_LINES))
    return parts


def _by_class(view: SummaryView, texts: Texts) -> list[str]:
    parts = []
    for unit, group in groupby(view.unaccounted, key=lambda line: unit_words(line, texts)):
        names = [mask(line.name) for line in group]
        shown = names[:MOST_NAMES] + ["…"] * (len(names) > MOST_NAMES)
        parts.append(
            texts("summary.class_line", unit=unit, n=len(names), names=list_words(texts, shown))
        )
    return parts


# ---- flags ---------------------------------------------------------------------------------


def flag(view: FlagView, texts: Texts) -> Rendered:
    """Tell a teacher at once of a flagged child: the disposition, never the symptom."""
    line = view.line
    text = texts(
        f"flag.{line.disposition or Disposition.cleared}",
        name=line.name,
        unit=unit_words(line, texts),
        time=clock_words(view.at, view.zone),
    )
    if line.disposition in {None, Disposition.cleared}:
        return Rendered(text)
    details = Press(Verb.details, line.check_in_id).pack()
    return Rendered(text, ((Button(texts.plain("button.details"), details),),))


def correction(view: FlagView, texts: Texts) -> Rendered | None:
    """Ask a teacher whether a flag may fall; None when it was decided meanwhile."""
    if view.asked_for is None:
        return None
    line = view.line
    text = texts(
        "flag.correction",
        name=line.name,
        unit=unit_words(line, texts),
        now=texts.plain(f"disposition.{line.disposition}"),
        wanted=texts.plain(f"disposition.{view.asked_for}"),
    )
    rows = (
        (
            Button(
                texts.plain("button.release"),
                Press(Verb.release, line.check_in_id).pack(),
                Style.good,
            ),
            Button(
                texts.plain("button.keep_flag"), Press(Verb.keep_flag, line.check_in_id).pack()
            ),
        ),
        (Button(texts.plain("button.details"), Press(Verb.details, line.check_in_id).pack()),),
    )
    return Rendered(text, rows)


def decided(view: FlagView, texts: Texts) -> Rendered:
    """Say under an answered correction what stands now, without its buttons."""
    line = view.line
    return Rendered(
        texts(
            "flag.decided",
            name=line.name,
            unit=unit_words(line, texts),
            now=texts.plain(f"disposition.{line.disposition or Disposition.cleared}"),
        )
    )
