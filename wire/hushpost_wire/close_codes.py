"""WebSocket close codes of hushpost (docs/spec/wire.md, section 9).

The first four are the standard's own; 4000 and up are ours. A code says why the connection ended,
and its `advice` what a client does next; neither ever names a person, a drop or a key.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

# A close frame has room for 123 bytes of reason (RFC 6455, section 5.5).
CLOSE_REASON_BYTES_MAX: Final = 123


class CloseCode(IntEnum):
    """Why a connection ended, as it stands in the WebSocket close frame."""

    NORMAL = 1000
    GOING_AWAY = 1001
    TOO_BIG = 1009
    DRAIN = 1012
    PROTOCOL_ERROR = 4000
    UNKNOWN_VERSION = 4001
    LOGIN_FAILED = 4002
    DISPLACED = 4003
    SLOW_READER = 4004
    TIMEOUT = 4005
    RATE_LIMITED = 4006
    AT_CAPACITY = 4007
    ACCOUNT_GONE = 4008


@dataclass(frozen=True, slots=True)
class Close:
    """A close that a machine asks its shell to perform once all messages before it are sent."""

    code: CloseCode
    reason: str = ""


MEANING: Final[dict[CloseCode, str]] = {
    CloseCode.NORMAL: "the side that closed had nothing more to do",
    CloseCode.GOING_AWAY: "the program of the side that closed is ending",
    CloseCode.TOO_BIG: "a message was larger than the limit",
    CloseCode.DRAIN: "the relay is leaving; all it accepted is durable",
    CloseCode.PROTOCOL_ERROR: "a message broke the protocol",
    CloseCode.UNKNOWN_VERSION: "no protocol version that both sides speak",
    CloseCode.LOGIN_FAILED: "the login or the account creation was refused",
    CloseCode.DISPLACED: "the same device logged in on another connection",
    CloseCode.SLOW_READER: "the client read more slowly than the relay may buffer",
    CloseCode.TIMEOUT: "a deadline passed without the message that was due",
    CloseCode.RATE_LIMITED: "too many connections or messages from here",
    CloseCode.AT_CAPACITY: "the relay holds as many connections as it may",
    CloseCode.ACCOUNT_GONE: "the account of this connection was deleted",
}

ADVICE: Final[dict[CloseCode, str]] = {
    CloseCode.NORMAL: "connect again when there is something to do; an inbox at once",
    CloseCode.GOING_AWAY: "connect again with full jitter",
    CloseCode.TOO_BIG: "do not send the same message again; it is a defect of the client",
    CloseCode.DRAIN: "connect again with full jitter over two seconds at least; submit again what"
    " was not answered",
    CloseCode.PROTOCOL_ERROR: "report it; connect again with full jitter, at most 3 times in a row",
    CloseCode.UNKNOWN_VERSION: "do not connect again before the client or the relay is updated",
    CloseCode.LOGIN_FAILED: "read the error before the close; do not try again unasked",
    CloseCode.DISPLACED: "do not connect again unasked: two copies of one vault are at work",
    CloseCode.SLOW_READER: "connect again with full jitter; nothing unacknowledged is lost",
    CloseCode.TIMEOUT: "connect again with full jitter",
    CloseCode.RATE_LIMITED: "wait at least a minute, then connect again with full jitter",
    CloseCode.AT_CAPACITY: "wait at least a minute, then connect again with full jitter",
    CloseCode.ACCOUNT_GONE: "do not connect again with this account",
}
