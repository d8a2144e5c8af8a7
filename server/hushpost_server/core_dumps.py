"""No image of the relay's memory is written when it crashes (docs/policy.md).

A core dump holds what memory held: queued envelopes, drops, addresses of who is connected, the
identity key. A relay that crashes leaves none, wherever the system would put it.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

# Zero stops files, but the kernel hands the image to a program named in core_pattern all the same;
# a limit of one byte stops that too (Linux, core(5)), and no image fits into it.
CORE_BYTES_MAX: Final = 1
# <linux/prctl.h>
_PR_SET_DUMPABLE: Final = 4


def forbid_core_dumps() -> bool:
    """Let this process and those it starts leave no core dump; False where nothing could be done.

    The process stays readable to root and, by the system's rules, to debuggers of its own user:
    what hides it from those is a user of its own, as in docs/deploy/hushpost-relay.service.
    """
    if sys.platform == "win32":
        return False
    import resource  # noqa: PLC0415 - there is none on Windows

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (CORE_BYTES_MAX, CORE_BYTES_MAX))
    except (ValueError, OSError):
        # Whoever started the relay allows zero bytes and this user may not raise that: what a
        # program in core_pattern would still get, only this mark keeps from it.
        return _mark_undumpable()
    return True


def _mark_undumpable() -> bool:
    if not sys.platform.startswith("linux"):
        return True  # a limit of zero is in force, and there are no such programs
    status: int = ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    return status == 0
