"""One open vault a file: an operating-system lock beside it (docs/vault.md, 6).

Two clients on one vault would advance the same ratchet twice and use a key and nonce twice. The
lock is the operating system's, so it ends with the process, however that ends; it holds between
processes and within one. The empty lock file stays behind on purpose: removing it would let a
second opener lock a file that a third can no longer see.
"""

import os
import sys
from pathlib import Path

from hushpost.errors import VaultInUse


class FileLock:
    """Held from construction to `release`; raises `VaultInUse` when somebody else holds it."""

    __slots__ = ("_descriptor",)

    def __init__(self, vault_path: Path) -> None:
        # The lock belongs to the file and not to the name by which it was reached.
        real = os.path.realpath(vault_path)
        self._descriptor: int | None = os.open(
            f"{real}.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600
        )
        try:
            _lock(self._descriptor)
        except OSError:
            self.release()
            raise VaultInUse(
                f"{vault_path} is open in another client: close that one first, or give this one "
                "a vault of its own"
            ) from None

    def release(self) -> None:
        """Let the next opener in. Calling it twice does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # flock, not lockf: a POSIX record lock would not stop a second opener in this process.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
