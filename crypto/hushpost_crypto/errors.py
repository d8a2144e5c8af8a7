"""The error tree of the crypto package.

Three branches under one root. `MisuseError`: the caller did something the contract forbids; mend
the calling code. `ProtocolViolation`: the peer or the relay sent something the specification
forbids; the text says what, and is for the owner's eyes, never sent back. `DecryptionFailed`: a
ciphertext did not open; one indistinct error, since telling an attacker which check failed tells
them where to push next.
"""


class CryptoError(Exception):
    """Root of everything this package raises."""


class MisuseError(CryptoError):
    """The caller broke the contract of a function; nothing was changed."""


class ProtocolViolation(CryptoError):
    """The peer or the relay broke the protocol; nothing was changed."""


class DecryptionFailed(CryptoError):
    """A ciphertext did not open. Deliberately says nothing about why."""

    def __init__(self) -> None:
        super().__init__("the ciphertext did not open")


# Keys and signatures


class BadKey(ProtocolViolation):
    """A public key that no honest peer makes: wrong length, low order, identity point."""


class BadSignature(ProtocolViolation):
    """A signature that its named key did not make over exactly these bytes."""


class BadRecord(ProtocolViolation):
    """Bytes that are not the canonical encoding of the record they should be."""


# Account and device list (docs/spec/identity.md)


class AccountMismatch(ProtocolViolation):
    """A record belongs to another account than the one asked for."""


class DeviceListLower(ProtocolViolation):
    """A device list older than the one already known: a roll-back."""


class DeviceListEqualFork(ProtocolViolation):
    """Two different device lists of the same version: the account shows two faces."""


class DeviceListSkipped(ProtocolViolation):
    """A device list whose predecessors were not given; fetch the chain between and try again."""


class DeviceListForked(ProtocolViolation):
    """The next version, but its previous hash names another history than the one known."""


class DeviceListFromFuture(ProtocolViolation):
    """A device list dated further ahead of our clock than clocks may differ."""


class DeviceUnknown(ProtocolViolation):
    """A record names a device that its account's device list does not hold."""


# Prekeys and seal records (docs/spec/identity.md)


class PrekeyExpired(ProtocolViolation):
    """A prekey or seal record past its last day."""


class PrekeyDates(ProtocolViolation):
    """A prekey or seal record dated in the future or good for longer than the limit."""


class PrekeyKind(ProtocolViolation):
    """A one-time record where a signed one was due, or the other way round."""


# Envelope (docs/spec/envelope.md)


class BadEnvelope(ProtocolViolation):
    """Bytes that are no envelope: no bucket in size, or another id than was named."""


class BodyTooLong(MisuseError):
    """A body that the largest bucket cannot hold; send larger things as attachments."""


class BadOpening(ProtocolViolation):
    """A report's opening does not open the commitment of the envelope it names."""


# Addresses, words, relay identity


class BadAddress(MisuseError):
    """Text that is no address or invitation; the message says which part is wrong and why."""


class BadRecoveryWords(MisuseError):
    """Words that are no recovery phrase; the message says which word or that the check failed."""


class BadHandover(ProtocolViolation):
    """A chain of relay handovers that does not lead from the known key to the shown one."""


class RelayUnproven(ProtocolViolation):
    """The relay did not prove that it holds its identity key, or shows another than is pinned."""
