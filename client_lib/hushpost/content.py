"""The inner message: the plaintext of a session message (docs/spec/content.md, sections 1 and 2).

Strict both ways: there is one encoding, and whatever else arrives is `ContentMalformed`. Nothing
here knows sessions, contacts or storage.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NewType

from hushpost_wire.encoding import Reader, u8, u16, u32, u64
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host, parse_host
from hushpost_wire.identifiers import (
    DROP_HASH_BYTES,
    DROP_SECRET_BYTES,
    HASH_BYTES,
    ROUTE_BYTES,
    DropHash,
    DropSecret,
    ListHead,
    Route,
)

from hushpost.errors import PeerError

InnerId = NewType("InnerId", bytes)

CONTENT_VERSION: Final = 1
INNER_ID_BYTES: Final = 16
HEADER_BYTES: Final = 112

# Longer things are attachments; six large envelopes carry this much.
TEXT_BYTES_MAX: Final = 65536
# With the header and the largest KEM step this still falls in the small bucket, so the bucket
# tells nothing about the state of the ratchet.
CHUNK_BYTES_SMALL: Final = 1280
# The same for the large bucket, and also inside a sealed first message.
CHUNK_BYTES_LARGE: Final = 12288
PARTS_MAX: Final = -(-TEXT_BYTES_MAX // CHUNK_BYTES_LARGE)
# A first message for one device has to fall in the small bucket.
REQUEST_TEXT_BYTES_MAX: Final = 256
# What a person wishes to be called, in a list on a phone.
NAME_BYTES_MAX: Final = 64
# No sender counts as far; above it, one more would not fit the field.
STREAM_MAX: Final = 2**63 - 1
# 64 receipts are 1089 bytes: the small bucket in every case.
RECEIPTS_MAX: Final = 64


class ContentMalformed(PeerError):
    """A contact's device sent an inner message that is not in the one allowed encoding."""


class ContentUnknown(PeerError):
    """A contact's device sent a kind of inner message that this version does not know."""


class Kind(IntEnum):
    """What an inner message is (content.md, section 2)."""

    TEXT = 1
    RECEIPT = 2
    TYPING = 3
    REQUEST = 4
    ACCEPT = 5
    READY = 6
    SESSION = 7
    RESEND = 8


class ReceiptStatus(IntEnum):
    """How far a message came at its reader."""

    DELIVERED = 1
    READ = 2


@dataclass(frozen=True, slots=True)
class ListView:
    """Which device list somebody holds: its version and head hash."""

    version: int
    head: ListHead


@dataclass(frozen=True, slots=True)
class Header:
    """What every inner message carries before its body."""

    inner_id: InnerId
    stream: int
    not_after: int
    sent_milliseconds: int
    own_list: ListView
    peer_list: ListView


@dataclass(frozen=True, slots=True)
class Text:
    """One chunk of a text."""

    part: int
    parts: int
    total: int
    chunk: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """How far some of the reader's own messages came."""

    entries: tuple[tuple[ReceiptStatus, InnerId], ...]


@dataclass(frozen=True, slots=True)
class Typing:
    """The contact began or stopped writing."""

    began: bool


@dataclass(frozen=True, slots=True)
class Request:
    """A stranger asks to become a contact."""

    drop_hash: DropHash
    reply_route: Route
    reply_secret: DropSecret
    host: Host
    name: str
    text: str

    def __repr__(self) -> str:
        return f"Request(host={self.host!r})"


@dataclass(frozen=True, slots=True)
class Accept:
    """The answer to a request."""

    request_id: InnerId
    drop_hash: DropHash
    host: Host
    name: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The drop whose hash came with ACCEPT is registered."""


@dataclass(frozen=True, slots=True)
class SessionRestart:
    """A known contact's device began a new session on purpose."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind that this version does not act on; it still takes its place in the stream."""

    kind: int

    @property
    def is_reserved(self) -> bool:
        """Whether this version knows what it is for, and does nothing (content.md, 2)."""
        return self.kind == Kind.RESEND


Body = Text | Receipt | Typing | Request | Accept | Ready | SessionRestart | Unknown


KIND_OF: Final[dict[type[Body], Kind]] = {
    Text: Kind.TEXT,
    Receipt: Kind.RECEIPT,
    Typing: Kind.TYPING,
    Request: Kind.REQUEST,
    Accept: Kind.ACCEPT,
    Ready: Kind.READY,
    SessionRestart: Kind.SESSION,
}


@dataclass(frozen=True, slots=True)
class Inner:
    """A whole inner message."""

    header: Header
    body: Body


def encode(inner: Inner) -> bytes:
    """Write the one encoding; `ValueError` where the caller broke a limit of section 2."""
    header, body = inner.header, inner.body
    if (header.stream == 0) != isinstance(body, Typing):
        raise ValueError("only TYPING has no place in the stream")
    body_bytes = _encode_body(body)
    return b"".join(
        (
            u8(CONTENT_VERSION),
            u8(KIND_OF[type(body)]),
            u16(0),
            _sized(header.inner_id, INNER_ID_BYTES),
            u64(header.stream),
            u32(header.not_after),
            u64(header.sent_milliseconds),
            _encode_view(header.own_list),
            _encode_view(header.peer_list),
            body_bytes,
        )
    )


def decode(data: bytes) -> Inner:
    """Read an inner message; raises `ContentMalformed` for anything but its one encoding."""
    reader = Reader(data, "inner message")
    try:
        version, kind, reserved = reader.u8(), reader.u8(), reader.u16()
        if version != CONTENT_VERSION or reserved:
            raise ContentMalformed("an inner message of another version: update the app")
        header = Header(
            inner_id=InnerId(reader.take(INNER_ID_BYTES)),
            stream=_read_stream(reader),
            not_after=reader.u32(),
            sent_milliseconds=_read_u64(reader),
            own_list=_read_view(reader),
            peer_list=_read_view(reader),
        )
        body = _read_body(kind, reader, len(data) - HEADER_BYTES)
        reader.finish()
    except MalformedRecord as error:
        raise ContentMalformed(str(error)) from None
    later = isinstance(body, Unknown) and not body.is_reserved
    if not later and (header.stream == 0) != isinstance(body, Typing):
        raise ContentMalformed("an inner message of this kind has the wrong stream value")
    return Inner(header, body)


def split_text(text: str) -> tuple[Text, ...]:
    """Cut a text into chunks as section 2 says; `ValueError` when it is empty or too long."""
    data = text.encode()
    total = len(data)
    if not 1 <= total <= TEXT_BYTES_MAX:
        raise ValueError(f"a text has 1 to {TEXT_BYTES_MAX} bytes, not {total}")
    parts = parts_of(total)
    size = CHUNK_BYTES_LARGE if parts > 1 else total
    return tuple(
        Text(part, parts, total, data[part * size : (part + 1) * size]) for part in range(parts)
    )


def parts_of(total: int) -> int:
    """How many chunks a text of that many bytes has."""
    return 1 if total <= CHUNK_BYTES_SMALL else -(-total // CHUNK_BYTES_LARGE)


def _encode_body(body: Body) -> bytes:
    match body:
        case Text(part, parts, total, chunk):
            _check_text(body)
            encoded = u8(part) + u8(parts) + u32(total) + chunk
        case Receipt(entries):
            encoded = _encode_receipt(entries)
        case Typing(began):
            encoded = u8(began)
        case Request():
            encoded = _encode_request(body)
        case Accept(request_id, drop_hash, host, name):
            encoded = request_id + drop_hash + _short(host) + _name(name)
        case Ready():
            encoded = b""
        case SessionRestart():
            encoded = u8(1)
        case _:
            raise ValueError("a kind that is not known cannot be written")
    return encoded


def _encode_receipt(entries: tuple[tuple[ReceiptStatus, InnerId], ...]) -> bytes:
    if not 1 <= len(entries) <= RECEIPTS_MAX:
        raise ValueError(f"a receipt names 1 to {RECEIPTS_MAX} messages")
    return u8(len(entries)) + b"".join(u8(status) + inner_id for status, inner_id in entries)


def _encode_request(body: Request) -> bytes:
    text = body.text.encode()
    if len(text) > REQUEST_TEXT_BYTES_MAX:
        raise ValueError(f"a request carries at most {REQUEST_TEXT_BYTES_MAX} bytes of text")
    return b"".join(
        (
            _sized(body.drop_hash, DROP_HASH_BYTES),
            _sized(body.reply_route, ROUTE_BYTES),
            _sized(body.reply_secret, DROP_SECRET_BYTES),
            _short(body.host),
            _name(body.name),
            text,
        )
    )


def _read_body(kind: int, reader: Reader, length: int) -> Body:
    read = _BODY_READERS.get(kind)
    if kind == 0:
        raise ContentMalformed("an inner message of kind 0, which no version has")
    if read is None:
        reader.take(length)
        return Unknown(kind)
    return read(reader, length)


def _read_text(reader: Reader, length: int) -> Text:
    part, parts, total = reader.u8(), reader.u8(), reader.u32()
    text = Text(part, parts, total, reader.take(max(0, length - 6)))
    try:
        _check_text(text)
    except ValueError as error:
        raise ContentMalformed(str(error)) from None
    return text


def _check_text(text: Text) -> None:
    """Hold a chunk against the rule that fixes every length; `ValueError` otherwise."""
    if not 1 <= text.total <= TEXT_BYTES_MAX:
        raise ValueError("a text of no length that is allowed")
    if text.parts != parts_of(text.total) or text.part >= text.parts:
        raise ValueError("a text in a number of parts that its length does not give")
    start = text.part * CHUNK_BYTES_LARGE
    expected = min(CHUNK_BYTES_LARGE, text.total - start)
    if len(text.chunk) != expected:
        raise ValueError("a chunk of a length that its place does not give")


def _read_receipt(reader: Reader, _length: int) -> Receipt:
    count = reader.u8()
    if not 1 <= count <= RECEIPTS_MAX:
        raise ContentMalformed("a receipt for none or too many messages")
    return Receipt(tuple(_read_receipt_entry(reader) for _ in range(count)))


def _read_receipt_entry(reader: Reader) -> tuple[ReceiptStatus, InnerId]:
    status = reader.u8()
    if status not in (ReceiptStatus.DELIVERED, ReceiptStatus.READ):
        raise ContentMalformed("a receipt of unknown status")
    return ReceiptStatus(status), InnerId(reader.take(INNER_ID_BYTES))


def _read_request(reader: Reader, length: int) -> Request:
    drop_hash = DropHash(reader.take(DROP_HASH_BYTES))
    route = Route(reader.take(ROUTE_BYTES))
    secret = DropSecret(reader.take(DROP_SECRET_BYTES))
    host, name = _read_host(reader), _read_name(reader)
    fixed = DROP_HASH_BYTES + ROUTE_BYTES + DROP_SECRET_BYTES
    rest = length - fixed - 1 - len(host) - 1 - len(name.encode())
    if rest > REQUEST_TEXT_BYTES_MAX:
        raise ContentMalformed("a request with more text than one may carry")
    return Request(drop_hash, route, secret, host, name, _utf8(reader.take(rest)))


def _read_typing(reader: Reader, _length: int) -> Typing:
    return Typing(began=_flag(reader))


def _read_accept(reader: Reader, _length: int) -> Accept:
    request_id = InnerId(reader.take(INNER_ID_BYTES))
    drop_hash = DropHash(reader.take(DROP_HASH_BYTES))
    return Accept(request_id, drop_hash, _read_host(reader), _read_name(reader))


def _read_ready(_reader: Reader, _length: int) -> Ready:
    return Ready()


def _read_session(reader: Reader, _length: int) -> SessionRestart:
    if reader.u8() != 1:
        raise ContentMalformed("a session message with an unknown code")
    return SessionRestart()


_BODY_READERS: Final[dict[int, Callable[[Reader, int], Body]]] = {
    Kind.TEXT: _read_text,
    Kind.RECEIPT: _read_receipt,
    Kind.TYPING: _read_typing,
    Kind.REQUEST: _read_request,
    Kind.ACCEPT: _read_accept,
    Kind.READY: _read_ready,
    Kind.SESSION: _read_session,
}


def _read_host(reader: Reader) -> Host:
    return parse_host(_utf8(reader.take(reader.u8())))


def _read_name(reader: Reader) -> str:
    length = reader.u8()
    if length > NAME_BYTES_MAX:
        raise ContentMalformed("a name that is too long")
    return _utf8(reader.take(length))


def _flag(reader: Reader) -> bool:
    value = reader.u8()
    if value > 1:
        raise ContentMalformed("a flag that is neither 0 nor 1")
    return value == 1


def _utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ContentMalformed("text that is not UTF-8") from None


def _name(name: str) -> bytes:
    if len(name.encode()) > NAME_BYTES_MAX:
        raise ValueError(f"a name has at most {NAME_BYTES_MAX} bytes")
    return _short(name)


def _short(text: str) -> bytes:
    data = text.encode()
    return u8(len(data)) + data


def _encode_view(view: ListView) -> bytes:
    return u32(view.version) + _sized(view.head, HASH_BYTES)


def _read_view(reader: Reader) -> ListView:
    version = reader.u32()
    if version == 0:
        raise ContentMalformed("a device list of version 0")
    return ListView(version, ListHead(reader.take(HASH_BYTES)))


def _read_u64(reader: Reader) -> int:
    return int.from_bytes(reader.take(8), "big")


def _read_stream(reader: Reader) -> int:
    stream = _read_u64(reader)
    if stream > STREAM_MAX:
        raise ContentMalformed("a stream value that no sender reaches")
    return stream


def _sized(value: bytes, length: int) -> bytes:
    if len(value) != length:
        raise ValueError(f"a field of {length} bytes has {len(value)}")
    return value
