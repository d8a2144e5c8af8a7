"""The sampler behind the profile of the hot path."""

import inspect
import json
import time
from pathlib import Path

from benchmarks.sampled_relay import Sampler


def spin(sampler: Sampler, seconds: float) -> None:
    """Use processor time, then have it noted here."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    sampler.tick(0, inspect.currentframe())


def test_time_falls_to_the_function_and_its_callers(tmp_path: Path) -> None:
    """The interrupted function has the time alone; its caller has it with callees only."""
    sampler = Sampler()
    spin(sampler, 0.02)
    sampler.write(tmp_path / "profile.json")
    profile = json.loads((tmp_path / "profile.json").read_text())
    caller = "test_sampled_relay.test_time_falls_to_the_function_and_its_callers"
    assert profile["seconds"] >= 0.02
    assert profile["alone"]["test_sampled_relay.spin"] >= 0.02
    assert caller not in profile["alone"]
    assert profile["with_callees"][caller] >= 0.02


def test_a_tick_between_functions_is_not_counted() -> None:
    """The interpreter's end has no frame; its time belongs to nobody."""
    sampler = Sampler()
    sampler.tick(0, None)
    assert not sampler.alone
