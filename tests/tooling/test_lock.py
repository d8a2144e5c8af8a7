"""The lock file pins all that pyproject.toml asks for, by hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)")


def locked() -> dict[str, list[str]]:
    """Return the lines of the lock file by package; the first line of each is the pin."""
    blocks: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (REPOSITORY / "requirements.lock").read_text().splitlines():
        pin = PIN.match(line)
        if pin is not None:
            lines = blocks.setdefault(canonicalize_name(pin.group(1)), [])
        lines.append(line)
    return blocks


def required() -> list[str]:
    """Return every requirement of the project and its extras, our own extras aside."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = [line for group in project["optional-dependencies"].values() for line in group]
    lines = [*project["dependencies"], *extras]
    return [line for line in lines if not line.startswith("hushpost[")]


@pytest.mark.parametrize("line", required())
def test_a_requirement_is_locked_within_its_range(line: str) -> None:
    """The pinned version satisfies the range that pyproject.toml states."""
    requirement = Requirement(line)
    pin = PIN.match(locked()[canonicalize_name(requirement.name)][0])
    assert pin is not None
    assert requirement.specifier.contains(pin.group(2))


@pytest.mark.parametrize("package", sorted(locked()))
def test_a_pin_has_hashes(package: str) -> None:
    """Each pinned package carries at least one hash and nothing else."""
    _, *rest = locked()[package]
    assert rest
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest)


def test_each_shipped_dependency_is_explained() -> None:
    """Every requirement has its line in docs/dependencies.md."""
    page = (REPOSITORY / "docs" / "dependencies.md").read_text().lower()
    names = {Requirement(line).name.lower() for line in required()}
    explained = set(re.findall(r"[a-z0-9-]+", page))
    assert names - explained == set()
