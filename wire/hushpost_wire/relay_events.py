"""What the relay's machine tells the relay (docs/spec/wire.md, section 8)."""

from typing import NamedTuple

from hushpost_wire.control import ExpiredSeen, Request
from hushpost_wire.frames import Submit


class Acknowledged(NamedTuple):
    """The recipient committed these: the store sequences given to `deliver`, in tag order."""

    sequences: tuple[int, ...]


class PingDue(NamedTuple):
    """Nothing was heard for a while: send a WebSocket ping; report pongs by `receive_pong`."""


RelayEvent = Submit | Acknowledged | PingDue | Request | ExpiredSeen
