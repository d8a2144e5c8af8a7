"""Inputs in the tree: a small corpus for each target, and every input that ever found something.

`corpus/<target>/` is written from the targets' seeds by `python -m tests.fuzz --write-corpus`;
`regressions/<target>/` holds what found a defect, and is tried first for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from tests.fuzz.target import Target

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
REGRESSIONS = HERE / "regressions"


def name_of(data: bytes) -> str:
    """Give the file name of an input."""
    return hashlib.sha256(data).hexdigest()[:16]


def stored(folder: Path, target: Target) -> list[bytes]:
    """Read what is kept for a target, in one order."""
    return [path.read_bytes() for path in sorted((folder / target.name).glob("*"))]


def inputs_of(target: Target) -> list[bytes]:
    """Give all that a run begins with."""
    return [*stored(REGRESSIONS, target), *stored(CORPUS, target)]


def keep(folder: Path, target: str, data: bytes) -> Path:
    """Store an input under its name."""
    path = folder / target / name_of(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def write(targets: Iterable[Target]) -> None:
    """Write the corpus anew from the seeds; what is no seed any more goes."""
    for target in targets:
        for old in (CORPUS / target.name).glob("*"):
            old.unlink()
        for data in target.seeds():
            keep(CORPUS, target.name, data)
