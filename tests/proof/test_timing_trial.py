"""A whole trial in small: the prober, its audience and a relay, with and without a leak."""

import sys
from pathlib import Path

import pytest
from hushpost_proof.timing.answers import all_shapes, differences
from hushpost_proof.timing.audience import Kind
from hushpost_proof.timing.prober import Rhythm
from hushpost_proof.timing.trial import Trial, attempt

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel dates segments there")
KINDS = (Kind.UNKNOWN_ROUTE, Kind.REVOKED)


async def test_a_leak_of_order_is_found_and_bytes_are_equal(tmp_path: Path) -> None:
    """A few hundred tries show a relay that refuses in the order of its decisions."""
    rhythm = Rhythm(30, 300, (0.0, 0.02))
    leaky = await attempt(Trial(KINDS, rhythm, 1, leak="in the order of decision"), tmp_path / "l")
    assert max(abs(one.delta) for one in differences(leaky, 0.025)) > 0.5
    assert len(all_shapes(leaky)) == 1


async def test_a_quiet_relay_answers_all_kinds_on_its_tick(tmp_path: Path) -> None:
    """Typing and texts, several at once, leave at the time of the tick alone."""
    kinds = (Kind.ONLINE, Kind.TYPING_OFFLINE)
    rhythm = Rhythm(4, 8, at_once=3, alone=True, before_tick=(0.01, 0.02))
    answers = await attempt(Trial(kinds, rhythm, 1, is_quiet=True), tmp_path / "q")
    assert {answer.case for answer in answers} <= set(kinds)
    assert all(answer.came_ns - answer.sent_ns > 200_000_000 for answer in answers)
