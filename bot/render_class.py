"""The class card in words and buttons, page by page: full names, and no symptom beside any."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from bot import render_household
from bot.phrases import (
    card_button,
    clock_words,
    day_words,
    in_rows,
    joined,
    list_words,
)
from bot.render_calendar import closed_line
from bot.texts import Texts
from checkin.access import Act
from checkin.arrivals import HERE, MISSING, at_once, fingerprint
from checkin.asking import (
    NEVER_ASKED,
    NOBODY_ASKED,
    NOT_ASKED,
    STOPPED,
    is_nobody_asked,
    why_not_asked,
)
from checkin.checkins import Counts, Status
from checkin.pauses import EXCUSES, UNTILS
from checkin.questions import Disposition
from checkin.statuses import SETTLED
from handlers.class_cards import PAGES, SILENT, Page
from handlers.class_views import ClassesView, ClassRow, ClassView
from handlers.excusing import ANOTHER_DAY
from handlers.messages import Button, Rendered, Style
from handlers.presses import Press, Verb
from handlers.views import Line
from storage.calling import Number

Rows = list[tuple[Button, ...]]
MOST_FLAGGED = 24  # of whom the doctor's card has a button each


def class_card(view: ClassView | ClassesView | None, texts: Texts) -> Rendered:
    """Render a class card as its reader may see it now."""
    if view is None:
        return Rendered(texts("card.not_yours_now"))
    if not view.opened:
        return _not_opened(view, texts)
    if isinstance(view, ClassesView):
        return _flagged(view, texts) if view.only_flagged else _classes(view, texts)
    return _PAGES.get(view.page, _main)(view, texts)


def _title(view: ClassView | ClassesView, texts: Texts) -> str:
    named = {"unit": view.unit_name, "day": day_words(texts, view.day)}
    if isinstance(view, ClassesView):
        numbered = view.unit_name.isdigit()  # a grade that the roster calls 3
        return texts("classes.title_grade" if numbered else "classes.title", **named)
    return (
        texts("class.title_dormitory", **named)
        if view.dormitory
        else texts("class.title", **named)
    )


def _not_opened(view: ClassView | ClassesView, texts: Texts) -> Rendered:
    parts = [_title(view, texts)]
    if view.no_school is None:
        parts.append(texts("class.not_opened"))
    else:
        parts.append(closed_line(view.no_school, texts))
    rows = _still_missing(view, parts, texts)
    if view.next_ask is not None:
        at = view.next_ask.astimezone(view.zone)
        day, time = day_words(texts, at.date()), clock_words(view.next_ask, view.zone)
        parts.append(texts("class.next_ask", day=day, time=time))
    return Rendered(joined(parts), tuple(rows))


def _still_missing(view: ClassView | ClassesView, parts: list[str], texts: Texts) -> Rows:
    """Name who was missing when the day was called off, and return the way to end the alarm."""
    if isinstance(view, ClassesView):
        for row in view.rows:
            told = texts("classes.missing", n=row.missing)
            parts.append(texts("classes.line", mark="·", unit=row.name, counts=told))
        return _class_buttons(view, texts) if view.rows else []
    parts += _missing_line(view, texts)
    return _found_buttons(view, texts)


# ---- the first page ------------------------------------------------------------------------


def _main(view: ClassView, texts: Texts) -> Rendered:
    parts = [_title(view, texts), _counts(view.counts, len(view.said), len(view.not_yet), texts)]
    groups = [(key, names) for key, names in _groups(view, texts) if names]
    for key, names in groups:
        parts.append(texts(f"class.{key}", names=list_words(texts, names), n=len(names)))
    if not groups:
        parts.append(texts("class.all_well"))
    parts += _arrival_line(view, texts)
    if view.closed:
        parts.append(texts("class.closed"))
    return Rendered(joined(parts), tuple(_main_buttons(view, texts)))


def _counts(counts: Counts, said: int, not_yet: int, texts: Texts) -> str:
    """Say how many are in, and where the others stand; who was not asked yet is not silent."""
    unwell = counts.stay_home + counts.see_nurse + counts.held
    silent = counts.silent + counts.no_response - counts.nobody_asked - said - not_yet
    words = [texts("class.in", n=counts.in_, of=counts.expected)]
    words += [texts("class.unwell", n=unwell)] if unwell else []
    words += [texts("class.said_count", n=said)] if said else []
    words += [texts("class.not_yet_count", n=not_yet)] if not_yet else []
    words += [texts("class.silent_count", n=silent)] if silent else []
    words += [texts("class.nobody_asked_count", n=counts.nobody_asked)] * bool(counts.nobody_asked)
    words += [texts("class.unreachable_count", n=counts.unreachable)] * bool(counts.unreachable)
    words += [texts("class.absent_count", n=counts.absent)] if counts.absent else []
    words += [texts("class.excused_count", n=counts.excused)] if counts.excused else []
    return texts.plain("word.then").join(words)


def _groups(view: ClassView, texts: Texts) -> list[tuple[str, list[str]]]:
    def names(choose: Callable[[Line], bool]) -> list[str]:
        return [_named(line, view, texts) for line in view.lines if choose(line)]

    def why(line: Line) -> str | None:
        return why_not_asked(line.status, line.excuse)

    def silent(line: Line) -> bool:
        return _is_silent(line, view) and not is_nobody_asked(line.status, line.excuse)

    return [
        ("stay_home", names(lambda line: line.disposition is Disposition.stay_home)),
        ("see_nurse", names(lambda line: line.disposition is Disposition.see_nurse)),
        ("correction", names(lambda line: line.correction_asked)),
        (
            "absent",
            names(lambda line: line.absent and line.disposition is Disposition.cleared),
        ),
        ("said", names(lambda line: line.check_in_id in view.said)),
        ("not_yet", names(lambda line: line.check_in_id in view.not_yet)),
        ("silent", names(silent)),
        ("not_asked", names(lambda line: why(line) == NOT_ASKED)),
        ("stopped", names(lambda line: why(line) == STOPPED)),
        ("nobody_asked", names(lambda line: why(line) == NOBODY_ASKED)),
        ("never_asked", names(lambda line: why(line) == NEVER_ASKED)),
        ("unreachable", names(lambda line: line.status is Status.unreachable)),
        ("excused", names(lambda line: line.status is Status.excused)),
    ]


def _is_silent(line: Line, view: ClassView) -> bool:
    return line.status in SILENT and line.check_in_id not in view.said | view.not_yet


def _named(line: Line, view: ClassView, texts: Texts) -> str:
    """Return a name, with how long it will be so where that is longer than today."""
    if line.status is Status.excused and line.excuse:
        reason = texts.plain(f"excuse.{line.excuse}")
        back = view.back.get(line.subject_id)
        if back is None or (back - view.day).days <= 1:
            return texts.plain("word.named", name=line.name, what=reason)
        return texts.plain(
            "word.named_back", name=line.name, what=reason, day=day_words(texts, back)
        )
    until = line.valid_until
    if line.disposition is Disposition.stay_home and until is not None and until > view.day:
        return texts.plain("word.named_until", name=line.name, day=day_words(texts, until))
    if line.presence == HERE and line.status in {*SILENT, Status.unreachable}:
        return texts.plain("word.named", name=line.name, what=texts.plain("word.seen"))
    return line.name


def _arrival_line(view: ClassView, texts: Texts) -> list[str]:
    here = [ln for ln in view.lines if ln.check_in_id in view.coming and ln.presence == HERE]
    parts = _missing_line(view, texts)
    if here:
        last = max((line.presence_at for line in here if line.presence_at), default=None)
        time = clock_words(last, view.zone)
        parts.append(texts("class.here", n=len(here), of=len(view.coming), time=time))
    return parts


def _missing_line(view: ClassView, texts: Texts) -> list[str]:
    names = list_words(texts, (line.name for line in view.missing))
    return [texts("class.missing", names=names)] if view.missing else []


def _main_buttons(view: ClassView, texts: Texts) -> Rows:
    rows = _found_buttons(view, texts)
    if Act.confirm_arrival in view.may:
        rows += _arrival_buttons(view, texts)
    waiting = [line for line in view.lines if _is_silent(line, view)]
    may_remind = not view.closed and Act.remind in view.may
    small: list[Button] = []
    if waiting and may_remind:
        small.append(card_button(texts, "button.remind", Verb.remind, view, n=len(waiting)))
    if view.to_call and Act.answer_for in view.may:
        n = len(view.to_call)
        small.append(_to(Page.calls, "button.call_list", view, texts, n=n))
    if view.to_enter and Act.answer_for in view.may:
        small.append(_to(Page.entry, "button.enter_class", view, texts))
    excused = view.counts.excused > 0
    if (view.to_enter or excused) and Act.excuse in view.may:
        small.append(_to(Page.excuses, "button.excuse", view, texts))
    if waiting and may_remind:
        small.append(card_button(texts, "button.group_line", Verb.group_line, view))
    small.append(card_button(texts, "button.refresh", Verb.refresh, view))
    return rows + in_rows(small, 2)


def _found_buttons(view: ClassView, texts: Texts) -> Rows:
    if Act.confirm_arrival not in view.may:
        return []
    return [
        (
            card_button(
                texts, "button.is_here", Verb.arrived, view, line.check_in_id,
                style=Style.good, name=line.name,
            ),
        )
        for line in view.missing
    ]  # fmt: skip


def _arrival_buttons(view: ClassView, texts: Texts) -> Rows:
    if not view.arrivals or not (view.coming or view.to_sight):
        return []
    unseen = [
        line.check_in_id
        for line in view.lines
        if line.check_in_id in view.coming and line.presence is None
    ]
    if not unseen:
        return [(_to(Page.arrival, "button.arrival", view, texts),)]
    every = card_button(
        texts, "button.all_here", Verb.confirm, view, fingerprint(unseen),
        style=Style.good, n=len(unseen),
    )  # fmt: skip
    return [(every, _to(Page.arrival, "button.someone_missing", view, texts))]


def _to(
    page: Page, key: str, view: ClassView, texts: Texts, *details: int, **params: Any
) -> Button:
    place = PAGES.index(page)
    return card_button(texts, key, Verb.page, view, place, *details, **params)


def _back(view: ClassView, texts: Texts, page: Page = Page.main) -> tuple[Button, ...]:
    return (_to(page, "button.back", view, texts),)


# ---- calling -------------------------------------------------------------------------------


def _calls(view: ClassView, texts: Texts) -> Rendered:
    parts = [_title(view, texts)]
    if not view.to_call:
        return Rendered(joined([*parts, texts("calls.nobody")]), (_back(view, texts),))
    parts.append(texts("calls.intro"))
    for line in view.to_call:
        known = view.numbers.get(line.subject_id, [])
        shown = list_words(texts, (_number(each, texts) for each in known if each.phone))
        if not shown:
            shown = texts.plain("calls.no_number")
        parts.append(texts("calls.line", name=line.name, numbers=shown))
    buttons = [
        Button(
            texts.plain("button.subject", name=line.name),
            _press(view, Verb.page, PAGES.index(Page.child), line.check_in_id),
        )
        for line in view.to_call
    ]
    return Rendered(joined(parts), (*in_rows(buttons, 2), _back(view, texts)))


def _number(number: Number, texts: Texts) -> str:
    return texts.plain("calls.number", name=number.name, phone=number.phone)


def _press(view: ClassView, verb: Verb, *details: int) -> str:
    return Press(verb, view.card_id, view.revision, details).pack()


def _child(view: ClassView, texts: Texts) -> Rendered:
    line = view.child
    if line is None:
        return _main(view, texts)
    if view.asking is not None:
        return render_household.question(view, view.asking, texts)
    parts = [texts("child.title", name=line.name, unit=line.unit_name)]
    if line.status in SETTLED:
        parts.append(texts("child.answered"))
        return Rendered(joined(parts), (_back(view, texts, Page.calls),))
    for number in view.numbers.get(line.subject_id, []):
        phone = number.phone or texts.plain("calls.no_number")
        parts.append(texts("child.number", name=number.name, phone=phone))
    parts.append(texts("child.ask"))
    well = card_button(
        texts, "button.well_by_phone", Verb.all_clear, view, line.check_in_id, style=Style.good
    )
    through = card_button(texts, "button.go_through", Verb.open_subject, view, line.check_in_id)
    rows: Rows = [(well,), (through,)]
    if Act.excuse in view.may and line in view.to_enter:
        rows.append((_to(Page.reason, "button.excuse", view, texts, line.check_in_id),))
    return Rendered(joined(parts), (*rows, _back(view, texts, Page.calls)))


# ---- a whole class, and who came -----------------------------------------------------------


def _entry(view: ClassView, texts: Texts) -> Rendered:
    parts = [_title(view, texts)]
    if not view.to_enter:
        return Rendered(joined([*parts, texts("calls.nobody")]), (_back(view, texts),))
    parts.append(texts("entry.intro"))
    now = at_once(line.check_in_id for line in view.to_enter)
    lines = [line for line in view.to_enter if line.check_in_id in now]
    well = [line for line in lines if line.check_in_id not in view.marked]
    toggles = [
        _toggle(view, line, "☐" if line.check_in_id in view.marked else "☑") for line in lines
    ]
    rows = in_rows(toggles, 2)
    if len(lines) < len(view.to_enter):
        parts.append(texts("entry.more", n=len(view.to_enter) - len(lines)))
    if well:
        shown = fingerprint(now)
        keep = card_button(
            texts, "button.are_well", Verb.confirm, view, shown, style=Style.good, n=len(well)
        )
        rows.append((keep,))
    return Rendered(joined(parts), (*rows, _back(view, texts)))


def _toggle(view: ClassView, line: Line, sign: str) -> Button:
    wanted = int(line.check_in_id not in view.marked)
    return Button(f"{sign} {line.name}", _press(view, Verb.toggle, line.check_in_id, wanted))


def _arrival(view: ClassView, texts: Texts) -> Rendered:
    coming = [line for line in view.lines if line.check_in_id in view.coming]
    unseen = [line for line in view.to_sight if line.presence != HERE]
    missing = [line for line in coming if line.check_in_id in view.marked]
    parts = [_title(view, texts), texts("arrival.intro")]
    toggles = [
        _toggle(view, line, "⚠️" if line.check_in_id in view.marked else "☑") for line in coming
    ]
    rows = in_rows(toggles, 2)
    if missing:
        names = list_words(texts, (line.name for line in missing))
        parts.append(texts("arrival.missing", names=names))
    if unseen:
        parts.append(texts("arrival.silent"))
        seen = [
            _toggle(view, line, "☑" if line.check_in_id in view.marked else "☐") for line in unseen
        ]
        rows += in_rows(seen, 2)
    shown = fingerprint(line.check_in_id for line in coming)
    new = [line for line in missing if line.presence != MISSING]
    key, style = ("button.all_are_here", Style.good)
    if missing:
        key, style = "button.missing", Style.danger if new else Style.good
    keep = card_button(
        texts, key, Verb.confirm, view, shown, style=style, n=len(missing) or len(coming)
    )
    return Rendered(joined(parts), (*rows, (keep,), _back(view, texts)))


# ---- excusing ------------------------------------------------------------------------------


def _excuses(view: ClassView, texts: Texts) -> Rendered:
    parts = [_title(view, texts), texts("excuse.whom")]
    place = PAGES.index(Page.reason)
    rows = in_rows(
        [
            Button(
                texts.plain("button.subject", name=line.name),
                _press(view, Verb.page, place, line.check_in_id),
            )
            for line in view.to_enter
        ],
        2,
    )
    excused = [line for line in view.lines if line.status is Status.excused]
    if excused:
        names = list_words(texts, (_named(line, view, texts) for line in excused))
        parts.append(texts("class.excused", names=names))
    rows += [
        (
            card_button(
                texts, "button.not_excused", Verb.not_excused, view, line.check_in_id,
                name=line.name,
            ),
        )
        for line in excused
    ]  # fmt: skip
    return Rendered(joined(parts), (*rows, _back(view, texts)))


def _reason(view: ClassView, texts: Texts) -> Rendered:
    return _ask_excuse(
        view,
        texts,
        texts("excuse.why", name=_child_name(view)),
        [(texts.plain(f"excuse.{each.value}"), (i,)) for i, each in enumerate(EXCUSES)],
    )


def _until(view: ClassView, texts: Texts) -> Rendered:
    choices = [(texts.plain(f"until.{each.value}"), (i,)) for i, each in enumerate(UNTILS)]
    choices.append((texts.plain("until.another_day"), (ANOTHER_DAY,)))
    reason = view.reason
    return _ask_excuse(
        view,
        texts,
        texts("excuse.until", name=_child_name(view)),
        [(words, (reason, *place)) for words, place in choices],
    )


def _ask_excuse(
    view: ClassView, texts: Texts, ask: str, choices: Iterable[tuple[str, tuple[int, ...]]]
) -> Rendered:
    check_in = view.child.check_in_id if view.child else 0
    buttons = [
        Button(words, _press(view, Verb.excuse, check_in, *places)) for words, places in choices
    ]
    parts = [_title(view, texts), ask]
    return Rendered(joined(parts), (*in_rows(buttons, 2), _back(view, texts, Page.excuses)))


def _date(view: ClassView, texts: Texts) -> Rendered:
    parts = [_title(view, texts)]
    parts += [texts("excuse.bad_date")] if view.doubt else []
    parts.append(texts("excuse.type_date", name=_child_name(view)))
    return Rendered(joined(parts), (_back(view, texts, Page.excuses),))


def _child_name(view: ClassView) -> str:
    return view.child.name if view.child else ""


# ---- many classes at a glance --------------------------------------------------------------


def _classes(view: ClassesView, texts: Texts) -> Rendered:
    parts = [_title(view, texts), _counts(view.counts, len(view.said), len(view.not_yet), texts)]
    parts += [_class_line(row, texts) for row in view.rows]
    if view.closed:
        parts.append(texts("class.closed"))
    return Rendered(joined(parts), tuple(_class_buttons(view, texts)))


def _class_line(row: ClassRow, texts: Texts) -> str:
    name = texts.plain("word.staff") if row.is_staff else row.name
    words = _counts(row.counts, row.said, row.not_yet, texts)
    if row.missing:
        words += texts.plain("word.then") + texts("classes.missing", n=row.missing)
    mark = "✓" if row.counts.in_ == row.counts.expected else "·"
    return texts("classes.line", mark=mark, unit=name, counts=words)


def _class_buttons(view: ClassesView, texts: Texts) -> Rows:
    buttons = [
        Button(
            row.name, Press(Verb.open_class, view.card_id, view.revision, (row.unit_id,)).pack()
        )
        for row in view.rows
        if not row.is_staff
    ]
    wide = 4 if all(len(row.name) <= 6 for row in view.rows) else 2
    refresh = card_button(texts, "button.refresh", Verb.refresh, view)
    return [*in_rows(buttons[:96], wide), (refresh,)]


def _flagged(view: ClassesView, texts: Texts) -> Rendered:
    """The doctor's slice: who is unwell, by class. They come to the doctor, so by full name."""
    parts = [_title(view, texts), _counts(view.counts, len(view.said), len(view.not_yet), texts)]
    flagged = [line for row in view.rows for line in row.flagged]
    for row in view.rows:
        for disposition in (Disposition.stay_home, Disposition.see_nurse):
            here = [line.name for line in row.flagged if line.disposition is disposition]
            if here:
                name = texts.plain("word.staff") if row.is_staff else row.name
                names = texts(f"class.{disposition}", names=list_words(texts, here), n=len(here))
                parts.append(f"<b>{texts('word.plain', name=name)}</b> {names}")
    if not flagged:
        parts.append(texts("classes.nobody_unwell"))
    why = [
        Button(
            texts.plain("button.why_named", name=line.name),
            Press(Verb.details, line.check_in_id).pack(),
        )
        for line in flagged[:MOST_FLAGGED]
    ]
    return Rendered(joined(parts), (*in_rows(why, 2), *_class_buttons(view, texts)))


_PAGES: dict[Page, Callable[[ClassView, Texts], Rendered]] = {
    Page.main: _main,
    Page.calls: _calls,
    Page.child: _child,
    Page.entry: _entry,
    Page.arrival: _arrival,
    Page.excuses: _excuses,
    Page.reason: _reason,
    Page.until: _until,
    Page.date: _date,
}


# ---- short answers -------------------------------------------------------------------------


def reminded(n: int, refused: dict[str, int], texts: Texts) -> str:
    """Say how many were reminded, and how many not and why."""
    parts = [texts.plain("toast.reminded", n=n)]
    parts += [texts.plain(f"reminded.{reason}", n=count) for reason, count in refused.items()]
    return " ".join(parts)


def substitute_whom(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Ask which colleague stands in."""
    buttons = [
        Button(each["name"], Press(Verb.substitute, params["row"], 0, (each["id"],)).pack())
        for each in params["options"]
    ]
    return Rendered(texts(key, unit=params["unit"]), tuple(in_rows(buttons, 2)))


def substitute_until(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Ask for how long."""
    row = tuple(
        Button(
            texts.plain(f"until.{each.value}"),
            Press(Verb.substitute, params["row"], 0, (params["person"], place)).pack(),
        )
        for place, each in enumerate(UNTILS)
    )
    return Rendered(texts(key, name=params["name"], unit=params["unit"]), (row,))


def substitute_day(key: str, params: Mapping[str, Any], texts: Texts) -> Rendered:
    """Say until which day somebody stands in."""
    day = day_words(texts, date.fromisoformat(params["day"]))
    return Rendered(texts(key, **{**params, "day": day}))


def group_line(key: str, n: int, time: str, texts: Texts) -> Rendered:
    """Render the line for the parents' group, with a button that copies it."""
    line = texts.plain(key, n=n, time=time)
    return Rendered(
        texts("group.shown", line=line),
        ((Button(texts.plain("button.copy"), "", copy=line),),),
    )
