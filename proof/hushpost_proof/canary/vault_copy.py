"""Vaults' files as they are at one moment, copied by another process and read from the copy.

Another process, since closing a file that SQLite has open in this one would drop its locks; and
the copy, since a reader of the original would keep its log from being cut.
"""

import asyncio
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hushpost_proof.harness.hunt import files_in


@dataclass(frozen=True, slots=True)
class VaultCopy:
    """All files by name, and the sealed rows that the tables in them hold."""

    files: dict[str, bytes]
    live: frozenset[bytes]


async def copy_vaults(folder: Path) -> VaultCopy:
    """Copy and read the files of a folder with vaults, open or closed."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        target = Path(place) / "copy"
        process = await asyncio.create_subprocess_exec("cp", "-r", str(folder), str(target))
        # A log that is cut, or a file that is gone, while it is copied is no fault.
        await process.wait()
        return await asyncio.to_thread(_read, target)


def _read(folder: Path) -> VaultCopy:
    # Before SQLite opens the copy, which moves the log into the file.
    files = {path.name: path.read_bytes() for path in files_in(folder)}
    live: set[bytes] = set()
    for path in folder.glob("*.vault"):
        with closing(sqlite3.connect(path)) as database:
            names = database.execute("SELECT name FROM sqlite_master WHERE name GLOB 'body_*'")
            for (name,) in names.fetchall():
                live.update(row[0] for row in database.execute(f"SELECT sealed FROM {name}"))
    shutil.rmtree(folder)
    return VaultCopy(files, frozenset(live))
