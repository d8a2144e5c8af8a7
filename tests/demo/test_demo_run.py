"""Tests of setting the demo up and clearing it away, whatever happens."""

import asyncio
import io
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hushpost_demo import demo_run
from hushpost_demo.demo_run import run_demo
from hushpost_demo.errors import FactFailed, RedisMissing
from hushpost_demo.person import Person
from hushpost_demo.relay_process import RelayProcess
from hushpost_demo.relay_view import RelayView
from hushpost_demo.stage import JsonStage, View


class Interrupted(JsonStage):
    """Stops the demo at the first frame, by a signal or by a fact that is not so."""

    def __init__(self, *, by_signal: signal.Signals | None) -> None:
        super().__init__(io.StringIO())
        self.pid = 0
        self._by_signal = by_signal

    def frame(self, alice: Person, view: View, bob: Person) -> None:
        """Stop."""
        assert isinstance(view, RelayView)
        self.pid = view.pid or 0
        if self._by_signal is None:
            raise FactFailed("it is not so")
        os.kill(os.getpid(), self._by_signal)


def is_alive(pid: int) -> bool:
    """Whether a process of that number runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("by_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, None])
async def test_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_signal: signal.Signals | None
) -> None:
    """No signal and no failed fact leaves a relay running or a file on the disk."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stage = Interrupted(by_signal=by_signal)
    with pytest.raises((asyncio.CancelledError, FactFailed)):
        await asyncio.create_task(run_demo(stage))
    assert stage.pid > 0
    assert not is_alive(stage.pid)
    assert os.listdir(tmp_path) == []


async def test_who_is_impatient_breaks_nothing_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second Ctrl-C, while everything is cleared away, leaves neither relay nor folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stage = Interrupted(by_signal=signal.SIGINT)
    stop = RelayProcess.stop

    async def stop_under_fire(relay: RelayProcess) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.01)
        await stop(relay)

    monkeypatch.setattr(RelayProcess, "stop", stop_under_fire)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(run_demo(stage))
    assert stage.pid > 0
    assert not is_alive(stage.pid)
    assert os.listdir(tmp_path) == []


async def test_the_files_are_kept_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With keep, the folder of all three stays, also after a failure."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(FactFailed):
        await run_demo(Interrupted(by_signal=None), keep=True)
    folder = tmp_path / os.listdir(tmp_path)[0]
    assert set(os.listdir(folder)) == {"relay", "alice", "bob"}
    assert "relay.db" in os.listdir(folder / "relay" / "data")
    shutil.rmtree(folder)


async def test_without_the_library_for_redis_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is absent, and the extra that brings it; a module of ours that is absent is a fault."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(demo_run, "CLUSTER_RUN", "redis_of_nobody")
    with pytest.raises(RedisMissing, match=r"redis_of_nobody is not installed.*hushpost\[redis\]"):
        await run_demo(JsonStage(io.StringIO()), store="redis")
    monkeypatch.setattr(demo_run, "CLUSTER_RUN", "hushpost_demo.nothing")
    with pytest.raises(ModuleNotFoundError):
        await run_demo(JsonStage(io.StringIO()), store="redis")
    assert os.listdir(tmp_path) == []
