"""The captured wire, decrypted, to see whether any key with its nonce encrypted twice.

Pure. It takes what the wiretap saw and what the processes say they encrypted with, opens every
captured envelope by it (docs/spec/pairwise.md: header, then body; a first message from within its
seal), and reports

- a key and nonce that encrypted twice, on the wire or anywhere in the log: a ratchet that a crash
  set back, or randomness that repeated;
- a captured envelope that no logged key opens: then the log misses a path, and proves nothing;
- a delivered envelope that nobody submitted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from hushpost_crypto import primitives
from hushpost_crypto.envelope import take_apart
from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.first_message import FirstHeader
from hushpost_wire.encoding import Reader
from hushpost_wire.frames import Submit
from hushpost_wire.identifiers import EnvelopeId

from hushpost_proof.harness.capture import Capture
from hushpost_proof.harness.key_log import AeadUse, KeyLog, SealKey


class Leak(StrEnum):
    """What the audit can find."""

    REUSED = "reused: one key and nonce encrypted twice"
    REUSED_ON_THE_WIRE = "reused on the wire: one key and nonce under two envelopes"
    SEAL_REUSED = "seal reused: one encapsulated key under two first messages"
    UNOPENED = "unopened: no logged key opens this envelope"
    UNSUBMITTED = "unsubmitted: delivered, and nobody submitted it"


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One of them, with the envelope's id or the nonce concerned."""

    leak: Leak
    where: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The verdict and how much it rests on. Pairs are of key and nonce."""

    findings: tuple[AuditFinding, ...]
    envelopes: int
    resubmissions: int
    delivered: int
    sealed: int
    pairs_on_the_wire: int
    pairs: int


@dataclass(frozen=True, slots=True)
class _Opened:
    """The two encryptions inside an envelope, and the encapsulated key around them."""

    header: AeadUse
    body: AeadUse
    encapsulated: bytes


# X-Wing: an ML-KEM-768 ciphertext and an X25519 key, in front of the sealed bytes.
_ENCAPSULATED_BYTES = 1120


def audit(capture: Capture, log: KeyLog) -> Audit:
    """Open all that was captured, and count the uses of every key with its nonce."""
    envelopes = {submit.envelope_id: submit.envelope for submit in capture.submits}
    opener = _Opener(log)
    findings = list(_reused(log.uses))
    bodies: Counter[tuple[bytes, bytes]] = Counter()
    seals: Counter[bytes] = Counter()
    for known_as, envelope in envelopes.items():
        opened = opener.open(envelope)
        if opened is None:
            findings.append(AuditFinding(Leak.UNOPENED, known_as.hex()))
            continue
        for use in (opened.header, opened.body):
            bodies[use.key, use.nonce] += 1
        if opened.encapsulated:
            seals[opened.encapsulated] += 1
    findings += [
        AuditFinding(Leak.REUSED_ON_THE_WIRE, nonce.hex())
        for (_, nonce), times in bodies.items()
        if times > 1
    ]
    findings += [
        AuditFinding(Leak.SEAL_REUSED, seal[:16].hex())
        for seal, times in seals.items()
        if times > 1
    ]
    findings += _unsubmitted(capture, envelopes)
    return Audit(
        tuple(findings),
        envelopes=len(envelopes),
        resubmissions=_resubmissions(capture.submits),
        delivered=len({deliver.envelope_id for deliver in capture.delivers}),
        sealed=sum(seals.values()),
        pairs_on_the_wire=len(bodies),
        pairs=len({(use.key, use.nonce) for use in log.uses}),
    )


class _Opener:
    """Opens envelopes as their readers do, with keys from the log."""

    def __init__(self, log: KeyLog) -> None:
        self._seals = log.seals
        self._by_nonce: dict[bytes, list[AeadUse]] = defaultdict(list)
        self._by_tag: dict[bytes, list[AeadUse]] = defaultdict(list)
        for use in log.uses:
            self._by_nonce[use.nonce].append(use)
            self._by_tag[use.tag].append(use)

    def open(self, envelope: bytes) -> _Opened | None:
        """Return what opened an envelope, having opened it; None if nothing does."""
        commitment, sealed = take_apart(envelope)
        opened = self._open_message(sealed, commitment, b"")
        if opened is not None:
            return opened
        for seal in self._seals:
            message = _unseal(seal, sealed)
            if message is not None:
                return self._open_message(message, commitment, sealed[:_ENCAPSULATED_BYTES])
        return None

    def _open_message(
        self, message: bytes, commitment: bytes, encapsulated: bytes
    ) -> _Opened | None:
        start = primitives.NONCE_BYTES
        for header in self._by_nonce.get(message[:start], ()):
            end = start + header.ciphertext_bytes
            if not _opens(header, message[start:end]):
                continue
            for body in self._by_tag.get(message[-primitives.TAG_BYTES :], ()):
                if not body.associated_data.endswith(commitment):
                    continue
                if _opens(body, message[end:]):
                    return _Opened(header, body, encapsulated)
        return None


def _opens(use: AeadUse, ciphertext: bytes) -> bool:
    opened = primitives.aead_try(use.key, use.nonce, ciphertext, use.associated_data)
    return opened is not None


def _unseal(seal: SealKey, sealed: bytes) -> bytes | None:
    try:
        opened = primitives.hpke_open(seal.seed, seal.info, sealed)
    except Undecryptable:
        return None
    header = FirstHeader.read(Reader(opened, "first message"))
    return opened[len(header.to_bytes()) :]


def _reused(uses: Sequence[AeadUse]) -> Iterable[AuditFinding]:
    counted = Counter((use.key, use.nonce) for use in uses)
    for (_, nonce), times in counted.items():
        if times > 1:
            yield AuditFinding(Leak.REUSED, nonce.hex())


def _resubmissions(submits: Sequence[Submit]) -> int:
    return len(submits) - len({submit.envelope_id for submit in submits})


def _unsubmitted(capture: Capture, envelopes: dict[EnvelopeId, bytes]) -> Iterable[AuditFinding]:
    for deliver in capture.delivers:
        if envelopes.get(deliver.envelope_id) != deliver.envelope:
            yield AuditFinding(Leak.UNSUBMITTED, deliver.envelope_id.hex())
