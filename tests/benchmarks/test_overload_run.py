"""Tests of benchmarks.overload.run: the verdict, and a short flood of a real relay."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.overload.outcomes import ANSWERED, TOLD, UNTOLD, Outcomes
from benchmarks.overload.run import MEMORY_BYTES_MAX, Finding, Latency, overload

QUIET = Latency(messages=500, p50=0.001, p99=0.005, accepted_p99=0.006, refused=0)
HELD = Finding("it", 8.0, QUIET, replace(QUIET, p99=0.024), 100, Outcomes(5, Counter({TOLD: 5})))


@pytest.mark.parametrize(
    ("quiet", "flooded", "holds"),
    [(0.001, 0.025, True), (0.001, 0.026, False), (0.02, 0.06, True), (0.02, 0.061, False)],
)
def test_the_larger_of_three_times_quiet_and_25_ms_is_allowed(
    quiet: float, flooded: float, holds: bool
) -> None:
    """The bound follows a slow machine, and is no stricter than 25 ms on a fast one."""
    found = replace(HELD, quiet=replace(QUIET, p99=quiet), flooded=replace(QUIET, p99=flooded))
    assert (not found.faults) is holds


def test_each_kind_of_fault_is_named() -> None:
    """Refused contacts, memory beyond the bound and silence are faults, whatever the times."""
    assert HELD.faults == ()
    refused = replace(HELD, flooded=replace(QUIET, refused=1))
    fat = replace(HELD, memory=MEMORY_BYTES_MAX + 1)
    silent = replace(HELD, outcomes=Outcomes(2, Counter({UNTOLD: 1, TOLD: 1})))
    assert [len(one.faults) for one in (refused, fat, silent)] == [1, 1, 1]


def test_what_waits_counts_for_as_long_as_it_has_waited() -> None:
    """A relay that delivers nothing any more has no good percentile."""
    told: dict[str, list[float] | int] = {
        "delivered": [0.001] * 90,
        "accepted": [0.002] * 90,
        "waiting": [3.0] * 10,
        "refused": 2,
    }
    found = Latency.of(told)
    assert (found.messages, found.p50, found.p99, found.refused) == (100, 0.001, 3.0, 2)


@pytest.mark.serial
async def test_a_flood_of_a_real_relay_is_told_and_contacts_are_served(tmp_path: Path) -> None:
    """A second of submissions to nobody's drops: all answered with a word, contacts not refused.

    Times are judged by `make overload`, which keeps the rest of the machine away for longer.
    """
    async for found in overload(["unknown drops"], tmp_path, quiet_seconds=1, flood_seconds=1):
        outcomes = found.outcomes
        assert outcomes.counts[ANSWERED] == 0, "an envelope to nobody was accepted"
        assert outcomes.counts[TOLD] > 300
        assert outcomes.counts[UNTOLD] == 0
        assert outcomes.open_at_end == 0
        assert found.flooded.refused == 0
        assert found.flooded.messages > 50
        assert found.flooded.p99 < 1.0
        assert found.memory < MEMORY_BYTES_MAX
