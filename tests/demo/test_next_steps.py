"""Tests of what the demo's last words tell people to type: it works where they stand."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hushpost_demo.next_steps import next_steps, typed


def script(folder: Path, name: str = "hushpost") -> Path:
    """Make a program of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an installation's folder of scripts, on no PATH, below where the person stands."""
    folder = tmp_path / ".venv" / "bin"
    script(folder)

    def get_path(_name: str) -> str:
        return str(folder)

    monkeypatch.setattr(sysconfig, "get_path", get_path)
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    return folder


def test_what_is_on_no_path_is_named_by_its_path(scripts: Path, tmp_path: Path) -> None:
    """Below the folder where the person stands shortly, otherwise whole."""
    assert typed("hushpost") == ".venv/bin/hushpost"
    assert ".venv/bin/hushpost demo --leak" in next_steps("sqlite")
    (tmp_path / "deep").mkdir()
    with pytest.MonkeyPatch.context() as moved:
        moved.chdir(tmp_path / "deep")
        assert typed("hushpost") == str(scripts / "hushpost")


def test_what_path_leads_to_is_named_alone(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bare name, if it starts this installation, and the path if it starts another one."""
    monkeypatch.setenv("PATH", str(scripts))
    assert typed("hushpost") == "hushpost"
    other = script(scripts.parent.parent / "other")
    monkeypatch.setenv("PATH", str(other.parent))
    assert typed("hushpost") == ".venv/bin/hushpost"


@pytest.mark.usefixtures("scripts")
def test_without_a_script_the_name_is_all_there_is() -> None:
    """A library run from its sources has no scripts to point at."""
    assert typed("hushpost-relay") == "hushpost-relay"


def test_the_command_named_is_one_that_starts() -> None:
    """What is printed here can be typed here."""
    line = typed("hushpost")
    run = subprocess.run(f"{line} --help", shell=True, capture_output=True, check=False)
    assert run.returncode == 0, (line, sys.executable, run.stderr)


def test_the_cluster_is_shown_failing_on_a_cluster() -> None:
    """The next steps after the demo on Redis name its store."""
    assert "demo --store redis --leak" in next_steps("redis")
    assert "--store" not in next_steps("sqlite")
