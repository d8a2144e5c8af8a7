"""Incoming texts: chunks to whole texts, each shown once (docs/spec/content.md, 2 and 6)."""

from typing import Final

from hushpost.content import ContentMalformed, Inner, Text
from hushpost.engine.contact_book import DeviceRow
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.seen import INNER_ID_HOURS, see_message, unsee_message

# A sender finishes one text before the next; more than this unfinished is no honest stream.
UNFINISHED_MAX: Final = 8
_ID: Final = slice(-17, -1)


def take_chunk(desk: Desk, device: DeviceRow, inner: Inner, text: Text) -> str | None:
    """Keep a chunk; gives the text when it is whole and new.

    Raises `ContentMalformed` for a whole that is no UTF-8; its chunks are forgotten all the same.
    """
    inner_id = inner.header.inner_id
    if not see_message(desk, device.account_id, inner_id, text.part):
        return None
    if text.parts == 1:
        return _decode(text.chunk)
    prefix = device.key + inner_id
    # Kept as long as the ids of its parts are: later a repeat comes whole.
    position = desk.hour + INNER_ID_HOURS
    key = prefix + bytes((text.part,))
    desk.ledger.put(Table.PARTS, key, text.chunk, position=position, lookup=device.key)
    parts = [desk.ledger.get(Table.PARTS, prefix + bytes((n,))) for n in range(text.parts)]
    whole = [part for part in parts if part is not None]
    if len(whole) < text.parts:
        _bound(desk, device)
        return None
    _forget(desk, device, inner_id)
    return _decode(b"".join(whole))


def _bound(desk: Desk, device: DeviceRow) -> None:
    """Drop the oldest unfinished text beyond the bound, so that a repeat of it counts as new."""
    rows = desk.ledger.find(Table.PARTS, device.key)
    unfinished = list(dict.fromkeys(row.key[_ID] for row in rows))
    for inner_id in unfinished[:-UNFINISHED_MAX]:
        _forget(desk, device, inner_id)
        for row in rows:
            if row.key[_ID] == inner_id:
                unsee_message(desk, device.account_id, inner_id, row.key[-1])


def _forget(desk: Desk, device: DeviceRow, inner_id: bytes) -> None:
    for row in desk.ledger.find(Table.PARTS, device.key):
        if row.key[_ID] == inner_id:
            desk.ledger.delete(Table.PARTS, row.key)


def _decode(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise ContentMalformed("a text that is not UTF-8") from None
