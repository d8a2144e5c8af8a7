"""Folders whose names outlive a power loss.

A file's own sync says nothing about the name that leads to it: that is in its folder, and the name
of the folder in the one above. docs/spec/store.md, "Durability".
"""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: call it after a file in it was made, renamed or removed.

    Raises OSError. Outside of POSIX a folder cannot be opened, and names are journalled.
    """
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make a folder where none is, with those above it, durable on return. Raises OSError.

    Those above are the operator's own: their mode is what the process makes by default.
    """
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        make_folder(folder.parent, 0o777)
    folder.mkdir(mode=mode, exist_ok=True)
    sync_folder(folder.parent)
