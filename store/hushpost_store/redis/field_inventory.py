"""What is found in keys beyond the fields and members that are declared.

`inventory` declares keys by name and type; a key of a right name could still hold what nobody
declared. A name is a text and, where it stands for something, bytes: drop, envelope id, device.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

from hushpost_store.redis import answers
from hushpost_store.redis.field_declarations import FIELDS
from hushpost_store.redis.inventory import KEYS, RedisKey, declaration_of, undeclared
from hushpost_store.redis.shards import Shards

_PATTERNS: Final = {
    key: re.compile(b"|".join(field.form for field in FIELDS if field.key == key), re.DOTALL)
    for key in {field.key for field in FIELDS}
}
_READ: Final = {"hash": (b"HKEYS",), "zset": (b"ZRANGE",)}
# Questions under way at one time.
_AT_ONCE: Final = 256


def readable(declared: RedisKey, name: bytes) -> str:
    """Return a field's name for people: its text, and its bytes in hexadecimal."""
    match = _PATTERNS[declared.name].fullmatch(name)
    if match is None:
        return f"undeclared {name.hex()}"
    text, binary = (part for part in match.groups() if part is not None)
    return str(text, "ascii") + binary.hex()


def undeclared_names(declared: RedisKey, names: Sequence[bytes]) -> tuple[str, ...]:
    """Name the fields or members of a key that are not declared."""
    pattern = _PATTERNS.get(declared.name)
    if pattern is None:
        return ()
    return tuple(
        f"field {declared.name} {name.decode('ascii', 'backslashreplace')}"
        for name in names
        if not pattern.fullmatch(name)
    )


async def undeclared_in(shards: Shards, keys: Sequence[bytes]) -> tuple[str, ...]:
    """Name what is not declared of these keys: the key, its type, a field or member of it."""
    odd: list[str] = []
    for start in range(0, len(keys), _AT_ONCE):
        batch = keys[start : start + _AT_ONCE]
        found = await asyncio.gather(*(_undeclared_of(shards, key) for key in batch))
        odd += (name for names in found for name in names)
    return tuple(odd)


async def _undeclared_of(shards: Shards, key: bytes) -> tuple[str, ...]:
    kind = answers.blob(await shards.ask(key, b"TYPE", key)).decode()
    if kind == "none":
        return ()  # gone meanwhile
    declared = declaration_of(key, kind)
    if declared is None:
        return undeclared([(key, kind)])
    if kind not in _READ:
        return ()
    span = (0, -1) if kind == "zset" else ()
    names = answers.items(await shards.ask(key, *_READ[kind], key, *span))
    return undeclared_names(declared, [answers.blob(name) for name in names])


def declared_without_names() -> tuple[str, ...]:
    """Return the declared hashes and sorted sets whose names are not; none may be left out."""
    return tuple(key.name for key in KEYS if key.kind in _READ and key.name not in _PATTERNS)
