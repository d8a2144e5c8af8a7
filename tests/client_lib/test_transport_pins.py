"""Pinned relay keys in a vault."""

from pathlib import Path

from hushpost.transport_pins import VaultPins
from hushpost.vault import Vault
from hushpost.vault_header import KeychainKey
from hushpost_wire.host import Host
from hushpost_wire.identifiers import RelayPublicKey

KEY = KeychainKey(bytes(32))
LONG = Host(".".join(["a" * 60] * 4) + ":65535")


async def test_a_pin_survives_reopening(tmp_path: Path) -> None:
    """A key remembered for a host, however long its name, is there after closing and opening."""
    async with await Vault.create(tmp_path / "v", KEY) as vault:
        pins = VaultPins(vault)
        assert pins.known(LONG) is None
        await pins.remember(LONG, RelayPublicKey(b"k" * 32))
    async with await Vault.open(tmp_path / "v", KEY) as vault:
        assert VaultPins(vault).known(LONG) == b"k" * 32
        assert VaultPins(vault).known(Host("other.example")) is None
