"""Tests of hushpost_server.command: real processes, real signals."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hushpost_server.command import main
from hushpost_server.configuration_reference import render_reference

COMMAND = [sys.executable, "-m", "hushpost_server.command"]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this user's configuration and data out of the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def environment() -> dict[str, str]:
    """Return the environment with the packages on the path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Start a relay in a process of its own, and say where it listens."""
    arguments = ["serve", "--listen-port", "0", "--metrics-port", "0", "--json"]
    with subprocess.Popen(
        [*COMMAND, *arguments, "--data-folder", str(tmp_path / "relay")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_relay_cleanly(
    started: tuple[subprocess.Popen[str], dict[str, Any]], number: signal.Signals
) -> None:
    """SIGTERM and Ctrl-C drain and exit with 0; the log has its events and no traceback."""
    process, where = started
    assert where["url"].startswith("ws://127.0.0.1:")
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "relay_stopped" in errors
    assert "Traceback" not in errors


def test_a_taken_port_is_one_line_and_status_1(
    started: tuple[subprocess.Popen[str], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    """No traceback: the address, the reason and what to do."""
    port = started[1]["url"].rpartition(":")[2]
    assert main(["serve", "--store", "memory", "--listen-port", port]) == 1
    assert f"127.0.0.1:{port} is taken by another program" in capsys.readouterr().err


def test_serve_without_configuration_says_what_to_do_next(tmp_path: Path) -> None:
    """The first lines name the address, the data folder and the next command."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--listen-port", "0", "--metrics-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7)]
        process.terminate()
        text = "".join(lines)
        assert "listening on ws://127.0.0.1:" in text
        assert str(tmp_path / "data" / "hushpost-relay") in text
        assert "hushpost init --relay ws://127.0.0.1:" in text
        assert process.wait(20) == 0


def test_a_value_out_of_range_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The configuration's own message reaches the operator."""
    assert main(["serve", "--listen-port", "70000"]) == 1
    assert "listen_port" in capsys.readouterr().err


def test_config_prints_what_is_in_force_and_the_reference(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`config` shows values; `config --reference` the page."""
    assert main(["config"]) == 0
    assert "listen_port = 8440" in capsys.readouterr().out
    assert main(["config", "--reference"]) == 0
    assert capsys.readouterr().out == render_reference()


def test_identity_is_shown_rotated_and_renewed_only_when_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Renewing needs --lost and a missing file; rotating keeps the chain."""
    folder = ["--data-folder", str(tmp_path)]
    assert main(["identity", "show", *folder]) == 1
    assert main(["identity", "rotate", *folder]) == 1
    assert main(["identity", "renew", "--lost", *folder]) == 0
    first = capsys.readouterr().out.strip()
    assert main(["identity", "renew", "--lost", *folder]) == 1
    assert main(["identity", "rotate", *folder]) == 0
    told = capsys.readouterr()
    second = told.out.strip()
    assert first != second
    assert "Make a backup now" in told.err
    assert main(["identity", "show", *folder]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == second
    assert shown[1].endswith(first)


def test_a_running_relay_is_backed_up_and_restored_elsewhere(
    started: tuple[subprocess.Popen[str], dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A backup may be made while the relay runs; restoring needs an empty folder."""
    assert started[0].poll() is None
    running, target, new = tmp_path / "relay", tmp_path / "backup", tmp_path / "new"
    assert main(["backup", str(target), "--data-folder", str(running)]) == 0
    assert main(["backup", str(target), "--data-folder", str(running)]) == 1
    assert main(["restore", str(target), "--data-folder", str(running)]) == 1
    assert main(["restore", str(target), "--data-folder", str(new)]) == 0
    assert (new / "identity.json").read_bytes() == (running / "identity.json").read_bytes()
    told = capsys.readouterr().err
    assert "move that file away" in told
    assert "put the newer identity.json" in told
    (new / "relay.db").unlink()
    assert main(["identity", "rotate", "--data-folder", str(new)]) == 0
    assert main(["restore", str(target), "--data-folder", str(new)]) == 0
    assert "kept the identity in the data folder" in capsys.readouterr().err


@pytest.fixture
def settled_collector() -> Iterator[None]:
    """Give the process its collector back as it was: `serve` changes it for a relay's sake."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@pytest.fixture
def spared() -> Iterator[None]:
    """Keep a SIGTERM that comes too early from ending the tests."""
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("settled_collector", "spared")
@pytest.mark.parametrize("more", [["--json"], ["--unsafe-no-bucket-enforcement"]])
def test_serve_runs_within_one_process_until_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """It prints where it listens and what is unsafe, and ends with status 0 when told."""
    ended = threading.Event()

    def tell() -> None:
        while not (tmp_path / "relay" / "relay.db").exists() and not ended.is_set():
            time.sleep(0.05)
        if not ended.is_set():  # the relay listens for signals before it opens its store
            os.kill(os.getpid(), signal.SIGTERM)

    teller = threading.Thread(target=tell)
    teller.start()
    try:
        arguments = ["serve", "--listen-port", "0", "--metrics-port", "0", *more]
        status = main([*arguments, "--data-folder", str(tmp_path / "relay")])
    finally:
        ended.set()
        teller.join()
    assert status == 0
    told = capsys.readouterr().out
    assert "ws://127.0.0.1:" in told
    assert ("UNSAFE" in told) == ("--json" not in more)


def test_an_unknown_command_is_argparses_own_error() -> None:
    """Status 2, as every command-line program."""
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2
