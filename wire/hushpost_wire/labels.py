"""The one registry of domain-separation labels (docs/spec/labels.md, which a test holds equal).

A label names what a hash, signature or key derivation is for, so that bytes made for one purpose
are never taken for another. On the wire of a computation it is ASCII and ends in one NUL byte: no
label is then a prefix of another. Add a label here and its row in the spec in the same change;
never change the meaning of one that exists.
"""

from typing import Final, NewType

Label = NewType("Label", bytes)

PREFIX: Final = "hushpost/v1/"

_registry: dict[str, Label] = {}


def _label(path: str) -> Label:
    name = PREFIX + path
    if name in _registry:
        raise ValueError(f"the label {name} is registered twice")
    label = Label(name.encode("ascii") + b"\0")
    _registry[name] = label
    return label


# Identity (docs/spec/identity.md)
ACCOUNT_ID: Final = _label("account/id")
ACCOUNT_CREATE: Final = _label("account/create")
ACCOUNT_DELETE: Final = _label("account/delete")
DEVICE_ID: Final = _label("device/id")
DEVICE_LIST_SIGN: Final = _label("device-list/sign")
DEVICE_LIST_HEAD: Final = _label("device-list/head")
PREKEY_SIGN: Final = _label("prekey/sign")
SEAL_SIGN: Final = _label("seal/sign")
RECOVERY_SEED: Final = _label("recovery/seed")
SAFETY_NUMBER: Final = _label("safety-number/digits")

# Login and the relay's identity (docs/spec/identity.md)
LOGIN_DEVICE: Final = _label("login/device")
LOGIN_RELAY: Final = _label("login/relay")
RELAY_HANDOVER: Final = _label("relay/handover")

# Addresses and drops (docs/spec/addresses.md)
ADDRESS_CHECK: Final = _label("address/check")
INVITATION_CHECK: Final = _label("invitation/check")
DROP_HASH: Final = _label("drop/hash")

# Envelope (docs/spec/envelope.md)
ENVELOPE_COMMITMENT: Final = _label("envelope/commitment")


# The client's vault (docs/vault.md)
VAULT_WRAP: Final = _label("vault/wrap")
VAULT_CHECKSUM: Final = _label("vault/checksum")
VAULT_KEYCHAIN: Final = _label("vault/keychain")
VAULT_ROW_KEY: Final = _label("vault/row-key")
VAULT_INDEX_KEY: Final = _label("vault/index-key")
VAULT_ROW: Final = _label("vault/row")

# Pairwise sessions (docs/spec/pairwise.md)
PQXDH_TRANSCRIPT: Final = _label("pqxdh/transcript")
PQXDH_SECRET: Final = _label("pqxdh/secret")
PQXDH_REENCAPSULATION: Final = _label("pqxdh/reencapsulation")
RATCHET_ROOT: Final = _label("ratchet/root")
RATCHET_KEM_ROOT: Final = _label("ratchet/kem-root")
RATCHET_KEM_STEP: Final = _label("ratchet/kem-step")
RATCHET_MESSAGE: Final = _label("ratchet/message")
SESSION_LINK: Final = _label("session/link")
SEAL_FIRST_MESSAGE: Final = _label("seal/first-message")
SNAPSHOT_CHECK: Final = _label("snapshot/check")


def registered() -> dict[str, Label]:
    """Every label by its printable name, in the order of registration."""
    return dict(_registry)
