"""Whether a promise counts as kept, and what the table says."""

from benchmarks.targets import Result, at_least, at_most, number, table


def test_a_target_judges_the_ratio_where_there_is_a_yardstick() -> None:
    """With a yardstick the value itself is not judged."""
    assert Result("a", 30_000, "/s", 60_000, at_least(0.45)).met is True
    assert Result("a", 26_000, "/s", 60_000, at_least(0.45)).met is False
    assert Result("a", 2.0, "ms", 1.0, at_most(1.6)).met is False


def test_a_target_without_yardstick_judges_the_value() -> None:
    """An absolute promise is about the figure itself, its bound included."""
    assert Result("idle", 24.0, "KiB", target=at_most(24)).met is True
    assert Result("idle", 24.1, "KiB", target=at_most(24)).met is False


def test_a_figure_without_target_is_neither_met_nor_missed() -> None:
    """What is told for comparison alone carries no verdict."""
    assert Result("a", 1.0, "ms").met is None


def test_the_table_has_a_line_a_result_and_names_what_was_missed() -> None:
    """Header, rule, rows; a missed target is spelled out."""
    rows = [
        Result("kept", 10.0, "/s", 10.0, at_least(0.5)),
        Result("not kept", 1.0, "/s", 10.0, at_least(0.5)),
    ]
    lines = table(rows).splitlines()
    assert len(lines) == 4
    assert lines[2].endswith("met")
    assert "MISSED" not in lines[2]
    assert lines[3].endswith("MISSED")
    assert "0.10" in lines[3]


def test_the_results_file_holds_ratio_and_verdict() -> None:
    """A reader of the JSON needs no arithmetic."""
    row = Result("a", 1.0, "/s", 4.0, at_least(0.5)).to_json()
    assert (row["ratio"], row["target"], row["met"]) == (0.25, ">= 0.5", False)


def test_numbers_have_the_digits_they_deserve() -> None:
    """Large figures are grouped, small ones keep three places."""
    assert [number(value) for value in (12_345.6, 12.34, 0.0571)] == ["12,346", "12.3", "0.057"]
