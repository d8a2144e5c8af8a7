"""Finds in tracked files the words that the project does not contain.

Unfinished work marked as such, absolute paths of one machine, and hosts of package registries:
a clone must install from wherever its owner's package manager looks, and a promise to finish
later belongs in the issue tracker. Exits with 1 and a line a finding.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Character classes of one letter keep this file from finding itself.
FORBIDDEN = {
    "unfinished work": re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|NotImplemented[E]rror)\b"),
    "a path of one machine": re.compile(
        r"(?<![\w.\-/])/(?:wor[k]|roo[t]|hom[e]|User[s]|op[t]|tmp/h[p])/[\w.]",
    ),
    "a path beside the repository other than the vectors": re.compile(
        r"\.\./share[d](?!/vectors)",
    ),
    "a package host": re.compile(
        r"\b(?:pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|crate[s]\.io"
        r"|proxy\.golan[g]\.org)\b",
        re.IGNORECASE,
    ),
}


def violations(name: str, text: str) -> Iterator[str]:
    """Yield a line for each forbidden word in `text`, the content of the file `name`."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in FORBIDDEN.items():
            for match in pattern.finditer(line):
                yield f"{name}:{number}: {what}: {match.group()}"


def tracked_files(root: Path) -> list[str]:
    """Return the names of all files that git tracks under `root`."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git the developer uses
        cwd=root,
        check=True,
        capture_output=True,
    )
    return [name for name in listing.stdout.decode().split("\0") if name]


def tree_violations(root: Path) -> list[str]:
    """Return every finding in the tracked text files of the repository at `root`."""
    found: list[str] = []
    for name in tracked_files(root):
        path = root / name
        if not path.is_file():
            continue  # deleted in the working tree, not yet in the index
        # Latin-1 reads any bytes: a word is found in binary files as well.
        found.extend(violations(name, path.read_bytes().decode("latin-1")))
    return found


def main() -> int:
    """Print what was found in this repository; 0 means nothing."""
    found = tree_violations(Path(__file__).resolve().parent.parent)
    sys.stdout.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
