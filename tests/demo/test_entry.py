"""Tests of how the `hushpost` script begins, also where not all of it is installed."""

import subprocess
import sys
from types import ModuleType

import pytest
from hushpost_demo import entry

BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise {error}
sys.meta_path.insert(0, Blocker())
sys.argv = ["hushpost", "--version"]
from hushpost_demo.entry import main
main()
"""


def start(module: str, error: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a process where importing `module` raises `error`."""
    return subprocess.run(
        [sys.executable, "-c", BLOCKED.format(module=module, error=error)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_with_everything_there_the_command_runs() -> None:
    """The script hands over to the command, and its status."""
    result = start("no_such_module", "AssertionError")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("hushpost, version ")


@pytest.mark.parametrize("module", ["click", "rich"])
def test_a_missing_extra_is_one_line(module: str) -> None:
    """Where only the library was installed, the script names the extra and shows no traceback."""
    result = start(module, f"ModuleNotFoundError('absent', name={module!r})")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"{module} is not installed" in result.stderr
    assert "hushpost[demo]" in result.stderr


def test_a_module_of_ours_missing_is_told_as_a_fault() -> None:
    """No extra would bring back a file of hushpost itself, so none is advised."""
    ours = "hushpost_demo.place"
    result = start(ours, f"ModuleNotFoundError('absent', name={ours!r})")
    assert "Traceback" in result.stderr
    assert "hushpost[demo]" not in result.stderr


def test_ctrl_c_while_loading_shows_no_traceback() -> None:
    """An impatient person sees a prompt again, and a script the usual status."""
    result = start("click", "KeyboardInterrupt")
    assert (result.returncode, result.stderr) == (130, "")


def _loading(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(_name: str) -> ModuleType:
        raise error

    monkeypatch.setattr(entry, "import_module", fail)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("absent", name="rich"), "hushpost[demo]"),
        (KeyboardInterrupt(), "130"),
    ],
)
def test_what_stops_the_loading_ends_the_script(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, told: str
) -> None:
    """The same within one process: the exit carries the advice or the status."""
    _loading(monkeypatch, error)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert told in str(ended.value.code)


def test_a_fault_of_the_installation_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing module of hushpost itself is not swallowed."""
    _loading(monkeypatch, ModuleNotFoundError("absent", name="hushpost_demo.place"))
    with pytest.raises(ModuleNotFoundError):
        entry.main()


def test_the_command_is_run_within_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's last step is the command, with the arguments as they are."""
    monkeypatch.setattr(sys, "argv", ["hushpost", "--version"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code in (0, None)
