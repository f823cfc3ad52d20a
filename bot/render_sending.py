"""How sending goes, in words and buttons: numbers only, nobody's name."""

from datetime import datetime

from bot.phrases import card_button, clock_words, joined, short_day_words
from bot.texts import Texts
from handlers.messages import Button, Rendered, Style
from handlers.presses import Verb
from handlers.sending import ASK, GO_ON, NO, REFRESH, STOP, SendingView, Share


def progress(view: SendingView, texts: Texts) -> Rendered:
    """Render how sending goes for a school, or for all that an admin looks after."""
    parts = [texts("sending.title", name=view.name)]
    if not view.of:
        parts += [texts("sending.nothing"), texts("sending.nothing_to_stop")]
        return Rendered(joined(parts), _buttons(view, texts))
    parts.append(texts("sending.sent", n=view.sent, of=view.of))
    parts += [texts(f"sending.kind_{each.name}", n=each.sent, of=each.of) for each in view.kinds]
    counts = {"failed": view.failed, "late": view.late, "uncertain": view.uncertain}
    parts += [texts(f"sending.{name}", n=n) for name, n in counts.items() if n]
    parts += _under_way(view, texts)
    if view.stopped:
        parts.append(texts("sending.stopped", n=view.stopped))
    parts += [_share(share, view, texts) for share in view.shares]
    if view.sure:
        parts.append(texts("sending.sure", n=view.waiting))
    return Rendered(joined(parts), _buttons(view, texts))


def _under_way(view: SendingView, texts: Texts) -> list[str]:
    if not view.waiting:
        return [] if view.stopped else [texts("sending.done"), texts("sending.nothing_to_stop")]
    several = view.schools > 1
    key = "sending.waiting_schools" if several else "sending.waiting"
    parts = [texts(key, n=view.waiting, schools=view.schools)]
    if view.rests_until is not None:
        parts.append(texts("sending.rests", until=_when(view.rests_until, view, texts)))
    elif view.pace is None:
        parts.append(texts("sending.allowed", n=f"{view.allowed:g}"))
    else:
        parts.append(texts("sending.pace", pace=f"{view.pace:g}", allowed=f"{view.allowed:g}"))
    if view.finish is not None:
        parts.append(
            texts(
                "sending.finish",
                finish=_when(view.finish, view, texts),
                at=clock_words(view.at, view.zone),
            )
        )
    return parts


def _share(share: Share, view: SendingView, texts: Texts) -> str:
    if share.finish is None:
        return texts("sending.share", name=share.name, n=share.sent, of=share.of)
    when = _when(share.finish, view, texts)
    return texts("sending.share_until", name=share.name, n=share.sent, of=share.of, finish=when)


def _when(moment: datetime, view: SendingView, texts: Texts) -> str:
    """Return a time of day, with its date when that is another day's."""
    clock = clock_words(moment, view.zone)
    day = moment.astimezone(view.zone).date()
    if view.at is None or view.at.astimezone(view.zone).date() == day:
        return clock
    return f"{short_day_words(texts, day)} {clock}"


def _buttons(view: SendingView, texts: Texts) -> tuple[tuple[Button, ...], ...]:
    def button(key: str, wish: int, style: Style = Style.plain) -> Button:
        return card_button(texts, f"button.{key}", Verb.sending, view, wish, style=style)

    if view.sure and view.waiting:
        return (
            (button("sending_stop_sure", STOP, Style.danger),),
            (button("sending_leave", NO, Style.good),),
        )
    rows = []
    if view.stopped:
        rows.append((button("sending_go_on", GO_ON, Style.good),))
    last = [button("refresh", REFRESH)]
    if view.waiting:
        last.insert(0, button("sending_stop", ASK, Style.danger))
    return (*rows, tuple(last))
