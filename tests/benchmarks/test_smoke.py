"""Each benchmark runs, at a size that says nothing; no time is asserted anywhere."""

from pathlib import Path

from benchmarks.__main__ import measure_all


async def test_every_benchmark_runs_and_names_what_it_measured(tmp_path: Path) -> None:
    found = await measure_all(tmp_path, small=True)
    names = [each.name for each in found]
    assert len(names) == len(set(names))
    assert {"fanout_vs_aiogram.sqlite", "taps_vs_aiogram_webhook.sqlite"} <= set(names)
    assert all(each.value > 0 for each in found)
    assert all(each.compared_with for each in found if "_vs_" in each.name)
