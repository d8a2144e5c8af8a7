"""Real-time priority, for a machine that has other things to do as well.

A process at real-time priority is not kept from its core by any ordinary one; children and threads
inherit it. The kernel leaves the others a twentieth of each second (sched_rt_runtime_us), so what
never rests would be stopped for 50 ms a second: who polls must pause by itself.
"""

import os
import time
from typing import Final

from benchmarks.errors import MachineUnfit

PRIORITY: Final = 1
# Six hundredths of the 500 us between two messages at 2,000 a second, right after one was sent,
# when nothing can be there to be read: no answer takes so little.
PAUSE_SECONDS: Final = 30e-6


def enter() -> None:
    """Give this process real-time priority. Raises `MachineUnfit` where that is refused."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except (PermissionError, AttributeError):
        raise MachineUnfit(
            "real-time priority is refused here: run as root on Linux, or leave --real-time out"
        ) from None


def entered() -> bool:
    """Whether this process has it."""
    return hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) == os.SCHED_RR


def pause() -> None:
    """Leave the core to others for a moment; exact, for the kernel rounds no real-time sleep."""
    time.sleep(PAUSE_SECONDS)
