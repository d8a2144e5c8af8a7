"""Store and vault without what tells damage: the control that flipped bytes must betray."""

import contextlib
import sqlite3
from collections.abc import Generator
from unittest import mock

from hushpost import vault_file
from hushpost_store.sqlite import database, mailboxes, store
from hushpost_store.sqlite.log_inspection import LogState
from hushpost_store.sqlite.row_digest import Damage, install


class _Agrees:
    """Equal to every digest."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]  # nothing keeps it


def _install(connection: sqlite3.Connection, damage: Damage) -> None:
    install(connection, damage)
    connection.create_function("row_intact", -1, lambda *_: 1)


@contextlib.contextmanager
def unchecked_store() -> Generator[None]:
    """Let the store believe every byte, for the time of the block."""
    with (
        mock.patch.object(store, "require_sound"),
        mock.patch.object(database, "install", _install),
        mock.patch.object(database, "inspect_log", return_value=LogState.WHOLE),
        mock.patch.object(mailboxes, "rest_is_intact", return_value=True),
        mock.patch.object(mailboxes, "envelope_digest", return_value=_Agrees()),
    ):
        yield


@contextlib.contextmanager
def unchecked_vault() -> Generator[None]:
    """Let the vault look at nothing but the rows that are read."""
    with (
        mock.patch.object(vault_file, "examine_log"),
        mock.patch.object(vault_file, "examine_rows"),
    ):
        yield
