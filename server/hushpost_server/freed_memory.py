"""Overwriting memory as it is freed, as far as a Python program can (docs/threat-model.md).

A freed `bytes` stays readable in the heap until something else is put there, which on a relay at
rest may be never: of acknowledged envelopes half were found whole a minute later. The C library of
Linux (glibc) overwrites every block that it is given back, if it is asked to. CPython takes blocks
above 512 bytes from it, so envelopes, reads, writes and SQLite's pages are covered; smaller objects
live in pools of CPython's own, where the next of their size takes their place.

For a process of the relay's own: a program that embeds a relay decides for itself.
"""

from __future__ import annotations

import ctypes
from typing import Final

# glibc, <malloc.h>. What is freed is filled with the byte below, what is given out with its
# complement.
_M_PERTURB: Final = -6
_FILL: Final = 0x5A


def overwrite_freed_memory() -> bool:
    """Have everything that is freed from now on overwritten; False where the system cannot."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or Windows
        return False
    mallopt.argtypes = (ctypes.c_int, ctypes.c_int)
    mallopt.restype = ctypes.c_int
    return bool(mallopt(_M_PERTURB, _FILL))
