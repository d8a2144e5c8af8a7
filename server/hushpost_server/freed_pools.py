"""Overwriting what CPython freed and keeps: the small objects that `freed_memory` cannot reach.

CPython takes objects up to 512 bytes from pools of its own, and glibc keeps a few freed blocks of
each size aside. What a client sent in clear (a header field, its address) stays readable there
until the next object of that size, which on a relay at rest may never come; an allocator that
overwrites each of them costs a sixth of the throughput. So, after connections have ended, as
many new objects of zeros are made as there are free places, and dropped again.

    arena of 1 MiB = 64 pools of 16 KiB, each for objects of one size in steps of 16 bytes

CPython fills pools in use first, then free ones, then maps an arena. So objects of one size have
filled all places of that size once they have filled a pool from end to end, and all free pools once
they have filled an arena. Other work goes on between two steps: it takes places and pools among
them, so one step is as large as two of what it is to fill, of which one is whole; and what it makes
while all free pools are taken keeps the arenas mapped for it, so nothing is held longer than it
takes to fill one size. None of this is promised by CPython: where it is otherwise, less is
overwritten, and the canary scan of `make prove` shows it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Final

_CLASS_BYTES: Final = 16
_LARGEST_BYTES: Final = 512
# Of all sizes this leaves least of a pool unused (16 bytes), and is no small one.
_FILLER_BYTES: Final = 272
_POOL_BITS: Final = 14
_POOLS_PER_ARENA: Final = 64
# What stands before the bytes of a `bytes` object, and the zero behind them.
_BYTES_HEAD: Final = 33
_POOL_HEAD: Final = 48
# Of each of the two smallest sizes, which cannot be told from others: half a megabyte.
_SMALL_OBJECTS: Final = 16_384
# One step: two tenths of a millisecond; where it is to fill an arena, some two whole ones.
_OBJECTS_PER_STEP_MIN: Final = 512
# It takes nothing from the system that the process does not have already, but for two or three
# arenas.
_HELD_BYTES_MAX: Final = 128 << 20
# Values of PYTHONMALLOC; the others go without pools, or overwrite what is freed at once.
_WITH_POOLS: Final = ("", "default", "pymalloc")
# glibc keeps up to seven freed blocks of each size up to 1032 bytes for each thread.
_KEPT_BLOCKS: Final = 7
_KEPT_BYTES_MAX: Final = 1032


def overwrite_pools() -> Iterator[None]:
    """Overwrite what is free, a step for each turn; memory is held until the last of one size.

    Go on with other work between the steps; on the thread that freed what is to be overwritten.
    """
    if not _has_pools():
        return
    _overwrite_kept_blocks()
    for size, is_done, pools in _COURSE:
        held: list[object] = []
        bytes_left = _HELD_BYTES_MAX
        count = max(_OBJECTS_PER_STEP_MIN, 2 * pools * _per_pool(size))
        taken: Counter[int] = Counter()
        while not taken or not is_done(taken, size):
            bytes_left -= size * count
            if bytes_left < 0:
                return  # memory is not as described above, or too much of it is free
            made = [_zeros(size, number) for number in range(count)]
            held.append(made)
            taken.update([id(one) >> _POOL_BITS for one in made])
            yield


def _has_pools() -> bool:
    """Whether this Python keeps pools and does not overwrite them by itself."""
    chosen = os.environ.get("PYTHONMALLOC", "")
    return sys.implementation.name == "cpython" and chosen in _WITH_POOLS and not sys.flags.dev_mode


def _zeros(size: int, number: int) -> object:
    """Make an object of a size; a different one for each number."""
    if size > _BYTES_HEAD:
        return bytes(size - _BYTES_HEAD)
    # Too small for bytes: an integer of two digits, or the space of a list of two.
    return (1 << 40) + number if size > _CLASS_BYTES else [None, None]


def _per_pool(size: int) -> int:
    return ((1 << _POOL_BITS) - _POOL_HEAD) // size


def _has_whole_pool(taken: Counter[int], size: int) -> bool:
    """Whether a pool was filled from end to end: those in use before were filled before it."""
    if size < _BYTES_HEAD:
        # The numbers of this very count are objects of that size and come to lie among them.
        return taken.total() >= _SMALL_OBJECTS
    return max(taken.values()) >= _per_pool(size)


def _has_whole_arena(taken: Counter[int], size: int) -> bool:
    """Whether an arena was filled from end to end: all free pools were filled before it."""
    run = 0
    last = -1
    for pool in sorted(pool for pool, count in taken.items() if count >= _per_pool(size)):
        run = run + 1 if pool == last + 1 else 1
        last = pool
        if run == _POOLS_PER_ARENA - 1:  # one is lost where the arena begins within a pool's place
            return True
    return False


# The filler first: the ends of pools that the others take and leave are zeros then.
_COURSE: Final = (
    (_FILLER_BYTES, _has_whole_arena, _POOLS_PER_ARENA),
    *((size, _has_whole_pool, 1) for size in range(_LARGEST_BYTES, 0, -_CLASS_BYTES)),
)


def _overwrite_kept_blocks() -> None:
    try:
        libc = ctypes.CDLL(None)
        malloc, free = libc.malloc, libc.free
    except (AttributeError, OSError, TypeError):
        return
    malloc.restype = ctypes.c_void_p
    malloc.argtypes = (ctypes.c_size_t,)
    free.argtypes = (ctypes.c_void_p,)
    for size in range(24, _KEPT_BYTES_MAX + 1, _CLASS_BYTES):
        blocks = [malloc(size) for _ in range(_KEPT_BLOCKS)]
        for block in blocks:
            ctypes.memset(block, 0, size)
        for block in blocks:
            free(block)
