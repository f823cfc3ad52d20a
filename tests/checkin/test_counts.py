from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st

from checkin.checkins import Counted, Counts, Status, count, zero_report
from checkin.questions import Disposition

IN = Counted(Status.complete, Disposition.cleared)
UNWELL = Counted(Status.complete, Disposition.stay_home)
SILENT = Counted(Status.asked)


def checkins() -> st.SearchStrategy[Counted]:
    return st.builds(
        Counted,
        status=st.sampled_from(Status),
        disposition=st.sampled_from(Disposition),
        absent=st.booleans(),
        late=st.booleans(),
        sighted=st.booleans(),
    )


def test_silence_is_not_health() -> None:
    counts = count([IN, SILENT, Counted(Status.due), Counted(Status.partial)])
    assert (counts.cleared, counts.silent) == (1, 3)
    report = zero_report(counts)
    assert (report.cases, report.accounted, report.unaccounted) == (0, 1, 3)
    assert report.coverage == 0.25


def test_a_class_that_nobody_answered_for_has_no_coverage() -> None:
    report = zero_report(count([Counted(Status.no_response), Counted(Status.unreachable)]))
    assert report.coverage == 0


def test_half_an_answer_is_silence_whatever_it_says() -> None:
    counts = count([Counted(Status.partial, Disposition.cleared)])
    assert (counts.cleared, counts.silent) == (0, 1)


def test_the_excused_are_not_expected_but_accounted_for() -> None:
    counts = count([IN, Counted(Status.excused)])
    assert (counts.expected, counts.response_rate) == (1, 1.0)
    assert zero_report(counts).accounted == 2


def test_a_child_held_from_yesterday_is_a_case_and_unaccounted_while_the_family_is_silent() -> (
    None
):
    counts = count([IN, Counted(Status.no_response, Disposition.stay_home)])
    assert (counts.in_, counts.stay_home, counts.held) == (1, 0, 1)
    report = zero_report(counts)
    assert (report.cases, report.accounted, report.unaccounted) == (1, 1, 1)
    assert not report.is_zero


def test_a_child_seen_in_school_is_accounted_for_but_not_in() -> None:
    counts = count([IN, Counted(Status.no_response, sighted=True)])
    assert (counts.in_, counts.no_response) == (1, 1)
    assert zero_report(counts).unaccounted == 0


def test_zero_is_zero_cases_not_zero_silence() -> None:
    assert zero_report(count([IN, SILENT])).is_zero
    assert not zero_report(count([UNWELL, IN])).is_zero


def test_where_nobody_is_expected_there_is_no_rate() -> None:
    assert Counts().response_rate is None
    assert zero_report(Counts()).coverage is None


@given(st.lists(checkins()))
def test_everybody_is_counted_exactly_once(all_of_them: list[Counted]) -> None:
    counts = count(all_of_them)
    assert counts.expected + counts.excused == len(all_of_them)
    assert counts.expected == (
        counts.in_ + counts.silent + counts.no_response + counts.unreachable
    )
    assert counts.in_ == counts.cleared + counts.stay_home + counts.see_nurse
    assert counts.absent <= counts.in_ >= counts.late
    report = zero_report(counts)
    assert report.accounted + report.unaccounted == len(all_of_them)
    assert report.cases == sum(c.disposition is not Disposition.cleared for c in all_of_them)
    assert counts.held <= len(all_of_them) - counts.in_


@given(st.lists(checkins()), st.lists(checkins()))
def test_classes_add_up_to_their_school(one: list[Counted], other: list[Counted]) -> None:
    school = count(one + other)
    assert count(one) + count(other) == school
    assert all(type(getattr(school, part.name)) is int for part in fields(Counts))
