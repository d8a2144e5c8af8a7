"""Tests of hushpost_proof.way_out.watch: the wall of the suite's relays, with one that gets out."""

import asyncio
from pathlib import Path

import pytest
from hushpost_proof.harness.relay_process import RELAY_PROGRAM, relay_process
from hushpost_proof.way_out.planted_relay import WAYS_OUT
from hushpost_proof.way_out.watch import WALLED, dies_at_the_wall


async def test_every_relay_of_the_suite_stands_behind_the_wall(tmp_path: Path) -> None:
    """The harness runs the walled command by itself, and the kernel filters what it calls."""
    assert RELAY_PROGRAM == WALLED
    async with relay_process(tmp_path) as relay:
        status = Path(f"/proc/{relay.pid}/status")
        assert "Seccomp:\t2" in await asyncio.to_thread(status.read_text)


@pytest.mark.parametrize("kind", ["a name", "a connection from a thread"])
async def test_a_relay_that_calls_home_is_found(tmp_path: Path, kind: str) -> None:
    """It dies of its first try, and the harness raises instead of going on."""
    assert kind in WAYS_OUT
    assert await dies_at_the_wall(tmp_path, kind)
    assert not await dies_at_the_wall(tmp_path, "")
