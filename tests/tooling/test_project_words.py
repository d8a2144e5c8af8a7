"""The words that the project does not contain are found where they are planted."""

import subprocess
from pathlib import Path

import pytest

from tools.project_words import tree_violations, violations

# Put together here, so that the check does not find this file.
PLANTED = [
    "# TO" + "DO: later",
    "raise NotImplemented" + "Error",
    "FIX" + "ME",
    "open('/wor" + "k/main/x')",
    "/tmp/h" + "p/RULES",
    "/roo" + "t/.pyenv",
    "see ../share" + "d/DESIGN.md",
    "https://py" + "pi.org/simple",
    "https://files.python" + "hosted.org/packages",
    "registry.npm" + "js.org",
]
HARMLESS = ["todo list", "../share" + "d/vectors/xwing", "network/hosts", "hushpost/home/page"]


@pytest.mark.parametrize("line", PLANTED)
def test_a_planted_word_is_found(line: str) -> None:
    """Each forbidden word is reported with the file and line it stands on."""
    found = list(violations("page.md", f"fine\n{line}\n"))
    assert len(found) == 1
    assert found[0].startswith("page.md:2: ")


@pytest.mark.parametrize("line", HARMLESS)
def test_an_ordinary_line_passes(line: str) -> None:
    """Words that only resemble the forbidden ones are left alone."""
    assert list(violations("page.md", line)) == []


def test_only_tracked_files_are_read(tmp_path: Path) -> None:
    """A tracked file is searched, a binary one too; an untracked and a deleted one are not."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name in ("tracked.md", "untracked.md", "deleted.md"):
        (tmp_path / name).write_text(PLANTED[0])
    (tmp_path / "binary.bin").write_bytes(b"\0\x80" + PLANTED[0].encode())
    tracked = ["tracked.md", "deleted.md", "binary.bin"]
    subprocess.run(["git", "-C", str(tmp_path), "add", *tracked], check=True)
    (tmp_path / "deleted.md").unlink()
    found = [line.partition(":")[0] for line in tree_violations(tmp_path)]
    assert found == ["binary.bin", "tracked.md"]
