"""Tests of hushpost_server.memory_inventory; tests/proof/test_memory_walk.py holds it complete."""

from __future__ import annotations

from hushpost_server.memory_inventory import HELD


def test_each_thing_has_a_bound_and_an_end() -> None:
    """Nothing is held without limit, and no attribute is named twice."""
    for held in HELD:
        assert held.purpose
        assert held.bound
        assert held.retention
    places = [place for held in HELD for place in held.places]
    assert len(places) == len(set(places))


def test_what_tells_of_an_account_says_what() -> None:
    """Presence is the one thing that leads from an account to an address, by its connection."""
    telling = {held.name for held in HELD if held.tells}
    assert {"presence", "open connections"} <= telling
    assert not telling & {"figures", "allowances of address prefixes"}
