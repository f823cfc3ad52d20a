"""Each benchmark runs, at a size that says nothing; no time is asserted anywhere."""

from importlib.util import find_spec
from pathlib import Path

from benchmarks.__main__ import measure_all
from benchmarks.databases import SQLite
from benchmarks.ground import SMALL
from benchmarks.paper import AIMS


async def test_every_benchmark_runs_and_names_what_it_measured(tmp_path: Path) -> None:
    told: list[str] = []
    found = await measure_all(tmp_path, [SQLite(tmp_path)], SMALL, told.append)
    names = [each.name for each in found]
    assert len(names) == len(set(names))
    left_out = {"memory_growth_1m.sqlite"}  # by processes that take seconds to begin
    if not find_spec("aiogram_broadcaster"):
        left_out.add("fanout_vs_broadcaster.sqlite")
    assert {f"{name}.sqlite" for name in AIMS} - left_out <= set(names)
    assert all(each.value > 0 for each in found)
    assert all(each.compared_with for each in found if "_vs_" in each.name)
