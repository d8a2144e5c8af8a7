"""Defects that the experiment must find: each undoes one thing that durability rests on.

    python -m hushpost_proof.power.defects NAME hushpost_server.command ARGUMENTS...

runs a module's `main` with the defect NAME in it; "none" plants nothing. The product does not know
of this: functions of it are replaced before it starts.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from hushpost import vault_file, vault_schema
from hushpost_server import identity
from hushpost_store.sqlite import database
from hushpost_store.sqlite.group import Entry
from hushpost_store.sqlite.writer import Writer


def main(arguments: Sequence[str]) -> int:
    """Plant the defect and run the module."""
    defect, module, *rest = arguments
    DEFECTS[defect]()
    status: int = import_module(module).main(rest)
    return status


def _plant_nothing() -> None:
    return


def _store_synchronous(level: str) -> Callable[[], None]:
    def plant() -> None:
        configure = database.Database._configure  # pyright: ignore[reportPrivateUsage]

        def weakened(self: database.Database, connection: sqlite3.Connection) -> None:
            configure(self, connection)
            connection.execute(f"PRAGMA synchronous = {level}")

        _replace(database.Database, "_configure", weakened)

    return plant


def _vault_synchronous_off() -> None:
    connect = vault_schema.connect

    def weakened(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    _replace(vault_file, "connect", weakened)


def _identity_folder_not_synced() -> None:
    _replace(identity, "sync_folder", _sync_nothing)


def _sync_nothing(_: Path) -> None:
    return


def _accepted_before_commit() -> None:
    enqueue = Writer.enqueue

    def hasty(self: Writer, entry: Entry) -> None:
        enqueue(self, entry)
        listeners = entry.listeners[:]
        entry.listeners.clear()
        loop = asyncio.get_running_loop()
        for listener in listeners:
            loop.call_soon(listener.committed)

    _replace(Writer, "enqueue", hasty)


def _replace(place: object, name: str, planted: object) -> None:
    """Put the defect where the product looks the function up; it must be there already."""
    assert hasattr(place, name), name
    setattr(place, name, planted)


DEFECTS: dict[str, Callable[[], None]] = {
    "none": _plant_nothing,
    "store-synchronous-normal": _store_synchronous("NORMAL"),
    "store-synchronous-off": _store_synchronous("OFF"),
    "vault-synchronous-off": _vault_synchronous_off,
    "identity-folder-not-synced": _identity_folder_not_synced,
    "accepted-before-commit": _accepted_before_commit,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
