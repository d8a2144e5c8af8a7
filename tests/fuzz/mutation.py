"""How the plain driver alters inputs: bytes, lengths, JSON, words and pieces of other inputs."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any, cast

INPUT_BYTES_MAX = 20_000
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**32,
    2**64,
    1.5,
    "",
    "A",
    "\ud800",
    [],
    {},
    [[]],
)


def mutated(
    data: bytes, others: Sequence[bytes], chance: random.Random, *, text: bool = False
) -> bytes:
    """Give an input one to four alterations away."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if text and chance.random() < 0.5:
            data = _mutate_text(data, others, chance)
        else:
            data = chance.choice(_BYTES)(data, others, chance)
        data = data[:INPUT_BYTES_MAX]
    return data


def _flip(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _set(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(data or b"\0")
    changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _number(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    """Put a number of interest where a length may stand."""
    size = chance.choice((1, 2, 4, 8))
    start = chance.randrange(max(1, len(data) - size + 1))
    number: int = chance.choice((*_NUMBERS, len(data), len(data) - start))
    written = (number & ((1 << 8 * size) - 1)).to_bytes(size, "big")
    return data[:start] + written + data[start + size :]


def _insert(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + chance.randbytes(chance.randint(1, 8)) + data[start:]


def _remove(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    return data[:start] + data[start + chance.randint(1, 16) :]


def _cut(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _repeat(data: bytes, _: Sequence[bytes], chance: random.Random) -> bytes:
    start = chance.randrange(len(data) + 1)
    piece = data[start : start + chance.randint(1, 200)]
    return data[:start] + piece * chance.randint(2, 9) + data[start + len(piece) :]


def _splice(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(others) if others else data
    return data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other) + 1) :]


_BYTES: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _flip,
    _flip,
    _set,
    _number,
    _insert,
    _remove,
    _cut,
    _repeat,
    _splice,
)


def _mutate_text(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    try:
        return json.dumps(_mutate_json(json.loads(data), chance)).encode()
    except (ValueError, RecursionError):  # no JSON, too deep, or a number of too many digits
        return _mutate_words(data, others, chance)


def _mutate_json(value: Any, chance: random.Random) -> Any:
    """Replace, remove or repeat one part, at any depth."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        part = dict(cast("dict[str, Any]", value))
        key = chance.choice(list(part))
        match chance.randrange(5):
            case 0:
                del part[key]
            case 1:
                part[key + "x"] = part[key]
            case 2:
                part[key] = chance.choice(_JSON_VALUES)
            case _:
                part[key] = _mutate_json(part[key], chance)
        return part
    if isinstance(value, list) and value and chance.random() < 0.8:
        items: list[Any] = [*value]
        # Repeated or changed within, never both: lists within lists would fill the memory.
        if chance.random() < 0.4:
            return items * chance.choice((2, 300))
        index = chance.randrange(len(items))
        items[index] = _mutate_json(items[index], chance)
        return items
    if isinstance(value, str) and value and chance.random() < 0.7:
        start = chance.randrange(len(value))
        piece = chance.choice(("", "A", "=", "-", "\u0130", "\0", value[start:] * 2))
        return value[:start] + piece + value[start + 1 :]
    if isinstance(value, int) and chance.random() < 0.7:
        return chance.choice((value + 1, value - 1, -value, float(value % 2**53), 2**32 - 1, 2**32))
    return chance.choice(_JSON_VALUES)


def _mutate_words(data: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """Exchange lines, words and letters."""
    separator = chance.choice((b"\n", b" ", b"=", b"/", b":", b"."))
    words = data.split(separator)
    other = (chance.choice(others) if others else data).split(separator)
    index = chance.randrange(len(words))
    match chance.randrange(5):
        case 0:
            words[index] = chance.choice(other)
        case 1:
            words.insert(index, chance.choice(other))
        case 2:
            del words[index]
        case 3:
            words[index] = words[index].swapcase()
        case _:
            words[index] += chance.choice(
                ("ä", "\u2126", "\ufeff", "İ", "\u00a0", "0", "[]")
            ).encode()
    return separator.join(words)
