"""Vaults that keep what they must not: the scan of vaults must find each, or it sees nothing."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hushpost import vault as vault_module
from hushpost import vault_file
from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey
from hushpost_crypto import receiving_chain

from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.canary.vault_copy import copy_vaults
from hushpost_proof.canary.vault_notes import noting
from hushpost_proof.canary.vault_scan import OpenRow, dead_rows, hunt_in_rows

_KEY = KeychainKey(bytes(range(32)))
# The pages of old rows must not all be written over by new ones.
_ROWS = 40


async def old_rows_found(folder: Path, *, log_kept: bool, pages_kept: bool) -> int:
    """Return how many dead rows are found in a vault, with the defects that are asked for."""
    with noting() as notes, _defects(log_kept=log_kept, pages_kept=pages_kept):
        async with await Vault.create(folder / "a.vault", _KEY) as vault:
            for text in (b"old text ", b"new text "):
                async with vault.transaction() as rows:
                    for number in range(_ROWS):
                        rows.put(Table.MESSAGES, b"%d" % number, text * 20)
            async with vault.transaction() as rows:
                for number in range(_ROWS):
                    rows.delete(Table.MESSAGES, b"%d" % number)
            await vault.erase()
            return len(dead_rows(await copy_vaults(folder), notes.sealed))


@contextmanager
def _defects(*, log_kept: bool, pages_kept: bool) -> Generator[None]:
    module: Any = vault_module
    file: Any = vault_file
    truncate, connect = module.truncate_log, file.connect

    def careless_connect(path: Path) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(path)
        connection.execute("PRAGMA secure_delete=OFF")
        return connection

    if log_kept:
        module.truncate_log = _say_done
    if pages_kept:
        file.connect = careless_connect
    try:
        yield
    finally:
        module.truncate_log, file.connect = truncate, connect


def _say_done(_: sqlite3.Connection) -> bool:
    return True


def unsealed_row_found(folder: Path, scan: CanaryScan, text: str) -> bool:
    """Whether the scan sees a text that a vault's file holds in clear, in its log."""
    path = folder / "unsealed.vault"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE draft (words BLOB)")
        database.execute("INSERT INTO draft VALUES (?)", (text.encode("utf-16-le"),))
        before = len(scan.sightings)
        for file in folder.glob("unsealed*"):
            scan.look("a planted vault", file.name, file.read_bytes())
    return len(scan.sightings) > before


def kept_things_found() -> list[str]:
    """Return of which kinds of things the hunt finds one that a row still holds."""
    with noting() as notes:
        following, message_key = receiving_chain.chain_step(bytes(range(32)))
        prekey, sent = bytes(range(100, 180)), bytes(range(256)) * 16
        notes.values[str(Table.ONE_TIME_PREKEYS), b"used"] = {prekey}
        text = b"a text that should be gone"
    kept = [text, bytes(range(32)), message_key, prekey, sent[:2000], following]
    rows = [OpenRow(str(Table.SETTINGS), b"kept", bytes(9) + thing) for thing in kept]
    return [one.what for one in hunt_in_rows(rows, notes, [text], [sent]) if one.found]
