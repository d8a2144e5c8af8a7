"""Tests of hushpost_server.connection_sides."""

from __future__ import annotations

from hushpost_server import connection_sides
from hushpost_server.reception import Reception
from hushpost_server.session import Session


def test_the_relays_own_sides_offer_all_that_a_connection_calls() -> None:
    """The type checkers compare signatures; here no method may be missing when it is called."""
    for side, own in ((connection_sides.Session, Session), (connection_sides.Host, Reception)):
        called = {name for name, value in vars(side).items() if callable(value) and name[0] != "_"}
        assert called
        assert called <= set(dir(own))
