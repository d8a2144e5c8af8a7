"""Without a usable Python the targets say what to install and change nothing."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "make_venv.sh"
PYTHONS = ["python3", "python3.14", "python3.13", "python3.12", "python3.11"]


def make_venv(tmp_path: Path, python: str | None) -> subprocess.CompletedProcess[str]:
    """Run the script where every Python on PATH is the shell script `python`, or none is there."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in PYTHONS if python is not None else []:
        (tools / name).write_text(f"#!/bin/sh\n{python}\n")
        (tools / name).chmod(0o755)
    shell = shutil.which("sh")
    assert shell is not None
    return subprocess.run(
        [shell, str(SCRIPT), str(tmp_path / "venv")],
        env={"PATH": str(tools)},
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("python", [None, "exit 1"])
def test_no_python_is_said(tmp_path: Path, python: str | None) -> None:
    """With no Python, or only ones too old, the message names the version and a way to get it."""
    done = make_venv(tmp_path, python)
    assert done.returncode == 1
    assert "needs Python 3.11 or later" in done.stderr
    assert "python3-venv" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_python_without_venv_is_said(tmp_path: Path) -> None:
    """A Debian Python without its venv package gets the name of that package."""
    done = make_venv(tmp_path, 'case "$2" in *ensurepip*) exit 1;; *) exit 0;; esac')
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / "venv").exists()
