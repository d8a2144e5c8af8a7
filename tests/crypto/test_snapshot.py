"""Stored session books: every released format loads, every damage is said."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hushpost_crypto import limits, snapshot
from hushpost_crypto.errors import SnapshotDamaged, SnapshotFault, SnapshotFormatUnknown
from hushpost_crypto.kem_ratchet import SHAPE_BYTES, KemShape
from hushpost_crypto.receiving_chain import SkippedKey
from hushpost_crypto.session import SessionBook
from hushpost_wire.encoding import labelled_sha256, u8
from hushpost_wire.labels import SNAPSHOT_CHECK
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.make_snapshot import FOLDER, kept
from tests.crypto.pairwise_duties import restored_snapshots_go_on
from tests.crypto.pairwise_world import DAY, Device, met


def _books() -> list[SessionBook]:
    alice, bob = met()
    books = [SessionBook(), SessionBook(restarted_at=5), alice.book(bob), bob.book(alice)]
    alice.send(bob)
    alice.pass_on(bob)
    bob.pass_on(alice)
    alice.send(bob)
    alice.pass_on(bob)
    books += [alice.book(bob), bob.book(alice)]
    alice.start(bob)
    books.append(alice.book(bob))
    alice.pass_on(bob)
    alice.start(bob, one_time=False)
    alice.pass_on(bob)
    return [*books, alice.book(bob), bob.book(alice)]


def _with_flag(number: int) -> bytes:
    """Give a well-checked book in which the flag `initiator` has this value."""
    dumped = snapshot.dump(_books()[2])[:-32]
    initiator = dumped.index(bytes([0, 0, 0, 6]), 15) + 4
    altered = bytearray(dumped)
    altered[initiator] = number
    return bytes(altered) + labelled_sha256(SNAPSHOT_CHECK, bytes(altered))


def test_a_flag_is_zero_or_one() -> None:
    """There is one encoding of a book: whatever else stands for true was never written."""
    assert snapshot.load(_with_flag(1)).sessions[0].origin.initiator
    with pytest.raises(SnapshotDamaged):
        snapshot.load(_with_flag(2))


@pytest.mark.parametrize("number", range(9))
def test_every_kind_of_book_comes_back_equal(number: int) -> None:
    """Empty, new, answered, with skipped keys and old chains: what is loaded equals what was."""
    book = _books()[number]
    assert snapshot.load(snapshot.dump(book)) == book


def test_conversation_goes_on_from_snapshots() -> None:
    """Sixty turns, with both sides stored and loaded before each."""
    restored_snapshots_go_on()


def test_every_flipped_byte_is_found() -> None:
    """A stored book with a byte changed anywhere is refused with a clear error."""
    data = snapshot.dump(met()[0].book(Device("bob")))
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(SnapshotDamaged, match="start a new session"):
            snapshot.load(bytes(changed))


def test_every_cut_is_found() -> None:
    """A stored book cut anywhere, or with bytes behind it, is refused."""
    data = snapshot.dump(met()[0].book(Device("bob")))
    for other in [*(data[:size] for size in range(0, len(data), 7)), data + b"\0", b""]:
        with pytest.raises(SnapshotDamaged):
            snapshot.load(other)


def _checked(body: bytes) -> bytes:
    return body + labelled_sha256(SNAPSHOT_CHECK, body)


def test_another_magic_is_no_book() -> None:
    """What does not begin as a stored book does is none, whatever its checksum says."""
    body = snapshot.dump(SessionBook(restarted_at=5))[:-32]
    assert snapshot.load(_checked(body)).restarted_at == 5
    with pytest.raises(SnapshotDamaged):
        snapshot.load(_checked(b"HPSC" + body[4:]))


def test_newer_format_is_said() -> None:
    """A format that this version does not know is named as such, not as damage."""
    body = snapshot.dump(SessionBook())[:-32]
    for number in (snapshot.FORMAT + 1, snapshot.FORMAT + 256):
        newer = body[:4] + number.to_bytes(2, "big") + body[6:]
        with pytest.raises(SnapshotFormatUnknown, match="newer version"):
            snapshot.load(_checked(newer))


def test_well_checked_nonsense_is_refused() -> None:
    """Even under a right checksum, bytes that no version wrote are refused as damage."""
    body = snapshot.dump(met()[0].book(Device("bob")))[:-32]
    for other in (body + b"\0", body[:-1], body[:14] + b"\5" + body[15:], body[:15], body[:5]):
        with pytest.raises(SnapshotDamaged):
            snapshot.load(_checked(other))


def _loads(dumped: bytes) -> bool:
    try:
        snapshot.load(dumped)
    except SnapshotDamaged:
        return False
    return True


@pytest.mark.parametrize("writer", ["fields", "u8", "u32", "u64"])
def test_nothing_stands_behind_any_part(writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has one thing more than this version writes, at any depth, is refused."""
    books = _books()
    book = SessionBook((*books[-1].sessions[:2], *books[6].sessions[:1]))
    assert book.sessions[-1].unanswered is not None
    write: Callable[..., bytes] = getattr(snapshot, writer)
    written = 0
    longer = -1

    def with_one_more(*values: Any) -> bytes:
        nonlocal written
        written += 1
        if written - 1 != longer:
            return write(*values)
        return write(*values, b"") if writer == "fields" else write(*values) + b"\0"

    monkeypatch.setattr(snapshot, writer, with_one_more)
    assert _loads(snapshot.dump(book))
    parts = written
    assert parts > 1
    for longer in range(parts):
        written = 0
        assert not _loads(snapshot.dump(book)), f"{writer} number {longer}"


def test_old_chains_are_kept_without_a_current_one() -> None:
    """Whichever chains a ratchet has, it comes back with those."""
    (session,) = _books()[3].sessions
    chain = session.ratchet.receiving
    assert chain is not None
    for receiving, old in ((None, ()), (None, (chain,)), (chain, (chain, chain))):
        ratchet = replace(session.ratchet, receiving=receiving, old=old)
        book = SessionBook((replace(session, ratchet=ratchet),))
        assert snapshot.load(snapshot.dump(book)) == book


def _with_skipped() -> SessionBook:
    alice, bob = met()
    alice.send(bob)
    alice.send(bob)
    alice.pass_on(bob)
    book = bob.book(alice)
    chain = book.sessions[0].ratchet.receiving
    assert chain is not None
    assert len(chain.skipped) == 2
    return book


def test_skipped_keys_have_one_length() -> None:
    """Skipped keys of which one has a byte more or less are refused."""
    book = _with_skipped()
    (session,) = book.sessions
    chain = session.ratchet.receiving
    assert chain is not None
    for size in (31, 32, 33):
        skipped = {number: SkippedKey(bytes(size), DAY) for number in (min(chain.skipped),)}
        ratchet = replace(session.ratchet, receiving=replace(chain, skipped=skipped))
        dumped = snapshot.dump(SessionBook((replace(session, ratchet=ratchet),)))
        assert _loads(dumped) == (size == 32)


def test_a_book_has_no_more_sessions_than_it_may() -> None:
    """Four are read, five were never written."""
    (session,) = _books()[3].sessions
    for count in (limits.SESSIONS_MAX, limits.SESSIONS_MAX + 1):
        dumped = snapshot.dump(SessionBook((session,) * count))
        assert _loads(dumped) == (count <= limits.SESSIONS_MAX)


def _dumped(book: SessionBook, changed: int) -> tuple[bytes, int]:
    """Dump with one small number of the book off by one; give also how many there were."""
    written = 0

    def one_off(value: int) -> bytes:
        nonlocal written
        written += 1
        return u8(value ^ 1 if written == changed else value)

    with patch.object(snapshot, "u8", one_off):
        return snapshot.dump(book), written


def test_another_flag_or_count_is_never_more_than_refused() -> None:
    """With any small number off by one a book loads or is refused, and nothing else happens."""
    refused = 0
    for book in (_with_skipped(), _books()[6]):
        _, numbers = _dumped(book, 0)
        for changed in range(1, numbers + 1):
            dumped, _ = _dumped(book, changed)
            refused += not _loads(dumped)
    assert refused > 4


def test_a_chain_has_a_shape_that_there_is() -> None:
    """A receiving chain whose headers would have unknown fields was never written."""
    (session,) = _books()[3].sessions
    chain = session.ratchet.receiving
    assert chain is not None
    for shape in range(6):
        ratchet = replace(session.ratchet, receiving=replace(chain, shape=KemShape(shape)))
        book = SessionBook((replace(session, ratchet=ratchet),))
        assert _loads(snapshot.dump(book)) == (shape < len(SHAPE_BYTES))


def test_a_newer_format_may_be_shorter() -> None:
    """The version is said whatever stands behind it, even if nothing does."""
    head = snapshot.dump(SessionBook())[:4]
    with pytest.raises(SnapshotFormatUnknown):
        snapshot.load(_checked(head + (snapshot.FORMAT + 1).to_bytes(2, "big")))


@given(st.integers(min_value=6, max_value=400), st.binary(min_size=1, max_size=5))
def test_nothing_but_documented_errors(place: int, value: bytes) -> None:
    """Any change under a right checksum loads or is refused with a documented error."""
    body = snapshot.dump(_STORED)[:-32]
    changed = body[:place] + value + body[place + len(value) :]
    try:
        snapshot.load(_checked(changed))
    except SnapshotFault:
        return


_STORED = _books()[-1]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("format_*.json")), ids=lambda p: p.stem)
def test_every_released_format_loads(path: Path) -> None:
    """A book as an earlier release stored it opens its late and its new messages."""
    stored = {name: bytes.fromhex(value) for name, value in json.loads(path.read_bytes()).items()}
    bob, alice = Device("bob"), Device("alice")
    bob.keep(alice, snapshot.load(stored["book"]))
    assert len(bob.book(alice).sessions) == 2
    assert bob.receive(alice, stored["late"]).plaintext == b"late"
    assert bob.receive(alice, stored["end"]).plaintext == b"end of the chain"
    assert bob.accept(alice, stored["sealed"]).plaintext == b"sealed still"
    book = snapshot.load(stored["unanswered"])
    assert book.restarted_at is None
    assert book.sessions[0].unanswered is not None
    carol = Device("carol")
    carol.keep(bob, book)
    assert len(carol.send(bob, b"")) == 3149


def test_newest_format_is_kept() -> None:
    """There is a kept file for each format up to the newest, and it is made as described."""
    for number in range(1, snapshot.FORMAT + 1):
        assert (FOLDER / f"format_{number}.json").exists()
    assert kept().keys() == json.loads((FOLDER / "format_1.json").read_bytes()).keys()


def test_the_largest_book_stays_small() -> None:
    """Four sessions that each hold all the keys they may are stored in under 200,000 bytes."""
    alice, bob = met()
    (session,) = bob.book(alice).sessions
    chain = session.ratchet.receiving
    assert chain is not None
    key = SkippedKey(bytes(32), DAY)
    share = limits.SKIPPED_KEYS_MAX // (limits.OLD_HEADER_KEYS_MAX + 1) + 1
    full = replace(chain, skipped=dict.fromkeys(range(share), key))
    ratchet = replace(session.ratchet, receiving=full, old=(full,) * limits.OLD_HEADER_KEYS_MAX)
    book = SessionBook((replace(session, ratchet=ratchet),) * limits.SESSIONS_MAX)
    stored = snapshot.dump(book)
    assert 160_000 < len(stored) < 200_000
    assert snapshot.load(stored) == book
