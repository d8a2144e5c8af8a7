"""Everything that can go wrong in this package, in one tree.

`Misuse` says that the calling code broke a contract, `PeerFault` that bytes from outside did,
`BadText` that something a person typed or scanned does not read,
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


class BodyTooLong(Misuse):
    """A body does not fit the largest bucket; send larger things as attachments."""


class LimitExceeded(Misuse):
    """More of something was asked for than the specification allows."""


class NoSession(Misuse):
    """Nothing was started with this device yet: fetch its prekeys and call `start`."""


class ChainExhausted(Misuse):
    """A chain can carry no more messages; start a new session with that device."""


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


class RecordMalformed(BadRecord):
    """Bytes are not the one canonical encoding of the record they should be."""


class AccountMismatch(BadRecord):
    """A record belongs to another account or device than the one asked for."""


class DeviceUnknown(BadRecord):
    """A record names a device that its account's device list does not hold."""


class DeviceListFault(BadRecord):
    """A device list is properly signed and yet does not continue the one known."""


class DeviceListLower(DeviceListFault):
    """A device list is older than the one known: somebody rolls the account back."""


class DeviceListEqual(DeviceListFault):
    """Another device list of the version already known: the account shows two faces."""


class DeviceListSkipped(DeviceListFault):
    """The lists between are missing; fetch the chain after the known version and try again."""


class DeviceListForked(DeviceListFault):
    """The next version continues another history than the one known."""


class DeviceListDatesWrong(DeviceListFault):
    """A device list is dated further ahead, or further back in its chain, than clocks differ."""


class PrekeyKindWrong(BadRecord):
    """A one-time record stands where a signed one is due, or the other way round."""


class PrekeyExpired(BadRecord):
    """A prekey or seal record is past its last day."""


class PrekeyDatesWrong(BadRecord):
    """A prekey or seal record is dated in the future or good for longer than the limit."""


class BadEnvelope(PeerFault):
    """Bytes have no bucket's size, or another id than was named for them."""


class BadOpening(PeerFault):
    """A report's opening does not open the commitment of the envelope it names."""


class BadHandover(PeerFault):
    """A chain of relay handovers does not lead from the known key to the shown one."""


class RelayUnproven(PeerFault):
    """A relay did not prove that it holds its identity key, or shows another than the known one."""


# -- text from a person ----------------------------------------------------------------------


class BadText(HushpostCryptoError):
    """What a person typed, pasted or scanned does not read; the message says which part and why."""


class BadAddress(BadText):
    """Text is no address or invitation."""


class BadRecoveryWords(BadText):
    """Words are no recovery phrase."""


# -- stored state ----------------------------------------------------------------------------


class SnapshotFault(HushpostCryptoError):
    """Stored state cannot be loaded; the session it held is lost and must be started anew."""


class SnapshotDamaged(SnapshotFault):
    """A snapshot was truncated or altered since it was written."""


class SnapshotFormatUnknown(SnapshotFault):
    """A snapshot was written by a newer version; install that version to read it."""
