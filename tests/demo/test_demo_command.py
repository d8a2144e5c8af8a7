"""Tests of `hushpost demo` as it is run: by people, by CI, by somebody who distrusts it."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from hushpost_demo import demo_command
from hushpost_demo.demo_command import demo
from hushpost_demo.errors import RelayNotStarted
from hushpost_demo.redis_servers import is_installed

from tests.conftest import require_or_skip
from tests.demo.typing_hands import COMMAND

SECONDS_MAX = 60.0


def test_it_succeeds_within_a_minute_without_a_terminal(tmp_path: Path) -> None:
    """In 80 columns, without colours, with status 0, and nothing left in the temporary folder."""
    began = time.monotonic()
    run = subprocess.run(
        [*COMMAND, "demo"],
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=2 * SECONDS_MAX,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert time.monotonic() - began < SECONDS_MAX
    assert "\x1b" not in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert "No word that was said" in run.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_leak_makes_it_fail() -> None:
    """One message in the relay's log, in Base64, and the status is 1."""
    result = CliRunner().invoke(demo, ["--leak", "--fast", "--json"])
    assert result.exit_code == 1
    facts = [json.loads(line) for line in result.stdout.splitlines()]
    leaks = [fact for fact in facts if fact["kind"] == "hunt" and not fact["ok"]]
    assert [leak["where"] for leak in leaks] == ["the relay's files"]
    assert "as Base64 at 0 in relay.log" in leaks[0]["found"][0]
    assert facts[-1]["kind"] == "result"
    assert facts[-1]["ok"] is False


def test_ctrl_c_clears_up(tmp_path: Path) -> None:
    """An interrupted demo leaves no folder, no trace and no relay behind."""
    process = subprocess.Popen(
        [*COMMAND, "demo", "--json"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    facts = (json.loads(line) for line in process.stdout)
    frame = next(fact for fact in facts if fact["kind"] == "frame")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(frame["relay"]["pid"]), 0)


def test_ctrl_c_clears_a_cluster_up(tmp_path: Path) -> None:
    """An interrupted demo on Redis leaves no folder, no trace, no relay and no server behind."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    process = subprocess.Popen(
        [*COMMAND, "demo", "--store", "redis", "--json"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    facts = (json.loads(line) for line in process.stdout)
    started = next(fact for fact in facts if fact["kind"] == "processes")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    assert list(tmp_path.iterdir()) == []
    pids = [*started["relays"].values(), *started["servers"]]
    assert len(pids) == 8
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_without_redis_it_says_what_to_install(tmp_path: Path) -> None:
    """In one sentence, with status 1; the demo without a cluster needs none."""
    run = subprocess.run(
        [*COMMAND, "demo", "--store", "redis", "--json"],
        env={**os.environ, "PATH": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    error = json.loads(run.stderr)
    assert error["error"] == "RedisMissing"
    assert "apt-get install redis-server" in error["message"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "status"), [(RelayNotStarted("no port"), 1), (KeyboardInterrupt(), 130)]
)
def test_what_goes_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    """An error of the demo is a line and a status."""

    async def broken(*_: object, **__: object) -> bool:
        raise error

    monkeypatch.setattr(demo_command, "run_demo", broken)
    result = CliRunner().invoke(demo, [])
    assert result.exit_code == status
    assert len(result.stderr.splitlines()) <= 1
