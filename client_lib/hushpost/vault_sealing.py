"""How one row of the vault is sealed (docs/vault.md, 3).

Pure: bytes in, bytes out. A record (key and value) is padded to a size class and sealed with
XChaCha20-Poly1305 under a random nonce. All that the database sees of it besides is a keyed hash of
the key, of the table and of the lookup value, and a shifted position. Those are associated data, so
that a row moved, renamed or relabelled by a thief of the disk does not open.

    content  = u16 key length | key | u32 value length | value | zeros
    sealed   = nonce 24 | ciphertext | tag 16          (one size for every row of a class)

A record over the largest class is cut into parts of that class; each part but the first names the
nonce of the first, so that parts of two writes never mix.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.primitives import aead_decrypt, aead_encrypt, hkdf_sha512, hmac_sha256
from hushpost_wire.encoding import fields, labelled, u16, u64
from hushpost_wire.labels import VAULT_INDEX_KEY, VAULT_ROW, VAULT_ROW_KEY

from hushpost.errors import MisuseError, VaultDamaged
from hushpost.vault_header import UnlockedHeader

ROW_FORMAT: Final = 1
RECORD_KEY_BYTES_MAX: Final = 128
# A session with a thousand skipped keys takes about 100 KiB; ten times that is a mistake.
RECORD_VALUE_BYTES_MAX: Final = 1 << 20
# A position and the secret shift that hides it each stay under 2**62, so that their sum is a
# positive SQLite integer and eight bytes.
POSITION_MAX: Final = (1 << 62) - 1
# Sizes of a sealed row. Each fills SQLite's pages of 4096 bytes well: thirteen rows a page, four
# rows a page, one overflow page (an outbox row with an envelope of 4096), four overflow pages (one
# with an envelope of 16384).
CLASS_BYTES: Final = (256, 960, 5040, 17320)

_NONCE_BYTES: Final = 24
_OVERHEAD_BYTES: Final = _NONCE_BYTES + 16
_LENGTHS_BYTES: Final = 2 + 4
# Size class, a byte that is zero, number of parts.
_FORM: Final = struct.Struct(">BBH")
_KEY_BYTES: Final = 32
_SHORT_TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory holds of a record: nothing that a reader without the key understands."""

    tag: bytes
    shelf: bytes
    position: bytes
    lookup: bytes
    size_class: int
    parts: int

    def form(self) -> bytes:
        """Give size class and number of parts as the four stored bytes."""
        return _FORM.pack(self.size_class, 0, self.parts)

    @staticmethod
    def read_form(form: bytes) -> tuple[int, int]:
        """Take `form` apart; raises `VaultDamaged` for one that no record has."""
        try:
            size_class, zero, parts = _FORM.unpack(form)
        except struct.error:
            raise damaged() from None
        if zero or size_class >= len(CLASS_BYTES) or parts < 1:
            raise damaged()
        return size_class, parts


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it was put. Its value may be a secret and is not shown."""

    key: bytes = field(repr=False)
    value: bytes = field(repr=False)
    position: int


class Sealer:
    """Seals and opens the rows of one vault. Holds its keys; shows none."""

    __slots__ = ("_index_key", "_random", "_row_key", "_shifts", "_vault_id")

    def __init__(self, unlocked: UnlockedHeader, random: Callable[[int], bytes]) -> None:
        self._vault_id = unlocked.vault_id
        self._random = random
        self._shifts: dict[str, int] = {}
        derive = unlocked.data_key
        salt = unlocked.vault_id
        self._row_key = hkdf_sha512(derive, salt=salt, info=VAULT_ROW_KEY, size=_KEY_BYTES)
        self._index_key = hkdf_sha512(derive, salt=salt, info=VAULT_INDEX_KEY, size=_KEY_BYTES)

    def tag(self, table: str, key: bytes) -> bytes:
        """Give the name under which the database knows a record."""
        if not 0 < len(key) <= RECORD_KEY_BYTES_MAX:
            raise MisuseError(f"a record's key has 1 to {RECORD_KEY_BYTES_MAX} bytes")
        return self._index(b"key", table, key)

    def shelf(self, table: str) -> bytes:
        """Give the name under which the database knows a table."""
        return self._index(b"shelf", table)[:_SHORT_TAG_BYTES]

    def lookup(self, table: str, value: bytes | None) -> bytes:
        """Give the stored form of a lookup value; random where there is none, to hide that."""
        if value is None:
            return self._random(_SHORT_TAG_BYTES)
        return self._index(b"lookup", table, value)[:_SHORT_TAG_BYTES]

    def hide_position(self, table: str, position: int) -> bytes:
        """Shift a position by the table's secret number: order stays, the figure is hidden."""
        if not 0 <= position <= POSITION_MAX:
            raise MisuseError("a position lies between 0 and 2**62 - 1")
        return u64(position + self._shift(table))

    def show_position(self, table: str, hidden: bytes) -> int:
        """Undo `hide_position`; raises `VaultDamaged` for what it never gave."""
        position = int.from_bytes(hidden, "big") - self._shift(table)
        if len(hidden) != 8 or not 0 <= position <= POSITION_MAX:
            raise damaged()
        return position

    def seal(self, table: str, entry: Entry, key: bytes, value: bytes) -> list[bytes]:
        """Give the sealed parts of a record whose entry was made by `shape` and the above."""
        capacity = CLASS_BYTES[entry.size_class] - _OVERHEAD_BYTES
        content = u16(len(key)) + key + len(value).to_bytes(4, "big") + value
        content = content.ljust(capacity * entry.parts, b"\0")
        first = self._random(_NONCE_BYTES)
        sealed: list[bytes] = []
        for number in range(entry.parts):
            nonce = first if number == 0 else self._random(_NONCE_BYTES)
            part = content[number * capacity : (number + 1) * capacity]
            associated = self._associated(table, entry, number, first)
            sealed.append(nonce + aead_encrypt(self._row_key, nonce, part, associated))
        return sealed

    def open(self, table: str, entry: Entry, sealed: Sequence[bytes]) -> Row:
        """Open all parts; raises `VaultDamaged` if a byte of them or of the entry was changed."""
        size = CLASS_BYTES[entry.size_class]
        if len(sealed) != entry.parts or any(len(part) != size for part in sealed):
            raise damaged()
        first = sealed[0][:_NONCE_BYTES]
        content = bytearray()
        try:
            for number, part in enumerate(sealed):
                associated = self._associated(table, entry, number, first)
                content += aead_decrypt(
                    self._row_key, part[:_NONCE_BYTES], part[_NONCE_BYTES:], associated
                )
        except Undecryptable:
            raise damaged() from None
        key_end = 2 + int.from_bytes(content[:2], "big")
        value_start = key_end + 4
        value_end = value_start + int.from_bytes(content[key_end:value_start], "big")
        return Row(
            bytes(content[2:key_end]),
            bytes(content[value_start:value_end]),
            self.show_position(table, entry.position),
        )

    def _index(self, purpose: bytes, table: str, *parts: bytes) -> bytes:
        return hmac_sha256(self._index_key, fields(purpose, table.encode(), *parts))

    def _shift(self, table: str) -> int:
        shift = self._shifts.get(table)
        if shift is None:
            shift = int.from_bytes(self._index(b"position", table)[:8], "big") >> 2
            self._shifts[table] = shift
        return shift

    def _associated(self, table: str, entry: Entry, number: int, first_nonce: bytes) -> bytes:
        return labelled(
            VAULT_ROW,
            self._vault_id,
            u16(ROW_FORMAT),
            table.encode(),
            entry.tag,
            entry.position,
            entry.lookup,
            entry.form(),
            u16(number),
            first_nonce if number else b"",
        )


def shape(key: bytes, value: bytes) -> tuple[int, int]:
    """Give size class and number of parts; raises `MisuseError` for a record too large."""
    if len(value) > RECORD_VALUE_BYTES_MAX:
        raise MisuseError(f"a record's value has at most {RECORD_VALUE_BYTES_MAX} bytes")
    size = len(key) + len(value) + _LENGTHS_BYTES
    for size_class, bytes_of_class in enumerate(CLASS_BYTES):
        if size <= bytes_of_class - _OVERHEAD_BYTES:
            return size_class, 1
    capacity = CLASS_BYTES[-1] - _OVERHEAD_BYTES
    return len(CLASS_BYTES) - 1, -(-size // capacity)


def damaged() -> VaultDamaged:
    """Make the error for stored bytes that this vault did not write there."""
    return VaultDamaged(
        "a row of the vault is not what was written: the disk fails or somebody changed the file. "
        "Nothing of the row was used; restore the vault from a backup"
    )
