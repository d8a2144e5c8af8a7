"""What the relay's machine tells the relay, and what it says before it closes (wire.md, 7, 8)."""

from typing import NamedTuple

from hushpost_wire.control import Error, ErrorCode, ExpiredSeen, Request
from hushpost_wire.errors import ControlMalformed, FrameError, PeerViolation, VersionUnknown
from hushpost_wire.frames import RefusalReason, Submit


class Acknowledged(NamedTuple):
    """The recipient committed these: the store sequences given to `deliver`, in tag order."""

    sequences: tuple[int, ...]


class PingDue(NamedTuple):
    """Nothing was heard for a while: send a WebSocket ping; report pongs by `receive_pong`."""


class Unfit(NamedTuple):
    """A submission that is to be refused whatever its drop: answer it by `refuse`."""

    request: int
    reason: RefusalReason


RelayEvent = Submit | Unfit | Acknowledged | PingDue | Request | ExpiredSeen


def complaint(violation: PeerViolation) -> Error:
    """Make the relay's last words about a violation: its class, and nothing that was received."""
    if isinstance(violation, VersionUnknown):
        return Error(code=ErrorCode.UNKNOWN_VERSION)
    malformed = isinstance(violation, FrameError | ControlMalformed)
    return Error(code=ErrorCode.MALFORMED if malformed else ErrorCode.UNEXPECTED)
