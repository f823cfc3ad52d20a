"""A school's day by exception: every number is a plain recount, and a signature keeps it all."""

import json
import re
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from bot.render_summary import percent, summary
from bot.texts import texts
from checkin.questions import Disposition
from checkin.statuses import Status
from checkin.summaries import WHOLE, Stood, Summary, as_signed, summarize
from handlers.summary_views import SummaryView, exceptions
from storage.summaries import Named

MONDAY = date(2026, 3, 2)
SCHOOL = 1
UNITS = {SCHOOL: "Green Shoots", 11: "1-1", 12: "1-2", 13: "1-3"}


@st.composite
def check_ins(draw: st.DrawFn) -> list[Stood]:
    found = []
    for place in range(draw(st.integers(0, 60))):
        unit = draw(st.sampled_from(sorted(UNITS)))
        status = draw(st.sampled_from(Status))
        complete = status is Status.complete
        disposition = draw(st.sampled_from(Disposition)) if complete else None
        found.append(
            Stood(
                check_in_id=place + 1,
                subject_id=place + 1001,
                unit_id=unit,
                is_staff=unit == SCHOOL,
                status=status,
                disposition=disposition,
                absent=complete and draw(st.booleans()),
                late=complete and draw(st.booleans()),
                via=draw(st.sampled_from(["chat", "phone", "class"])) if complete else "chat",
                excuse="ill" if status is Status.excused else None,
                presence=draw(st.sampled_from([None, "here", "missing"])),
                valid_until=MONDAY if disposition is Disposition.stay_home else None,
            )
        )
    return found


def view_of(found: Summary) -> SummaryView:
    every = {*found.cases, *found.missing, *found.absent, *found.unaccounted}
    names = {s.check_in_id: Named(f"Child {s.check_in_id}", UNITS[s.unit_id], 0) for s in every}
    whole = found.silent_classes or {}
    rest = [s for s in found.unaccounted if s.unit_id not in whole]
    return SummaryView(
        card_id=1,
        revision=1,
        unit_name="Green Shoots",
        day=MONDAY,
        zone=ZoneInfo("Asia/Shanghai"),
        summary=found,
        cases=exceptions(found.cases, names),
        missing=exceptions(found.missing, names),
        absent=exceptions(found.absent, names),
        unaccounted=exceptions(rest, names),
        silent_classes=tuple((UNITS[unit], n) for unit, n in whole.items()),
        closed=True,
        opened=True,
    )


def said(text: str, pattern: str) -> tuple[str, ...]:
    """Return what a line of the summary says, as zero where the line is not there."""
    found = re.search(pattern, text)
    return found.groups() if found else ("0",)


@given(check_ins())
def test_every_number_of_the_summary_is_a_plain_recount(stood: list[Stood]) -> None:
    text = re.sub(r"<[^>]+>", "", summary(view_of(summarize(stood)), texts("en")).text)

    def rate(people: list[Stood]) -> tuple[str, ...]:
        asked = [s for s in people if s.status is not Status.excused]
        done = [s for s in asked if s.status is Status.complete]
        in_time = [s for s in done if not s.late]
        whole = len(asked)
        return (
            str(len(done)),
            str(whole),
            percent(len(done) / whole if whole else None),
            percent(len(in_time) / whole if whole else None),
        )

    rates = r": (\d+) of (\d+) answered \((.+?); in time (.+?)\)"
    students = [s for s in stood if s.unit_id != SCHOOL]
    staff = [s for s in stood if s.unit_id == SCHOOL]
    assert said(text, "Students" + rates) == rate(students)
    if any(s.status is not Status.excused for s in staff):
        assert said(text, "Staff" + rates) == rate(staff)

    unheard = [
        s
        for s in stood
        if s.status not in {Status.complete, Status.excused} and s.presence != "here"
    ]
    ill = [
        s
        for s in stood
        if s.status is Status.complete and s.disposition is not Disposition.cleared
    ]
    accounted, of = len(stood) - len(unheard), len(stood)
    if ill:
        assert said(text, r"(\d+) cases?: ")[0] == str(len(ill))
        home = sum(s.disposition is Disposition.stay_home for s in ill)
        assert said(text, r"(\d+) stay home")[0] == str(home)
        assert said(text, r"(\d+) to the nurse")[0] == str(len(ill) - home)
        covered = said(text, r"Accounted for: (\d+) of (\d+) \((.+?)\)")
    else:
        covered = said(text, r"No case among the (\d+) accounted for, of (\d+) \((.+?)\)")
    assert covered == (str(accounted), str(of), percent(accounted / of if of else None))
    assert said(text, r"Not heard from: (\d+)")[0] == str(len(unheard))
    missing = [
        s
        for s in stood
        if s.status is Status.complete
        and s.presence == "missing"
        and not s.absent
        and s.disposition is not Disposition.stay_home
    ]
    assert said(text, r"but not there: (\d+)")[0] == str(len(missing))
    absent = [s for s in stood if s.absent and s.disposition is Disposition.cleared]
    assert said(text, r"nothing amiss reported: (\d+)")[0] == str(len(absent))
    excused = sum(s.status is Status.excused for s in stood)
    assert said(text, r"Excused: (\d+)")[0] == str(excused)
    seen = sum(
        s.presence == "here" and s.status not in {Status.complete, Status.excused} for s in stood
    )
    assert said(text, r"(\d+) seen at school")[0] == str(seen)
    phoned = sum(s.via == "phone" and s.status is Status.complete for s in stood)
    assert said(text, r"(\d+) by phone")[0] == str(phoned)
    by_class = re.findall(r"(?m)^· \S+ \((\d+)\): ", text)
    whole = re.findall(r"nothing known of all (\d+)", text)
    assert sum(int(n) for n in [*by_class, *whole]) == len(unheard)


@given(check_ins())
def test_a_signature_keeps_the_whole_summary(stood: list[Stood]) -> None:
    found = summarize(stood)
    assert as_signed(json.loads(json.dumps(found.kept()))) == found


def test_a_class_of_which_nothing_is_known_is_one_line() -> None:
    silent = [Stood(n, n, 11, False, Status.no_response) for n in range(WHOLE)]
    assert summarize(silent).silent_classes == {11: WHOLE}
    one_seen = [replace(silent[0], presence="here"), *silent[1:]]
    assert summarize(one_seen).silent_classes == {}
    excused = [replace(each, status=Status.excused) for each in silent]
    assert summarize(excused).silent_classes == {}


def test_staff_are_no_class() -> None:
    silent = [Stood(n, n, SCHOOL, True, Status.no_response) for n in range(WHOLE)]
    assert summarize(silent).silent_classes == {}


def test_long_lists_end_with_how_many_more_and_where() -> None:
    stood = [
        Stood(n, n, 11, False, Status.complete, Disposition.stay_home, valid_until=MONDAY)
        for n in range(30)
    ]
    text = summary(view_of(summarize(stood)), texts("en")).text
    assert "… and 10 more: /class" in text


def test_silence_of_a_whole_city_school_still_fits_a_message() -> None:
    stood = [
        Stood(n, n, 11 + n % 3, False, Status.no_response if n % 7 else Status.excused)
        for n in range(2_400)
    ]
    message = summary(view_of(summarize(stood)), texts("en"))
    assert len(message.text) < 4096
    assert "then sign" in message.text
