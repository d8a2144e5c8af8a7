"""A module that its own test file does not cover is found, whatever other tests cover."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.coverage_by_file import measured, summary, violations

SOURCE = "def double(x: int) -> int:\n    y = x * 2\n    return y\n"
TEST = "from hushpost_wire.doubling import double\n\ndef test_it():\n    assert double(2) == 4\n"
CONFIGURATION = """
[tool.pytest.ini_options]
pythonpath = ["wire"]
addopts = "--import-mode=importlib -p no:cacheprovider"
[tool.coverage.run]
branch = true
source = ["wire/hushpost_wire"]
core = "ctrace"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project of one package with constants and one function."""
    package = tmp_path / "wire" / "hushpost_wire"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "constants.py").write_text("LIMIT = 3\n")
    (package / "doubling.py").write_text(SOURCE)
    (tmp_path / "tests" / "wire").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION)
    return tmp_path


def judge(project: Path, tests: dict[str, str], workers: int = 0) -> list[str]:
    """Run `tests` in `project` under coverage and judge its modules."""
    for name, text in tests.items():
        (project / "tests" / "wire" / name).write_text(text)
    run = [sys.executable, "-m", "pytest", "-n", str(workers), "--cov", "--cov-context=test"]
    # The run must not take itself for a worker of the one that runs this test.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV"))}
    subprocess.run([*run, "--cov-report="], cwd=project, env=clean, check=True, capture_output=True)
    return list(violations(project, list(measured(project, project / ".coverage"))))


def test_a_module_with_its_own_test_passes(project: Path) -> None:
    """Its own test file covers it, run by several workers; constants need only be imported."""
    constants = "from hushpost_wire.constants import LIMIT\n\ndef test_it():\n    assert LIMIT\n"
    assert judge(project, {"test_doubling.py": TEST, "test_other.py": constants}, workers=2) == []


def test_coverage_by_another_file_does_not_count(project: Path) -> None:
    """A module that only another module's tests reach is reported."""
    own = "import hushpost_wire.doubling, hushpost_wire.constants\n\ndef test_no(): pass\n"
    (found,) = judge(project, {"test_doubling.py": own, "test_other.py": TEST})
    assert found == "wire/hushpost_wire/doubling.py: tests/wire/test_doubling.py covers 33 %"


def test_a_missing_test_file_is_found(project: Path) -> None:
    """A module with code and no test file of its own is reported."""
    both = "import hushpost_wire.constants\n" + TEST
    (found,) = judge(project, {"test_other.py": both})
    assert found == "wire/hushpost_wire/doubling.py: has no tests/wire/test_doubling.py"


def test_the_summary_counts_the_whole_run(project: Path) -> None:
    """By package, what any test covered counts."""
    judge(project, {"test_other.py": TEST})
    (line,) = summary(list(measured(project, project / ".coverage")))
    assert line.split() == ["hushpost_wire", "4", "statements", "75.0", "%", "covered"]
