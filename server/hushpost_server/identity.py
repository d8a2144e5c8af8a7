"""The relay's identity key: made once, kept in a file, rotated by a signed handover.

Implements docs/spec/identity.md section 8. Clients remember the key; a handover chain lets one that
was away follow a rotation. A lost key cannot be handed over: the relay refuses to make a new one
silently beside existing data, because every client would see a stranger under the known name
(docs/operating.md says what to do).
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hushpost_store.durable_folder import sync_folder
from hushpost_wire.errors import WireError
from hushpost_wire.identifiers import SIGNATURE_BYTES, RelayPublicKey, Signature
from hushpost_wire.limits import HANDOVERS_MAX
from hushpost_wire.relay_records import Handover

from hushpost_server import auth
from hushpost_server.errors import FolderUnusable, IdentityUnusable

FILE_NAME = "identity.json"
FILE_VERSION = 1
OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class RelayIdentity:
    """The relay's key and the handovers that led to it, oldest first."""

    seed: bytes = field(repr=False)
    handovers: tuple[Handover, ...] = ()

    @property
    def public_key(self) -> bytes:
        """The Ed25519 public key that `hello` announces."""
        return auth.public_key(self.seed)

    def follows(self, key: bytes) -> bool:
        """Say whether a client that knows `key` takes this identity: the same, or handed over."""
        return key == self.public_key or any(key == past.old_key for past in self.handovers)

    def sign(self, message: bytes) -> bytes:
        """Sign with the identity key; `message` must come from a labelled transcript."""
        return auth.sign(self.seed, message)


def new_identity(random: Callable[[int], bytes]) -> RelayIdentity:
    """Make an identity with no past."""
    return RelayIdentity(random(auth.SEED_BYTES))


def rotated(identity: RelayIdentity, day: int, random: Callable[[int], bytes]) -> RelayIdentity:
    """Return the successor of `identity`, with the handover its old key signed.

    The oldest handover goes when there would be more than a returning client may follow.
    """
    successor = random(auth.SEED_BYTES)
    unsigned = Handover(
        old_key=RelayPublicKey(identity.public_key),
        new_key=RelayPublicKey(auth.public_key(successor)),
        issue_day=day,
        signature=Signature(bytes(SIGNATURE_BYTES)),
    )
    signature = Signature(identity.sign(unsigned.signed_bytes()))
    handover = replace(unsigned, signature=signature)
    return RelayIdentity(successor, (*identity.handovers, handover)[-HANDOVERS_MAX:])


def handovers_hold(identity: RelayIdentity) -> bool:
    """Say whether the chain links up, is signed, and ends in this identity's key."""
    expected = identity.public_key
    for handover in reversed(identity.handovers):
        if handover.new_key != expected:
            return False
        if not auth.verify(handover.old_key, handover.signed_bytes(), handover.signature):
            return False
        expected = handover.old_key
    return True


def load_identity(folder: Path) -> RelayIdentity | None:
    """Read the identity file; None when there is none.

    Raises `IdentityUnusable` when it is malformed or when others than its owner may read it.
    """
    path = folder / FILE_NAME
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except FileNotFoundError:
        return None
    except PermissionError:
        raise IdentityUnusable(
            f"{path} may not be read by this user: run it as the user whose relay it is"
        ) from None
    except OSError as error:
        raise IdentityUnusable(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise IdentityUnusable(f"{path} cannot be read: it is no text of ours") from None
    if os.name == "posix" and mode & 0o077:
        raise IdentityUnusable(
            f"{path} can be read by others than its owner: run `chmod 600 {path}`, and if others"
            " may have read it, `hushpost-relay identity rotate`"
        )
    try:
        identity = _decode(json.loads(text))
    except (ValueError, KeyError, TypeError, Base64Error, WireError):
        identity = None
    if identity is None or not handovers_hold(identity):
        raise IdentityUnusable(
            f"{path} is damaged: restore it from a backup; if there is none, see 'A lost identity'"
            " in docs/operating.md"
        )
    return identity


def save_identity(folder: Path, identity: RelayIdentity) -> None:
    """Replace the identity file in one step, synced, readable by its owner only."""
    path = folder / FILE_NAME
    fresh = path.with_suffix(".new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        with os.fdopen(descriptor, "w") as file:
            json.dump(_encode(identity), file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        sync_folder(folder)
    except OSError as error:
        raise FolderUnusable(
            f"{path} cannot be written: {error.strerror}; choose another data_folder or free space"
        ) from None


def _encode(identity: RelayIdentity) -> dict[str, Any]:
    return {
        "version": FILE_VERSION,
        "seed": b64encode(identity.seed).decode(),
        # Any 32 bytes are a seed: this tells a damaged one from the one that people know.
        "public_key": identity.public_key.hex(),
        "handovers": [b64encode(handover.to_bytes()).decode() for handover in identity.handovers],
    }


def _decode(data: dict[str, Any]) -> RelayIdentity:
    seed = b64decode(data["seed"], validate=True)
    if data["version"] != FILE_VERSION or len(seed) != auth.SEED_BYTES:
        raise ValueError
    handovers = tuple(
        Handover.from_bytes(b64decode(text, validate=True)) for text in data["handovers"]
    )
    identity = RelayIdentity(seed, handovers)
    if data.get("public_key", identity.public_key.hex()) != identity.public_key.hex():
        raise ValueError
    return identity
