"""Tests of hushpost_server.command: real processes, real signals."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
from hushpost_server import config_command
from hushpost_server.command import BROKEN_PIPE_STATUS, main, script

from tests.server.locked_out import locked_out
from tests.server.relay_command import COMMAND, environment

SECRET = "alice@example.org"
FAILING = f"""
import sys
import threading
import warnings
from hushpost_server import command, config_command

def fail(_arguments):
    key = {SECRET!r}
    raise LookupError(key)

config_command.configuration_of = fail
sys.argv[1:] = ["config"]
sys.exit(command.script())
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this user's configuration and data out of the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def test_a_value_out_of_range_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The configuration's own message reaches the operator."""
    assert main(["serve", "--listen-port", "70000"]) == 1
    assert "listen_port" in capsys.readouterr().err


def test_a_crash_is_one_line_without_a_value() -> None:
    """What nobody caught ends the process with status 1, its class and its place."""
    ended = subprocess.run(
        [sys.executable, "-c", FAILING],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "unhandled origin=program error=LookupError at=hushpost_server." in ended.stderr
    assert SECRET not in ended.stderr


def test_ctrl_c_has_its_status_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """130, as shells have it."""

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(config_command, "configuration_of", interrupted)
    assert main(["config"]) == 130
    assert capsys.readouterr() == ("", "")


def test_an_unknown_command_is_argparses_own_error() -> None:
    """Status 2, as every command-line program."""
    with pytest.raises(SystemExit) as caught:
        main(["dance"])
    assert caught.value.code == 2


@pytest.mark.parametrize("command", [["config", "--reference"], ["inventory", "--json"]])
def test_a_reader_that_has_enough_is_no_fault(command: list[str]) -> None:
    """`hushpost-relay ... | head`: nothing is complained about, by Python neither."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run(
            [*COMMAND, *command],
            check=False,
            stdout=writing,
            stderr=subprocess.PIPE,
            env=environment(),
        )
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (BROKEN_PIPE_STATUS, b"")


@pytest.mark.parametrize(
    "command",
    [["check"], ["backup", "/tmp/never-made"], ["inventory", "--check"], ["identity", "show"]],
    ids=lambda words: words[0],
)
def test_what_the_user_may_not_touch_is_named(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    """Run as another user than the relay's, a command says which file it was, and who may."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nonexistent")
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "relay.db").touch()
    with locked_out(folder):
        assert main([*command, "--data-folder", str(folder)]) == 1
    told = capsys.readouterr().err
    assert f"{folder}" in told
    assert "run it as the user whose relay it is" in told


def test_a_process_of_its_own_prints_no_traceback_and_has_the_commands_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands behind `hushpost-relay`: hooks for what nobody caught, then the command."""
    for module, hook in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(module, hook, getattr(module, hook))  # put back afterwards
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(sys, "argv", ["hushpost-relay", "config", "--reference"])
    assert script() == 0
    assert "listen_port" in capsys.readouterr().out
    sys.excepthook(LookupError, LookupError(SECRET), None)
    told = capsys.readouterr().err
    assert "unhandled origin=program error=LookupError" in told
    assert SECRET not in told
