# ruff: noqa: D401 - a docstring here is the sentence that is true, as in a test
"""What pairwise sessions owe their callers, as demands that library and mutants face alike.

Each function is one demand and raises AssertionError where it is not met; its docstring is the
sentence that is then untrue. `DUTIES` has them by module. They are tests in `test_<module>` and
executioners in `test_pairwise_mutants`.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from hushpost_crypto import double_ratchet, limits, primitives, snapshot
from hushpost_crypto.errors import ChainExhausted, HushpostCryptoError, NoSession, Undecryptable
from hushpost_crypto.first_message import FirstHeader, SealTarget
from hushpost_crypto.kem_ratchet import ORDINARY, KemRatchet
from hushpost_crypto.pqxdh import LinkSecret, initiate
from hushpost_crypto.ratchet_state import Ratchet, SharedKeys
from hushpost_crypto.receiving_chain import NO_KEYS, ReceivingChain
from hushpost_crypto.session import (
    FIRST_OVERHEAD_BYTES_MAX,
    Session,
    SessionBook,
    SessionOrigin,
    SessionStart,
)

from tests.crypto.pairwise_world import COMMITMENT, DAY, NOW, Device, met, replaced, stream

A_DAY = 86_400.0
# The generation of a session that begins at NOW in an empty book.
FIRST = int(NOW) // 60


@contextmanager
def refused(error: type[Exception] = Undecryptable) -> Generator[None]:
    """Demand that the block raises exactly this error."""
    try:
        yield
    except HushpostCryptoError as caught:
        if type(caught) is not error:
            raise AssertionError(f"{type(caught).__name__}, not {error.__name__}") from caught
        return
    raise AssertionError(f"no {error.__name__}")


class Pair:
    """Two ratchets that share keys, without the agreement before them."""

    def __init__(self, seed: str = "pair") -> None:
        draw = stream(seed)
        self.random = stream(f"{seed}/random")
        self.keys = SharedKeys(draw(32), draw(32), draw(32), draw(32))
        secret = draw(32)
        self.now = NOW
        self.alice = double_ratchet.start_initiator(
            self.keys, primitives.x25519_public_key(secret), now=NOW, random=self.random
        )
        self.bob = double_ratchet.start_responder(self.keys, secret, now=NOW)

    def send(self, who: str, plaintext: bytes = b"text") -> bytes:
        """Let one of them send."""
        before: Ratchet = getattr(self, who)
        overhead = double_ratchet.overhead_bytes(before, self.now)
        after, message = double_ratchet.encrypt(
            before, plaintext, commitment=COMMITMENT, now=self.now, random=self.random
        )
        assert len(message) == len(plaintext) + overhead, "overhead_bytes foretells the length"
        setattr(self, who, after)
        return message

    def receive(self, who: str, message: bytes) -> bytes:
        """Let the other receive."""
        after, plaintext = double_ratchet.decrypt(
            getattr(self, who), message, commitment=COMMITMENT, now=self.now
        )
        setattr(self, who, after)
        return plaintext

    def turn(self) -> None:
        """A message each way."""
        assert self.receive("bob", self.send("alice")) == b"text"
        assert self.receive("alice", self.send("bob")) == b"text"


def _overheads(pair: Pair, chains: int) -> list[int]:
    sizes: list[int] = []
    for number in range(chains):
        sender, receiver = ("alice", "bob") if number % 2 == 0 else ("bob", "alice")
        message = pair.send(sender)
        sizes.append(len(message) - 4)
        pair.receive(receiver, message)
    return sizes


# -- double ratchet -----------------------------------------------------------------------------


def overheads_are_as_specified() -> None:
    """The first chains add 98, 1282, 2370 and 1186 bytes, and then 98 each."""
    assert _overheads(Pair(), 7) == [98, 1282, 2370, 1186, 98, 98, 98]
    assert double_ratchet.ORDINARY_OVERHEAD_BYTES == 98
    assert double_ratchet.KEM_OVERHEAD_BYTES_MAX == 2370


def conversation_goes_on() -> None:
    """Both directions open over many turns with several messages a chain."""
    pair = Pair()
    for number in range(12):
        for _ in range(number % 3 + 1):
            pair.turn()
        assert pair.receive("bob", pair.send("alice", b"more")) == b"more"


def any_order_opens_once() -> None:
    """Messages of two chains open in any order, each once."""
    pair = Pair()
    pair.turn()
    first = [pair.send("alice", b"a%d" % n) for n in range(3)]
    pair.receive("bob", first[1])
    pair.receive("alice", pair.send("bob"))
    second = [pair.send("alice", b"b%d" % n) for n in range(3)]
    for message, text in ((second[2], b"b2"), (first[2], b"a2"), (second[0], b"b0"),
                          (first[0], b"a0"), (second[1], b"b1")):  # fmt: skip
        assert pair.receive("bob", message) == text
    for message in (*first, *second):
        with refused():
            pair.receive("bob", message)
    assert not pair.bob.old
    assert pair.bob.receiving is not None
    assert not pair.bob.receiving.skipped


def receiving_after_sending_opens() -> None:
    """A message of the current chain opens though something was sent since."""
    pair = Pair()
    pair.turn()
    held = [pair.send("alice") for _ in range(2)]
    pair.receive("bob", held[0])
    pair.send("bob")
    pair.receive("bob", held[1])
    lost = pair.send("alice")
    pair.receive("bob", lost)


def a_kept_state_is_never_changed() -> None:
    """A refused message leaves the state equal, and so does one that opens leave the old value."""
    pair = Pair()
    pair.turn()
    before = pair.bob
    copy = snapshot_of(before)
    message = [pair.send("alice") for _ in range(3)][-1]
    with refused():
        pair.receive("bob", message[:-1] + bytes([message[-1] ^ 1]))
    assert pair.bob is before
    pair.receive("bob", message)
    assert snapshot_of(before) == copy


def snapshot_of(ratchet: Ratchet) -> bytes:
    """Give the bytes of a ratchet, by way of a book."""
    origin = SessionOrigin(False, False, 0, 0, bytes(32))
    return snapshot.dump(SessionBook((Session(origin, ratchet, None),)))


def jump_is_bounded() -> None:
    """1,000 skipped messages are made up for, 1,001 are refused."""
    for skipped, opens in ((limits.JUMP_MAX, True), (limits.JUMP_MAX + 1, False)):
        pair = Pair()
        pair.receive("bob", pair.send("alice"))
        _lose(pair, skipped)
        message = pair.send("alice")
        if opens:
            pair.receive("bob", message)
        else:
            with refused():
                pair.receive("bob", message)


def jump_over_the_end_of_a_chain_is_bounded() -> None:
    """Of the messages that a chain ended with the first 1,000 still open; the session goes on."""
    for lost in (limits.JUMP_MAX - 2, limits.JUMP_MAX - 1, limits.JUMP_MAX, 1 << 24):
        pair = Pair()
        pair.turn()
        pair.receive("bob", pair.send("alice"))
        early = pair.send("alice", b"early")
        _lose(pair, limits.JUMP_MAX - 2)
        late = [pair.send("alice", b"%d" % n) for n in range(2)]
        _claim(pair, lost - limits.JUMP_MAX)
        pair.receive("alice", pair.send("bob"))
        assert pair.receive("bob", pair.send("alice", b"goes on")) == b"goes on"
        assert sum(len(chain.skipped) for chain in pair.bob.old) <= limits.SKIPPED_KEYS_MAX
        assert pair.receive("bob", early) == b"early"
        if lost >= limits.JUMP_MAX:
            assert pair.receive("bob", late[0]) == b"0"
            with refused():
                pair.receive("bob", late[1])
        pair.turn()


def _claim(pair: Pair, more: int) -> None:
    """Let Alice say of her chain that it is longer than it is."""
    sending = pair.alice.sending
    assert sending is not None
    pair.alice = replace(pair.alice, sending=replace(sending, number=sending.number + more))


def _lose(pair: Pair, count: int) -> None:
    """Let Alice's chain move on without making the messages."""
    sending = pair.alice.sending
    assert sending is not None
    chain_key = sending.chain_key
    for _ in range(count):
        chain_key = primitives.hmac_sha256(chain_key, b"\2")
    moved = replace(sending, chain_key=chain_key, number=sending.number + count)
    pair.alice = replace(pair.alice, sending=moved)


def _skipped(ratchet: Ratchet) -> int:
    chains = (*ratchet.old, *((ratchet.receiving,) if ratchet.receiving else ()))
    return sum(len(chain.skipped) for chain in chains)


def skipped_keys_are_bounded() -> None:
    """A session keeps at most 1,000 skipped keys, and the oldest go first."""
    pair = Pair()
    pair.turn()
    oldest = pair.send("alice", b"oldest")
    second = pair.send("alice", b"second")
    _lose(pair, 598)
    pair.receive("bob", pair.send("alice"))
    pair.receive("alice", pair.send("bob"))
    kept = pair.send("alice", b"kept")
    _lose(pair, 399)
    late = pair.send("alice", b"late")
    pair.receive("bob", pair.send("alice"))
    assert _skipped(pair.bob) == limits.SKIPPED_KEYS_MAX
    with refused():
        pair.receive("bob", oldest)
    assert pair.receive("bob", second) == b"second"
    assert _skipped(pair.bob) == limits.SKIPPED_KEYS_MAX - 1
    assert pair.receive("bob", kept) == b"kept"
    assert pair.receive("bob", late) == b"late"
    assert _skipped(pair.bob) == limits.SKIPPED_KEYS_MAX - 3


def skipped_keys_of_one_chain_are_bounded() -> None:
    """Within one chain, too, what is oldest goes first."""
    pair = Pair()
    oldest = pair.send("alice", b"oldest")
    pair.receive("bob", pair.send("alice"))
    kept = pair.send("alice", b"kept")
    _lose(pair, 999)
    pair.receive("bob", pair.send("alice"))
    assert _skipped(pair.bob) == limits.SKIPPED_KEYS_MAX
    with refused():
        pair.receive("bob", oldest)
    assert pair.receive("bob", kept) == b"kept"


def old_header_keys_are_bounded() -> None:
    """Late messages of the last five chains open, those of the sixth are refused."""
    pair = Pair()
    late: list[bytes] = []
    for _ in range(limits.OLD_HEADER_KEYS_MAX + 2):
        late.append(pair.send("alice", b"late"))
        pair.turn()
    assert len(pair.bob.old) == limits.OLD_HEADER_KEYS_MAX
    with refused():
        pair.receive("bob", late[0])
    assert pair.receive("bob", late[1]) == b"late"
    assert pair.receive("bob", late[-1]) == b"late"


def old_header_keys_of_lost_ends_are_bounded() -> None:
    """The same where each chain's end is lost and the next begins in order."""
    pair = Pair()
    late: list[bytes] = []
    for _ in range(limits.OLD_HEADER_KEYS_MAX + 2):
        pair.turn()
        pair.receive("bob", pair.send("alice"))
        late.append(pair.send("alice", b"late"))
        pair.receive("alice", pair.send("bob"))
    pair.turn()
    assert len(pair.bob.old) == limits.OLD_HEADER_KEYS_MAX
    with refused():
        pair.receive("bob", late[1])
    assert pair.receive("bob", late[2]) == b"late"


def skipped_keys_expire() -> None:
    """Kept for 30 days, a skipped key is dropped on the 31st, in current and old chains."""
    pair = Pair()
    old = pair.send("alice", b"old")
    pair.turn()
    late = pair.send("alice", b"late")
    pair.receive("bob", pair.send("alice"))
    on_30th = double_ratchet.without_expired(pair.bob, NOW + 30 * A_DAY)
    assert _skipped(on_30th) == 2
    assert len(on_30th.old) == 1
    on_31st = double_ratchet.without_expired(pair.bob, NOW + 31 * A_DAY)
    assert _skipped(on_31st) == 0
    assert not on_31st.old
    pair.bob = on_31st
    for message in (old, late):
        with refused():
            pair.receive("bob", message)
    pair.receive("bob", pair.send("alice"))


def every_flipped_byte_is_refused() -> None:
    """A message with any one byte changed is refused; the message itself still opens."""
    pair = Pair()
    pair.turn()
    for sender, receiver in (("alice", "bob"), ("bob", "alice")):
        message = pair.send(sender, b"four")
        before = getattr(pair, receiver)
        for place in range(0, len(message), 1 if len(message) < 200 else 37):
            changed = bytearray(message)
            changed[place] ^= 0x40
            with refused():
                pair.receive(receiver, bytes(changed))
            assert getattr(pair, receiver) is before
        assert pair.receive(receiver, message) == b"four"


def commitment_is_bound() -> None:
    """A message under another envelope's commitment is refused."""
    pair = Pair()
    message = pair.send("alice")
    with refused():
        double_ratchet.decrypt(pair.bob, message, commitment=bytes(32), now=NOW)


def associated_data_is_bound() -> None:
    """Equal keys under another session's associated data open nothing."""
    pair = Pair()
    message = pair.send("alice")
    pair.bob = replace(pair.bob, root=replace(pair.bob.root, associated_data=bytes(32)))
    with refused():
        pair.receive("bob", message)


def short_messages_are_refused() -> None:
    """Every prefix of a message is refused."""
    pair = Pair()
    message = pair.send("alice", b"")
    for size in range(len(message)):
        with refused():
            pair.receive("bob", message[:size])
    assert pair.receive("bob", message) == b""


def a_peer_cannot_turn_twice() -> None:
    """A chain under the next header key before anything was sent is refused."""
    pair = Pair()
    pair.turn()
    pair.receive("bob", pair.send("alice"))
    root = pair.alice.root
    pair.alice = replace(
        pair.alice,
        sending=None,
        root=replace(root, kem=replace(root.kem, offers_first=False)),
    )
    with refused():
        pair.receive("bob", pair.send("alice"))


def short_headers_are_refused() -> None:
    """A header that opens and is shorter than a header is refused like any other."""
    pair = Pair()
    pair.turn()
    pair.receive("bob", pair.send("alice"))
    sending, nonce = pair.alice.sending, bytes(24)
    assert sending is not None
    associated_data = pair.alice.root.associated_data
    for header in (b"", b"\1", b"\1\0", bytes(41)):
        sealed = primitives.aead_encrypt(sending.header_key, nonce, header, associated_data)
        with refused():
            pair.receive("bob", nonce + sealed)


def a_full_chain_is_said() -> None:
    """The last number of a chain is used, and the next message refused as full."""
    pair = Pair()
    sending = pair.alice.sending
    assert sending is not None
    pair.alice = replace(pair.alice, sending=replace(sending, number=2**32 - 2))
    pair.send("alice")
    with refused(ChainExhausted):
        pair.send("alice")


def rolled_back_state_repeats_no_key_with_its_nonce() -> None:
    """Two messages from one state have different header nonces, body keys and body nonces."""
    pair = Pair()
    pair.turn()
    state = pair.alice
    spied = [_spied(state, pair.random) for _ in range(3)]
    pairs = [use for uses in spied for use in uses]
    assert len(pairs) == len(set(pairs)) == 6


def _spied(state: Ratchet, random: Callable[[int], bytes]) -> list[tuple[bytes, bytes]]:
    uses: list[tuple[bytes, bytes]] = []

    def spy(key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        uses.append((key, nonce))
        return primitives.aead_encrypt(key, nonce, plaintext, associated_data)

    with replaced(double_ratchet, "aead_encrypt", spy):
        double_ratchet.encrypt(state, b"same", commitment=COMMITMENT, now=NOW, random=random)
    return uses


def used_secrets_are_gone() -> None:
    """After a receiving step neither the prekey's secret nor a used chain's key is in the state."""
    pair = Pair()
    secret = pair.bob.root.ratchet_secret
    pair.receive("bob", pair.send("alice"))
    assert pair.bob.root.ratchet_secret == b""
    assert secret not in snapshot_of(pair.bob)
    lost = pair.send("alice")
    pair.turn()
    assert pair.bob.receiving is not None
    key = pair.bob.receiving.chain_key
    pair.turn()
    assert len(pair.bob.old) == 1
    assert pair.bob.old[0].chain_key == b"" != key
    assert pair.receive("bob", lost) == b"text"


def message_count_goes_on() -> None:
    """Sent and received messages both count."""
    pair = Pair()
    for _ in range(3):
        pair.turn()
    held = pair.send("alice")
    pair.receive("bob", pair.send("alice"))
    pair.receive("bob", held)
    assert pair.alice.messages == pair.bob.messages == 8


def links_agree() -> None:
    """The confirmed link of one side is among the last three of the other, whoever is ahead."""
    pair = Pair()
    assert pair.alice.confirmed_link() is None
    for _ in range(4):
        pair.receive("bob", pair.send("alice"))
        assert pair.bob.confirmed_link() in pair.alice.root.links
        pair.send("bob")
        assert pair.bob.confirmed_link() in pair.alice.root.links
        pair.receive("alice", pair.send("bob"))
        assert pair.alice.confirmed_link() in pair.bob.root.links
        pair.send("alice")
        assert pair.alice.confirmed_link() in pair.bob.root.links
        assert pair.alice.root.links[-1] not in pair.bob.root.links
    assert len(pair.alice.root.links) == len(pair.bob.root.links) == limits.LINK_SECRETS_MAX


# -- KEM ratchet --------------------------------------------------------------------------------


def steps_come_after_fifty_messages() -> None:
    """A step begins with the first change of direction after 50 messages, not after 49."""
    for messages, due in ((49, False), (50, True)):
        pair = _past_start()
        for _ in range(messages - 1):
            pair.receive("bob", pair.send("alice"))
        # The answer's own chain was counted as the first message after the step.
        assert (len(pair.send("bob")) == 4 + 1282) is due, messages


def _past_start() -> Pair:
    """A session just after its last step at start: Bob has answered Alice's key."""
    pair = Pair()
    pair.turn()
    pair.turn()
    assert pair.alice.root.kem.stepped_message == 3
    return pair


def steps_come_after_a_day() -> None:
    """A step begins with the first change of direction after a day, not a second before."""
    for later, due in ((A_DAY - 1, False), (A_DAY, True)):
        pair = _past_start()
        pair.receive("bob", pair.send("alice"))
        pair.now += later
        assert (len(pair.send("bob")) == 4 + 1282) is due


def an_answer_offers_no_key() -> None:
    """After the start, a chain that answers a key brings none, though one were due."""
    pair = _past_start()
    pair.now += A_DAY
    sizes = _overheads(pair, 5)
    assert sizes == [1282, 1186, 98, 98, 98]


def each_side_offers_at_start() -> None:
    """Both sides bring one key at session start, whatever the clock says."""
    pair = Pair()
    assert [bool(k.offers_first) for k in (pair.alice.root.kem, pair.bob.root.kem)] == [True, True]
    _overheads(pair, 4)
    assert [bool(k.offers_first) for k in (pair.alice.root.kem, pair.bob.root.kem)] == [
        False,
        False,
    ]
    assert pair.alice.root.kem.own_secret is None
    assert pair.bob.root.kem.own_secret is None


def any_one_message_carries_the_step() -> None:
    """With all but one message of a chain lost, in every chain, the conversation goes on."""
    pair = Pair()
    for number in range(6):
        for sender, receiver in (("alice", "bob"), ("bob", "alice")):
            messages = [pair.send(sender, b"%d" % n) for n in range(4)]
            assert pair.receive(receiver, messages[number % 4]) == b"%d" % (number % 4)


def an_answer_is_demanded() -> None:
    """A chain without the ciphertext for an outstanding key is refused."""
    pair = Pair()
    pair.turn()
    kem = pair.alice.root.kem
    for bent in (
        replace(kem, peer_key=b"", offers_first=False),
        replace(kem, peer_key=b""),
        replace(kem, peer_key=primitives.MlKem768Secret(bytes(64)).public_key()),
    ):
        dishonest = _with_kem(pair, bent)
        with refused():
            pair.receive("bob", dishonest.send("alice"))
    pair.receive("bob", pair.send("alice"))


def _with_kem(pair: Pair, kem: KemRatchet) -> Pair:
    other = Pair()
    other.alice = replace(pair.alice, root=replace(pair.alice.root, kem=kem))
    return other


def ciphertext_unasked_is_refused() -> None:
    """A chain that answers a key nobody offered is refused."""
    pair = _past_start()
    kem = replace(pair.alice.root.kem, peer_key=primitives.MlKem768Secret(bytes(64)).public_key())
    with refused():
        pair.receive("bob", _with_kem(pair, kem).send("alice"))


def bad_key_is_refused_at_once() -> None:
    """A key that fails the modulus check is refused on arrival, in a chain with and without ct."""
    for turns in (0, 1):
        pair = Pair()
        for _ in range(turns):
            pair.turn()
        begun = Pair()
        begun.alice = pair.alice
        begun.send("alice")
        sending = begun.alice.sending
        assert sending is not None
        body = sending.header[38 : 38 + 1088 * turns]
        header = sending.header[:1] + bytes([2 + turns]) + sending.header[2:38] + body
        bad = replace(sending, header=header + b"\xff" * 1184, number=0)
        begun.alice = replace(begun.alice, sending=bad)
        with refused():
            pair.receive("bob", begun.send("alice"))


def kem_secrets_are_mixed_in() -> None:
    """A thief of everything but the KEM secret cannot follow the step."""
    pair = Pair()
    pair.turn()
    kem = replace(pair.bob.root.kem, own_secret=primitives.MlKem768Secret(bytes(64)))
    thief = Pair()
    thief.bob = replace(pair.bob, root=replace(pair.bob.root, kem=kem))
    message = pair.send("alice")
    with refused():
        thief.receive("bob", message)
    pair.receive("bob", message)


def turns_without_a_step_do_not_put_it_off() -> None:
    """Messages count over many changes of direction: the step comes with the 50th."""
    pair = _past_start()
    sizes = _overheads(pair, 52)
    steps = [number for number, size in enumerate(sizes) if size != 98]
    assert steps == [49, 50], steps


# -- receiving chains ---------------------------------------------------------------------------


def _chain() -> ReceivingChain:
    return ReceivingChain(bytes(32), ORDINARY, bytes(32), b"k" * 32, 5, NO_KEYS)


def nothing_to_do_is_the_same_value() -> None:
    """Skipping to a number at or below the next, and expiring nothing, give the chain itself."""
    chain = _chain()
    assert chain.skip_to(5, DAY) is chain
    assert chain.skip_to(3, DAY) is chain
    longer = chain.skip_to(7, DAY)
    assert longer.without_expired(DAY) is longer
    taken, _ = longer.take(7, DAY)
    assert taken.skipped is longer.skipped


def an_ended_chain_gives_skipped_keys_only() -> None:
    """Without its chain key, a chain refuses its next number and every later one."""
    chain = _chain().skip_to(7, DAY).closed()
    for number in (7, 8, 100):
        with refused():
            chain.take(number, DAY)
    assert chain.take(6, DAY)[1] == _chain().take(6, DAY)[1]


def numbers_end_where_their_width_does() -> None:
    """The last number of a chain opens, the one that no count can tell is refused."""
    for number, opens in (
        (limits.CHAIN_MESSAGES_MAX - 1, True),
        (limits.CHAIN_MESSAGES_MAX, False),
    ):
        chain = replace(_chain(), number=number)
        if opens:
            chain.take(number, DAY)
        else:
            with refused():
                chain.take(number, DAY)


def keys_are_taken_once() -> None:
    """In order, skipped and late keys are those of the chain, and none is given twice."""
    chain, keys = _chain(), list[bytes]()
    for _ in range(4):
        chain, key = chain.take(chain.number, DAY)
        keys.append(key)
    other, last = _chain().take(8, DAY)
    assert last == keys[3]
    for number in (6, 5, 7):
        other, key = other.take(number, DAY)
        assert key == keys[number - 5]
        with refused():
            other.take(number, DAY)
    with refused():
        _chain().take(4, DAY)


# -- sessions -----------------------------------------------------------------------------------


def first_contact_works() -> None:
    """Sealed until answered, then plain; both sides name the same session and sender."""
    alice, bob = Device("alice"), Device("bob")
    assert alice.book(bob).wants_session(NOW)
    with refused(NoSession):
        alice.book(bob).overhead_bytes(NOW)
    with refused(NoSession):
        alice.send(bob)
    alice.start(bob)
    assert not alice.book(bob).wants_session(NOW)
    for number in range(3):
        overhead = alice.book(bob).overhead_bytes(NOW)
        sealed = alice.send(bob, b"x%d" % number)
        assert overhead == len(sealed) - 2 == 3149
        got = bob.accept(alice, sealed)
        assert got.plaintext == b"x%d" % number
        assert got.sender == alice.remote
        assert (got.start is SessionStart.NEW) == (number == 0)
        assert (got.reencapsulation is not None) == (number == 0)
        assert (got.one_time_used is not None) == (number == 0)
        assert not got.answered
        assert got.session_id == alice.book(bob).sessions[0].session_id
    reply = bob.pass_on(alice, b"y")
    assert reply.answered
    assert reply.session_id == alice.book(bob).sessions[0].session_id
    assert not bob.pass_on(alice).answered
    assert alice.book(bob).overhead_bytes(NOW) == 2370
    assert not alice.book(bob).wants_session(NOW + 100 * A_DAY)


def exhausted_prekeys_do() -> None:
    """With the last resort only, a session begins, 16 bytes shorter; and may begin again."""
    alice, bob, carol = Device("alice"), Device("bob"), Device("carol")
    alice.start(bob, one_time=False)
    assert alice.book(bob).overhead_bytes(NOW) == 3149 - 16
    got = alice.pass_on(bob)
    assert got.one_time_used is None
    carol.start(bob, one_time=False)
    assert carol.pass_on(bob).start is SessionStart.NEW
    assert len(bob.remembered) == 2


def a_repeat_is_refused() -> None:
    """A first message opens once; after its session is gone it is still refused by memory."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob, one_time=False)
    sealed = alice.send(bob)
    bob.accept(alice, sealed)
    with refused():
        bob.accept(alice, sealed)
    bob.books.clear()
    with refused():
        bob.accept(alice, sealed)
    bob.remembered.clear()
    assert bob.accept(alice, sealed).plaintext == b"text"


def a_used_one_time_prekey_is_refused() -> None:
    """Once its secret is erased, a second session to it is refused."""
    alice, bob = Device("alice"), Device("bob")
    bundle = bob.bundle()
    for expected in (True, False):
        book = SessionBook().start(alice.local, bundle, now=NOW, random=alice.random)
        alice.keep(bob, book)
        sealed = alice.send(bob)
        if expected:
            bob.accept(alice, sealed)
        else:
            with refused():
                bob.accept(alice, sealed)


def both_at_once_converge() -> None:
    """When both begin at once, both end up sending in the session with the lower id."""
    for seed in range(4):
        alice, bob = Device(f"alice {seed}"), Device(f"bob {seed}")
        alice.start(bob)
        bob.start(alice)
        first, second = alice.send(bob), bob.send(alice)
        assert bob.accept(alice, first).start is SessionStart.NEW
        assert alice.accept(bob, second).start is SessionStart.NEW
        active = [alice.book(bob).sessions[0].session_id, bob.book(alice).sessions[0].session_id]
        assert active[0] == active[1] == min(s.session_id for s in alice.book(bob).sessions)
        for _ in range(3):
            alice.pass_on(bob)
            bob.pass_on(alice)
        assert alice.book(bob).sessions[0].unanswered is None
        assert bob.book(alice).sessions[0].unanswered is None


def lost_first_messages_are_made_up_for() -> None:
    """Any later sealed message begins the session as well as the first."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    lost = [alice.send(bob, b"lost") for _ in range(3)]
    assert alice.pass_on(bob, b"came").start is SessionStart.NEW
    assert bob.accept(alice, lost[1]).plaintext == b"lost"
    bob.send(alice, b"lost reply")
    assert alice.pass_on(bob).start is None
    assert bob.pass_on(alice).answered


def unanswered_starts_are_renewed() -> None:
    """After 24 hours, or past the seal key's day, a new session is wanted, and it wins."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    book = alice.book(bob)
    assert not book.wants_session(NOW + A_DAY - 1)
    assert book.wants_session(NOW + A_DAY)
    session = book.sessions[0]
    assert session.unanswered is not None
    fresh = replace(session, origin=replace(session.origin, started_at=int(NOW + 21.5 * A_DAY)))
    assert session.unanswered.target.expiry_day == DAY + 21
    assert not SessionBook((fresh,)).wants_session(NOW + 22 * A_DAY - 1)
    assert SessionBook((fresh,)).wants_session(NOW + 22 * A_DAY)
    alice.pass_on(bob)
    alice.start(bob)
    assert alice.book(bob).sessions[0].origin.generation == FIRST + 1
    assert alice.pass_on(bob).start is SessionStart.RETRIED
    assert bob.book(alice).sessions[0].origin.generation == FIRST + 1
    assert bob.pass_on(alice).answered


def a_known_device_links() -> None:
    """A new session after an answered one is linked, and old messages still open."""
    alice, bob = met()
    late = alice.send(bob, b"late")
    alice.start(bob)
    assert alice.book(bob).sessions[0].origin.linked
    assert alice.book(bob).overhead_bytes(NOW) == FIRST_OVERHEAD_BYTES_MAX == 3165
    assert alice.pass_on(bob).start is SessionStart.LINKED
    assert bob.book(alice).sessions[0].origin.linked
    assert bob.receive(alice, late).plaintext == b"late"
    bob.pass_on(alice)
    bob.start(alice)
    assert bob.pass_on(alice).start is SessionStart.LINKED
    assert bob.book(alice).sessions[0].origin.generation == FIRST + 2


def a_link_needs_the_secret() -> None:
    """Who knows the link's id but not its secret cannot link."""
    alice, bob = met()
    alice.start(bob)
    sealed = alice.send(bob)
    book = bob.book(alice)
    session = book.sessions[0]
    links = session.ratchet.root.links
    for known in ((), tuple(bytes(32) for _ in links)):
        root = replace(session.ratchet.root, links=known)
        ratchet = replace(session.ratchet, root=root)
        bob.keep(alice, SessionBook((replace(session, ratchet=ratchet),)))
        with refused():
            bob.accept(alice, sealed)
    assert LinkSecret(links[-1]).link_id() != LinkSecret(links[-2]).link_id()
    bob.keep(alice, book)
    assert bob.accept(alice, sealed).start is SessionStart.LINKED


def a_restart_is_told_and_closes_the_rest() -> None:
    """A device without its state begins anew; the other is told, and at most once a day."""
    for begun_by_the_loser in (True, False):
        alice, bob = met()
        loser, other = (alice, bob) if begun_by_the_loser else (bob, alice)
        loser.pass_on(other)
        other.pass_on(loser)
        loser.pass_on(other)
        loser.books.clear()
        loser.now += 60
        loser.start(other)
        assert loser.pass_on(other).start is SessionStart.RESTARTED
        assert len(other.book(loser).sessions) == 1
        other.pass_on(loser)
        loser.pass_on(other)
        loser.books.clear()
        other.now = loser.now = NOW + A_DAY - 1
        loser.start(other)
        sealed = loser.send(other)
        with refused():
            other.accept(loser, sealed)
        other.now = NOW + A_DAY
        assert other.accept(loser, sealed).start is SessionStart.RESTARTED


def a_restart_waits_for_the_clock_to_pass_what_ran_ahead() -> None:
    """After several sessions within a minute it is refused, and welcome once the clock is past."""
    alice, bob = met()
    alice.pass_on(bob)
    for _ in range(2):
        alice.start(bob)
        assert alice.pass_on(bob).start is SessionStart.LINKED
        bob.pass_on(alice)
    alice.books.clear()
    for minutes, welcome in ((1, False), (2, False), (3, True)):
        alice.now = bob.now = NOW + 60 * minutes
        alice.books.clear()
        alice.start(bob)
        sealed = alice.send(bob)
        if welcome:
            assert bob.accept(alice, sealed).start is SessionStart.RESTARTED
            continue
        with refused():
            bob.accept(alice, sealed)


def an_unheard_initiator_retries_without_alarm() -> None:
    """A peer that may never have got an answer starts again without a restart being told."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    alice.pass_on(bob)
    bob.send(alice, b"lost reply")
    alice.books.clear()
    alice.start(bob)
    assert alice.pass_on(bob).start is SessionStart.RETRIED
    assert len(bob.book(alice).sessions) == 2


def a_failed_link_is_not_tried_twice() -> None:
    """When a linked start goes unanswered, the next is unlinked, and mends a rolled-back peer."""
    alice, bob = met()
    alice.pass_on(bob)
    stale = bob.book(alice)
    for _ in range(4):
        alice.pass_on(bob)
        bob.pass_on(alice)
    bob.keep(alice, stale)
    with refused():
        alice.pass_on(bob)
    alice.start(bob)
    assert alice.book(bob).sessions[0].origin.linked
    with refused():
        alice.pass_on(bob)
    alice.start(bob)
    assert not alice.book(bob).sessions[0].origin.linked
    assert alice.pass_on(bob).start is SessionStart.RESTARTED
    assert bob.pass_on(alice).answered
    alice.pass_on(bob)


def books_are_bounded() -> None:
    """Of many sessions the four of the highest generations are kept, in order."""
    alice, bob = Device("alice"), Device("bob")
    for _ in range(6):
        alice.start(bob)
    assert [s.origin.generation - FIRST for s in alice.book(bob).sessions] == [5, 4, 3, 2]


def generations_order_before_ids() -> None:
    """The active session is the one of the highest generation, then of the lowest id."""
    alice, bob = Device("alice"), Device("bob")
    for number in range(4):
        alice.start(bob)
        sessions = alice.book(bob).sessions
        assert sessions[0].origin.generation == FIRST + number
        assert list(sessions) == sorted(sessions, key=Session.rank)
    alice.now += 10 * A_DAY + 59
    alice.start(bob)
    assert alice.book(bob).sessions[0].origin.generation == FIRST + 10 * 24 * 60


def old_sessions_still_read() -> None:
    """Messages of every session of a book open, and each only in its own."""
    alice, bob = met()
    late = [alice.send(bob, b"old")]
    alice.start(bob)
    alice.pass_on(bob)
    bob.pass_on(alice)
    late.append(alice.send(bob, b"new"))
    before = bob.book(alice)
    assert bob.receive(alice, late[0]).session_id == before.sessions[1].session_id
    after = bob.book(alice)
    assert after.sessions[0] is before.sessions[0]
    assert bob.receive(alice, late[1]).session_id == before.sessions[0].session_id
    with refused():
        bob.receive(alice, late[0])
    with refused():
        SessionBook().decrypt(late[1], commitment=COMMITMENT, now=NOW)


def days_are_forgotten_in_all_sessions() -> None:
    """forget_expired drops skipped keys of every session and nothing else."""
    alice, bob = met()
    alice.pass_on(bob)
    late = alice.send(bob)
    alice.pass_on(bob)
    alice.start(bob)
    alice.pass_on(bob)
    restarted = replace(bob.book(alice), restarted_at=7)
    bob.keep(alice, restarted.forget_expired(NOW + 30 * A_DAY))
    assert bob.receive(alice, late).plaintext == b"text"
    bob.keep(alice, restarted.forget_expired(NOW + 31 * A_DAY))
    assert bob.book(alice).restarted_at == 7
    with refused():
        bob.receive(alice, late)
    alice.pass_on(bob)
    carol = Device("carol")
    carol.start(bob)
    book = carol.book(bob)
    assert book.forget_expired(NOW + 31 * A_DAY) == book


def first_messages_are_for_one_book() -> None:
    """A sealed message of an initiator's own session is not taken for the responder's."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    sealed = alice.send(bob)
    first = bob.unseal(sealed)
    reception = replace(bob.reception(first), local=bob.local)
    with refused():
        alice.book(bob).accept(first, replace(reception, signed=None), now=NOW)


def a_list_that_nobody_signed_is_refused() -> None:
    """A sender's list that is forged, or dated ahead, is refused though both sides agree on it."""
    for change in ({"signature": bytes(64)}, {"issue_day": DAY + 2}):
        alice, bob = Device("alice"), Device("bob")
        draft = replace(alice.local.device_list, **change)
        if "issue_day" in change:
            draft = replace(draft, signature=alice.account_key.sign(draft.signed_bytes()))
        alice.local = replace(alice.local, device_list=draft)
        alice.start(bob)
        sealed = alice.send(bob)
        with refused():
            bob.accept(alice, sealed)
        bob.now += A_DAY
        if "issue_day" in change:
            assert bob.accept(alice, sealed).plaintext == b"text"


def a_device_cannot_write_to_itself() -> None:
    """A first message from a device to itself is refused, though every key fits."""
    alice = Device("alice")
    alice.start(alice)
    sealed = alice.send(alice)
    alice.books.clear()
    with refused():
        alice.accept(alice, sealed)


def linked_and_unlinked_starts_alternate() -> None:
    """While nobody answers, a linked start is followed by an unlinked one, and that by a linked."""
    alice, bob = met()
    for linked in (True, False, True):
        alice.start(bob)
        assert alice.book(bob).sessions[0].origin.linked is linked


def a_link_is_kept_as_long_as_a_peer_may_be_away() -> None:
    """Within the patience of the caller an unanswered start is followed by linked ones alone."""
    alice, bob = met()
    alice.pass_on(bob)
    for _ in range(3):
        alice.start(bob, patience=100)
        assert alice.book(bob).sessions[0].origin.linked
        alice.now += 30
    assert alice.pass_on(bob).start is SessionStart.LINKED
    alice.now += 69
    alice.start(bob, patience=100)
    assert alice.book(bob).sessions[0].origin.linked
    alice.now += 100
    alice.start(bob, patience=100)
    assert not alice.book(bob).sessions[0].origin.linked


def a_link_is_welcome_after_a_restart() -> None:
    """The limit of a restart a day does not hold back a start that proves itself."""
    alice, bob = met()
    alice.pass_on(bob)
    alice.books.clear()
    alice.now += 60
    alice.start(bob)
    assert alice.pass_on(bob).start is SessionStart.RESTARTED
    bob.pass_on(alice)
    alice.start(bob)
    assert alice.pass_on(bob).start is SessionStart.LINKED


def generations_keep_to_the_clock() -> None:
    """A generation a day ahead of the clock is accepted, one further ahead refused."""
    ahead = limits.GENERATION_AHEAD_MAX
    for generation, opens in ((FIRST + ahead, True), (FIRST + ahead + 1, False)):
        alice, bob = Device("alice"), Device("bob")
        bundle = bob.bundle()
        keys, opening = initiate(
            alice.local, bundle, generation=generation, link=None, random=alice.random
        )
        ratchet = double_ratchet.start_initiator(
            keys, bundle.signed.x25519_key, now=NOW, random=alice.random
        )
        assert bundle.one_time is not None
        header = FirstHeader(
            alice.remote, 1, bundle.signed.prekey_id, bundle.one_time.prekey_id, opening
        )
        _, message = double_ratchet.encrypt(
            ratchet, b"text", commitment=COMMITMENT, now=NOW, random=alice.random
        )
        sealed = SealTarget.from_record(bundle.seal).seal(header.to_bytes(), message)
        if opens:
            assert bob.accept(alice, sealed).plaintext == b"text"
        else:
            with refused():
                bob.accept(alice, sealed)


def a_first_message_kept_back_closes_nothing() -> None:
    """An older start that a relay held is refused once a younger session is in use, for good."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    kept_back = alice.send(bob, b"kept back")
    alice.now = bob.now = NOW + A_DAY
    alice.start(bob)
    assert alice.pass_on(bob).start is SessionStart.NEW
    for _ in range(2):
        bob.pass_on(alice)
        alice.pass_on(bob)
    for days in (0, 2, 20):
        bob.now = NOW + days * A_DAY
        before = bob.book(alice)
        with refused():
            bob.accept(alice, kept_back)
        assert bob.book(alice) is before
    assert alice.pass_on(bob).start is None


def a_late_start_of_two_at_once_closes_nothing() -> None:
    """When both begin and one start comes after the other session is in use, that one stays."""
    for seed in range(4):
        alice, bob = Device(f"alice {seed}"), Device(f"bob {seed}")
        alice.start(bob)
        bob.start(alice)
        late = {"alice": alice.send(bob), "bob": bob.send(alice)}
        first, second = (alice, bob) if _id(alice, bob) < _id(bob, alice) else (bob, alice)
        second.accept(first, late[first.name.split()[0]])
        second.pass_on(first)
        first.pass_on(second)
        with refused():
            first.accept(second, late[second.name.split()[0]])
        for _ in range(3):
            second.pass_on(first)
            first.pass_on(second)


def _id(device: Device, other: Device) -> bytes:
    return device.book(other).sessions[0].session_id


def a_vault_set_back_repeats_no_key_with_its_nonce() -> None:
    """From whatever stored state a device goes on, it seals nothing under a key and nonce twice."""
    uses: list[tuple[bytes, bytes]] = []

    def watched(key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        uses.append((key, nonce))
        return primitives.aead_encrypt(key, nonce, plaintext, associated_data)

    alice, bob = met()
    with replaced(double_ratchet, "aead_encrypt", watched):
        for turn in range(4):
            sent: list[bytes] = []
            stored = snapshot.dump(alice.book(bob))
            for number in range(3):
                alice.keep(bob, snapshot.load(stored))
                sent = [alice.send(bob, b"%d of %d" % (number, turn)) for _ in range(3)]
            bob.receive(alice, sent[-1])
            stored = snapshot.dump(bob.book(alice))
            for _ in range(3):
                bob.keep(alice, snapshot.load(stored))
                sent = [bob.send(alice)]
            alice.receive(bob, sent[-1])
    # A header and a body each: nine messages of Alice's and three of Bob's a turn.
    assert len(uses) == 4 * (9 + 3) * 2
    assert len(set(uses)) == len(uses)


def restored_snapshots_go_on() -> None:
    """Both sides stored and loaded between all steps, the conversation goes on."""
    alice, bob = met()
    for number in range(60):
        for device, other in ((alice, bob), (bob, alice)):
            device.keep(other, snapshot.load(snapshot.dump(device.book(other))))
            if number % 20 == 5:
                device.send(other)
            device.pass_on(other)


DUTIES: Mapping[str, tuple[Callable[[], Any], ...]] = {
    "double_ratchet": (
        overheads_are_as_specified,
        conversation_goes_on,
        any_order_opens_once,
        receiving_after_sending_opens,
        a_kept_state_is_never_changed,
        jump_is_bounded,
        jump_over_the_end_of_a_chain_is_bounded,
        skipped_keys_are_bounded,
        skipped_keys_of_one_chain_are_bounded,
        old_header_keys_are_bounded,
        old_header_keys_of_lost_ends_are_bounded,
        skipped_keys_expire,
        every_flipped_byte_is_refused,
        commitment_is_bound,
        associated_data_is_bound,
        short_messages_are_refused,
        short_headers_are_refused,
        a_peer_cannot_turn_twice,
        a_full_chain_is_said,
        rolled_back_state_repeats_no_key_with_its_nonce,
        used_secrets_are_gone,
        message_count_goes_on,
        links_agree,
    ),
    "kem_ratchet": (
        steps_come_after_fifty_messages,
        steps_come_after_a_day,
        an_answer_offers_no_key,
        each_side_offers_at_start,
        any_one_message_carries_the_step,
        an_answer_is_demanded,
        ciphertext_unasked_is_refused,
        bad_key_is_refused_at_once,
        kem_secrets_are_mixed_in,
        turns_without_a_step_do_not_put_it_off,
    ),
    "receiving_chain": (
        nothing_to_do_is_the_same_value,
        an_ended_chain_gives_skipped_keys_only,
        numbers_end_where_their_width_does,
        keys_are_taken_once,
        any_order_opens_once,
        skipped_keys_are_bounded,
        skipped_keys_of_one_chain_are_bounded,
        skipped_keys_expire,
        jump_is_bounded,
    ),
    "session": (
        first_contact_works,
        exhausted_prekeys_do,
        a_repeat_is_refused,
        a_used_one_time_prekey_is_refused,
        both_at_once_converge,
        lost_first_messages_are_made_up_for,
        unanswered_starts_are_renewed,
        a_known_device_links,
        a_link_needs_the_secret,
        a_restart_is_told_and_closes_the_rest,
        a_restart_waits_for_the_clock_to_pass_what_ran_ahead,
        an_unheard_initiator_retries_without_alarm,
        a_failed_link_is_not_tried_twice,
        books_are_bounded,
        generations_order_before_ids,
        old_sessions_still_read,
        days_are_forgotten_in_all_sessions,
        first_messages_are_for_one_book,
        a_list_that_nobody_signed_is_refused,
        a_device_cannot_write_to_itself,
        linked_and_unlinked_starts_alternate,
        a_link_is_kept_as_long_as_a_peer_may_be_away,
        a_link_is_welcome_after_a_restart,
        generations_keep_to_the_clock,
        a_vault_set_back_repeats_no_key_with_its_nonce,
        a_first_message_kept_back_closes_nothing,
        a_late_start_of_two_at_once_closes_nothing,
        restored_snapshots_go_on,
    ),
}


def cases(
    modules: Iterable[str] = tuple(DUTIES),
) -> Generator[tuple[str, Callable[[], str | None]]]:
    """Give the demands on these modules, each by its name as something that says what is unmet."""
    for duty in (duty for module in modules for duty in DUTIES.get(module, ())):
        yield duty.__name__, partial(_unmet, duty)


def _unmet(duty: Callable[[], Any]) -> str | None:
    try:
        duty()
    except Exception as error:  # noqa: BLE001 - whatever a mutant raises shows it
        return f"{type(error).__name__}: {error}"
    return None
