"""Fuzz targets of the cryptography: what opens, reads or verifies bytes of a peer or a person.

The keys are new in every process and the inputs are edits (`edits`), so that most of them are a
step away from a message that opens. Whatever fails leaves the state byte for byte as it was.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

from hushpost_crypto import envelope, snapshot
from hushpost_crypto.address import Address, Invitation
from hushpost_crypto.address import parse as parse_address
from hushpost_crypto.device_list import KnownList, follow, issue_next, read_device_list
from hushpost_crypto.drops import make_drop, make_route
from hushpost_crypto.errors import (
    BadEnvelope,
    BadKey,
    BadRecord,
    BadSignature,
    BadText,
    PeerFault,
    SnapshotFault,
    Undecryptable,
)
from hushpost_crypto.keys import RecoveryKey
from hushpost_crypto.prekeys import read_prekey, read_seal
from hushpost_crypto.recovery_words import read_recovery_words, recovery_words
from hushpost_crypto.session import SessionBook
from hushpost_wire.encoding import labelled_sha256
from hushpost_wire.errors import WireError
from hushpost_wire.labels import SNAPSHOT_CHECK
from hushpost_wire.records import AccountId, DeviceList, PrekeyKind, PrekeyRecord, SealRecord

from tests.crypto.pairwise_world import COMMITMENT, DAY, NOW, Device, met
from tests.fuzz.edits import edited
from tests.fuzz.target import Target

# Asks that the signature or checksum be made anew over the edited bytes, to reach what is behind.
RENEW = 0x80
SIGNATURE_BYTES = 64
CHECK_BYTES = 32
PLAINTEXT = b"text"
UNEDITED = [bytes([number]) for number in range(4)]
SEEDS = [*UNEDITED, b"\x00\x00\x00\x10\x01", b"\x01\x03\x00\x40\x07", b"\x02\x02\x00\x00\xff"]
RENEWED = [bytes([seed[0] | RENEW]) + seed[1:] for seed in SEEDS]


@dataclass(frozen=True)
class _Mail:
    """Messages on their way to Bob, and Bob's book of Alice, before he has read any of them."""

    bob: Device
    alice: Device
    messages: tuple[bytes, ...]
    book: SessionBook


@functools.cache
def _session_mail() -> _Mail:
    alice, bob = met()
    messages = tuple(alice.send(bob, PLAINTEXT) for _ in range(4))
    return _Mail(bob, alice, messages, bob.book(alice))


@functools.cache
def _first_mail() -> _Mail:
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    messages = tuple(alice.send(bob, PLAINTEXT) for _ in range(2))
    return _Mail(bob, alice, messages, bob.book(alice))


def ratchet(data: bytes) -> None:
    """Only what Alice sent opens; a message that does not leaves the book as it was."""
    mail = _session_mail()
    message = edited(mail.messages, data)
    before = snapshot.dump(mail.book)
    try:
        book, decrypted = mail.book.decrypt(message, commitment=COMMITMENT, now=NOW)
    except Undecryptable:
        assert message not in mail.messages, "a genuine message does not open"
    else:
        assert message in mail.messages, "a message that nobody sent opens"
        assert decrypted.plaintext == PLAINTEXT
        assert snapshot.dump(book) != before, "a message key can be used again"
    assert snapshot.dump(mail.book) == before, "a failed message changed the book"


def sealed_first(data: bytes) -> None:
    """Only what Alice sealed opens and begins a session."""
    mail = _first_mail()
    message = edited(mail.messages, data)
    remembered = set(mail.bob.remembered)
    try:
        first = mail.bob.unseal(message)
        _, decrypted = mail.book.accept(first, mail.bob.reception(first), now=NOW)
    except Undecryptable:
        assert message not in mail.messages, "a genuine first message does not open"
    else:
        assert message in mail.messages, "a first message that nobody sent begins a session"
        assert decrypted.plaintext == PLAINTEXT
    assert mail.bob.remembered == remembered


@functools.cache
def _lists() -> tuple[Device, tuple[DeviceList, ...]]:
    alice = Device("alice")
    lists = [alice.local.device_list]
    for day in range(1, 4):
        entries = [alice.local.entry, Device(f"other {day}").local.entry]
        genesis = alice.local.genesis
        lists.append(issue_next(alice.account_key, genesis, lists[-1], entries, today=DAY + day))
    return alice, tuple(lists)


def _renewed(record: bytes, signed: Callable[[], bytes], sign: Callable[[bytes], bytes]) -> bytes:
    try:
        return record[:-SIGNATURE_BYTES] + sign(signed())
    except WireError:
        return record


def device_list(data: bytes) -> None:
    """Only signed lists are read, and only the next links of the chain are followed."""
    alice, lists = _lists()
    genuine = [known.to_bytes() for known in lists]
    record = edited(genuine, data)
    renew = data[:1] >= bytes([RENEW])
    if renew:
        record = _renewed(
            record,
            lambda: DeviceList.from_bytes(record).signed_bytes(),
            alice.account_key.sign,
        )
    owner = alice.local.genesis.account_id()
    try:
        shown = read_device_list(record, alice.local.genesis, owner, today=DAY + 9)
    except (BadRecord, BadSignature, BadKey):
        assert record not in genuine, "a genuine list is refused"
        return
    assert renew or record in genuine, "a list that nobody signed is read"
    assert shown.to_bytes() == record
    known = KnownList.of(lists[1])
    try:
        followed = follow(known, [shown], alice.local.genesis, owner, today=DAY + 9)
    except BadRecord:
        assert record not in (genuine[1], genuine[2]), "the next link is not followed"
        return
    assert shown.version in (known.version, known.version + 1)
    assert followed.known == KnownList.of(shown)
    if shown.version == known.version:
        assert shown.head() == known.head, "a fork is followed"


@functools.cache
def _prekeys() -> tuple[Device, tuple[bytes, ...]]:
    bob = Device("bob")
    bundle = bob.bundle()
    assert bundle.one_time is not None
    return bob, tuple(record.to_bytes() for record in (bundle.signed, bundle.one_time, bundle.seal))


def prekeys(data: bytes) -> None:
    """Only what Bob signed is read, as what he signed it for, and in its days."""
    bob, genuine = _prekeys()
    record = edited(genuine, data)
    renew = data[:1] >= bytes([RENEW])
    owner, entry = bob.address.account_id, bob.local.entry
    if renew:
        for form in (PrekeyRecord, SealRecord):
            signed = functools.partial(_signed_bytes, form, record, owner)
            record = _renewed(record, signed, bob.device_key.sign)
    taken = 0
    for number, kind in enumerate((PrekeyKind.SIGNED, PrekeyKind.ONE_TIME)):
        try:
            prekey = read_prekey(record, kind, owner, entry, today=DAY)
        except (BadRecord, BadSignature, BadKey):
            assert record != genuine[number], "a genuine prekey is refused"
            continue
        taken += 1
        assert prekey.to_bytes() == record
        assert prekey.issue_day <= DAY + 1 <= prekey.expiry_day + 1
    try:
        seal = read_seal(record, owner, entry, today=DAY)
    except (BadRecord, BadSignature, BadKey):
        assert record != genuine[2], "a genuine seal record is refused"
    else:
        taken += 1
        assert seal.to_bytes() == record
    assert taken <= 1, "one record is read as two kinds"
    assert renew or not taken or record in genuine, "a record that nobody signed is read"


def _signed_bytes(
    form: type[PrekeyRecord] | type[SealRecord], record: bytes, owner: AccountId
) -> bytes:
    read = form.from_bytes(record)
    if isinstance(read, SealRecord):
        return read.signed_bytes()
    return read.signed_bytes(owner)


def stored_book(data: bytes) -> None:
    """Load a stored book: it is the one that was stored, or is called damaged."""
    mail = _session_mail()
    genuine = [snapshot.dump(mail.book), snapshot.dump(mail.alice.book(mail.bob))]
    stored = edited(genuine, data)
    renew = data[:1] >= bytes([RENEW])
    if renew:
        body = stored[:-CHECK_BYTES]
        stored = body + labelled_sha256(SNAPSHOT_CHECK, body)
    try:
        book = snapshot.load(stored)
    except SnapshotFault:
        assert stored not in genuine, "a genuine book does not read"
        return
    assert renew or stored in genuine, "an altered book reads"
    assert snapshot.dump(book) == stored, "another encoding of the same book reads"


def opening(data: bytes) -> None:
    """Take an envelope apart and its padding off, exactly as they were put on."""
    try:
        commitment, sealed = envelope.take_apart(data)
    except BadEnvelope:
        assert len(data) not in list(envelope.Bucket)
    else:
        assert envelope.assemble(commitment, sealed) == data
    for first in (COMMITMENT, data[:32].ljust(32, b"\0")):
        try:
            unpadded = envelope.unpad(data[32:], envelope.Commitment(first))
        except PeerFault:
            continue
        assert unpadded.commitment() == first, "an opening that does not fit its commitment"


def address(data: bytes) -> None:
    """Read an address or invitation: it is written so that it reads as the same."""
    try:
        text = data.decode()
        read = parse_address(text)
    except (UnicodeDecodeError, BadText):
        return
    assert parse_address(str(read)) == read
    assert parse_address(read.qr_text()) == read
    assert isinstance(read, Address | Invitation)


def words(data: bytes) -> None:
    """Read recovery words: they give the key whose words they are."""
    try:
        text = data.decode()
        key = read_recovery_words(text)
    except (UnicodeDecodeError, BadText):
        return
    assert list(recovery_words(key)) == text.lower().split(), "other words give the same key"


def _address_seeds() -> list[bytes]:
    alice = Device("alice")
    written = Address(alice.address.host, alice.address.account_id)
    invitation = Invitation(written, make_drop(make_route(alice.random), alice.random))
    return [str(form).encode() for form in (written, written.qr_text(), invitation)]


def _word_seeds() -> list[bytes]:
    key = RecoveryKey.generate(Device("alice").random)
    return [" ".join(recovery_words(key)).encode(), "\n".join(recovery_words(key)).upper().encode()]


def _opening_seeds() -> list[bytes]:
    made = envelope.Opening(b"k" * 32, b"text")
    padded = envelope.pad(made, envelope.Bucket(4096), 98)
    return [made.commitment() + padded, bytes(4096)]


TARGETS = (
    Target("ratchet", ratchet, lambda: SEEDS),
    Target("sealed_first", sealed_first, lambda: SEEDS),
    Target("device_list", device_list, lambda: [*SEEDS, *RENEWED]),
    Target("prekeys", prekeys, lambda: [*SEEDS, *RENEWED]),
    Target("stored_book", stored_book, lambda: [*SEEDS, *RENEWED]),
    Target("opening", opening, _opening_seeds),
    Target("address", address, _address_seeds, text=True),
    Target("words", words, _word_seeds, text=True),
)
