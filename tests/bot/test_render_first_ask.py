"""The morning's bulk is put into words in a way of its own: it must say what every card says."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import render_first_ask, render_household
from bot.render_first_ask import first_ask
from bot.texts import texts
from checkin.questions import Disposition
from checkin.statuses import Status
from handlers.messages import Rendered
from handlers.views import HouseholdView, Line, NoSchool
from tests.play import MONDAY

NAMES = st.one_of(
    st.sampled_from(["Ana", "周子昂", "Bo & Co <x>", "{name}", "Maximiliana Alexandrovna", "n"]),
    st.text(min_size=1, max_size=30),
)
seldom = st.integers(0, 9).map(lambda chance: chance == 0)
SUBJECTS = st.builds(
    Line,
    check_in_id=st.integers(1, 2**40),
    subject_id=st.integers(1, 9),
    name=NAMES,
    unit_name=NAMES,
    status=st.sampled_from([Status.due, Status.asked, Status.asked, Status.complete]),
    is_staff=seldom,
    oneself=seldom,
    clearable=seldom.map(lambda said: not said),
    read_only=seldom,
    zone=st.just(ZoneInfo("Asia/Shanghai")),
    closes_at=st.just(datetime(2026, 3, 2, 0, 0, tzinfo=UTC)),
    closed=seldom,
    over=seldom,
    evening=seldom,
    said=seldom,
    held=seldom,
    disposition=st.just(Disposition.stay_home),
    valid_until=st.none() | st.just(date(2026, 3, 4)),
    unfinished=seldom,
)
CARDS = st.builds(
    HouseholdView,
    card_id=st.integers(1, 2**40),
    revision=st.integers(1, 2**20),
    day=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    lines=st.lists(SUBJECTS, max_size=5).map(tuple),
    changing=seldom,
    whom=seldom,
    is_today=st.booleans(),
    no_school=seldom.map(lambda said: (NoSchool(("Ben",), "snow"),) if said else ()),
)


@pytest.mark.parametrize("language", ["en", "zh"])
@given(view=CARDS)
def test_a_first_ask_says_what_the_card_says(language: str, view: HouseholdView) -> None:
    words = texts(language)
    assert first_ask(view, words) == render_household.household(view, words)


def plain(*names: str) -> HouseholdView:
    lines = [
        Line(7 + place, 1, name, "3-2", Status.asked, clearable=True)
        for place, name in enumerate(names)
    ]
    return HouseholdView(5, 1, MONDAY, tuple(lines))


def test_plain_families_are_asked_from_ready_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [
        [render_household.household(plain(*names), texts(language)) for language in ("en", "zh")]
        for names in (["Ana"], ["Ana", "Ben"], ["何禾", "Ana & Bo", "Ben"])
    ]

    def household(*_: object) -> Rendered:
        raise AssertionError("a plain card went the long way")

    monkeypatch.setattr(render_first_ask.render_household, "household", household)
    assert said == [
        [first_ask(plain(*names), texts(language)) for language in ("en", "zh")]
        for names in (["Ana"], ["Ana", "Ben"], ["何禾", "Ana & Bo", "Ben"])
    ]


def test_a_family_too_long_for_one_message_is_cut_at_a_whole_line() -> None:
    view = plain(*(f"Child {number} of a very long name" for number in range(150)))
    assert first_ask(view, texts("en")) == render_household.household(view, texts("en"))
