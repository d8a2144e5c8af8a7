"""Tests of hushpost_server.serve_command: real processes, real signals."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hushpost_proof.harness.device import dial
from hushpost_server.command import main

from tests.server.relay_command import COMMAND, Started, environment, started_relay


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this user's configuration and data out of the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Started]:
    """Start a relay in a process of its own, and say where it listens."""
    with started_relay(tmp_path / "relay") as relay:
        yield relay


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_relay_cleanly(started: Started, number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C drain and exit with 0; the log has its events and no traceback."""
    process, where = started
    assert where["url"].startswith("ws://127.0.0.1:")
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "relay_stopped" in errors
    assert "Traceback" not in errors


def health_at(url: str) -> dict[str, object]:
    """Ask a relay how it is."""
    with urllib.request.urlopen(f"{url}/health") as answer:
        health: dict[str, object] = json.load(answer)
    return health


@pytest.mark.parametrize("unsafe", [False, True])
async def test_only_the_unsafe_switch_lets_libraries_log_and_it_is_announced(
    tmp_path: Path, unsafe: bool
) -> None:
    """At DEBUG websockets would log frames: held, or announced at the start and in health."""
    switch = ["--unsafe-third-party-logs"] if unsafe else []
    arguments = ["--log-level", "debug", "--store", "memory", *switch]
    with started_relay(tmp_path / "relay", arguments) as (process, where):
        async with dial(where["url"], "/v1/post"):
            pass
        health = await asyncio.to_thread(health_at, where["metrics"])
        process.terminate()
        _, errors = await asyncio.to_thread(process.communicate, timeout=20)
    assert health["third_party_logs_held"] is not unsafe
    assert ("third_party_logs_unsafe" in errors) is unsafe
    assert ("websockets.server" in errors) is unsafe


def test_a_taken_port_is_one_line_and_status_1(
    started: Started, capsys: pytest.CaptureFixture[str]
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


@pytest.mark.parametrize(
    ("name", "dialled"),
    [("relay.example", "wss://relay.example"), ("127.0.0.1:8440", "ws://127.0.0.1:8440")],
)
def test_clients_are_sent_to_the_name_that_they_sign(
    tmp_path: Path, name: str, dialled: str
) -> None:
    """Behind a proxy the port where the relay listens is no place to make an account at."""
    where = ["--listen-port", "0", "--metrics-port", "0", "--data-folder", str(tmp_path)]
    with subprocess.Popen(
        [*COMMAND, "serve", "--store", "memory", "--behind-proxy", "--public-host", name, *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        text = "".join(iter(process.stdout.readline, "Stop with Ctrl-C.\n"))
        process.terminate()
        assert f"  hushpost init --relay {dialled}\n" in text
        assert "set public_host" not in text
        assert process.wait(20) == 0


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
@pytest.mark.parametrize(
    "more", [["--json"], ["--unsafe-no-bucket-enforcement", "--unsafe-third-party-logs"]]
)
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


def test_a_relay_whose_reader_has_gone_serves_on(tmp_path: Path) -> None:
    """`serve | head -0`: where it listens is read by nobody, and it stops cleanly."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [*COMMAND, "serve", "--store", "memory", "--listen-port", "0", "--metrics-port", "0"]
    with subprocess.Popen(
        [*command, "--data-folder", str(tmp_path)],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        os.close(writing)
        assert process.stderr is not None
        assert "relay_started" in process.stderr.readline()
        time.sleep(0.2)  # past the words that nobody reads
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "relay_stopped" in errors
    assert "BrokenPipe" not in errors
