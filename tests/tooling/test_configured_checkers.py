"""Ruff and both type checkers, configured as they are, fail on what they are there to find."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
COMMANDS = {
    "format": ["ruff", "format", "--check", "--no-cache"],
    "lint": ["ruff", "check", "--no-cache"],
    "mypy": ["mypy", "--cache-dir=/dev/null"],
    "basedpyright": ["basedpyright", f"--pythonpath={sys.executable}"],
}
CLEAN = '"""A module."""\n\nimport json\n\nnumber = json.loads("1")\n[number].pop()\n'


def judge(tmp_path: Path, checker: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run `checker` with the project's configuration over a module that holds `text`."""
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(TOOLS.parent)
    module = tmp_path / "wire" / "planted.py"
    module.parent.mkdir()
    module.write_text(text)
    command, *options = COMMANDS[checker]
    return subprocess.run(
        [str(TOOLS / command), *options, str(module.relative_to(tmp_path))],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("checker", COMMANDS)
def test_a_clean_module_passes(tmp_path: Path, checker: str) -> None:
    """Nothing is reported of a module that has no defect, nor by rules that are not pyright's."""
    judged = judge(tmp_path, checker, CLEAN)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.parametrize(
    ("checker", "planted", "rule"),
    [
        ("format", "x = {  'a':1 }\n", "would be reformatted"),
        ("lint", "import os\n", "F401"),
        ("lint", "def f() -> None:\n    pass\n", "D103"),
        ("mypy", "def f(x): return x\n", "no-untyped-def"),
        ("mypy", "x: list = []\n", "type-arg"),
        ("mypy", "x: int = ''  # type: ignore\n", "ignore-without-code"),
        ("basedpyright", "def f(x): return x\n", "reportMissingParameterType"),
        ("basedpyright", "x: list = []\n", "reportMissingTypeArgument"),
        ("basedpyright", "import os\n", "reportUnusedImport"),
    ],
)
def test_a_planted_defect_is_found(tmp_path: Path, checker: str, planted: str, rule: str) -> None:
    """Each planted defect makes the checker fail, and name the rule that found it."""
    judged = judge(tmp_path, checker, CLEAN + planted)
    assert judged.returncode == 1
    assert rule in judged.stdout
