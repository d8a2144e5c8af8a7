"""Tests of the demo's relay process: a real one, killed and started again."""

import asyncio
import os
from pathlib import Path

import pytest
from hushpost_demo.errors import RelayNotStarted
from hushpost_demo.relay_process import RelayProcess


async def test_killed_and_started_again_at_the_same_port(tmp_path: Path) -> None:
    """Signal 9 ends it at once; the next start serves at the same address."""
    async with RelayProcess(tmp_path) as relay:
        first, pid = relay.address, relay.pid
        relay.kill()
        assert await relay.ended() == -9
        assert relay.pid is None
        await relay.start()
        assert (relay.address.host, relay.address.port) == (first.host, first.port)
        assert relay.pid not in (None, pid)
        last = relay.pid
    assert relay.pid is None
    assert last is not None
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)
    assert relay.database.exists()
    assert b"relay_stopped" in relay.log.read_bytes()


async def test_settings_of_this_machine_do_not_reach_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's environment for a relay of theirs changes nothing in the demo's."""
    monkeypatch.setenv("HUSHPOST_RELAY_REGISTRATION", "nonsense")
    async with RelayProcess(tmp_path) as relay:
        assert relay.address.url.startswith("ws://127.0.0.1:")


async def test_a_relay_that_does_not_start_is_told(tmp_path: Path) -> None:
    """What the relay said last is what the person reads."""
    (tmp_path / "data").write_text("a file where the folder should be")
    relay = RelayProcess(tmp_path)
    with pytest.raises(RelayNotStarted, match="cannot be used"):
        await relay.start()
    assert relay.pid is None
    with relay.log.open("a") as log:
        log.write("2026-11-23T13:32:13 error unhandled origin=event_loop: of what it was ending\n")
    last_words = relay._last_words()  # pyright: ignore[reportPrivateUsage] - it says nothing more
    assert last_words.startswith("hushpost-relay: ")
    assert "cannot be used" in last_words


async def test_a_start_that_is_interrupted_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C comes before anybody but this knows of the relay."""
    relay = RelayProcess(tmp_path)
    starting = asyncio.create_task(relay.start())
    async with asyncio.timeout(30):
        while relay.pid is None:  # noqa: ASYNC110 - a process of its own
            await asyncio.sleep(0.001)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    async with asyncio.timeout(30):
        assert await relay.ended() == -9


async def test_before_the_first_start(tmp_path: Path) -> None:
    """There is no address, nothing to kill, and stopping is no error."""
    relay = RelayProcess(tmp_path)
    with pytest.raises(RelayNotStarted):
        _ = relay.address
    relay.kill()
    await relay.stop()
    assert await relay.ended() is None


async def test_it_is_given_its_own_settings(tmp_path: Path) -> None:
    """A public host stands in addresses, and the port is still the one on which it listens."""
    settings = {"PUBLIC_HOST": "relay.example:443", "STORE": "memory"}
    async with RelayProcess(tmp_path, settings) as relay:
        address = relay.address
        assert address.host == "relay.example:443"
        assert address.url == f"ws://127.0.0.1:{address.port}"
        assert not relay.database.exists()
        relay.kill()
        await relay.ended()
        await relay.start()
        assert relay.address.port == address.port
