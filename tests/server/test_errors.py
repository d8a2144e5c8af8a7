"""Tests of hushpost_server.errors."""

from __future__ import annotations

import inspect

from hushpost_server import errors
from hushpost_server.errors import OperatorError, PeerError, RelayError, RequestRefused
from hushpost_wire.control import ErrorCode


def test_the_tree_has_two_branches() -> None:
    """What the operator mends and what a peer did wrong are never the same class."""
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, RelayError) and kind is not RelayError:
            assert issubclass(kind, OperatorError) != issubclass(kind, PeerError)


def test_a_refusal_carries_a_code_of_the_closed_set_and_nothing_else() -> None:
    """Its text is the code: nothing the peer sent can be in it."""
    refusal = RequestRefused(ErrorCode.SLOW_DOWN, 7)
    assert (refusal.code, refusal.retry_after, str(refusal)) == (
        ErrorCode.SLOW_DOWN,
        7,
        "slow_down",
    )
