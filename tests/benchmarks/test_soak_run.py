"""Tests of benchmarks.soak.run: the verdict, and a short run that finds planted leaks."""

from collections import Counter
from pathlib import Path

from benchmarks.soak.__main__ import PLANTED, control, table
from benchmarks.soak.run import Plan, judge
from benchmarks.soak.slope import Sample
from benchmarks.soak.stepping_clock import SteppingClock
from benchmarks.soak.vital_signs import MIB, Chart, Sign

CLOCK = SteppingClock(0.0, 0.6)
DONE = Counter(
    {
        "accounts made": 1,
        "accounts deleted": 1,
        "envelopes accepted": 1,
        "envelopes acknowledged": 1,
        "notices of expired mail": 1,
        "logins that read nothing": 1,
        "openings of a vault": 1,
        "messages written": 1,
        "messages read": 1,
    }
)


def chart_of(name: str, growth_a_second: float) -> Chart:
    """Give a chart of half an hour in which every figure grows so much a second."""
    chart = Chart(name, 0, Path())
    for sign in Sign:
        chart.samples[sign] = [
            Sample(float(n), 50 * MIB + n * growth_a_second) for n in range(1800)
        ]
    return chart


def test_flat_figures_are_clean_and_growing_ones_are_named() -> None:
    """Nothing grows: clean. Everything grows by 4 KiB a second: all of it is found."""
    flat = judge(Plan(1800.0), CLOCK, [chart_of("relay", 0.0), chart_of("clients", 0.0)], DONE)
    assert flat.is_clean
    assert not flat.unjudged
    grown = judge(Plan(1800.0), CLOCK, [chart_of("relay", 4096.0)], DONE)
    assert {reading.sign for reading in grown.growing} == set(Sign)
    assert "GROWS" in table(grown)


def test_a_run_that_did_not_do_its_work_is_not_clean() -> None:
    """Flat figures of an idle relay show nothing, and the table says what was never done."""
    outcome = judge(Plan(1800.0), CLOCK, [chart_of("relay", 0.0)], Counter({"accounts made": 3}))
    assert not outcome.is_clean
    assert "NEVER DONE: messages read" in table(outcome)


def test_a_run_too_short_for_the_clients_says_so() -> None:
    """What clients forget after 45 days is not judged in a run of two."""
    outcome = judge(Plan(60.0), CLOCK, [chart_of("clients", 0.0)], DONE)
    assert outcome.unjudged == ("clients: memory", "clients: database")


def test_every_planted_leak_is_found_in_a_short_run() -> None:
    """Real processes with a leak behind each figure: the soak finds every one."""
    assert sum(map(len, PLANTED.values())) == 5
    assert control(12.0) == []
