"""The statistics of the benchmarks."""

import pytest

from benchmarks.recording import Recording, latency_figures, median, medians, percentile


def test_percentiles_are_values_of_the_sample() -> None:
    """A percentile is the smallest value that the asked share does not exceed."""
    values = [float(number) for number in range(1, 1001)]
    assert percentile(values, 50) == 500
    assert percentile(values, 99) == 990
    assert percentile(values, 99.9) == 999
    assert percentile(values, 100) == 1000
    assert percentile([7.0], 99.9) == 7


def test_a_percentile_of_nothing_is_refused() -> None:
    """An empty phase gives no latency instead of a false one."""
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_latencies_are_reported_in_milliseconds() -> None:
    """Seconds go in unsorted, milliseconds come out."""
    figures = latency_figures("deliver", [0.003, 0.001, 0.002])
    assert figures == {
        "deliver_p50_ms": 2.0,
        "deliver_p99_ms": 3.0,
        "deliver_p999_ms": 3.0,
        "deliver_max_ms": 3.0,
    }


def test_a_forwarder_has_no_accepted_figures() -> None:
    """What was never accepted has no such latency among its figures."""
    assert not any(name.startswith("accepted") for name in Recording([0.1]).figures())
    assert "accepted_p50_ms" in Recording([0.1], [0.2]).figures()


def test_medians_are_taken_figure_by_figure() -> None:
    """One bad run moves no median, and an even number of runs is averaged in the middle."""
    runs = [{"a": 1.0, "b": 9.0}, {"a": 100.0, "b": 8.0}, {"a": 2.0, "b": 1.0}]
    assert medians(runs) == {"a": 2.0, "b": 8.0}
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.5
