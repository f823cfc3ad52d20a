"""A school's day for its lead: short on a phone, and fit to be forwarded as it stands. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby

from bot.phrases import card_button, clock_words, day_words, joined, list_words, unit_words
from bot.render_calendar import closed_line
from bot.texts import Texts
from checkin.arrivals import MISSING
from checkin.checkins import Counts, Status
from checkin.corrections import Change
from checkin.names import mask
from checkin.pauses import EXCUSES, FAMILY, Excuse
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.summary_views import (
    CorrectedView,
    DayPicture,
    Exceptional,
    Since,
    SummaryView,
)

MOST_CASES = 20
MOST_LINES = 10
MOST_CLASSES = 12
MOST_NAMES = 6  # of one class; /class names the rest


def summary(view: SummaryView | None, texts: Texts) -> Rendered:
    """Render a school's day by exception: names masked, the unaccounted named, and `Sign`."""
    if view is None:
        return Rendered(texts("card.not_yours_now"))
    parts = [texts("summary.title", unit=view.unit_name, day=day_words(texts, view.day))]
    if not view.opened:
        if view.no_school is None:
            parts.append(texts("summary.not_opened"))
        else:
            parts.append(closed_line(view.no_school, texts))
        return Rendered(joined(parts))
    parts += _numbers(view, texts)
    parts += _lists(view, texts)
    if view.unasked:
        days = list_words(texts, (day_words(texts, day) for day in view.unasked))
        parts.append(texts("summary.unasked_days", days=days))
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
        if view.since is not None:
            parts += _since("summary.since", view.since, texts)
    else:
        parts.append(texts("summary.please_sign" if view.closed else "summary.still_open"))
    return Rendered(joined(parts), _buttons(view, texts))


def unsigned(view: SummaryView | None, texts: Texts) -> Rendered | None:
    """Remind a lead of a summary; None when it has been signed, or is not theirs any more."""
    if view is None or view.signature is not None:
        return None
    return Rendered(texts("summary.unsigned", unit=view.unit_name))


def _buttons(view: SummaryView, texts: Texts) -> tuple[tuple[Button, ...], ...]:
    last = (
        card_button(texts, "button.picture", Verb.picture, view),
        card_button(texts, "button.refresh", Verb.refresh, view),
    )
    if view.signature is not None or not view.closed:
        return (last,)
    press = Press(Verb.sign, view.card_id, view.revision, (view.fingerprint,)).pack()
    key = "button.sign_zero" if view.zero.is_zero else "button.sign"
    sign = Button(texts.plain(key, n=view.zero.cases), press, Style.good)
    return ((sign,), last)


def _numbers(view: SummaryView, texts: Texts) -> list[str]:
    parts = [_rate("summary.students", view.students, texts)]
    if view.staff.expected:
        parts.append(_rate("summary.staff", view.staff, texts))
    zero, everybody = view.zero, view.summary.everybody
    covered = {
        "accounted": zero.accounted,
        "of": zero.accounted + zero.unaccounted,
        "percent": percent(zero.coverage),
    }
    if zero.is_zero:
        parts.append(texts("summary.no_cases", **covered))
    else:
        kinds = {"stay_home": everybody.stay_home, "see_nurse": everybody.see_nurse}
        kinds["held"] = everybody.held
        told = [texts.plain(f"summary.cases_{kind}", n=n) for kind, n in kinds.items() if n]
        cases = texts.plain("word.then").join(told)
        parts.append(texts("summary.cases", n=zero.cases, kinds=cases))
        parts += _named(view.cases, texts, MOST_CASES, with_disposition=True)
        parts.append(texts("summary.coverage", **covered))
    also = {"phoned": view.summary.phoned, "sighted": everybody.sighted}
    told = [texts.plain(f"summary.by_{how}", n=n) for how, n in also.items() if n]
    if told:
        parts.append(texts("summary.among_them", how=texts.plain("word.then").join(told)))
    return parts


def _rate(key: str, counts: Counts, texts: Texts) -> str:
    in_time = counts.in_ - counts.late
    return texts(
        key,
        n=counts.in_,
        of=counts.expected,
        percent=percent(counts.response_rate),
        timely=percent(in_time / counts.expected if counts.expected else None),
    )


def percent(part: float | None) -> str:
    """Return a part as people read it; never 100% while somebody is left out."""
    return "–" if part is None else f"{int(part * 100 + 1e-9)}%"


def _lists(view: SummaryView, texts: Texts) -> list[str]:
    parts: list[str] = []
    if view.missing:
        parts.append(texts("summary.missing", n=len(view.missing)))
        parts += _named(view.missing, texts, MOST_CASES)
    if view.absent:
        parts.append(texts("summary.absent", n=len(view.absent)))
        parts += _named(view.absent, texts, MOST_LINES)
    excused = view.summary.everybody.excused
    if excused:
        parts.append(texts("summary.excused", n=excused, why=_excuses(view, texts)))
    if view.zero.unaccounted:
        parts.append(texts("summary.unaccounted", n=view.zero.unaccounted))
        for why, n in sorted(view.summary.not_asked.items()):
            parts.append(texts(f"summary.{why}", n=n))
        parts += [texts("summary.silent_class", unit=u, n=n) for u, n in view.silent_classes]
        parts += _by_class(view.unaccounted, texts)
    else:
        parts.append(texts("summary.everyone"))
    return parts


def _excuses(view: SummaryView, texts: Texts) -> str:
    """Say why people are excused, the most frequent reason first: ill 2, school trip 1."""
    counted: Counter[str] = Counter()
    for reason, n in (view.summary.excused or {}).items():
        counted[reason if reason in {*EXCUSES, FAMILY} else Excuse.other] += n
    return list_words(
        texts,
        (
            texts.plain("summary.excused_why", reason=texts.plain(f"excuse.{reason}"), n=n)
            for reason, n in counted.most_common()
        ),
    )


def _named(
    lines: Sequence[Exceptional], texts: Texts, most: int, *, with_disposition: bool = False
) -> list[str]:
    parts = []
    for line in lines[:most]:
        shown = {"name": mask(line.name), "unit": unit_words(line, texts)}
        if with_disposition:
            until = ""
            if line.valid_until is not None:
                until = texts.plain("summary.until", day=day_words(texts, line.valid_until))
            parts.append(texts(f"summary.line_{line.disposition}", **shown, until=until))
        else:
            parts.append(texts("summary.line", **shown))
    if len(lines) > most:
        parts.append(texts("summary.more", n=len(lines) - most))
    return parts


def _by_class(lines: Sequence[Exceptional], texts: Texts) -> list[str]:
    parts: list[str] = []
    told = 0
    for unit, group in groupby(lines, key=lambda line: unit_words(line, texts)):
        if len(parts) == MOST_CLASSES:
            parts.append(texts("summary.more", n=len(lines) - told))
            break
        everybody = list(group)
        names = [_with_why(line, texts) for line in everybody[:MOST_NAMES]]
        if len(everybody) > MOST_NAMES:
            names.append(texts.plain("summary.and_more", n=len(everybody) - MOST_NAMES))
        parts.append(
            texts(
                "summary.class_line", unit=unit, n=len(everybody), names=list_words(texts, names)
            )
        )
        told += len(everybody)
    return parts


def _with_why(line: Exceptional, texts: Texts) -> str:
    name = mask(line.name)
    if line.presence == MISSING:
        return texts.plain("summary.not_there", name=name)
    if line.status is Status.unreachable:
        return texts.plain("summary.out_of_reach", name=name)
    return name


# ---- after the signature -------------------------------------------------------------------


def corrected(view: CorrectedView, texts: Texts) -> Rendered:
    """Tell the signer, or whoever leads in their place, what changed; the signature stays."""
    head = {"unit": view.unit_name, "day": day_words(texts, view.day)}
    if view.signer is None:
        parts = [texts("corrected.title", **head)]
    else:
        parts = [texts("corrected.title_of", **head, name=view.signer)]
    parts += _since("corrected.changes", view.since, texts)
    parts.append(texts("corrected.kept"))
    return Rendered(joined(parts))


def _since(key: str, since: Since, texts: Texts) -> list[str]:
    parts = [texts(key, changes=changes_words(since.changes, texts))]
    for line in since.news[:MOST_LINES]:
        if line.presence == MISSING or line.disposition is None:
            shown = {"name": mask(line.name), "unit": unit_words(line, texts)}
            parts.append(texts("summary.line", **shown))
        else:
            parts += _named([line], texts, 1, with_disposition=True)
    return parts


def changes_words(changes: Mapping[Change, int], texts: Texts) -> str:
    """Return what changed, the gravest first: 1 new case, 2 answered late."""
    told = [texts.plain(f"since.{kind}", n=changes[kind]) for kind in Change if kind in changes]
    return texts.plain("word.then").join(told)


# ---- the picture's line --------------------------------------------------------------------


def caption(picture: DayPicture, texts: Texts) -> str:
    """Return the one line beneath the picture of a day."""
    return texts(
        "picture.caption",
        unit=picture.school,
        day=day_words(texts, picture.day),
        time=clock_words(picture.at, picture.zone),
    )


def picture(picture: DayPicture, texts: Texts) -> Rendered:
    """Draw a day; slow, for a thread of its own."""
    from bot.pictures import draw_day  # noqa: PLC0415 - Pillow is loaded where it is needed

    name = f"{picture.day.isoformat()}.png"
    return Rendered(caption(picture, texts), photo=(name, draw_day(picture, texts)))
