"""Processes that end with the one that started them, whatever ends that.

A demo that is killed by signal 9 has no way to end its relays and servers. Linux can: `setpriv`, of
the same package as `kill`, asks it to, and becomes the command. Where it is not there, what is left
after a signal 9 has to be ended by hand; every other end is the demo's own work.
"""

import shutil
from functools import cache


@cache
def bound() -> tuple[str, ...]:
    """Return what to write before a command; nothing where the system cannot do it.

    For the main thread: the system looks at the thread that started the process.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL") if setpriv is not None else ()
