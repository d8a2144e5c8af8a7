"""Tests of how the `hushpost-relay` script begins, also where not all of it is installed."""

from __future__ import annotations

import sys
import threading
import warnings
from types import ModuleType

import pytest
from hushpost_server import entry


@pytest.fixture(autouse=True)
def hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the process its hooks back: the script keeps its own until it ends."""
    for owner, name in (
        (sys, "excepthook"),
        (sys, "unraisablehook"),
        (threading, "excepthook"),
        (warnings, "showwarning"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))


def loading(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the import of the command raise `error`."""

    def fail(_name: str) -> ModuleType:
        raise error

    monkeypatch.setattr(entry, "import_module", fail)


def test_with_everything_there_the_command_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script hands over to the command, and returns its status."""
    monkeypatch.setattr(sys, "argv", ["hushpost-relay", "serve", "--listen-port", "70000"])
    assert entry.main() == 1
    assert "listen_port" in capsys.readouterr().err


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the library was installed, the script names the extra."""
    loading(monkeypatch, ModuleNotFoundError("absent", name="pydantic_settings"))
    with pytest.raises(SystemExit) as ended:
        entry.main()
    told = str(ended.value.code)
    assert "pydantic_settings is not installed" in told
    assert "hushpost[relay]" in told
    assert "\n" not in told


def test_a_module_of_ours_missing_is_told_as_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """No extra would bring back a file of hushpost itself, so none is advised."""
    loading(monkeypatch, ModuleNotFoundError("absent", name="hushpost_server.relay"))
    with pytest.raises(ModuleNotFoundError):
        entry.main()


def test_ctrl_c_while_loading_has_the_usual_status(monkeypatch: pytest.MonkeyPatch) -> None:
    """An impatient operator sees a prompt again."""
    loading(monkeypatch, KeyboardInterrupt())
    assert entry.main() == 130
