"""The page about speed says what was measured, and everything that is aimed at was."""

from benchmarks.paper import AIMS, BEGIN, END, ENGINES, PAGE, PICTURE, picture, results, tables


def test_tables_and_picture_are_what_the_command_found_last() -> None:
    found = results()
    page = PAGE.read_text("utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0].strip() == tables(found)
    assert PICTURE.read_text("utf-8") == picture(found)


def test_all_that_is_aimed_at_was_measured_on_both_databases() -> None:
    found = {each["name"]: each for each in results()}
    assert len(found) == len(results())
    for name in AIMS:
        for engine in ENGINES:
            each = found[f"{name}.{engine}"]
            assert each["unit"]
            assert each["compared_with"]
    assert all(set(each) == {"name", "value", "unit", "compared_with"} for each in found.values())
