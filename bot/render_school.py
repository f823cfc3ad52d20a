"""What teachers are shown: class cards and flags. Pure, like the household's."""

from collections.abc import Sequence

from bot.phrases import (
    card_button,
    day_words,
    joined,
    list_words,
)
from bot.texts import Texts
from checkin.checkins import Counts, Status
from checkin.questions import Disposition
from handlers.messages import Rendered
from handlers.presses import Verb
from handlers.views import ClassView, Line

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
    unwell = counts.stay_home + counts.see_nurse + counts.held
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
