"""The inner message: the plaintext of a session message (docs/spec/content.md, sections 1 and 2).

    Inner = Header (112 bytes, here) + body (`content_bodies`); the values are in `content_kinds`

Strict both ways: there is one encoding, and whatever else arrives is `ContentMalformed`. Nothing
here knows sessions, contacts or storage.
"""

from hushpost_wire.encoding import Reader, u8, u16, u32, u64
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.identifiers import HASH_BYTES, ListHead

from hushpost.content_bodies import encode_body, parts_of, read_body, sized, split_text
from hushpost.content_kinds import (
    CHUNK_BYTES_LARGE,
    CHUNK_BYTES_SMALL,
    CONTENT_VERSION,
    HEADER_BYTES,
    INNER_ID_BYTES,
    KIND_OF,
    NAME_BYTES_MAX,
    PARTS_MAX,
    RECEIPTS_MAX,
    REQUEST_TEXT_BYTES_MAX,
    RESEND_GAPS_MAX,
    STREAM_MAX,
    TEXT_BYTES_MAX,
    Accept,
    Body,
    ContentMalformed,
    ContentUnknown,
    Header,
    Inner,
    InnerId,
    Kind,
    ListView,
    Ready,
    Receipt,
    ReceiptStatus,
    Request,
    Resend,
    SessionRestart,
    Text,
    Typing,
    Unknown,
)

__all__ = [
    "CHUNK_BYTES_LARGE",
    "CHUNK_BYTES_SMALL",
    "CONTENT_VERSION",
    "HEADER_BYTES",
    "INNER_ID_BYTES",
    "KIND_OF",
    "NAME_BYTES_MAX",
    "PARTS_MAX",
    "RECEIPTS_MAX",
    "REQUEST_TEXT_BYTES_MAX",
    "RESEND_GAPS_MAX",
    "STREAM_MAX",
    "TEXT_BYTES_MAX",
    "Accept",
    "Body",
    "ContentMalformed",
    "ContentUnknown",
    "Header",
    "Inner",
    "InnerId",
    "Kind",
    "ListView",
    "Ready",
    "Receipt",
    "ReceiptStatus",
    "Request",
    "Resend",
    "SessionRestart",
    "Text",
    "Typing",
    "Unknown",
    "decode",
    "encode",
    "parts_of",
    "split_text",
]


def encode(inner: Inner) -> bytes:
    """Write the one encoding; `ValueError` where the caller broke a limit of section 2."""
    header, body = inner.header, inner.body
    if (header.stream == 0) != isinstance(body, Typing):
        raise ValueError("only TYPING has no place in the stream")
    body_bytes = encode_body(body)
    return b"".join(
        (
            u8(CONTENT_VERSION),
            u8(KIND_OF[type(body)]),
            u16(0),
            sized(header.inner_id, INNER_ID_BYTES),
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
        body = read_body(kind, reader, len(data) - HEADER_BYTES)
        reader.finish()
    except MalformedRecord as error:
        raise ContentMalformed(str(error)) from None
    if not isinstance(body, Unknown) and (header.stream == 0) != isinstance(body, Typing):
        raise ContentMalformed("an inner message of this kind has the wrong stream value")
    return Inner(header, body)


def _encode_view(view: ListView) -> bytes:
    return u32(view.version) + sized(view.head, HASH_BYTES)


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
