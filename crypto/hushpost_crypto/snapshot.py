"""Stored form of a session book (docs/spec/pairwise.md, section 12).

    magic "HPSB" || format u16 || body || SHA-256(label || fields(magic || format || body))

The checksum finds damage; secrecy and protection against a thief who writes are the vault's, which
seals every row. Every format ever released loads; `dump` writes the newest. A snapshot is not part
of backups: a restored vault is a new device.
"""

from collections.abc import Callable
from typing import Final

from hushpost_wire.encoding import Reader, fields, labelled_sha256, u8, u16, u32, u64
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.labels import SNAPSHOT_CHECK

from hushpost_crypto.errors import BadLength, SnapshotDamaged, SnapshotFormatUnknown
from hushpost_crypto.first_message import SealTarget
from hushpost_crypto.kem_ratchet import SHAPE_BYTES, KemRatchet, KemShape
from hushpost_crypto.limits import SESSIONS_MAX
from hushpost_crypto.primitives import MlKem768Secret, equal
from hushpost_crypto.ratchet_state import Ratchet, RootRatchet, SendingChain
from hushpost_crypto.receiving_chain import NO_KEYS, ReceivingChain, SkippedKey
from hushpost_crypto.session import Session, SessionBook, SessionOrigin, Unanswered

FORMAT: Final = 1
_MAGIC: Final = b"HPSB"
_CHECK_BYTES: Final = 32
# Message key and day, behind the message number.
_SKIPPED_BYTES: Final = 4 + 32 + 4
# Stands for "never" where a time is optional; no clock shows it.
_NEVER: Final = 2**64 - 1


def dump(book: SessionBook) -> bytes:
    """Write the newest format. The result is secret and goes nowhere but into the vault."""
    sessions = b"".join(fields(_dump_session(session)) for session in book.sessions)
    head = _MAGIC + u16(FORMAT)
    body = head + _optional_time(book.restarted_at) + u8(len(book.sessions)) + sessions
    return body + labelled_sha256(SNAPSHOT_CHECK, body)


def load(data: bytes) -> SessionBook:
    """Read any released format.

    Raises `SnapshotDamaged` or `SnapshotFormatUnknown`; the sessions in it are then lost, and the
    caller starts new ones, of which the peers are told as restarts.
    """
    if len(data) < len(_MAGIC) + 2 + _CHECK_BYTES or not data.startswith(_MAGIC):
        raise SnapshotDamaged("this is no stored session book; start a new session")
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if not equal(check, labelled_sha256(SNAPSHOT_CHECK, body)):
        raise SnapshotDamaged("a stored session book was altered or cut; start a new session")
    read = _READERS.get(int.from_bytes(data[4:6], "big"))
    if read is None:
        raise SnapshotFormatUnknown(
            "a stored session book was written by a newer version; install that version to read it"
        )
    reader = Reader(body[6:], "session book")
    try:
        book = read(reader)
        reader.finish()
    except (MalformedRecord, BadLength):
        raise SnapshotDamaged("a stored session book does not read; start a new session") from None
    return book


def _read_format_1(reader: Reader) -> SessionBook:
    restarted_at = _read_time(reader)
    count = reader.u8()
    if count > SESSIONS_MAX:
        raise MalformedRecord("more sessions than a book holds")
    return SessionBook(tuple(_read_session(reader) for _ in range(count)), restarted_at)


_READERS: Final[dict[int, Callable[[Reader], SessionBook]]] = {1: _read_format_1}


# -- session ------------------------------------------------------------------------------------


def _dump_session(session: Session) -> bytes:
    origin, unanswered = session.origin, session.unanswered
    repeated = b""
    if unanswered is not None:
        target = unanswered.target
        repeated = fields(
            unanswered.first_header, target.seal_key, target.info, u32(target.expiry_day)
        )
    return fields(
        u8(origin.initiator) + u8(origin.linked) + u32(origin.generation),
        u64(origin.started_at),
        origin.first_hash,
        repeated,
        _dump_ratchet(session.ratchet),
    )


def _read_session(outer: Reader) -> Session:
    reader = Reader(outer.field(), "session")
    flags = Reader(reader.field(), "session origin")
    initiator, linked, generation = _flag(flags), _flag(flags), flags.u32()
    flags.finish()
    started_at = _number(reader.field(), 8)
    first_hash = reader.field()
    repeated = reader.field()
    ratchet = _read_ratchet(reader.field())
    reader.finish()
    origin = SessionOrigin(initiator, linked, generation, started_at, first_hash)
    return Session(origin, ratchet, _read_unanswered(repeated))


def _read_unanswered(data: bytes) -> Unanswered | None:
    if not data:
        return None
    reader = Reader(data, "unanswered session")
    first_header, seal_key, info = reader.field(), reader.field(), reader.field()
    expiry_day = _number(reader.field(), 4)
    reader.finish()
    return Unanswered(first_header, SealTarget(seal_key, info, expiry_day))


# -- ratchet ------------------------------------------------------------------------------------


def _dump_ratchet(ratchet: Ratchet) -> bytes:
    root, sending = ratchet.root, ratchet.sending
    chains = (() if ratchet.receiving is None else (ratchet.receiving,)) + ratchet.old
    return fields(
        root.associated_data,
        root.root_key,
        root.ratchet_secret,
        root.remote_key,
        root.next_sending_header_key,
        root.next_receiving_header_key,
        u32(root.previous_length) + u32(root.chains_received) + u64(ratchet.messages),
        _dump_kem(root.kem),
        u8(len(root.links)) + fields(*root.links),
        b"" if sending is None else _dump_sending(sending),
        u8(ratchet.receiving is not None)
        + u8(len(chains))
        + fields(*(_dump_chain(chain) for chain in chains)),
    )


def _read_ratchet(data: bytes) -> Ratchet:
    reader = Reader(data, "ratchet")
    keys = [reader.field() for _ in range(6)]
    counters = Reader(reader.field(), "ratchet counters")
    previous_length, chains_received = counters.u32(), counters.u32()
    messages = _number(counters.take(8), 8)
    counters.finish()
    kem = _read_kem(reader.field())
    links = _read_counted(Reader(reader.field(), "link secrets"))
    sending = _read_sending(reader.field())
    chain_reader = Reader(reader.field(), "receiving chains")
    has_receiving = _flag(chain_reader)
    chains = tuple(_read_chain(field) for field in _read_counted(chain_reader))
    reader.finish()
    if has_receiving and not chains:
        raise MalformedRecord("a ratchet without the receiving chain it names")
    root = RootRatchet(
        keys[0], keys[1], keys[2], keys[3], keys[4], keys[5],
        previous_length, kem, links, chains_received,
    )  # fmt: skip
    receiving = chains[0] if has_receiving else None
    return Ratchet(root, sending, receiving, chains[1:] if has_receiving else chains, messages)


def _dump_kem(kem: KemRatchet) -> bytes:
    return fields(
        kem.own_secret.seed if kem.own_secret else b"",
        kem.own_key,
        kem.peer_key,
        u8(kem.offers_first) + u64(kem.stepped_at) + u64(kem.stepped_message),
    )


def _read_kem(data: bytes) -> KemRatchet:
    reader = Reader(data, "KEM ratchet")
    own_seed, own_key, peer_key = reader.field(), reader.field(), reader.field()
    steps = Reader(reader.field(), "KEM steps")
    offers_first = _flag(steps)
    stepped_at = int.from_bytes(steps.take(8), "big")
    stepped_message = int.from_bytes(steps.take(8), "big")
    steps.finish()
    reader.finish()
    own_secret = MlKem768Secret(own_seed) if own_seed else None
    return KemRatchet(own_secret, own_key, peer_key, offers_first, stepped_at, stepped_message)


def _dump_sending(chain: SendingChain) -> bytes:
    return fields(chain.chain_key, chain.header_key, chain.header, u32(chain.number))


def _read_sending(data: bytes) -> SendingChain | None:
    if not data:
        return None
    reader = Reader(data, "sending chain")
    chain_key, header_key, header = reader.field(), reader.field(), reader.field()
    number = _number(reader.field(), 4)
    reader.finish()
    return SendingChain(chain_key, header_key, header, number)


def _dump_chain(chain: ReceivingChain) -> bytes:
    skipped = b"".join(
        u32(number) + key.message_key + u32(key.day) for number, key in chain.skipped.items()
    )
    return fields(
        chain.header_key,
        u8(chain.shape),
        chain.header_hash,
        chain.chain_key,
        u32(chain.number),
        skipped,
    )


def _read_chain(data: bytes) -> ReceivingChain:
    reader = Reader(data, "receiving chain")
    header_key = reader.field()
    shape = KemShape(_number(reader.field(), 1))
    header_hash, chain_key = reader.field(), reader.field()
    number = _number(reader.field(), 4)
    skipped = reader.field()
    reader.finish()
    if len(skipped) % _SKIPPED_BYTES or shape >= len(SHAPE_BYTES):
        raise MalformedRecord("a receiving chain that no version wrote")
    keys = Reader(skipped, "skipped keys")
    count = len(skipped) // _SKIPPED_BYTES
    kept = {keys.u32(): SkippedKey(keys.take(32), keys.u32()) for _ in range(count)}
    return ReceivingChain(header_key, shape, header_hash, chain_key, number, kept or NO_KEYS)


# -- encoding -----------------------------------------------------------------------------------


def _optional_time(value: int | None) -> bytes:
    return u64(_NEVER if value is None else value)


def _read_time(reader: Reader) -> int | None:
    value = int.from_bytes(reader.take(8), "big")
    return None if value == _NEVER else value


def _flag(reader: Reader) -> bool:
    value = reader.u8()
    if value > 1:
        raise MalformedRecord("a flag that no version wrote")
    return value == 1


def _number(data: bytes, size: int) -> int:
    if len(data) != size:
        raise MalformedRecord("a number of a length that no version wrote")
    return int.from_bytes(data, "big")


def _read_counted(reader: Reader) -> tuple[bytes, ...]:
    parts = tuple(reader.field() for _ in range(reader.u8()))
    reader.finish()
    return parts
