"""Tests of the command as a process: help, version, wrong usage, pipes that close."""

import subprocess
import sys

import pytest
from hushpost_demo.command import COMMANDS, cli, main

from tests.demo.typing_hands import COMMAND, Vaults


def test_help_lists_every_command_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer meets the demo first."""
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    places = [out.index(f"\n  {command.name} ") for command in COMMANDS]
    assert places == sorted(places)
    assert set(cli.commands) == {command.name for command in COMMANDS}


@pytest.mark.parametrize("arguments", [["dance"], ["send"], ["listen", "--count", "0"]])
def test_wrong_usage_is_two(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Click's own words, and its status."""
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "Usage:" in capsys.readouterr().err


def test_an_error_s_status_is_the_process_s(vaults: Vaults) -> None:
    """What a command says by its status reaches the shell, with one JSON line of error."""
    result = subprocess.run(
        [*COMMAND, "address", "--json"],
        env=vaults.environment("nobody"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 3
    assert result.stderr.startswith('{"kind": "error", "error": "VaultMissing"')
    assert result.stdout == ""


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 1)])
def test_interruptions_leave_no_trace(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int
) -> None:
    """Ctrl-C and a reader that has gone end the process quietly."""

    def interrupted(**_: object) -> None:
        raise error

    monkeypatch.setattr(sys, "stderr", open("/dev/null", "w"))  # noqa: SIM115  main may close it
    monkeypatch.setattr(cli, "main", interrupted)
    with pytest.raises(SystemExit) as exit_:
        main([])
    sys.stderr.close()
    assert exit_.value.code == status
