"""A key, and records put into a vault, for its tests (docs/vault.md)."""

from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey

KEY = KeychainKey(bytes(range(32)))


async def put(vault: Vault, table: Table, key: bytes, value: bytes) -> None:
    """Store one record in a transaction of its own."""
    async with vault.transaction() as transaction:
        transaction.put(table, key, value)


async def fail_after_writing(vault: Vault) -> None:
    """Write two records and raise before the block ends."""
    async with vault.transaction() as transaction:
        transaction.put(Table.SETTINGS, b"a", b"2")
        transaction.put(Table.SETTINGS, b"b", b"2")
        _ = 1 // 0
