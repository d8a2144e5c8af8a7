"""The relay's events are plain values."""

import pytest
from hushpost_wire.control import Error, ErrorCode
from hushpost_wire.errors import (
    ControlMalformed,
    FrameTruncated,
    PeerViolation,
    TagUnknown,
    VersionUnknown,
)
from hushpost_wire.relay_events import Acknowledged, PingDue, complaint


def test_events_compare_by_value() -> None:
    """Two acknowledgements of the same sequences are equal; a ping carries nothing."""
    assert Acknowledged((1, 2)) == Acknowledged((1, 2))
    assert Acknowledged((1, 2)).sequences == (1, 2)
    assert len(PingDue()) == 0


@pytest.mark.parametrize(
    ("violation", "code"),
    [
        (FrameTruncated("x"), ErrorCode.MALFORMED),
        (ControlMalformed("x"), ErrorCode.MALFORMED),
        (TagUnknown("x"), ErrorCode.UNEXPECTED),
        (VersionUnknown("x"), ErrorCode.UNKNOWN_VERSION),
    ],
)
def test_a_complaint_names_the_class_alone(violation: PeerViolation, code: ErrorCode) -> None:
    """The last words are a code of the closed set."""
    assert complaint(violation) == Error(code=code)
