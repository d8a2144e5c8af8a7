"""The audit of the captured wire opens real envelopes and finds each planted reuse."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hushpost_crypto.envelope import Bucket, Opening, assemble, pad
from hushpost_proof.harness.capture import CaptureUnreadable, messages, read_capture
from hushpost_proof.harness.key_log import KeyLogDamaged, log_keys, read_key_logs
from hushpost_proof.wire_audit import Audit, Leak, audit
from hushpost_wire.frames import (
    Deliver,
    Submit,
    encode_acknowledge,
    encode_deliver,
    encode_submit,
)
from hushpost_wire.identifiers import DropReference, DropSecret, Route, envelope_id
from websockets.frames import Frame, Opcode

from tests.crypto.pairwise_world import NOW, Device, met, stream


@dataclass
class Wiretap:
    """A folder as the recording proxy leaves it, and the logs of the processes beside it."""

    folder: Path
    up: bytes = b"GET /v1/post HTTP/1.1\r\nHost: relay\r\n\r\n"
    down: bytes = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
    requests: int = 0
    random: Callable[[int], bytes] = field(default_factory=lambda: stream("wiretap"))

    def __post_init__(self) -> None:
        (self.folder / "wire").mkdir()
        (self.folder / "keys").mkdir()

    def envelope(self, sender: Device, recipient: Device, text: bytes) -> bytes:
        """Seal an envelope the way a client does."""
        book = sender.book(recipient)
        opening = Opening(self.random(32), text)
        plaintext = pad(opening, Bucket.SMALL, book.overhead_bytes(NOW))
        commitment = opening.commitment()
        book, sealed = book.encrypt(plaintext, commitment=commitment, now=NOW, random=sender.random)
        sender.keep(recipient, book)
        return assemble(commitment, sealed)

    def submit(self, envelope: bytes) -> None:
        """Have a client submit it on this connection."""
        self.requests += 1
        known_as = envelope_id(envelope)
        route, secret = Route(bytes(16)), DropSecret(bytes(32))
        frame = Submit(4, self.requests, route, secret, known_as, 24, envelope)
        self.up += Frame(Opcode.BINARY, encode_submit(frame)).serialize(mask=True)

    def deliver(self, envelope: bytes) -> None:
        """Have the relay deliver it on this connection."""
        known_as = envelope_id(envelope)
        frame = Deliver(0, 1, 24, DropReference(bytes(16)), known_as, envelope)
        self.down += Frame(Opcode.BINARY, encode_deliver(frame)).serialize(mask=False)

    def keys(self, name: str = "keys/anna.1") -> Path:
        """Return where a process logs its keys."""
        return self.folder / name

    def audit(self) -> Audit:
        """Write the capture and audit it."""
        (self.folder / "wire" / "000001.up").write_bytes(self.up)
        (self.folder / "wire" / "000001.down").write_bytes(self.down)
        return audit(read_capture(self.folder / "wire"), read_key_logs(self.folder / "keys"))


@pytest.fixture
def wiretap(tmp_path: Path) -> Wiretap:
    """Give a wiretap with nothing on record."""
    return Wiretap(tmp_path)


def leaks(found: Audit) -> set[Leak]:
    """Return the kinds of findings."""
    return {finding.leak for finding in found.findings}


def test_honest_traffic_has_no_finding(wiretap: Wiretap) -> None:
    """Sealed first messages, ordinary ones, both directions, all are opened; nothing is reused."""
    with log_keys(wiretap.keys()):
        alice, bob = Device("alice"), Device("bob")
        alice.start(bob)
        first = wiretap.envelope(alice, bob, b"first")
        wiretap.submit(first)
        wiretap.submit(first)
        wiretap.deliver(first)
        accept(bob, alice, first)
        for _ in range(3):
            wiretap.submit(wiretap.envelope(bob, alice, b"there"))
    found = wiretap.audit()
    assert found.findings == ()
    assert (found.envelopes, found.resubmissions, found.delivered, found.sealed) == (4, 1, 1, 1)
    assert found.pairs_on_the_wire == 8
    assert found.pairs == 8


def accept(recipient: Device, sender: Device, envelope: bytes) -> None:
    """Open a sealed first envelope, so that the recipient can answer."""
    first = recipient.unseal(envelope[32:])
    first = type(first)(first.header, first.header_bytes, first.message, envelope[:32])
    book, _ = recipient.book(sender).accept(first, recipient.reception(first), now=NOW)
    recipient.keep(sender, book)


def test_a_ratchet_set_back_with_repeated_randomness_is_found(wiretap: Wiretap) -> None:
    """A rolled-back state that also draws the same nonce is found in the log and on the wire."""
    alice, bob = met()
    # Within a chain: its first header would bring fresh encapsulations, and so other body keys.
    alice.pass_on(bob)
    before = alice.book(bob)
    with log_keys(wiretap.keys()):
        for text in (b"one thing", b"and another"):
            alice.keep(bob, before)
            alice.random = stream("the same again")
            wiretap.submit(wiretap.envelope(alice, bob, text))
    found = wiretap.audit()
    assert leaks(found) == {Leak.REUSED, Leak.REUSED_ON_THE_WIRE}
    # Header and body, each under one key and nonce in two envelopes.
    assert found.pairs_on_the_wire == 2
    assert found.envelopes == 2


def test_a_ratchet_set_back_repeats_nothing_by_itself(wiretap: Wiretap) -> None:
    """A state restored from before a crash seals anew under other keys and nonces: no finding."""
    alice, bob = met()
    before = alice.book(bob)
    with log_keys(wiretap.keys()):
        for text in (b"one thing", b"and another"):
            alice.keep(bob, before)
            wiretap.submit(wiretap.envelope(alice, bob, text))
    assert wiretap.audit().findings == ()


def test_reuse_that_never_reached_the_wire_is_found(wiretap: Wiretap) -> None:
    """A second use in another life of the process is found though no envelope shows it."""
    alice, bob = met()
    before = alice.book(bob)
    sealed: list[bytes] = []
    for life in ("keys/anna.1", "keys/anna.2"):
        with log_keys(wiretap.keys(life)):
            alice.keep(bob, before)
            alice.random = stream("the same again")
            sealed.append(wiretap.envelope(alice, bob, b"text"))
    wiretap.submit(sealed[0])
    assert leaks(wiretap.audit()) == {Leak.REUSED}


def test_an_envelope_that_no_logged_key_opens_is_found(wiretap: Wiretap) -> None:
    """Encryption past the log shows, so that an audit without keys proves nothing by silence."""
    alice, bob = met()
    with log_keys(wiretap.keys()):
        wiretap.submit(wiretap.envelope(alice, bob, b"logged"))
    wiretap.submit(wiretap.envelope(alice, bob, b"past the log"))
    assert leaks(wiretap.audit()) == {Leak.UNOPENED}


def test_an_altered_envelope_is_found(wiretap: Wiretap) -> None:
    """One flipped bit in what is submitted or delivered is found."""
    alice, bob = met()
    with log_keys(wiretap.keys()):
        envelope = wiretap.envelope(alice, bob, b"text")
    altered = envelope[:-1] + bytes([envelope[-1] ^ 1])
    wiretap.submit(altered)
    wiretap.deliver(envelope)
    assert leaks(wiretap.audit()) == {Leak.UNOPENED, Leak.UNSUBMITTED}


def test_a_seal_used_twice_is_found(wiretap: Wiretap) -> None:
    """Two first messages under one encapsulated key are found."""
    alice, bob = Device("alice"), Device("bob")
    with log_keys(wiretap.keys()):
        alice.start(bob)
        first = wiretap.envelope(alice, bob, b"first")
        bob.unseal(first[32:])
    wiretap.submit(first)
    log = read_key_logs(wiretap.folder / "keys")
    found = wiretap.audit()
    assert found.findings == ()
    capture = read_capture(wiretap.folder / "wire")
    twin = capture.submits[0]._replace(envelope_id=envelope_id(b"another name"))
    doubled = type(capture)((*capture.submits, twin), ())
    assert Leak.SEAL_REUSED in leaks(audit(doubled, log))


def test_fragments_text_and_pings_are_read_past() -> None:
    """A message in pieces is put together; control frames between them and text are left out."""
    whole = encode_acknowledge([1, 2, 3])
    stream_bytes = b"HTTP/1.1 101\r\n\r\n" + b"".join(
        frame.serialize(mask=True)
        for frame in (
            Frame(Opcode.TEXT, b"{}"),
            Frame(Opcode.BINARY, whole[:3], fin=False),
            Frame(Opcode.PING, b"are you there"),
            Frame(Opcode.CONT, whole[3:]),
        )
    )
    assert list(messages(stream_bytes)) == [whole]
    for cut in range(len(stream_bytes)):
        assert list(messages(stream_bytes[:cut])) == []


def test_long_frames_are_read() -> None:
    """Lengths of two and of eight bytes are read, masked or not."""
    for size in (126, 70_000):
        for mask in (False, True):
            frame = Frame(Opcode.BINARY, bytes(range(7)) * (size // 7))
            data = b"\r\n\r\n" + frame.serialize(mask=mask)
            assert list(messages(data)) == [frame.data]


def test_bytes_that_are_no_websocket_are_an_error() -> None:
    """A capture that the reader does not understand is no silent pass."""
    plain = Frame(Opcode.BINARY, b"data").serialize(mask=True)
    compressed = bytes([plain[0] | 0x40]) + plain[1:]
    with pytest.raises(CaptureUnreadable, match="extension"):
        list(messages(b"\r\n\r\n" + compressed))
    with pytest.raises(CaptureUnreadable, match="empty"):
        list(messages(b"\r\n\r\n" + Frame(Opcode.BINARY, b"").serialize(mask=True)))


def test_a_log_cut_by_a_kill_keeps_its_whole_rows(wiretap: Wiretap) -> None:
    """A row that the process did not finish is left out; anything else in its place is an error."""
    alice, bob = met()
    with log_keys(wiretap.keys()):
        wiretap.submit(wiretap.envelope(alice, bob, b"text"))
    whole = wiretap.keys().read_bytes()
    wiretap.keys().write_bytes(whole + whole[:100])
    assert wiretap.audit().findings == ()
    wiretap.keys().write_bytes(whole + b"?" + whole)
    with pytest.raises(KeyLogDamaged, match="no row begins"):
        wiretap.audit()
