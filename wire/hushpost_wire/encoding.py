"""Length-prefixed fields and a strict reader (docs/spec/identity.md, section 1).

Every byte layout of hushpost has one encoding and no other: a reader takes exactly what the layout
names, refuses what is left over, and raises `MalformedRecord` for anything else.
"""

import hashlib
import struct
from typing import Final

from hushpost_wire.errors import MalformedRecord
from hushpost_wire.labels import Label

__all__ = [
    "FIELD_BYTES_MAX",
    "SUITE",
    "MalformedRecord",
    "Reader",
    "fields",
    "labelled",
    "labelled_sha256",
    "read_fields",
    "read_suite",
    "sized",
    "u8",
    "u16",
    "u32",
    "u64",
]

# A field longer than this is no field of hushpost: the largest hashed thing is a 16 KiB envelope
# or a set of device lists; the bound keeps a length prefix from ever meaning gigabytes.
FIELD_BYTES_MAX: Final = 1 << 24


# The one set of primitives of this version; a record of another suite is refused unread.
SUITE: Final = 1


def u8(value: int) -> bytes:
    """One byte, unsigned; `OverflowError` outside 0..255."""
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    """Two bytes, big-endian, unsigned."""
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    """Four bytes, big-endian, unsigned."""
    return value.to_bytes(4, "big")


def u64(value: int) -> bytes:
    """Eight bytes, big-endian, unsigned."""
    return value.to_bytes(8, "big")


def fields(*parts: bytes) -> bytes:
    """Join parts, each behind its u32 length, so that no two lists of parts read alike."""
    out = bytearray()
    for part in parts:
        if len(part) > FIELD_BYTES_MAX:
            raise ValueError(f"a field of {len(part)} bytes is over {FIELD_BYTES_MAX}")
        out += u32(len(part))
        out += part
    return bytes(out)


def labelled(label: Label, *parts: bytes) -> bytes:
    """`label || fields(parts)`: what is signed, hashed or authenticated under that label."""
    return label + fields(*parts)


def labelled_sha256(label: Label, *parts: bytes) -> bytes:
    """SHA-256 of `labelled(label, *parts)`, 32 bytes."""
    return hashlib.sha256(labelled(label, *parts)).digest()


def read_fields(data: bytes, count: int) -> tuple[bytes, ...]:
    """Take exactly `count` fields out of `data`; raises `MalformedRecord` for anything else."""
    reader = Reader(data, "field list")
    parts = tuple(reader.field() for _ in range(count))
    reader.finish()
    return parts


def sized(value: bytes, length: int, noun: str) -> bytes:
    """Give `value` back if it has `length` bytes; raises `MalformedRecord` naming the part."""
    if len(value) != length:
        raise MalformedRecord(f"the {noun} has {len(value)} bytes, not {length}")
    return value


def read_suite(reader: "Reader", noun: str) -> None:
    """Take the suite that every record begins with; raises `MalformedRecord` for a strange one."""
    suite = reader.u16()
    if suite != SUITE:
        raise MalformedRecord(f"{noun} of suite {suite}; this version reads suite {SUITE} only")


class Reader:
    """Takes a layout apart from the front; call `finish` last, or trailing bytes go unnoticed."""

    __slots__ = ("_data", "_noun", "_offset")

    def __init__(self, data: bytes, noun: str) -> None:
        self._data = data
        self._noun = noun
        self._offset = 0

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes."""
        end = self._offset + length
        if end > len(self._data):
            raise MalformedRecord(
                f"{self._noun} is cut short: {length} bytes wanted at offset {self._offset}, "
                f"{len(self._data) - self._offset} there"
            )
        part = self._data[self._offset : end]
        self._offset = end
        return part

    def u8(self) -> int:
        """Return the next byte."""
        return self.take(1)[0]

    def u16(self) -> int:
        """Return the next two bytes, big-endian."""
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        """Return the next four bytes, big-endian."""
        (value,) = struct.unpack(">I", self.take(4))
        return int(value)

    def field(self) -> bytes:
        """Return the next part behind its u32 length."""
        length = self.u32()
        if length > FIELD_BYTES_MAX:
            raise MalformedRecord(f"{self._noun} names a field of {length} bytes")
        return self.take(length)

    def finish(self) -> None:
        """Refuse bytes that the layout does not name."""
        left = len(self._data) - self._offset
        if left:
            raise MalformedRecord(f"{self._noun} has {left} bytes after its end")
