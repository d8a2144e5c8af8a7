"""Defects that the experiment must find: each undoes one thing that durability rests on.

    python -m hushpost_proof.power.defects NAME hushpost_server.command ARGUMENTS...

runs a module's `main` with the defect NAME in it; "none" plants nothing. The product does not know
of this: functions of it are replaced before it starts.
"""

import sqlite3
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from hushpost import vault_file, vault_schema
from hushpost_server import identity
from hushpost_store.admission import Admitted
from hushpost_store.sqlite import database
from hushpost_store.sqlite.intake import Intake


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

        database.Database._configure = weakened  # type: ignore[method-assign]  # planted  # pyright: ignore[reportPrivateUsage]

    return plant


def _vault_synchronous_off() -> None:
    connect = vault_schema.connect

    def weakened(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    vault_file.connect = weakened  # type: ignore[attr-defined]  # the name it was imported under


def _identity_folder_not_synced() -> None:
    identity.sync_folder = _sync_nothing  # type: ignore[attr-defined]  # where it is used


def _vault_folder_not_synced() -> None:
    vault_file._sync_folder = _sync_nothing  # pyright: ignore[reportPrivateUsage]


def _sync_nothing(_: Path) -> None:
    return


def _accepted_before_commit() -> None:
    enqueue = Intake._enqueue  # pyright: ignore[reportPrivateUsage]

    def hasty(self: Intake, *arguments: object) -> None:
        enqueue(self, *arguments)  # type: ignore[arg-type]  # handed through
        decision, listener = arguments[2], arguments[3]
        entry = next(reversed(self._pending.values()), None)  # pyright: ignore[reportPrivateUsage]
        assert isinstance(decision, Admitted)
        if entry is not None and listener in entry.listeners:
            entry.listeners.remove(listener)  # type: ignore[arg-type]  # it is in there
            listener.committed()  # type: ignore[attr-defined]  # it is a listener

    Intake._enqueue = hasty  # type: ignore[method-assign]  # planted  # pyright: ignore[reportPrivateUsage]


DEFECTS: dict[str, Callable[[], None]] = {
    "none": _plant_nothing,
    "store-synchronous-normal": _store_synchronous("NORMAL"),
    "store-synchronous-off": _store_synchronous("OFF"),
    "vault-synchronous-off": _vault_synchronous_off,
    "identity-folder-not-synced": _identity_folder_not_synced,
    "vault-folder-not-synced": _vault_folder_not_synced,
    "accepted-before-commit": _accepted_before_commit,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
