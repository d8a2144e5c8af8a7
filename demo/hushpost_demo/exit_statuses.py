"""The exit statuses of the `hushpost` command (docs/cli.md, "Exit statuses")."""

from enum import IntEnum

from hushpost import KeysRejected, MessageNotDelivered
from hushpost.errors import (
    HostUnconfirmed,
    MisuseError,
    PeerError,
    RelayError,
    VaultError,
    VaultLocked,
)

from hushpost_demo.errors import (
    ContactAmbiguous,
    ContactUnknown,
    DemoError,
    HostNotTrusted,
    NotInTime,
    PassphraseFileUnusable,
    PassphraseMissing,
    PassphraseTooShort,
)


class ExitStatus(IntEnum):
    """What a script can tell apart."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    VAULT = 3
    LOCKED = 4
    RELAY = 5
    PEER = 6
    NOT_IN_TIME = 7
    # As sysexits.h and shells have them.
    FAULT = 70
    INTERRUPTED = 130


# The first that fits counts.
_BY_ERROR: tuple[tuple[tuple[type[Exception], ...], ExitStatus], ...] = (
    ((DemoError,), ExitStatus.FAILED),
    (
        (VaultLocked, PassphraseMissing, PassphraseFileUnusable, PassphraseTooShort),
        ExitStatus.LOCKED,
    ),
    ((VaultError,), ExitStatus.VAULT),
    (
        (
            ContactUnknown,
            ContactAmbiguous,
            PeerError,
            HostUnconfirmed,
            HostNotTrusted,
            KeysRejected,
            MessageNotDelivered,
        ),
        ExitStatus.PEER,
    ),
    ((RelayError,), ExitStatus.RELAY),
    ((NotInTime, TimeoutError), ExitStatus.NOT_IN_TIME),
    ((MisuseError,), ExitStatus.USAGE),
)


def exit_status(error: Exception) -> ExitStatus:
    """Give the status that tells a script what kind of error it was."""
    for kinds, status in _BY_ERROR:
        if isinstance(error, kinds):
            return status
    return ExitStatus.FAILED
