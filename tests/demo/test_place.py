"""Tests of what every command shares: the vault, the one line of error, the status."""

import asyncio
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hushpost.errors import RelayUnreachable
from hushpost_demo.errors import NotInTime
from hushpost_demo.output import Output
from hushpost_demo.place import Place, command_options, default_vault, in_time

from tests.demo.typing_hands import Vaults


def place(tmp_path: Path) -> Place:
    """Make a place without a vault."""
    return Place(tmp_path / "none.vault", None, Output())


async def raising(error: BaseException) -> None:
    """Raise."""
    raise error


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (RelayUnreachable("nobody there"), 5, "hushpost: nobody there"),
        (TimeoutError(), 7, "did not happen in the time given"),
        (PermissionError(13, "Permission denied", "/x"), 1, "hushpost: /x: Permission denied"),
        (KeyboardInterrupt(), 130, ""),
        (asyncio.CancelledError(), 130, ""),
        (click.Abort(), 130, ""),
        (ZeroDivisionError("secret"), 70, "a fault of this program (ZeroDivisionError)"),
    ],
)
def test_every_error_is_one_line_and_a_status(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    words: str,
) -> None:
    """Nothing that is raised shows a trace, and a fault shows no values."""
    with pytest.raises(SystemExit) as exit_:
        place(tmp_path).run(raising(error))
    assert exit_.value.code == status
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) <= 1
    assert "secret" not in err


def test_a_fault_can_be_looked_into(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A developer who asks for the trace gets it."""
    monkeypatch.setenv("HUSHPOST_TRACEBACK", "1")
    with pytest.raises(SystemExit):
        place(tmp_path).run(raising(ZeroDivisionError("why")))
    assert "ZeroDivisionError: why" in capsys.readouterr().err


def test_what_succeeds_does_not_exit(tmp_path: Path) -> None:
    """A coroutine that returns leaves the command to go on."""

    async def work() -> None:
        await asyncio.sleep(0)

    place(tmp_path).run(work())


def test_a_missing_vault_and_a_wrong_passphrase(vaults: Vaults) -> None:
    """Each is one line with its status, before or after the passphrase was asked for."""
    status, line = vaults.fails("alice", "address")
    assert status == 3
    assert "hushpost init" in line
    vaults.init("alice")
    result = CliRunner(env={**vaults.environment("alice"), "HUSHPOST_PASSPHRASE": "wrong"}).invoke(
        _address(), []
    )
    assert result.exit_code == 4
    assert "does not open the vault" in result.stderr


def _address() -> click.Command:
    @click.command()
    @command_options
    def address(place: Place) -> None:
        """Open and close."""

        async def work() -> None:
            await (await place.open()).close()

        place.run(work())

    return address


def test_options_become_a_place(tmp_path: Path) -> None:
    """The vault comes from the option, else the environment, else the data folder."""
    seen: list[Place] = []

    @click.command()
    @command_options
    def show(place: Place) -> None:
        """Keep the place."""
        seen.append(place)

    runner = CliRunner()
    runner.invoke(show, ["--vault", str(tmp_path / "a"), "--json"])
    runner.invoke(show, [], env={"HUSHPOST_VAULT": str(tmp_path / "b")})
    runner.invoke(show, [], env={"HUSHPOST_VAULT": None})
    assert [p.vault for p in seen] == [tmp_path / "a", tmp_path / "b", default_vault()]
    assert seen[0].output.as_json


async def test_in_time() -> None:
    """What takes too long is told in the words given."""
    assert await in_time(asyncio.sleep(0, "done"), 5, "late") == "done"
    with pytest.raises(NotInTime, match="late"):
        await in_time(asyncio.sleep(5), 0.01, "late")
