"""Inner messages of every kind, for the tests of their encoding (docs/spec/content.md, 2)."""

import dataclasses

from hushpost import content
from hushpost.content import (
    Accept,
    Body,
    Header,
    Inner,
    InnerId,
    ListView,
    Ready,
    Receipt,
    ReceiptStatus,
    Request,
    Resend,
    SessionRestart,
    Text,
    Typing,
)
from hushpost_wire.host import Host
from hushpost_wire.identifiers import DropHash, DropSecret, ListHead, Route

HEADER = Header(
    inner_id=InnerId(bytes(range(16))),
    stream=7,
    not_after=495_000,
    sent_milliseconds=1_780_000_000_123,
    own_list=ListView(3, ListHead(b"o" * 32)),
    peer_list=ListView(1, ListHead(b"p" * 32)),
)
ENTRY = (ReceiptStatus.READ, InnerId(b"i" * 16))
REQUEST = Request(
    DropHash(b"h" * 32), Route(b"r" * 16), DropSecret(b"s" * 32), Host("a.example"), "Ann", "hi"
)
BODIES: list[Body] = [
    Text(0, 1, 5, b"hello"),
    Receipt((ENTRY,)),
    Receipt((ENTRY,) * content.RECEIPTS_MAX),
    REQUEST,
    dataclasses.replace(REQUEST, name="", text=""),
    Accept(InnerId(b"q" * 16), DropHash(b"h" * 32), Host("b.example:99"), "Bob"),
    Ready(),
    SessionRestart(),
    Resend(1),
    Resend(2**63, ((1, 1), (3, 2**62))),
]


def inner(body: Body) -> Inner:
    """Put a header before a body."""
    stream = 0 if isinstance(body, Typing) else HEADER.stream
    return Inner(dataclasses.replace(HEADER, stream=stream), body)
