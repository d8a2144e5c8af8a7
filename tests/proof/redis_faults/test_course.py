"""A leg of a course holds where nothing doubled and only what a failover may cost was lost."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hushpost_proof.history import Counts, Report
from hushpost_proof.redis_faults.course import FAILOVER_COSTS, Fault, Leg
from hushpost_proof.redis_faults.crossing import Crossing
from hushpost_proof.redis_faults.crowd import Figures
from hushpost_proof.redis_faults.delays import spread

WHOLE = Figures(
    blows=1,
    sent=9,
    accepted=9,
    received=9,
    refused=0,
    lost=0,
    doubled=0,
    other=0,
    overtaken=0,
    given_again=0,
    posted_again=0,
    took=spread([0.1]),
    recovered=(0.5,),
    report=Report((), Counts(9, 9, 9, 0, 0)),
    passed=(),
)
LOSSY = replace(WHOLE, received=8, lost=1)


async def _strike(_: Sequence[bytes]) -> None:
    """Strike nothing."""


RELAY_KILLED = Fault("a relay killed", _strike)
FAILOVER = Fault("a primary killed", _strike, may_lose=FAILOVER_COSTS)


@pytest.mark.parametrize(
    ("fault", "durability", "figures", "was_unasked", "holds"),
    [
        (RELAY_KILLED, "synced", WHOLE, False, True),
        (RELAY_KILLED, "synced", LOSSY, False, False),
        (RELAY_KILLED, "synced", LOSSY, True, True),
        (RELAY_KILLED, "replicated", LOSSY, True, False),
        (FAILOVER, "synced", LOSSY, False, True),
        (FAILOVER, "replicated", LOSSY, False, False),
        (FAILOVER, "synced", replace(LOSSY, doubled=1), False, False),
        (FAILOVER, "synced", replace(LOSSY, other=1), False, False),
        (FAILOVER, "synced", replace(LOSSY, recovered=(None,)), False, False),
        (FAILOVER, "synced", replace(LOSSY, blows=2), False, False),
    ],
)
def test_only_a_failover_may_cost_mail_and_never_with_replicas(
    fault: Fault, durability: str, figures: Figures, *, was_unasked: bool, holds: bool
) -> None:
    """A failover that nobody asked for is told, and costs no less; doubles break every leg."""
    row = Leg(fault, durability, figures, was_unasked).row
    assert row.holds is holds
    assert ("by itself" in row.found) is was_unasked
    assert (row.tried, row.times) == (f"{fault.name}, {durability}", figures.blows)


@pytest.mark.parametrize(("waits", "is_in_time"), [([0.1, 1.9], True), ([2.1], False), ([], False)])
def test_a_lost_hint_costs_two_seconds(waits: list[float], *, is_in_time: bool) -> None:
    """The slowest counts, and mail that never came was not in time."""
    crossing = Crossing(WHOLE, spread(waits), struck=3, is_whole=True)
    assert crossing.is_in_time is is_in_time
    assert "3 hints or channels struck" in crossing.told()
