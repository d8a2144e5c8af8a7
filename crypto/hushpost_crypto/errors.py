"""Everything that can go wrong in this package, in one tree.

`Misuse` says that the calling code broke a contract, `PeerFault` that bytes from outside did,
`SnapshotFault` that stored state cannot be used. Towards an attacker there is one failure only:
every ciphertext that does not open, for whatever reason, is the same `Undecryptable`
(docs/spec/pairwise.md, 11).
"""


class HushpostCryptoError(Exception):
    """Root of everything raised by hushpost_crypto on purpose."""


# -- the calling code ------------------------------------------------------------------------


class Misuse(HushpostCryptoError):
    """The caller broke a documented duty; fix the calling code."""


class BadLength(Misuse):
    """A value of ours has the wrong number of bytes."""


# -- bytes from outside ----------------------------------------------------------------------


class PeerFault(HushpostCryptoError):
    """Bytes that came from a relay or a peer break the protocol; drop them and go on."""


class BadKey(PeerFault):
    """A public key or KEM ciphertext is malformed, not canonical or of low order."""


class BadSignature(PeerFault):
    """A signature does not verify under the key it must verify under."""


class BadRecord(PeerFault):
    """A signed public record is for something else, out of its days, or does not fit another."""


class Undecryptable(PeerFault):
    """A ciphertext does not open. One error for every cause; the state is as it was."""

    def __init__(self) -> None:
        super().__init__("this ciphertext does not open with any key held for its sender")


# -- stored state ----------------------------------------------------------------------------


class SnapshotFault(HushpostCryptoError):
    """Stored state cannot be loaded; the session it held is lost and must be started anew."""


class SnapshotDamaged(SnapshotFault):
    """A snapshot was truncated or altered since it was written."""


class SnapshotFormatUnknown(SnapshotFault):
    """A snapshot was written by a newer version; install that version to read it."""
