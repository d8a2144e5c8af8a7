"""Tests of hushpost_crypto.double_ratchet: its duties, and a ratchet from another hand."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from doubleratchet.recommended import (
    HashFunction,
    diffie_hellman_ratchet_curve25519,
    kdf_hkdf,
    kdf_separate_hmacs,
)
from doubleratchet.types import Header
from hushpost_crypto import double_ratchet, primitives
from hushpost_crypto.ratchet_state import Ratchet
from hushpost_crypto.receiving_chain import chain_step
from hushpost_wire.labels import RATCHET_ROOT

from tests.crypto.pairwise_duties import DUTIES, Pair
from tests.crypto.pairwise_world import NOW


@pytest.mark.parametrize("duty", DUTIES["double_ratchet"], ids=lambda duty: duty.__name__)
def test_duty(duty: Callable[[], None]) -> None:
    """Each demand of pairwise_duties, whose docstring says it, is met."""
    duty()


def test_who_has_received_nothing_has_no_keys_to_forget() -> None:
    """Forgetting old keys changes nothing before the first message has come."""
    alice = Pair().alice
    assert alice.receiving is None
    assert double_ratchet.without_expired(alice, NOW + 90 * 86_400) == alice


def test_who_has_sent_nothing_ended_no_chain() -> None:
    """The length that a header gives of the chain before the first one is zero."""
    pair = Pair()
    assert pair.bob.root.previous_length == pair.alice.root.previous_length == 0
    pair.receive("bob", pair.send("alice"))
    for number in range(3):
        pair.receive("alice", pair.send("bob", b"%d" % number))
    assert pair.bob.root.previous_length == 0
    pair.turn()
    assert pair.bob.root.previous_length == 3


def test_each_side_counts_the_chains_that_it_received() -> None:
    """A first message is one chain, and each answer one more: what a link secret is judged by."""
    pair = Pair()
    assert pair.bob.root.chains_received == 0
    for turns in range(1, 4):
        for _ in range(3):
            pair.receive("bob", pair.send("alice"))
        assert pair.bob.root.chains_received == turns
        pair.turn()
        assert pair.bob.root.chains_received == turns
        assert pair.alice.root.chains_received == turns


def test_what_was_late_in_several_chains_still_opens() -> None:
    """A late message takes nothing from other chains that wait for theirs."""
    pair = Pair()
    pair.turn()
    late: list[bytes] = []
    for number in range(4):
        late += [pair.send("alice", b"%d.%d" % (number, part)) for part in range(2)]
        pair.turn()
    for number in (2, 0, 3, 1):
        for part in (1, 0):
            message = late[2 * number + part]
            assert pair.receive("bob", message) == b"%d.%d" % (number, part)


def test_most_headers_open_at_the_first_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """What continues a chain costs one trial, and so does the answer to what was sent."""
    trials: list[bytes] = []
    real = primitives.aead_try

    def counted(key: bytes, nonce: bytes, data: bytes, associated_data: bytes) -> bytes | None:
        trials.append(key)
        return real(key, nonce, data, associated_data)

    pair = Pair()
    for _ in range(3):
        pair.turn()
    monkeypatch.setattr(double_ratchet, "aead_try", counted)
    for sender, reader in (("alice", "bob"), ("bob", "alice"), ("alice", "bob")):
        for number in range(3):
            message = pair.send(sender)
            trials.clear()
            pair.receive(reader, message)
            assert len(trials) == 1, f"message {number} of {sender}"


class _RootKdf(kdf_hkdf.KDF):
    """The root step, with our hash and label."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_512

    @staticmethod
    def _get_info() -> bytes:
        return RATCHET_ROOT


class _ChainKdf(kdf_separate_hmacs.KDF):
    """The chain step, with our hash."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class _TheirRatchet(diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet):
    """PyPI DoubleRatchet's ratchet, with the secrets that ours has drawn."""

    secrets: list[bytes] = []  # noqa: RUF012 - set anew by the test, the class makes the instances

    @staticmethod
    def _generate_priv() -> bytes:
        return _TheirRatchet.secrets.pop(0)


def _without_kem(ratchet: Ratchet) -> Ratchet:
    """Leave out the step at session start, which the other hand does not know."""
    kem = replace(ratchet.root.kem, offers_first=False)
    return replace(ratchet, root=replace(ratchet.root, kem=kem))


def test_chains_agree_with_an_independent_double_ratchet(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyPI DoubleRatchet with our constants gives our message keys, over several turns."""
    keys: list[bytes] = []

    def watch(chain_key: bytes) -> tuple[bytes, bytes]:
        step = chain_step(chain_key)
        keys.append(step[1])
        return step

    monkeypatch.setattr(double_ratchet, "chain_step", watch)
    pair = Pair()
    pair.alice, pair.bob = _without_kem(pair.alice), _without_kem(pair.bob)
    signed_secret = pair.bob.root.ratchet_secret
    drawn = [pair.alice.root.ratchet_secret]
    headers: list[tuple[int, int]] = []
    for sender, receiver, count in (
        ("alice", "bob", 3), ("bob", "alice", 2), ("alice", "bob", 1), ("bob", "alice", 4),
        ("alice", "bob", 2),
    ):  # fmt: skip
        for number in range(count):
            assert pair.receive(receiver, pair.send(sender)) == b"text"
            state: Ratchet = getattr(pair, sender)
            if number == 0 and headers:
                drawn.append(state.root.ratchet_secret)
            headers.append((state.root.previous_length, number))
    theirs = asyncio.run(_their_keys(pair, signed_secret, drawn, headers))
    assert keys == theirs


async def _their_keys(
    pair: Pair, signed_secret: bytes, drawn: list[bytes], headers: list[tuple[int, int]]
) -> list[bytes]:
    """Play the same turns: the message keys as the receiving side of theirs finds them.

    Theirs draws a new ratchet key on receipt, ours on sending; the order of the draws is the same,
    but for one that theirs makes at the end and never uses.
    """
    settings = (_RootKdf, pair.keys.root_key, _ChainKdf, b"\x02\x01", 1000)
    public = _TheirRatchet._derive_pub  # pyright: ignore[reportPrivateUsage]  # the recommended curve
    _TheirRatchet.secrets = [drawn[0]]
    sender = await _TheirRatchet.create(None, public(signed_secret), *settings)
    receiver: _TheirRatchet | None = None
    found: list[bytes] = []
    turn = -1
    for previous, number in headers:
        if number == 0:
            turn += 1
            _TheirRatchet.secrets = [*drawn[turn + 1 : turn + 2], bytes([9]) * 32]
            if turn:
                assert receiver is not None
                sender, receiver = receiver, sender
        _, header = await sender.next_encryption_key()
        assert header == Header(public(drawn[turn]), previous, number)
        if receiver is None:
            receiver = await _TheirRatchet.create(signed_secret, header.ratchet_pub, *settings)
        key, skipped = await receiver.next_decryption_key(header)
        assert not skipped
        found.append(key)
    return found
