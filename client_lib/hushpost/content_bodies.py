"""The bodies of inner messages as bytes, kind by kind (docs/spec/content.md, 2).

One encoding each; `content` puts the header before it. Nothing here knows sessions or storage.
"""

from collections.abc import Callable
from typing import Final

from hushpost_wire.encoding import Reader, u8, u32, u64
from hushpost_wire.host import Host, parse_host
from hushpost_wire.identifiers import (
    DROP_HASH_BYTES,
    DROP_SECRET_BYTES,
    ROUTE_BYTES,
    DropHash,
    DropSecret,
    Route,
)

from hushpost.content_kinds import (
    CHUNK_BYTES_LARGE,
    CHUNK_BYTES_SMALL,
    INNER_ID_BYTES,
    NAME_BYTES_MAX,
    RECEIPTS_MAX,
    REQUEST_TEXT_BYTES_MAX,
    RESEND_GAPS_MAX,
    STREAM_MAX,
    TEXT_BYTES_MAX,
    Accept,
    Body,
    ContentMalformed,
    InnerId,
    Kind,
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


def encode_body(body: Body) -> bytes:
    """Write a body; `ValueError` where the caller broke a limit of section 2."""
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
        case Resend():
            encoded = _encode_resend(body)
        case _:
            raise ValueError("a kind that is not known cannot be written")
    return encoded


def read_body(kind: int, reader: Reader, length: int) -> Body:
    """Read a body of ``length`` bytes; raises `ContentMalformed` or the reader's error."""
    read = _BODY_READERS.get(kind)
    if kind == 0:
        raise ContentMalformed("an inner message of kind 0, which no version has")
    if read is None:
        reader.take(length)
        return Unknown(kind)
    return read(reader, length)


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


def sized(value: bytes, length: int) -> bytes:
    """Give a field of a fixed length as it is; `ValueError` for any other length."""
    if len(value) != length:
        raise ValueError(f"a field of {length} bytes has {len(value)}")
    return value


def _encode_receipt(entries: tuple[tuple[ReceiptStatus, InnerId], ...]) -> bytes:
    if not 1 <= len(entries) <= RECEIPTS_MAX:
        raise ValueError(f"a receipt names 1 to {RECEIPTS_MAX} messages")
    return u8(len(entries)) + b"".join(u8(status) + inner_id for status, inner_id in entries)


def _encode_resend(body: Resend) -> bytes:
    _check_resend(body)
    gaps = b"".join(u64(first) + u64(last) for first, last in body.gaps)
    return u64(body.next_stream) + u8(len(body.gaps)) + gaps


def _encode_request(body: Request) -> bytes:
    text = body.text.encode()
    if len(text) > REQUEST_TEXT_BYTES_MAX:
        raise ValueError(f"a request carries at most {REQUEST_TEXT_BYTES_MAX} bytes of text")
    return b"".join(
        (
            sized(body.drop_hash, DROP_HASH_BYTES),
            sized(body.reply_route, ROUTE_BYTES),
            sized(body.reply_secret, DROP_SECRET_BYTES),
            _short(body.host),
            _name(body.name),
            text,
        )
    )


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


def _read_resend(reader: Reader, _length: int) -> Resend:
    following, count = _read_u64(reader), reader.u8()
    body = Resend(following, tuple((_read_u64(reader), _read_u64(reader)) for _ in range(count)))
    try:
        _check_resend(body)
    except ValueError as error:
        raise ContentMalformed(str(error)) from None
    return body


def _check_resend(body: Resend) -> None:
    """Hold a request against section 2; `ValueError` otherwise."""
    if len(body.gaps) > RESEND_GAPS_MAX:
        raise ValueError(f"a request to send again names at most {RESEND_GAPS_MAX} gaps")
    if not 1 <= body.next_stream <= STREAM_MAX + 1:
        raise ValueError("a request to send again from a place that no stream has")
    free_from = 1
    for first, last in body.gaps:
        if not free_from <= first <= last < body.next_stream:
            raise ValueError("gaps that do not ascend, or touch, or lie beyond what is expected")
        free_from = last + 2


_BODY_READERS: Final[dict[int, Callable[[Reader, int], Body]]] = {
    Kind.TEXT: _read_text,
    Kind.RECEIPT: _read_receipt,
    Kind.TYPING: _read_typing,
    Kind.REQUEST: _read_request,
    Kind.ACCEPT: _read_accept,
    Kind.READY: _read_ready,
    Kind.SESSION: _read_session,
    Kind.RESEND: _read_resend,
}


def _read_u64(reader: Reader) -> int:
    return int.from_bytes(reader.take(8), "big")


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
