"""Notes what a client puts into its vault and which keys it uses up, from within its process.

Stands around the sealing of rows and around the step of the chains, so that nothing passes by.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hushpost.vault_sealing import Entry, Sealer
from hushpost_crypto import double_ratchet, receiving_chain


@dataclass(slots=True)
class VaultNotes:
    """All rows that were ever sealed, in clear and as they went to the disk; and spent keys.

    `values` is by table and key of the row.

    A chain key is spent when the chain stepped beyond it, a message key when it came to be: what
    arrives in order is opened at once.
    """

    sealed: set[bytes] = field(default_factory=set[bytes])
    values: dict[tuple[str, bytes], set[bytes]] = field(
        default_factory=dict[tuple[str, bytes], set[bytes]]
    )
    chain_keys: set[bytes] = field(default_factory=set[bytes])
    message_keys: set[bytes] = field(default_factory=set[bytes])
    rows: int = 0


@contextmanager
def noting() -> Generator[VaultNotes]:
    """Note everything of all vaults of this process until the context ends."""
    notes = VaultNotes()
    seal, chain_step = Sealer.seal, receiving_chain.chain_step

    def noted_seal(
        self: Sealer, table: str, entry: Entry, key: bytes, value: bytes
    ) -> Sequence[bytes]:
        parts = seal(self, table, entry, key, value)
        notes.rows += 1
        notes.sealed.update(parts)
        notes.values.setdefault((str(table), key), set()).add(value)
        return parts

    def noted_step(chain_key: bytes) -> tuple[bytes, bytes]:
        following, message_key = chain_step(chain_key)
        notes.chain_keys.add(chain_key)
        notes.message_keys.add(message_key)
        return following, message_key

    changed: list[Any] = [receiving_chain, double_ratchet]
    sealer: Any = Sealer
    sealer.seal = noted_seal
    for module in changed:
        module.chain_step = noted_step
    try:
        yield notes
    finally:
        sealer.seal = seal
        for module in changed:
            module.chain_step = chain_step
