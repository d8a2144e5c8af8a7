"""The identity keys of known relays, kept in the vault (docs/transport.md)."""

from typing import Final

from hushpost_crypto.primitives import sha256
from hushpost_wire.host import Host
from hushpost_wire.identifiers import RelayPublicKey

from hushpost.vault import Table, Vault

_HOST_KEY: Final = b"relay-key/"


class VaultPins:
    """`RelayPins` over a vault: trust on first use, remembered durably."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def known(self, host: Host) -> RelayPublicKey | None:
        """Give the key remembered for a host."""
        value = self._vault.get(Table.SETTINGS, _key(host))
        return None if value is None else RelayPublicKey(value)

    async def remember(self, host: Host, key: RelayPublicKey) -> None:
        """Keep a key, durably on return."""
        async with self._vault.transaction() as transaction:
            transaction.put(Table.SETTINGS, _key(host), key)


def _key(host: Host) -> bytes:
    # Hashed, since a host may be longer than the key of a record.
    return _HOST_KEY + sha256(host.encode("ascii"))
