"""Inputs that say how to alter a genuine message, for what no mutation of bytes could guess.

A sealed message that was mutated is one that does not open, and nothing else is ever tried. So the
input of such a target is a list of edits: the first byte chooses a genuine message, made anew with
fresh keys in every process, and each four bytes after it are one edit: what, where (two bytes) and
with which value. An input without edits is the genuine message itself, which must be taken.
"""

from __future__ import annotations

from collections.abc import Sequence

EDIT_BYTES = 4
EDITS_MAX = 16


def edited(genuine: Sequence[bytes], data: bytes) -> bytes:
    """Give the message that an input stands for."""
    message = bytearray(genuine[data[0] % len(genuine)] if data else genuine[0])
    edits = data[1 : 1 + EDITS_MAX * EDIT_BYTES]
    for start in range(0, len(edits) - EDIT_BYTES + 1, EDIT_BYTES):
        _edit(message, edits[start], int.from_bytes(edits[start + 1 : start + 3]), edits[start + 3])
    return bytes(message)


def _edit(message: bytearray, what: int, where: int, value: int) -> None:
    position = where % (len(message) + 1)
    match what % 6:
        case 0 if position < len(message):
            message[position] ^= value
        case 1 if position < len(message):
            message[position] = value
        case 2:
            message.insert(position, value)
        case 3:
            del message[position : position + 1 + value % 8]
        case 4:
            del message[position:]
        case 5:
            message[position:position] = message[position : position + value]
        case _:
            pass
