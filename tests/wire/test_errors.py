"""The error tree tells misuse from violation, and each violation knows its close code."""

import pytest
from hushpost_wire import errors
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.errors import PeerViolation, WireError, WireMisuse

TREE = [value for value in vars(errors).values() if isinstance(value, type)]
LEAVES = [error for error in TREE if issubclass(error, WireError)]


def test_one_tree_two_branches() -> None:
    """Whatever the package raises is a WireError and of one branch."""
    assert len(LEAVES) > 15
    for error in LEAVES:
        if error is not WireError:
            assert issubclass(error, WireMisuse) != issubclass(error, PeerViolation)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("FrameOversized", CloseCode.TOO_BIG),
        ("VersionUnknown", CloseCode.UNKNOWN_VERSION),
        ("FrameTruncated", CloseCode.PROTOCOL_ERROR),
        ("TagUnknown", CloseCode.PROTOCOL_ERROR),
    ],
)
def test_violations_know_how_to_close(name: str, code: CloseCode) -> None:
    """The code goes with the kind of violation."""
    assert getattr(errors, name).close_code is code


def test_the_docstring_draws_the_whole_tree() -> None:
    """No error is missing from the picture at the top of the file."""
    assert errors.__doc__ is not None
    for error in LEAVES:
        assert error.__name__ in errors.__doc__
