"""The errors of the wire package, one tree.

    WireError
    |-- WireMisuse            you called this wrongly; the peer is not to blame
    |   |-- FieldOutOfRange
    |   |-- NotInThisState
    |   `-- WindowFull
    `-- PeerViolation         the peer broke the protocol; `close_code` says how to end it
        |-- FrameError        a binary message
        |   |-- FrameTruncated
        |   |-- FrameUnknown
        |   |-- FrameMalformed
        |   `-- FrameOversized
        |-- ControlMalformed  a text message
        |-- MessageUnexpected right message, wrong state
        |-- TagUnknown        acknowledged what was never delivered, or twice
        |-- RequestRepeated   an id that is still unanswered
        |-- RequestUnknown    an answer to what was never asked
        |-- WindowExceeded
        |-- MalformedRecord   bytes that are no public record, host or field list
        `-- VersionUnknown

Messages name what was wrong and what to do, and never the bytes that were wrong.
"""

from typing import ClassVar

from hushpost_wire.close_codes import CloseCode


class WireError(Exception):
    """Whatever this package raises."""


class WireMisuse(WireError):
    """The caller of this package did what its documentation forbids."""


class FieldOutOfRange(WireMisuse):
    """A field given for encoding does not fit its place in the frame."""


class NotInThisState(WireMisuse):
    """The machine's state does not allow this command; look at the table first."""


class WindowFull(WireMisuse):
    """As many are in flight as the limits allow; wait for an answer first."""


class PeerViolation(WireError):
    """The peer broke the protocol. The connection must be closed with `close_code`."""

    close_code: ClassVar[CloseCode] = CloseCode.PROTOCOL_ERROR


class FrameError(PeerViolation):
    """A binary message is no valid frame."""


class FrameTruncated(FrameError):
    """A frame ends before its fixed header or its first number does."""


class FrameUnknown(FrameError):
    """A frame has a type that this side does not receive."""


class FrameMalformed(FrameError):
    """A frame has non-zero reserved bits, a broken number list or an unknown reason."""


class FrameOversized(FrameError):
    """A frame or control message is larger than the limits allow."""

    close_code = CloseCode.TOO_BIG


class ControlMalformed(PeerViolation):
    """A text message is not one of the control messages this side receives."""


class MessageUnexpected(PeerViolation):
    """A message is well-formed but has no place in the connection's present state."""


class TagUnknown(PeerViolation):
    """A delivery tag is void: never given on this connection, or acknowledged before."""


class RequestRepeated(PeerViolation):
    """A request id is still waiting for its answer and was used again."""


class RequestUnknown(PeerViolation):
    """An answer names a request that is not waiting for one."""


class WindowExceeded(PeerViolation):
    """The peer has more in flight than the announced limit."""


class MalformedRecord(PeerViolation, ValueError):
    """Bytes that are no public record, host or field list in their one canonical encoding."""


class VersionUnknown(PeerViolation):
    """No protocol version is spoken by both sides."""

    close_code = CloseCode.UNKNOWN_VERSION
