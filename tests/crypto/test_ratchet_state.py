"""The ratchet's state: what is a link secret that the peer has, and that nothing is shown."""

from dataclasses import replace

from tests.crypto.pairwise_duties import Pair, links_agree


def test_links_agree() -> None:
    """The confirmed link of one side is among the last three of the other."""
    links_agree()


def test_confirmed_link_is_that_of_the_last_receiving_step() -> None:
    """While a sending chain stands, the newest link is not yet known to the peer for certain."""
    pair = Pair()
    assert pair.alice.confirmed_link() is None
    pair.receive("bob", pair.send("alice"))
    assert pair.bob.confirmed_link() == pair.bob.root.links[-1]
    pair.send("bob")
    assert pair.bob.confirmed_link() == pair.bob.root.links[-2]
    assert replace(pair.bob, root=replace(pair.bob.root, links=())).confirmed_link() is None


def test_state_shows_nothing() -> None:
    """No part of a ratchet shows a key."""
    pair = Pair()
    pair.turn()
    for part in (pair.keys, pair.alice, pair.alice.root, pair.alice.sending, pair.bob.receiving):
        assert repr(part) == f"<{type(part).__name__}: secret>" or part is None
