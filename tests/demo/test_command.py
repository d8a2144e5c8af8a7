"""Tests of the command as a process: help, version, wrong usage, pipes that close."""

import subprocess
import sys
from pathlib import Path

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


def test_the_page_explains_every_command_and_option() -> None:
    """docs/cli.md and docs/demo.md name each command, and each option that is its own."""
    docs = Path(__file__).parents[2] / "docs"
    page = "".join((docs / name).read_text(encoding="utf-8") for name in ("cli.md", "demo.md"))
    for command in COMMANDS:
        assert f"`{command.name}" in page
        for parameter in command.params:
            for option in parameter.opts:
                assert not option.startswith("--") or option in page, option


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
def test_interruptions_are_a_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: BaseException, status: int
) -> None:
    """Ctrl-C and a reader that has gone end the process with a status."""

    def interrupted(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", interrupted)
    with (tmp_path / "out").open("w") as out, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as exit_:
            main([])
    assert exit_.value.code == status


def test_a_reader_that_goes_is_no_error(vaults: Vaults) -> None:
    """A pipe that closes ends a listener without a word, as `head` expects."""
    vaults.init("alice")
    with subprocess.Popen(
        [*COMMAND, "listen", "--seconds", "3"],
        env=vaults.environment("alice"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1
