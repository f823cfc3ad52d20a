"""The page about reliability says what was measured, and names tests that there are."""

import re
from pathlib import Path

import pytest

from tests.chaos.paper import (
    BEGIN,
    END,
    PAGE,
    PROMISED,
    RESULTS,
    SLOWER,
    may_take,
    results,
    table,
)
from tests.chaos.points import EVERY
from tests.chaos.runs import NAMED

HOUSE = Path(__file__).parent.parent.parent
ROWS = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", PAGE.read_text("utf-8"), re.M)


@pytest.mark.skipif(not RESULTS.exists(), reason="the command has not been run yet")
def test_the_table_is_what_the_command_found_last() -> None:
    page = PAGE.read_text("utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == table(results())


@pytest.mark.skipif(not RESULTS.exists(), reason="the command has not been run yet")
def test_every_run_was_made_and_is_as_promised() -> None:
    runs = results()["runs"]
    assert [run["name"] for run in runs] == list(NAMED)
    for run in runs:
        assert run["holds"], run["name"]
        assert run["lost"] == run["unexplained"] == run["taps_lost"] == run["taps_twice"] == 0
        assert run["stale"] == 0
        assert run["left"] == 0 or run["name"].startswith("service")
        assert run["worst"] <= run["window"]
        assert run["copies"] == run["by_blow"] + run["ambiguous"]
        whole = run["ok"] + run["recovered"] + run["duplicated"] + run["left"]
        assert whole == run["messages"] == run["expected"], run["name"]


@pytest.mark.skipif(not RESULTS.exists(), reason="the command has not been run yet")
def test_it_died_at_every_named_point() -> None:
    """A point whose statement is not the product's any more would be reached by nobody."""
    reached = {point for run in results()["runs"] for point in run["points"]}
    assert sorted(set(EVERY) - reached) == []


def test_the_page_promises_what_is_asserted() -> None:
    page = " ".join(PAGE.read_text("utf-8").split())
    assert (PROMISED, SLOWER) == (5.0, 1.2)
    assert (
        "within five seconds of being started, or, where Python alone needs more than four to "
        "read the program in, within a fifth more than it needs"
    ) in page


@pytest.mark.skipif(not RESULTS.exists(), reason="the command has not been run yet")
def test_it_was_at_work_again_in_the_time_that_the_page_promises() -> None:
    timed = [run for run in results()["runs"] if run["timed"]]
    assert [run["name"] for run in timed] == [name for name in NAMED if NAMED[name].timed]
    for run in timed:
        assert run["back_after"]["longest"] <= may_take(run["bare_start"]), run["name"]


def test_every_fault_has_a_row() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 24))


@pytest.mark.parametrize(("number", "held"), ROWS)
def test_every_fault_is_held_by_tests_that_there_are(number: str, held: str) -> None:
    named = re.findall(r"`([^`]+)::(\w+)`", held)
    assert named
    for path, test in named:
        code = (HOUSE / path).read_text("utf-8")
        assert re.search(rf"^(async )?def {test}\(", code, re.M), (number, test)
