"""The Double Ratchet with header encryption and KEM steps (docs/spec/pairwise.md, 5 and 6).

    message = encrypted header || body
    encrypted header = nonce (24, random) || AEAD(header key, nonce, header)
    body = AEAD(key and nonce from HKDF(message key, salt = SHA-256(encrypted header)), plaintext)

The DH ratchet turns twice a round trip: a receiving step when the peer's next header key opens a
header, a sending step when something is sent after that (not before: the fresh key is as young as
the message). Everything is a frozen value: `encrypt` and `decrypt` give a new state, and a decrypt
that raises has changed nothing. The caller stores the new state before it lets go of the ciphertext
or the plaintext, and never uses a state twice; a state that was rolled back all the same repeats no
key with its nonce, since both hang on the random header nonce.
"""

from dataclasses import replace
from typing import Final, NamedTuple

from hushpost_wire.labels import RATCHET_MESSAGE

from hushpost_crypto.errors import BadKey, ChainExhausted, Undecryptable
from hushpost_crypto.kem_ratchet import (
    CIPHERTEXT_AND_KEY,
    SHAPE_BYTES,
    KemFields,
    KemRatchet,
    KemShape,
    RootInput,
    begin_receiving,
    begin_sending,
)
from hushpost_crypto.keys import Random
from hushpost_crypto.limits import (
    CHAIN_MESSAGES_MAX,
    JUMP_MAX,
    LINK_SECRETS_MAX,
    OLD_HEADER_KEYS_MAX,
    SECONDS_A_DAY,
    SKIPPED_KEYS_MAX,
)
from hushpost_crypto.primitives import (
    KEY_BYTES,
    NONCE_BYTES,
    TAG_BYTES,
    aead_decrypt,
    aead_encrypt,
    aead_try,
    equal,
    hkdf_sha512,
    sha256,
    x25519,
    x25519_public_key,
)
from hushpost_crypto.ratchet_state import Ratchet, RootRatchet, SendingChain, SharedKeys
from hushpost_crypto.receiving_chain import NO_KEYS, ReceivingChain, chain_step

VERSION: Final = 1
# version, flags, ratchet key, previous chain's length, KEM fields, message number
_FIXED_BYTES: Final = 1 + 1 + KEY_BYTES + 4
_NUMBER_BYTES: Final = 4
_HEADER_BYTES: Final = _FIXED_BYTES + _NUMBER_BYTES
_ENCRYPTED_EXTRA_BYTES: Final = NONCE_BYTES + TAG_BYTES
ORDINARY_OVERHEAD_BYTES: Final = _HEADER_BYTES + _ENCRYPTED_EXTRA_BYTES + TAG_BYTES
KEM_OVERHEAD_BYTES_MAX: Final = ORDINARY_OVERHEAD_BYTES + SHAPE_BYTES[CIPHERTEXT_AND_KEY]


class _Opened(NamedTuple):
    """An opened header: its plaintext, where it ends, and its chain (None: a new one)."""

    header: bytes
    end: int
    shape: KemShape
    chain: ReceivingChain | None


def start_initiator(keys: SharedKeys, remote_key: bytes, *, now: float, random: Random) -> Ratchet:
    """Begin as the one who writes first; ``remote_key`` is the signed X25519 prekey."""
    root = RootRatchet(
        keys.associated_data,
        keys.root_key,
        b"",
        remote_key,
        keys.initiator_header_key,
        keys.responder_next_header_key,
        0,
        # A first message is sealed and has no room for a KEM key: the first chain offers none.
        replace(KemRatchet.begin(now), offers_first=False),
        (),
        0,
    )
    turned, sending = _begin_sending(root, 0, now, random)
    return Ratchet(replace(turned, kem=KemRatchet.begin(now)), sending, None, (), 0)


def start_responder(keys: SharedKeys, signed_secret: bytes, *, now: float) -> Ratchet:
    """Begin as the one written to; `decrypt` of a first message is what makes it usable."""
    root = RootRatchet(
        keys.associated_data,
        keys.root_key,
        signed_secret,
        b"",
        keys.responder_next_header_key,
        keys.initiator_header_key,
        0,
        KemRatchet.begin(now),
        (),
        0,
    )
    return Ratchet(root, None, None, (), 0)


def overhead_bytes(ratchet: Ratchet, now: float) -> int:
    """How much longer than its plaintext the next message will be, if sent at ``now``."""
    if ratchet.sending is not None:
        return len(ratchet.sending.header) + ORDINARY_OVERHEAD_BYTES - _FIXED_BYTES
    shape = ratchet.root.kem.sending_shape(ratchet.messages, now)
    return ORDINARY_OVERHEAD_BYTES + SHAPE_BYTES[shape]


def encrypt(
    ratchet: Ratchet, plaintext: bytes, *, commitment: bytes, now: float, random: Random
) -> tuple[Ratchet, bytes]:
    """Seal one message; store the new state before the message leaves the device."""
    root, chain = ratchet.root, ratchet.sending
    if chain is None:
        root, chain = _begin_sending(root, ratchet.messages, now, random)
    if chain.number >= CHAIN_MESSAGES_MAX:
        raise ChainExhausted("this chain is full until the peer answers; start a new session")
    associated_data = root.associated_data
    header = chain.header + chain.number.to_bytes(_NUMBER_BYTES, "big")
    header_nonce = random(NONCE_BYTES)
    encrypted_header = header_nonce + aead_encrypt(
        chain.header_key, header_nonce, header, associated_data
    )
    chain_key, message_key = chain_step(chain.chain_key)
    key, nonce = _body_key(message_key, encrypted_header)
    body = aead_encrypt(key, nonce, plaintext, associated_data + commitment)
    sending = SendingChain(chain_key, chain.header_key, chain.header, chain.number + 1)
    after = Ratchet(root, sending, ratchet.receiving, ratchet.old, ratchet.messages + 1)
    return after, encrypted_header + body


def decrypt(
    ratchet: Ratchet, message: bytes, *, commitment: bytes, now: float
) -> tuple[Ratchet, bytes]:
    """Open one message, or raise `Undecryptable` with nothing changed.

    Store the new state together with what was read; the message's key is gone from it.
    """
    opened = _open_header(ratchet, message)
    day = int(now) // SECONDS_A_DAY
    try:
        after, message_key = _advance(ratchet, opened, day, now)
    except BadKey:
        raise Undecryptable from None
    key, nonce = _body_key(message_key, message[: opened.end])
    associated_data = ratchet.root.associated_data + commitment
    plaintext = aead_decrypt(key, nonce, message[opened.end :], associated_data)
    return after, plaintext


def without_expired(ratchet: Ratchet, now: float) -> Ratchet:
    """Give the ratchet without skipped keys that were kept for 30 days."""
    day = int(now) // SECONDS_A_DAY
    receiving = ratchet.receiving and ratchet.receiving.without_expired(day)
    old = tuple(chain for chain in (c.without_expired(day) for c in ratchet.old) if chain.skipped)
    return Ratchet(ratchet.root, ratchet.sending, receiving, old, ratchet.messages)


# -- headers ------------------------------------------------------------------------------------


def _open_header(ratchet: Ratchet, message: bytes) -> _Opened:
    """Try the current and the next header key, then the old ones.

    After something was sent, the next key comes first: most messages are then an answer to it.
    """
    for attempt in (_try_next, _try_current) if ratchet.sending else (_try_current, _try_next):
        opened = attempt(ratchet, message)
        if opened is not None:
            return opened
    associated_data = ratchet.root.associated_data
    for chain in ratchet.old:
        opened = _try(chain.header_key, chain.shape, message, associated_data, chain)
        if opened is not None:
            return opened
    raise Undecryptable


def _try_current(ratchet: Ratchet, message: bytes) -> _Opened | None:
    chain = ratchet.receiving
    if chain is None:
        return None
    return _try(chain.header_key, chain.shape, message, ratchet.root.associated_data, chain)


def _try_next(ratchet: Ratchet, message: bytes) -> _Opened | None:
    root = ratchet.root
    for shape in root.kem.receiving_shapes():
        opened = _try(root.next_receiving_header_key, shape, message, root.associated_data, None)
        if opened is not None:
            return opened
    return None


def _try(
    key: bytes,
    shape: KemShape,
    message: bytes,
    associated_data: bytes,
    chain: ReceivingChain | None,
) -> _Opened | None:
    end = _HEADER_BYTES + SHAPE_BYTES[shape] + _ENCRYPTED_EXTRA_BYTES
    if len(message) < end:
        return None
    header = aead_try(key, message[:NONCE_BYTES], message[NONCE_BYTES:end], associated_data)
    if header is None or header[0] != VERSION or header[1] != shape:
        return None
    return _Opened(header, end, shape, chain)


def _advance(ratchet: Ratchet, opened: _Opened, day: int, now: float) -> tuple[Ratchet, bytes]:
    """Give the state after this message, and the message's key; nothing is authentic yet."""
    header = opened.header
    number = int.from_bytes(header[-_NUMBER_BYTES:], "big")
    chain = opened.chain
    if chain is None:
        return _begin_receiving(ratchet, opened, number, day, now)
    if not equal(sha256(header[:-_NUMBER_BYTES]), chain.header_hash):
        raise Undecryptable
    moved, message_key = chain.take(number, day)
    messages = ratchet.messages + 1
    if chain is ratchet.receiving:
        after = Ratchet(ratchet.root, ratchet.sending, moved, ratchet.old, messages)
        return (after if moved.skipped is chain.skipped else _bounded(after)), message_key
    old = tuple(moved if other is chain else other for other in ratchet.old)
    after = Ratchet(ratchet.root, ratchet.sending, ratchet.receiving, old, messages)
    return _bounded(after), message_key


# -- the DH ratchet -----------------------------------------------------------------------------


def _begin_sending(
    root: RootRatchet, messages: int, now: float, random: Random
) -> tuple[RootRatchet, SendingChain]:
    """Turn the root with a fresh key of ours: a new sending chain."""
    ratchet_secret = random(KEY_BYTES)
    kem, fields, step = begin_sending(root.kem, messages, now, random)
    root_key, chain_key, next_header_key, link = _root_step(
        root.root_key, x25519(ratchet_secret, root.remote_key), step
    )
    header = (
        bytes((VERSION, fields.shape))
        + x25519_public_key(ratchet_secret)
        + root.previous_length.to_bytes(4, "big")
        + fields.to_bytes()
    )
    turned = RootRatchet(
        root.associated_data,
        root_key,
        ratchet_secret,
        root.remote_key,
        next_header_key,
        root.next_receiving_header_key,
        root.previous_length,
        kem,
        (*root.links, link)[-LINK_SECRETS_MAX:],
        root.chains_received,
    )
    return turned, SendingChain(chain_key, root.next_sending_header_key, header, 0)


def _begin_receiving(
    ratchet: Ratchet, opened: _Opened, number: int, day: int, now: float
) -> tuple[Ratchet, bytes]:
    """Turn the root with the peer's fresh key: a new receiving chain; ours ends."""
    root, header = ratchet.root, opened.header
    if not root.ratchet_secret:
        # Only the peer itself can get here, by turning twice without having been answered.
        raise Undecryptable
    remote_key = header[2 : 2 + KEY_BYTES]
    peer_previous_length = int.from_bytes(header[2 + KEY_BYTES : _FIXED_BYTES], "big")
    fields = KemFields.from_bytes(opened.shape, header[_FIXED_BYTES:-_NUMBER_BYTES])
    kem, step = begin_receiving(root.kem, fields, ratchet.messages, now)
    root_key, chain_key, next_header_key, link = _root_step(
        root.root_key, x25519(root.ratchet_secret, remote_key), step
    )
    turned = RootRatchet(
        root.associated_data,
        root_key,
        b"",
        remote_key,
        root.next_sending_header_key,
        next_header_key,
        ratchet.sending.number if ratchet.sending is not None else 0,
        kem,
        (*root.links, link)[-LINK_SECRETS_MAX:],
        root.chains_received + 1,
    )
    chain = ReceivingChain(
        root.next_receiving_header_key,
        opened.shape,
        sha256(header[:-_NUMBER_BYTES]),
        chain_key,
        0,
        NO_KEYS,
    )
    moved, message_key = chain.take(number, day)
    old = _with_closed(ratchet, peer_previous_length, day)
    after = Ratchet(turned, None, moved, old, ratchet.messages + 1)
    return (_bounded(after) if old else after), message_key


def _with_closed(ratchet: Ratchet, length: int, day: int) -> tuple[ReceivingChain, ...]:
    """Give the old chains, the newest first, with the one that the peer just ended.

    Of a chain that ended beyond the limit on jumps the first keys are kept: refusing the message
    would end the session for good, just because more than that many before it were lost.
    """
    if ratchet.receiving is None:
        return ratchet.old
    ended = ratchet.receiving.skip_to(min(length, ratchet.receiving.number + JUMP_MAX), day)
    return (ended.closed(), *ratchet.old) if ended.skipped else ratchet.old


def _bounded(ratchet: Ratchet) -> Ratchet:
    """Hold the limits on old header keys and skipped keys: what is oldest goes first."""
    old: tuple[ReceivingChain, ...] = tuple(chain for chain in ratchet.old if chain.skipped)
    old = old[:OLD_HEADER_KEYS_MAX]
    receiving = ratchet.receiving
    assert receiving is not None
    excess = sum(len(c.skipped) for c in old) + len(receiving.skipped) - SKIPPED_KEYS_MAX
    if excess > 0:
        shorter: list[ReceivingChain] = []
        for chain in reversed(old):
            dropped = min(excess, len(chain.skipped))
            shorter.append(chain.without_oldest(dropped))
            excess -= dropped
        old = tuple(chain for chain in reversed(shorter) if chain.skipped)
        receiving = receiving.without_oldest(excess)
    return Ratchet(ratchet.root, ratchet.sending, receiving, old, ratchet.messages)


# -- key derivation -----------------------------------------------------------------------------


def _root_step(
    root_key: bytes, dh_secret: bytes, step: RootInput
) -> tuple[bytes, bytes, bytes, bytes]:
    """Give the next root key, a chain key, the next header key and a link secret."""
    out = hkdf_sha512(dh_secret + step.secret, salt=root_key, info=step.info, size=4 * KEY_BYTES)
    return out[:32], out[32:64], out[64:96], out[96:]


def _body_key(message_key: bytes, encrypted_header: bytes) -> tuple[bytes, bytes]:
    out = hkdf_sha512(
        message_key,
        salt=sha256(encrypted_header),
        info=RATCHET_MESSAGE,
        size=KEY_BYTES + NONCE_BYTES,
    )
    return out[:KEY_BYTES], out[KEY_BYTES:]
