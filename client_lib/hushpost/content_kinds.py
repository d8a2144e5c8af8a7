"""What an inner message can be: its kinds, bodies and limits (docs/spec/content.md, 1 and 2).

Values only; `content` writes and reads them.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NewType

from hushpost_wire.host import Host
from hushpost_wire.identifiers import DropHash, DropSecret, ListHead, Route

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
# More than any honest month leaves, in 521 bytes: the small bucket in every case.
RESEND_GAPS_MAX: Final = 32


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
class Resend:
    """Mail did not arrive: all behind `next_stream`, and the gaps (first, last) below it."""

    next_stream: int
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind that this version does not act on; it still takes its place in the stream."""

    kind: int


Body = Text | Receipt | Typing | Request | Accept | Ready | SessionRestart | Resend | Unknown


KIND_OF: Final[dict[type[Body], Kind]] = {
    Text: Kind.TEXT,
    Receipt: Kind.RECEIPT,
    Typing: Kind.TYPING,
    Request: Kind.REQUEST,
    Accept: Kind.ACCEPT,
    Ready: Kind.READY,
    SessionRestart: Kind.SESSION,
    Resend: Kind.RESEND,
}


@dataclass(frozen=True, slots=True)
class Inner:
    """A whole inner message."""

    header: Header
    body: Body
