"""Vectors that other people published, read from where they lie and never copied in.

The PyPI package `cryptography_vectors` carries most. X-Wing vectors are looked for in the folder
that HUSHPOST_VECTORS names, else in `../shared/vectors` beside the repository.
"""

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
Fields = dict[str, str]


def package_file(name: str) -> Path:
    """Find a file of `cryptography_vectors`."""
    spec = importlib.util.find_spec("cryptography_vectors")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / name


def shared_file(name: str) -> Path | None:
    """Find a file of the vectors folder; None where there is no such folder."""
    named = os.environ.get("HUSHPOST_VECTORS")
    folder = Path(named) if named else ROOT.parent / "shared" / "vectors"
    path = folder / name
    return path if path.exists() else None


def blocks(text: str) -> Iterator[Fields]:
    """Read `name = value` lines; a name that comes again begins the next block."""
    block: Fields = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if not separator or line.startswith("#"):
            continue
        if name.strip() in block:
            yield block
            block = {}
        block[name.strip()] = value.strip()
    if block:
        yield block


def hpke_cases(text: str) -> list[dict[str, Any]]:
    """Read the HPKE cases of our suite: base mode, X-Wing, HKDF-SHA-256, ChaCha20-Poly1305."""
    cases: list[dict[str, Any]] = json.loads(text)
    suite = {"mode": 0, "kem_id": 0x647A, "kdf_id": 1, "aead_id": 3}
    return [case for case in cases if all(case[name] == value for name, value in suite.items())]
